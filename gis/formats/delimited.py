"""CSV and TSV: every value is text, the geometry stands in columns."""

import csv
import io
import itertools
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from gis import crs as reference
from gis import encoding as texts
from gis.errors import Fault, Refusal, refuse
from gis.formats import shapes
from gis.formats.columns import named_once, to_column, to_text
from gis.formats.pages import NOWHERE, Pages
from gis.tables import Table

csv.field_size_limit(sys.maxsize)  # a polygon as WKT is longer than the 128 kB that csv allows by itself

_PAIRS = (("lon", "lat"), ("lng", "lat"), ("longitude", "latitude"), ("x", "y"))
_WKT = ("wkt", "geometry")


Axes = tuple[str | None, str | None] | None
"""The columns of x and y where somebody names them; None: leave the cells as they stand."""


def read(path: Path, encoding: str | None, axes: Axes) -> Table:
    """The rows of a file; a blank line is no row but is counted, so that row n is line n + 1 of a plain file.

    A column `crs` with one value throughout says the CRS. Errors: Refusal file_unreadable, encoding_wrong,
    column_missing.
    """
    used = texts.forced(encoding) if encoding else None
    data = path.read_bytes()
    text, damaged = texts.decode_file(data, used)
    heads, lines = _lines(path, text)
    table = replace(locate(assemble(heads, lines), axes), encoding=used or texts.found_in(data))
    if not used and texts.is_guessed(data) and texts.is_doubtful([text]):
        table = replace(table, faults=(*table.faults, texts.doubtful()))
    if damaged:
        width = len(heads)
        padded = [(cells + [""] * width)[:width] for _, cells in lines]
        whole = {
            name: to_column([row[i] for row in padded]) for i, name in enumerate(named_once(h.strip() for h in heads))
        }
        found = [texts.replaced(int(row), name) for row, name in _with_replaced(whole, table.rows)]
        if used:
            raise texts.wrong(used, found[0].row or 1 if found else 0)
        return replace(table, faults=(*table.faults, *found))
    return table


def assemble(heads: Sequence[str], lines: Sequence[tuple[int, list[str]]]) -> Table:
    """The table of lines (number, cells) under a heading, before `locate`."""
    names = named_once(head.strip() for head in heads)
    rows = np.array([row for row, _ in lines], dtype=np.int64)
    faults = [uneven(row, len(cells), len(heads)) for row, cells in lines if len(cells) != len(heads)]
    padding = [""] * len(heads)
    cells = [(cells + padding)[: len(heads)] for _, cells in lines]
    columns = {name: to_column([row[i] or None for row in cells]) for i, name in enumerate(names)}
    return Table(columns, None, None, rows, faults=tuple(faults))


def locate(table: Table, axes: Axes, mixed: bool = False) -> Table:
    """A table of cells with the geometry that stands in some of them; these are no columns any more.

    `mixed`: other rows of the same file are in another CRS, so that none is the file's.
    Errors: Refusal column_missing.
    """
    if axes is None:
        return table
    geometry, consumed, unread = _geometry(table.columns, table.rows, *axes)
    crs = _one_crs(table.columns) if geometry is not None and not mixed else None
    consumed |= {name for name in table.columns if crs is not None and name.lower() == "crs"}
    kept = {name: column for name, column in table.columns.items() if name not in consumed}
    return replace(table, columns=kept, geometry=geometry, crs=crs, faults=(*table.faults, *unread))


def without_tail(cells: list[str], width: int) -> list[str]:
    """The cells of a row without the empty ones that spreadsheets put behind the last column."""
    while len(cells) > width and not cells[-1]:
        cells.pop()
    return cells


