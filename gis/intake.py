"""From the columns of a file to the fields of a layer: mapping, types, and what becomes of the rest."""

import math
import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gis.errors import Fault
from gis.layer import Field
from gis.tables import Table

BLANKS = " \t\r\n\v\f\xa0\u3000\0"  # fixed-width files pad with NUL

LONGEST_CODE = 200
ROUNDED = re.compile(r"[+-]?\d(\.\d+)?[eE]\+\d+")  # how a spreadsheet shows a long number; 2E01 is an honest code


@dataclass(frozen=True, slots=True)
class Mapped:
    """The fields of a delivery: object arrays (n,), and what no field takes as one dict a row."""

    values: Mapping[str, NDArray[Any]]
    extra: tuple[Mapping[str, Any], ...]
    faults: tuple[Fault, ...]


def map_fields(table: Table, fields: Sequence[Field], mapping: Mapping[str, str]) -> Mapped:
    """Give every field its column: the one named in `mapping` (field -> column), else its own name, else an alias.

    A field without a column is None throughout, and so is a document, which no column brings. A value of blanks is no
    value. Faults: column_missing (named, or needed and not found),
    field_unknown, value_missing, value_wrong (each with the row).
    """
    faults: list[Fault] = []
    taken: dict[str, str] = {}
    open_fields = [field for field in fields if field.type != "document"]
    known = {field.name for field in open_fields}
    faults += [_unknown(name, sorted(known)) for name in sorted(mapping.keys() - known)]
    for field in open_fields:
        column = _column(field, mapping, list(table.columns))
        if column is not None:
            taken[field.name] = column
        elif field.name in mapping or field.required:
            faults.append(_missing(mapping.get(field.name, field.name), field, list(table.columns)))
    values = {}
    for field in fields:
        raw = table.columns[taken[field.name]] if field.name in taken else np.full(len(table), None, dtype=object)
        values[field.name] = _convert(field, raw, table.rows, faults, required=field.required and field.name in taken)
    return Mapped(values, _rest(table, set(taken.values())), tuple(faults))


def columns_of(table: Table, fields: Sequence[Field], mapping: Mapping[str, str]) -> dict[str, str]:
    """The column of each field that has one, as `map_fields` finds them."""
    heads = list(table.columns)
    found = {field.name: _column(field, mapping, heads) for field in fields if field.type != "document"}
    return {name: column for name, column in found.items() if column is not None}


def renamed(table: Table, fields: Sequence[Field], mapping: Mapping[str, str]) -> Table:
    """The table with every field under its own name, so that tables of different heads can be laid together.

    Faults of the mapping (field_unknown, column_missing) are added to those of the table.
    """
    heads = list(table.columns)
    taken = columns_of(table, fields, mapping)
    known = {field.name: field for field in fields if field.type != "document"}
    wrong = [_unknown(name, sorted(known)) for name in sorted(mapping.keys() - known.keys())]
    wrong += [_missing(mapping[name], field, heads) for name, field in known.items() if name in mapping.keys() - taken]
    names = {column: name for name, column in taken.items()}
    columns = {name: table.columns[column] for name, column in taken.items()}
    for name in heads:
        if name not in names:
            columns[f"{name}_2" if name in columns else name] = table.columns[name]
    return replace(table, columns=columns, faults=(*table.faults, *wrong))


def _column(field: Field, mapping: Mapping[str, str], columns: Sequence[str]) -> str | None:
    """The column as it is written, else the first that differs by case and blanks only."""
    heads = {name.strip().lower(): name for name in reversed(columns)} | {name: name for name in columns}
    for head in (mapping[field.name],) if field.name in mapping else (field.name, *field.aliases):
        found = heads.get(head) or heads.get(head.strip().lower())
        if found is not None:
            return found
    return None


def _rest(table: Table, taken: set[str]) -> tuple[Mapping[str, Any], ...]:
    names = [name for name in table.columns if name not in taken]
    rows: list[dict[str, Any]] = [{} for _ in range(len(table))]
    for name in names:
        for row, value in zip(rows, table.columns[name].tolist(), strict=True):
            if value is not None and not (isinstance(value, float) and math.isnan(value)):
                row[name] = _plain(value)
    return tuple(rows)


def _plain(value: Any) -> str | int | float:
    """The value as every store keeps it in a document: JSON has no infinity, PostgreSQL's text no NUL."""
    if isinstance(value, int) or (isinstance(value, float) and math.isfinite(value)):
        return value
    return str(value).replace("\0", "")


def _convert(
    field: Field, raw: NDArray[Any], rows: NDArray[np.int64], faults: list[Fault], required: bool
) -> NDArray[Any]:
    out = np.full(len(raw), None, dtype=object)
    if field.type == "document":
        return out
    read = reader_of(field)
    values = raw.tolist()
    known = _read_texts(read, set(values), required)
    if known is not None:
        out[:] = [known[value] for value in values]
        return out
    read_before: dict[str, Any] = {}
    for index, given in enumerate(values):
        if isinstance(given, str) and given in read_before:
            out[index] = read_before[given]
            continue
        value = given.strip(BLANKS) if isinstance(given, str) else given
        if value is None or value == "" or (isinstance(value, float) and math.isnan(value)):
            if required:
                faults.append(_empty(field, int(rows[index])))
            continue
        try:
            out[index] = read(value)
        except (ValueError, TypeError, OverflowError):
            faults.append(_wrong(field, value, int(rows[index])))
            continue
        if isinstance(given, str):
            read_before[given] = out[index]
    return out


