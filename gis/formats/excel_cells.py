"""The cells of a sheet as a stream: rows of values, without a tree of its XML, in memory that is bounded."""

import datetime as dt
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from xml.parsers import expat

from gis.formats.excel_parts import Book, Style, bomb, broken

CHUNK = 1 << 17
MOST_ROWS, MOST_COLUMNS = 1_048_576, 1_024
MOST_SLOTS = 60_000_000
MOST_MERGED = 100_000
LONGEST = 1 << 20
"""Characters of a cell, of which Excel allows 32,767."""
DIGITS = 15
"""So many digits of a number Excel keeps."""
_ESCAPED = re.compile(r"_x([0-9A-Fa-f]{4})_")
_PLACE = re.compile(r"([A-Z]{1,3})(\d{1,7})")
_PLAIN = Style()
_READ = frozenset({"v", "t", "f"})

Row = list[Any]


@dataclass(frozen=True, slots=True)
class Merged:
    """Cells that are shown as one: rows and columns from 1, both ends counted."""

    top: int
    left: int
    bottom: int
    right: int


@dataclass(slots=True)
class Remarks:
    """What cells say that is no value, as (row, column), both from 1; `errors` with their text."""

    merged: dict[Merged, None] = field(default_factory=dict)
    long: list[tuple[int, int]] = field(default_factory=list)
    errors: list[tuple[int, int, str]] = field(default_factory=list)
    uncomputed: list[tuple[int, int]] = field(default_factory=list)


def read_texts(path: Path, book: Book) -> list[str]:
    """The texts that cells refer to by number. Errors: Refusal file_unreadable."""
    if book.texts is None:
        return []
    texts: list[str] = []
    parts: list[str] = []
    below: list[str] = []

    def start(name: str, attributes: dict[str, str]) -> None:
        below.append(_local(name))
        if below[-1] == "si":
            parts.clear()

    def end(name: str) -> None:
        if below.pop() == "si":
            texts.append(unescape("".join(parts)))

    def text(data: str) -> None:
        if below and below[-1] == "t" and "rPh" not in below:  # how a name is read aloud is no part of it
            parts.append(data)
            if sum(map(len, parts)) > LONGEST:
                raise _long(path)

    parser = _parser(start, end, text)
    for _ in _fed(path, book, book.texts, parser):
        pass
    return texts


def read_rows(path: Path, book: Book, part: str, texts: list[str], remarks: Remarks) -> Iterator[tuple[int, Row]]:
    """The rows that hold something, with their numbers, each as long as its last value.

    Values are text, bool, int, float or None; days and times become ISO text. A number of more than 15 digits becomes
    text as 4.4030501001000000E+16. Errors: Refusal file_unreadable.
    """
    sheet = _Sheet(path, book, texts, remarks)
    parser = _parser(sheet.start, sheet.end, sheet.text)
    for _ in _fed(path, book, part, parser):
        yield from sheet.rows
        sheet.rows.clear()


def unescape(text: str) -> str:
    """Text without Excel's way to write what XML cannot hold: `_x000D_`."""
    return _ESCAPED.sub(lambda found: chr(int(found[1], 16)), text) if "_x" in text else text


