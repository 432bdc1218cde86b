"""Seams: the edges along which cases are returned, by the areas on either side and by class.

A returned case lies at the nearest seam within reach one of whose departments returned it: a seam between others did
not cause the return. What two overlapping areas share is the edge of each within the other.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyproj
import shapely
from numpy.typing import NDArray

from gis.crs import DECIMALS
from gis.metres import Floats, per_degree
from gis.nearest import FeatureIndex

ClassOf = tuple[str | None, str | None, str | None]
"""Edition, kind and class code."""
_GEOD = pyproj.Geod(ellps="GRS80")  # the ellipsoid of CGCS2000
_LINES = (1, 5)
REACH_M = 50.0


@dataclass(frozen=True, slots=True)
class Side:
    """An area at a seam. Owners of a layer give their areas codes as they like, so two may have the same."""

    code: str
    name: str
    department: str | None
    owner: str = ""

    @property
    def key(self) -> str:
        """What nobody else's area is called in the layer."""
        return f"{self.owner}.{self.code}" if self.owner else self.code


@dataclass(frozen=True, slots=True)
class Seam:
    """What two areas of one layer with different departments share; `first` has the lower code."""

    layer: str
    first: Side
    second: Side
    line: shapely.Geometry
    metres: float

    @property
    def departments(self) -> frozenset[str]:
        return frozenset(each for each in (self.first.department, self.second.department) if each is not None)


@dataclass(frozen=True, slots=True)
class Returned:
    """A case that was returned at least once: its class, and which departments returned it."""

    of: ClassOf
    lon: float
    lat: float
    returned_by: frozenset[str]
    days_lost: float


@dataclass(frozen=True, slots=True)
class Burden:
    """The returned cases of a class at a seam, `share` being theirs of all returned cases of the class."""

    seam: Seam
    of: ClassOf
    cases: int
    share: float
    days_lost: float


def find_seams(layer: str, sides: Sequence[Side], polygons: NDArray[Any]) -> list[Seam]:
    """The seams of the areas (n,) of one layer, whose shapes are lon, lat; metres are geodesic."""
    found = []
    boundaries = shapely.boundary(polygons)
    pairs = shapely.STRtree(polygons).query(polygons, predicate="intersects").T
    for a, b in sorted({(min(pair), max(pair)) for pair in pairs.tolist() if pair[0] != pair[1]}):
        if sides[a].department == sides[b].department:
            continue
        shared = (shapely.intersection(boundaries[a], polygons[b]), shapely.intersection(boundaries[b], polygons[a]))
        parts = shapely.get_parts(shapely.union_all(shared))
        lines = [part for part in parts if shapely.get_type_id(part) in _LINES]
        if not lines:
            continue
        line = shapely.line_merge(shapely.multilinestrings(lines))
        first, second = sorted((sides[a], sides[b]), key=lambda each: (each.code, each.owner))
        metres = sum(_GEOD.geometry_length(each) for each in shapely.get_parts(line))
        found.append(Seam(layer, first, second, line, float(metres)))
    return found


def burdens(seams: Sequence[Seam], returned: Sequence[Returned], reach_m: float = REACH_M) -> list[Burden]:
    """The returned cases at each seam by class, the most first. A case counts at one seam of each layer."""
    layers = np.array([each.layer for each in seams], dtype=object)
    index = FeatureIndex.build(np.array([each.line for each in seams], dtype=object), layers)
    lonlat: Floats = np.array([(each.lon, each.lat) for each in returned], dtype=np.float64).reshape(-1, 2)
    all_of: dict[ClassOf, int] = {}
    for each in returned:
        all_of[each.of] = all_of.get(each.of, 0) + 1
    found: dict[tuple[int, ClassOf], list[float]] = {}
    for layer in sorted(set(layers.tolist())):
        asked = np.array([layer] * len(returned), dtype=object)
        near = index.within(lonlat, asked, np.full(len(returned), reach_m))
        settled: set[int] = set()
        for case, seam, _ in zip(*(part.tolist() for part in near), strict=True):  # the nearest first
            if case not in settled and seams[seam].departments & returned[case].returned_by:
                settled.add(case)
                found.setdefault((seam, returned[case].of), []).append(returned[case].days_lost)
    made = [
        Burden(seams[seam], of, len(days), len(days) / all_of[of], float(sum(days)))
        for (seam, of), days in found.items()
    ]
    return sorted(made, key=lambda each: (-each.cases, each.seam.layer, each.seam.first.code, str(each.of)))


def strip(line: shapely.Geometry, ground: shapely.Geometry, width_m: float) -> shapely.Geometry:
    """What of `ground` lies within `width_m` metres of a line, both lon, lat; measured on the plane at its middle."""
    west, south, east, north = shapely.bounds(line)
    per_lon, per_lat = (float(each) for each in per_degree((south + north) / 2))
    middle = np.array([(west + east) / 2, (south + north) / 2])

    def to_metres(xy: Floats) -> Floats:
        metres: Floats = (xy - middle) * (per_lon, per_lat)
        return metres

    def to_degrees(xy: Floats) -> Floats:
        degrees: Floats = xy / (per_lon, per_lat) + middle
        return degrees

    wide = shapely.transform(shapely.buffer(shapely.transform(line, to_metres), width_m), to_degrees)
    return shapely.set_precision(shapely.intersection(wide, ground), 10.0**-DECIMALS)
