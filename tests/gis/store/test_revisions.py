"""Revisions: numbers, times, and rows that nothing overwrites."""

import multiprocessing
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta, timezone

import numpy as np
import pytest
import shapely
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.exc import IntegrityError

from gis.errors import Refusal
from gis.store.engine import Store, open_store, reading
from gis.store.revisions import (
    Publication,
    allocate_uids,
    current_head,
    list_revisions,
    publish,
    read_settings,
    revision_at,
)
from gis.store.tables import revision
from grids.tables import department, unit
from tests.gis.store.ledger import (
    assert_index_is_whole,
    change,
    codes_at,
    department_row,
    put,
    put_departments,
    rows_at,
    square,
    unit_row,
    wipe,
)

DAY = timedelta(days=1)
FIRST = datetime(2020, 1, 1, tzinfo=UTC)


def at(store: Store, when: int | datetime) -> int:
    with reading(store.world) as connection:
        return revision_at(connection, when)


def refused(store: Store, *changes: object, **rest: object) -> Refusal:
    with pytest.raises(Refusal) as caught:
        put(store, *changes, **rest)  # type: ignore[arg-type]
    return caught.value


def test_numbers_grow_by_one(store: Store) -> None:
    assert current_head(store) == 0
    assert [put_departments(store, [f"D{n}"], n).number for n in range(1, 5)] == [1, 2, 3, 4]
    assert current_head(store) == 4


def test_a_revision_tells_who_what_why_and_how_much(store: Store) -> None:
    basis = {"document": "深府〔2024〕1号", "date": "2024-05-01"}
    first = put(
        store,
        change(department, [department_row(n, f"D{n}") for n in range(3)]),
        note="第一批",
        basis=basis,
        settings={"profile": "gbt"},
    )
    second = put(
        store,
        change(department, [department_row(0, "D0", "renamed"), department_row(9, "D9")], [0, 1]),
        settings={"profile": "free", "zone": "Asia/Shanghai"},
    )
    with reading(store.world) as connection:
        assert list_revisions(connection) == [first, second]
        assert list_revisions(connection, since=1) == [second]
        assert list_revisions(connection, limit=1) == [first]
        assert read_settings(connection) == {"profile": "free", "zone": "Asia/Shanghai"}
    assert (first.author, first.note, first.basis) == ("tester", "第一批", basis)
    assert first.recorded_at == first.effective_at
    assert first.recorded_at.utcoffset() == timedelta(0)
    assert first.counts == {"department": {"created": 3, "changed": 0, "retired": 0}}
    assert second.counts == {"department": {"created": 1, "changed": 1, "retired": 1}}


STEPS = st.lists(
    st.tuples(
        st.lists(st.tuples(st.integers(0, 7), st.sampled_from(["put", "end"]), st.integers(0, 4)), max_size=5),
        st.integers(0, 2),
    ),
    min_size=1,
    max_size=7,
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS)
def test_at_every_revision_and_time_the_rows_in_force_are_those_published_until_then(
    store: Store, steps: list[tuple[list[tuple[int, str, int]], int]]
) -> None:
    wipe(store, unit)
    model: dict[int, tuple[str, float]] = {}
    history: list[tuple[datetime, dict[int, tuple[str, float]]]] = []
    when = FIRST
    for deeds, days in steps:
        when += days * DAY
        after = dict(model)
        for uid, deed, place in deeds:
            if deed == "put":
                after[uid] = (f"U{uid}", square(place, uid).bounds[0])
            else:
                after.pop(uid, None)
        touched = {uid for uid, _, _ in deeds}
        created = [
            unit_row(uid, after[uid][0], shapely.box(after[uid][1], 0, after[uid][1] + 1, 1))
            for uid in sorted(touched & after.keys())
        ]
        put(store, change(unit, created, sorted(touched & model.keys())), effective_at=when)
        model = after
        history.append((when, model))
    assert_index_is_whole(store)
    for number, (_, state) in enumerate(history, 1):
        rows = rows_at(store, unit, number)
        assert {row["uid"]: (row["code"], row["geom"].bounds[0]) for row in rows} == state
    assert {row["uid"] for row in rows_at(store, unit)} == model.keys()
    for day in range(-1, 16):
        moment = FIRST + day * DAY
        expected = [number for number, (since, _) in enumerate(history, 1) if since <= moment]
        if expected:
            assert at(store, moment) == max(expected)
        else:
            with pytest.raises(Refusal, match="before history"):
                at(store, moment)


