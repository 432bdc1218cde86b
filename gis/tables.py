"""A table of features held in memory: what a file gives, what an export takes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
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
    what the file says of itself: an export names the layer, the revision and when that was recorded.
    """

    columns: Mapping[str, NDArray[Any]]
    geometry: NDArray[Any] | None
    crs: CrsLike | None
    rows: NDArray[np.int64]
    source: str = ""
    faults: tuple[Fault, ...] = field(default=())
    notes: Mapping[str, Any] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.rows)

    def part(self, which: NDArray[np.bool_]) -> "Table":
        """The rows that are wanted, (n,) yes or no, with the faults of these and of the table as a whole."""
        kept = set(self.rows[which].tolist())
        return replace(
            self,
            columns={name: column[which] for name, column in self.columns.items()},
            geometry=None if self.geometry is None else self.geometry[which],
            rows=self.rows[which],
            faults=tuple(fault for fault in self.faults if fault.row is None or fault.row in kept),
        )


def joined(tables: Sequence[Table]) -> Table:
    """Pieces of one table as one again; a column that a piece lacks is None there."""
    if len(tables) == 1:
        return tables[0]
    names = dict.fromkeys(name for table in tables for name in table.columns)
    columns = {
        name: np.concatenate([table.columns.get(name, np.full(len(table), None, dtype=object)) for table in tables])
        for name in names
    }
    shapes = [table.geometry for table in tables if table.geometry is not None]
    return replace(
        tables[0],
        columns=columns,
        geometry=np.concatenate(shapes) if len(shapes) == len(tables) else None,
        rows=np.concatenate([table.rows for table in tables]),
        faults=tuple(fault for table in tables for fault in table.faults),
    )