def _read_texts(read: Callable[[Any], Any], texts: set[Any], required: bool) -> dict[Any, Any] | None:
    """What each text of a column is read as; None where it is no text, or something is wrong with it."""
    known: dict[Any, Any] = {}
    for text in texts:
        if text is not None and type(text) is not str:
            return None
        value = None if text is None else text.strip(BLANKS)
        try:
            known[text] = read(value) if value else None
        except (ValueError, TypeError, OverflowError):
            return None
        if required and not value:
            return None
    return known


def read_code(value: Any) -> str:
    """A code as text.

    Errors: ValueError for a number that can no longer be the code it was (a fraction, beyond 2**53), also where a
    spreadsheet has written it into text (4.40305E+14); and for a text that is too long for an index.
    """
    if isinstance(value, bool):
        raise ValueError(value)
    if isinstance(value, float):
        if not value.is_integer() or abs(value) >= 2**53:
            raise ValueError(value)
        return str(int(value))
    text = _read_text(value)
    if ROUNDED.fullmatch(text) or len(text) > LONGEST_CODE:
        raise ValueError(value)
    return text


def _read_text(value: Any) -> str:
    text = str(value).strip(BLANKS)
    if "\0" in text:
        raise ValueError(value)  # no database keeps it, and no eye sees it
    return text


def reader_of(field: Field) -> Callable[[Any], Any]:
    """What reads a value of a field. It raises ValueError, TypeError or OverflowError for one that is none."""
    read, within = READERS[field.type], field.within
    if within is None:
        return read

    def read_within(value: Any) -> Any:
        found = read(value)
        if not within[0] <= found <= within[1]:
            raise ValueError(value)
        return found

    return read_within


def _read_number(value: Any) -> float:
    number = math.nan if isinstance(value, bool) or (isinstance(value, str) and "_" in value) else float(value)
    if not math.isfinite(number):
        raise ValueError(value)
    return number


def _read_integer(value: Any) -> int:
    number = _read_number(value)
    if not number.is_integer():
        raise ValueError(value)
    with suppress(ValueError):
        return int(value if isinstance(value, int) else str(value))  # a detour by float would round beyond 2**53
    return int(number)


def _read_date(value: Any) -> str:
    """ISO text of a date given as YYYY-MM-DD, YYYYMMDD, YYYY/MM/DD or a timestamp."""
    text = read_code(value).replace("/", "-")
    if len(text) == 8 and text.isdigit():
        return date(int(text[:4]), int(text[4:6]), int(text[6:])).isoformat()
    return datetime.fromisoformat(text).date().isoformat()


READERS: Mapping[str, Callable[[Any], Any]] = {
    "text": lambda value: f"{value:.15g}" if isinstance(value, float) else _read_text(value),
    "code": read_code,
    "integer": _read_integer,
    "number": _read_number,
    "date": _read_date,
    "time": lambda value: datetime.fromisoformat(str(value)).isoformat(),
}


def _unknown(name: str, known: Sequence[str]) -> Fault:
    return Fault(
        "field_unknown",
        f"There is no field '{name}' to map a column to; the fields are {', '.join(known)}.",
        f"没有名为“{name}”的字段；可用字段：{'、'.join(known)}。",
    )


def _missing(column: str, field: Field, there: Sequence[str]) -> Fault:
    return Fault(
        "column_missing",
        f"There is no column '{column}' for the field '{field.name}'; the file has {', '.join(there) or 'no columns'}. "
        f"Name it with --map {field.name}=COLUMN.",
        f"文件中没有字段“{field.zh}”（{field.name}）所需的列“{column}”；现有列：{'、'.join(there) or '无'}。"
        f"请用 --map {field.name}=列名 指定。",
    )


def _empty(field: Field, row: int) -> Fault:
    return Fault("value_missing", f"Row {row} has no {field.en}.", f"第 {row} 行缺少{field.zh}。", row=row)


def _wrong(field: Field, value: Any, row: int) -> Fault:
    shown = str(value)[:60].replace("\0", "\\0")
    if field.type == "code" and (not isinstance(value, str) or ROUNDED.fullmatch(value.strip(BLANKS))):
        return Fault(
            "code_damaged",
            f"Row {row}: the {field.en} {shown} is a number that no longer holds every digit; deliver it as text.",
            f"第 {row} 行：{field.zh} {shown} 已被存为数值并丢失位数，请以文本形式提交。",
            row=row,
        )
    return Fault(
        "value_wrong",
        f"Row {row}: '{shown}' is no {field.type} for {field.en}.",
        f"第 {row} 行：“{shown}”不是有效的{field.zh}。",
        row=row,
    )
