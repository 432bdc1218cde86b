"""Snapping: make nearly common edges of polygons common, within a tolerance, and tell every move.

Only loose edges are touched, those that a coverage check finds without an equal partner nearby. First nodes: of loose
nodes within the tolerance of each other all move to one, so that none moves farther than the tolerance; a node that an
edge-matched polygon uses never moves. Then edges: a loose node within the tolerance of a loose edge is put into it.
What is wider than the tolerance stays as it is, for `gis.coverage.check` to tell. (The coverage cleaner of GEOS is not
used: it removes overlaps of any size and gives no account of what it moved.)
"""

from collections import defaultdict
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from gis.cover import are_areal
from gis.metres import Floats, Indices, Paths, boxes, per_degree, widest_degrees

PASSES = 4  # a node put into an edge may come to lie within the tolerance of another

Geometries = NDArray[Any]
Place = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Move:
    """A node of polygon number `polygon` went from `source` to `target`, lon/lat, `metres` far.

    `inserted`: the node is new; `source` is then the place on the old edge that it bends to `target`.
    """

    polygon: int
    source: Place
    target: Place
    metres: float
    inserted: bool = False


def snap(polygons: Geometries, tolerance_m: float) -> tuple[Geometries, list[Move]]:
    """Close gaps and overlaps narrower than `tolerance_m` metres between polygons (n,), lon/lat EPSG:4490.

    Gives the polygons, of which those without a move are the very same objects, and the moves by pass. A polygon
    that snapping would make invalid keeps its shape; missing and invalid ones are left alone. ValueError for a negative
    tolerance.
    """
    if not tolerance_m >= 0:
        raise ValueError("a tolerance is a number of metres that is not negative")
    snapped, moves = np.array(polygons, dtype=object), list[Move]()
    usable = np.flatnonzero(are_areal(snapped) & shapely.is_valid(snapped))
    if tolerance_m == 0 or len(usable) == 0:
        return snapped, moves
    usable = usable[_concerned(snapped[usable], tolerance_m)]
    current = snapped[usable]
    for _ in range(PASSES):
        # What was moved or put in stays: the moves of several passes must not add up.
        anchors = np.array([move.target for move in moves]).reshape(-1, 2)
        made = _move_nodes(current, anchors, tolerance_m) + _fill_edges(current, tolerance_m)
        moves += made
        if not made:
            break
    snapped[usable] = current
    return snapped, [replace(move, polygon=int(usable[move.polygon])) for move in moves]


def _concerned(polygons: Geometries, tolerance_m: float) -> Indices:
    """The polygons with a loose edge and their neighbours: all that the passes need to see."""
    loose = np.unique(_loose_edges(polygons, tolerance_m)[1])
    reach = widest_degrees(polygons, tolerance_m)
    return np.unique(shapely.STRtree(polygons).query(polygons[loose], predicate="dwithin", distance=reach)[1])


def _loose_edges(polygons: Geometries, tolerance_m: float) -> tuple[Floats, Indices]:
    """The edges without an equal partner: their ends (k, 2, 2) and the polygon of each (k,)."""
    found = shapely.coverage_invalid_edges(polygons, gap_width=widest_degrees(polygons, tolerance_m))
    lines, owner = shapely.get_parts(found, return_index=True)
    coords, line = shapely.get_coordinates(lines, return_index=True)
    same = line[1:] == line[:-1]
    return np.stack([coords[:-1][same], coords[1:][same]], axis=1), owner[line[:-1][same]].astype(np.int64)


def _move_nodes(polygons: Geometries, anchors: Floats, tolerance_m: float) -> list[Move]:
    """Move loose nodes other than `anchors` onto each other, in place."""
    edges, owner = _loose_edges(polygons, tolerance_m)
    if len(edges) == 0:
        return []
    nodes, number = np.unique(edges.reshape(-1, 2), axis=0, return_inverse=True)
    loose = np.unique(owner)
    fixed = np.isin(_keys(nodes), _keys(np.vstack([_nodes_beside(polygons, loose), anchors])))
    uses = np.unique(np.column_stack([number.reshape(-1), np.repeat(owner, 2)]), axis=0)
    shared = np.bincount(uses[:, 0], minlength=len(nodes))
    target = _targets(nodes, fixed, np.lexsort((-shared, ~fixed)), tolerance_m)
    moved = np.flatnonzero(target != np.arange(len(nodes)))
    if len(moved) == 0:
        return []
    places = dict(zip(map(tuple, nodes[moved].tolist()), map(tuple, nodes[target[moved]].tolist()), strict=True))
    moves = []
    for index in loose.tolist():
        here = {node: places[node] for node in _node_set(polygons[index]) if node in places}
        if not here:
            continue
        rings = [[[here.get(node, node) for node in ring] for ring in part] for part in _rings(polygons[index])]
        if _replace(polygons, index, rings):
            moves += [Move(index, old, new, _metres(old, new)) for old, new in sorted(here.items())]
    return moves


