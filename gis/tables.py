"""A table of features held in memory: what a file gives, what an export takes."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gis.crs import CrsLike
from gis.errors import Fault


@dataclass(frozen=True, slots=True)
class Table:
    """n features. `columns` maps a name to an object array (n,) of str | int | float | bool | None; text stays text.

    `geometry` is an object array (n,) of shapely geometries or None, or None for a table without geometry, in `crs`
    (what `gis.crs.parse` reads; None when the file does not say and nobody told), always x, y.
    `rows` (n,) int64 are the row numbers in the source, from 1. `faults` are what reading already found. `notes` are
    what the file says of itself: an export names the layer, the revision and when that was recorded. `encoding` is that
    of its text where that had to be found out (shapefile, CSV).
    """

    columns: Mapping[str, NDArray[Any]]
    geometry: NDArray[Any] | None
    crs: CrsLike | None
    rows: NDArray[np.int64]
    source: str = ""
    faults: tuple[Fault, ...] = field(default=())
    notes: Mapping[str, Any] = field(default_factory=dict)
    encoding: str | None = None

    def __len__(self) -> int:
        return len(self.rows)
