"""Which polygons hold a point, and how far it is to an edge: immutable, vectorised, exact.

A polygon holds the points of its inside and of its boundary, as GEOS decides it (exact arithmetic where a sign is in
doubt). So a point on a shared edge has two holders; the tie rule gives it to the lowest code in UTF-8 byte order.
Everything is answered from the index of `gis.cells`, which lies in a heap: in memory, or in a file that is mapped.
Metres are those of `gis.metres`: straight edges in lon/lat, error below 1e-6 up to 1 km.
"""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Self

import numpy as np
import shapely
from numpy.typing import ArrayLike, NDArray

from gis.cells.build import build_cells
from gis.cells.copying import copy_cells
from gis.cells.edges import all_edges, edges_between
from gis.cells.layout import Cells
from gis.cells.lookup import holders_many, lowest_many, lowest_one
from gis.cells.near import distances_many, edges_many, near_many
from gis.cells.shelves import Texts
from gis.cells.update import OutOfFrame, Turnover, update_cells
from gis.cover import are_areal
from gis.heap.lines import Heap, MemoryHeap, frozen, lines_of
from gis.heap.records import Told, get_array, put_arrays
from gis.metres import Floats, Indices, Paths, checked_reach

__all__ = ["OutOfFrame", "PolygonIndex", "Turnover", "byte_order", "warm"]

POINTS_A_THREAD = 20_000  # fewer are not worth a second thread
DISTANCES_A_THREAD = 4_000


def byte_order(codes: NDArray[Any]) -> Indices:
    """The permutation (n,) that sorts text in UTF-8 byte order; equal texts keep their order.

    Text compares by code point in Python and numpy, and UTF-8 keeps the order of code points.
    """
    return np.argsort(codes, kind="stable").astype(np.int64)


@dataclass(frozen=True, slots=True)
class PolygonIndex:
    """Polygons with their codes in the slots 0 to len - 1, ready to be asked about points.

    Points are `lonlat` (m, 2) float64 in EPSG:4490. A point with a coordinate that is not finite is held by nothing,
    near nothing and infinitely far from every edge. Polygons may overlap, leave gaps and repeat codes; among equal
    codes the first polygon is the lowest. After an `update` a slot may be empty; no answer names it.
    Safe to share between threads.
    """

    cells: Cells
    codes: Texts

    @classmethod
    def build(
        cls,
        polygons: NDArray[Any],
        codes: NDArray[Any],
        *,
        trusted: bool = False,
        threads: int | None = None,
        heap: Heap | None = None,
    ) -> Self:
        """Index `polygons` (n,) of Polygon or MultiPolygon under `codes` (n,) of text, on all cores or `threads`.

        `trusted` says that the polygons are known to be valid and to form a valid coverage (what `gis.coverage.check`
        passes, gaps or not), which spares finding out; where that is wrong so are answers. Polygons should be valid:
        of one that is not, what its rings enclose an odd number of times is its inside. The index is written to `heap`,
        or to one of its own. ValueError where a polygon is missing, empty, of another type or not finite, or where the
        lengths differ; errors of `heap.append`.
        """
        polygons, codes = np.asarray(polygons, dtype=object), np.asarray(codes)
        if polygons.shape != codes.shape or polygons.ndim != 1:
            raise ValueError("polygons and codes are two arrays of the same length")
        check_polygons(polygons)
        rings = Paths.of(polygons)
        heap = heap or MemoryHeap(lines_of(3 * rings.coords.nbytes + 1024 * len(polygons)) + (1 << 12))
        cells = build_cells(heap, polygons, codes, rings, trusted=trusted, threads=threads)
        return cls._of(cells)

    @classmethod
    def _of(cls, cells: Cells) -> Self:
        return cls(cells, Texts(cells.kernel[3], cells.kernel[2], cells.count))

    @classmethod
    def read(cls, heap: Heap, told: dict[str, Any]) -> Self:
        """The index that `tell` told of, from the heap in which it lies."""
        frame, tiles, pages = (get_array(heap, told["arrays"][name]) for name in ("frame", "tiles", "pages"))
        return cls._of(Cells.of(heap, told["count"], frame, tiles, pages))

    def tell(self) -> dict[str, Any]:
        """Write the directories to the heap of the index; where they are, as JSON values for `read`."""
        frame, tiles, pages, _ = self.cells.kernel
        arrays: Told = put_arrays(self.cells.heap, {"frame": frame, "tiles": tiles, "pages": pages})
        return {"count": self.cells.count, "arrays": arrays}

    def update(self, turnover: Turnover, heap: Heap | None = None) -> tuple[Self, int]:
        """The index after a change, written to the same heap, and how many of its blocks were built for it.

        `heap` is the same one, opened to be written to, where this index was read from one that is not. Nothing else is
        written; this index stays as it is. Errors: OutOfFrame when a polygon reaches beyond the cells, so that all must
        be built anew; ValueError as in `build`; those of `heap.append`.
        """
        check_polygons(turnover.polygons)
        cells, built = update_cells(self.cells, heap or self.cells.heap, turnover)
        return self._of(cells), built

    def copied(self, heap: Heap) -> Self:
        """The same index in another heap, without what earlier changes left behind. Errors: those of `heap.append`."""
        return self._of(copy_cells(self.cells, heap))

    def __len__(self) -> int:
        return self.cells.count

    def holders(self, lonlat: Floats) -> tuple[Indices, Indices]:
        """Every polygon that covers each point: (point index (k,), polygon index (k,)), by point, then by code."""
        point, polygon = holders_many(_points(lonlat), self.cells.kernel)
        return point, polygon

    def lowest(self, lonlat: Floats, threads: int | None = None) -> Indices:
        """The polygon index (m,) of the lowest code that covers each point, -1 where none does; on all cores."""
        points = _points(lonlat)
        found = np.empty(len(points), dtype=np.int64)
        kernel = self.cells.kernel
        _share(len(points), POINTS_A_THREAD, threads, lambda part: lowest_many(points[part], found[part], kernel))
        return found

    def lowest_one(self, lon: float, lat: float) -> int:
        """`lowest` of one point, fast: -1 where no polygon covers it."""
        return int(lowest_one(float(lon), float(lat), self.cells.kernel))

    def near(self, lonlat: Floats, reach_m: ArrayLike) -> tuple[Indices, Indices, Floats]:
        """Every polygon with an edge within `reach_m` (scalar or (m,), inclusive) of each point.

        Gives (point index (k,), polygon index (k,), metres to that polygon's nearest edge (k,)), by point, then by
        code. For a polygon that holds the point the distance is how far one goes to leave it or to fall into a hole.
        """
        points = _points(lonlat)
        reach = frozen(np.ascontiguousarray(checked_reach(reach_m, len(points))))
        (point, polygon), metres = near_many(points, reach, self.cells.kernel)
        return point, polygon, metres

    def distances(self, lonlat: Floats, points: Indices, polygons: Indices, threads: int | None = None) -> Floats:
        """Metres from each point to the nearest edge of its polygon, for pairs of indices (k,), (k,).

        Shared among `threads`, by default as many as there are processors.
        """
        asked = _points(lonlat)
        which, slots = (frozen(np.ascontiguousarray(each, dtype=np.int64)) for each in (points, polygons))
        found = np.empty(len(which), dtype=np.float64)
        kernel = self.cells.kernel
        _share(
            len(which),
            DISTANCES_A_THREAD,
            threads,
            lambda part: distances_many(asked, which[part], slots[part], found[part], kernel),
        )
        return found

    def edge_distance(self, lonlat: Floats, reach_m: ArrayLike = np.inf) -> Floats:
        """Metres (m,) to the nearest edge of any polygon within `reach_m` (scalar or (m,), inclusive), inf beyond.

        With an infinite reach the true nearest edge of all, however far outside the point lies.
        """
        points = _points(lonlat)
        reach = frozen(np.ascontiguousarray(checked_reach(reach_m, len(points))))
        found = np.empty(len(points), dtype=np.float64)
        kernel = self.cells.kernel
        _share(
            len(points),
            DISTANCES_A_THREAD,
            None,
            lambda part: edges_many(points[part], reach[part], found[part], kernel),
        )
        return found

    def edges(self) -> tuple[Floats, Floats, Indices]:
        """Every edge of every polygon: where it starts (k, 2) and ends (k, 2), and whose it is (k,)."""
        starts, ends, owners = all_edges(self.cells.count, self.cells.kernel)
        return starts, ends, owners

    def edges_between(self, kinds: Indices) -> tuple[Floats, Floats]:
        """The edges (k, 2), (k, 2) with polygons of two kinds on their sides, or of one that is all by itself.

        `kinds` (n,) are those of the polygons. An edge without the same edge of one neighbour is by itself: its other
        side is not known. In a valid coverage another polygon of the same kind begins beyond every edge that is left
        out, so that whoever goes from one kind to another crosses an edge that is given. An edge may come repeatedly.
        """
        starts, ends = edges_between(frozen(np.ascontiguousarray(kinds, dtype=np.int64)), self.cells.kernel)
        return starts, ends


