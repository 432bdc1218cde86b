"""Points that are hard to place, and who holds them as GEOS and as rational arithmetic say."""

from fractions import Fraction
from itertools import pairwise
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from gis.cells.layout import SIDE, Cells
from gis.locate import byte_order

DIRECTIONS = [(x, y) for x in (-1, 0, 1) for y in (-1, 0, 1) if x or y]


def beside(points: NDArray[Any], direction: tuple[int, int]) -> NDArray[Any]:
    """The points one ulp further in one of the 8 directions."""
    moved = points.copy()
    for axis in (0, 1):
        if direction[axis]:
            moved[:, axis] = np.nextafter(moved[:, axis], direction[axis] * np.inf)
    return moved


def hard_points(polygons: NDArray[Any], cells: Cells, count: int, seed: int = 0) -> NDArray[Any]:
    """Nodes, places on edges, cell corners, one ulp beside all of them, places level with nodes, the rims
    of tiles, and any places.

    About 40 * count points, all finite.
    """
    random = np.random.default_rng(seed)
    rings = shapely.get_rings(shapely.get_parts(polygons))
    nodes, of = shapely.get_coordinates(rings, return_index=True)
    first = np.flatnonzero(of[1:] == of[:-1])
    first = first if len(first) <= count else random.choice(first, count, replace=False)
    one, other = nodes[first], nodes[first + 1]
    along = random.random((len(first), 1))
    west, south, _, _, width, height, columns, rows = cells.kernel[0]
    cell = random.integers(0, [int(columns) * SIDE, int(rows) * SIDE], (count, 2))
    corners = np.array([west, south]) + cell * np.array([width, height])
    plain = [one, (one + other) / 2, one * (1 - along) + other * along, corners]
    lows, highs = nodes.min(axis=0), nodes.max(axis=0)
    # In the first and last cells of tiles, where edges of the tile come from outside.
    rim = random.integers(0, [int(columns), int(rows)], (count, 2)) * SIDE + random.choice([0, SIDE - 1], (count, 2))
    rim = np.array([west, south]) + (rim + random.random((count, 2))) * np.array([width, height])
    loose = random.uniform(lows, highs, (count, 2))
    spread = random.normal(0, 1, one.shape) * np.array([width, height])
    level = np.concatenate([one + spread * [1, 0], one + spread * [0, 1], one + spread])
    near = [beside(each, direction) for each in plain for direction in DIRECTIONS]
    return np.concatenate([*plain, *near, level, rim, loose])


def held_by_geos(polygons: NDArray[Any], ranks: NDArray[Any], points: NDArray[Any]) -> NDArray[Any]:
    """(point, polygon) (k, 2) of all that cover points, by point, then by rank."""
    point, polygon = shapely.STRtree(polygons).query(shapely.points(points), predicate="intersects")
    order = np.lexsort((ranks[polygon], point))
    return np.column_stack([point, polygon])[order]


def lowest_of(held: NDArray[Any], count: int) -> NDArray[Any]:
    """The first polygon of each of `count` points in (point, polygon) pairs, -1 for none."""
    found = np.full(count, -1)
    found[held[::-1, 0]] = held[::-1, 1]
    return found


def covers_exactly(polygon: Any, x: float, y: float) -> bool:
    """Whether a polygon holds a point, boundary included, in rational arithmetic: crossings of a ray to the east."""
    px, py = Fraction(x), Fraction(y)
    inside = False
    for ring in shapely.get_rings(shapely.get_parts(polygon)):
        for (ax, ay), (bx, by) in pairwise(shapely.get_coordinates(ring)):
            if max(ay, by) < y or min(ay, by) > y:
                continue
            ax, ay, bx, by = Fraction(ax), Fraction(ay), Fraction(bx), Fraction(by)
            turn = (bx - ax) * (py - ay) - (by - ay) * (px - ax)
            if turn == 0 and min(ax, bx) <= px <= max(ax, bx):
                return True
            if (ay > py) != (by > py) and (turn > 0) == (by > ay):
                inside = not inside
    return inside


def differences(index: Any, polygons: NDArray[Any], points: NDArray[Any]) -> list[str]:
    """Where an index and GEOS do not agree, rational arithmetic having the last word; at most a few lines of text."""
    held = held_by_geos(polygons, np.argsort(byte_order(index.codes.all())), points)
    own = np.column_stack(index.holders(points))
    found = []
    if not np.array_equal(held, own):
        both = {tuple(pair) for pair in held.tolist()} ^ {tuple(pair) for pair in own.tolist()}
        own_pairs = {tuple(pair) for pair in own.tolist()}
        for point, polygon in sorted(both):
            if ((point, polygon) in own_pairs) != covers_exactly(polygons[polygon], *points[point]):
                found.append(f"point {points[point].tolist()}, polygon {polygon}")
        if not both:
            found.append("another order")
    lowest = lowest_of(own, len(points))
    one, two = (index.lowest(points, threads=threads) for threads in (1, 2))
    if not np.array_equal(one, lowest) or not np.array_equal(two, lowest):
        found.append("lowest is not the first holder")
    some = slice(0, len(points), max(1, len(points) // 2000))
    if [index.lowest_one(x, y) for x, y in points[some].tolist()] != lowest[some].tolist():
        found.append("lowest_one is not the first holder")
    return found[:5]
