"""Some positions of a delivery as they were delivered: witnesses of the system that it is really in."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from gis.crs import CrsLike
from gis.errors import Fault
from gis.tables import Table

EACH = 500
"""So many positions of a piece are kept."""


@dataclass(frozen=True, slots=True)
class Sample:
    """`geometry` (m,) of a delivery of `rows` rows, in `crs`, None without geometry; of the rows `lost` have
    coordinates that are no place.
    """

    geometry: NDArray[Any] | None
    crs: CrsLike | None
    rows: int
    lost: int


def sample_of(table: Table, faults: Iterable[Fault]) -> Sample:
    """All positions of a table of which these faults were found."""
    lost = sum(fault.code == "coordinates_out_of_range" for fault in faults)
    return Sample(table.geometry, table.crs, len(table), lost)


@dataclass(slots=True)
class Sampling:
    """Takes a few positions of piece after piece."""

    parts: list[NDArray[Any]] = field(default_factory=list)
    crs: CrsLike | None = None

    def add(self, table: Table) -> None:
        if table.geometry is None:
            return
        self.crs = table.crs
        there = np.flatnonzero(~shapely.is_missing(table.geometry) & ~shapely.is_empty(table.geometry))
        if len(there):
            chosen = there[np.linspace(0, len(there) - 1, min(EACH, len(there))).astype(np.int64)]
            self.parts.append(table.geometry[chosen])
        elif not self.parts:
            self.parts.append(table.geometry[:0])

    def done(self, rows: int, lost: int) -> Sample:
        return Sample(np.concatenate(self.parts) if self.parts else None, self.crs, rows, lost)