def _targets(nodes: Floats, fixed: NDArray[np.bool_], order: Indices, tolerance_m: float) -> Indices:
    """The node (m,) that each node moves to: itself, or one within the tolerance that stays.

    Nodes are served in `order`: the first takes all within its reach that are still free.
    """
    points: Geometries = np.asarray(shapely.points(nodes))
    one, other = shapely.STRtree(points).query(boxes(nodes, tolerance_m)).astype(np.int64)
    near = (one != other) & (Paths.of(points).distances(nodes, one, other) <= tolerance_m)
    neighbours = defaultdict(list)
    for a, b in zip(one[near].tolist(), other[near].tolist(), strict=True):
        neighbours[a].append(b)
    target = np.arange(len(nodes))
    settled = fixed.copy()
    for node in order.tolist():
        if target[node] != node:
            continue
        settled[node] = True
        for neighbour in neighbours[node]:
            if not settled[neighbour]:
                settled[neighbour], target[neighbour] = True, node
    return target


def _fill_edges(polygons: Geometries, tolerance_m: float) -> list[Move]:
    """Put loose nodes into the loose edges they lie at, in place."""
    edges, owner = _loose_edges(polygons, tolerance_m)
    if len(edges) == 0:
        return []
    nodes = np.unique(edges.reshape(-1, 2), axis=0)
    lines: Geometries = np.asarray(shapely.linestrings(edges))
    node, edge = shapely.STRtree(lines).query(boxes(nodes, tolerance_m)).astype(np.int64)
    metres = Paths.of(lines).distances(nodes, node, edge)
    # Where along the edge, on the plane at the node; only what is abreast of the edge, its ends excluded.
    scale = np.column_stack(per_degree(nodes[node, 1]))
    start, span = edges[edge, 0], (edges[edge, 1] - edges[edge, 0]) * scale
    along = (((nodes[node] - start) * scale) * span).sum(axis=1) / np.maximum((span**2).sum(axis=1), 1e-18)
    own = {index: _node_set(polygons[index]) for index in np.unique(owner).tolist()}
    wanted: dict[int, dict[tuple[Place, Place], list[tuple[float, Place, float]]]] = defaultdict(
        lambda: defaultdict(list)
    )
    for k in np.flatnonzero((metres <= tolerance_m) & (along > 0) & (along < 1)).tolist():
        place, index = tuple(nodes[node[k]].tolist()), int(owner[edge[k]])
        if place not in own[index]:
            first, last = map(tuple, edges[edge[k]].tolist())
            wanted[index][first, last].append((float(along[k]), place, float(metres[k])))
    moves = []
    for index, insertions in sorted(wanted.items()):
        rings = [[_filled(ring, insertions) for ring in part] for part in _rings(polygons[index])]
        if _replace(polygons, index, rings):
            moves += [
                Move(index, _between(first, last, share), place, far, inserted=True)
                for (first, last), found in sorted(insertions.items())
                for share, place, far in sorted(found)
            ]
    return moves


def _filled(ring: list[Place], insertions: dict[tuple[Place, Place], list[tuple[float, Place, float]]]) -> list[Place]:
    """The ring with the nodes to insert, whichever way round it runs along an edge."""
    found = ring[:1]
    for first, last in pairwise(ring):
        found += [place for _, place, _ in sorted(insertions.get((first, last), []))]
        found += [place for _, place, _ in sorted(insertions.get((last, first), []), reverse=True)]
        found.append(last)
    return found


def _nodes_beside(polygons: Geometries, loose: Indices) -> Floats:
    """The nodes of the edge-matched polygons that have a loose one as neighbour."""
    beside = np.unique(shapely.STRtree(polygons).query(polygons[loose])[1])
    found: Floats = shapely.get_coordinates(polygons[np.setdiff1d(beside, loose)])
    return found


def _replace(polygons: Geometries, index: int, rings: list[list[list[Place]]]) -> bool:
    """Give a polygon new rings, without repeated nodes; False, and unchanged, where that is no valid polygon."""
    bare = [[[node for k, node in enumerate(ring) if k == 0 or node != ring[k - 1]] for ring in part] for part in rings]
    if any(len(ring) < 4 for part in bare for ring in part):
        return False
    parts = [shapely.Polygon(part[0], part[1:]) for part in bare]
    changed = parts[0] if polygons[index].geom_type == "Polygon" else shapely.MultiPolygon(parts)
    if not changed.is_valid:
        return False
    polygons[index] = changed
    return True


def _rings(polygon: shapely.Geometry) -> list[list[list[Place]]]:
    """The nodes of all rings of all parts, shells first."""
    return [
        [[(x, y) for x, y in shapely.get_coordinates(ring).tolist()] for ring in shapely.get_rings(part)]
        for part in shapely.get_parts(polygon)
    ]


def _node_set(polygon: shapely.Geometry) -> set[Place]:
    return {(x, y) for x, y in shapely.get_coordinates(polygon).tolist()}


def _keys(nodes: Floats) -> NDArray[np.complex128]:
    """One comparable number for each node (m, 2)."""
    found: NDArray[np.complex128] = nodes[:, 0] + 1j * nodes[:, 1]
    return found


def _metres(a: Place, b: Place) -> float:
    origin = np.zeros(1, dtype=np.int64)
    return float(Paths.of(shapely.points([b])).distances(np.array([a]), origin, origin)[0])


def _between(first: Place, last: Place, share: float) -> Place:
    return first[0] + (last[0] - first[0]) * share, first[1] + (last[1] - first[1]) * share