class _Sheet:
    """A sheet while its XML goes by."""

    def __init__(self, path: Path, book: Book, texts: list[str], remarks: Remarks) -> None:
        self.path, self.book, self.texts, self.remarks = path, book, texts, remarks
        self.rows: list[tuple[int, Row]] = []
        self.number = self.column = self.slots = self.hidden = 0
        self.cells: Row = []
        self.kind, self.style = "n", _PLAIN
        self.has_formula = False
        self.inside = ""
        self.parts: list[str] = []
        self.length = 0

    def start(self, name: str, attributes: dict[str, str]) -> None:
        name = _local(name)
        if name in _READ:
            self.inside = name if not self.hidden else ""
            self.has_formula |= name == "f"
        elif name == "c":
            self._begin_cell(attributes)
        elif name == "row":
            self._begin_row(attributes)
        elif name == "rPh":
            self.hidden += 1
        elif name == "mergeCell":
            self._merge(attributes.get("ref", ""))

    def end(self, name: str) -> None:
        name = _local(name)
        if name in _READ:
            self.inside = ""
        elif name == "c":
            self._end_cell()
        elif name == "row":
            while self.cells and self.cells[-1] is None:
                self.cells.pop()
            if self.cells:
                self.rows.append((self.number, self.cells))
                self.slots += len(self.cells)
                if self.slots > MOST_SLOTS:
                    raise bomb(self.path)
        elif name == "rPh":
            self.hidden -= 1

    def text(self, data: str) -> None:
        if self.inside and self.inside != "f":
            self.parts.append(data)
            self.length += len(data)
            if self.length > LONGEST:
                raise _long(self.path)

    def _begin_row(self, attributes: dict[str, str]) -> None:
        number = int(attributes.get("r", self.number + 1))
        if not self.number < number <= MOST_ROWS:
            raise broken(self.path, f"its rows are out of order at {number}", f"第 {number} 行的行号有误")
        self.number, self.column, self.cells = number, 0, []

    def _begin_cell(self, attributes: dict[str, str]) -> None:
        place = attributes.get("r")
        self.column = _place(place)[0] if place else self.column + 1
        self.kind = attributes.get("t", "n")
        style = int(attributes.get("s", 0))
        self.style = self.book.styles[style] if 0 < style < len(self.book.styles) else _PLAIN
        self.has_formula = False
        self.parts.clear()
        self.length = 0

    def _end_cell(self) -> None:
        value = self._value("".join(self.parts))
        if value is None or value == "":
            if self.has_formula and not self.parts and self.kind != "str":
                self.remarks.uncomputed.append((self.number, self.column))
            return
        if self.column > MOST_COLUMNS or self.column < 1:
            raise broken(
                self.path,
                f"it has more than {MOST_COLUMNS} columns (row {self.number})",
                f"列数超过 {MOST_COLUMNS}（第 {self.number} 行）",
            )
        self.cells += [None] * (self.column - len(self.cells))
        self.cells[self.column - 1] = value

    def _value(self, text: str) -> Any:
        match self.kind:
            case "s":
                return self.texts[int(text)] if text else None
            case "str" | "inlineStr":
                return unescape(text)
            case "b":
                return None if not text else text.strip() in ("1", "true")
            case "e":
                if text:
                    self.remarks.errors.append((self.number, self.column, text[:20]))
                return None
            case "d":
                return text or None
        return self._number(text.strip()) if text else None

    def _number(self, text: str) -> Any:
        value = float(text) if any(each in text for each in ".eEnN") else int(text)
        if self.style.is_span:
            return str(_moment(value, self.book.epoch, timedelta=True))
        if self.style.is_date:
            try:
                return _iso(_moment(value, self.book.epoch), self.style.has_time)
            except (OverflowError, ValueError):
                self.remarks.errors.append((self.number, self.column, text[:20]))
                return None
        if not abs(value) < 10**DIGITS:
            self.remarks.long.append((self.number, self.column))
            return f"{float(value):.16E}"
        if self.style.digits and value >= 0 and int(value) == value:
            return str(int(value)).zfill(self.style.digits)
        return value

    def _merge(self, ref: str) -> None:
        first, _, last = ref.partition(":")
        if last:
            (left, top), (right, bottom) = _place(first), _place(last)
            self.remarks.merged[Merged(top, left, bottom, right)] = None
            if len(self.remarks.merged) > MOST_MERGED:
                raise bomb(self.path)


def _fed(path: Path, book: Book, part: str, parser: expat.XMLParserType) -> Iterator[None]:
    with book.archive.open(part) as file:
        while chunk := file.read(CHUNK):
            parser.Parse(chunk, False)
            yield
        parser.Parse(b"", True)
        yield


def _parser(start: Any, end: Any, text: Any) -> expat.XMLParserType:
    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.StartElementHandler, parser.EndElementHandler, parser.CharacterDataHandler = start, end, text
    return parser


def _local(name: str) -> str:
    return name.rpartition(":")[2] if ":" in name else name


def _place(text: str) -> tuple[int, int]:
    """Column and row from 1 of a cell's name. Errors: ValueError."""
    found = _PLACE.fullmatch(text)
    if found is None:
        raise ValueError(f"'{text[:20]}' is no cell")
    column = 0
    for letter in found[1]:
        column = 26 * column + ord(letter) - 64
    return column, int(found[2])


def _moment(value: float, epoch: dt.datetime, timedelta: bool = False) -> Any:
    """What a number of days since the epoch of the book means; ValueError or OverflowError for none."""
    from openpyxl.utils.datetime import from_excel

    return from_excel(value, epoch, timedelta)


def _iso(value: Any, has_time: bool) -> str:
    if isinstance(value, dt.datetime) and not has_time and value.time() == dt.time():
        return value.date().isoformat()
    return str(value.isoformat())


def _long(path: Path) -> Exception:
    return broken(path, "one of its cells is longer than a megabyte", "其中一个单元格超过 1 MB")
