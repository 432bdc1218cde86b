"""Undo: the inverse of a revision, as values."""

from typing import Any

import pytest
import shapely
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import or_, select

from gis.errors import Refusal
from gis.store.engine import Store, reading
from gis.store.lineage import Descent
from gis.store.scope import EVERYTHING
from grids.lineage import find_holder, successors
from grids.tables import department, division, unit
from grids.undo import Undo, undo
from tests.gis.store.ledger import change, department_row, put, rows_at, square, unit_row, wipe

A, B, C, D = (f"44030500100100{n}" for n in range(1, 5))


def inverse(store: Store, number: int) -> Undo:
    with reading(store.world) as connection:
        return undo(connection, number)


def take_back(store: Store, number: int) -> None:
    made = inverse(store, number)
    put(store, *made.changes, lineage=made.lineage)


def refused(store: Store, number: int) -> Refusal:
    with pytest.raises(Refusal) as caught:
        inverse(store, number)
    return caught.value


def stand(store: Store, at: int | None = None) -> list[tuple[Any, ...]]:
    """Everything in force, geometries to the byte, but for the numbers of rows and revisions."""
    left_out = {"row_id", "from_revision", "to_revision"}
    found = []
    for table in (unit, division, department):
        for row in rows_at(store, table, at):
            values = {name: value for name, value in row.items() if name not in left_out}
            values["geom"] = shapely.to_wkb(row["geom"]) if row.get("geom") is not None else None
            found.append((table.name, sorted(values.items(), key=lambda item: item[0])))
    return found


def divided(store: Store) -> None:
    """1: A, D beside it, and their divisions. 2: A is split into B and C; the neighbour gets the new node."""
    made = [
        {"uid": 10 + n, "owner": code, "code": code, "level": level, "name": code, "department": None,
         "attributes": None, "geom": square(0, 0, 0.002).union(square(1, 0, 0.002))}
        for n, (code, level) in enumerate((("440305001", "street"), ("440305001001", "community")))
    ]  # fmt: skip
    west, south = shapely.bounds(square(0, 0))[:2]
    whole, beside = (
        shapely.box(west, south, west + 0.002, south + 0.002),
        shapely.box(west + 0.002, south, west + 0.004, south + 0.002),
    )
    outer = [division_row | {"geom": whole.union(beside)} for division_row in made]
    put(
        store,
        change(unit, [unit_row(1, A, whole), unit_row(4, D, beside)]),
        change(division, outer),
        settings={"profile": "street=9,community=12,unit=15"},
    )
    lower = shapely.box(west, south, west + 0.002, south + 0.001)
    upper = shapely.box(west, south + 0.001, west + 0.002, south + 0.002)
    noded = shapely.Polygon(
        [(west + 0.002, south), (west + 0.004, south), (west + 0.004, south + 0.002), (west + 0.002, south + 0.002),
         (west + 0.002, south + 0.001)]
    )  # fmt: skip
    put(
        store,
        change(unit, [unit_row(2, B, lower), unit_row(3, C, upper), unit_row(4, D, noded)], [1, 4]),
        lineage=(Descent(1, 2, "split"), Descent(1, 3, "split")),
    )


def test_an_undone_split_gives_the_uid_its_code_and_its_shape_back_to_the_byte(store: Store) -> None:
    divided(store)
    take_back(store, 2)
    of_units = [row for row in stand(store) if row[0] == "unit"]
    assert of_units == [row for row in stand(store, 1) if row[0] == "unit"]
    assert rows_at(store, unit, where={"code": A})[0]["uid"] == 1
    with reading(store.world) as connection:
        lost = find_holder(connection, unit, B, EVERYTHING, 3)
        assert lost is not None
        assert successors(connection, unit, lost, EVERYTHING, 3) == [A]
        assert successors(connection, unit, lost, EVERYTHING, 2) == [B]


def test_an_undo_can_be_undone(store: Store) -> None:
    divided(store)
    take_back(store, 2)
    take_back(store, 3)
    assert [row for row in stand(store) if row[0] == "unit"] == [row for row in stand(store, 2) if row[0] == "unit"]


