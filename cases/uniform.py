"""Units all over which the same areas hold: there a lookup need not ask the areas again for every point."""

import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from cases.frontiers import edges
from gis.metres import Floats
from grids.lookup import Grid

DECIMALS = 9


def uniform_units(grid: Grid) -> NDArray[np.bool_]:
    """For each unit (n,) whether no edge of an area runs through its inside, so that every inner point is in the same.

    Said of units of one part alone, for the inside of such is connected. An edge of an area that is an edge of a unit
    too runs through no inside, since units do not overlap; any other edge makes every unit that it touches doubtful.
    """
    polygons = grid.units.polygons
    found = np.asarray(shapely.get_num_geometries(polygons) == 1)
    starts, ends, _ = edges(polygons)
    known = pd.Index(_names(starts, ends))
    for layer in grid.areas.values():
        from_, to, _ = edges(layer.index.polygons)
        other = np.flatnonzero(known.get_indexer(pd.Index(_names(from_, to)).unique()) < 0)
        if len(other) == 0:
            continue
        lonely = ~pd.Index(_names(from_, to)).isin(known)
        lines = shapely.linestrings(np.stack([from_[lonely], to[lonely]], axis=1))
        _, touched = grid.units.tree.get().query(lines, predicate="intersects")
        found[touched] = False
    return found
