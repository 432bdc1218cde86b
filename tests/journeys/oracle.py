"""What GEOS says of points and polygons, asked in the plainest way: one predicate on one pair at a time."""

from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray


def holders(polygons: NDArray[Any], codes: NDArray[Any], points: NDArray[Any]) -> list[list[str]]:
    """For each point (n, 2) the codes of all polygons that cover it, lowest first."""
    shapes = shapely.points(points)
    point, polygon = shapely.STRtree(polygons).query(shapes)
    shapely.prepare(polygons)
    covers = shapely.covers(polygons[polygon], shapes[point])
    found: list[list[str]] = [[] for _ in range(len(points))]
    for index, code in zip(point[covers].tolist(), codes[polygon[covers]].tolist(), strict=True):
        found[index].append(code)
    return [sorted(each) for each in found]


def lowest(polygons: NDArray[Any], codes: NDArray[Any], points: NDArray[Any]) -> list[str | None]:
    """For each point (n, 2) the lowest code of the polygons that cover it."""
    return [held[0] if held else None for held in holders(polygons, codes, points)]


def vertices(polygons: NDArray[Any]) -> NDArray[Any]:
    """Every vertex (n, 2) once."""
    return np.unique(shapely.get_coordinates(polygons), axis=0)


def scattered(polygons: NDArray[Any], count: int, seed: int) -> NDArray[Any]:
    """Points (count, 2) all over the box of the polygons and a little beyond, on the grid of stored coordinates."""
    west, south, east, north = shapely.total_bounds(polygons)
    margin = 0.02 * (east - west)
    random = np.random.default_rng(seed)
    xy = random.uniform((west - margin, south - margin), (east + margin, north + margin), (count, 2))
    return xy.round(9)