def check_polygons(polygons: NDArray[Any]) -> None:
    """Errors: ValueError where a polygon is missing, empty or of another type."""
    wrong = ~are_areal(polygons) | shapely.is_empty(polygons)
    if wrong.any():
        raise ValueError(f"a polygon is missing, empty or not a polygon: number {int(np.flatnonzero(wrong)[0])}")


def _share(count: int, a_thread: int, threads: int | None, work: Callable[[slice], None]) -> None:
    """Have parts of `count` things done, each in a thread of its own when they are many."""
    parts = min(threads or os.cpu_count() or 1, count // a_thread + 1)
    if parts <= 1:
        work(slice(0, count))
        return
    bounds = np.linspace(0, count, parts + 1).astype(int)
    with ThreadPoolExecutor(parts) as pool:
        for job in [pool.submit(work, slice(begin, end)) for begin, end in pairwise(bounds.tolist())]:
            job.result()


def warm() -> None:
    """Load or compile every kernel that building, changing and asking an index takes, so that no request waits for it.

    Compiled code is kept beside the modules; where that is there this takes about a second.
    """
    square, far = shapely.box(0, 0, 1, 1), shapely.box(3, 0, 4, 1)
    polygons = np.array([square, shapely.box(0.5, 0.5, 2, 2), shapely.box(0.4, 0.6, 2.1, 2.1), far])
    index = PolygonIndex.build(polygons, np.array(["a", "b", "c", "d"]))
    points = np.array([[0.5, 0.5], [1.0, 1.0], [9.0, 9.0], [3.0, 0.3]])
    index.holders(points)
    index.lowest(points)
    index.lowest_one(0.5, 0.5)
    index.near(points, 10.0)
    index.distances(points, np.arange(4), np.arange(4))
    index.edge_distance(points)
    index.edges()
    index.edges_between(np.arange(4))
    index.copied(MemoryHeap())
    index.update(Turnover((3,), (1,), np.array([shapely.box(0.5, 0.5, 1.5, 2)], dtype=object), ("b",)))


def _points(lonlat: Floats) -> Floats:
    """Points as kernels take them: contiguous and read-only, for which the kernels are compiled."""
    return frozen(np.ascontiguousarray(lonlat, dtype=np.float64).reshape(-1, 2))
