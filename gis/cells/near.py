"""Kernels that look for edges near a point. Metres are those of `gis.metres`.

Every edge lies in the tiles that its polygon's box meets, and a block lists the polygons whose boxes meet its tile. So
whoever looks at the members of all tiles that the box around a point and its reach meets misses none.
"""

from typing import Any

import numpy as np
from numba import njit

from gis.cells.layout import MEMBERS, MEMBERS_AT, SIDE, WHOLE, Whole
from gis.cells.slots import box_of, coords_at, is_lower, path_end, paths_of, shape_at, slot_at
from gis.cells.vectors import prefetch
from gis.heap.lines import WORDS
from gis.metres import halves, measures_at, ring_distance

MARGIN = 2e-3  # of a cell: more than `gis.cells.build` uses, so that what it rounds is found
BATCH, AHEAD = 32, 7  # points whose shapes are fetched ahead, and lines of each: a shape of 24 nodes
FEW_TILES = 64
"""So many tiles at most are looked through one by one; farther out the nearest tiles come first."""


@njit(cache=True, nogil=True, forceinline=True)
def seen(arrays: Any) -> Any:
    """What distances are read from: pages, and the lines as int32, int64, float64 and float32."""
    _, _, pages, lines = arrays
    return pages, lines, lines.view(np.int64), lines.view(np.float64), lines.view(np.float32)


@njit(cache=True, nogil=True, error_model="numpy", forceinline=True)
def shape_distance(
    lon: float, lat: float, per_lon: float, per_lat: float, bend: float, slot: Whole, views: Any
) -> float:
    """Metres from a point to the nearest edge of the polygon of a slot; `views` as `seen` gives them."""
    pages, lines, longs, doubles, _ = views
    shape = shape_at(slot, pages, longs)
    base, first, least = coords_at(shape, lines), np.int64(0), np.inf
    for path in range(paths_of(shape, lines)):
        end = path_end(shape, path, lines)
        begin = base + 2 * first
        least = min(least, ring_distance(lon, lat, per_lon, per_lat, bend, doubles, begin, base + 2 * end))
        first = end
    return float(np.sqrt(least))


@njit(cache=True, nogil=True, error_model="numpy")
def distances_many(points: Any, which: Any, slots: Any, found: Any, arrays: Any) -> None:
    """Write the metres from point which[k] to the nearest edge of the polygon in slots[k] to `found` (k,)."""
    views = seen(arrays)
    pages, longs = views[0], views[2]
    for start in range(0, len(which), BATCH):
        end = min(start + BATCH, len(which))
        # Ask for all slots, then for all shapes: memory is waited for once a batch.
        for k in range(start, end):
            prefetch(longs, slot_at(slots[k], pages))
        for k in range(start, end):
            shape = shape_at(slots[k], pages, longs)
            for line in range(AHEAD):
                prefetch(longs, min(shape + line * 8, len(longs) - 1))
        for k in range(start, end):
            lon, lat = points[which[k], 0], points[which[k], 1]
            per_lon, per_lat, bend = measures_at(lat)
            found[k] = shape_distance(lon, lat, per_lon, per_lat, bend, slots[k], views)


@njit(cache=True, nogil=True, error_model="numpy", forceinline=True)
def tile_range(west: float, south: float, east: float, north: float, frame: Any) -> tuple[Whole, Whole, Whole, Whole]:
    """First and last column, first and last row of the tiles that a box meets; the last before the first for none."""
    across, up = frame[6] * SIDE, frame[7] * SIDE
    a, b = (west - frame[0]) * frame[2] - MARGIN, (east - frame[0]) * frame[2] + MARGIN
    c, d = (south - frame[1]) * frame[3] - MARGIN, (north - frame[1]) * frame[3] + MARGIN
    if not (a < across and b >= 0.0 and c < up and d >= 0.0):
        return 0, -1, 0, -1
    first, last = int(max(a, 0.0)) // SIDE, int(min(b, across - 1.0)) // SIDE
    return first, last, int(max(c, 0.0)) // SIDE, int(min(d, up - 1.0)) // SIDE