def test_a_time_means_the_greatest_revision_in_force_then(store: Store) -> None:
    put(store, effective_at=FIRST)
    put(store, effective_at=FIRST)
    put(store, effective_at=FIRST + DAY)
    assert at(store, FIRST) == 2
    assert at(store, FIRST + DAY - timedelta(microseconds=1)) == 2
    assert at(store, FIRST + DAY) == 3
    assert at(store, datetime.now(UTC)) == 3
    assert at(store, FIRST.astimezone(timezone(timedelta(hours=8)))) == 2


def test_a_time_before_the_first_revision_is_before_history(store: Store) -> None:
    with pytest.raises(Refusal, match="nothing was published yet"):
        at(store, FIRST)
    put(store, effective_at=FIRST)
    for moment in (FIRST - timedelta(microseconds=1), datetime(999, 1, 1, tzinfo=UTC), datetime(1, 1, 2, tzinfo=UTC)):
        with pytest.raises(Refusal) as caught:
            at(store, moment)
        assert (caught.value.code, caught.value.kind) == ("before_history", "missing")


@pytest.mark.parametrize("number", [-1, 0, 2, 2**31, 2**63, 10**30])
def test_a_number_that_was_never_given_is_unknown(store: Store, number: int) -> None:
    put(store)
    assert at(store, 1) == 1
    with pytest.raises(Refusal) as caught:
        at(store, number)
    assert (caught.value.code, caught.value.kind) == ("revision_unknown", "missing")


def test_a_revision_never_holds_since_before_the_previous_one(store: Store) -> None:
    put(store, effective_at=FIRST + DAY)
    caught = refused(store, change(department, [department_row(1, "A")]), effective_at=FIRST)
    assert (caught.code, caught.kind) == ("effective_before_previous", "conflict")
    assert current_head(store) == 0 + 1
    assert rows_at(store, department) == []
    assert put(store, effective_at=FIRST + DAY).number == 2


def test_a_publication_checked_against_an_older_head_is_refused_and_leaves_nothing(store: Store) -> None:
    put(store, change(unit, [unit_row(1, "U1", square(0, 0))]))
    put_departments(store, ["A"], 1)
    late = change(unit, [unit_row(1, "U1", square(5, 5)), unit_row(2, "U2", square(1, 0))], [1])
    caught = refused(store, late, base=1, settings={"profile": "free"})
    assert (caught.code, caught.kind) == ("store_changed", "conflict")
    assert current_head(store) == 2
    assert [(row["code"], row["geom"]) for row in rows_at(store, unit)] == [("U1", square(0, 0))]
    assert_index_is_whole(store)
    with reading(store.world) as connection:
        assert read_settings(connection) == {}
    assert refused(store, late, base=7).code == "store_changed"
    assert put(store, late).number == 3


@pytest.mark.parametrize("twice_in_one", [True, False])
def test_a_code_in_force_twice_is_refused_and_nothing_is_changed(store: Store, twice_in_one: bool) -> None:
    put(store, change(unit, [unit_row(1, "U1", square(0, 0)), unit_row(5, "U5", square(3, 3))]))
    again = [unit_row(2, "U2", square(0, 1)), unit_row(3, "U2" if twice_in_one else "U1", square(0, 2))]
    caught = refused(store, change(unit, again, [5]))
    assert (caught.code, caught.kind) == ("code_in_force", "conflict")
    assert current_head(store) == 1
    assert codes_at(store, unit) == ["U1", "U5"]
    assert_index_is_whole(store)


def test_a_code_may_pass_to_another_thing_within_one_revision(store: Store) -> None:
    put(store, change(unit, [unit_row(1, "U1", square(0, 0)), unit_row(2, "U2", square(1, 0))]))
    put(store, change(unit, [unit_row(1, "U2", square(0, 0)), unit_row(2, "U1", square(1, 0))], [1, 2]))
    assert [(row["code"], row["uid"]) for row in rows_at(store, unit)] == [("U1", 2), ("U2", 1)]
    assert [(row["code"], row["uid"]) for row in rows_at(store, unit, 1)] == [("U1", 1), ("U2", 2)]


def test_two_owners_may_use_the_same_code(store: Store) -> None:
    put(store, change(department, [department_row(1, "A", owner="44"), department_row(2, "A", owner="4403")]))
    assert len(rows_at(store, department)) == 2


def test_a_value_that_must_be_there_is_not_called_a_duplicate(store: Store) -> None:
    with pytest.raises(IntegrityError):
        put(store, change(department, [{**department_row(1, "A"), "name": None}]))
    assert current_head(store) == 0


