"""Tables as Excel workbooks: every text, and so every code, as text; numbers as numbers.

Written piece by piece: the sheet never stands in memory, nor as a tree. What XML cannot hold stands as Excel writes it
itself (`_x0007_`), so that text comes back as it went out.
"""

import re
import tempfile
import zipfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape, quoteattr

import numpy as np

from gis.errors import Fault, refuse
from gis.formats.columns import named_once, to_text
from gis.formats.delimited import geometry_columns, geometry_heads
from gis.formats.excel_cells import DIGITS, MOST_ROWS
from gis.formats.notes import NAME, Notes, spell
from gis.formats.outputs import refusing
from gis.formats.pages import Pages

LONGEST_TEXT = 32_767  # of UTF-16, in a cell
LONGEST_NAME = 31  # of a sheet
_NOT_XML = re.compile("[\x00-\x08\x0b-\x1f\ud800-\udfff\ufffe\uffff]|_(?=x[0-9A-Fa-f]{4}_)")
_MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_RELATIONS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"
_KIND = "application/vnd.openxmlformats-officedocument.spreadsheetml"
_PARTS: Mapping[str, str] = {
    "[Content_Types].xml": (
        f'<Types xmlns="{_PACKAGE}/content-types"><Default Extension="rels" '
        'ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        f'<Override PartName="/xl/workbook.xml" ContentType="{_KIND}.sheet.main+xml"/>'
        f'<Override PartName="/xl/worksheets/sheet1.xml" ContentType="{_KIND}.worksheet+xml"/>'
        f'<Override PartName="/xl/styles.xml" ContentType="{_KIND}.styles+xml"/>'
        '<Override PartName="/docProps/custom.xml" '
        'ContentType="application/vnd.openxmlformats-officedocument.custom-properties+xml"/></Types>'
    ),
    "_rels/.rels": (
        f'<Relationships xmlns="{_PACKAGE}/relationships"><Relationship Id="rId1" '
        f'Type="{_RELATIONS}/officeDocument" Target="xl/workbook.xml"/><Relationship Id="rId2" '
        f'Type="{_RELATIONS}/custom-properties" Target="docProps/custom.xml"/></Relationships>'
    ),
    "xl/_rels/workbook.xml.rels": (
        f'<Relationships xmlns="{_PACKAGE}/relationships"><Relationship Id="rId1" Type="{_RELATIONS}/worksheet" '
        f'Target="worksheets/sheet1.xml"/><Relationship Id="rId2" Type="{_RELATIONS}/styles" Target="styles.xml"/>'
        "</Relationships>"
    ),
    # Style 1 is text (the number format 49, "@"), style 2 the heading.
    "xl/styles.xml": (
        f'<styleSheet xmlns="{_MAIN}"><fonts count="2"><font><sz val="11"/><name val="Calibri"/></font>'
        '<font><b/><sz val="11"/><name val="Calibri"/></font></fonts>'
        '<fills count="2"><fill><patternFill patternType="none"/></fill>'
        '<fill><patternFill patternType="gray125"/></fill></fills>'
        '<borders count="1"><border><left/><right/><top/><bottom/><diagonal/></border></borders>'
        '<cellStyleXfs count="1"><xf numFmtId="0" fontId="0" fillId="0" borderId="0"/></cellStyleXfs>'
        '<cellXfs count="3"><xf numFmtId="0" fontId="0" fillId="0" borderId="0" xfId="0"/>'
        '<xf numFmtId="49" fontId="0" fillId="0" borderId="0" xfId="0" applyNumberFormat="1"/>'
        '<xf numFmtId="49" fontId="1" fillId="0" borderId="0" xfId="0" applyNumberFormat="1" applyFont="1"/></cellXfs>'
        '<cellStyles count="1"><cellStyle name="Normal" xfId="0" builtinId="0"/></cellStyles></styleSheet>'
    ),
}


def write(path: Path, pages: Pages, layer: str, encoding: str | None) -> tuple[Fault, ...]:
    """Write one sheet: the columns, then points as lon, lat (x, y when projected), others as wkt, and the CRS.

    Texts longer than a cell holds are cut, geometries left out, each with a warning. Errors: Refusal rows_too_many.
    """
    del encoding  # XML: always UTF-8
    if pages.count >= MOST_ROWS:
        raise _too_many(pages.count)
    faults: list[Fault] = []
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=4) as packed:
        made = (("xl/workbook.xml", _workbook(layer)), ("docProps/custom.xml", _properties(pages.notes)))
        for name, content in (*_PARTS.items(), *made):
            packed.writestr(name, f'<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n{content}')
        with packed.open("xl/worksheets/sheet1.xml", "w", force_zip64=True) as sheet:
            for text in _sheet(pages, faults):
                sheet.write(text.encode("utf-8"))
    return tuple(faults)


