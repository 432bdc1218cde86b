"""The text of a dbf, the table of a shapefile: which bytes it is, which encoding, what fits."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from gis import encoding as texts
from gis.errors import Fault, refuse
from gis.formats.columns import to_column

RAW = "ISO-8859-1"
"""Every byte is a character: read so, text can be turned back into the bytes of the file."""
MAGIC = (b"\x03", b"\x30", b"\x31", b"\x32", b"\x83", b"\x8b", b"\xf5")
LONGEST_NAME = 10
LONGEST_TEXT = 254  # bytes
_LANGUAGE_AT = 29


def decode(
    path: Path, names: Sequence[str], values: Sequence[NDArray[Any]], rows: NDArray[np.int64], encoding: str | None
) -> tuple[list[str], list[NDArray[Any]], list[Fault]]:
    """Names and columns that were read as `RAW` in the encoding that is forced or found, and a fault for each row whose
    characters were replaced. A name cut within its last character loses the half.

    Errors: Refusal encoding_wrong, encoding_unknown.
    """
    is_text = [any(isinstance(value, str) for value in column.tolist()) for column in values]
    raw = {name.encode(RAW) for name in names}
    raw |= {v.encode(RAW) for c, yes in zip(values, is_text, strict=True) if yes for v in c.tolist() if v is not None}
    forced = texts.forced(encoding) if encoding else None
    used = forced or texts.detect(raw, _declared(path))
    heads = [texts.decode(name.encode(RAW), used)[0].rstrip("\ufffd") for name in names]
    faults: list[Fault] = []
    columns = []
    for head, column, yes in zip(heads, values, is_text, strict=True):
        if not yes:
            columns.append(column)
            continue
        found = [(None, False) if v is None else texts.decode(v.encode(RAW), used) for v in column.tolist()]
        columns.append(to_column([text for text, _ in found]))
        faults += [texts.replaced(int(row), head) for row, (_, bad) in zip(rows, found, strict=True) if bad]
    if forced and faults:
        raise texts.wrong(forced, min(fault.row or 0 for fault in faults))
    return heads, columns, faults


def writable(encoding: str | None) -> str:
    """The encoding to write: UTF-8 or GBK. Errors: Refusal encoding_unknown."""
    used = texts.forced(encoding or "utf-8")
    if used not in ("utf-8", "gb18030"):
        raise refuse(
            "encoding_unknown",
            f"A shapefile is written in UTF-8 or GBK, not in {used}.",
            f"Shapefile 只能以 UTF-8 或 GBK 写出，不支持 {used}。",
        )
    return "GBK" if used == "gb18030" else "utf-8"


def check(table: pa.Table, rows: NDArray[np.int64], encoding: str) -> list[Fault]:
    """A warning for each text that is longer than a dbf holds. Errors: Refusal text_not_in_encoding."""
    faults: list[Fault] = []
    for name, column in zip(table.column_names, table.columns, strict=True):
        if not pa.types.is_string(column.type):
            continue
        for row, value in zip(rows, column.to_pylist(), strict=True):
            try:
                if len((value or "").encode(encoding)) > LONGEST_TEXT:
                    faults.append(_cut(int(row), name))
            except UnicodeEncodeError as error:
                raise texts.not_in(encoding, int(row)) from error
    return faults


def _declared(path: Path) -> str | None:
    """What the `.cpg` or the language byte of the dbf beside a file says."""
    cpg = next((path.with_suffix(end) for end in (".cpg", ".CPG") if path.with_suffix(end).is_file()), None)
    dbf = next((path.with_suffix(end) for end in (".dbf", ".DBF") if path.with_suffix(end).is_file()), None)
    head = b""
    if dbf is not None:
        with dbf.open("rb") as file:
            head = file.read(_LANGUAGE_AT + 1)
    label = cpg.read_bytes()[:64].decode("ascii", errors="ignore") if cpg else None
    found = texts.declared(label, head[_LANGUAGE_AT] if len(head) > _LANGUAGE_AT else 0)
    if found is not None and "a".encode(found) != b"a":
        raise refuse(
            "file_unreadable",
            f"{path.name} says that it is in {found}, which a dbf cannot hold; save it in UTF-8, or name the encoding.",
            f"{path.name} 声明的编码 {found} 不能用于 dbf；请另存为 UTF-8，或指定编码。",
            kind="unreadable",
        )
    return found


def _cut(row: int, column: str) -> Fault:
    return Fault(
        "text_cut",
        f"Row {row}: the text of '{column}' is longer than the {LONGEST_TEXT} bytes of a shapefile, and was cut.",
        f"第 {row} 行：“{column}”的文字超过 Shapefile 允许的 {LONGEST_TEXT} 字节，已被截断。",
        severity="warning",
        row=row,
    )
