"""The nearest feature of a class to a point: points, lines and polygons alike, immutable and vectorised.

Method: single points stand in hash tables of square cells, one table for each size of cell (each four times the last,
made when a reach first asks for it), keyed by cell and class; a point asks the few cells of the size of its reach.
Lines, polygons and multi-geometries stand in a tree for each class. Candidates are those in the box that `gis.metres`
draws around the reach; their distances are measured on the tangent plane at the point (error below 1e-6 up to 1 km),
by the same arithmetic for both; the two least are kept. A point inside or on a polygon is at distance zero from it.
"""

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np
import pyarrow as pa
import shapely
from numpy.typing import ArrayLike, NDArray

from gis.heap.lines import Heap
from gis.heap.records import get_arrays, get_columns, put_arrays, put_columns
from gis.metres import Floats, Indices, Paths, boxes, checked_reach
from gis.scattered import Hits, Scattered, level_of, mixed_rows, rows_match

UNKNOWN = -1
USUAL_LEVELS = (0, 1)  # cells for reaches up to 44 and 178 m are written to files; others are made when asked for


class Others:
    """The features that are no single points: a tree for each class, made by the first who needs it."""

    def __init__(self, members: Indices, numbers: NDArray[np.int32], shapes: NDArray[Any]) -> None:
        self.members, self.numbers = members, numbers
        self.classes = np.unique(numbers)
        self._shapes = shapes  # of shapely, or WKB until they are needed
        self._trees: dict[int, tuple[Indices, shapely.STRtree]] | None = None
        self._making = threading.Lock()

    def __len__(self) -> int:
        return len(self.members)

    def made(self) -> tuple[NDArray[Any], dict[int, tuple[Indices, shapely.STRtree]]]:
        """The shapes (k,), and by class which of them and the tree over these."""
        with self._making:
            if self._trees is None:
                if len(self) and isinstance(self._shapes[0], bytes):
                    self._shapes = shapely.from_wkb(self._shapes)
                self._trees = {
                    number: (which, shapely.STRtree(self._shapes[which])) for number, which in _groups(self.numbers)
                }
            return self._shapes, self._trees

    def wkb(self) -> list[bytes]:
        """The shapes, to be written to a file."""
        found: list[bytes] = shapely.to_wkb(self.made()[0]).tolist()
        return found


