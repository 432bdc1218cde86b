"""Geometry commands of a tile's features: round, clip, write (Mapbox Vector Tile 2.1, section 4.3).

Coordinates are rounded to the tile's grid before they are clipped, and a crossing is computed from the edge alone, not
from its direction. So two polygons that share an edge keep sharing it, and no crack opens between them.
"""

from typing import Final, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from tiles.shapes import LINE, POINT, POLYGON, Shapes
from tiles.varints import Bytes, put, put_signed, room

EXTENT: Final = 4096
BUFFER: Final = 64
CELL: Final = 32
"""Tile units: two of the 256 pixels that the matrix set gives a side of a tile."""
COARSE: Final = 4
"""Tile units between the lines of a thinned tile's grid: a quarter of such a pixel."""

_LOW: Final = -BUFFER
_HIGH: Final = EXTENT + BUFFER
_CELLS: Final = (_HIGH - _LOW) // CELL

Points = NDArray[np.float64]
Taken = NDArray[np.bool_]


class Frame(NamedTuple):
    """A tile's upper left corner in metres of EPSG:3857, tile units a metre, and whether the tile is thinned."""

    west: float
    north: float
    scale: float
    thin: bool


@njit(cache=True, nogil=True)
def draw(shapes: Shapes, chosen: NDArray[np.int64], frame: Frame) -> tuple[NDArray[np.int64], Bytes, NDArray[np.int64]]:
    """Those of the `chosen` features that leave something in the tile (k,), their commands, where each begins (k + 1,).

    A thinned tile draws one small line, one small polygon and one point for each cell of `CELL` x `CELL`, the first of
    the chosen; a small polygon is drawn as its cell. All else is rounded to every `COARSE`-th unit.
    """
    commands = np.empty(4096, np.uint8)
    drawn = np.empty(len(chosen), np.int64)
    starts = np.zeros(len(chosen) + 1, np.int64)
    side = _CELLS if frame.thin else 0
    taken = np.zeros((4, side, side), np.bool_)
    at, count = 0, 0
    for feature in chosen:
        begin = at
        kind = shapes.kinds[feature]
        small, column, row = False, 0, 0
        if frame.thin and kind != POINT:
            small, column, row = _small(shapes.bounds[feature], frame)
            if small and not _take(taken[kind], column, row):
                continue
        if kind == POINT:
            commands, at = _draw_points(commands, at, shapes, feature, frame, taken[POINT])
        elif kind == LINE:
            commands, at = _draw_lines(commands, at, shapes, feature, frame)
        elif small:
            commands, at = _draw_cell(commands, at, column, row)
        elif kind == POLYGON:
            commands, at = _draw_polygons(commands, at, shapes, feature, frame)
        if at > begin:
            drawn[count] = feature
            count += 1
            starts[count] = at
    return drawn[:count], commands[:at], starts[: count + 1]


# Commands: 1 MoveTo, 2 LineTo, 7 ClosePath, with the number of repeats above the lowest three bits. Within the buffered
# tile a step takes at most two bytes, so 8 bytes a point and 16 a path are always enough.


