"""Files in pieces: tables that are read, answered and written batch by batch, however long they are."""

import csv
import io
import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from gis import crs as reference
from gis import encoding as texts
from gis.errors import Refusal, refuse
from gis.formats import delimited
from gis.formats.columns import from_arrow, named_once, to_text
from gis.tables import Table

PARQUET = (".parquet",)
ARROW = (".arrow", ".feather", ".ipc", ".arrows")
DELIMITED = (".csv", ".tsv")
LINES = (".ndjson", ".jsonl")
ROWS = {PARQUET: 262_144, ARROW: 262_144, DELIMITED: 50_000, LINES: 50_000}
"""Rows of a batch by format, so that a few batches take some hundred megabytes at most."""

ENUMERATED = ("source", "crs", "edition", "kind", "class_code", "condition")
"""Columns of few distinct texts: Parquet holds them as dictionaries, and they are read as such."""
SNIFFED = 1 << 20


@dataclass(frozen=True, slots=True)
class Piece:
    """Some rows of a file: its columns, the numbers of the rows, and what else its format has of them."""

    columns: pa.RecordBatch
    rows: np.ndarray
    objects: Sequence[dict[str, Any]] | None = None
    lines: tuple[Sequence[str], Sequence[tuple[int, list[str]]]] | None = None  # of a CSV: its heading and cells

    def table(self, crs: str | None, x_column: str | None = None, y_column: str | None = None) -> Table:
        """The piece as `gis.formats.read` gives it: of a CSV the positions as geometry, else all as columns."""
        if self.lines is not None:
            table = delimited.assemble(*self.lines, x_column, y_column)
            chosen, faults = reference.choose(table.crs, crs)
            return replace(table, crs=chosen, faults=(*table.faults, *faults))
        names = self.columns.schema.names
        columns = {name: from_arrow(plain(self.columns.column(name))) for name in names}
        return Table(columns, None, None, self.rows)

    def __len__(self) -> int:
        return len(self.rows)


class Sink(Protocol):
    """Takes each piece with the columns that were added, in the order of the file."""

    def write(self, piece: Piece, added: Mapping[str, pa.Array]) -> None: ...

    def close(self) -> None: ...


def is_streamed(
    source: Path, out: Path, crs: str | None, encoding: str | None, mapping: Mapping[str, str] | None = None
) -> bool:
    """Whether the files can be read and written in pieces. Files that hold a geometry are read as a whole."""
    suffix, to = source.suffix.lower(), out.suffix.lower()
    if not source.is_file() or suffix in LINES or to in LINES:
        return source.is_file() and suffix in LINES and to in LINES and encoding is None and _is_plain_json(source)
    if to not in PARQUET + ARROW + DELIMITED:
        return False
    if suffix in PARQUET:
        return _is_plain_parquet(source)
    if suffix in DELIMITED:
        return _is_plain_csv(source, crs, encoding, mapping or {})
    return suffix in ARROW


def pieces(path: Path, rows: int | None = None, enumerated: Sequence[str] = ENUMERATED) -> Iterator[Piece]:
    """The file in pieces of at most `rows` rows. Errors: Refusal file_unreadable."""
    suffix = path.suffix.lower()
    size = rows or next(size for suffixes, size in ROWS.items() if suffix in suffixes)
    try:
        if suffix in LINES:
            yield from _json_pieces(path, size)
        elif suffix in DELIMITED:
            yield from _csv_pieces(path, size)
        else:
            first = 1
            for columns in _parquet(path, size, enumerated) if suffix in PARQUET else _arrow(path, size):
                yield Piece(columns, np.arange(first, first + len(columns)))
                first += len(columns)
            if first == 1:  # the columns of a file without rows are answered too
                yield Piece(pa.RecordBatch.from_pylist([], schema=_schema(path)), np.arange(1, 1))
    except (pa.ArrowException, OSError, ValueError, csv.Error) as error:
        raise _unreadable(path, str(error)) from error


def rows_in(path: Path) -> int | None:
    """How many rows the file has, where it tells so at once."""
    return int(pq.ParquetFile(path).metadata.num_rows) if path.suffix.lower() in PARQUET else None


