"""The places of statistics: units by the tie rule, divisions by codes, the first area that counts."""

from typing import Any

import numpy as np
import shapely
from hypothesis import given
from hypothesis import strategies as st

from cases.statistics.columns import Coded
from cases.statistics.placing import areas_of, divisions_of, units_of
from gis.locate import PolygonIndex
from grids.lookup import AreaLayer, Grid
from grids.profiles import GBT

CODES = ("440305001001001", "440305001001002", "441900003001001")
SIDE = 0.01
LON = st.integers(-2, 8).map(lambda step: round(114 + step * SIDE / 2, 9))


def told(column: Coded) -> list[Any]:
    return [None if each < 0 else column.keys[each] for each in column.number]


def squares(count: int, width: int = 1) -> Any:
    return shapely.box(114 + SIDE * np.arange(count), 22.5, 114 + SIDE * (np.arange(count) + width), 22.51)


UNITS = PolygonIndex.build(squares(3), np.array(CODES, dtype=object))
NOTHING = PolygonIndex.build(np.empty(0, dtype=object), np.empty(0, dtype=object))
GRID = Grid(1, GBT, UNITS, {}, NOTHING, np.empty(0, dtype=object), {}, {})
OWNERS = ("", "4403", "4403", "4419")
LAYER = AreaLayer(
    "drainage",
    PolygonIndex.build(squares(4, 2), np.array(["A", "B", "C", "D"], dtype=object)),
    np.array(["A", "B", "C", "D"], dtype=object),
    np.array(["", "", "", ""], dtype=object),
    np.array(OWNERS, dtype=object),
    np.array([None] * 4, dtype=object),
    np.array([9, 0, 5, 0], dtype=np.int64),
    {"": "allowed", "4403": "allowed", "4419": "none"},
)


@given(st.lists(st.one_of(LON, st.just(float("nan"))), max_size=12))
def test_places_are_those_of_a_single_lookup(lons: list[float]) -> None:
    lonlat = np.array([(lon, 22.505) for lon in lons], dtype=np.float64).reshape(-1, 2)
    units = units_of(GRID, lonlat)
    areas = told(areas_of(LAYER, lonlat, units))
    for at, lon in enumerate(lons):
        if lon != lon:
            assert (told(units)[at], areas[at]) == (None, None)
            continue
        located = GRID.locate(lonlat[at : at + 1])
        code = GRID.unit_code(int(located.units[0]))
        assert told(units)[at] == (None if code is None else (code,))
        held = LAYER.index.holders(lonlat[at : at + 1])[1]
        ordered = LAYER.ordered(held, code)
        assert areas[at] == ((OWNERS[ordered[0]], LAYER.codes[ordered[0]]) if len(ordered) else None)


def test_a_level_that_a_placeholder_fills_is_none() -> None:
    units = Coded(np.array([0, 1, 2, -1]), [(code,) for code in CODES])
    assert told(divisions_of(GBT, units, "county")) == [("440305",), ("440305",), None, None]
    assert told(divisions_of(GBT, units, "street")) == [("440305001",), ("440305001",), ("441900003",), None]
    assert divisions_of(GBT, units, "unit") is units
