"""An Excel workbook as far as it must be known before a sheet is read, and whether it is safe to open.

Files that are made to choke whoever opens them are refused: parts that unpack to more than a workbook of a full sheet
holds, or that are nearly all repetition, and XML with a document type. openpyxl reads what tells of the workbook (its
sheets and styles); texts and cells, which may be any number, go by as a stream (`gis.formats.excel_cells`).
"""

import datetime as dt
import re
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gis.errors import Refusal, refuse
from gis.formats import markup
from gis.formats.notes import NAME, Notes, parse

LARGEST_SHEET = 2 << 30
LARGEST_TEXTS = 1 << 28
LARGEST_OTHER = 1 << 23
MOST_PARTS = 5_000
REPETITIVE, REPETITIVE_FROM = 100, 20_000_000
_PADDED = re.compile(r"0{2,17}")


@dataclass(frozen=True, slots=True)
class Style:
    """What a number in a cell means: a day, a time of day or a span; or how many digits it is shown with."""

    is_date: bool = False
    has_time: bool = False
    is_span: bool = False
    digits: int = 0


@dataclass(frozen=True, slots=True)
class Book:
    """`sheets` name the part of each sheet, `styles` stand in the order in which cells number them."""

    archive: zipfile.ZipFile
    sheets: Mapping[str, str]
    texts: str | None
    styles: tuple[Style, ...]
    epoch: dt.datetime
    notes: Notes


@contextmanager
def opened(path: Path) -> Iterator[Book]:
    """Errors: Refusal file_unreadable for what is no workbook, or none that one should open."""
    from openpyxl.reader.excel import ExcelReader
    from openpyxl.styles.stylesheet import apply_stylesheet
    from openpyxl.xml.constants import SHARED_STRINGS

    _check(path)
    reader: Any = ExcelReader(path, read_only=True, data_only=True, keep_links=False)
    try:
        reader.read_manifest()
        reader.read_workbook()
        reader.read_custom()
        apply_stylesheet(reader.archive, reader.wb)
        found = reader.package.find(SHARED_STRINGS)
        sheets = {
            sheet.name: rel.target
            for sheet, rel in reader.parser.find_sheets()
            if "chartsheet" not in rel.Type and rel.target in reader.valid_files
        }
        texts = None if found is None else found.PartName[1:]
        yield Book(reader.archive, sheets, texts, _styles(reader.wb), reader.wb.epoch, _notes(reader.wb))
    finally:
        reader.archive.close()


def broken(path: Path, en: str, zh: str) -> Refusal:
    """The refusal of a workbook."""
    return refuse(
        "file_unreadable", f"{path.name} cannot be read: {en}.", f"无法读取 {path.name}：{zh}。", kind="unreadable"
    )


def bomb(path: Path) -> Refusal:
    """The refusal of a workbook that would take all memory."""
    return broken(
        path,
        "it unpacks to far more than a workbook holds; it was not opened",
        "其解压后的内容远超正常工作簿，未予打开",
    )


def _check(path: Path) -> None:
    try:
        with zipfile.ZipFile(path) as packed:
            parts = packed.infolist()
            names = packed.namelist()
            if "[Content_Types].xml" not in names or not any(name.endswith("workbook.xml") for name in names):
                raise broken(path, "it is no Excel workbook", "它不是 Excel 工作簿")
            if len(parts) > MOST_PARTS:
                raise bomb(path)
            for part in parts:
                _check_part(path, packed, part)
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, OSError, EOFError, ValueError) as error:
        raise _no_zip(path, error) from error


def _check_part(path: Path, packed: zipfile.ZipFile, part: zipfile.ZipInfo) -> None:
    name = part.filename.lower()
    if not name.endswith((".xml", ".rels")):
        return  # pictures and the like are never unpacked
    largest = LARGEST_TEXTS if "sharedstrings" in name else LARGEST_SHEET if "sheet" in name else LARGEST_OTHER
    repetitive = part.file_size > REPETITIVE_FROM and part.file_size > REPETITIVE * part.compress_size
    if part.file_size > largest or repetitive:
        raise bomb(path)
    with packed.open(part) as file:
        why = markup.trouble(file)
    if why is not None:
        raise broken(path, *why)


def _notes(book: Any) -> Notes:
    told = next((each.value for each in book.custom_doc_props.props if each.name == NAME), None)
    return parse(told)


def _styles(book: Any) -> tuple[Style, ...]:
    from openpyxl.styles.numbers import BUILTIN_FORMATS, BUILTIN_FORMATS_MAX_SIZE

    found = []
    for number, style in enumerate(book._cell_styles):
        form = style.numFmtId
        if form < BUILTIN_FORMATS_MAX_SIZE:
            text = BUILTIN_FORMATS.get(form, "General")
        else:
            text = book._number_formats[form - BUILTIN_FORMATS_MAX_SIZE]
        padded = _PADDED.fullmatch(text)
        is_date = number in book._date_formats
        found.append(
            Style(
                is_date,
                is_date and "h" in re.sub(r'"[^"]*"', "", text).lower(),
                number in book._timedelta_formats,
                len(padded[0]) if padded else 0,
            )
        )
    return tuple(found)


def _no_zip(path: Path, error: Exception) -> Refusal:
    with path.open("rb") as file:
        is_old = file.read(8) == b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
    if is_old:
        return broken(
            path,
            "it is a workbook of the old kind (.xls) or has a password; save it as .xlsx without one",
            "它是旧版（.xls）或加密的工作簿；请另存为不带密码的 .xlsx",
        )
    return broken(path, f"it is no Excel workbook ({error})", f"它不是 Excel 工作簿（{error}）")
