"""Small towns invented at random: seamless coverages of any form, with named gaps, divisions, areas and components.

Three manners. `plots` grow out of triangles: concave units, islands, holes, slivers, gaps at the rim, corners at which
many units meet. `blocks` are a jittered lattice with irregular edges. `model` is what the model city writes, imported
as anybody would. Whatever is drawn is told by two numbers, so that a town that breaks something can be drawn again.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from components.tables import component
from gis.coverage import check, dissolve
from gis.delivery import BOOKKEEPING
from gis.metres import per_degree
from gis.store.engine import Store
from gis.store.revisions import Change, allocate_uids
from gis.store.tables import BOX
from grids.edits.value import DIVISIONS, GAPS, UNITS, Feature
from grids.profiles import GBT
from tests.grids.edits.cities import BLANK, EAST, WEST, around_all, city, everything
from tests.grids.founding import found

MIDDLE = np.array([114.05, 22.54])
METRES = 1 / np.array([float(each) for each in per_degree(MIDDLE[1])])  # degrees that a metre is
ROOM_M = 900.0


@dataclass(frozen=True, slots=True)
class Town:
    """What is published first: units, named gaps, divisions, areas. Uids are those of the features."""

    features: tuple[Feature, ...]

    @property
    def units(self) -> list[Feature]:
        return [each for each in self.features if each.layer == UNITS]


def blocks(seed: int) -> Town:
    """A lattice with a lake, an island, a pond and a unit in two parts, or plain."""
    random = np.random.default_rng(seed)
    columns, rows = (5, 3) if seed % 2 else (int(random.integers(2, 5)), int(random.integers(2, 4)))
    ground = city(seed, columns, rows, plain=not seed % 2)
    units = everything(ground)
    others = [each for each in around_all(ground) if each.layer != DIVISIONS]
    return Town((*units, *_divisions(units), *others))


def plots(seed: int) -> Town:
    """Triangles of random places, joined at random, until they are a coverage as any grid must be."""
    for attempt in range(50):
        random = np.random.default_rng((seed, attempt))
        cells = _triangles(random)
        try:
            shapes, lakes = _joined(random, cells)
        except shapely.errors.GEOSException:  # a node beside an edge of a sliver lies beyond it
            continue
        if len(shapes) < 2 or not _is_sound(shapes, lakes):
            continue
        return Town(tuple(_features(shapes, lakes)))
    raise AssertionError(f"no town comes of seed {seed}")


def _triangles(random: np.random.Generator) -> list[list[tuple[float, float]]]:
    """The corners of triangles that fill a hull, with further nodes in some of their edges; the same on both sides."""
    places = random.uniform(0, ROOM_M, (int(random.integers(8, 40)), 2))
    few = int(random.integers(0, 5))
    close = places[:few] + random.uniform(0.3, 2.0, (few, 2))  # slivers, wider than what would be taken for a gap
    nodes = np.round(MIDDLE + np.concatenate([places, close]) * METRES, 11)
    found = shapely.get_parts(shapely.delaunay_triangles(shapely.MultiPoint(nodes)))
    ways: dict[tuple[Any, Any], list[Any]] = {}
    cells = []
    for corners in (shapely.get_coordinates(shapely.orient_polygons(each)).tolist() for each in found):
        ring: list[Any] = []
        for a, b in pairwise(map(tuple, corners)):
            if (b, a) not in ways:
                ways[a, b] = _way(random, a, b)
            ring += [a, *(ways[a, b] if (a, b) in ways else ways[b, a][::-1])]
        cells.append(ring)
    return cells


def _way(random: np.random.Generator, a: Any, b: Any) -> list[Any]:
    """Up to 4 nodes between two places: near the straight line, or on it as far as the grid of the store allows."""
    count = int(random.choice([0, 0, 0, 1, 2, 4]))
    shares = np.linspace(0, 1, count + 2)[1:-1, None]
    along = np.subtract(b, a)
    aside = random.uniform(-0.03, 0.03, shares.shape) * float(random.integers(0, 2))
    nodes = np.round(a + along * shares + np.array([-along[1], along[0]]) * aside, 11)
    return [tuple(each) for each in nodes.tolist()]


def _joined(random: np.random.Generator, cells: list[list[Any]]) -> tuple[list[Any], list[Any]]:
    """Units of one or more cells each, and the holes that cells of nobody leave."""
    holder = {edge: number for number, cell in enumerate(cells) for edge in pairwise([*cell, cell[0]])}
    beside = [
        {holder[b, a] for a, b in pairwise([*cell, cell[0]]) if (b, a) in holder} - {number}
        for number, cell in enumerate(cells)
    ]
    wanted = int(random.integers(3, 26))
    owner = np.full(len(cells), -1)
    owner[random.permutation(len(cells))[:wanted]] = np.arange(min(wanted, len(cells)))
    while (free := np.flatnonzero(owner < 0)).size:
        for cell in random.permutation(free).tolist():
            near = [each for each in beside[cell] if owner[each] >= 0]
            if near:
                owner[cell] = owner[random.choice(near)]
    nobodys = set(random.permutation(wanted)[: int(random.integers(0, 1 + wanted // 5))].tolist())
    if random.random() < 0.5 and wanted > 4:
        owner[owner == 1] = 0  # perhaps a unit in two parts
    polygons = [shapely.Polygon(cell) for cell in cells]
    units = [
        shapely.coverage_union_all([polygons[cell] for cell in np.flatnonzero(owner == unit)])
        for unit in sorted(set(owner.tolist()) - nobodys)
    ]
    return units, list(holes_of(shapely.coverage_union_all(units))) if units else []


def holes_of(shape: Any) -> Iterator[Any]:
    """What is enclosed, as polygons."""
    for part in shapely.get_parts(shape):
        for ring in part.interiors:
            yield shapely.Polygon(ring)


def _is_sound(shapes: list[Any], lakes: list[Any]) -> bool:
    polygons, names = np.array(shapes, dtype=object), np.array([f"{n:03d}" for n in range(len(shapes))])
    if not all(each.is_valid for each in (*shapes, *lakes)) or not shapely.coverage_is_valid(polygons):
        return False
    named = (np.array(lakes, dtype=object), np.array([f"lake {n}" for n in range(len(lakes))]))
    return not check(polygons, names, named if lakes else None)


def _features(shapes: list[Any], lakes: list[Any]) -> Iterator[Feature]:
    middle = float(np.median([each.centroid.x for each in shapes]))
    counts, units = {WEST: 0, EAST: 0}, []
    for shape in shapes:
        community = WEST if shape.centroid.x < middle else EAST
        counts[community] += 1
        units.append(Feature(UNITS, len(units) + 1, f"{community}{counts[community]:03d}", shape, {**BLANK}))
    yield from units
    yield from _divisions(units)
    for number, lake in enumerate(lakes):
        yield Feature(GAPS, 500 + number, f"lake-{number}", lake, {"name": f"lake {number}", "note": None})
    some = [unit.polygon for unit in units if unit.code.startswith(WEST)][:3]
    if some:
        yield Feature("areas.cleaning", 990, "some", shapely.coverage_union_all(some), {"name": None})


def _divisions(units: list[Feature]) -> Iterator[Feature]:
    """The divisions of every level, as the units draw them."""
    polygons, codes = np.array([unit.polygon for unit in units], dtype=object), [unit.code for unit in units]
    for level in GBT.levels:
        keys, outlines = dissolve(polygons, np.array([code[: level.length] for code in codes]))
        for key, outline in zip(keys.tolist(), outlines, strict=True):
            yield Feature(DIVISIONS, int(key), key, outline, {"name": key, "department": None})


def component_places(town: Town, count: int, seed: int) -> NDArray[np.float64]:
    """Places (count, 2) for components: within units, on nodes, on edges, anywhere."""
    random = np.random.default_rng(seed)
    shapes = [each.polygon for each in town.units]
    inside = shapely.get_coordinates(shapely.point_on_surface(random.choice(np.array(shapes, dtype=object), count)))
    nodes = shapely.get_coordinates(shapes)
    corners = nodes[random.integers(0, len(nodes), count)]
    on_edges = np.round((corners + nodes[random.integers(0, len(nodes), count)]) / 2, 11)
    chosen = random.integers(0, 3, count)
    return np.choose(chosen[:, None], [inside, corners, on_edges])


MANNERS = {"plots": plots, "blocks": blocks}


def settle(store: Store, town: Town, seed: int, components: int = 12) -> None:
    """Publish a town with some components as revision 1 of an empty store."""
    rows = []
    uids, left_out = allocate_uids(store, components), {*BOX, *BOOKKEEPING}
    for uid, place in zip(uids, component_places(town, components, seed), strict=True):
        row = {column.name: None for column in component.c if column.name not in left_out}
        row |= {"uid": uid, "owner": "", "code": f"C{uid}", "edition": "2026", "class_code": "01037"}
        rows.append({**row, "geom": shapely.Point(place)})
    found(store, town.features, Change(component, np.array([], dtype=np.int64), rows))
