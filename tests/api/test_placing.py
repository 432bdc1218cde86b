"""Places in columns are the places of single points: overlaps, gaps, outside, named gaps, bad rows, several moments."""

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
import shapely

from api.bulk.placing import FEW, Placer
from api.bulk.tallies import Tally
from api.lookups.answers import locate_columns
from api.worlds import Worlds
from gis.formats.pieces import Piece, numbered
from gis.locate import PolygonIndex
from gis.orders import grouped
from gis.store.engine import Store
from grids.lookup import AreaLayer, DivisionName, Grid
from grids.profiles import read_profile

STEP = 0.01


def objects(values: list) -> np.ndarray:
    column = np.empty(len(values), dtype=object)
    column[:] = values
    return column


def layer(rng: np.random.Generator, name: str, overlap: dict[str, str]) -> AreaLayer:
    """Boxes that overlap as they like, of several owners, priorities and equal codes."""
    count = 40
    west, south = rng.uniform(0, 9 * STEP, (2, count)).round(3)
    wide, high = rng.uniform(0.5 * STEP, 4 * STEP, (2, count)).round(3)
    shapes = objects(list(shapely.box(west, south, west + wide, south + high)))
    owners = objects(rng.choice(["", "44", "4403", "440305", "440306"], count).tolist())
    codes = objects([f"{name}-{at % 31:02}" for at in range(count)])
    priorities = rng.integers(0, 3, count).astype(np.int64)
    return AreaLayer(name, PolygonIndex.build(shapes, codes), codes, codes, owners, codes, priorities, overlap)


@pytest.fixture(scope="module")
def grid() -> Grid:
    """Ten times ten units in two counties with holes among them, one of which has a name."""
    rng = np.random.default_rng(5)
    places = [(x, y) for x in range(10) for y in range(10) if (x, y) not in ((4, 4), (7, 2))]
    units = objects([shapely.box(x * STEP, y * STEP, (x + 1) * STEP, (y + 1) * STEP) for x, y in places])
    codes = objects([f"44030{5 + (x > 6)}{1 + y % 3:03}{1 + x % 2:03}{at:03}" for at, (x, y) in enumerate(places)])
    divisions = {
        code: DivisionName(level, code, level, None)
        for level, length in (("province", 2), ("county", 6), ("street", 9))
        for code in {each[:length] for each in codes if not each.startswith("440305002")}
    }
    hole = objects([shapely.box(4 * STEP, 4 * STEP, 5 * STEP, 5 * STEP)])
    layers = {
        "mixed": layer(rng, "mixed", {"": "none", "44": "allowed", "4403": "none", "440305": "none"}),
        "none": layer(rng, "none", dict.fromkeys(("", "44", "4403", "440305", "440306"), "none")),
    }
    return Grid(1, read_profile("gbt"), PolygonIndex.build(units, codes), divisions,
                PolygonIndex.build(hole, objects(["lake"])), objects(["lake"]), layers, {})  # fmt: skip


def points(count: int) -> np.ndarray:
    rng = np.random.default_rng(6)
    found = np.concatenate([
        rng.uniform(-2 * STEP, 12 * STEP, (count, 2)).round(11),
        rng.integers(-1, 12, (count, 2)) * STEP,  # corners and edges
        rng.uniform(-60, 60, (10, 2)),
    ])  # fmt: skip
    return rng.permutation(found)


@pytest.mark.parametrize("count", [300, FEW])
def test_columns_hold_what_single_points_get(grid: Grid, count: int) -> None:
    lonlat = points(count)
    expected = locate_columns(grid, lonlat)
    placer = Placer(grid)
    for _ in range(2):  # anew, and with what was met before
        found = placer.answer(lonlat)
        assert list(found) == list(expected)
        for name, values in expected.items():
            assert found[name].to_pylist() == values.tolist(), name
    flags = set(found["flags"].to_pylist())
    assert {"", "outside"} < flags, flags


def test_a_point_that_is_none_gets_nothing(grid: Grid) -> None:
    lonlat = points(200)
    expected = Placer(grid).answer(lonlat)
    lonlat[::5, 1] = np.nan
    found = Placer(grid).answer(lonlat)
    for name, column in found.items():
        assert column[::5].null_count == len(column[::5]), name
        rest = [at for at in range(len(lonlat)) if at % 5]
        assert column.take(pa.array(rest)).to_pylist() == expected[name].take(pa.array(rest)).to_pylist(), name


def test_a_grid_without_units_or_areas_answers_too(grid: Grid) -> None:
    none = PolygonIndex.build(objects([]), objects([]))
    empty = replace(grid, units=none, areas={})
    lonlat = points(30)
    expected = locate_columns(empty, lonlat)
    found = Placer(empty).answer(lonlat)
    assert {name: column.to_pylist() for name, column in found.items()} == {
        name: values.tolist() for name, values in expected.items()
    }


def test_things_with_equal_numbers_stand_side_by_side() -> None:
    numbers = np.random.default_rng(1).integers(-1, 50, 1000)
    np.testing.assert_array_equal(grouped(numbers, 50), np.argsort(numbers, kind="stable"))
    assert grouped(numbers[:0], 50).tolist() == []


def test_rows_of_several_moments_stay_in_their_place(store: Store) -> None:
    from api.bulk.as_of import AsOf
    from api.bulk.locator import Locator
    from tests.api.small_world import centre
    from tests.api.test_bulk_files import moment_of

    class Source:
        names = ("lon", "lat", "asked")
        axes = shape = count = None

    asked = ["6", None, "2000-01-01", "2", "3", "", "2100-01-01", "1999-12-31T00:00:00Z"] * 3
    lon, lat = zip(*[centre(at % 5) for at in range(len(asked))], strict=True)
    columns = pa.RecordBatch.from_pydict({"lon": lon, "lat": (*lat[:-1], None), "asked": asked})
    worlds = Worlds(store)
    locator = Locator(AsOf.of(worlds, "asked", moment_of, Source.names), Source(), "CRS84")
    found, tally = locator.answer(Piece(columns, numbered(1, len(asked))))
    assert isinstance(tally, Tally)
    lonlat = np.column_stack([lon, lat])
    for at, when in enumerate(asked):
        row = {name: column[at].as_py() for name, column in found.items()}
        if at == len(asked) - 1:
            assert set(row.values()) == {None}
        elif when in ("2000-01-01", "1999-12-31T00:00:00Z"):
            assert {name: value for name, value in row.items() if value is not None} == {"flags": "before_history"}
        else:
            number = int(when) if when in ("6", "2", "3") else worlds.newest().revision
            expected = {
                name: values[0] for name, values in locate_columns(worlds.at(number).grid, lonlat[[at]]).items()
            }
            assert row == {name: expected.get(name) for name in row}
