"""A layer through its versions: the source of the next one is made of the one before and of what changed alone."""

import itertools
import threading
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tiles.matrix import check_tile
from tiles.piles import Pile
from tiles.properties import Columns, PropertyPile
from tiles.ranks import Ranks
from tiles.shapes import Shapes, flatten
from tiles.vector import Later, TileSource, window
from tiles.windows import WindowIndex

LARGE: Final = 5_000
"""Features; a change of more is read anew, which is then faster."""
FEW: Final = 4096
"""Added features, or one in `SHARE` of all, are found by an index of their own; of more all are indexed again."""
SHARE: Final = 64
MOST: Final = 2
"""When one in so many features was added since all were read, what lies dead is worth reading anew."""

_numbers = itertools.count(1)


class Growth:
    """The versions of one layer, oldest first; any number of threads may use it.

    Each version is a `TileSource` of its own which never changes, and gives the tiles that `TileSource.build` gives of
    the same features. What versions have in common lies in memory once.
    """

    def __init__(
        self, version: int, names: NDArray[Any], geometries: NDArray[Any], ids: NDArray[np.int64], properties: Columns
    ) -> None:
        """Take what `TileSource.build` takes, in the order of the names' bytes (n,), then of ids."""
        self.number = next(_numbers)
        """Of this growth among all of the process: with a version it names a source."""
        source = TileSource.build(geometries, ids, properties)
        self.newest = version, source
        """The newest version and its source."""
        self._ids, self._shapes = Pile(source.ids), ShapePile(source.shapes)
        self._properties, self._ranks = PropertyPile(source.properties), Ranks(names, source.ids)
        self._alive = np.ones(len(ids), dtype=np.bool_)
        self._first_count = self._indexed = len(ids)
        self._index = source.index
        self._boxes, self._versions = Pile(np.zeros((0, 4))), Pile(np.zeros(0, dtype=np.int64))
        self._lock = threading.Lock()

    @property
    def version(self) -> int:
        """The newest one."""
        return self.newest[0]

    def advance(
        self,
        version: int,
        gone: NDArray[np.int64],
        names: NDArray[Any],
        geometries: NDArray[Any],
        ids: NDArray[np.int64],
        properties: Columns,
    ) -> TileSource | None:
        """The source of a later version: `gone` ids (m,) end, features (k,) begin. A changed one is in both.

        None when so much changed that the layer is better read anew. ValueError for an id that is not there, and as
        for `TileSource.build`.
        """
        with self._lock:
            added = self._ranks.added + len(ids)
            if len(gone) + len(ids) > LARGE or added > max(LARGE, self._first_count // MOST):
                return None
            ended = np.flatnonzero(np.isin(self._ids.view, gone) & self._alive)
            if len(ended) != len(gone):
                raise ValueError(f"of {len(gone)} features that end only {len(ended)} are there")
            first = len(self._ids)
            self._add(names, geometries, np.asarray(ids, dtype=np.int64), properties)
            self._note(version, np.concatenate([ended, np.arange(first, len(self._ids))]))
            alive = np.ones(len(self._ids), dtype=np.bool_)
            alive[:first] = self._alive
            alive[ended] = False
            self._alive = alive
            source = self._read()
            self.newest = version, source
            return source

    def is_same(self, z: int, x: int, y: int, one: int, other: int) -> bool:
        """Whether no feature that shows in a tile, or would, changed between two versions that this has gone through.

        Then the tile has the same bytes in both.
        """
        check_tile(z, x, y)
        early, late = min(one, other), max(one, other)
        with self._lock:
            versions, boxes = self._versions.view, self._boxes.view
        begin, end = np.searchsorted(versions, (early, late), side="right")
        west, south, east, north = window(z, x, y)
        near = boxes[begin:end]
        touched = (near[:, 0] <= east) & (near[:, 2] >= west) & (near[:, 1] <= north) & (near[:, 3] >= south)
        return not touched.any()

    def _add(self, names: NDArray[Any], geometries: NDArray[Any], ids: NDArray[np.int64], properties: Columns) -> None:
        if (ids < 0).any():
            raise ValueError("an id of a feature in a tile may not be negative")
        shapes = flatten(geometries)
        self._properties.add(properties, len(ids))
        self._shapes.add(shapes)
        self._ranks.add(names, ids)
        self._ids.add(ids)

    def _note(self, version: int, changed: NDArray[np.int64]) -> None:
        self._boxes.add(self._shapes.view.bounds[changed])
        self._versions.add(np.full(len(changed), version, dtype=np.int64))

    def _read(self) -> TileSource:
        """The source of what is there now."""
        shapes, count = self._shapes.view, len(self._ids)
        if count - self._indexed > max(FEW, self._indexed // SHARE):
            self._index, self._indexed = WindowIndex.build(_living(shapes, self._alive, 0)), count
        later = WindowIndex.build(_living(shapes, self._alive, self._indexed))
        return TileSource(
            self._ids.view,
            shapes,
            self._properties.view,
            self._index,
            Later(later, self._indexed, self._alive, self._ranks.view),
        )


class ShapePile:
    """Shapes to which features are added behind."""

    def __init__(self, first: Shapes) -> None:
        self._piles = [Pile(each) for each in first]

    @property
    def view(self) -> Shapes:
        """The shapes of all features so far."""
        return Shapes._make(pile.view for pile in self._piles)

    def add(self, more: Shapes) -> None:
        """The shapes of further features."""
        so_far = self.view
        paths, points = len(so_far.holes), len(so_far.xy)
        moved = more._replace(first_path=more.first_path[1:] + paths, first_point=more.first_point[1:] + points)
        added: tuple[NDArray[Any], ...] = tuple(moved)
        for pile, rows in zip(self._piles, added, strict=True):
            pile.add(rows)


def _living(shapes: Shapes, alive: NDArray[np.bool_], first: int) -> NDArray[np.float64]:
    """The boxes of the features from `first` on, nan of those that are over."""
    return np.where(alive[first:, np.newaxis], shapes.bounds[first:], np.nan)
