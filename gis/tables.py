"""A table of features held in memory: what a file gives, what an export takes."""

from collections.abc import Iterable, Mapping, Sequence
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
    """Tables laid together as one; what one has no column or no geometry for is None there."""
    if len(tables) == 1:
        return tables[0]
    names = dict.fromkeys(name for table in tables for name in table.columns)
    columns = {
        name: np.concatenate([table.columns.get(name, np.full(len(table), None, dtype=object)) for table in tables])
        for name in names
    }
    is_plain = all(table.geometry is None for table in tables)
    return replace(
        tables[0],
        columns=columns,
        geometry=None if is_plain else np.concatenate([_shapes(table) for table in tables]),
        rows=np.concatenate([table.rows for table in tables]),
        faults=tuple(fault for table in tables for fault in table.faults),
    )


def _shapes(table: Table) -> NDArray[Any]:
    return np.full(len(table), None, dtype=object) if table.geometry is None else table.geometry


def only_new(table: Table, faults: Iterable[Fault]) -> list[Fault]:
    """The faults without those of rows whose geometry was refused already when the table was read."""
    told = {fault.row for fault in table.faults if fault.severity == "error"}
    return [fault for fault in faults if fault.code != "missing_geometry" or fault.row not in told]
