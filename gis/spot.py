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

from gis.cells.layout import EDGES, EDGES_AT, MEMBER_MASK, MEMBERS_AT, VERTEX_BITS, VERTEX_MASK, Whole
from gis.cells.lookup import holders_one, lowest_one
from gis.cells.near import seen, shape_distance, tile_range
from gis.cells.predicates import is_east, orient
from gis.cells.slots import box_of, coords_at, is_multiple, path_end, paths_of, shape_at
from gis.crs import DECIMALS
from gis.heap.lines import WORDS
from gis.locate import PolygonIndex
from gis.metres import measures_at

PER_DEGREE = 10.0**DECIMALS
MOST_HELD = 256
"""So many holders of all indexes together are told; of more only that they are more."""
TYPES = (np.float64, np.int32, np.int32, np.int32)  # of an index: frame, tiles, pages, lines
ARRAYS = len(TYPES)
TOP = 62  # the other indexes from this one on share a bit
UNKNOWN = -1  # instead of such bits


def _as_pointer(typing_context: Any, address: Any) -> Any:
    """The number as a pointer."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.inttoptr(arguments[0], ir.IntType(8).as_pointer())

    return types.voidptr(types.int64), generate


_pointer: Any = intrinsic(_as_pointer)


class SpotTable:
    """The first of `indexes` and the others, ready for one point after the other. Keeps what it points to alive.

    Used by one thread: what is found of the others is written to memory of the table.
    """

    def __init__(self, indexes: Sequence[PolygonIndex]) -> None:
        self.held = np.zeros(MOST_HELD, dtype=np.int64)
        self._open = np.full(len(indexes[0]), UNKNOWN, dtype=np.int64)
        self.kept = [array for each in indexes for array in _arrays(each)]
        rows = [(each.ctypes.data, len(each)) for each in (*self.kept, self._open, self.held)]
        rows += [(0, 0)] * (-len(rows) % ARRAYS)
        self.table = np.array(rows, dtype=np.int64).reshape(len(indexes) + 1, ARRAYS, 2)
        self.table.flags.writeable = False

    def find(self, x: float, y: float) -> tuple[float, float, int, float, int]:
        """lon, lat, polygon, metres and how many of the others' polygons count, as `find_spot` tells."""
        found: tuple[float, float, int, float, int] = find_spot(x, y, self.table)
        return found

    def found(self, count: int) -> list[int]:
        """What the last `find` or `others` counted: (index << 32) | polygon each. Errors: OverflowError."""
        if count > MOST_HELD:
            raise OverflowError(f"{count} polygons hold one point")
        found: list[int] = self.held[:count].tolist()
        return found

    def others(self, lon: float, lat: float, wanted: int) -> list[int]:
        """The polygons of those other indexes whose bits are set that hold a point, as in `found`.

        Bit 0 is the first other index; from bit TOP on all indexes are asked with it. Errors: those of `found`.
        """
        return self.found(find_others(lon, lat, wanted, self.table))

    def open_layers(self, polygon: int) -> int:
        """As bits the other indexes of which an edge may run through the inside of a polygon of the first one.

        All over the inside of the polygon the same polygons of every other index hold: it is connected, and to get into
        another one an edge must be crossed. Bits as in `others`.
        """
        return int(find_open(polygon, self.table))


def _arrays(index: PolygonIndex) -> list[NDArray[Any]]:
    arrays: list[NDArray[Any]] = list(index.cells.kernel)
    if [each.dtype.type for each in arrays] != list(TYPES) or not all(each.flags.c_contiguous for each in arrays):
        raise TypeError("the arrays of an index are not what the kernel takes them for")
    return arrays


@njit(cache=True, nogil=True, forceinline=True)
def _cells(table: Any, k: int) -> Any:
    return (
        carray(_pointer(table[k, 0, 0]), (table[k, 0, 1],), np.float64),
        carray(_pointer(table[k, 1, 0]), (table[k, 1, 1],), np.int32),
        carray(_pointer(table[k, 2, 0]), (table[k, 2, 1],), np.int32),
        carray(_pointer(table[k, 3, 0]), (table[k, 3, 1],), np.int32),
    )


@njit(cache=True, nogil=True)
def _parts(ax: float, ay: float, bx: float, by: float, px: float, py: float, qx: float, qy: float) -> Any:
    """Whether the edges ab and pq meet elsewhere than in an end that both have."""
    if max(ax, bx) < min(px, qx) or min(ax, bx) > max(px, qx) or max(ay, by) < min(py, qy) or min(ay, by) > max(py, qy):
        return False
    p, q = orient(ax, ay, bx, by, px, py), orient(ax, ay, bx, by, qx, qy)
    a, b = orient(px, py, qx, qy, ax, ay), orient(px, py, qx, qy, bx, by)
    if p * q > 0 or a * b > 0:
        return False
    if p == 0 and q == 0:
        return True  # on one line
    common = (ax == px and ay == py) or (ax == qx and ay == qy) or (bx == px and by == py) or (bx == qx and by == qy)
    return not common


