"""A delivery against the rows in force."""

from typing import Any

import numpy as np
import shapely
from hypothesis import given
from hypothesis import strategies as st

from gis.delivery import Counts, Delivery, compare, rows_in_force, with_uids
from gis.errors import Fault
from gis.store.engine import Store, reading
from gis.store.revisions import Publication, publish
from grids.tables import department, unit
from tests.gis.store.ledger import change, codes_at, department_row, put, rows_at, square, unit_row

KEY = ("code",)


def current(*rows: dict[str, Any]) -> dict[tuple[str, ...], dict[str, Any]]:
    return {(row["code"],): {"row_id": 1, "from_revision": 1, "to_revision": None, **row} for row in rows}


def test_rows_are_told_apart_as_same_changed_new_and_gone() -> None:
    there = current(*(department_row(n, f"D{n}") for n in range(1, 5)))
    incoming = {
        ("D1",): department_row(0, "D1"),
        ("D2",): department_row(0, "D2", "renamed"),
        ("D9",): department_row(0, "D9"),
    }
    made, counts = compare(department, there, incoming, gone=[("D3",)])
    assert counts == Counts(new=1, changed=1, same=1, gone=1)
    assert sorted(made.retired.tolist()) == [2, 3]
    assert made.retired.dtype == np.int64
    assert {row["code"]: row["uid"] for row in made.created} == {"D2": 2, "D9": 0}


def test_what_was_not_delivered_stays() -> None:
    made, counts = compare(department, current(department_row(1, "A")), {})
    assert counts == Counts()
    assert len(made.retired) == len(made.created) == 0


def test_a_column_that_is_not_delivered_is_empty() -> None:
    made, _ = compare(department, {}, {("A",): {"owner": "44", "code": "A", "name": "x"}})
    assert made.created == [{"uid": 0, "owner": "44", "code": "A", "name": "x", "parent": None, "ids": None}]


def test_a_shape_is_the_same_wherever_its_ring_begins() -> None:
    there = square(0, 0)
    turned = shapely.Polygon(np.roll(shapely.get_coordinates(there)[:-1], 2, axis=0)[::-1])
    moved = shapely.transform(there, lambda xy: xy + 1e-9)
    for shape, expected in ((turned, Counts(same=1)), (moved, Counts(changed=1)), (None, Counts(changed=1))):
        rows = current(unit_row(1, "U1", there))
        assert compare(unit, rows, {("U1",): unit_row(0, "U1", shape)})[1] == expected
    assert compare(unit, current(unit_row(1, "U1")), {("U1",): unit_row(0, "U1", there)})[1] == Counts(changed=1)


NAMES = st.dictionaries(st.sampled_from("ABCDEF"), st.sampled_from(["x", "y"]))


@given(before=NAMES, after=NAMES, replace=st.booleans())
def test_the_change_makes_the_delivery_hold(before: dict[str, str], after: dict[str, str], replace: bool) -> None:
    there = current(*(department_row(ord(code), code, name) for code, name in before.items()))
    incoming = {(code,): department_row(0, code, name) for code, name in after.items()}
    gone = [(code,) for code in before.keys() - after.keys()] if replace else []
    made, counts = compare(department, there, incoming, gone)
    left = {code: name for code, name in before.items() if ord(code) not in made.retired}
    begun = {row["code"]: row["name"] for row in made.created}
    assert not left.keys() & begun.keys()
    assert left | begun == (after if replace else before | after)
    assert counts.new + counts.changed + counts.same == len(after)
    assert counts.new == len(after.keys() - before.keys())
    assert counts.gone == len(gone)


def test_only_new_rows_get_uids_and_each_its_own(store: Store) -> None:
    parts = [
        change(department, [department_row(0, "A"), department_row(77, "B"), department_row(0, "C")], [77]),
        change(unit, [unit_row(0, "U1")]),
    ]
    first, second = with_uids(store, parts)
    uids = [row["uid"] for part in (first, second) for row in part.created]
    assert uids[1] == 77
    assert 0 not in uids
    assert len(set(uids)) == 4
    assert first.retired.tolist() == [77]
    assert [row["uid"] for row in parts[0].created] == [0, 77, 0]


def test_a_delivery_that_is_delivered_again_changes_nothing(store: Store) -> None:
    rows = {
        (f"U{n}",): {**unit_row(0, f"U{n}", square(n, 0)), "attributes": {"n": n, "x": 0.1}, "area_m2": 1 / 3}
        for n in range(4)
    }
    for expected in (Counts(new=4), Counts(same=4)):
        with reading(store.world) as connection:
            base = len(rows_at(store, unit)) and 1
            made, counts = compare(unit, rows_in_force(connection, unit, base, KEY), rows)
        assert counts == expected
        if expected.new:
            publish(store, Publication(with_uids(store, [made]), "tester", base=base))
    assert codes_at(store, unit) == ["U0", "U1", "U2", "U3"]


def test_a_delivery_is_compared_with_the_revision_it_was_checked_on(store: Store) -> None:
    put(store, change(department, [department_row(1, "A", "x")]))
    put(store, change(department, [department_row(1, "A", "y"), department_row(2, "B", owner="45")], [1]))
    with reading(store.world) as connection:
        assert rows_in_force(connection, department, 0, KEY) == {}
        assert rows_in_force(connection, department, 1, KEY)["A",]["name"] == "x"
        assert rows_in_force(connection, department, 2, KEY)["A",]["name"] == "y"
        assert rows_in_force(connection, department, 2, ("owner", "code"), {"owner": "45"}).keys() == {("45", "B")}


def test_only_an_error_makes_a_delivery_unacceptable() -> None:
    warning, error = Fault("a", "a", "a", "warning"), Fault("b", "b", "b")
    nothing = change(department)
    assert Delivery(0, Counts(), (nothing,), (warning,)).is_acceptable
    assert not Delivery(0, Counts(), (nothing,), (warning, error)).is_acceptable
    assert Delivery(0, Counts(), (nothing,), ()).is_empty
    assert not Delivery(0, Counts(), (nothing, change(department, [], [1])), ()).is_empty
