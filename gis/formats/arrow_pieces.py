"""Parquet, GeoParquet and Arrow IPC (file and stream) in pieces."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from gis.errors import Refusal, refuse
from gis.formats import geoarrow
from gis.formats.pieces import Piece, Shape, numbered

PARQUET = (".parquet",)
ARROW = (".arrow", ".feather", ".ipc", ".arrows")
ROWS = 262_144
"""Rows of a piece: a few pieces take some hundred megabytes at most."""
AHEAD_BYTES = 1 << 22
"""How much of a column is read at once."""


@dataclass(frozen=True, slots=True)
class ArrowSource:
    """A file whose columns have types. `enumerated` are read as dictionaries, where they are text."""

    path: Path
    schema: pa.Schema
    names: Sequence[str]
    axes: tuple[str, str] | None
    shape: Shape | None
    count: int | None
    encoding: str
    enumerated: Sequence[str]

    def pieces(self, rows: int | None = None) -> Iterator[Piece]:
        """The rows in order. Errors: Refusal file_unreadable."""
        first = 1
        try:
            is_parquet = self.path.suffix.lower() in PARQUET
            found = (
                _parquet(self.path, rows or ROWS, self.enumerated) if is_parquet else _arrow(self.path, rows or ROWS)
            )
            for columns in found:
                yield self._piece(columns, first)
                first += len(columns)
            if first == 1:  # the columns of a file without rows are answered too
                yield self._piece(pa.RecordBatch.from_pylist([], schema=self.schema), first)
        except (pa.ArrowException, OSError, ValueError) as error:
            raise unreadable(self.path, str(error)) from error

    def _piece(self, columns: pa.RecordBatch, first: int) -> Piece:
        rows = numbered(first, len(columns))
        if self.shape is None:
            return Piece(columns, rows)
        places, faults = geoarrow.read_places(columns.column(self.shape.column), self.encoding, rows)
        return Piece(columns, rows, places, faults=faults)


def open_arrow(path: Path, enumerated: Sequence[str] = ()) -> ArrowSource:
    """A Parquet or Arrow file, ready to be read. Errors: Refusal file_unreadable, crs_unknown."""
    try:
        count = None
        if path.suffix.lower() in PARQUET:
            with pq.ParquetFile(path) as file:
                schema, count = file.schema_arrow, int(file.metadata.num_rows)
        else:
            schema = _schema(path)
        geo = geoarrow.describe(schema)
    except (pa.ArrowException, OSError, ValueError, AttributeError, TypeError) as error:
        raise unreadable(path, str(error)) from error
    twice = next((name for name in schema.names if schema.names.count(name) > 1), None)
    if twice is not None:
        raise unreadable(path, f"it has two columns '{twice}'", f"有两个名为“{twice}”的列")
    names = [name for name in schema.names if geo is None or name != geo.column]
    texts = [name for name in enumerated if name in names and pa.types.is_string(schema.field(name).type)]
    shape = None if geo is None else Shape(geo.column, geo.crs)
    return ArrowSource(path, schema, names, None, shape, count, "" if geo is None else geo.encoding, texts)


def unreadable(path: Path, en: str, zh: str | None = None) -> Refusal:
    """The refusal of a file that breaks while it is read."""
    return refuse(
        "file_unreadable",
        f"{path.name} cannot be read: {en}.",
        f"无法读取 {path.name}：{zh or en}。",
        kind="unreadable",
    )


def _parquet(path: Path, size: int, enumerated: Sequence[str]) -> Iterator[pa.RecordBatch]:
    # Buffering ahead would keep the whole file in memory; a buffered stream keeps a few pages of each column.
    with pq.ParquetFile(path, read_dictionary=list(enumerated), pre_buffer=False, buffer_size=AHEAD_BYTES) as file:
        yield from file.iter_batches(batch_size=size)


def _arrow(path: Path, size: int) -> Iterator[pa.RecordBatch]:
    with pa.memory_map(str(path)) as source:
        try:
            file = pa.ipc.open_file(source)
            batches = (file.get_batch(number) for number in range(file.num_record_batches))
        except pa.ArrowInvalid:
            source.seek(0)
            batches = iter(pa.ipc.open_stream(source))
        for batch in batches:
            for start in range(0, len(batch), size):
                yield batch.slice(start, size)


def _schema(path: Path) -> pa.Schema:
    with pa.memory_map(str(path)) as source:
        try:
            return pa.ipc.open_file(source).schema
        except pa.ArrowInvalid:
            source.seek(0)
            return pa.ipc.open_stream(source).schema
