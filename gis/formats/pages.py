"""What is to be written, page by page: a table of any length with what a format must know of all of it beforehand."""

import marshal
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import shapely
from numpy.typing import NDArray

from gis.crs import CrsLike
from gis.formats.columns import to_column, type_of, types_in
from gis.formats.notes import Notes
from gis.formats.outputs import refusing
from gis.tables import Table

NOWHERE = ""
"""Among the kinds of geometry: that some row has none."""


@dataclass(frozen=True, slots=True)
class Pages:
    """`count` rows in tables that all have the columns `types`, each with the type that holds all its values.

    `kinds` are the names of the types of geometry, with NOWHERE where some row has none; `crs` is None for a table
    without geometry. `tables` gives the pages from the first on, as often as it is called.
    """

    types: Mapping[str, pa.DataType]
    kinds: frozenset[str]
    crs: CrsLike | None
    count: int
    tables: Callable[[], Iterator[Table]]
    has_geometry: bool
    notes: Notes = field(default_factory=dict)

    @classmethod
    def of(cls, table: Table) -> "Pages":
        """A table as one page."""
        types = {name: type_of(types_in(column.tolist())) for name, column in table.columns.items()}
        kinds = frozenset(kinds_of(table.geometry))
        has_geometry = table.geometry is not None
        return cls(types, kinds, table.crs, len(table), lambda: iter([table]), has_geometry, table.notes)

    @property
    def names(self) -> list[str]:
        return list(self.types)

    def through(self, change: Callable[[Table], Table]) -> "Pages":
        """The pages, each changed on its way; a change keeps the order of columns and the types of values."""
        none: NDArray[Any] = np.empty(0, dtype=object)
        geometry = none if self.has_geometry else None
        heads = change(Table(dict.fromkeys(self.types, none), geometry, self.crs, np.empty(0, dtype=np.int64)))
        types = dict(zip(heads.columns, self.types.values(), strict=True))
        return replace(self, types=types, crs=heads.crs, tables=lambda: map(change, self.tables()))


class Spool:
    """Takes pages of which nobody knows yet what the others will hold, and keeps them in a folder beside the target."""

    def __init__(self, target: Path, folder: Path) -> None:
        self.target, self.folder = target, folder
        self.names: dict[str, set[type | None]] = {}
        self.kinds: set[str] = set()
        self.count = self.pages_kept = 0
        self.crs: CrsLike | None = None
        self.has_geometry = False

    def add(self, table: Table) -> None:
        """Take a further page; a column that others have is None in it. Errors: Refusal file_unwritable."""
        for name, column in table.columns.items():
            self.names.setdefault(name, set()).update(types_in(column.tolist()))
        self.kinds |= kinds_of(table.geometry)
        self.crs, self.has_geometry = table.crs, table.geometry is not None
        shapes = None if table.geometry is None else shapely.to_wkb(table.geometry).tolist()
        held = ({name: column.tolist() for name, column in table.columns.items()}, shapes, len(table))
        with refusing(self.target), (self.folder / f"{self.pages_kept}.page").open("wb") as file:
            marshal.dump(held, file)
        self.pages_kept += 1
        self.count += len(table)

    def pages(self, notes: Notes) -> Pages:
        """All that was taken."""
        types = {name: type_of(found) for name, found in self.names.items()}
        return Pages(types, frozenset(self.kinds), self.crs, self.count, self._tables, self.has_geometry, notes)

    def _tables(self) -> Iterator[Table]:
        first = 1
        for number in range(self.pages_kept):
            with (self.folder / f"{number}.page").open("rb") as file:
                columns, shapes, count = marshal.load(file)  # of this process's own making
            rows = np.arange(first, first + count, dtype=np.int64)
            none = [None] * count
            values = {name: to_column(columns.get(name, none)) for name in self.names}
            geometry = None if shapes is None else shapely.from_wkb(to_column(shapes))
            yield Table(values, geometry, self.crs, rows)
            first += count


@contextmanager
def spooling(beside: Path) -> Iterator[Spool]:
    """A spool in the folder of a file that is to be written, gone afterwards. Errors: Refusal file_unwritable."""
    with refusing(beside):
        made = tempfile.TemporaryDirectory(dir=beside.parent, prefix=".writing-")
    with made as folder:
        yield Spool(beside, Path(folder))


def kinds_of(geometry: NDArray[Any] | None) -> set[str]:
    """The names of the types of geometry, and NOWHERE for None."""
    if geometry is None:
        return set()
    return {_NAMES[at] for at in np.unique(shapely.get_type_id(geometry)).tolist()}


_NAMES: Sequence[str] = (
    *("Point", "LineString", "LinearRing", "Polygon", "MultiPoint", "MultiLineString", "MultiPolygon"),
    *("GeometryCollection", NOWHERE),  # the last by its number -1
)
