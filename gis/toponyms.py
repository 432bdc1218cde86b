"""Places in words: which crossing of named roads, which road or which named thing is near a point, and on which side.

A crossing is where lines of different names meet: they cross, touch, or come within TOUCH_M of each other. What lies
within MERGED_M of a crossing of the same two names is that crossing (a road drawn as two carriageways), in the middle.
Bridges are not told from crossings. Distances and directions are those of the tangent plane of `gis.metres`, on the
side of the point as it is seen from what is named. No function of this module knows a language but zh and en.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal, Self

import numpy as np
import shapely
from numpy.typing import NDArray

from gis.metres import Floats, Indices, per_degree
from gis.nearest import FeatureIndex

CROSSING_M = 300.0
"""A crossing within this names a place before anything else does."""
NEAR_M = 1000.0
"""Beyond this nothing names a place."""
TOUCH_M = 2.0
MERGED_M = 40.0
FINE_M = 50.0
"""Up to here distances are told in steps of 5 metres, beyond in steps of 10."""
WINDS = (
    ("北", "north"),
    ("东北", "north-east"),
    ("东", "east"),
    ("东南", "south-east"),
    ("南", "south"),
    ("西南", "south-west"),
    ("西", "west"),
    ("西北", "north-west"),
)
METRES_OF_A_DEGREE = 110_000.0

Kind = Literal["crossing", "road", "place"]


@dataclass(frozen=True, slots=True)
class Words:
    """A place in words, what it is told by, and how far that is, in metres."""

    zh: str
    en: str
    kind: Kind
    distance_m: float

    def as_dict(self) -> dict[str, Any]:
        """The words as JSON members."""
        return {"zh": self.zh, "en": self.en, "kind": self.kind, "distance_m": round(self.distance_m, 1)}


@dataclass(frozen=True, slots=True)
class Toponyms:
    """Named features and the crossings of the lines among them. Immutable, safe to share between threads."""

    shapes: NDArray[Any]
    names: NDArray[Any]
    english: NDArray[Any]
    features: FeatureIndex
    corners: Floats
    pairs: Indices
    crossings: FeatureIndex

    @classmethod
    def build(cls, geometries: NDArray[Any], names: NDArray[Any], english: NDArray[Any]) -> Self:
        """Of geometries (n,) in lon/lat, their names (n,) and English names (n,) or None, which are then the names.

        What has no name, or no geometry, is left out. 100,000 roads take some seconds.
        """
        geometries = np.asarray(geometries, dtype=object)
        there = np.array([bool(name) for name in names], dtype=bool)
        there &= ~(shapely.is_missing(geometries) | shapely.is_empty(geometries))
        there &= shapely.get_type_id(geometries) != 7  # no index holds a collection
        shapes, names = geometries[there], np.asarray(names, dtype=object)[there]
        told = [other or name for name, other in zip(names, np.asarray(english, dtype=object)[there], strict=True)]
        corners, pairs = find_crossings(shapes, names)
        return cls(
            shapes,
            names,
            _objects(told),
            FeatureIndex.build(shapes, _alike(len(shapes))),
            corners,
            pairs,
            FeatureIndex.build(np.asarray(shapely.points(corners), dtype=object), _alike(len(corners))),
        )

    def __len__(self) -> int:
        return len(self.names)

    def words(self, lonlat: Floats) -> list[Words | None]:
        """The place of each point (m, 2) in words, None where nothing that has a name is near, or the point is NaN."""
        near, near_m, _ = self.crossings.nearest(lonlat, _alike(len(lonlat)), CROSSING_M)
        thing, thing_m = np.full(len(lonlat), -1, dtype=np.int64), np.full(len(lonlat), np.inf)
        rest = np.flatnonzero(near < 0)
        if len(rest):
            thing[rest], thing_m[rest], _ = self.features.nearest(lonlat[rest], _alike(len(rest)), NEAR_M)
        return [
            self._at_crossing(point, int(near[at]), float(near_m[at]))
            if near[at] >= 0
            else self._at_thing(point, int(thing[at]), float(thing_m[at]))
            if thing[at] >= 0
            else None
            for at, point in enumerate(lonlat)
        ]

    def _at_crossing(self, point: Floats, number: int, metres: float) -> Words:
        one, other = self.pairs[number]
        zh, en = f"{self.names[one]}与{self.names[other]}口", f"the crossing of {self.english[one]} and "
        en += str(self.english[other])
        return _said("crossing", zh, en, metres, self.corners[number], point, ("", "at "))

    def _at_thing(self, point: Floats, number: int, metres: float) -> Words:
        shape, zh, en = self.shapes[number], str(self.names[number]), str(self.english[number])
        dimension = int(shapely.get_dimensions(shape))
        if dimension == 2 and metres == 0:
            return Words(f"{zh}内", f"in {en}", "place", 0.0)
        nearest = _nearest_place(shape, point)
        if dimension == 1:
            return _said("road", zh, en, metres, nearest, point, ("上", "on "))
        return _said("place", zh, en, metres, nearest, point, ("", "at "))


def find_crossings(shapes: NDArray[Any], names: NDArray[Any]) -> tuple[Floats, Indices]:
    """Where lines of different names meet (k, 2), and for each the two features (k, 2), by their names in order.

    Sorted by the names, so that of several at one place the first is always the same.
    """
    lines = np.flatnonzero(shapely.get_dimensions(shapes) == 1)
    place_of = np.unique(names.astype(str), return_inverse=True)[1]  # of each name in their order
    tree = shapely.STRtree(shapes[lines])
    ones, others = tree.query(shapes[lines], predicate="dwithin", distance=TOUCH_M / METRES_OF_A_DEGREE)
    ones, others = lines[ones], lines[others]
    kept = place_of[ones] < place_of[others]
    ones, others = ones[kept], others[kept]
    places, of = _meetings(shapes[ones], shapes[others])
    if not len(of):
        return np.empty((0, 2)), np.empty((0, 2), dtype=np.int64)
    order = np.lexsort((of, place_of[others[of]], place_of[ones[of]]))
    places, of = places[order], of[order]
    named = np.column_stack([place_of[ones[of]], place_of[others[of]]])
    starts = np.flatnonzero(np.concatenate([[True], (named[1:] != named[:-1]).any(axis=1)]))
    corners, pairs = list[Floats](), list[int]()
    for start, end in zip(starts.tolist(), [*starts[1:].tolist(), len(of)], strict=True):
        for corner in _merged(places[start:end]):
            corners.append(corner)
            pairs.append(start)
    return (
        np.array(corners, dtype=np.float64),
        np.column_stack([ones[of[pairs]], others[of[pairs]]]).astype(np.int64),
    )


def _meetings(ones: NDArray[Any], others: NDArray[Any]) -> tuple[Floats, Indices]:
    """The places (k, 2) where pairs of lines meet, and which pair each is of; a common stretch meets at its ends."""
    common = shapely.intersection(ones, others)
    parts, of = shapely.get_parts(common, return_index=True)
    ends = shapely.get_dimensions(parts) == 1
    parts[ends] = shapely.boundary(parts[ends])
    filled = ~shapely.is_empty(parts)
    places, part = shapely.get_coordinates(parts[filled], return_index=True)
    apart = np.flatnonzero(shapely.is_empty(common))
    links = shapely.get_coordinates(shapely.shortest_line(ones[apart], others[apart])).reshape(-1, 2, 2)
    per_lon, per_lat = per_degree(links[:, 0, 1])
    step = links[:, 1] - links[:, 0]
    close = np.hypot(step[:, 0] * per_lon, step[:, 1] * per_lat) <= TOUCH_M
    middles = links[close].mean(axis=1)
    return np.concatenate([places, middles]), np.concatenate([of[filled][part], apart[close]]).astype(np.int64)


def _merged(places: Floats) -> Iterator[Floats]:
    """The middles of groups of places that lie within MERGED_M of the first of each."""
    while len(places) > 1:
        per_lon, per_lat = per_degree(places[0, 1])
        step = places - places[0]
        close = np.hypot(step[:, 0] * per_lon, step[:, 1] * per_lat) <= MERGED_M
        yield places[close].mean(axis=0)
        places = places[~close]
    yield from places


def _said(kind: Kind, zh: str, en: str, metres: float, seen_from: Floats, point: Floats, at: tuple[str, str]) -> Words:
    """How far on which side of a named place; `at` is what is said instead where that is next to nothing."""
    told = rounded(metres)
    if told == 0:
        return Words(zh + at[0], at[1] + en, kind, metres)
    side, side_en = WINDS[wind(seen_from, point)]
    return Words(f"{zh}{side}{told}米", f"{told} m {side_en} of {en}", kind, metres)


def rounded(metres: float) -> int:
    """Metres as they are told: in steps of 5 below 50, of 10 from there on."""
    step = 5 if metres < FINE_M else 10
    return int(metres / step + 0.5) * step


def wind(start: Floats, end: Floats) -> int:
    """The number in WINDS of the direction from one place to another, lon, lat."""
    per_lon, per_lat = per_degree((start[1] + end[1]) / 2)
    east, north = (end[0] - start[0]) * per_lon, (end[1] - start[1]) * per_lat
    return round(float(np.degrees(np.arctan2(east, north))) / 45) % len(WINDS)


def _nearest_place(shape: Any, point: Floats) -> Floats:
    """The place (2,) of a shape that is nearest to a point."""
    scale = np.array([float(each) for each in per_degree(point[1])])
    around = shapely.transform(shape, lambda lonlat: (lonlat - point) * scale)
    link: Floats = shapely.get_coordinates(shapely.shortest_line(around, shapely.Point(0, 0)))
    return np.asarray(link[0] / scale + point, dtype=np.float64)


def _alike(count: int) -> NDArray[Any]:
    """One class for all."""
    return np.full(count, "")


def _objects(values: list[Any]) -> NDArray[Any]:
    return np.fromiter(values, dtype=object, count=len(values))