@contextmanager
def written(path: Path) -> Iterator[Sink]:
    """A sink for the file, which appears whole or not at all. Errors: Refusal file_unwritable."""
    try:
        with tempfile.TemporaryDirectory(dir=path.parent, prefix=".writing-") as folder:
            partial = Path(folder) / path.name
            suffix = path.suffix.lower()
            sink: Sink
            if suffix in LINES:
                sink = _JsonSink(partial)
            elif suffix in DELIMITED:
                sink = _CsvSink(partial)
            else:
                sink = _ArrowSink(partial)
            try:
                yield sink
            finally:
                sink.close()
            if partial.exists():
                os.replace(partial, path)
    except OSError as error:
        raise refuse(
            "file_unwritable",
            f"{path} cannot be written: {error.strerror or error}.",
            f"无法写入 {path}：{error.strerror or error}。",
            kind="unavailable",
        ) from error


def _parquet(path: Path, size: int, enumerated: Sequence[str]) -> Iterator[pa.RecordBatch]:
    schema = pq.read_schema(path)
    texts_ = [name for name in enumerated if name in schema.names and pa.types.is_string(schema.field(name).type)]
    with pq.ParquetFile(path, read_dictionary=texts_, pre_buffer=True) as file:
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
    if path.suffix.lower() in PARQUET:
        return pq.read_schema(path)
    with pa.memory_map(str(path)) as source:
        try:
            return pa.ipc.open_file(source).schema
        except pa.ArrowInvalid:
            source.seek(0)
            return pa.ipc.open_stream(source).schema


def _csv_pieces(path: Path, size: int) -> Iterator[Piece]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        delimiter = _delimiter(path, file.readline())
        file.seek(0)
        lines = csv.reader(file, delimiter=delimiter)
        heads = next(lines)
        while heads and not heads[-1].strip():
            heads.pop()
        taken: list[tuple[int, list[str]]] = []
        for row, cells in enumerate(lines, 1):
            if any(cells):
                taken.append((row, delimited.without_tail(cells, len(heads))))
            if len(taken) == size:
                yield _text_piece(heads, taken)
                taken = []
        yield _text_piece(heads, taken)


def _text_piece(heads: Sequence[str], lines: Sequence[tuple[int, list[str]]]) -> Piece:
    names, padding = named_once(head.strip() for head in heads), [""] * len(heads)
    cells = [(cells + padding)[: len(heads)] for _, cells in lines]
    columns = list(zip(*cells, strict=True)) or [()] * len(names)
    arrays = [pa.array([cell or None for cell in column], pa.string()) for column in columns]
    rows = np.array([row for row, _ in lines], dtype=np.int64)
    return Piece(pa.RecordBatch.from_arrays(arrays, names=names), rows, lines=(heads, lines))


def _json_pieces(path: Path, size: int) -> Iterator[Piece]:
    with path.open("rb") as file:
        objects: list[dict[str, Any]] = []
        rows: list[int] = []
        for row, line in enumerate(file, 1):
            if not line.strip():
                continue
            read = orjson.loads(line)
            if not isinstance(read, dict):
                raise ValueError(f"line {row} is no object")
            objects.append(read)
            rows.append(row)
            if len(rows) == size:
                yield _object_piece(objects, rows)
                objects, rows = [], []
        yield _object_piece(objects, rows)


def _object_piece(objects: Sequence[dict[str, Any]], rows: Sequence[int]) -> Piece:
    names = dict.fromkeys(name for each in objects for name in each)
    arrays = [_column([each.get(name) for each in objects]) for name in names]
    columns = pa.RecordBatch.from_arrays(arrays, names=list(names))
    return Piece(columns, np.array(rows, dtype=np.int64), objects)


def _column(values: list[Any]) -> pa.Array:
    """Values of one type keep it; mixed ones become text where that says the same, as in a CSV."""
    try:
        return pa.array(values)
    except (pa.ArrowException, OverflowError):
        return pa.array([to_text(value) for value in values], pa.string())


