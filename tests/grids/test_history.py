"""The feed of changes, the differences of revisions, the versions of one thing."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice

import pytest
import shapely
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gis.errors import Refusal
from gis.store.engine import Store, reading
from gis.store.revisions import current_head
from gis.store.scope import EVERYTHING, Scope
from grids.history import Entry, Place, changes, differences, read_place, steps
from grids.layers import DEPARTMENTS, UNITS
from grids.tables import department, unit
from tests.gis.store.ledger import change, department_row, put, rows_at, square, unit_row, wipe

LAYERS = [DEPARTMENTS, UNITS]
CODES = st.tuples(st.integers(1, 5), st.sampled_from(["put", "end"]), st.sampled_from(["440305", "440306"]))
STEPS = st.lists(st.tuples(st.lists(CODES, max_size=6), st.lists(CODES, max_size=4)), min_size=1, max_size=5)


def feed(store: Store, since: Place, until: int, scope: Scope = EVERYTHING, chunk: int = 2) -> Iterator[Entry]:
    with reading(store.world) as connection:
        yield from changes(connection, LAYERS, scope, since, until, chunk)


def play(store: Store, deeds: list[tuple[list[tuple[int, str, str]], list[tuple[int, str, str]]]]) -> None:
    """Publish random lives of units (uids 1 to 5) and departments (uids 11 to 15) under owners of two counties."""
    wipe(store, unit, department)
    for of_units, of_departments in deeds:
        made = []
        for table, wanted in ((unit, of_units), (department, of_departments)):
            alive = {row["uid"] for row in rows_at(store, table)}
            last = {number: (deed, owner) for number, deed, owner in wanted}
            rows, ended = [], []
            for number, (deed, owner) in last.items():
                uid = number if table is unit else number + 10
                if deed == "put" and table is unit:
                    code = f"{owner}001001{number:03}"
                    rows.append(unit_row(uid, code, square(number, 0), name=f"r{current_head(store)}"))
                elif deed == "put":
                    rows.append(department_row(uid, f"D{number}", f"r{current_head(store)}", owner=owner))
                if uid in alive:
                    ended.append(uid)
            made.append(change(table, rows, ended))
        put(store, *made)


def state(store: Store, at: int, scope: Scope) -> dict[int, tuple[str, str]]:
    found = {}
    for table in (unit, department):
        for row in rows_at(store, table, at):
            if scope.allows_owner(row["owner"]):
                found[row["uid"]] = (row["code"], row["name"])
    return found


@given(STEPS, st.sampled_from([EVERYTHING, Scope(("440305",))]), st.integers(1, 3))
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_who_applies_the_feed_has_what_the_store_has(store: Store, deeds: list, scope: Scope, chunk: int) -> None:
    play(store, deeds)
    head = current_head(store)
    whole = list(feed(store, Place(0), head, scope, chunk))
    places = [str(each.place) for each in whole]
    assert len(set(places)) == len(places)
    held: dict[int, tuple[str, str]] = {}
    for number in range(1, head + 1):
        for each in whole:
            if each.place.revision == number and each.change == "retired":
                assert held.pop(each.row["uid"])[0] == each.row["code"]
            elif each.place.revision == number:
                assert (each.row["uid"] in held) == (each.change == "changed")
                held[each.row["uid"]] = (each.row["code"], each.row["name"])
        assert held == state(store, number, scope)
    for index, each in enumerate(whole):
        after = list(feed(store, read_place(str(each.place)), head, scope, chunk))
        assert [str(one.place) for one in after] == places[index + 1 :]


@given(STEPS, st.sampled_from([EVERYTHING, Scope(("440305",))]))
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_difference_leads_from_one_state_to_the_other_either_way(store: Store, deeds: list, scope: Scope) -> None:
    play(store, deeds)
    head = current_head(store)
    for a, b in ((1, head), (head, 1), (max(1, head - 1), head)):
        before, after = state(store, a, scope), state(store, b, scope)
        with reading(store.world) as connection:
            found = list(differences(connection, LAYERS, scope, a, b))
            uids = [(each.after or each.before or {})["uid"] for each in found]
            assert len(set(uids)) == len(uids)
            for uid, each in zip(uids, found, strict=True):
                if each.after is None:
                    assert each.change == "retired"
                    del before[uid]
                else:
                    assert (uid in before) == (each.change == "changed")
                    assert each.fields or each.change == "created"
                    before[uid] = (each.after["code"], each.after["name"])
            assert before == after
            for index, each in enumerate(found):
                rest = list(differences(connection, LAYERS, scope, a, b, each.place))
                assert [str(one.place) for one in rest] == [str(one.place) for one in found[index + 1 :]]


def test_a_revision_of_any_size_is_read_in_chunks_and_what_comes_later_changes_nothing(store: Store) -> None:
    put(store, change(department, [department_row(n, f"D{n:03}") for n in range(25)]))
    first = list(feed(store, Place(0), 1, chunk=10))
    assert len(first) == 25
    put(store, change(department, [], range(10)))
    again = list(feed(store, Place(0), 1, chunk=7))
    assert [(each.row["uid"], each.change, str(each.place)) for each in first] == [
        (each.row["uid"], each.change, str(each.place)) for each in again
    ]
    resumed = list(feed(store, first[11].place, 2, chunk=4))
    assert [each.row["uid"] for each in resumed] == [each.row["uid"] for each in first[12:]] + list(range(10))
    assert [each.change for each in resumed] == ["created"] * 13 + ["retired"] * 10


def test_who_follows_while_others_publish_misses_nothing_and_sees_nothing_twice(store: Store) -> None:
    put(store, change(department, [department_row(n, f"D{n}") for n in range(5)]))

    def publish_many() -> None:
        for number in range(20):
            ended = [number % 5]
            put(store, change(department, [department_row(number % 5, f"D{number % 5}", f"n{number}")], ended))

    with ThreadPoolExecutor(1) as pool:
        writer = pool.submit(publish_many)
        followed: list[Entry] = []
        place = Place(0)
        while not writer.done() or place.revision < current_head(store) or place.section:
            found = list(islice(feed(store, place, current_head(store), chunk=3), 3))
            followed += found
            place = found[-1].place if found else place
            if not found:
                place = Place(place.revision) if place.section else place
        writer.result()
    whole = list(feed(store, Place(0), current_head(store)))
    assert [str(each.place) for each in followed] == [str(each.place) for each in whole]
    assert len(whole) == 25


@pytest.mark.parametrize("text", ["", "x", "-1", "1.", "1..2", "1.units-begun.", "1.units.3", "9" * 20, "1.2.3", "１"])
def test_a_place_that_was_never_given_is_refused(text: str) -> None:
    with pytest.raises(Refusal) as refused:
        read_place(text)
    assert refused.value.code == "since_wrong"


def test_a_place_of_another_question_is_refused_and_not_passed_over(store: Store) -> None:
    put(store, change(department, [department_row(1, "D1")]))
    with pytest.raises(Refusal) as refused:
        list(feed(store, read_place("1.rules-begun.1"), 1))
    assert refused.value.code == "since_wrong"


def test_the_steps_of_a_thing_tell_which_fields_changed(store: Store) -> None:
    put(store, change(unit, [unit_row(1, "440305001001001", square(0, 0))]))
    put(store, change(unit, [unit_row(1, "440305001001001", square(0, 0), name="x")], [1]))
    put(store, change(unit, [unit_row(1, "440305001001002", square(1, 0), name="x")], [1]))
    put(store, change(unit, [], [1]))
    put(store, change(unit, [unit_row(1, "440305001001002", square(1, 0), name="x")]))
    with reading(store.world) as connection:
        found = steps(connection, UNITS, 1, EVERYTHING, 5)
        earlier = steps(connection, UNITS, 1, EVERYTHING, 3)
    told = [(each.revision, each.change, each.fields) for each in found]
    assert told == [
        (1, "created", ()),
        (2, "changed", ("name",)),
        (3, "changed", ("code", "geometry")),
        (4, "retired", ()),
        (5, "created", ()),
    ]
    assert [(each.revision, each.change) for each in earlier] == [(1, "created"), (2, "changed"), (3, "changed")]
    assert shapely.equals(found[2].row["geom"], square(1, 0))
