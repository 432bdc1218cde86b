"""The edges that pass a tile and its cells, first part of building a block (`gis.cells.blocks`); and all of them."""

from typing import Any

import numpy as np
from numba import njit

from gis.cells.layout import (
    CELLS,
    EDGES,
    EDGES_AT,
    MEMBER_BITS,
    MEMBER_MASK,
    MEMBERS_AT,
    SHIFT,
    SIDE,
    VERTEX_BITS,
    VERTEX_MASK,
    Whole,
)
from gis.cells.slots import coords_at, path_end, paths_of, shape_at
from gis.heap.lines import WORDS

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


@njit(cache=True, nogil=True)
def all_edges(count: int, arrays: Any) -> Any:
    """Every edge of the polygons in the first slots: where it starts and ends (k, 2), and its slot (k,)."""
    _, _, pages, lines = arrays
    longs, doubles = lines.view(np.int64), lines.view(np.float64)
    total = 0
    for slot in range(count):
        shape = shape_at(slot, pages, longs)
        if shape:
            total += path_end(shape, paths_of(shape, lines) - 1, lines) - paths_of(shape, lines)
    starts, ends, owners = np.empty((total, 2)), np.empty((total, 2)), np.empty(total, np.int64)
    at = 0
    for slot in range(count):
        shape = shape_at(slot, pages, longs)
        if shape == 0:
            continue
        base, first = coords_at(shape, lines), np.int64(0)
        for path in range(paths_of(shape, lines)):
            end = path_end(shape, path, lines)
            for k in range(base + 2 * first, base + 2 * (end - 1), 2):
                starts[at, 0], starts[at, 1], owners[at] = doubles[k], doubles[k + 1], slot
                ends[at, 0], ends[at, 1] = doubles[k + 2], doubles[k + 3]
                at += 1
            first = end
    return starts, ends, owners


@njit(cache=True, nogil=True)
def edges_between(kinds: Any, arrays: Any) -> Any:
    """The edges of all blocks with slots of two kinds on their sides, or of one alone: starts and ends (k, 2)."""
    _, tiles, pages, lines = arrays
    longs, doubles = lines.view(np.int64), lines.view(np.float64)
    starts, ends, count = np.empty((0, 2)), np.empty((0, 2)), 0
    for step in range(2):
        count = 0
        for tile in range(len(tiles)):
            block = np.int64(tiles[tile])
            at = (block + lines[block * WORDS + EDGES_AT]) * (WORDS // 2)
            members = (block + lines[block * WORDS + MEMBERS_AT]) * WORDS
            for edge in range(at, at + lines[block * WORDS + EDGES]):
                first = lines[members + ((longs[edge] >> VERTEX_BITS) & MEMBER_MASK)]
                second = longs[edge] >> (VERTEX_BITS + MEMBER_BITS)
                if second and kinds[first] == kinds[lines[members + second - 1]]:
                    continue
                if step == 1:
                    k = coords_at(shape_at(first, pages, longs), lines) + 2 * (longs[edge] & VERTEX_MASK)
                    starts[count, 0], starts[count, 1] = doubles[k], doubles[k + 1]
                    ends[count, 0], ends[count, 1] = doubles[k + 2], doubles[k + 3]
                count += 1
        if step == 0:
            starts, ends = np.empty((count, 2)), np.empty((count, 2))
    return starts, ends
