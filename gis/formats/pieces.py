"""Tables in pieces: some rows of a file at a time, so that a file of any length takes the same memory."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from gis.errors import Fault

Points = NDArray[np.float64]
Rows = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Piece:
    """n rows of a file. `columns` are all it has of them, in the file's order, the geometry's own column included.

    `rows` (n,) are the numbers of the rows in the file, from 1. `places` (n, 2) are x, y of the geometry, NaN where it
    is missing or no point, None for a file without geometry. `objects` are the JSON objects of the lines that the rows
    were. `faults` are what reading found, each with its row.
    """

    columns: pa.RecordBatch
    rows: Rows
    places: Points | None = None
    objects: Sequence[dict[str, Any]] | None = None
    faults: tuple[Fault, ...] = field(default=())

    def __len__(self) -> int:
        return len(self.rows)

    def column(self, name: str) -> pa.Array:
        """The column of that name; of a file of lines that has it elsewhere, nulls."""
        at = self.columns.schema.get_field_index(name)
        return pa.nulls(len(self)) if at < 0 else self.columns.column(at)


@dataclass(frozen=True, slots=True)
class Shape:
    """What a file says of its geometry: the column that holds it ("" where none does) and its CRS, None if untold."""

    column: str
    crs: str | None


class Source(Protocol):
    """A file that is read in pieces.

    `names` are its attributes, without the geometry; `axes` the two that hold x and y, where it has such. `shape` is
    None for a file without geometry. `count` is how many rows it has, where it tells so at once.
    """

    @property
    def names(self) -> Sequence[str]: ...

    @property
    def axes(self) -> tuple[str, str] | None: ...

    @property
    def shape(self) -> Shape | None: ...

    @property
    def count(self) -> int | None: ...

    @property
    def schema(self) -> pa.Schema:
        """The columns of every piece; reading a file of lines once, where it is asked of one."""
        ...

    def pieces(self, rows: int | None = None) -> Iterator[Piece]:
        """The rows in order, at most `rows` at a time, at least one piece. Errors: Refusal file_unreadable."""
        ...


def plain(column: pa.Array) -> pa.Array:
    """The column without a dictionary."""
    return column.dictionary_decode() if pa.types.is_dictionary(column.type) else column


def numbered(first: int, count: int) -> Rows:
    """The numbers of `count` rows from `first` on."""
    return np.arange(first, first + count, dtype=np.int64)
