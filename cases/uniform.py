"""Units all over which the same areas hold: there a lookup need not ask a layer again for every point."""

import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from cases.frontiers import edges
from gis.crs import DECIMALS
from gis.metres import Floats
from grids.lookup import Grid

PER_DEGREE = 10.0**DECIMALS


def uniform_units(grid: Grid) -> NDArray[np.bool_]:
    """For each unit and layer of areas (n, layers) whether all inner points of the unit are in the same areas of it.

    So it is where no edge of an area runs through the inside of a unit of one part, for that is connected. An edge of
    an area that is an edge of a unit too runs through no inside, since units do not overlap; any other one makes every
    unit that it touches doubtful.
    """
    polygons = grid.units.polygons
    layers = [edges(layer.index.polygons)[:2] for layer in grid.areas.values()]
    found = np.repeat(shapely.get_num_geometries(polygons)[:, None] == 1, len(layers), axis=1)
    parts = [edges(polygons)[:2], *layers]
    begins = np.cumsum([0, *(len(starts) for starts, _ in parts)])
    starts, ends = (np.concatenate(each) for each in zip(*parts, strict=True))
    names = _edge_names(starts, ends)
    strange = begins[1] + np.flatnonzero(~np.isin(names[begins[1] :], names[: begins[1]]))
    if len(strange):
        lines = shapely.linestrings(np.stack([starts[strange], ends[strange]], axis=1))
        line, unit = grid.units.tree.get().query(lines, predicate="intersects")
        found[unit, np.searchsorted(begins, strange[line], side="right") - 2] = False
    return np.asarray(found)


def _edge_names(starts: Floats, ends: Floats) -> NDArray[np.int64]:
    """A number for each edge (k,), the same for the same two ends in whatever order."""
    both = np.rint(np.concatenate([starts, ends]) * PER_DEGREE).astype(np.int64)
    x, y = (pd.factorize(both[:, axis])[0].astype(np.int64) for axis in (0, 1))
    vertex = pd.factorize((x << 32) | y)[0].astype(np.int64)
    first, second = vertex[: len(starts)], vertex[len(starts) :]
    named: NDArray[np.int64] = (np.minimum(first, second) << 32) | np.maximum(first, second)
    return named
