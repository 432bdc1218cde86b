"""Invented cities for edits: units, named gaps, islands, units in two parts, divisions and areas that follow."""

from functools import lru_cache

import numpy as np
import shapely

from gis.coverage import dissolve
from grids.edits.ground import Held
from grids.edits.value import DIVISIONS, GAPS, UNITS, Feature
from grids.profiles import GBT
from tests.coverages import lattice

STREET = "440305001"
WEST, EAST = f"{STREET}001", f"{STREET}002"
BLANK = {"name": None, "initial_date": None, "end_date": None, "note": None, "attributes": None}


@lru_cache(maxsize=64)
def city(seed: int = 0, columns: int = 6, rows: int = 5, plain: bool = False) -> Held:
    """A jittered lattice in two communities, side by side.

    Unless it is `plain`, one cell is a named gap, one unit holds an island, one has a second part, and one more has a
    hole that is a named gap. Divisions are the outlines of communities and street; an area follows the first rows.
    """
    shapes, _ = lattice(columns, rows, seed)
    cells = {(n % columns, n // columns): shape for n, shape in enumerate(shapes)}
    gaps = []
    if not plain:
        gaps.append(Feature(GAPS, 901, "lake", cells.pop((2, 2)), {"name": "lake", "note": None}))
        cells[1, 1], island = holed(cells[1, 1])
        cells[1, 1, "island"] = island
        cells[4, 1], pond = holed(cells[4, 1])
        gaps.append(Feature(GAPS, 902, "pond", pond, {"name": "pond", "note": None}))
        cells[0, 0] = shapely.MultiPolygon([cells[0, 0], cells.pop((0, 2))])
    units, counts = [], {WEST: 0, EAST: 0}
    for cell in sorted(cells, key=lambda key: (key[1], key[0], len(key))):
        community = WEST if cell[0] < columns // 2 else EAST
        counts[community] += 1
        code = f"{community}{counts[community]:03d}"
        units.append(Feature(UNITS, len(units) + 1, code, cells[cell], {**BLANK, "name": f"unit {code[-3:]}"}))
    polygons = np.array([unit.polygon for unit in units], dtype=object)
    followers = list(gaps)
    for length in (9, 12):
        keys, outlines = dissolve(polygons, np.array([unit.code[:length] for unit in units]))
        followers += [
            Feature(DIVISIONS, 910 + len(followers) + index, str(key), outline, {"name": str(key), "department": None})
            for index, (key, outline) in enumerate(zip(keys, outlines, strict=True))
        ]
    upper = [shape for cell, shape in cells.items() if cell[1] < 2]
    followers.append(Feature("areas.cleaning", 990, "upper", shapely.coverage_union_all(upper), {"name": None}))
    return Held.of(GBT, units, followers, [f"{WEST}500"])


def holed(cell: shapely.Polygon) -> tuple[shapely.Polygon, shapely.Polygon]:
    """A cell with a hole in its middle, and what fills the hole."""
    middle = np.array(cell.centroid.coords[0])
    hole = shapely.transform(
        shapely.box(-0.2e-3, -0.2e-3, 0.2e-3, 0.2e-3), lambda xy: np.round(middle + xy * [[1, 0.9]], 9)
    )
    return shapely.Polygon(cell.exterior, [hole.exterior]), hole


def everything(ground):
    """All units of a ground."""
    return list(ground.units((-180, -90, 180, 90)))


def around_all(ground):
    """All followers of a ground."""
    return list(ground.followers((-180, -90, 180, 90)))