@dataclass(frozen=True, slots=True)
class FeatureIndex:
    """n features, each of a class, ready to be asked which one of a class is nearest. Safe to share between threads."""

    paths: Paths
    solid: NDArray[np.bool_]  # which features are polygons
    classes: Mapping[str, int]
    single: tuple[Floats, NDArray[np.int32], Indices]  # the single points: lon/lat, class, which feature
    others: Others
    _levels: dict[int, Scattered] = field(default_factory=dict, repr=False)
    _making: Any = field(default_factory=threading.Lock, repr=False)

    @classmethod
    def build(cls, geometries: NDArray[Any], classes: NDArray[Any]) -> Self:
        """Index `geometries` (n,) in lon/lat EPSG:4490 under `classes` (n,) of text.

        Points, lines, polygons and multi-geometries of one of them. ValueError where one is missing, empty or of
        another type, or where the lengths differ.
        """
        geometries, classes = np.asarray(geometries, dtype=object), np.asarray(classes)
        if geometries.shape != classes.shape or geometries.ndim != 1:
            raise ValueError("geometries and classes are two arrays of the same length")
        wrong = shapely.is_missing(geometries) | shapely.is_empty(geometries)
        if wrong.any():
            raise ValueError(f"a geometry is missing or empty: number {int(np.flatnonzero(wrong)[0])}")
        names, numbers = np.unique(classes, return_inverse=True)
        kinds: NDArray[np.int32] = numbers.astype(np.int32)
        paths = Paths.of(geometries)
        is_point = shapely.get_type_id(geometries) == 0
        single, others = (np.flatnonzero(each).astype(np.int64) for each in (is_point, ~is_point))
        places = paths.coords[paths.coord_starts[paths.path_starts[single]]]
        return cls(
            paths,
            shapely.get_dimensions(geometries) == 2,
            {str(name): number for number, name in enumerate(names)},
            (np.ascontiguousarray(places), kinds[single], single),
            Others(others, kinds[others], geometries[others]),
        )

    def renewed(self, order: Indices, geometries: NDArray[Any], classes: NDArray[Any]) -> "FeatureIndex":
        """The index of the features `order` of this one (0 to n) and, counted behind them, of new ones.

        It is the one that `build` makes of them. New ones are given as to `build`; the others are not looked at again.
        """
        new = FeatureIndex.build(geometries, classes)
        known = np.array([*self.classes, *new.classes], dtype=object)
        held = np.concatenate([self._kinds(), new._kinds() + len(self.classes)])[order]
        names, where = np.unique(known[np.unique(held)].astype(str), return_inverse=True)
        numbers = np.zeros(len(known), dtype=np.int32)
        numbers[np.unique(held)] = where
        kinds: NDArray[np.int32] = numbers[held]
        paths = self.paths.chosen(new.paths, order)
        others = np.concatenate([self._is_other(), new._is_other()])[order]
        shapes = np.full(len(self) + len(new), None, dtype=object)
        shapes[self.others.members] = self.others.made()[0]
        shapes[len(self) + new.others.members] = new.others.made()[0]
        single, rest = (np.flatnonzero(each).astype(np.int64) for each in (~others, others))
        places = paths.coords[paths.coord_starts[paths.path_starts[single]]]
        return FeatureIndex(
            paths,
            np.concatenate([self.solid, new.solid])[order],
            {str(name): number for number, name in enumerate(names)},
            (np.ascontiguousarray(places), kinds[single], single),
            Others(rest, kinds[rest], shapes[order][rest]),
        )

    def _kinds(self) -> NDArray[np.int32]:
        """The number of the class (n,) of each feature."""
        kinds = np.zeros(len(self), dtype=np.int32)
        _, numbers, single = self.single
        kinds[single], kinds[self.others.members] = numbers, self.others.numbers
        return kinds

    def _is_other(self) -> NDArray[np.bool_]:
        found = np.zeros(len(self), dtype=np.bool_)
        found[self.others.members] = True
        return found

    @classmethod
    def read(cls, heap: Heap, told: Mapping[str, Any]) -> Self:
        """The index that `tell` wrote, read where it lies."""
        held = get_arrays(heap, told["arrays"])
        levels = {
            int(level): Scattered.of(int(level), get_arrays(heap, arrays), held["single"])
            for level, arrays in told["levels"].items()
        }
        shapes = get_columns(heap, told["shapes"])["wkb"].to_numpy(zero_copy_only=False)
        return cls(
            Paths(held["coords"], held["coord_starts"], held["path_starts"]),
            held["solid"],
            told["classes"],
            (held["places"], held["numbers"], held["single"]),
            Others(held["others"], held["other_numbers"], shapes),
            levels,
        )

    def tell(self, heap: Heap) -> dict[str, Any]:
        """Write the index to a heap; where it is, as JSON values for `read`."""
        places, numbers, single = self.single
        arrays = {
            "coords": self.paths.coords,
            "coord_starts": self.paths.coord_starts,
            "path_starts": self.paths.path_starts,
            "solid": self.solid,
            "places": places,
            "numbers": numbers,
            "single": single,
            "others": self.others.members,
            "other_numbers": self.others.numbers,
        }
        return {
            "arrays": put_arrays(heap, arrays),
            "levels": {str(each): put_arrays(heap, self._scattered(each).arrays()) for each in USUAL_LEVELS},
            "classes": self.classes,
            "shapes": put_columns(heap, {"wkb": pa.array(self.others.wkb(), pa.large_binary())}),
        }

    def __len__(self) -> int:
        return len(self.solid)

    def numbers(self, classes: NDArray[Any]) -> NDArray[np.int32]:
        """The numbers (m,) by which the index knows classes (m,) of text; -1 for one that no feature has."""
        names, inverse = _distinct(np.asarray(classes))
        known = [self.classes.get(str(name), UNKNOWN) for name in names]
        return np.array(known, dtype=np.int32)[inverse]

    def nearest(self, lonlat: Floats, classes: NDArray[Any], reach_m: ArrayLike) -> tuple[Indices, Floats, Floats]:
        """The nearest feature of each point's class within its reach, how far it is, and how far the second nearest.

        lonlat (m, 2); classes (m,) text, or numbers of `numbers`; reach_m scalar or (m,), inclusive. Gives feature
        index (m,), -1 where there is none; metres (m,); metres to the second nearest of the class (m,); both inf where
        there is none within reach. Of features equally near the first in build order wins. A point with a coordinate
        that is not finite, or of a class that no feature has, has no nearest.
        """
        reach = checked_reach(reach_m, len(lonlat))
        index = np.full(len(lonlat), -1, dtype=np.int64)
        first, second = np.full(len(lonlat), np.inf), np.full(len(lonlat), np.inf)
        lonlat, numbers = _asked(lonlat), self._numbered(classes)
        if not len(self.others):
            for level, rows in _levels(lonlat, reach):
                self._scattered(level).two(lonlat, numbers, reach, rows, index, first, second)
            return index, first, second
        point, feature, metres = self.within(lonlat, numbers, reach)
        leads = np.concatenate([[True], point[1:] != point[:-1]]) if len(point) else np.zeros(0, dtype=np.bool_)
        index[point[leads]], first[point[leads]] = feature[leads], metres[leads]
        follows = np.flatnonzero(leads[:-1] & ~leads[1:]) + 1
        second[point[follows]] = metres[follows]
        return index, first, second

    def within(self, lonlat: Floats, classes: NDArray[Any], reach: Floats) -> tuple[Indices, Indices, Floats]:
        """Every feature of the point's class within reach: (point, feature, metres), by point, metres, feature.

        Arguments as those of `nearest`, reach (m,).
        """
        lonlat, numbers = _asked(lonlat), self._numbered(classes)
        parts = [self._scattered(level).all(lonlat, numbers, reach, rows) for level, rows in _levels(lonlat, reach)]
        in_order = len(parts) <= 1
        if len(self.others):
            others = self._others(lonlat, numbers, reach)
            if len(others[0]):
                parts.append(others)
                in_order = False
        if not parts:
            return np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64), np.zeros(0)
        point, feature, metres = (np.concatenate(each) for each in zip(*parts, strict=True))
        if in_order:
            return point, feature, metres
        order = np.lexsort((feature, metres, point))
        return point[order], feature[order], metres[order]

    def _numbered(self, classes: NDArray[Any]) -> NDArray[np.int32]:
        classes = np.asarray(classes)
        return classes.astype(np.int32) if classes.dtype.kind == "i" else self.numbers(classes)

    def _scattered(self, level: int) -> Scattered:
        if level not in self._levels:
            with self._making:
                if level not in self._levels:
                    self._levels[level] = Scattered.build(level, *self.single)
        return self._levels[level]

    def _others(self, lonlat: Floats, numbers: NDArray[np.int32], reach: Floats) -> Hits:
        """Those that are no single points."""
        pairs = [np.empty((2, 0), dtype=np.int64)]
        finite = np.flatnonzero(np.isfinite(lonlat).all(axis=1) & np.isin(numbers, self.others.classes))
        if not len(finite):
            return np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64), np.zeros(0)
        shapes, trees = self.others.made()
        for number, asked in _groups(numbers[finite]):
            which, tree = trees[number]
            asked = finite[asked]
            point, member = tree.query(boxes(lonlat[asked], reach[asked]))
            pairs.append(np.stack([asked[point], which[member]]))
        point, other = np.concatenate(pairs, axis=1)
        feature = self.others.members[other]
        metres = self.paths.distances(lonlat, point, feature)
        within = np.flatnonzero(self.solid[feature])
        places = lonlat[point[within]]
        covered = shapely.intersects_xy(shapes[other[within]], places[:, 0], places[:, 1])
        metres[within[covered]] = 0.0
        kept = metres <= reach[point]
        return point[kept], feature[kept], metres[kept]


