"""The edges that pass a tile and its cells. First part of building a block, see `gis.cells.blocks`."""

from typing import Any

import numpy as np
from numba import njit

from gis.cells.layout import CELLS, SHIFT, SIDE, Whole
from gis.cells.slots import coords_at, path_end, paths_of, shape_at

MARGIN = 1e-6  # of a cell: rounding moves nothing by more than a hundredth of that in a frame of `gis.cells.frames`


@njit(cache=True, nogil=True)
def _passing(members: Any, shapes: Any, box: Any, found: Any) -> Whole:
    """Count the edges of the members that meet the box, and write (vertex, member, place) where there is room."""
    pages, words, longs, doubles = shapes
    count = 0
    for member in range(len(members)):
        shape = shape_at(members[member], pages, longs)
        base, first = coords_at(shape, words), np.int64(0)
        for path in range(paths_of(shape, words)):
            end = path_end(shape, path, words)
            for vertex in range(first, end - 1):
                k = base + 2 * vertex
                ax, ay, bx, by = doubles[k], doubles[k + 1], doubles[k + 2], doubles[k + 3]
                if max(ax, bx) < box[0] or min(ax, bx) > box[2] or max(ay, by) < box[1] or min(ay, by) > box[3]:
                    continue
                if ax == bx and ay == by:
                    continue
                if count < len(found):
                    found[count, 0], found[count, 1], found[count, 2] = vertex, member, k
                count += 1
            first = end
    return count


@njit(cache=True, nogil=True)
def _mixed(bits: Any, k: Whole) -> Whole:
    """A hash of the edge from the coordinate at k to the next, the same in both directions (mixer of MurmurHash3)."""
    mixed = (bits[k] + bits[k + 2]) * np.uint64(0x9E3779B97F4A7C15)
    mixed ^= (bits[k + 1] + bits[k + 3]) * np.uint64(0xC2B2AE3D27D4EB4F)
    mixed ^= mixed >> np.uint64(29)
    mixed *= np.uint64(0xBF58476D1CE4E5B9)
    return mixed ^ (mixed >> np.uint64(32))


@njit(cache=True, nogil=True)
def list_edges(members: Any, shapes: Any, box: Any) -> tuple[Any, Any]:
    """The edges that meet the box: (vertex, member, other member or -1) (n, 3) int64 and their ends (n, 4).

    An edge of two polygons is listed once. A third polygon with the same edge lists it again, for itself.
    """
    doubles, bits = shapes[3], shapes[3].view(np.uint64)
    found = np.empty((_passing(members, shapes, box, np.empty((0, 3), np.int64)), 3), np.int64)
    _passing(members, shapes, box, found)
    size = 64
    while size < 2 * len(found):
        size *= 2
    table, mask = np.full(size, -1, np.int32), np.uint64(size - 1)
    edges, ends = np.empty((len(found), 3), np.int64), np.empty((len(found), 4), np.float64)
    count = 0
    for each in range(len(found)):
        vertex, member, k = found[each, 0], found[each, 1], found[each, 2]
        ax, ay, bx, by = doubles[k], doubles[k + 1], doubles[k + 2], doubles[k + 3]
        place = np.int64(_mixed(bits, k) & mask)
        while True:
            twin = table[place]
            if twin < 0:
                table[place] = count
                edges[count, 0], edges[count, 1], edges[count, 2] = vertex, member, -1
                ends[count, 0], ends[count, 1], ends[count, 2], ends[count, 3] = ax, ay, bx, by
                count += 1
                break
            back = ends[twin, 0] == bx and ends[twin, 1] == by and ends[twin, 2] == ax and ends[twin, 3] == ay
            same = ends[twin, 0] == ax and ends[twin, 1] == ay and ends[twin, 2] == bx and ends[twin, 3] == by
            if (back or same) and edges[twin, 2] < 0 and edges[twin, 1] != member:
                edges[twin, 2] = member
                break
            place = (place + 1) & np.int64(mask)
    return edges[:count], ends[:count]


@njit(cache=True, nogil=True)
def _meets(ax: float, ay: float, bx: float, by: float, x: float, y: float) -> Any:
    """Whether an edge comes within MARGIN of the unit cell whose corner is (x, y). All in cells."""
    west, south, east, north = x - MARGIN, y - MARGIN, x + 1 + MARGIN, y + 1 + MARGIN
    if max(ax, bx) < west or min(ax, bx) > east or max(ay, by) < south or min(ay, by) > north:
        return False
    dx, dy = bx - ax, by - ay
    a, b = dx * (south - ay) - dy * (west - ax), dx * (south - ay) - dy * (east - ax)
    c, d = dx * (north - ay) - dy * (west - ax), dx * (north - ay) - dy * (east - ax)
    return not ((a > 0 and b > 0 and c > 0 and d > 0) or (a < 0 and b < 0 and c < 0 and d < 0))


@njit(cache=True, nogil=True)
def list_by_cell(ends: Any, frame: Any, column: Whole, row: Whole) -> tuple[Any, Any]:
    """The edges of each cell of the tile: offsets (CELLS + 1,) and edge numbers."""
    offsets, filled = np.zeros(CELLS + 1, np.int64), np.zeros(CELLS, np.int64)
    numbers = np.empty(0, np.int32)
    for step in range(2):
        for edge in range(len(ends)):
            ax, ay = (ends[edge, 0] - frame[0]) * frame[2] - column, (ends[edge, 1] - frame[1]) * frame[3] - row
            bx, by = (ends[edge, 2] - frame[0]) * frame[2] - column, (ends[edge, 3] - frame[1]) * frame[3] - row
            west, east = max(0.0, np.floor(min(ax, bx) - MARGIN)), min(SIDE - 1.0, np.floor(max(ax, bx) + MARGIN))
            south, north = max(0.0, np.floor(min(ay, by) - MARGIN)), min(SIDE - 1.0, np.floor(max(ay, by) + MARGIN))
            for j in range(int(south), int(north) + 1):
                for i in range(int(west), int(east) + 1):
                    if _meets(ax, ay, bx, by, i, j):
                        cell = (j << SHIFT) + i
                        if step == 0:
                            offsets[cell + 1] += 1
                        else:
                            numbers[offsets[cell] + filled[cell]] = edge
                            filled[cell] += 1
        if step == 0:
            for cell in range(CELLS):
                offsets[cell + 1] += offsets[cell]
            numbers = np.empty(offsets[CELLS], np.int32)
    return offsets, numbers
