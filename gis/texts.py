"""Fields that a file lacks, made of a text of the caller's and of the columns that it names: `BOL-{OBJECTID}`.

A text without `{column}` is a constant. Doubled braces stand for themselves.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gis.errors import Fault, refuse
from gis.formats.columns import named_once, to_column
from gis.intake import BLANKS, read_code
from gis.tables import Table

_PARTS = re.compile(r"\{\{|\}\}|\{([^{}]+)\}|[{}]")


def check_text(text: str) -> None:
    """Errors: Refusal mapping_wrong for a brace that stands alone."""
    for part in _PARTS.finditer(text):
        if part[0] in ("{", "}"):
            raise refuse(
                "mapping_wrong",
                f"'{text[:80]}' has a brace that stands alone: write {{COLUMN}}, and {{{{ or }}}} for a brace itself.",
                f"“{text[:80]}”中有不成对的花括号：列名写作 {{列名}}，花括号本身写作 {{{{ 或 }}}}。",
            )


def columns_in(text: str) -> list[str]:
    """The columns that a text names."""
    return [part[1] for part in _PARTS.finditer(text) if part[1]]


def fill(table: Table, texts: Mapping[str, str]) -> tuple[Table, dict[str, str]]:
    """The table with a further column for each field (field -> text), and the names of these columns.

    A row that has nothing in a column that is named gets nothing. Numbers become digits. Faults: column_missing,
    code_damaged (with the row) for a number that no longer holds every digit.
    """
    if not texts:
        return table, {}
    names = named_once([*table.columns, *texts])[len(table.columns) :]
    columns, faults = dict(table.columns), list(table.faults)
    for (field, text), name in zip(texts.items(), names, strict=True):
        columns[name] = _filled(table, field, text, faults)
    return replace(table, columns=columns, faults=tuple(faults)), dict(zip(texts, names, strict=True))


def _filled(table: Table, field: str, text: str, faults: list[Fault]) -> NDArray[Any]:
    there = list(table.columns)
    heads = {name.strip().lower(): name for name in reversed(there)} | {name: name for name in there}
    found = {column: heads.get(column) or heads.get(column.strip().lower()) for column in columns_in(text)}
    missing = [column for column, name in found.items() if name is None]
    if missing:
        faults.append(_no_column(missing[0], field, text, there))
        return np.full(len(table), None, dtype=object)
    parts = list(_pieces(text))
    cells = {column: table.columns[str(name)].tolist() for column, name in found.items()}
    rows: list[str | None] = []
    for index, row in enumerate(table.rows.tolist()):
        try:
            told = [_shown(cells[part][index]) if is_column else part for part, is_column in parts]
        except ValueError:
            faults.append(_damaged(field, row))
            told = [None]
        rows.append(None if None in told else "".join(str(each) for each in told))
    return to_column(rows)


def _pieces(text: str) -> Iterator[tuple[str, bool]]:
    """What a text is made of: plain text, and columns."""
    at = 0
    for part in _PARTS.finditer(text):
        yield text[at : part.start()], False
        yield (part[1], True) if part[1] else (part[0][0], False)
        at = part.end()
    yield text[at:], False


def _shown(value: Any) -> str | None:
    """A value as text, None for nothing. Errors: ValueError for a whole number that a double no longer holds."""
    if isinstance(value, float):
        if np.isnan(value):
            return None
        return read_code(value) if value.is_integer() else f"{value:.15g}"
    return None if value is None else str(value).strip(BLANKS) or None


def _no_column(column: str, field: str, text: str, there: Sequence[str]) -> Fault:
    return Fault(
        "column_missing",
        f"There is no column '{column}' for the field '{field}', which is to be '{text[:80]}'; the file has "
        f"{', '.join(there) or 'no columns'}.",
        f"字段 {field}（{text[:80]}）所需的列“{column}”不存在；现有列：{'、'.join(there) or '无'}。",
    )


def _damaged(field: str, row: int) -> Fault:
    return Fault(
        "code_damaged",
        f"Row {row}: a number for the field '{field}' no longer holds every digit; deliver it as text.",
        f"第 {row} 行：用于字段 {field} 的数值已丢失位数，请以文本形式提交。",
        row=row,
    )