def write(path: Path, pages: Pages, layer: str, encoding: str | None) -> tuple[Fault, ...]:
    """Write the columns as text, points as lon, lat (x, y when projected), others as wkt, and the CRS as a column."""
    del layer
    used = texts.forced(encoding or "utf-8")
    mark = b""
    if used.endswith("-sig") or used in ("utf-16", "utf-32"):  # set once, not before every page
        mark, used = "".encode(used), {"utf-8-sig": "utf-8"}.get(used, f"{used}-{sys.byteorder[0]}e")
    added = geometry_heads(pages)
    heads = [*(name for name in pages.names if name.lower() not in added), *added]
    delimiter = "\t" if path.suffix.lower() == ".tsv" else ","
    with path.open("wb") as file:
        file.write(mark)
        written = 0
        for table in itertools.chain([None], pages.tables()):
            text = io.StringIO(newline="")
            writer = csv.writer(text, delimiter=delimiter, lineterminator="\n")
            if table is None:
                writer.writerow(heads)
            else:
                place = geometry_columns(table, added)
                columns = [
                    map(to_text, place[name] if name in added else table.columns[name].tolist()) for name in heads
                ]
                writer.writerows(zip(*columns, strict=True))
            try:
                file.write(text.getvalue().encode(used))
            except UnicodeEncodeError as error:
                row = written + text.getvalue()[: error.start].count("\n")
                raise texts.not_in(used, row) from error
            written += text.getvalue().count("\n")
    return ()


def _lines(path: Path, text: str) -> tuple[list[str], list[tuple[int, list[str]]]]:
    """The heading, and the cells of each data row with its number."""
    if "\0" in text:
        raise _unreadable(path, "it is no text, or in UTF-16 without a mark", "它不是文本，或是没有标记的 UTF-16")
    head = text.split("\n", 1)[0]
    delimiter = "\t" if path.suffix.lower() == ".tsv" else max(",;\t|", key=head.count)
    try:
        lines = list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter))
    except csv.Error as error:
        raise _unreadable(path, str(error), str(error)) from error
    if not lines or not any(cell.strip() for cell in lines[0]):
        raise _unreadable(path, "it has no heading", "没有表头")
    heads = lines[0]
    while heads and not heads[-1].strip():
        heads.pop()
    return heads, [(row, without_tail(cells, len(heads))) for row, cells in enumerate(lines[1:], 1) if any(cells)]


def _with_replaced(columns: Mapping[str, NDArray[Any]], rows: NDArray[np.int64]) -> list[tuple[int, str]]:
    pairs = ((row, name, value) for name, column in columns.items() for row, value in zip(rows, column, strict=True))
    return sorted((int(row), name) for row, name, value in pairs if value and "\ufffd" in value)


def positions_in(
    names: Sequence[str], x_column: str | None, y_column: str | None
) -> tuple[tuple[str, str] | None, str | None]:
    """Which columns hold x and y, those that were named or usual ones; else which one holds WKT.

    Errors: Refusal column_missing.
    """
    heads = {name.lower(): name for name in reversed(list(names))}
    if x_column or y_column:
        missing = next((name for name in (x_column, y_column) if (name or "").lower() not in heads), None)
        if not x_column or not y_column or missing is not None:
            raise _no_column(missing or "", list(names))
        return (heads[x_column.lower()], heads[y_column.lower()]), None
    pair = next(((heads[x], heads[y]) for x, y in _PAIRS if x in heads and y in heads), None)
    return pair, None if pair else next((heads[name] for name in _WKT if name in heads), None)


def _geometry(
    columns: Mapping[str, NDArray[Any]], rows: NDArray[np.int64], x_column: str | None, y_column: str | None
) -> tuple[NDArray[Any] | None, set[str], list[Fault]]:
    """The geometry, the names of the columns that it was, and the cells that are none."""
    axes, wkt = positions_in(list(columns), x_column, y_column)
    if axes is not None:
        x, y = axes
        geometry, faults = _points(columns[x], columns[y], (x, y), rows)
        return geometry, set() if x_column else {x, y}, faults  # columns that a person named stay
    if wkt is None:
        return None, set(), []
    texts_of = to_column([value if value is None else str(value) for value in columns[wkt].tolist()])
    geometry, faults = shapes.parse(shapely.from_wkt, texts_of, rows)
    return geometry, {wkt}, faults


