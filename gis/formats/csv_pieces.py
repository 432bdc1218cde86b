"""CSV and TSV in pieces: every value is text, and all columns stay as they are; the positions stand in some of them."""

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import shapely

from gis import encoding as texts
from gis.errors import Fault
from gis.formats import delimited, geoarrow, shapes
from gis.formats.arrow_pieces import unreadable
from gis.formats.columns import from_arrow, named_once, to_column
from gis.formats.delimited import Axes
from gis.formats.pieces import Piece, Shape
from gis.formats.text_lines import BLOCK, find_codec, open_text
from gis.tables import Table

DELIMITED = (".csv", ".tsv", ".txt")
ROWS = 50_000


@dataclass(frozen=True, slots=True)
class CsvSource:
    """A file of text in columns. `wkt` is the column of positions as WKT where no two columns hold x and y."""

    path: Path
    names: Sequence[str]
    axes: tuple[str, str] | None
    wkt: str | None
    codec: str
    fits: bool
    forced: bool
    delimiter: str
    heads: Sequence[str]
    shape: Shape | None = None
    count: int | None = None

    @property
    def schema(self) -> pa.Schema:
        return pa.schema([(name, pa.string()) for name in self.names])

    def pieces(self, rows: int | None = None) -> Iterator[Piece]:
        """The rows in order; a blank line is none but is counted. Errors: Refusal file_unreadable, encoding_wrong."""
        size = rows or ROWS
        try:
            with open_text(self.path, self.codec) as file:
                lines = csv.reader(file, delimiter=self.delimiter)
                next(lines, None)
                taken: list[tuple[int, list[str]]] = []
                begun = False
                for row, cells in enumerate(lines, 1):
                    if any(cells):
                        taken.append((row, delimited.without_tail(cells, len(self.heads))))
                    if len(taken) == size:
                        yield self._piece(taken)
                        taken, begun = [], True
                if taken or not begun:
                    yield self._piece(taken)
        except (csv.Error, OSError, UnicodeError) as error:
            raise unreadable(self.path, str(error)) from error

    def _piece(self, lines: Sequence[tuple[int, list[str]]]) -> Piece:
        width = len(self.heads)
        rows = np.array([row for row, _ in lines], dtype=np.int64)
        faults = [delimited.uneven(row, len(cells), width) for row, cells in lines if len(cells) != width]
        padding = [""] * width
        cells = [each if len(each) == width else (each + padding)[:width] for _, each in lines]
        columns = list(zip(*cells, strict=True)) or [()] * width
        if not self.fits:
            faults += self._damaged(columns, rows)
        arrays = [pa.array([cell or None for cell in column], pa.string()) for column in columns]
        batch = pa.RecordBatch.from_arrays(arrays, names=list(self.names))
        if self.wkt is None:
            return Piece(batch, rows, faults=tuple(faults))
        texts_ = to_column(batch.column(self.names.index(self.wkt)).to_pylist())
        geometry, unread = shapes.parse(shapely.from_wkt, texts_, rows)
        places, wrong = geoarrow.places_of(geometry, rows, unread)
        return Piece(batch, rows, places, faults=(*faults, *wrong))

    def _damaged(self, columns: Sequence[Sequence[str]], rows: np.ndarray) -> list[Fault]:
        found = [
            (int(row), name)
            for name, column in zip(self.names, columns, strict=True)
            for row, cell in zip(rows.tolist(), column, strict=True)
            if "\ufffd" in cell
        ]
        if found and self.forced:
            raise texts.wrong(self.codec, min(found)[0])
        return [texts.replaced(row, name) for row, name in sorted(found)]


def read_tables(path: Path, encoding: str | None, axes: Axes, size: int | None) -> Iterator[Table]:
    """What `delimited.read` gives, in tables of at most `size` rows, at least one. Errors: those of it."""
    source = replace(open_csv(path, encoding, *(axes or ())), wkt=None)  # which is parsed here, whatever it is
    mixed = axes is not None and _has_several_crs(source)
    for number, piece in enumerate(source.pieces(size)):
        columns = {name: from_arrow(piece.columns.column(at)) for at, name in enumerate(source.names)}
        faults = piece.faults
        if number == 0 and source.codec == "gb18030" and encoding is None:
            shown = (value for column in columns.values() for value in column.tolist() if value)
            faults = (*faults, *([texts.doubtful()] if texts.is_doubtful(shown) else []))
        table = Table(columns, None, None, piece.rows, faults=faults, encoding=source.codec)
        yield delimited.locate(table, axes, mixed)


def count_lines(path: Path) -> int:
    """The lines behind the heading: as many as there are rows, or more."""
    with path.open("rb") as file:
        return max(sum(block.count(b"\n") for block in iter(lambda: file.read(BLOCK), b"")) - 1, 0)


def _has_several_crs(source: CsvSource) -> bool:
    """Whether a column `crs` does not say one and the same throughout; then it is an attribute like any other."""
    at = next((index for index, name in enumerate(source.names) if name.lower() == "crs"), None)
    if at is None:
        return False
    with open_text(source.path, source.codec) as file:
        lines = csv.reader(file, delimiter=source.delimiter)
        next(lines, None)
        return len({cells[at] if len(cells) > at else "" for cells in lines if any(cells)}) > 1


def open_csv(path: Path, encoding: str | None, x_column: str | None = None, y_column: str | None = None) -> CsvSource:
    """A CSV, ready to be read; `x_column` and `y_column` name its coordinates, which else are found by their names.

    Errors: Refusal file_unreadable, encoding_unknown, column_missing.
    """
    codec, fits = find_codec(path, encoding)
    with open_text(path, codec) as file:
        first = file.readline()
    delimiter = "\t" if path.suffix.lower() == ".tsv" else max(",;\t|", key=first.count)
    try:
        with open_text(path, codec) as file:
            heads = next(csv.reader(file, delimiter=delimiter), [])
    except csv.Error as error:
        raise unreadable(path, str(error)) from error
    if not any(cell.strip() for cell in heads):
        raise unreadable(path, "it has no heading", "没有表头")
    while heads and not heads[-1].strip():
        heads.pop()
    names = named_once(head.strip() for head in heads)
    axes, wkt = delimited.positions_in(names, x_column, y_column)
    return CsvSource(path, names, axes, wkt, codec, fits, encoding is not None, delimiter, heads)
