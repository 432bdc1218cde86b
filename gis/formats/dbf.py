"""The parts of a shapefile, and the text of its dbf: which bytes it is, which encoding, what fits."""

import struct
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from gis import encoding as texts
from gis.errors import Fault, Refusal, refuse
from gis.formats.columns import to_column

RAW = "ISO-8859-1"
"""Every byte is a character: read so, text can be turned back into the bytes of the file."""
MAGIC = (b"\x03", b"\x30", b"\x31", b"\x32", b"\x83", b"\x8b", b"\xf5")
LONGEST_NAME = 10
LONGEST_TEXT = 254  # bytes
MOST_TEXTS = 200_000
_LANGUAGE_AT = 29


def check_whole(path: Path) -> None:
    """Make sure that the parts of a shapefile are there, whole, and of as many records; GDAL reads on without a word.

    Errors: Refusal file_unreadable.
    """
    shp, shx, dbf = (part(path, end) for end in (".shp", ".shx", ".dbf"))
    if shp is not None and shx is None:
        raise _broken(path, f"its part {path.stem}.shx is missing", f"缺少 {path.stem}.shx")
    counts = {}
    for file in (shp, shx):
        if file is not None:
            length = 2 * int.from_bytes(_head(file, 100)[24:28], "big")
            _check_length(file, length)
            counts[file.suffix.lower()] = (length - 100) // 8
    if dbf is not None:
        records, header, width = struct.unpack("<IHH", _head(dbf, 32)[4:12])
        _check_length(dbf, header + records * width)
        if shx is not None and counts[".shx"] != records:
            raise _broken(
                path,
                f"{shx.name} counts {counts['.shx']} features and {dbf.name} {records}",
                f"{shx.name} 有 {counts['.shx']} 个要素，而 {dbf.name} 有 {records} 条记录",
            )


def part(path: Path, suffix: str) -> Path | None:
    """The file beside another that has the suffix, in small or capital letters."""
    return next((file for end in (suffix, suffix.upper()) if (file := path.with_suffix(end)).is_file()), None)


@dataclass(frozen=True, slots=True)
class Decoding:
    """How the text of a dbf is read. `is_guessed`: nobody and nothing says so, and no rule made it certain."""

    used: str
    is_forced: bool
    is_guessed: bool


def raw_of(arrow: pa.Table, fields: int) -> set[bytes]:
    """The heads and the texts beyond ASCII in the first columns of a table that was read as `RAW`."""
    raw = {name.encode(RAW) for name in arrow.schema.names[:fields]}
    for index in range(fields):
        column = arrow.column(index)
        if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
            raw.update(text.encode(RAW) for text in pc.unique(column).to_pylist() if text and not text.isascii())
    return raw


def find_decoding(path: Path, raw: Collection[bytes], encoding: str | None) -> Decoding:
    """The encoding that is forced, or found in what `raw_of` gives of the whole file, or of much of it.

    Errors: Refusal encoding_unknown, file_unreadable.
    """
    forced = texts.forced(encoding) if encoding else None
    label = _declared(path)
    used = forced or texts.detect(raw, label)
    return Decoding(used, forced is not None, used == "gb18030" and forced is None and label is None)


def decode(
    decoding: Decoding, names: Sequence[str], values: Sequence[NDArray[Any]], rows: NDArray[np.int64]
) -> tuple[list[str], list[NDArray[Any]], list[Fault]]:
    """Names and columns that were read as `RAW`, decoded, and a fault for each row whose characters were replaced.

    A name cut within its last character loses the half. That the encoding is doubtful is told with row 1.
    Errors: Refusal encoding_wrong.
    """
    heads = [texts.decode(name.encode(RAW), decoding.used)[0].rstrip("\ufffd") for name in names]
    faults: list[Fault] = []
    columns = []
    for head, column in zip(heads, values, strict=True):
        if not any(isinstance(value, str) for value in column):
            columns.append(column)
            continue
        known = {text: texts.decode(text.encode(RAW), decoding.used) for text in set(column.tolist()) - {None}}
        columns.append(to_column([None if each is None else known[each][0] for each in column.tolist()]))
        bad = {text for text, (_, damaged) in known.items() if damaged}
        if bad:
            hurt = [row for row, each in zip(rows.tolist(), column.tolist(), strict=True) if each in bad]
            faults += [texts.replaced(row, head) for row in hurt]
    if decoding.is_guessed and len(rows) and rows[0] == 1 and texts.is_doubtful(_texts(heads, columns)):
        faults.append(texts.doubtful())
    if decoding.is_forced and faults:
        raise texts.wrong(decoding.used, min(fault.row or 0 for fault in faults))
    return heads, columns, faults


def _texts(heads: Sequence[str], columns: Sequence[NDArray[Any]]) -> Iterator[str]:
    yield from heads
    for column in columns:
        yield from (value for value in column.tolist() if isinstance(value, str))


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
    cpg, dbf = part(path, ".cpg"), part(path, ".dbf")
    label = cpg.read_bytes()[:64].decode("ascii", errors="ignore") if cpg else None
    found = texts.declared(label, _head(dbf, 32)[_LANGUAGE_AT] if dbf else 0)
    if found is not None and "a".encode(found) != b"a":
        raise _broken(path, f"its .cpg says {found}, which a dbf cannot hold", f".cpg 声明的编码 {found} 不能用于 dbf")
    return found


def _head(file: Path, size: int) -> bytes:
    with file.open("rb") as opened:
        head = opened.read(size)
    if len(head) < size:
        raise _broken(file, "it is cut short", "文件不完整")
    return head


def _check_length(file: Path, wanted: int) -> None:
    found = file.stat().st_size
    if found < wanted:
        raise _broken(
            file,
            f"it is cut short, {found} of {wanted} bytes are there",
            f"文件不完整，应有 {wanted} 字节，实有 {found} 字节",
        )


def _broken(path: Path, en: str, zh: str) -> Refusal:
    return refuse(
        "file_unreadable",
        f"{path.name} cannot be read: {en}. Deliver .shp, .shx, .dbf, .prj and .cpg as saved together.",
        f"无法读取 {path.name}：{zh}。请重新提供同时保存的 .shp、.shx、.dbf、.prj 和 .cpg。",
        kind="unreadable",
    )


def _cut(row: int, column: str) -> Fault:
    return Fault(
        "text_cut",
        f"Row {row}: the text of '{column}' is longer than the {LONGEST_TEXT} bytes of a shapefile, and was cut.",
        f"第 {row} 行：“{column}”的文字超过 Shapefile 允许的 {LONGEST_TEXT} 字节，已被截断。",
        severity="warning",
        row=row,
    )
