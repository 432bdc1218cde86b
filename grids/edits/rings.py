"""Polygons as rings of places: edges with the ground on their left, nodes put into edges, faces traced from edges."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import pairwise

import numpy as np
import shapely
from shapely import MultiPolygon, Polygon

from grids.edits.exact import Edge, Place, clockwise_first, turn

Ring = list[Place]  # the first place is repeated at the end
Parts = list[list[Ring]]  # of each part the shell, then its holes
Shape = Polygon | MultiPolygon


def parts_of(shape: Shape) -> Parts:
    """The rings of a shape as they are stored."""
    polygons = shapely.get_parts(shape)
    rings, part = shapely.get_rings(polygons, return_index=True)
    found: Parts = [[] for _ in polygons]
    for ring, owner in zip(rings, part.tolist(), strict=True):
        found[owner].append([(x, y) for x, y in shapely.get_coordinates(ring).tolist()])
    return found


def shape_of(parts: Parts, multiple: bool = False) -> Shape:
    """The shape that has these rings; a MultiPolygon when asked or when there are several parts."""
    polygons = [polygon_of(rings) for rings in parts]
    return MultiPolygon(polygons) if multiple or len(polygons) > 1 else polygons[0]


def polygon_of(rings: Sequence[Ring]) -> Polygon:
    """The polygon that has these rings, the shell first."""
    shell, *holes = (np.array(ring) for ring in rings)  # from arrays it is made several times faster
    return Polygon(shell, holes)


def edges_of(shape: Shape) -> list[Edge]:
    """Every edge once, in the direction that has the shape's ground on its left."""
    oriented = shapely.orient_polygons(shape)
    return [edge for part in parts_of(oriented) for ring in part for edge in pairwise(ring)]


def with_nodes(ring: Ring, added: Mapping[Edge, Sequence[Place]]) -> Ring:
    """A ring with nodes put into edges. `added` holds each edge in both directions, its nodes in that direction."""
    result = ring[:1]
    for edge in pairwise(ring):
        result += added.get(edge, ())
        result.append(edge[1])
    return result


def with_chain(ring: Ring, old: Sequence[Place], new: Sequence[Place]) -> Ring | None:
    """A ring with one way between two of its nodes in place of another, None when it has not the whole old way."""
    places = ring[:-1]
    for way, instead in ((list(old), list(new)), (list(old)[::-1], list(new)[::-1])):
        if way[0] not in places:
            return None
        first = places.index(way[0])
        turned = places[first:] + places[:first] + [places[first]]
        if turned[: len(way)] == way:
            result = instead + turned[len(way) :]
            # The ring begins where it began, unless that node is gone.
            start = result.index(ring[0]) if ring[0] in result else 0
            return result[start:-1] + result[:start] + [result[start]] if start else result
    return None


def mapped(parts: Parts, change: Callable[[Ring], Ring]) -> Parts:
    """The same parts with every ring changed."""
    return [[change(ring) for ring in rings] for rings in parts]


def leads_inward(edges: Sequence[Edge], node: Place, to: Place) -> bool:
    """Whether the way from a node of a boundary leads into the ground on the left of its edges, told exactly."""
    onward = {q for p, q in edges if p == node}
    ways = sorted(onward | {p for p, q in edges if q == node})
    return clockwise_first(node, to, ways) in onward


def outline(edges: Iterable[Edge]) -> list[Edge]:
    """What is left of edges when those that run both ways are taken out: the outer edges of what they bound."""
    left = set(edges)
    return [(p, q) for p, q in sorted(left) if (q, p) not in left]


def faces(closed: Iterable[Ring]) -> list[Polygon]:
    """The polygons that `walks` bound, each connected, from west to east.

    A walk that comes back to one of its own nodes is cut there into a shell and holes. Shells run counterclockwise,
    holes clockwise, and every ring begins at its lowest place. Errors: ValueError when a hole lies in no shell.
    """
    shells: list[tuple[Ring, list[Ring]]] = []
    loose: list[Ring] = []
    for walk in closed:
        loops = _loops(walk)
        outer = [loop for loop in loops if _counterclockwise(loop)]
        holes = [loop for loop in loops if not _counterclockwise(loop)]
        if len(outer) > 1:
            raise ValueError("edges cross")
        if outer:
            shells.append((outer[0], holes))
        else:
            loose += holes
    shapes = [Polygon(shell) for shell, _ in shells]
    for hole in loose:
        around = [index for index, shape in enumerate(shapes) if shape.contains(shapely.Point(hole[0]))]
        if not around:
            raise ValueError("a hole lies in no shell")
        shells[min(around, key=lambda index: shapes[index].area)][1].append(hole)
    found = [polygon_of([_begun(shell), *sorted(_begun(hole) for hole in holes)]) for shell, holes in shells]
    return sorted(found, key=lambda polygon: polygon.exterior.coords[0])


def walks(edges: Iterable[Edge]) -> list[Ring]:
    """Edges joined to closed ways, each with one connected piece of ground on its left.

    At a node where several ways go on, the leftmost is taken, by exact turns. Errors: ValueError when edges do not
    close to rings.
    """
    onward: dict[Place, list[Place]] = defaultdict(list)
    for p, q in sorted(set(edges)):
        onward[p].append(q)
    closed = []
    for start in list(onward):
        while onward[start]:
            at, to = start, onward[start].pop()
            walk = [at]
            while to != start or _turns_on(onward, start, at, walk[1] if len(walk) > 1 else to):
                walk.append(to)
                ways = onward[to]
                if not ways:
                    raise ValueError("edges do not close to rings")
                way = ways[0] if len(ways) == 1 else clockwise_first(to, at, ways)
                ways.remove(way)
                at, to = to, way
            walk.append(start)
            closed.append(walk)
    return closed


def _turns_on(onward: Mapping[Place, Sequence[Place]], start: Place, back: Place, first: Place) -> bool:
    """Whether a way that has come back to its start goes on there, before it would take its first edge again."""
    ways = onward[start]
    return bool(ways) and clockwise_first(start, back, [first, *ways]) != first


def _loops(walk: Ring) -> list[Ring]:
    """A closed way cut at every node that it comes back to."""
    loops, way, position = [], list[Place](), dict[Place, int]()
    for place in walk:
        if place in position:
            first = position[place]
            loops.append([*way[first:], place])
            for gone in way[first + 1 :]:
                del position[gone]
            del way[first + 1 :]
        else:
            position[place] = len(way)
            way.append(place)
    return loops


def _counterclockwise(ring: Ring) -> bool:
    """Which way a ring without self-touching runs, told exactly at its lowest place."""
    low = min(range(len(ring) - 1), key=lambda index: ring[index])
    return turn(ring[low - 1] if low else ring[-2], ring[low], ring[low + 1]) > 0


def _begun(ring: Ring) -> Ring:
    """A ring begun at its lowest place."""
    low = min(range(len(ring) - 1), key=lambda index: ring[index])
    return ring[low:-1] + ring[:low] + [ring[low]]
