"""The crosswalk of codes: a street split in two, and what leaves the grid."""

from typing import Any

import numpy as np
import pytest
import shapely
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gis.errors import Refusal
from gis.geometry import geodesic_area
from gis.store.engine import Store, reading
from gis.store.revisions import current_head
from gis.store.scope import EVERYTHING
from grids.crosswalk import Crosswalk, Points, crosswalk
from grids.tables import division, unit
from tests.gis.store.ledger import change, put, rows_at, square, unit_row, wipe

PROFILE = {"profile": "gbt"}


def cell(uid: int, code: str, column: int, line: int = 0, width: int = 1) -> dict[str, Any]:
    shape = shapely.union_all([square(column + step, line) for step in range(width)])
    return unit_row(uid, code, shape) | {"area_m2": round(float(geodesic_area(np.array([shape]))[0]), 2)}


def walked(store: Store, a: int, b: int, level: str = "unit", points: Points | None = None) -> Crosswalk:
    with reading(store.world) as connection:
        return crosswalk(connection, a, b, level, EVERYTHING, points)


def shares(walk: Crosswalk) -> dict[tuple[str, str | None], float]:
    return {(old, new): share for old, new, share, _ in walk.rows()}


def street_split(store: Store) -> None:
    """Street 440305001 has units in a row; its eastern four of ten become street 440305002, recoded, same ground."""
    units = [cell(n, f"440305001001{n:03}", n) for n in range(1, 11)]
    put(store, change(unit, [*units, cell(99, "440306001001001", 20)]), settings=PROFILE)
    east = [cell(100 + n, f"440305002001{n:03}", n) for n in range(7, 11)]
    put(store, change(unit, east, range(7, 11)))


def test_a_street_split_in_two_goes_over_by_area_and_its_units_whole(store: Store) -> None:
    street_split(store)
    of_units = shares(walked(store, 1, 2))
    assert set(of_units.values()) == {1.0}
    assert ("440305001001007", "440305002001007") in of_units
    of_streets = shares(walked(store, 1, 2, "street"))
    areas = {row["code"]: row["area_m2"] for row in rows_at(store, unit, 1)}
    whole = sum(area for code, area in areas.items() if code.startswith("440305001"))
    gone = sum(area for code, area in areas.items() if code.startswith("440305001") and int(code[-3:]) >= 7)
    assert of_streets == {
        ("440305001", "440305001"): pytest.approx(1 - gone / whole, abs=1e-12),
        ("440305001", "440305002"): pytest.approx(gone / whole, abs=1e-12),
        ("440306001", "440306001"): 1.0,
    }
    assert shares(walked(store, 1, 2, "city")) == {("4403", "4403"): 1.0}


def test_components_are_counted_in_codes_that_did_not_stay_whole(store: Store) -> None:
    street_split(store)
    places = [shapely.centroid(square(column, 0)) for column in (1, 1, 8)]
    asked = []

    def points(box: tuple[float, float, float, float]) -> Any:
        asked.append(box)
        return shapely.get_coordinates(places)

    rows = {(old, new): share for old, new, _, share in walked(store, 1, 2, "street", points).rows()}
    assert rows[("440305001", "440305001")] == pytest.approx(2 / 3)
    assert rows[("440305001", "440305002")] == pytest.approx(1 / 3)
    assert rows[("440306001", "440306001")] == 1.0
    assert len(asked) == 1
    assert asked[0][2] < shapely.bounds(square(20, 0))[0], "only the box of what moved is asked for"
    none = walked(store, 1, 2, "street", lambda box: np.empty((0, 2)))
    assert [share for _, new, _, share in none.rows() if new != "440306001"] == [None, None]


def test_ground_is_overlaid_only_where_the_shape_changed_and_what_left_the_grid_is_told(store: Store) -> None:
    a, b, c, d = (f"44030500100100{n}" for n in range(1, 5))
    put(store, change(unit, [cell(1, a, 0, width=3), cell(2, b, 3), cell(3, c, 4)]), settings=PROFILE)
    put(store, change(unit, [cell(4, d, 0, width=2), cell(2, b, 2, width=2)], [1, 2, 3]))
    found = shares(walked(store, 1, 2))
    assert found[a, d] == pytest.approx(2 / 3, abs=1e-6)
    assert found[a, b] == pytest.approx(1 / 3, abs=1e-6)
    assert found[a, d] + found[a, b] == pytest.approx(1, abs=1e-15)
    assert found[b, b] == 1.0
    assert found[c, None] == 1.0
    assert len(found) == 4


def test_a_unit_with_new_nodes_on_its_edge_stays_whole(store: Store) -> None:
    code = "440305001001001"
    shape = square(0, 0)
    put(store, change(unit, [cell(1, code, 0)]), settings=PROFILE)
    put(store, change(unit, [unit_row(1, code, shapely.segmentize(shape, 0.0004))], [1]))
    assert shares(walked(store, 1, 2)) == {(code, code): 1.0}


def test_the_crosswalk_may_be_asked_backward(store: Store) -> None:
    street_split(store)
    assert shares(walked(store, 2, 1, "street"))[("440305002", "440305001")] == 1.0


def test_divisions_without_units_are_taken_by_their_own_shapes(store: Store) -> None:
    def street(uid: int, code: str, column: int, width: int) -> dict[str, Any]:
        row = {"uid": uid, "owner": code, "code": code, "level": "street", "name": code}
        shape = shapely.union_all([square(column + step, 0) for step in range(width)])
        return row | {"department": None, "attributes": None, "geom": shape}

    put(store, change(division, [street(1, "440305001", 0, 4)]), settings=PROFILE)
    put(store, change(division, [street(1, "440305001", 0, 3), street(2, "440305002", 3, 1)], [1]))
    found = shares(walked(store, 1, 2, "street"))
    assert found == {
        ("440305001", "440305001"): pytest.approx(0.75, abs=1e-6),
        ("440305001", "440305002"): pytest.approx(0.25, abs=1e-6),
    }


def test_an_unknown_level_is_refused(store: Store) -> None:
    street_split(store)
    with pytest.raises(Refusal) as refused:
        walked(store, 1, 2, "planet")
    assert refused.value.code == "level_unknown"


GRIDS = st.lists(st.integers(0, 3), min_size=4, max_size=8)


@given(GRIDS, GRIDS)
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_shares_of_a_code_sum_to_one_minus_what_left(store: Store, before: list[int], after: list[int]) -> None:
    """Columns of ground given to units at random; counting columns is the oracle (all are as large)."""
    wipe(store, unit)
    number = 0
    for grid, alive in ((before, []), (after, sorted(set(before)))):
        rows = []
        for label in sorted(set(grid)):
            shape = shapely.union_all([square(n, 0) for n, each in enumerate(grid) if each == label])
            area = round(float(geodesic_area(np.array([shape]))[0]), 2)
            rows.append(unit_row(label + 1, f"44030500100100{label}", shape) | {"area_m2": area})
        put(store, change(unit, rows, [label + 1 for label in alive]), settings=PROFILE)
        number = current_head(store)
    found = shares(walked(store, number - 1, number))
    for label in set(before):
        mine = [n for n, each in enumerate(before) if each == label]
        code = f"44030500100100{label}"
        told = {new: share for (old, new), share in found.items() if old == code}
        assert sum(told.values()) == pytest.approx(1, abs=1e-9)
        for other in {after[n] if n < len(after) else None for n in mine}:
            count = sum((after[n] if n < len(after) else None) == other for n in mine)
            new = None if other is None else f"44030500100100{other}"
            assert told.pop(new) == pytest.approx(count / len(mine), abs=1e-5)
        assert told == {}
