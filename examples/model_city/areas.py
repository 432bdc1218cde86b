"""Areas of responsibility by field. Each field cuts the city in its own way; none follows the unit grids."""

from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from examples.model_city.names import Names
from examples.model_city.places import holder
from examples.model_city.positions import DECIMALS, LAT, LON, Positions
from examples.model_city.streets import DEGREES, Ints, Lattice, cut, draw

SEAM_DEGREES = 0.00015
"""Sanitation sections reach this far into each other's ground: some 15 m."""

_PIECES = (10, 16)


@dataclass(frozen=True, slots=True)
class Areas:
    """One layer of n areas, in the order of their codes. `department` holds keys of the roster of departments."""

    layer: str
    overlap: str
    polygons: NDArray[np.object_]
    codes: list[str]
    names: list[str]
    priority: Ints
    department: list[str]

    def holder(self, points: Positions) -> Ints:
        """(n,) the area responsible at each point: the highest priority, then the lowest code; -1 if none."""
        return holder(self.polygons, points, self.priority)


def draw_areas(rng: np.random.Generator, names: Names, city: Positions) -> tuple[dict[str, Areas], BaseGeometry]:
    """The layers by name, over the extent of the points of the `city`, and the hole that drainage leaves."""
    enforcement = _grid(rng, city, 10.3)
    police = _grid(rng, city, 14.7)
    drainage = _grid(rng, city, 17.3)
    sections = _grid(rng, city, 12.1)
    lots = _grid(rng, city, 7.6)
    drained, hole = _without_a_corner(drainage, city)
    box = shapely.box(*city.min(axis=0), *city.max(axis=0))

    def inside(cells: NDArray[np.object_]) -> NDArray[np.object_]:
        return cells[shapely.intersects(cells, box)]

    green = inside(_cells(lots))
    kept = rng.random(len(green)) < 0.4
    kept[len(green) // 2] = True
    layers = [
        _layer(names, "enforcement", "E", "执法片区", inside(_cells(enforcement)), own=1),
        _layer(names, "drainage", "D", "排水片区", inside(drained), own=3),
        _layer(names, "sanitation", "S", "环卫标段", _widened(inside(_cells(sections))), own=4, rng=rng),
        _layer(names, "greening", "G", "绿化标段", green[kept], own=6),
        _layer(names, "police", "P", "警务片区", inside(_cells(police)), own=1),
    ]
    return {areas.layer: areas for areas in layers}, hole


def _layer(
    names: Names,
    layer: str,
    letter: str,
    noun: str,
    polygons: NDArray[np.object_],
    *,
    own: int,
    rng: np.random.Generator | None = None,
) -> Areas:
    """The areas with codes and names; about `own` of them share a body. With `rng` they overlap, with priorities."""
    n = len(polygons)
    bodies = max(1, n // own)
    return Areas(
        layer=layer,
        overlap="none" if rng is None else "allowed",
        polygons=polygons,
        codes=[f"{letter}-{i + 1:05d}" for i in range(n)],
        names=[names.take() + noun for _ in range(n)],
        priority=np.zeros(n, dtype=np.int64) if rng is None else rng.integers(1, 3, n, endpoint=True),
        department=[f"{layer}:{i % bodies}" for i in range(n)],
    )


def _grid(rng: np.random.Generator, city: Positions, size: float) -> Lattice:
    """A coarse lattice that covers the city and a little more; its jitter and bows stay within a quarter of a cell."""
    low, high = ((extreme - [LON, LAT]) / DEGREES for extreme in (city.min(axis=0), city.max(axis=0)))
    size = min(size, float((high - low).min()) / 2.5)
    corner = low - size * rng.uniform(0.25, 0.75, 2)
    columns, rows = np.ceil((high - corner) / size + 0.25).astype(int)
    west, south = corner.tolist()
    return draw(rng, int(columns), int(rows), corner=(west, south), size=size, pieces=_PIECES)


def _cells(lattice: Lattice) -> NDArray[np.object_]:
    row, column = np.divmod(np.arange(lattice.nx * lattice.ny), lattice.nx)
    return cut(lattice, row, column, column).polygons()


def _without_a_corner(lattice: Lattice, city: Positions) -> tuple[NDArray[np.object_], BaseGeometry]:
    """The cells, but where four of them meet, north of the river, each loses its corner: ground that is nobody's."""
    cells = _cells(lattice)
    row, column = np.divmod(np.arange(lattice.nx * lattice.ny), lattice.nx)
    inner = (row > 0) & (column > 0)
    nodes = lattice.points[lattice.offsets[lattice.along(row[inner], column[inner])]]
    wanted = city.min(axis=0) + (city.max(axis=0) - city.min(axis=0)) * [0.45, 0.75]
    node = nodes[np.argmin(((nodes - wanted) ** 2).sum(axis=1))]
    around = np.nonzero(shapely.dwithin(cells, shapely.Point(node), 0))[0]
    before = shapely.union_all(cells[around])
    for cell in around:
        ring = shapely.get_coordinates(cells[cell])[:-1]
        cells[cell] = shapely.Polygon(ring[(ring != node).any(axis=1)])
    return cells, before.difference(shapely.union_all(cells[around]))


def _widened(cells: NDArray[np.object_]) -> NDArray[np.object_]:
    wide = shapely.buffer(cells, SEAM_DEGREES, join_style="mitre", mitre_limit=2.0)
    return np.asarray(shapely.transform(wide, lambda points: points.round(DECIMALS)))