def _distinct(texts: NDArray[Any]) -> tuple[NDArray[Any], Indices]:
    """The distinct texts, and which of them each one is."""
    import pandas as pd

    if texts.dtype.kind == "U" and len(texts) and texts.dtype.itemsize:
        words = np.ascontiguousarray(texts).view(np.uint32).reshape(len(texts), -1)
        inverse = pd.factorize(mixed_rows(words))[0].astype(np.int64)
        first = np.empty(int(inverse.max()) + 1, dtype=np.int64)
        first[inverse[::-1]] = np.arange(len(texts))[::-1]
        if rows_match(words, first[inverse]):
            return texts[first], inverse
    found, inverse = np.unique(texts, return_inverse=True)
    return found, inverse


def _asked(lonlat: Floats) -> Floats:
    return np.ascontiguousarray(lonlat, dtype=np.float64).reshape(-1, 2)


def _levels(lonlat: Floats, reach: Floats) -> list[tuple[int, Indices]]:
    """The sizes of cells that fit the reaches, and the points (finite ones) that ask each."""
    level = level_of(lonlat, np.ascontiguousarray(reach, dtype=np.float64))
    return [
        (int(each), np.flatnonzero(level == each)) for each in np.flatnonzero(np.bincount(level + 1)) - 1 if each >= 0
    ]


def _groups(numbers: NDArray[Any]) -> list[tuple[int, Indices]]:
    """Each number and the indices that bear it, ascending."""
    found, inverse = np.unique(numbers, return_inverse=True)
    order = np.argsort(inverse, kind="stable").astype(np.int64)
    starts = np.searchsorted(inverse[order], np.arange(len(found) + 1))
    return [(int(name), order[starts[k] : starts[k + 1]]) for k, name in enumerate(found)]
