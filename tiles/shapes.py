"""Geometries of a layer as flat arrays in Web Mercator, which compiled code reads without touching Python."""

from typing import Any, Final, NamedTuple

import numpy as np
import shapely
from numpy.typing import NDArray

from tiles.matrix import mercator

POINT: Final = 1
LINE: Final = 2
POLYGON: Final = 3


class Shapes(NamedTuple):
    """n features of p paths: a path is a point, a line, or a ring without its closing point.

    A named tuple, for numba takes one as an argument. Feature i is of `kinds[i]` (POINT, LINE, POLYGON as Mapbox Vector
    Tile numbers them, 0 without a geometry) and has the paths `first_path[i]` up to `first_path[i + 1]`; path j has the
    points `first_point[j]` up to `first_point[j + 1]` of `xy` (v, 2), metres of EPSG:3857. Rings follow the ring that
    bounds their polygon; `holes[j]` tells a hole. `bounds` (n, 4) is nan where there is nothing that can be drawn.
    """

    kinds: NDArray[np.uint8]
    bounds: NDArray[np.float64]
    first_path: NDArray[np.int64]
    first_point: NDArray[np.int64]
    holes: NDArray[np.bool_]
    xy: NDArray[np.float64]


def flatten(geometries: NDArray[Any]) -> Shapes:
    """Shapes of shapely geometries or None (n,), lon, lat in degrees.

    Of a collection the parts of the highest dimension are kept, since a tile's feature has one kind. Z is dropped. A
    feature with a coordinate that is not a finite number has no bounds, and so is never drawn.
    """
    parts, owners = _parts(geometries)
    dimensions = shapely.get_dimensions(parts)
    highest = np.full(len(geometries), -1, dtype=np.int64)
    np.maximum.at(highest, owners, dimensions)
    kept = dimensions == highest[owners]
    parts, owners, area = parts[kept], owners[kept], dimensions[kept] == 2

    rings, polygon = shapely.get_rings(parts[area], return_index=True)
    others = parts[~area]
    order = np.argsort(np.concatenate([owners[~area], owners[area][polygon]]), kind="stable")
    paths = np.concatenate([others, rings])[order]
    path_owners = np.concatenate([owners[~area], owners[area][polygon]])[order]
    closed = (np.arange(len(order)) >= len(others))[order]
    holes = np.concatenate([np.zeros(len(others), dtype=np.bool_), polygon == np.roll(polygon, 1)])
    if len(rings):
        holes[len(others)] = False  # the first ring has none before it, and so bounds a polygon

    lonlat, path = shapely.get_coordinates(paths, return_index=True)
    counts = np.bincount(path, minlength=len(paths))
    xy = mercator(np.delete(lonlat, (np.cumsum(counts) - 1)[closed], axis=0))
    first_point = _offsets(counts - closed)
    first_path = _offsets(np.bincount(path_owners, minlength=len(geometries)))
    return Shapes(
        kinds=(highest + 1).astype(np.uint8),
        bounds=_bounds(xy, first_point[first_path]),
        first_path=first_path,
        first_point=first_point,
        holes=holes[order],
        xy=xy,
    )


def _parts(geometries: NDArray[Any]) -> tuple[NDArray[Any], NDArray[np.int64]]:
    """Every single geometry that is not empty, and the feature it is of."""
    parts, owners = shapely.get_parts(geometries, return_index=True)
    while (shapely.get_type_id(parts) > 3).any():  # a collection may hold collections
        parts, inner = shapely.get_parts(parts, return_index=True)
        owners = owners[inner]
    filled = ~shapely.is_empty(parts)
    return parts[filled], owners[filled].astype(np.int64)


def _offsets(counts: NDArray[Any]) -> NDArray[np.int64]:
    return np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)


def _bounds(xy: NDArray[np.float64], first: NDArray[np.int64]) -> NDArray[np.float64]:
    """Boxes (n, 4) of features whose points begin at `first` (n + 1,); nan for a feature without points."""
    boxes = np.full((len(first) - 1, 4), np.nan)
    filled = np.flatnonzero(first[1:] > first[:-1])
    if len(filled):
        boxes[filled, :2] = np.minimum.reduceat(xy, first[filled])
        boxes[filled, 2:] = np.maximum.reduceat(xy, first[filled])
    return boxes