@njit(cache=True, nogil=True, error_model="numpy")
def _members_near(west: float, south: float, east: float, north: float, arrays: Any, room: Any) -> tuple[Whole, Any]:
    """The slots whose boxes meet a box, each once, ascending: how many, and `room` or a larger copy with them."""
    frame, tiles, pages, lines = arrays
    floats = lines.view(np.float32)
    first, last, lowest, highest = tile_range(west, south, east, north, frame)
    count = 0
    for row in range(lowest, highest + 1):
        for column in range(first, last + 1):
            block = np.int64(tiles[row * np.int64(frame[6]) + column])
            at = (block + lines[block * WORDS + MEMBERS_AT]) * WORDS
            for k in range(at, at + lines[block * WORDS + MEMBERS]):
                w, s, e, n = box_of(lines[k], pages, floats)
                if w > east or e < west or s > north or n < south:
                    continue
                if count == len(room):
                    larger = np.empty(2 * len(room), np.int64)
                    larger[:count] = room
                    room = larger
                room[count] = lines[k]
                count += 1
    if first < last or lowest < highest:
        room[:count].sort()
        kept = 0
        for k in range(count):
            if k == 0 or room[k] != room[k - 1]:
                room[kept] = room[k]
                kept += 1
        count = kept
    return count, room


@njit(cache=True, nogil=True, error_model="numpy")
def near_many(points: Any, reach: Any, arrays: Any) -> Any:
    """All polygons with an edge within reach[k] metres of points[k]: points and slots (2, k) int64 and metres (k,), by
    point, then by text. A point that is not finite has none.
    """
    views = seen(arrays)
    pages, longs = views[0], views[2]
    pairs, metres = np.empty((2, len(points) + 16), np.int64), np.empty(len(points) + 16)
    room, total = np.empty(64, np.int64), 0
    for k in range(len(points)):
        lon, lat = points[k, 0], points[k, 1]
        if not (np.isfinite(lon) and np.isfinite(lat)):
            continue
        per_lon, per_lat, bend = measures_at(lat)
        wide, high = halves(per_lon, per_lat, bend, reach[k])
        count, room = _members_near(lon - wide, lat - high, lon + wide, lat + high, arrays, room)
        begin = total
        for each in range(count):
            distance = shape_distance(lon, lat, per_lon, per_lat, bend, room[each], views)
            if distance > reach[k]:
                continue
            if total == len(metres):
                larger, longer = np.empty((2, 2 * total), np.int64), np.empty(2 * total)
                larger[:, :total], longer[:total] = pairs, metres
                pairs, metres = larger, longer
            place = total
            while place > begin and is_lower(room[each], pairs[1, place - 1], pages, longs):
                pairs[1, place], metres[place] = pairs[1, place - 1], metres[place - 1]
                place -= 1
            pairs[0, total], pairs[1, place], metres[place] = k, room[each], distance
            total += 1
    return pairs[:, :total], metres[:total]


@njit(cache=True, nogil=True, error_model="numpy", forceinline=True)
def _least(
    lon: float, lat: float, per_lon: float, per_lat: float, bend: float, w: float, s: float, e: float, n: float
) -> float:
    """Metres that nothing in a box is nearer than."""
    ay, by = (s - lat) * per_lat, (n - lat) * per_lat
    up = 0.0 if ay <= 0.0 <= by else min(abs(ay), abs(by))
    ax, bx = (w - lon) * per_lon, (e - lon) * per_lon
    across = 0.0 if ax <= 0.0 <= bx else min(abs(ax), abs(bx))
    # dx = ax * (1 + bend * ay) is linear in ay: its least size is at an end, or zero where the sign changes between.
    one, other = 1.0 + bend * ay, 1.0 + bend * by
    shrunk = 0.0 if (one <= 0.0) != (other <= 0.0) else min(abs(one), abs(other))
    return float(np.sqrt((across * shrunk) ** 2 + up * up)) * (1.0 - 1e-12)


