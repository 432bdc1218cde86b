"""Whether a new unit encloses ground between itself and what is there.

New ground can shut something in only where it meets the others in two or more separate stretches, or within a hole of
its own. Only then is the rim of the ground beside it followed, node by node and by exact turns, until it closes: the
rim of enclosed ground runs counterclockwise as seen from inside, that of the open country clockwise.
"""

from collections import defaultdict
from collections.abc import Sequence
from itertools import pairwise

import shapely
from shapely import Polygon

from grids.edits.exact import Edge, Place, clockwise_first
from grids.edits.ground import Box, Ground, Key
from grids.edits.rings import Shape, edges_of, parts_of
from grids.edits.value import GAPS

FARTHEST = 200_000  # nodes after which a rim is taken for that of the open country
LOADED_DEG = 0.003  # half the width of what is read at a time


def enclosed(ground: Ground, shape: Shape) -> Polygon | None:
    """Ground that a shape encloses together with other units and named gaps, None when there is none.

    `ground` holds the shape already, as one of its units.
    """
    land = _Land(ground, shape)
    for part in parts_of(shapely.orient_polygons(shape)):
        for number, ring in enumerate(part):
            steps = list(pairwise(ring))
            free = [(q, p) not in land.edges_at(q) for p, q in steps]
            touched = [land.is_touched(p) for p, _ in steps]
            if not any(free) or (number == 0 and _stretches(free, touched) < 2):
                continue
            for is_free, (p, q) in zip(free, steps, strict=True):
                rim = land.rim((q, p)) if is_free else None
                if rim is not None:
                    return Polygon(rim)
    return None


def _stretches(free: Sequence[bool], touched: Sequence[bool]) -> int:
    """In how many separate stretches a ring meets others, by edges that it has in common or by nodes alone."""
    found = 0
    for index, node in enumerate(touched):
        before, behind = free[index - 1], free[index]
        found += (node and before and behind) or (before and not behind)
    return found


class _Land:
    """The edges of everything solid, read where they are asked for."""

    def __init__(self, ground: Ground, shape: Shape) -> None:
        self.ground = ground
        self.own = set(edges_of(shape))
        self.onward: dict[Place, set[Edge]] = defaultdict(set)
        self.seen: set[Key] = set()
        self.loaded: list[Box] = []

    def edges_at(self, place: Place) -> set[Edge]:
        """All edges that begin or end at a place, their ground on the left."""
        if not any(w <= place[0] <= e and s <= place[1] <= n for w, s, e, n in self.loaded):
            self._load(place)
        return self.onward[place]

    def is_touched(self, place: Place) -> bool:
        """Whether something else than the new shape has a node here."""
        return not self.edges_at(place) <= self.own

    def rim(self, first: Edge) -> list[Place] | None:
        """The way around the free ground on the left of an edge, when it is closed and the ground inside."""
        start, at, to = first[0], first[0], first[1]
        way = [start]
        while len(way) < FARTHEST:
            way.append(to)
            edges = self.edges_at(to)
            # The free ground is on the left of a way that some ground has on its right.
            ways = [p for p, q in edges if q == to and (q, p) not in edges]
            if not ways:
                return None
            at, to = to, clockwise_first(to, at, ways)
            if (at, to) == first:
                return way if _counterclockwise(way) else None
        return None

    def _load(self, place: Place) -> None:
        x, y = place
        box = (x - LOADED_DEG, y - LOADED_DEG, x + LOADED_DEG, y + LOADED_DEG)
        self.loaded.append(box)
        gaps = [each for each in self.ground.followers(box) if each.layer == GAPS]
        for each in (*self.ground.units(box), *gaps):
            if each.key in self.seen:
                continue
            self.seen.add(each.key)
            for edge in edges_of(each.shape):
                self.onward[edge[0]].add(edge)
                self.onward[edge[1]].add(edge)


def _counterclockwise(way: Sequence[Place]) -> bool:
    """Which way a closed way runs. It may touch itself, so that no single node tells; its area is far from 0."""
    x, y = way[0]
    return sum((a - x) * (d - y) - (c - x) * (b - y) for (a, b), (c, d) in pairwise(way)) > 0