def test_one_table_may_be_changed_in_several_parts(store: Store) -> None:
    parts = [change(unit, [unit_row(n, f"U{n}", square(n, 0))]) for n in range(3)]
    made = put(store, *parts)
    assert made.counts == {"unit": {"created": 3, "changed": 0, "retired": 0}}
    assert_index_is_whole(store)
    put(store, change(unit, [], [0]), change(unit, [unit_row(1, "U1", square(9, 9))], [1]))
    assert codes_at(store, unit) == ["U1", "U2"]
    assert_index_is_whole(store)


def test_several_tables_change_together_or_not_at_all(store: Store) -> None:
    put_departments(store, ["A"], 1)
    refused(store, change(unit, [unit_row(1, "U1", square(0, 0))]), change(department, [department_row(2, "A")]))
    assert rows_at(store, unit) == []
    made = put(store, change(unit, [unit_row(1, "U1", square(0, 0))]), change(department, [department_row(2, "B")]))
    assert made.counts.keys() == {"unit", "department"}


def test_rows_without_a_shape_and_with_the_same_shape_are_kept(store: Store) -> None:
    shapes = [None, square(0, 0), shapely.Point(114, 22), shapely.Point(114, 22), None]
    put(store, change(unit, [unit_row(n, f"U{n}", shape) for n, shape in enumerate(shapes)]))
    assert [row["geom"] for row in rows_at(store, unit)] == shapes
    assert rows_at(store, unit)[0]["west"] is None
    assert_index_is_whole(store)


def test_what_was_stored_comes_back_exactly(store: Store) -> None:
    shape = shapely.MultiPolygon([square(0, 0), square(5, 5)])
    extra = {"部门": "水务局", "n": 2**53 - 1, "x": 0.1, "list": [1, [2, None]], "t": True}
    put(store, change(unit, [{**unit_row(1, "U'\"; --网", shape), "attributes": extra, "area_m2": 0.1 + 0.2}]))
    row = rows_at(store, unit)[0]
    assert shapely.get_srid(row["geom"]) == 0
    assert np.array_equal(shapely.get_coordinates(row["geom"]), shapely.get_coordinates(shape))
    assert (row["code"], row["attributes"], row["area_m2"]) == ("U'\"; --网", extra, 0.1 + 0.2)
    assert (row["from_revision"], row["to_revision"]) == (1, None)


def test_a_time_keeps_its_microseconds(store: Store) -> None:
    moment = datetime(2024, 2, 29, 23, 59, 59, 999_999, tzinfo=timezone(timedelta(hours=8)))
    assert put(store, effective_at=moment).effective_at == moment
    with reading(store.world) as connection:
        kept = list_revisions(connection)[0].effective_at
    assert kept == moment
    assert kept.utcoffset() == timedelta(0)


def test_the_time_of_holding_the_lock_is_told(store: Store) -> None:
    _made, held = publish(store, Publication((change(department, [department_row(1, "A")]),), "tester"))
    assert 0 < held < 5


def test_a_publication_leaves_no_staging_tables_behind(store: Store) -> None:
    for n in range(3):
        put(store, change(unit, [unit_row(n, f"U{n}", square(n, 0))]))
    with reading(store.world) as connection:
        tables = connection.dialect.get_table_names(connection)
        temporary = connection.dialect.get_temp_table_names(connection)
    assert not [name for name in (*tables, *temporary) if name.startswith(("begun_", "ended_"))]
    assert revision.name in tables


def test_uids_are_never_given_twice_to_threads(store: Store) -> None:
    gate = threading.Barrier(4)

    def take(_: int) -> list[range]:
        gate.wait()
        return [allocate_uids(store, wanted) for wanted in (1, 7, 3, 1, 5)]

    with ThreadPoolExecutor(4) as pool:
        given_out = [uid for blocks in pool.map(take, range(4)) for block in blocks for uid in block]
    assert len(given_out) == len(set(given_out)) == 4 * 17
    assert min(given_out) > 0  # 0 stands for "not yet given" in a change


def take_uids(url: str) -> list[int]:
    store = open_store(url)
    try:
        return [uid for _ in range(20) for uid in allocate_uids(store, 3)]
    finally:
        store.close()


def test_uids_are_never_given_twice_to_processes(store: Store, made_url: str) -> None:
    with multiprocessing.get_context("forkserver").Pool(2) as pool:
        first, second = pool.map(take_uids, [made_url] * 2, chunksize=1)
        pool.close()
        pool.join()
    assert len({*first, *second}) == 120


def test_no_uid_is_given_for_none_wanted(store: Store) -> None:
    assert len(allocate_uids(store, 0)) == 0
