"""Where things stand: points along the streets and inside the blocks, and who holds a point."""

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from examples.model_city.positions import DECIMALS, Positions, moved
from examples.model_city.streets import Ints, Rings


def scatter(
    rng: np.random.Generator, rings: Rings, polygons: NDArray[np.object_], unit: Ints, near: float = 0.8
) -> tuple[Positions, NDArray[np.bool_]]:
    """A point for each `unit` (n,), the share `near` of them within 15 m of a street and the others anywhere inside.

    The second array says which points really lie inside their unit (nine in ten); leave out the others.
    """
    first, last = rings.offsets[unit], rings.offsets[unit + 1] - 1
    side = first + (rng.random(len(unit)) * (last - first)).astype(np.int64)
    a, b = rings.points[side], rings.points[side + 1]
    kerb = a + (b - a) * rng.random((len(unit), 1))
    # Rings run anticlockwise, so the inside is on the left hand: this far from the street, in metres.
    inward = np.stack([a[:, 1] - b[:, 1], b[:, 0] - a[:, 0]], axis=1)
    inward /= np.hypot(inward[:, 0], inward[:, 1])[:, None]
    depth = np.minimum(0.3 + rng.exponential(4.0, len(unit)), 15.0)
    points = moved(kerb, inward[:, 0] * depth, inward[:, 1] * depth)
    low = np.minimum.reduceat(rings.points, rings.offsets[:-1])
    high = np.maximum.reduceat(rings.points, rings.offsets[:-1])
    anywhere = low[unit] + (high - low)[unit] * rng.random((len(unit), 2))
    points = np.where(rng.random((len(unit), 1)) < near, points, anywhere).round(DECIMALS)
    return points, shapely.contains_xy(polygons[unit], points[:, 0], points[:, 1])


def within(rng: np.random.Generator, polygon: BaseGeometry, count: int) -> Positions:
    """`count` points inside the polygon or multipolygon, uniform."""
    if count == 0:
        return np.empty((0, 2))
    shapely.prepare(polygon)
    west, south, east, north = polygon.bounds
    found: list[Positions] = []
    while sum(map(len, found)) < count:
        tried = rng.uniform([west, south], [east, north], (4 * count + 100, 2)).round(DECIMALS)
        found.append(tried[shapely.contains_xy(polygon, tried[:, 0], tried[:, 1])])
    return np.concatenate(found)[:count]


def holder(polygons: NDArray[np.object_], points: Positions, priority: Ints | None = None) -> Ints:
    """(n,) the polygon that holds each point, -1 if none; of several the highest priority, then the first."""
    rank = np.arange(len(polygons)) if priority is None else np.argsort(np.argsort(-priority, kind="stable"))
    tree = shapely.STRtree(np.asarray(shapely.points(points)))
    polygon, point = tree.query(polygons, predicate="intersects")
    order = np.argsort(-rank[polygon], kind="stable")
    held = np.full(len(points), -1, dtype=np.int64)
    held[point[order]] = polygon[order]  # the best comes last and stays
    return held
