"""Which polygons hold a point, and how far it is to an edge: immutable, vectorised, exact.

A polygon holds the points of its inside and of its boundary, as GEOS decides it (exact arithmetic where a sign is in
doubt). So a point on a shared edge has two holders; the tie rule gives it to the lowest code in UTF-8 byte order.
Metres are those of `gis.metres`: straight edges in lon/lat, error below 1e-6 up to 1 km.
"""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import shapely
from numpy.typing import ArrayLike, NDArray

from gis.metres import Floats, Indices, Paths, boxes, checked_reach

FIRST_STEPS_M = (30.0, 300.0)  # reaches tried first for the nearest edge: half a unit grid, and its neighbourhood


def byte_order(codes: NDArray[Any]) -> Indices:
    """The permutation (n,) that sorts text in UTF-8 byte order; equal texts keep their order.

    Text compares by code point in Python and numpy, and UTF-8 keeps the order of code points.
    """
    return np.argsort(codes, kind="stable").astype(np.int64)


@dataclass(frozen=True, slots=True)
class PolygonIndex:
    """n polygons with their codes, ready to be asked about points.

    Points are `lonlat` (m, 2) float64 in EPSG:4490. A point with a coordinate that is not finite is held by nothing,
    near nothing and infinitely far from every edge. Polygons may overlap, leave gaps and repeat codes; among equal
    codes the first polygon is the lowest. Safe to share between threads.
    """

    polygons: NDArray[Any]
    codes: NDArray[Any]
    ranks: Indices  # of the codes in byte order
    tree: shapely.STRtree
    rings: Paths

    @classmethod
    def build(cls, polygons: NDArray[Any], codes: NDArray[Any]) -> Self:
        """Index `polygons` (n,) of Polygon or MultiPolygon under `codes` (n,) of text.

        ValueError where a polygon is missing, empty or of another type, or where the lengths differ.
        """
        polygons, codes = np.asarray(polygons, dtype=object), np.asarray(codes)
        if polygons.shape != codes.shape or polygons.ndim != 1:
            raise ValueError("polygons and codes are two arrays of the same length")
        wrong = ~np.isin(shapely.get_type_id(polygons), (3, 6)) | shapely.is_empty(polygons)
        if wrong.any():
            raise ValueError(f"a polygon is missing, empty or not a polygon: number {int(np.flatnonzero(wrong)[0])}")
        ranks = np.empty(len(codes), dtype=np.int64)
        ranks[byte_order(codes)] = np.arange(len(codes))
        return cls(polygons, codes, ranks, shapely.STRtree(polygons), Paths.of(polygons))

    def __len__(self) -> int:
        return len(self.polygons)

    def holders(self, lonlat: Floats) -> tuple[Indices, Indices]:
        """Every polygon that covers each point: (point index (k,), polygon index (k,)), by point, then by code."""
        finite, places = _finite(lonlat)
        point, polygon = self.tree.query(shapely.points(places), predicate="intersects").astype(np.int64)
        order = np.lexsort((self.ranks[polygon], point))
        return finite[point[order]], polygon[order]

    def lowest(self, lonlat: Floats) -> Indices:
        """The polygon (m,) of the lowest code that covers each point, -1 where none does."""
        point, polygon = self.holders(lonlat)
        found = np.full(len(lonlat), -1, dtype=np.int64)
        found[point[::-1]] = polygon[::-1]  # the first of each point is written last
        return found

    def near(self, lonlat: Floats, reach_m: ArrayLike) -> tuple[Indices, Indices, Floats]:
        """Every polygon with an edge within `reach_m` (scalar or (m,), inclusive) of each point.

        Gives (point index (k,), polygon index (k,), metres to that polygon's nearest edge (k,)), by point, then by
        code. For a polygon that holds the point the distance is how far one goes to leave it or to fall into a hole.
        """
        reach = checked_reach(reach_m, len(lonlat))
        finite, places = _finite(lonlat)
        point, polygon = self.tree.query(boxes(places, reach[finite])).astype(np.int64)
        metres = self.rings.distances(places, point, polygon)
        within = metres <= reach[finite[point]]
        point, polygon, metres = point[within], polygon[within], metres[within]
        order = np.lexsort((self.ranks[polygon], point))
        return finite[point[order]], polygon[order], metres[order]

    def edge_distance(self, lonlat: Floats, reach_m: ArrayLike = np.inf) -> Floats:
        """Metres (m,) to the nearest edge of any polygon within `reach_m` (scalar or (m,), inclusive), inf beyond.

        With an infinite reach the true nearest edge of all, however far outside the point lies.
        """
        reach = checked_reach(reach_m, len(lonlat))
        found = np.full(len(lonlat), np.inf)
        left, _ = _finite(lonlat)
        for step in FIRST_STEPS_M:
            point, _, metres = self.near(lonlat[left], np.minimum(step, reach[left]))
            np.minimum.at(found, left[point], metres)
            left = left[np.isinf(found[left]) & (reach[left] > step)]
        # Far from every edge the polygon that is nearest in degrees bounds the distance: no edge beyond it counts.
        seen, polygon = self.tree.query_nearest(shapely.points(lonlat[left]), all_matches=False).astype(np.int64)
        bound = self.rings.distances(lonlat[left], seen, polygon)
        left = left[seen]
        point, _, metres = self.near(lonlat[left], np.minimum(bound, reach[left]))
        np.minimum.at(found, left[point], metres)
        return found


def _finite(lonlat: Floats) -> tuple[Indices, Floats]:
    """The indices of the points whose coordinates are finite, and their coordinates."""
    lonlat = np.ascontiguousarray(lonlat, dtype=np.float64).reshape(-1, 2)
    finite = np.flatnonzero(np.isfinite(lonlat).all(axis=1))
    return finite, lonlat[finite]
