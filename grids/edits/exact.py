"""Exact answers about places: which way three turn, where two edges meet, which edge comes next around a node.

Places are the doubles that the store keeps; nothing here is decided by a rounded number. Only the place of a crossing
is rounded, once, to the grid of the store.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from math import ldexp

import numpy as np

from gis.crs import DECIMALS

Place = tuple[float, float]
Edge = tuple[Place, Place]

SCALE = 100  # 2**100 makes a whole number of every double that is 0 or not below 1e-14
FILTER = 4e-16  # the error of a determinant of doubles, relative to its two products (Shewchuk 1997: 3.33e-16)


def rounded(x: float, y: float) -> Place:
    """A place on the grid of the store."""
    return round(float(x), DECIMALS) + 0.0, round(float(y), DECIMALS) + 0.0


def turn(a: Place, b: Place, c: Place) -> int:
    """1 when c lies left of the way from a to b, -1 when right, 0 when exactly on its line."""
    left, right = (a[0] - c[0]) * (b[1] - c[1]), (a[1] - c[1]) * (b[0] - c[0])
    found: float = left - right
    if abs(found) <= FILTER * (abs(left) + abs(right)):
        found = _turn(a, b, c)
    return (found > 0) - (found < 0)


def clockwise_first(at: Place, start: Place, ends: Sequence[Place]) -> Place:
    """Of the edges from `at` to `ends`, the first one met turning clockwise from the direction of `start`.

    An end in the very direction of `start` comes last.
    """
    first = ends[0]
    for end in ends[1:]:
        if _before(at, start, end, first):
            first = end
    return first


@dataclass(frozen=True, slots=True)
class Meeting:
    """A place where segment number `segment` of a line meets an edge, `share` of the way along the segment.

    `edge` is the edge that gets a node at the place, None where the place is a node of it already.
    """

    segment: int
    share: Fraction
    place: Place
    edge: Edge | None


def meetings(line: Sequence[Place], edges: Sequence[Edge]) -> list[Meeting]:
    """Every place where a line meets edges, in the order of the line; one that is met at a node comes once an edge.

    The place of a proper crossing is rounded to the grid of the store. Of an edge that a segment runs along, both its
    nodes that lie on the segment are met, and the ends of the segment that lie on the edge.
    """
    if not edges:
        return []
    ends = np.array(edges)
    lows, highs = ends.min(axis=1), ends.max(axis=1)
    found = []
    for segment, (a, b) in enumerate(pairwise(line)):
        near = (lows <= np.maximum(a, b)).all(axis=1) & (highs >= np.minimum(a, b)).all(axis=1)
        for index in np.flatnonzero(near).tolist():
            found += _meet(segment, a, b, edges[index])
    return sorted(found, key=lambda meeting: (meeting.segment, meeting.share))


def along(edge: Edge, places: Iterable[Place]) -> list[Place]:
    """Places on an edge in its direction, each once."""
    (px, py), (qx, qy) = edge
    return sorted(set(places), key=lambda place: (place[0] - px) * (qx - px) + (place[1] - py) * (qy - py))


def _meet(segment: int, a: Place, b: Place, edge: Edge) -> list[Meeting]:
    p, q = edge
    p_side, q_side = turn(a, b, p), turn(a, b, q)
    if p_side * q_side > 0:
        return []
    a_side, b_side = turn(p, q, a), turn(p, q, b)
    if a_side * b_side > 0:
        return []
    if p_side * q_side < 0 and a_side * b_side < 0:
        share = Fraction(_turn(p, q, a), _turn(p, q, a) - _turn(p, q, b))
        place = rounded(_between(a[0], b[0], share), _between(a[1], b[1], share))
        return [Meeting(segment, share, place, None if place in edge else edge)]
    found = [
        Meeting(segment, _share(a, b, node), node, None)
        for node, side in ((p, p_side), (q, q_side))
        if side == 0 and _within(a, b, node)
    ]
    found += [
        Meeting(segment, Fraction(share), node, edge)
        for node, side, share in ((a, a_side, 0), (b, b_side, 1))
        if side == 0 and node not in edge and _within(p, q, node)
    ]
    return found


def _whole(value: float) -> int:
    return int(ldexp(value, SCALE))


def _turn(a: Place, b: Place, c: Place) -> int:
    cx, cy = _whole(c[0]), _whole(c[1])
    return (_whole(a[0]) - cx) * (_whole(b[1]) - cy) - (_whole(a[1]) - cy) * (_whole(b[0]) - cx)


def _ahead(at: Place, start: Place, end: Place) -> bool:
    """Whether two edges on one line through `at` lead the same way."""
    x, y = start[0] - at[0], start[1] - at[1]
    return (x > 0) == (end[0] > at[0]) and (x < 0) == (end[0] < at[0]) and (y > 0) == (end[1] > at[1])


def _sector(at: Place, start: Place, end: Place) -> int:
    """Clockwise from `start`: 0 below half a turn, 1 half a turn, 2 above, 3 a whole turn."""
    side = turn(at, start, end)
    if side:
        return 0 if side < 0 else 2
    return 3 if _ahead(at, start, end) else 1


def _before(at: Place, start: Place, one: Place, other: Place) -> bool:
    one_sector, other_sector = _sector(at, start, one), _sector(at, start, other)
    return one_sector < other_sector if one_sector != other_sector else turn(at, one, other) < 0


def _within(a: Place, b: Place, place: Place) -> bool:
    """Whether a place on the line of a segment lies on the segment."""
    return min(a[0], b[0]) <= place[0] <= max(a[0], b[0]) and min(a[1], b[1]) <= place[1] <= max(a[1], b[1])


def _share(a: Place, b: Place, place: Place) -> Fraction:
    axis = 0 if abs(b[0] - a[0]) >= abs(b[1] - a[1]) else 1
    return Fraction(_whole(place[axis]) - _whole(a[axis]), _whole(b[axis]) - _whole(a[axis]))


def _between(first: float, last: float, share: Fraction) -> float:
    start = _whole(first)
    exact = start * share.denominator + (_whole(last) - start) * share.numerator
    return ldexp(exact / share.denominator, -SCALE)
