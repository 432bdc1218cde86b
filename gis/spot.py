"""One point at a time, for whoever cannot wait for arrays: the unit that holds it and how far its edge is."""

from typing import Any

import numpy as np
from numba import njit

from gis.cells.lookup import lowest_one
from gis.crs import DECIMALS
from gis.locate import PolygonIndex
from gis.metres import measures_at, path_distance

PER_DEGREE = 10.0**DECIMALS
Kernel = tuple[Any, Any]


def kernel_arrays(index: PolygonIndex) -> Kernel:
    """The arrays of an index as `find_spot` takes them."""
    return index.arrays, (index.rings.coords, index.rings.coord_starts, index.rings.path_starts)


@njit(cache=True, nogil=True, error_model="numpy")
def find_spot(x: float, y: float, arrays: Any, rings: Any) -> tuple[float, float, int, float]:
    """lon, lat rounded as the store keeps them, the lowest polygon that holds that point, -1 for none, and metres to its edge.

    x, y in degrees of EPSG:4490, finite; `arrays`, `rings` those of `kernel_arrays`. The distance is that to the edges
    of the polygon itself, the nearest of all where polygons do not overlap; inf where none holds the point.
    """
    lon, lat = np.rint(x * PER_DEGREE) / PER_DEGREE, np.rint(y * PER_DEGREE) / PER_DEGREE
    polygon = lowest_one(lon, lat, arrays)
    if polygon < 0:
        return lon, lat, polygon, np.inf
    per_lon, per_lat, bend = measures_at(lat)
    return lon, lat, polygon, path_distance(lon, lat, per_lon, per_lat, bend, polygon, rings[0], rings[1], rings[2])
