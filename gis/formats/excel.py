"""Excel workbooks (.xlsx): one sheet, its heading found, its values as text, numbers and ISO dates.

Excel keeps fifteen digits of a number: a longer one is given as text in the rounded form in which Excel shows it, which
is never taken for a code (`gis.intake`). A number shown with leading zeros ("000000") keeps them.
"""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from gis.errors import Fault, Refusal, refuse
from gis.formats import delimited
from gis.formats.columns import named_once, to_column
from gis.formats.excel_cells import DIGITS, Merged, Remarks, Row, read_rows, read_texts
from gis.formats.excel_parts import Book, broken, opened
from gis.tables import Table

LOOKED_AT = 30
"""Rows in which the heading is looked for."""
HEADING_ROWS = 3
MOST_FILLED = 5_000_000

Rows = dict[int, Row]


def read(path: Path, layer: str | None, axes: delimited.Axes) -> Table:
    """The rows of a sheet: the one of the name `layer`, else the only one that is not empty.

    The heading is the first of the upper rows that is filled with text in at least half of its width; titles above it
    are left out, headings of several merged rows are put together. Rows are counted from the one below the heading;
    empty ones are none. A value merged over several rows stands in each of them. Formulas give what Excel has computed.
    Coordinates are found as in CSV.

    Errors: Refusal file_unreadable, layer_missing, layer_ambiguous, column_missing.
    """
    try:
        with opened(path) as book:
            table = _read(path, book, layer)
    except Refusal:
        raise
    except Exception as error:  # whatever a broken workbook breaks
        why = f"{type(error).__name__}: {error}"[:200]
        raise broken(path, f"the workbook is damaged ({why})", f"工作簿已损坏（{why}）") from error
    return delimited.locate(table, axes)


def list_filled(path: Path) -> list[str]:
    """The sheets that hold anything. Errors: Refusal file_unreadable."""
    try:
        with opened(path) as book:
            return _filled(path, book, read_texts(path, book))
    except Refusal:
        raise
    except Exception as error:
        why = f"{type(error).__name__}: {error}"[:200]
        raise broken(path, f"the workbook is damaged ({why})", f"工作簿已损坏（{why}）") from error


def _read(path: Path, book: Book, layer: str | None) -> Table:
    rows, remarks = _sheet(path, book, layer)
    first, heads = _heading(path, rows, tuple(remarks.merged))
    rows = {number: cells for number, cells in rows.items() if number > first}
    _fill_down(path, rows, remarks.merged)
    width = len(heads)
    faults = [
        delimited.uneven(number - first, len(cells), width) for number, cells in rows.items() if len(cells) > width
    ]
    numbers = sorted(rows)
    cells = [(rows[number] + [None] * width)[:width] for number in numbers]
    kept = [index for index, head in enumerate(heads) if head or any(row[index] is not None for row in cells)]
    names = named_once(heads[index] for index in kept)
    columns = {name: to_column([row[index] for row in cells]) for name, index in zip(names, kept, strict=True)}
    faults += _told(remarks, {index + 1: name for index, name in zip(kept, names, strict=True)}, first)
    return Table(columns, None, None, np.array(numbers, dtype=np.int64) - first, faults=tuple(faults), notes=book.notes)


def _sheet(path: Path, book: Book, wanted: str | None) -> tuple[Rows, Remarks]:
    """The rows of the sheet that is meant."""
    if wanted is not None and wanted not in book.sheets:
        raise refuse(
            "layer_missing",
            f"{path.name} has no sheet '{wanted}'; it has {', '.join(book.sheets) or 'none'}.",
            f"{path.name} 中没有工作表“{wanted}”；现有：{'、'.join(book.sheets) or '无'}。",
            kind="unreadable",
        )
    texts = read_texts(path, book)
    names = [wanted] if wanted is not None else _filled(path, book, texts)
    if len(names) > 1:
        raise refuse(
            "layer_ambiguous",
            f"{path.name} has several sheets; name one as the layer: {', '.join(names)}.",
            f"{path.name} 中有多个工作表，请指定其一作为图层：{'、'.join(names)}。",
            kind="unreadable",
        )
    remarks = Remarks()
    rows = dict(read_rows(path, book, book.sheets[names[0]], texts, remarks)) if names else {}
    if not rows:
        raise broken(path, "it has no heading", "没有表头")
    return rows, remarks


