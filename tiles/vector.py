"""A layer's features held ready for Mapbox Vector Tiles 2.1."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tiles.drawing import BUFFER, EXTENT, Frame, draw
from tiles.features import write_features
from tiles.matrix import Box, check_tile, corner, span
from tiles.properties import Properties
from tiles.shapes import Shapes, flatten
from tiles.varints import member, varint
from tiles.windows import WindowIndex

FULL_ZOOM: Final = 14
"""The least zoom at which everything is drawn. Below it small things are thinned, which bounds a tile's size: at zoom
14 two pixels are 10 metres, and no city has more than some thousand features in the 6 square kilometres of a tile."""


@dataclass(frozen=True, slots=True, eq=False)
class Later:
    """What a source that grew by changes knows beside the index of its first features.

    The features from `first` on are in `index`, numbered from 0 there; `alive` (n,) tells which ones are still there,
    and `ranks` (n,) in which order they come.
    """

    index: WindowIndex
    first: int
    alive: NDArray[np.bool_]
    ranks: NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class TileSource:
    """n features of one layer as flat arrays that never change; any number of threads may encode from it at once."""

    ids: NDArray[np.int64]
    shapes: Shapes
    properties: Properties
    index: WindowIndex
    later: Later | None = None

    @classmethod
    def build(
        cls, geometries: NDArray[Any], ids: NDArray[np.int64], properties: Mapping[str, NDArray[Any]]
    ) -> "TileSource":
        """Take shapely geometries (n,) in lon, lat degrees or None, ids (n,) >= 0, and columns (n,) of properties.

        Where a tile is thinned the first of the features that meet in a cell is drawn, so their order matters.
        ValueError when lengths differ or an id is negative, TypeError when a tile cannot hold a property.
        """
        if len(ids) != len(geometries):
            raise ValueError(f"{len(ids)} ids for {len(geometries)} geometries")
        if (ids < 0).any():
            raise ValueError("an id of a feature in a tile may not be negative")
        shapes = flatten(geometries)
        columns = Properties.build(properties, len(geometries))
        return cls(np.ascontiguousarray(ids, dtype=np.int64), shapes, columns, WindowIndex.build(shapes.bounds))

    def __len__(self) -> int:
        return len(self.ids) if self.later is None else int(np.count_nonzero(self.later.alive))

    def encode(self, name: str, z: int, x: int, y: int, fields: Sequence[str] | None = None) -> bytes:
        """The tile as one layer called `name`, or b"" when nothing is in it.

        Extent 4096, buffer 64; features in the order of the source, with integer ids and the given fields (all when
        None), properties that are None left out. Geometry is within half a tile unit of the source; parts that vanish
        on the tile's grid are dropped. Below `FULL_ZOOM`, of the lines and polygons that fit into 2 x 2 pixels (of the
        512 of a tile) and of the points, one is kept for each such cell; a polygon is then drawn as the cell, so that
        a coverage of small units still covers. Refuses `tile_outside` and `unknown_field`.
        """
        check_tile(z, x, y)
        places = self.properties.places(fields)
        west, north = corner(z, x, y)
        frame = Frame(west, north, EXTENT / span(z), z < FULL_ZOOM)
        drawn, commands, starts = draw(self.shapes, self._touching(window(z, x, y)), frame)
        if not len(drawn):
            return b""
        codes = self.properties.codes[drawn[:, np.newaxis], places]
        values = len(self.properties.starts) - 1
        features, used = write_features(self.ids[drawn], self.shapes.kinds[drawn], codes, values, commands, starts)
        keys = [member(3, self.properties.names[place].encode()) for place in places]
        layer = [
            member(1, name.encode()),
            features.tobytes(),
            *keys,
            self.properties.values(used),
            b"\x28" + varint(EXTENT),
            b"\x78\x02",  # version 2
        ]
        return member(3, b"".join(layer))

    def _touching(self, box: Box) -> NDArray[np.int64]:
        """The features (k,) int64 whose boxes touch a box in metres, in their order."""
        chosen = self.index.touching(*box)
        if self.later is None:
            return chosen
        added = self.later.index.touching(*box) + self.later.first
        chosen = np.concatenate([chosen, added])
        chosen = chosen[self.later.alive[chosen]]
        return chosen[np.argsort(self.later.ranks[chosen], kind="stable")]


def window(z: int, x: int, y: int) -> Box:
    """West, south, east, north of a tile with its buffer, in metres of EPSG:3857."""
    west, north = corner(z, x, y)
    side = span(z)
    edge = side * BUFFER / EXTENT
    return west - edge, north - side - edge, west + side + edge, north + edge
