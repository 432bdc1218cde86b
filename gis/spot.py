"""One point at a time, for whoever cannot wait for arrays: which polygons hold it, and how far the edge is.

To hand a kernel an array costs as much as to answer from it. So the indexes stand in one table of addresses, which is
all that the kernel is given.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from llvmlite import ir  # type: ignore[import-untyped]
from numba import carray, njit, types  # type: ignore[attr-defined]
from numba.extending import intrinsic
from numpy.typing import NDArray

from gis.cells.lookup import holders_many, lowest_one
from gis.crs import DECIMALS
from gis.locate import PolygonIndex
from gis.metres import measures_at, path_distance

PER_DEGREE = 10.0**DECIMALS
MOST_HELD = 256
"""So many holders of all indexes together are told; of more only that they are more."""
ARRAYS = 9  # of an index: frame, tiles, lines, starts, coords, ranks; coords, coord_starts, path_starts of the rings
TYPES = (np.float64, np.int32, np.int32, np.int64, np.float64, np.int32, np.float64, np.int64, np.int64)


def _as_pointer(typing_context: Any, address: Any) -> Any:
    """The number as a pointer."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.inttoptr(arguments[0], ir.IntType(8).as_pointer())

    return types.voidptr(types.int64), generate


_pointer: Any = intrinsic(_as_pointer)


class SpotTable:
    """The first of `indexes` and the others, ready for `find_spot`. Keeps what it points to alive."""

    def __init__(self, indexes: Sequence[PolygonIndex]) -> None:
        self.kept = [array for each in indexes for array in _arrays(each)]
        rows = [(each.ctypes.data, len(each)) for each in self.kept]
        self.table = np.array(rows, dtype=np.int64).reshape(len(indexes), ARRAYS, 2)
        self.held = np.zeros(MOST_HELD, dtype=np.int64)

    def find(self, x: float, y: float) -> tuple[float, float, int, float]:
        """lon, lat, polygon and metres of `find_spot`."""
        found: tuple[float, float, int, float] = find_spot(x, y, self.table)
        return found

    def others(self, lon: float, lat: float, wanted: int) -> list[int]:
        """The polygons of those other indexes whose bits are set that hold a point: (index << 32) | polygon each.

        Bit 0 is the first other index; from bit 62 on all indexes are asked with it. Errors: OverflowError for more
        holders than MOST_HELD.
        """
        count = find_others(lon, lat, wanted, self.table, self.held)
        if count > MOST_HELD:
            raise OverflowError(f"{count} polygons hold one point")
        found: list[int] = self.held[:count].tolist()
        return found


def _arrays(index: PolygonIndex) -> list[NDArray[Any]]:
    rings = index.rings
    arrays = [*index.arrays, rings.coords, rings.coord_starts, rings.path_starts]
    if [each.dtype.type for each in arrays] != list(TYPES) or not all(each.flags.c_contiguous for each in arrays):
        raise TypeError("the arrays of an index are not what the kernel takes them for")
    return arrays


@njit(cache=True, nogil=True, forceinline=True)
def _cells(table: Any, k: int) -> Any:
    return (
        carray(_pointer(table[k, 0, 0]), (table[k, 0, 1],), np.float64),
        carray(_pointer(table[k, 1, 0]), (table[k, 1, 1],), np.int32),
        carray(_pointer(table[k, 2, 0]), (table[k, 2, 1],), np.int32),
        carray(_pointer(table[k, 3, 0]), (table[k, 3, 1],), np.int64),
        carray(_pointer(table[k, 4, 0]), (table[k, 4, 1], 2), np.float64),
        carray(_pointer(table[k, 5, 0]), (table[k, 5, 1],), np.int32),
    )


@njit(cache=True, nogil=True, error_model="numpy")
def find_spot(x: float, y: float, table: Any) -> tuple[float, float, int, float]:
    """lon, lat rounded as the store keeps them, the lowest polygon of the first index that holds it or -1, and metres.

    x, y in degrees of EPSG:4490, finite. The distance is that to the edges of the polygon itself, the nearest of all
    where polygons do not overlap; inf where none holds the point.
    """
    lon, lat = np.rint(x * PER_DEGREE) / PER_DEGREE, np.rint(y * PER_DEGREE) / PER_DEGREE
    polygon = lowest_one(lon, lat, _cells(table, 0))
    if polygon < 0:
        return lon, lat, polygon, np.inf
    coords = carray(_pointer(table[0, 6, 0]), (table[0, 6, 1], 2), np.float64)
    coord_starts = carray(_pointer(table[0, 7, 0]), (table[0, 7, 1],), np.int64)
    path_starts = carray(_pointer(table[0, 8, 0]), (table[0, 8, 1],), np.int64)
    per_lon, per_lat, bend = measures_at(lat)
    metres = path_distance(lon, lat, per_lon, per_lat, bend, polygon, coords, coord_starts, path_starts)
    return lon, lat, polygon, metres


@njit(cache=True, nogil=True, error_model="numpy")
def find_others(lon: float, lat: float, wanted: int, table: Any, found: Any) -> int:
    """Write the holders of a point in the other indexes to `found` (MOST_HELD,), by index, then code: how many."""
    point = np.empty((1, 2))
    point[0, 0], point[0, 1] = lon, lat
    total = 0
    for k in range(len(table) - 1):
        if wanted >> min(k, 62) & 1:
            held = holders_many(point, _cells(table, k + 1))[1]
            for each in range(len(held)):
                if total < len(found):
                    found[total] = (np.int64(k) << 32) | held[each]
                total += 1
    return total