def _filled(path: Path, book: Book, texts: list[str]) -> list[str]:
    """The sheets that hold anything."""
    if len(book.sheets) == 1:
        return list(book.sheets)
    return [name for name, part in book.sheets.items() if any(read_rows(path, book, part, texts, Remarks()))]


def _heading(path: Path, rows: Mapping[int, Row], merged: Sequence[Merged]) -> tuple[int, list[str]]:
    """The number of the last row of the heading, and the heads; "" for a column that has none."""
    lowest = min(rows) + LOOKED_AT
    top = {number: cells for number, cells in rows.items() if number < lowest}
    most = max(sum(value is not None for value in cells) for cells in top.values())
    heading = next((number for number, cells in top.items() if 2 * sum(map(_is_head, cells)) >= most), None)
    if heading is None:
        raise broken(path, "it has no heading", "没有表头")
    here = [each for each in merged if each.top == heading and each.bottom - each.top < HEADING_ROWS]
    wide = any(each.right > each.left for each in here)
    last = max([heading + wide, *(each.bottom for each in here)])
    lines = [top.get(number, []) for number in range(heading, last + 1)]
    width = max(map(len, lines))
    grid = [[*cells, *[None] * width][:width] for cells in lines]
    for each in merged:
        if heading <= each.top <= last and each.left <= width:
            _spread(grid, each, heading)
    return last, [_joined(column) for column in zip(*grid, strict=True)]


def _is_head(value: Any) -> bool:
    return isinstance(value, str) and not value.isdigit()


def _spread(grid: list[Row], merged: Merged, heading: int) -> None:
    value = grid[merged.top - heading][merged.left - 1]
    for cells in grid[merged.top - heading : merged.bottom - heading + 1]:
        for index in range(merged.left - 1, min(merged.right, len(cells))):
            cells[index] = value


def _joined(parts: Sequence[Any]) -> str:
    texts = dict.fromkeys(re.sub(r"\s*[\r\n]+\s*", "", str(part)).strip() for part in parts if part is not None)
    return "".join(texts)


def _fill_down(path: Path, rows: Mapping[int, Row], merged: Mapping[Merged, None]) -> None:
    """A value merged over rows stands in each of them that holds anything."""
    filled = 0
    last = max(rows, default=0)
    for each in merged:
        column = each.left - 1
        if each.bottom == each.top or column >= len(rows.get(each.top, ())):
            continue
        for number in range(each.top + 1, min(each.bottom, last) + 1):
            filled += 1
            cells = rows.get(number)
            if cells is not None:
                cells += [None] * (column + 1 - len(cells))
                if cells[column] is None:
                    cells[column] = rows[each.top][column]
        if filled > MOST_FILLED:
            raise broken(path, "more is merged in it than a sheet holds", "合并的单元格超出工作表范围")


def _told(remarks: Remarks, names: Mapping[int, str], first: int) -> list[Fault]:
    """What the cells below the heading say that is no value."""
    faults = [_error(row - first, names[at], text) for row, at, text in remarks.errors if row > first and at in names]
    faults += [_formula(row - first, names[at]) for row, at in remarks.uncomputed if row > first and at in names]
    long: dict[int, list[int]] = {}
    for row, column in remarks.long:
        if row > first and column in names:
            long.setdefault(column, []).append(row - first)
    return faults + [_long(names[column], rows) for column, rows in long.items()]


def _formula(row: int, column: str) -> Fault:
    return Fault(
        "formula_not_computed",
        f"Row {row}: '{column}' is a formula without a computed value; open and save the file in Excel.",
        f"第 {row} 行：“{column}”为未计算的公式；请用 Excel 打开并保存后再提交。",
        severity="warning",
        row=row,
    )


def _error(row: int, column: str, text: str) -> Fault:
    return Fault(
        "cell_error",
        f"Row {row}: '{column}' holds the error {text} and counts as empty.",
        f"第 {row} 行：“{column}”为错误值 {text}，按空值处理。",
        severity="warning",
        row=row,
    )


def _long(column: str, rows: Sequence[int]) -> Fault:
    return Fault(
        "number_rounded",
        f"'{column}' holds numbers of more than {DIGITS} digits, which Excel rounds, in {len(rows)} rows from row "
        f"{rows[0]} on; if they are ids, deliver them as text.",
        f"“{column}”中有 {len(rows)} 行（自第 {rows[0]} 行起）为超过 {DIGITS} 位的数值，Excel 已将其舍入；"
        "如为编码，请以文本形式提交。",
        severity="warning",
        row=rows[0],
    )