@njit(cache=True, nogil=True)
def _draw_points(
    commands: Bytes, at: int, shapes: Shapes, feature: int, frame: Frame, taken: Taken
) -> tuple[Bytes, int]:
    first, last = shapes.first_path[feature], shapes.first_path[feature + 1]
    points = np.empty((last - first, 2), np.float64)
    count = 0
    for path in range(first, last):
        point = shapes.xy[shapes.first_point[path]]
        x, y = _grid(point[0], point[1], frame)
        if not (_LOW <= x <= _HIGH and _LOW <= y <= _HIGH):
            continue
        if frame.thin and not _take(taken, int(x - _LOW) // CELL, int(y - _LOW) // CELL):
            continue
        points[count, 0], points[count, 1] = x, y
        count += 1
    if count == 0:
        return commands, at
    commands = room(commands, at, 8 * count + 16)
    at = put(commands, at, count << 3 | 1)
    at, _, _ = _put_steps(commands, at, points[:count], 0, 0)
    return commands, at


@njit(cache=True, nogil=True)
def _draw_lines(commands: Bytes, at: int, shapes: Shapes, feature: int, frame: Frame) -> tuple[Bytes, int]:
    x, y = 0, 0
    for path in range(shapes.first_path[feature], shapes.first_path[feature + 1]):
        points, stops = _clip_line(_rounded(shapes, path, frame))
        start = 0
        for stop in stops:
            commands = room(commands, at, 8 * (stop - start) + 16)
            at, x, y = _put_path(commands, at, points[start:stop], x, y)
            start = stop
    return commands, at


@njit(cache=True, nogil=True)
def _draw_polygons(commands: Bytes, at: int, shapes: Shapes, feature: int, frame: Frame) -> tuple[Bytes, int]:
    """Rings of polygons, outer ones clockwise on the screen, whose y goes down, and holes the other way.

    A ring without area is left out, an outer one with its holes; so is a polygon of which the holes leave nothing.
    """
    x, y = 0, 0
    before = (at, x, y)
    left = 0.0  # twice the area of the polygon being drawn, less its holes
    for path in range(shapes.first_path[feature], shapes.first_path[feature + 1]):
        hole = shapes.holes[path]
        if not hole:
            if left <= 0:
                at, x, y = before
            before, left = (at, x, y), 0.0
        elif left <= 0:
            continue
        ring = _clip_ring(_rounded(shapes, path, frame))
        area = _twice_area(ring)
        if area == 0:
            continue
        if (area > 0) == hole:
            ring = ring[::-1].copy()
        left += -abs(area) if hole else abs(area)
        commands = room(commands, at, 8 * len(ring) + 16)
        at, x, y = _put_path(commands, at, ring, x, y)
        at = put(commands, at, 1 << 3 | 7)
    return commands, at if left > 0 else before[0]


@njit(cache=True, nogil=True)
def _draw_cell(commands: Bytes, at: int, column: int, row: int) -> tuple[Bytes, int]:
    left, top = column * CELL + _LOW, row * CELL + _LOW
    right, bottom = left + CELL, top + CELL
    ring = np.array([[left, top], [right, top], [right, bottom], [left, bottom]], np.float64)
    commands = room(commands, at, 64)
    at, _, _ = _put_path(commands, at, ring, 0, 0)
    return commands, put(commands, at, 1 << 3 | 7)


@njit(cache=True, nogil=True)
def _put_path(commands: Bytes, at: int, points: Points, x: int, y: int) -> tuple[int, int, int]:
    """MoveTo and LineTo along at least two points, from the cursor x, y; returns the cursor too."""
    at = put(commands, at, 1 << 3 | 1)
    at, x, y = _put_steps(commands, at, points[:1], x, y)
    at = put(commands, at, (len(points) - 1) << 3 | 2)
    return _put_steps(commands, at, points[1:], x, y)


@njit(cache=True, nogil=True)
def _put_steps(commands: Bytes, at: int, points: Points, x: int, y: int) -> tuple[int, int, int]:
    for i in range(len(points)):
        next_x, next_y = int(points[i, 0]), int(points[i, 1])
        at = put_signed(commands, at, next_x - x)
        at = put_signed(commands, at, next_y - y)
        x, y = next_x, next_y
    return at, x, y


# Thinning


@njit(cache=True, nogil=True)
def _small(box: NDArray[np.float64], frame: Frame) -> tuple[bool, int, int]:
    """Whether a box is smaller than a cell both ways, and the cell that its centre is in."""
    if max(box[2] - box[0], box[3] - box[1]) * frame.scale >= CELL:
        return False, 0, 0
    x = ((box[0] + box[2]) / 2 - frame.west) * frame.scale
    y = (frame.north - (box[1] + box[3]) / 2) * frame.scale
    return True, int(np.floor((x - _LOW) / CELL)), int(np.floor((y - _LOW) / CELL))


@njit(cache=True, nogil=True)
def _take(taken: Taken, column: int, row: int) -> bool:
    """Take a cell for the first that asks; False for the others, and outside the tile and its buffer."""
    if not (0 <= column < _CELLS and 0 <= row < _CELLS) or taken[row, column]:
        return False
    taken[row, column] = True
    return True


# Rounding and clipping. Points stay float64, whole numbers but between the sides of a clip.


@njit(cache=True, nogil=True)
def _grid(x: float, y: float, frame: Frame) -> tuple[float, float]:
    """The point of the tile's grid nearest to metres; halves go up, alike in every tile."""
    step = COARSE if frame.thin else 1
    scale = frame.scale / step
    return np.floor((x - frame.west) * scale + 0.5) * step, np.floor((frame.north - y) * scale + 0.5) * step


@njit(cache=True, nogil=True)
def _rounded(shapes: Shapes, path: int, frame: Frame) -> Points:
    """A path on the tile's grid, points that repeat the one before left out."""
    xy = shapes.xy[shapes.first_point[path] : shapes.first_point[path + 1]]
    points = np.empty(xy.shape, np.float64)
    count = 0
    for i in range(len(xy)):
        x, y = _grid(xy[i, 0], xy[i, 1], frame)
        if count == 0 or x != points[count - 1, 0] or y != points[count - 1, 1]:
            points[count, 0], points[count, 1] = x, y
            count += 1
    return points[:count]


@njit(cache=True, nogil=True)
def _twice_area(ring: Points) -> float:
    """The surveyor's formula in tile space: positive for a ring that runs clockwise on the screen; exact."""
    total = 0.0
    for i in range(len(ring)):
        total += ring[i - 1, 0] * ring[i, 1] - ring[i, 0] * ring[i - 1, 1]
    return total


@njit(cache=True, nogil=True)
def _clip_ring(ring: Points) -> Points:
    """Sutherland and Hodgman (1974) on the buffered tile. What remains of a ring that winds out and in may run twice
    along a border, which has no area and lies in the buffer.
    """
    if len(ring) == 0:
        return ring
    whole = True
    for axis in range(2):
        least, greatest = _range(ring, axis)
        if greatest < _LOW or least > _HIGH:
            return ring[:0]
        if least < _LOW:
            ring = _clip_side(ring, axis, _LOW, 1.0)
        if greatest > _HIGH:
            ring = _clip_side(ring, axis, _HIGH, -1.0)
        whole = whole and least >= _LOW and greatest <= _HIGH
        if len(ring) == 0:
            return ring
    return ring if whole else _tidy(ring)


@njit(cache=True, nogil=True)
def _range(ring: Points, axis: int) -> tuple[float, float]:
    """The least and the greatest coordinate of a ring that has points."""
    least = greatest = ring[0, axis]
    for i in range(1, len(ring)):
        place = ring[i, axis]
        if place < least:
            least = place
        elif place > greatest:
            greatest = place
    return least, greatest


@njit(cache=True, nogil=True)
def _clip_side(ring: Points, axis: int, limit: int, sign: float) -> Points:
    """The part of a ring where (coordinate - limit) * sign >= 0."""
    kept = np.empty((2 * len(ring), 2), np.float64)
    other = 1 - axis
    count = 0
    for i in range(len(ring)):
        a, b = ring[i - 1, axis], ring[i, axis]
        a_in, b_in = (a - limit) * sign >= 0, (b - limit) * sign >= 0
        if a_in != b_in:
            low, high = (i - 1, i) if a < b else (i, i - 1)  # the same for the neighbour, who runs the other way
            share = (limit - ring[low, axis]) / (ring[high, axis] - ring[low, axis])
            kept[count, axis] = limit
            kept[count, other] = ring[low, other] + share * (ring[high, other] - ring[low, other])
            count += 1
        if b_in:
            kept[count, axis], kept[count, other] = b, ring[i, other]
            count += 1
    return kept[:count]


@njit(cache=True, nogil=True)
def _tidy(ring: Points) -> Points:
    """A clipped ring on the grid, without repeats and without a middle point of three on one border.

    A ring that goes round the whole tile becomes its four corners.
    """
    points = np.floor(ring + 0.5)
    before, count = len(points) + 1, len(points)
    while count < before:  # one removal can make another possible
        before, count = count, 0
        for i in range(before):
            last = count - 1 if count > 0 else before - 1
            following = i + 1 if i + 1 < before else 0
            if not _needless(points, last, i, following):
                points[count, 0], points[count, 1] = points[i, 0], points[i, 1]
                count += 1
    return points[:count]


@njit(cache=True, nogil=True)
def _needless(points: Points, a: int, b: int, c: int) -> bool:
    """Whether b repeats a, the point before it, or lies with a and the point after it, c, on one border."""
    if points[a, 0] == points[b, 0] and points[a, 1] == points[b, 1]:
        return True
    for axis in range(2):
        place = points[b, axis]
        if place in (_LOW, _HIGH) and points[a, axis] == place and points[c, axis] == place:
            return True
    return False


@njit(cache=True, nogil=True)
def _clip_line(line: Points) -> tuple[Points, NDArray[np.int64]]:
    """The pieces of a line within the buffered tile (Liang and Barsky 1984): points, and where each piece ends."""
    points = np.empty((2 * len(line), 2), np.float64)
    stops = np.empty(len(line), np.int64)
    count, start, pieces = 0, 0, 0
    running = False  # the piece goes on where the segment begins
    for i in range(len(line) - 1):
        enter, leave = _inside(line[i], line[i + 1])
        if enter >= leave:
            running = False
            continue
        if not running or enter > 0:
            if count - start > 1:
                stops[pieces] = count
                pieces += 1
                start = count
            count = _append(points, start, start, line[i], line[i + 1], enter)
        count = _append(points, start, count, line[i], line[i + 1], leave)
        running = leave == 1
    if count - start > 1:
        stops[pieces] = count
        pieces += 1
    return points, stops[:pieces]


@njit(cache=True, nogil=True)
def _inside(a: Points, b: Points) -> tuple[float, float]:
    """The shares of the way from a to b at which it enters and leaves the buffered tile; enter >= leave if never."""
    enter, leave = 0.0, 1.0
    for axis in range(2):
        step = b[axis] - a[axis]
        if step == 0:
            if not _LOW <= a[axis] <= _HIGH:
                return 1.0, 0.0
            continue
        first, second = (_LOW - a[axis]) / step, (_HIGH - a[axis]) / step
        enter = max(enter, min(first, second))
        leave = min(leave, max(first, second))
    return enter, leave


@njit(cache=True, nogil=True)
def _append(points: Points, start: int, count: int, a: Points, b: Points, share: float) -> int:
    """Append the point at a share of the way from a to b to the piece begun at `start`, unless it repeats the last."""
    x = np.floor(a[0] + share * (b[0] - a[0]) + 0.5)
    y = np.floor(a[1] + share * (b[1] - a[1]) + 0.5)
    if count > start and x == points[count - 1, 0] and y == points[count - 1, 1]:
        return count
    points[count, 0], points[count, 1] = x, y
    return count + 1