@dataclass(frozen=True, slots=True)
class Sheet:
    """A sheet of a book: its name, the heads, and rows of as many values. `widths` are in characters."""

    name: str
    heads: Sequence[str]
    rows: Iterable[Sequence[Any]]
    widths: Sequence[int] = ()


def write_book(path: Path, sheets: Sequence[Sheet]) -> None:
    """Write a workbook of several sheets, row by row; it appears whole or not at all. Texts too long are cut.

    Errors: Refusal file_unwritable.
    """
    kind = f'ContentType="{_KIND}.worksheet+xml"/>'
    first = f'<Override PartName="/xl/worksheets/sheet1.xml" {kind}'
    every = "".join(f'<Override PartName="/xl/worksheets/sheet{n + 1}.xml" {kind}' for n in range(len(sheets)))
    relation = f'<Relationship Id="rId{{}}" Type="{_RELATIONS}/{{}}" Target="{{}}"/>'
    related = [relation.format(n + 1, "worksheet", f"worksheets/sheet{n + 1}.xml") for n in range(len(sheets))]
    related.append(relation.format(len(sheets) + 1, "styles", "styles.xml"))
    parts = {
        **_PARTS,
        "[Content_Types].xml": _PARTS["[Content_Types].xml"].replace(first, every),
        "xl/_rels/workbook.xml.rels": "".join(
            (f'<Relationships xmlns="{_PACKAGE}/relationships">', *related, "</Relationships>")
        ),
        "xl/workbook.xml": _workbook(*(sheet.name for sheet in sheets)),
        "docProps/custom.xml": _properties({}),
    }
    with refusing(path), tempfile.TemporaryDirectory(dir=path.parent, prefix=".writing-") as folder:
        scratch = Path(folder) / path.name
        with zipfile.ZipFile(scratch, "w", zipfile.ZIP_DEFLATED, compresslevel=4) as packed:
            for name, content in parts.items():
                packed.writestr(name, f'<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n{content}')
            for number, sheet in enumerate(sheets, 1):
                with packed.open(f"xl/worksheets/sheet{number}.xml", "w", force_zip64=True) as part:
                    for text in _cells(sheet):
                        part.write(text.encode("utf-8"))
        scratch.replace(path)


def _cells(sheet: Sheet) -> Iterator[str]:
    """A sheet whose columns can be filtered."""
    letters = [_letters(index) for index in range(len(sheet.heads))]
    yield _begun(letters, sheet.heads, sheet.widths)
    number = 1
    for number, values in enumerate(sheet.rows, 2):
        fitted = (_fitted(each, 0, "", False)[0] if isinstance(each, str) else each for each in values)
        cells = (_cell(f"{letter}{number}", each) for letter, each in zip(letters, fitted, strict=True))
        yield f'</row>\n<row r="{number}">' + "".join(cells)
    yield f'</row></sheetData><autoFilter ref="A1:{letters[-1]}{number}"/></worksheet>'


def _begun(letters: Sequence[str], heads: Sequence[str], widths: Sequence[int] = ()) -> str:
    """A sheet up to its heading, which stays in sight."""
    columns = "".join(
        f'<col min="{number}" max="{number}" width="{width}" customWidth="1"/>'
        for number, width in enumerate(widths, 1)
    )
    return (
        f'<worksheet xmlns="{_MAIN}"><sheetViews><sheetView workbookViewId="0">'
        '<pane ySplit="1" topLeftCell="A2" activePane="bottomLeft" state="frozen"/></sheetView></sheetViews>'
        f"{f'<cols>{columns}</cols>' if columns else ''}<sheetData>"
        '<row r="1">' + "".join(_text(f"{letter}1", head, 2) for letter, head in zip(letters, heads, strict=True))
    )


def _workbook(*layers: str) -> str:
    names = [re.sub(r"[\\/*?:\[\]]", "_", each).strip("'")[:LONGEST_NAME] or "Sheet1" for each in layers]
    sheets = "".join(
        f'<sheet name={quoteattr(_escaped(name))} sheetId="{number}" r:id="rId{number}"/>'
        for number, name in enumerate(names, 1)
    )
    return f'<workbook xmlns="{_MAIN}" xmlns:r="{_RELATIONS}"><sheets>{sheets}</sheets></workbook>'


