"""The nearest feature of a class to a point: points, lines and polygons alike, immutable and vectorised.

Method: the features of each class stand in a tree of their own; candidates are those whose bounding box meets the box
that `gis.metres` draws around the reach; their distances are measured on the tangent plane at the point (error below
1e-6 up to 1 km); the two least are kept. A point inside or on a polygon is at distance zero from it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import shapely
from numpy.typing import ArrayLike, NDArray

from gis.metres import Floats, Indices, Paths, boxes, checked_reach


@dataclass(frozen=True, slots=True)
class FeatureIndex:
    """n features, each of a class, ready to be asked which one of a class is nearest. Safe to share between threads."""

    geometries: NDArray[Any]
    paths: Paths
    solid: NDArray[np.bool_]  # which features are polygons
    trees: Mapping[str, tuple[Indices, shapely.STRtree]]  # the features of a class and the tree over them

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
        trees = {name: (members, shapely.STRtree(geometries[members])) for name, members in _groups(classes)}
        return cls(geometries, Paths.of(geometries), shapely.get_dimensions(geometries) == 2, trees)

    def __len__(self) -> int:
        return len(self.geometries)

    def nearest(self, lonlat: Floats, classes: NDArray[Any], reach_m: ArrayLike) -> tuple[Indices, Floats, Floats]:
        """The nearest feature of each point's class within its reach, how far it is, and how far the second nearest.

        lonlat (m, 2); classes (m,) text; reach_m scalar or (m,), inclusive. Gives feature index (m,), -1 where there is
        none; metres (m,); metres to the second nearest of the class (m,); both inf where there is none within reach.
        Of features equally near the first in build order wins. A point with a coordinate that is not finite, or of a
        class that no feature has, has no nearest.
        """
        reach = checked_reach(reach_m, len(lonlat))
        index = np.full(len(lonlat), -1, dtype=np.int64)
        first, second = np.full(len(lonlat), np.inf), np.full(len(lonlat), np.inf)
        point, feature, metres = self.within(lonlat, np.asarray(classes), reach)
        order = np.lexsort((feature, metres, point))
        point, feature, metres = point[order], feature[order], metres[order]
        leads = np.concatenate([[True], point[1:] != point[:-1]]) if len(point) else np.zeros(0, dtype=np.bool_)
        index[point[leads]], first[point[leads]] = feature[leads], metres[leads]
        follows = np.flatnonzero(leads[:-1] & ~leads[1:]) + 1
        second[point[follows]] = metres[follows]
        return index, first, second

    def within(self, lonlat: Floats, classes: NDArray[Any], reach: Floats) -> tuple[Indices, Indices, Floats]:
        """Every feature of the point's class within reach: (point, feature, metres), in no order."""
        pairs = [np.empty((2, 0), dtype=np.int64)]
        finite = np.flatnonzero(np.isfinite(lonlat).all(axis=1))
        for name, asked in _groups(classes[finite]):
            if name in self.trees:
                members, tree = self.trees[name]
                asked = finite[asked]
                point, member = tree.query(boxes(lonlat[asked], reach[asked]))
                pairs.append(np.stack([asked[point], members[member]]))
        point, feature = np.concatenate(pairs, axis=1)
        metres = self.paths.distances(lonlat, point, feature)
        within = np.flatnonzero(self.solid[feature])
        places = lonlat[point[within]]
        covered = shapely.intersects_xy(self.geometries[feature[within]], places[:, 0], places[:, 1])
        metres[within[covered]] = 0.0
        kept = metres <= reach[point]
        return point[kept], feature[kept], metres[kept]


def _groups(names: NDArray[Any]) -> list[tuple[str, Indices]]:
    """Each name and the indices that bear it, ascending."""
    found, inverse = np.unique(names, return_inverse=True)
    order = np.argsort(inverse, kind="stable").astype(np.int64)
    starts = np.searchsorted(inverse[order], np.arange(len(found) + 1))
    return [(str(name), order[starts[k] : starts[k + 1]]) for k, name in enumerate(found)]