def test_what_later_revisions_touched_is_named(store: Store) -> None:
    divided(store)
    put(store, change(unit, [unit_row(2, B, rows_at(store, unit, where={"code": B})[0]["geom"], name="x")], [2]))
    refusal = refused(store, 2)
    assert (refusal.kind, [fault.code for fault in refusal.faults]) == ("conflict", ["undo_touched"])
    assert refusal.faults[0].thing == B
    assert "revision 3" in refusal.faults[0].en


def test_an_undo_that_would_break_the_coverage_is_refused(store: Store) -> None:
    """2: A goes, D stays. 3: somebody else gets the ground of A."""
    divided(store)
    take_back(store, 2)
    put(store, change(unit, [], [1]))
    whole = rows_at(store, unit, 3, where={"code": A})[0]["geom"]
    put(store, change(unit, [unit_row(7, "440305001001007", whole)]))
    assert refused(store, 4).code == "overlap"


def test_a_code_that_another_has_by_now_cannot_come_back(store: Store) -> None:
    put(store, change(department, [department_row(1, "D1"), department_row(2, "D2")]))
    put(store, change(department, [], [1]))
    put(store, change(department, [department_row(9, "D1")]))
    refusal = refused(store, 2)
    assert (refusal.code, refusal.faults[0].thing) == ("undo_code_taken", "D1")


def test_what_others_name_is_not_taken_away(store: Store) -> None:
    put(store, change(department, [department_row(1, "D1")]))
    put(store, change(department, [department_row(2, "D2") | {"parent": "D1"}]))
    refusal = refused(store, 1)
    assert (refusal.code, refusal.faults[0].thing) == ("undo_in_use", "D2")
    take_back(store, 2)
    take_back(store, 1)
    assert rows_at(store, department) == []


def test_a_revision_that_is_not_there_is_refused(store: Store) -> None:
    assert refused(store, 1).code == "revision_unknown"


DEEDS = st.lists(
    st.lists(st.tuples(st.integers(1, 5), st.sampled_from(["put", "end"]), st.text("xyz", max_size=1)), max_size=4),
    min_size=1,
    max_size=6,
)


def named(store: Store, at: int) -> dict[int, tuple[str, str]]:
    return {row["uid"]: (row["code"], row["name"]) for row in rows_at(store, department, at)} if at else {}


@given(DEEDS)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_an_undo_gives_back_what_was_before_or_names_what_stands_in_the_way(store: Store, deeds: list[Any]) -> None:
    """The oracle: things that the revision touched get their state of before it, all others keep theirs of now."""
    wipe(store, department)
    for wanted in deeds:
        alive = {row["uid"] for row in rows_at(store, department)}
        last = {uid: (deed, name) for uid, deed, name in wanted}
        rows = [department_row(uid, f"D{uid}", name) for uid, (deed, name) in last.items() if deed == "put"]
        put(store, change(department, rows, alive & last.keys()))
    head = len(deeds)
    touched = [
        {uid for uid in range(1, 6) if uid in {row["uid"] for row in _begun_or_ended(store, number)}}
        for number in range(1, head + 1)
    ]
    for number in range(head, 0, -1):
        later = set().union(*touched[number:])
        if touched[number - 1] & later:
            assert {fault.thing for fault in refused(store, number).faults} == {
                f"D{uid}" for uid in touched[number - 1] & later
            }
    before, now = named(store, head - 1), named(store, head)
    expected = {uid: row for uid, row in now.items() if uid not in touched[-1]}
    expected |= {uid: row for uid, row in before.items() if uid in touched[-1]}
    take_back(store, head)
    assert named(store, head + 1) == expected == before


def _begun_or_ended(store: Store, number: int) -> list[dict[str, Any]]:
    with reading(store.world) as connection:
        either = or_(department.c.from_revision == number, department.c.to_revision == number)
        return [dict(row) for row in connection.execute(select(department).where(either)).mappings()]