def _properties(notes: Notes) -> str:
    office = "http://schemas.openxmlformats.org/officeDocument/2006"
    said = (
        f'<property fmtid="{{D5CDD505-2E9C-101B-9397-08002B2CF9AE}}" pid="2" name="{NAME}">'
        f"<vt:lpwstr>{escape(_escaped(spell(notes)))}</vt:lpwstr></property>"
    )
    return (
        f'<Properties xmlns="{office}/custom-properties" xmlns:vt="{office}/docPropsVTypes">'
        f"{said if notes else ''}</Properties>"
    )


def _sheet(pages: Pages, faults: list[Fault]) -> Iterator[str]:
    added = geometry_heads(pages)
    names = [name for name in pages.names if name.lower() not in added]
    heads = named_once([*names, *added])
    letters = [_letters(index) for index in range(len(heads))]
    yield _begun(letters, heads)
    kinds = list(zip(letters, heads, [head in added for head in heads], strict=True))
    number = 1
    for table in pages.tables():
        place = geometry_columns(table, added)
        columns = [table.columns[name].tolist() for name in names] + [list(place[name]) for name in added]
        for row, values in zip(table.rows.tolist(), zip(*columns, strict=True), strict=True):
            number += 1
            cells = []
            for (letter, head, is_geometry), value in zip(kinds, values, strict=True):
                if isinstance(value, str) and len(value) * 2 > LONGEST_TEXT:
                    value, fault = _fitted(value, row, head, is_geometry)
                    faults += fault
                cells.append(_cell(f"{letter}{number}", value))
            yield f'</row>\n<row r="{number}">' + "".join(cells)
    yield "</row></sheetData></worksheet>"


def _cell(place: str, value: Any) -> str:
    if value is None or value == "" or (isinstance(value, float) and value != value):
        return ""
    if isinstance(value, bool | np.bool_):
        return f'<c r="{place}" t="b"><v>{int(value)}</v></c>'
    if isinstance(value, int | float) and abs(value) < 10**DIGITS:
        return f'<c r="{place}"><v>{value!r}</v></c>'
    return _text(place, to_text(value) or "", 1)


def _text(place: str, text: str, style: int) -> str:
    return f'<c r="{place}" s="{style}" t="inlineStr"><is><t xml:space="preserve">{escape(_escaped(text))}</t></is></c>'


def _escaped(text: str) -> str:
    return _NOT_XML.sub(lambda found: f"_x{ord(found[0]):04X}_", text)


def _fitted(text: str, row: int, column: str, is_geometry: bool) -> tuple[str | None, list[Fault]]:
    """The text as far as a cell holds it."""
    units = text.encode("utf-16-le", errors="surrogatepass")
    if len(units) <= 2 * LONGEST_TEXT:
        return text, []
    if is_geometry:
        return None, [_left_out(row)]
    return units[: 2 * LONGEST_TEXT].decode("utf-16-le", errors="ignore"), [_cut(row, column)]


def _letters(index: int) -> str:
    text = ""
    index += 1
    while index:
        index, rest = divmod(index - 1, 26)
        text = chr(65 + rest) + text
    return text


def _too_many(count: int) -> Exception:
    return refuse(
        "rows_too_many",
        f"A sheet of Excel holds {MOST_ROWS - 1} rows below its heading, not {count}; write fewer, or another format.",
        f"Excel 工作表最多容纳 {MOST_ROWS - 1} 行数据，现有 {count} 行；请缩小范围或改用其他格式。",
    )


def _cut(row: int, column: str) -> Fault:
    return Fault(
        "text_cut",
        f"Row {row}: the text of '{column}' is longer than the {LONGEST_TEXT} characters of a cell, and was cut.",
        f"第 {row} 行：“{column}”的文字超过单元格允许的 {LONGEST_TEXT} 个字符，已被截断。",
        severity="warning",
        row=row,
    )


def _left_out(row: int) -> Fault:
    return Fault(
        "geometry_left_out",
        f"Row {row}: the geometry as text is longer than a cell of Excel and was left out; write a GeoPackage for it.",
        f"第 {row} 行：几何文本超过 Excel 单元格长度，已省略；如需几何请导出 GeoPackage。",
        severity="warning",
        row=row,
    )