def _points(
    x: NDArray[Any], y: NDArray[Any], names: tuple[str, str], rows: NDArray[np.int64]
) -> tuple[NDArray[Any], list[Fault]]:
    geometry: NDArray[Any] = np.full(len(x), None, dtype=object)
    faults: list[Fault] = []
    xy = np.full((len(x), 2), np.nan)
    there = np.zeros(len(x), dtype=bool)
    for index, pair in enumerate(zip(x.tolist(), y.tolist(), strict=True)):
        if pair == (None, None):
            continue
        try:
            xy[index] = [float(value) for value in pair]
            there[index] = True
        except (TypeError, ValueError):
            faults.append(
                not_read(int(rows[index]), ", ".join(names), ", ".join("" if v is None else str(v) for v in pair))
            )
    geometry[there] = shapely.points(xy[there])
    return geometry, faults


def _one_crs(columns: Mapping[str, NDArray[Any]]) -> str | None:
    column = next((column for name, column in columns.items() if name.lower() == "crs"), None)
    values = set() if column is None else set(column.tolist())
    return values.pop() if len(values) == 1 else None


def geometry_heads(pages: Pages) -> list[str]:
    """The columns in which a geometry stands: numbers of points, WKT of others, and the CRS unless a column has it."""
    if not pages.has_geometry:
        return []
    crs = [] if any(name.lower() == "crs" for name in pages.names) else ["crs"]
    if pages.kinds <= {"Point", NOWHERE}:
        is_geographic = reference.parse(pages.crs or "CRS84").is_geographic
        return [*(("lon", "lat") if is_geographic else ("x", "y")), *crs]
    return ["wkt", *crs]


def geometry_columns(table: Table, heads: Sequence[str]) -> dict[str, Sequence[Any]]:
    """What stands in the columns of `geometry_heads`."""
    if table.geometry is None or not heads:
        return {}
    crs = {"crs": [reference.parse(table.crs or "CRS84").name] * len(table)} if "crs" in heads else {}
    if heads[0] == "wkt":
        return {"wkt": shapely.to_wkt(table.geometry, rounding_precision=-1, output_dimension=2).tolist(), **crs}
    return {heads[0]: shapely.get_x(table.geometry).tolist(), heads[1]: shapely.get_y(table.geometry).tolist(), **crs}


def _unreadable(path: Path, en: str, zh: str) -> Refusal:
    return refuse(
        "file_unreadable", f"{path.name} cannot be read: {en}.", f"无法读取 {path.name}：{zh}。", kind="unreadable"
    )


def _no_column(name: str, there: Sequence[str]) -> Refusal:
    return refuse(
        "column_missing",
        f"There is no column '{name}' for the coordinates; x and y both need one of {', '.join(there)}.",
        f"没有坐标列“{name}”；x 和 y 均须为以下列之一：{'、'.join(there)}。",
    )


def uneven(row: int, found: int, wanted: int) -> Fault:
    """The fault of a row of more or fewer cells than the heading."""
    return Fault(
        "cells_uneven",
        f"Row {row} has {found} cells where the heading has {wanted}; check its quotes and separators.",
        f"第 {row} 行有 {found} 个单元格，而表头有 {wanted} 个；请检查引号和分隔符。",
        row=row,
    )


def not_read(row: int, column: str, value: str) -> Fault:
    """The fault of a cell that holds no position."""
    shown = value if len(value) <= 60 else value[:60] + "…"
    return Fault(
        "geometry_unreadable",
        f"Row {row}: '{shown}' in {column} is no position.",
        f"第 {row} 行：{column} 中的“{shown}”不是有效位置。",
        row=row,
    )
