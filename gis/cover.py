"""Polygons ready to be asked who lies beside whom, and how large a piece of ground is."""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import shapely
from numpy.typing import NDArray
from pyproj import Geod
from shapely.geometry.base import BaseGeometry

from gis.metres import FLATTENING, SEMI_MAJOR_M, Indices, widest_degrees
from gis.partners import are_matched

ELLIPSOID = Geod(a=SEMI_MAJOR_M, f=FLATTENING)
TOUCHING_DEG = 1e-9  # 0.1 mm: what lies this close touches

Polygons = NDArray[Any]
Flags = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Cover:
    """Polygons (n,), of which some may be missing or invalid, their codes, and the named gaps (g,).

    `width` is `snap_m` in degrees, enough in every direction anywhere on the polygons. Whether a polygon is sound is
    found out when it is first asked for, since a local question meets few.
    """

    polygons: Polygons
    codes: NDArray[Any]
    named: Polygons
    usable_gaps: Flags
    snap_m: float
    width: float
    bounds: NDArray[np.float64]
    limits: NDArray[np.float64]
    tree: shapely.STRtree
    gap_tree: shapely.STRtree
    sound: NDArray[np.int8]

    @classmethod
    def of(cls, polygons: Polygons, codes: NDArray[Any], named: Polygons, snap_m: float) -> Self:
        bounds = shapely.bounds(polygons)
        drawn = _kept(polygons, are_areal(polygons) & np.isfinite(bounds).all(axis=1))
        usable_gaps = are_usable(named)
        gaps = _kept(named, usable_gaps)
        width = widest_degrees(drawn, snap_m) if any(each is not None for each in drawn) else 0.0
        trees = shapely.STRtree(drawn), shapely.STRtree(gaps)
        state = np.full(len(polygons), -1, dtype=np.int8)
        every = np.concatenate([drawn, gaps])
        limits = shapely.total_bounds(every) if len(every) else np.full(4, np.nan)
        return cls(drawn, codes, gaps, usable_gaps, snap_m, width, bounds, limits, *trees, state)

    @property
    def reach(self) -> float:
        return max(self.width, TOUCHING_DEG)

    @property
    def has_polygons(self) -> bool:
        """Whether any polygon is sound; asked in an order that mostly needs but one."""
        return any(bool(self.are_sound(np.array([k]))[0]) for k in range(len(self.polygons)))

    def are_sound(self, which: Indices) -> Flags:
        """Whether (k,) polygons are valid polygons or multipolygons."""
        unknown = which[self.sound[which] < 0]
        self.sound[unknown] = are_usable(self.polygons[unknown])
        sound: Flags = self.sound[which] == 1
        return sound

    def around(self, which: Indices, reach: float | None = None) -> Indices:
        """The sound polygons that may come within reach of those, which are among them."""
        boxes = _boxes(self.bounds[which], 2 * self.reach if reach is None else reach)
        found = np.unique(self.tree.query(boxes)[1]).astype(np.int64)
        return found[self.are_sound(found)]

    def unfit(self, which: Indices) -> Indices:
        """Those of sound polygons that break the coverage."""
        loose = which[~are_matched(self.polygons[which])]
        return loose[~shapely.is_empty(self.unfit_edges(loose, 0.0))]

    def unfit_edges(self, which: Indices, width: float) -> NDArray[Any]:
        """The edges (k,) of those that break the coverage or, for a width above 0, have no partner within it."""
        if len(which) == 0:
            return np.empty(0, dtype=object)
        beside = np.setdiff1d(self.around(which), which)
        edges: NDArray[Any] = shapely.coverage_invalid_edges(
            self.polygons[np.concatenate([which, beside])], gap_width=width
        )
        return edges[: len(which)]

    def pairs(self, which: Indices) -> Indices:
        """Pairs (k, 2) of sound polygons within reach of each other, one of `which` in each; lower number first."""
        one, other = self.tree.query(self.polygons[which], predicate="dwithin", distance=self.reach)
        pairs = np.sort(np.column_stack([which[one], other]).astype(np.int64), axis=1)
        pairs = np.unique(pairs[pairs[:, 0] < pairs[:, 1]], axis=0)
        return pairs[self.are_sound(pairs.reshape(-1)).reshape(-1, 2).all(axis=1)]

    def beside(self, grounds: Polygons) -> list[tuple[int, ...]]:
        """For each ground the sound polygons that touch it, in the order of their codes."""
        found = _touching(self.tree, grounds)
        flat = np.unique(np.array([k for each in found for k in each], dtype=np.int64))
        sound = set(flat[self.are_sound(flat)].tolist())
        return [tuple(sorted((k for k in each if k in sound), key=lambda k: (self.codes[k], k))) for each in found]

    def gaps_beside(self, grounds: Polygons) -> list[tuple[int, ...]]:
        """For each ground the named gaps that touch it."""
        return [tuple(sorted(each)) for each in _touching(self.gap_tree, grounds)]

    def meet_gaps(self) -> tuple[Indices, Indices]:
        """Named gaps and sound polygons (k,), (k,) within reach of each other."""
        gap, unit = self.tree.query(self.named, predicate="dwithin", distance=self.reach).astype(np.int64)
        sound = self.are_sound(unit)
        return gap[sound], unit[sound]


def are_areal(geometries: Polygons) -> Flags:
    """Whether (n,) each is a polygon or a multipolygon, valid or not."""
    kinds = shapely.get_type_id(geometries)
    areal: Flags = (kinds == 3) | (kinds == 6)  # np.isin takes longer than all of a local check's few
    return areal


def are_usable(polygons: Polygons) -> Flags:
    """Whether (n,) each is a valid polygon or multipolygon."""
    usable: Flags = are_areal(polygons) & ~shapely.is_empty(polygons)
    usable[usable] = shapely.is_valid(polygons[usable])
    return usable


def _kept(polygons: Polygons, which: Flags) -> Polygons:
    kept = polygons.copy()
    kept[~which] = None
    return kept


def _touching(tree: shapely.STRtree, grounds: Polygons) -> list[list[int]]:
    found: list[list[int]] = [[] for _ in grounds]
    for ground, other in tree.query(grounds, predicate="dwithin", distance=TOUCHING_DEG).T.tolist():
        found[ground].append(other)
    return found


def _boxes(bounds: NDArray[np.float64], reach: float) -> Polygons:
    grown = bounds + reach * np.array([-1, -1, 1, 1])
    boxes: Polygons = np.asarray(shapely.box(*grown[np.isfinite(grown).all(axis=1)].T))
    return boxes


def solid(geometry: BaseGeometry) -> BaseGeometry:
    """The areas of a geometry alone, without the points and lines that an overlay may leave beside them."""
    parts = shapely.get_parts(geometry)
    return shapely.MultiPolygon(list(parts[shapely.get_dimensions(parts) == 2]))


def measure(polygon: BaseGeometry) -> tuple[float, float]:
    """Geodesic area in m², and the mean width in metres of a sliver: twice the area over the perimeter."""
    area, perimeter = ELLIPSOID.geometry_area_perimeter(shapely.orient_polygons(polygon))
    return abs(area), 2 * abs(area) / perimeter if perimeter else 0.0