class _ArrowSink:
    """Parquet, each piece a row group; or an Arrow file or stream."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.writer: Any = None

    def write(self, piece: Piece, added: Mapping[str, pa.Array]) -> None:
        columns = {name: piece.columns.column(name) for name in piece.columns.schema.names}
        columns.update(added)
        parquet = self.path.suffix.lower() in PARQUET
        if not parquet:  # an Arrow file cannot change its dictionaries from batch to batch
            columns = {name: plain(column) for name, column in columns.items()}
        if self.writer is None:
            schema = pa.schema([(name, column.type) for name, column in columns.items()])
            if parquet:
                # Without Arrow's own schema readers see text where a dictionary was written.
                listed = [field.name for field in schema if pa.types.is_dictionary(field.type)]
                self.writer = pq.ParquetWriter(
                    self.path,
                    schema,
                    compression="snappy",
                    store_schema=False,
                    use_dictionary=listed or False,
                    write_statistics=[name for name in schema.names if name not in listed],
                )
            elif self.path.suffix.lower() == ".arrows":
                self.writer = pa.ipc.new_stream(self.path, schema)
            else:
                self.writer = pa.ipc.new_file(self.path, schema)
            self.schema = schema
        arrays = [
            column if column.type == field.type else column.cast(field.type)
            for field, column in zip(self.schema, columns.values(), strict=True)
        ]
        self.writer.write_batch(pa.RecordBatch.from_arrays(arrays, schema=self.schema))

    def close(self) -> None:
        if self.writer is not None:
            self.writer.close()


class _CsvSink:
    def __init__(self, path: Path) -> None:
        self.file = path.open("w", encoding="utf-8", newline="")
        delimiter = "\t" if path.suffix.lower() == ".tsv" else ","
        self.writer = csv.writer(self.file, delimiter=delimiter, lineterminator="\n")
        self.begun = False

    def write(self, piece: Piece, added: Mapping[str, pa.Array]) -> None:
        columns = {name: piece.columns.column(name) for name in piece.columns.schema.names} | dict(added)
        if not self.begun:
            self.writer.writerow(columns)
            self.begun = True
        cells = [[to_text(value) for value in from_arrow(plain(column)).tolist()] for column in columns.values()]
        self.writer.writerows(zip(*cells, strict=True))

    def close(self) -> None:
        self.file.close()


class _JsonSink:
    def __init__(self, path: Path) -> None:
        self.file = path.open("wb")

    def write(self, piece: Piece, added: Mapping[str, pa.Array]) -> None:
        columns = [column.to_pylist() for column in added.values()]
        for each, values in zip(piece.objects or (), zip(*columns, strict=True), strict=True):
            answered = each | dict(zip(added, values, strict=True))
            self.file.write(orjson.dumps(answered, option=orjson.OPT_APPEND_NEWLINE))

    def close(self) -> None:
        self.file.close()


def plain(column: pa.Array) -> pa.Array:
    """The column without a dictionary."""
    return column.dictionary_decode() if pa.types.is_dictionary(column.type) else column


def _is_plain_parquet(path: Path) -> bool:
    try:
        return b"geo" not in (pq.read_schema(path).metadata or {})
    except (pa.ArrowException, OSError):
        return False  # whoever reads it as a whole says what is wrong


def _is_plain_csv(path: Path, crs: str | None, encoding: str | None, mapping: Mapping[str, str]) -> bool:
    """UTF-8, and its positions in columns lon and lat that each row may explain with its own crs."""
    if encoding is not None and texts.codec(encoding) not in ("utf-8", "utf-8-sig"):
        return False
    with path.open("rb") as file:
        for block in iter(lambda: file.read(SNIFFED), b""):
            if b"\0" in block:
                return False
    try:
        with path.open(encoding="utf-8-sig", newline="") as text:
            head = text.readline()
            while text.read(SNIFFED):
                pass
    except UnicodeDecodeError:
        return False
    names = [name.strip() for name in next(csv.reader(io.StringIO(head), delimiter=_delimiter(path, head)), [])]
    return {mapping.get("lon", "lon"), mapping.get("lat", "lat")} <= set(names) and not (
        crs and "crs" in [name.lower() for name in names]
    )


def _is_plain_json(path: Path) -> bool:
    """Objects whose members are those of a case; features are read as a whole."""
    with path.open("rb") as file:
        try:
            first = orjson.loads(next((line for line in file if line.strip()), b"{}"))
        except orjson.JSONDecodeError:
            return False
    return isinstance(first, dict) and first.get("type") != "Feature"


def _delimiter(path: Path, head: str) -> str:
    return "\t" if path.suffix.lower() == ".tsv" else max(",;\t|", key=head.count)


def _unreadable(path: Path, why: str) -> Refusal:
    return refuse(
        "file_unreadable", f"{path.name} cannot be read: {why}.", f"无法读取 {path.name}：{why}。", kind="unreadable"
    )
