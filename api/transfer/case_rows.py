"""Files of cases and of hand-offs as rows, in pieces where the format allows it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import shapely

from gis.crs import Crs, CrsLike
from gis.errors import Fault, refuse
from gis.formats import read_pieces
from gis.formats.columns import from_arrow
from gis.formats.pieces import plain
from gis.formats.sources import READ, open_source
from gis.intake import ROUNDED

PIECE = 5_000


@dataclass(frozen=True, slots=True)
class Rows:
    """n rows of a file: `columns` by field (n,) and the rows' numbers in the file, from 1. `crs` is the geometry's."""

    columns: Mapping[str, Sequence[Any]]
    rows: Sequence[int]
    faults: tuple[Fault, ...] = ()
    crs: str | None = None

    def members(self) -> Iterator[dict[str, Any]]:
        """Each row as an object, without what it does not say."""
        names = list(self.columns)
        for values in zip(*self.columns.values(), strict=True) if names else ({},) * len(self.rows):
            yield {name: value for name, value in zip(names, values, strict=True) if _says(value)}


@dataclass(frozen=True, slots=True)
class Reading:
    """How a file is read: the columns of fields, the layer in it, the CRS of its geometry, its encoding."""

    fields: Sequence[str]
    mapping: Mapping[str, str] = field(default_factory=dict)
    layer: str | None = None
    crs: CrsLike | None = None
    encoding: str | None = None


def damaged(row: int, name: str, value: Any) -> Fault | None:
    """The fault of a name or code that a spreadsheet has written as a rounded number, None for any other value."""
    if not isinstance(value, str) or not ROUNDED.fullmatch(value.strip()):
        return None
    shown = value.strip()[:60]
    return Fault(
        "code_damaged",
        f"Row {row}: the {name} {shown} is a number that no longer holds every digit; deliver it as text.",
        f"第 {row} 行：{name} {shown} 已被存为数值并丢失位数，请以文本形式提交。",
        row=row,
        thing=shown,
    )


def read_rows(path: Path, how: Reading) -> Iterator[Rows]:
    """The rows of a file; CSV, Parquet, Arrow and lines of JSON in pieces, so that any length takes the same memory.

    A geometry of points becomes `lon` and `lat` where no columns are called so. Errors: those of `gis.formats.read`,
    field_unknown, column_missing.
    """
    for name in how.mapping:
        if name not in how.fields:
            names = ", ".join(how.fields)
            raise refuse(
                "field_unknown",
                f"There is no field '{name}' to map a column to; the fields are {names}.",
                f"没有名为“{name}”的字段；可用字段：{names}。",
            )
    streamed = how.layer is None and path.is_file() and path.suffix.lower() in READ
    yield from _streamed(path, how) if streamed else _tables(path, how)


def _streamed(path: Path, how: Reading) -> Iterator[Rows]:
    source = open_source(path, how.encoding)
    _check(how, source.schema.names)
    crs = how.crs or (source.shape.crs if source.shape is not None else None)
    for piece in source.pieces(PIECE):
        there = piece.columns.schema.names
        columns = {name: piece.column(name) for name in there if name in how.fields and name not in how.mapping}
        columns |= {name: piece.column(head) for name, head in how.mapping.items()}
        values: dict[str, Any] = {name: from_arrow(plain(column)).tolist() for name, column in columns.items()}
        placed = piece.places is not None and "lon" in how.fields and not {"lon", "lat"} <= values.keys()
        if placed and piece.places is not None:
            values |= {"lon": piece.places[:, 0].tolist(), "lat": piece.places[:, 1].tolist()}
        yield Rows(values, piece.rows.tolist(), piece.faults, _named(crs) if placed else None)


def _tables(path: Path, how: Reading) -> Iterator[Rows]:
    for table in read_pieces(path, layer=how.layer, crs=how.crs, encoding=how.encoding, size=PIECE):
        _check(how, list(table.columns))
        columns: dict[str, Any] = {name: table.columns[name] for name in table.columns if name in how.fields}
        columns |= {name: table.columns[head] for name, head in how.mapping.items()}
        placed = table.geometry is not None and "lon" in how.fields and not {"lon", "lat"} <= columns.keys()
        if placed:
            columns |= {"lon": shapely.get_x(table.geometry), "lat": shapely.get_y(table.geometry)}  # NaN for no point
        crs = _named(table.crs) if placed else None
        for start in range(0, max(len(table), 1), PIECE):  # some formats come whole
            rows = table.rows[start : start + PIECE].tolist()
            here = set(rows)
            faults = tuple(each for each in table.faults if (start == 0 if each.row is None else each.row in here))
            yield Rows(
                {name: each[start : start + PIECE].tolist() for name, each in columns.items()}, rows, faults, crs
            )


def _check(how: Reading, there: Sequence[str]) -> None:
    for name, head in how.mapping.items():
        if head not in there:
            names = ", ".join(there)
            raise refuse(
                "column_missing",
                f"There is no column '{head}' for the field '{name}'; the file has {names}.",
                f"文件中没有字段“{name}”所需的列“{head}”；现有列：{names}。",
            )


def _named(crs: CrsLike | None) -> str | None:
    return crs.name if isinstance(crs, Crs) else crs


def _says(value: Any) -> bool:
    return value is not None and value == value and not (isinstance(value, str) and not value.strip())