@njit(cache=True, nogil=True)
def _runs_through(ax: float, ay: float, bx: float, by: float, shape: Whole, lines: Any) -> Any:
    """Whether an edge may run through the inside of a shape; never wrongly no, but for what lies beside its rim."""
    doubles = lines.view(np.float64)
    base, first, x, y, inside = coords_at(shape, lines), np.int64(0), (ax + bx) / 2, (ay + by) / 2, False
    meets = False
    for path in range(paths_of(shape, lines)):
        end = path_end(shape, path, lines)
        for k in range(base + 2 * first, base + 2 * (end - 1), 2):
            px, py, qx, qy = doubles[k], doubles[k + 1], doubles[k + 2], doubles[k + 3]
            if (ax == px and ay == py and bx == qx and by == qy) or (ax == qx and ay == qy and bx == px and by == py):
                return False  # an edge of the shape itself
            meets = meets or _parts(ax, ay, bx, by, px, py, qx, qy)
            if is_east(x, y, px, py, qx, qy):
                inside = not inside
        first = end
    return meets or inside


@njit(cache=True, nogil=True)
def _is_open(shape: Whole, box: Any, lines: Any, others: Any) -> Any:
    """Whether an edge of the index `others` may run through the inside of a shape with a bounding box."""
    frame, tiles, pages, other_lines = others
    longs, doubles = other_lines.view(np.int64), other_lines.view(np.float64)
    first, last, lowest, highest = tile_range(box[0], box[1], box[2], box[3], frame)
    for row in range(lowest, highest + 1):
        for column in range(first, last + 1):
            block = np.int64(tiles[row * np.int64(frame[6]) + column])
            edges = (block + other_lines[block * WORDS + EDGES_AT]) * (WORDS // 2)
            members = (block + other_lines[block * WORDS + MEMBERS_AT]) * WORDS
            for edge in range(edges, edges + other_lines[block * WORDS + EDGES]):
                member = other_lines[members + ((longs[edge] >> VERTEX_BITS) & MEMBER_MASK)]
                k = coords_at(shape_at(member, pages, longs), other_lines) + 2 * (longs[edge] & VERTEX_MASK)
                ax, ay, bx, by = doubles[k], doubles[k + 1], doubles[k + 2], doubles[k + 3]
                if max(ax, bx) < box[0] or min(ax, bx) > box[2] or max(ay, by) < box[1] or min(ay, by) > box[3]:
                    continue
                if _runs_through(ax, ay, bx, by, shape, lines):
                    return True
    return False


@njit(cache=True, nogil=True)
def find_open(polygon: int, table: Any) -> Whole:
    """As bits the other indexes of which an edge may run through the inside of a polygon of the first one."""
    _, _, pages, lines = _cells(table, 0)
    shape, bits = shape_at(polygon, pages, lines.view(np.int64)), np.int64(0)
    box = box_of(polygon, pages, lines.view(np.float32))
    for k in range(len(table) - 2):  # the first index and the own memory are none
        if bits >> min(k, TOP) & 1 == 0 and (
            is_multiple(shape, lines) or _is_open(shape, box, lines, _cells(table, k + 1))
        ):
            bits |= np.int64(1) << min(k, TOP)
    return bits


@njit(cache=True, nogil=True, forceinline=True)
def _open_of(table: Any) -> Any:
    return carray(_pointer(table[-1, 0, 0]), (table[-1, 0, 1],), np.int64)


@njit(cache=True, nogil=True, error_model="numpy")
def find_spot(x: float, y: float, table: Any) -> tuple[float, float, int, float, int]:
    """lon, lat rounded as the store keeps them, the lowest polygon of the first index with it or -1, metres, a count.

    x, y in degrees of EPSG:4490, finite. The distance is that to the edges of the polygon itself, the nearest of all
    where polygons do not overlap; inf where none holds the point. The polygons of the other indexes that hold the point
    are counted and written to the table's memory as far as they are not the same all over the polygon.
    """
    lon, lat = np.rint(x * PER_DEGREE) / PER_DEGREE, np.rint(y * PER_DEGREE) / PER_DEGREE
    cells = _cells(table, 0)
    polygon = lowest_one(lon, lat, cells)
    if polygon < 0:
        return lon, lat, polygon, np.inf, 0
    per_lon, per_lat, bend = measures_at(lat)
    metres = shape_distance(lon, lat, per_lon, per_lat, bend, polygon, seen(cells))
    asked = _open_of(table)
    if asked[polygon] == UNKNOWN:
        asked[polygon] = find_open(polygon, table)
    count = find_others(lon, lat, asked[polygon], table) if asked[polygon] else 0
    return lon, lat, polygon, metres, count


@njit(cache=True, nogil=True, error_model="numpy")
def find_others(lon: float, lat: float, wanted: int, table: Any) -> int:
    """Write the holders of a point in the other indexes to the table's memory, by index, then code: how many."""
    found = carray(_pointer(table[-1, 1, 0]), (table[-1, 1, 1],), np.int64)
    held = np.empty(64, np.int32)
    total = 0
    for k in range(len(table) - 2):
        if wanted >> min(k, TOP) & 1:
            count, held = holders_one(lon, lat, _cells(table, k + 1), held)
            for each in range(count):
                if total < len(found):
                    found[total] = (np.int64(k) << 32) | held[each]
                total += 1
    return total
