"""Which polygons hold a point, and how far it is to an edge: immutable, vectorised, exact.

A polygon holds the points of its inside and of its boundary, as GEOS decides it (exact arithmetic where a sign is in
doubt). So a point on a shared edge has two holders; the tie rule gives it to the lowest code in UTF-8 byte order.
Points are found by the index of `gis.cells`; nearest edges by a tree that is made when it is first asked for.
Metres are those of `gis.metres`: straight edges in lon/lat, error below 1e-6 up to 1 km.
"""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import pairwise
from threading import Lock
from typing import Any, Self

import numpy as np
import shapely
from numpy.typing import ArrayLike, NDArray

from gis.cells.build import build_cells
from gis.cells.layout import Cells, frozen
from gis.cells.lookup import holders_many, lowest_many, lowest_one
from gis.metres import Floats, Indices, Paths, boxes, checked_reach

FIRST_STEPS_M = (30.0, 300.0)  # reaches tried first for the nearest edge: half a unit grid, and its neighbourhood
POINTS_A_THREAD = 20_000  # fewer are not worth a second thread


def byte_order(codes: NDArray[Any]) -> Indices:
    """The permutation (n,) that sorts text in UTF-8 byte order; equal texts keep their order.

    Text compares by code point in Python and numpy, and UTF-8 keeps the order of code points.
    """
    return np.argsort(codes, kind="stable").astype(np.int64)


@dataclass(slots=True)
class _Tree:
    """A search tree over polygons that is built by the first who needs it."""

    polygons: NDArray[Any]
    built: shapely.STRtree | None = None
    lock: Lock = field(default_factory=Lock)

    def get(self) -> shapely.STRtree:
        with self.lock:
            if self.built is None:
                self.built = shapely.STRtree(self.polygons)
            return self.built


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
    cells: Cells
    rings: Paths
    arrays: tuple[NDArray[Any], ...]  # those of `cells`, as kernels take them
    tree: _Tree

    @classmethod
    def build(
        cls, polygons: NDArray[Any], codes: NDArray[Any], *, trusted: bool = False, threads: int | None = None
    ) -> Self:
        """Index `polygons` (n,) of Polygon or MultiPolygon under `codes` (n,) of text, on all cores or `threads`.

        `trusted` says that the polygons are known to be valid and to form a valid coverage (what `gis.coverage.check`
        passes, gaps or not), which spares finding out; where that is wrong so are answers. Polygons should be valid:
        of one that is not, what its rings enclose an odd number of times is its inside. ValueError where a polygon is
        missing, empty, of another type or not finite, or where the lengths differ.
        """
        polygons, codes = np.asarray(polygons, dtype=object), np.asarray(codes)
        if polygons.shape != codes.shape or polygons.ndim != 1:
            raise ValueError("polygons and codes are two arrays of the same length")
        wrong = ~np.isin(shapely.get_type_id(polygons), (3, 6)) | shapely.is_empty(polygons)
        if wrong.any():
            raise ValueError(f"a polygon is missing, empty or not a polygon: number {int(np.flatnonzero(wrong)[0])}")
        ranks = np.empty(len(codes), dtype=np.int64)
        ranks[byte_order(codes)] = np.arange(len(codes))
        rings = Paths.of(polygons)
        cells = build_cells(polygons, rings, ranks, trusted=trusted, threads=threads)
        return cls(polygons, codes, ranks, cells, rings, tuple(cells.arrays().values()), _Tree(polygons))

    def __len__(self) -> int:
        return len(self.polygons)

    def holders(self, lonlat: Floats) -> tuple[Indices, Indices]:
        """Every polygon that covers each point: (point index (k,), polygon index (k,)), by point, then by code."""
        point, polygon = holders_many(_points(lonlat), self.arrays)
        return point, polygon

    def lowest(self, lonlat: Floats, *, threads: int = 1) -> Indices:
        """The polygon (m,) of the lowest code that covers each point, -1 where none does."""
        points = _points(lonlat)
        found = np.empty(len(points), dtype=np.int64)
        parts = max(1, min(threads, len(points) // POINTS_A_THREAD))
        if parts == 1:
            lowest_many(points, found, self.arrays)
            return found
        ends = np.linspace(0, len(points), parts + 1).astype(np.int64)
        with ThreadPoolExecutor(parts) as pool:
            jobs = [pool.submit(lowest_many, points[a:b], found[a:b], self.arrays) for a, b in pairwise(ends)]
            for job in jobs:
                job.result()
        return found

    def lowest_one(self, lon: float, lat: float) -> int:
        """`lowest` of one point, fast: -1 where no polygon covers it."""
        return int(lowest_one(float(lon), float(lat), self.arrays))

    def near(self, lonlat: Floats, reach_m: ArrayLike) -> tuple[Indices, Indices, Floats]:
        """Every polygon with an edge within `reach_m` (scalar or (m,), inclusive) of each point.

        Gives (point index (k,), polygon index (k,), metres to that polygon's nearest edge (k,)), by point, then by
        code. For a polygon that holds the point the distance is how far one goes to leave it or to fall into a hole.
        """
        reach = checked_reach(reach_m, len(lonlat))
        finite, places = _finite(lonlat)
        point, polygon = self.tree.get().query(boxes(places, reach[finite])).astype(np.int64)
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
        seen, polygon = self.tree.get().query_nearest(shapely.points(lonlat[left]), all_matches=False).astype(np.int64)
        bound = self.rings.distances(lonlat[left], seen, polygon)
        left = left[seen]
        point, _, metres = self.near(lonlat[left], np.minimum(bound, reach[left]))
        np.minimum.at(found, left[point], metres)
        return found


def warm() -> None:
    """Load or compile every kernel that building and asking an index takes, so that no request waits for it.

    Compiled code is kept beside the modules; where that is there this takes about a second.
    """
    square, far = shapely.box(0, 0, 1, 1), shapely.box(3, 0, 4, 1)
    polygons = np.array([square, shapely.box(0.5, 0.5, 2, 2), shapely.box(0.4, 0.6, 2.1, 2.1), far])
    index = PolygonIndex.build(polygons, np.array(["a", "b", "c", "d"]))
    points = np.array([[0.5, 0.5], [1.0, 1.0], [9.0, 9.0], [3.0, 0.3]])
    index.holders(points)
    index.lowest(points)
    index.lowest_one(0.5, 0.5)
    index.edge_distance(points)


def _points(lonlat: Floats) -> Floats:
    """Points as kernels take them: contiguous and read-only, for which the kernels are compiled."""
    return frozen(np.ascontiguousarray(lonlat, dtype=np.float64).reshape(-1, 2))


def _finite(lonlat: Floats) -> tuple[Indices, Floats]:
    """The indices of the points whose coordinates are finite, and their coordinates."""
    lonlat = np.ascontiguousarray(lonlat, dtype=np.float64).reshape(-1, 2)
    finite = np.flatnonzero(np.isfinite(lonlat).all(axis=1))
    return finite, lonlat[finite]
