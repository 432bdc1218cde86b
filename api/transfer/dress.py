"""How an export is to look: which rows, under which heads, and for people or for programs."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from components.heads import STYLES, heads_of
from gis.errors import Refusal, refuse
from gis.formats.columns import named_once, to_column, to_text
from gis.layer import Layer
from gis.tables import Table

FOR_PEOPLE = (".csv", ".tsv")
_CONDITION = re.compile(r"(?P<field>[^=!]+)(?P<sign>!?=)(?P<value>.*)", re.DOTALL)
_FORMULA = re.compile(r"\s*[=+\-@]|[\t\r]")
_NUMBER = re.compile(r"-?\d{1,11}(\.\d+)?")
_ROUNDED = re.compile(r"\d{12,}|0\d+")


@dataclass(frozen=True, slots=True)
class Condition:
    """That a field has a value, or begins with it, or has not (`negated`)."""

    field: str
    value: str
    is_prefix: bool
    negated: bool


@dataclass(frozen=True, slots=True)
class Dress:
    """What the caller says of an export. `heads` is one of STYLES; None: the fields' names, in a shapefile 2026."""

    heads: str | None = None
    for_people: bool = False
    where: tuple[Condition, ...] = ()


def read_dress(heads: str | None, for_people: bool, where: Sequence[str], suffix: str) -> Dress:
    """Errors: Refusal heads_unknown, for_people_wrong, where_wrong."""
    if heads is not None and heads not in STYLES:
        raise refuse(
            "heads_unknown",
            f"'{heads[:40]}' are no heads; there are {', '.join(STYLES)}.",
            f"没有“{heads[:40]}”这种表头；可用：{'、'.join(STYLES)}。",
        )
    if for_people and suffix not in FOR_PEOPLE:
        raise refuse(
            "for_people_wrong",
            f"Only CSV is written for people ({' '.join(FOR_PEOPLE)}); Excel (.xlsx) needs nothing of it.",
            f"仅 CSV（{' '.join(FOR_PEOPLE)}）可按人工阅读方式写出；Excel（.xlsx）无需此选项。",
        )
    return Dress(heads, for_people, tuple(_condition(text) for text in where))


def chosen(table: Table, conditions: Sequence[Condition], is_part: bool = False) -> Table:
    """The rows that meet the conditions: of one field any of those that are not negated, of several fields all.

    In a part of a table a column that the part lacks is empty. Errors: Refusal field_unknown.
    """
    if not conditions:
        return table
    kept = np.ones(len(table), dtype=bool)
    for name in dict.fromkeys(each.field for each in conditions):
        is_there = not is_part or name in table.columns
        texts = [to_text(value) or "" for value in _column(table, name).tolist()] if is_there else [""] * len(table)
        wanted = [each for each in conditions if each.field == name and not each.negated]
        unwanted = [each for each in conditions if each.field == name and each.negated]
        met = [
            (not wanted or any(_meets(text, each) for each in wanted))
            and not any(_meets(text, each) for each in unwanted)
            for text in texts
        ]
        kept &= np.array(met, dtype=bool)
    columns = {name: column[kept] for name, column in table.columns.items()}
    geometry = None if table.geometry is None else table.geometry[kept]
    return replace(table, columns=columns, geometry=geometry, rows=np.arange(1, kept.sum() + 1, dtype=np.int64))


def style_of(dress: Dress, path: Path) -> str:
    """The heads that are meant, one of STYLES."""
    return dress.heads or ("2026" if path.suffix.lower() == ".shp" else "field")


def check_fields(names: Sequence[str], conditions: Sequence[Condition]) -> None:
    """Errors: Refusal field_unknown for a condition on what is no column of the whole."""
    for each in conditions:
        if each.field not in names:
            raise _no_field(each.field, names)


def dressed(table: Table, layer: Layer, dress: Dress, path: Path) -> Table:
    """The table under the heads that are wanted, and made harmless where it is for people."""
    heads = heads_of(layer, style_of(dress, path))
    names = named_once(heads.get(name, name) for name in table.columns)
    columns = dict(zip(names, table.columns.values(), strict=True))
    if dress.for_people:
        columns = {
            _harmless(name): to_column([_harmless(v) for v in column.tolist()]) for name, column in columns.items()
        }
    return replace(table, columns=columns)


def _condition(text: str) -> Condition:
    found = _CONDITION.fullmatch(text)
    if found is None or not found["field"].strip():
        raise refuse(
            "where_wrong",
            f"'{text[:80]}' is no condition: write FIELD=VALUE, FIELD=BEGINNING* or FIELD!=VALUE.",
            f"“{text[:80]}”不是有效条件：请写 字段=值、字段=开头* 或 字段!=值。",
        )
    value = found["value"]
    is_prefix = value.endswith("*")
    return Condition(found["field"].strip(), value.removesuffix("*"), is_prefix, found["sign"] == "!=")


def _meets(text: str, condition: Condition) -> bool:
    return text.startswith(condition.value) if condition.is_prefix else text == condition.value


def _column(table: Table, name: str) -> NDArray[Any]:
    column = table.columns.get(name)
    if column is None:
        raise _no_field(name, list(table.columns))
    return column


def _no_field(name: str, there: Sequence[str]) -> Refusal:
    return refuse(
        "field_unknown",
        f"There is no field '{name[:80]}' to choose by; there are {', '.join(there)}.",
        f"没有可用于筛选的字段“{name[:80]}”；现有：{'、'.join(there)}。",
    )


def _harmless(value: Any) -> Any:
    """Text that a spreadsheet neither runs as a formula nor takes for a number that it rounds."""
    if not isinstance(value, str):
        return value
    if _ROUNDED.fullmatch(value):
        return "\t" + value
    return "'" + value if _FORMULA.match(value) and not _NUMBER.fullmatch(value) else value