@njit(cache=True, nogil=True, error_model="numpy")
def _in_tile(
    lon: float,
    lat: float,
    per_lon: float,
    per_lat: float,
    bend: float,
    block: Whole,
    best: float,
    views: Any,
) -> float:
    """The nearest edge of the members of a block, or `best` where none is nearer."""
    pages, lines, _, _, floats = views
    at = (block + lines[block * WORDS + MEMBERS_AT]) * WORDS
    for k in range(at, at + lines[block * WORDS + MEMBERS]):
        w, s, e, n = box_of(lines[k], pages, floats)
        if _least(lon, lat, per_lon, per_lat, bend, w, s, e, n) < best:
            best = min(best, shape_distance(lon, lat, per_lon, per_lat, bend, lines[k], views))
    return best


@njit(cache=True, nogil=True, error_model="numpy")
def _far(lon: float, lat: float, per_lon: float, per_lat: float, bend: float, arrays: Any) -> float:
    """The nearest edge of all, tile by tile, the nearest tiles first."""
    frame, tiles, _, lines = arrays
    views = seen(arrays)
    columns, rows = np.int64(frame[6]), np.int64(frame[7])
    wide, high, margin = SIDE * frame[4], SIDE * frame[5], 1e-3
    least = np.empty(columns * rows)
    for tile in range(columns * rows):
        block = np.int64(tiles[tile])
        least[tile] = np.inf
        if lines[block * WORDS + MEMBERS] > 0 and lines[block * WORDS + WHOLE] < 0:  # no edge runs through a whole one
            west, south = frame[0] + (tile % columns - margin) * wide, frame[1] + (tile // columns - margin) * high
            east, north = west + (1 + 2 * margin) * wide, south + (1 + 2 * margin) * high
            least[tile] = _least(lon, lat, per_lon, per_lat, bend, west, south, east, north)
    best = np.inf
    while True:
        nearest = np.argmin(least)
        if not least[nearest] < best:
            return best
        best = _in_tile(lon, lat, per_lon, per_lat, bend, np.int64(tiles[nearest]), best, views)
        least[nearest] = np.inf


@njit(cache=True, nogil=True, error_model="numpy")
def edges_many(points: Any, reach: Any, found: Any, arrays: Any) -> None:
    """Write the metres to the nearest edge of all, where that is within reach[k], to `found` (m,), else inf."""
    frame, tiles = arrays[0], arrays[1]
    views = seen(arrays)
    for k in range(len(points)):
        lon, lat = points[k, 0], points[k, 1]
        found[k] = np.inf
        if not (np.isfinite(lon) and np.isfinite(lat)):
            continue
        per_lon, per_lat, bend = measures_at(lat)
        step, best = 50.0, np.inf
        while True:
            step = min(step, reach[k])
            wide, high = halves(per_lon, per_lat, bend, step)
            first, last, lowest, highest = tile_range(lon - wide, lat - high, lon + wide, lat + high, frame)
            if (last - first + 1) * (highest - lowest + 1) > FEW_TILES or step > 10_000.0:
                best = min(best, _far(lon, lat, per_lon, per_lat, bend, arrays))
                break
            bound = step * (1.0 + 1e-9) + 1e-9  # what is farther is of no interest yet
            best = bound
            for row in range(lowest, highest + 1):
                for column in range(first, last + 1):
                    block = np.int64(tiles[row * np.int64(frame[6]) + column])
                    best = _in_tile(lon, lat, per_lon, per_lat, bend, block, best, views)
            if best < bound or step == reach[k]:
                break
            best = np.inf
            step *= 6.0
        if best <= reach[k]:
            found[k] = best
