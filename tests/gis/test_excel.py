"""Excel workbooks: what Excel does to codes, headings and cells, and files made to choke whoever opens them."""

import io
import zipfile
from datetime import date, datetime, time
from pathlib import Path
from typing import Any

import openpyxl
import pytest
import shapely

from gis.formats import excel_cells, read, read_cells, write
from gis.intake import map_fields, read_code
from gis.layer import Field
from gis.tables import Table
from tests.gis.samples import outcome, refusal, table

CODE = Field("code", "code", "code", "编码", required=True)


def book(path: Path, rows: list[list[Any]], merged: tuple[str, ...] = (), **sheets: list[list[Any]]) -> Path:
    made = openpyxl.Workbook()
    sheet = made.active
    sheet.title = "成果"
    for cells in rows:
        sheet.append(cells)
    for each in merged:
        sheet.merge_cells(each)
    for name, more in sheets.items():
        other = made.create_sheet(name)
        for cells in more:
            other.append(cells)
    made.save(path)
    return path


def rewritten(path: Path, part: str, change: Any) -> Path:
    """A workbook with the content of one part changed."""
    source = zipfile.ZipFile(io.BytesIO(path.read_bytes()))
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as packed:
        for each in source.infolist():
            content = source.read(each)
            packed.writestr(each.filename, change(content) if each.filename == part else content)
    return path


SHEET = "xl/worksheets/sheet1.xml"


def columns(path: Path, **options: Any) -> dict[str, list[Any]]:
    return {name: values.tolist() for name, values in read(path, **options).columns.items()}


def test_values_come_as_text_numbers_and_iso_dates(tmp_path: Path) -> None:
    day, moment = date(2026, 5, 1), datetime(2026, 5, 1, 8, 30)
    path = book(
        tmp_path / "a.xlsx",
        [["code", "n", "x", "yes", "day", "moment", "clock"], ["0440", 3, 1.5, True, day, moment, time(8, 30)]],
    )
    assert columns(path) == {
        "code": ["0440"],
        "n": [3],
        "x": [1.5],
        "yes": [True],
        "day": ["2026-05-01"],
        "moment": ["2026-05-01T08:30:00"],
        "clock": ["08:30:00"],
    }


def test_a_code_that_is_a_number_of_more_than_15_digits_is_an_error_of_its_row(tmp_path: Path) -> None:
    path = book(tmp_path / "a.xlsx", [["code"], [440305001001001], [4403050010010010], ["44030501001000001"]])
    found = read(path)
    assert [(fault.code, fault.row, fault.severity) for fault in found.faults] == [("number_rounded", 2, "warning")]
    mapped = map_fields(found, (CODE,), {})
    assert mapped.values["code"].tolist() == ["440305001001001", None, "44030501001000001"]
    assert [(fault.code, fault.row) for fault in mapped.faults] == [("code_damaged", 2)]


def test_leading_zeros_that_only_the_format_shows_are_kept(tmp_path: Path) -> None:
    path = book(tmp_path / "a.xlsx", [["code", "n"], [1001, 7]])
    made = openpyxl.load_workbook(path)
    made.active["A2"].number_format = "00000"
    made.save(path)
    assert columns(path) == {"code": ["01001"], "n": [7]}


def test_the_heading_is_found_below_titles_and_rows_are_counted_from_it(tmp_path: Path) -> None:
    path = book(
        tmp_path / "a.xlsx",
        [
            ["城市部件普查成果表"],
            [],
            ["单位：测绘院", None, None],
            ["标识码", "名称", "状态"],
            ["1", "a", "b"],
            [],
            ["2", "c", "d"],
        ],
        ("A1:C1",),
    )
    found = read(path)
    assert list(found.columns) == ["标识码", "名称", "状态"]
    assert found.rows.tolist() == [1, 3]
    assert found.columns["标识码"].tolist() == ["1", "2"]


def test_a_heading_of_merged_rows_is_put_together(tmp_path: Path) -> None:
    path = book(
        tmp_path / "a.xlsx",
        [["标识码", "权属单位", None], [None, "代码", "名称"], ["1", "C1", "公司"], ["2", "C2", "局"]],
        ("A1:A2", "B1:C1"),
    )
    assert columns(path) == {"标识码": ["1", "2"], "权属单位代码": ["C1", "C2"], "权属单位名称": ["公司", "局"]}


def test_a_value_merged_over_rows_stands_in_each_of_them(tmp_path: Path) -> None:
    path = book(
        tmp_path / "a.xlsx", [["code", "owner"], ["1", "供水"], ["2", None], ["3", None], ["4", "路灯"]], ("B2:B4",)
    )
    assert columns(path)["owner"] == ["供水", "供水", "供水", "路灯"]


def test_formulas_give_what_was_computed_and_are_told_where_nothing_was(tmp_path: Path) -> None:
    path = book(tmp_path / "a.xlsx", [["code", "name"], ["1", '="a"&"b"'], ["2", "=1/0"]])
    found = read(path)
    assert [(fault.code, fault.row) for fault in found.faults] == [
        ("formula_not_computed", 1),
        ("formula_not_computed", 2),
    ]
    rewritten(
        path, SHEET, lambda xml: xml.replace(b"</f><v />", b"</f><v>7</v>").replace(b"</f><v></v>", b"</f><v>7</v>")
    )
    assert columns(path)["name"] == [7, 7]
    assert read(path).faults == ()


def test_errors_of_excel_count_as_empty_and_are_told(tmp_path: Path) -> None:
    path = book(tmp_path / "a.xlsx", [["code", "name"], ["1", "#N/A"]])
    found = read(path)
    assert found.columns["name"].tolist() == [None]
    assert [(fault.code, fault.row) for fault in found.faults] == [("cell_error", 1)]


def test_a_value_beside_the_heading_is_an_error_of_its_row(tmp_path: Path) -> None:
    path = book(tmp_path / "a.xlsx", [["code", "name"], ["1", "a", "lost"]])
    assert [(fault.code, fault.row) for fault in read(path).faults] == [("cells_uneven", 1)]


def test_the_sheet_is_the_one_named_or_the_only_one_that_is_filled(tmp_path: Path) -> None:
    path = book(tmp_path / "a.xlsx", [["code"], ["1"]], Sheet2=[])
    assert columns(path) == {"code": ["1"]}
    path = book(tmp_path / "b.xlsx", [["code"], ["1"]], 雨水井=[["code"], ["2"]])
    assert columns(path, layer="雨水井") == {"code": ["2"]}
    assert refusal(read, path).code == "layer_ambiguous"
    assert refusal(read, path, layer="路灯").code == "layer_missing"


def test_positions_are_found_as_in_csv(tmp_path: Path) -> None:
    path = book(
        tmp_path / "a.xlsx", [["code", "lon", "lat", "crs"], ["1", 114.05, "22.5", "GCJ-02"], ["2", "x", 1, "GCJ-02"]]
    )
    found = read(path)
    assert found.geometry is not None
    assert (found.crs, found.geometry.tolist()) == ("GCJ-02", [shapely.Point(114.05, 22.5), None])
    assert [(fault.code, fault.row) for fault in found.faults] == [("geometry_unreadable", 2)]
    pieces = read_cells(path, None, None)
    assert pieces is not None
    (cells,) = pieces
    assert list(cells.columns) == ["code", "lon", "lat", "crs"]


def test_a_workbook_is_written_so_that_excel_takes_no_text_for_a_number_or_a_formula(tmp_path: Path) -> None:
    path = tmp_path / "a.xlsx"
    nasty = ["44030501001000001", "=1+1", "00", "a\r\nb\x07_x0041_"]
    write(path, table({"code": nasty, "n": [1, 2.5, True, None]}, [shapely.Point(1, 2)] * 4))
    sheet = openpyxl.load_workbook(path).active
    assert [sheet[f"A{row}"].data_type for row in range(2, 6)] == ["s"] * 4
    assert {sheet[f"A{row}"].number_format for row in range(2, 6)} == {"@"}
    assert sheet["A2"].value == "44030501001000001"
    assert [sheet[f"B{row}"].value for row in range(2, 6)] == [1, 2.5, True, None]
    assert read(path).columns["code"].tolist() == nasty


def test_what_a_cell_cannot_hold_is_told(tmp_path: Path) -> None:
    line = shapely.LineString([(x / 997, x / 991) for x in range(2000)])
    faults = write(
        tmp_path / "a.xlsx", table({"code": ["1", "2"], "note": ["字" * 40_000, "x"]}, [line, shapely.Point(1, 1)])
    )
    assert [(fault.code, fault.row) for fault in faults] == [("text_cut", 1), ("geometry_left_out", 1)]
    assert len(read(tmp_path / "a.xlsx").columns["note"][0]) == 32_767


# Files that lie or are made to choke


def test_what_is_no_workbook_is_refused_in_a_sentence(tmp_path: Path) -> None:
    for content in (b"", b"code\n1\n", b"PK\x03\x04broken", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600):
        (tmp_path / "a.xlsx").write_bytes(content)
        assert refusal(read, tmp_path / "a.xlsx").code == "file_unreadable"
    assert ".xls" in refusal(read, tmp_path / "a.xlsx").faults[0].en
    with zipfile.ZipFile(tmp_path / "b.xlsx", "w") as packed:
        packed.writestr("word/document.xml", "<a/>")
    assert refusal(read, tmp_path / "b.xlsx").code == "file_unreadable"


LAUGHS = b'<?xml version="1.0"?><!DOCTYPE l [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>'


@pytest.mark.parametrize("part", [SHEET, "xl/workbook.xml", "xl/styles.xml", "[Content_Types].xml"])
def test_xml_with_a_document_type_is_not_parsed(tmp_path: Path, part: str) -> None:
    path = book(tmp_path / "a.xlsx", [["code"], ["1"]])
    rewritten(
        path, part, lambda xml: LAUGHS + xml[xml.index(b"?>") + 2 :] if xml.startswith(b"<?xml") else LAUGHS + xml
    )
    assert "document type" in refusal(read, path).faults[0].en


def test_a_part_that_unpacks_to_repetition_is_not_opened(tmp_path: Path) -> None:
    path = book(tmp_path / "a.xlsx", [["code"], ["1"]])
    rewritten(path, SHEET, lambda xml: xml.replace(b"</sheetData>", b"<row/>" * 5_000_000 + b"</sheetData>"))
    assert path.stat().st_size < 200_000
    assert "unpacks" in refusal(read, path).faults[0].en


def test_a_sheet_that_says_it_is_huge_is_read_as_far_as_it_is_filled(tmp_path: Path) -> None:
    path = book(tmp_path / "a.xlsx", [["code"], ["1"]])
    rewritten(
        path,
        SHEET,
        lambda xml: xml.replace(b'ref="A1:A2"', b'ref="A1:XFD1048576"').replace(
            b"</sheetData>", b'<row r="1048576"><c r="A1048576"><v>9</v></c></row></sheetData>'
        ),
    )
    assert columns(path) == {"code": ["1", 9]}


@pytest.mark.parametrize(
    "row",
    [
        b'<row r="99999999999"><c r="A3"><v>1</v></c></row>',
        b'<row r="1"><c r="A1"><v>1</v></c></row>',
        b'<row r="5"><c r="XFD5"><v>1</v></c></row>',
        b'<row r="5"><c r="A5" t="s"><v>77</v></c></row>',
        b'<row r="5"><c r="A5"><v>' + b"9" * 5000 + b"</v></c></row>",
        b'<row r="5"><c r="A5"><v>one</v></c></row>',
        b"<row r=",
    ],
)
def test_a_sheet_with_impossible_cells_is_refused(tmp_path: Path, row: bytes) -> None:
    path = book(tmp_path / "a.xlsx", [["code"], ["1"]])
    rewritten(path, SHEET, lambda xml: xml.replace(b"</sheetData>", row + b"</sheetData>"))
    assert refusal(read, path).code == "file_unreadable"


def test_a_cell_without_end_is_refused(tmp_path: Path) -> None:
    path = book(tmp_path / "a.xlsx", [["code"], ["1"]])
    cell = b'<row r="5"><c r="A5" t="inlineStr"><is><t>' + b"x" * (excel_cells.LONGEST + 1) + b"</t></is></c></row>"
    rewritten(path, SHEET, lambda xml: xml.replace(b"</sheetData>", cell + b"</sheetData>"))
    assert "longer" in refusal(read, path).faults[0].en


def test_a_workbook_with_bytes_changed_is_read_or_refused(tmp_path: Path) -> None:
    path = book(tmp_path / "a.xlsx", [["code", "name"], *([str(i), f"名称{i}"] for i in range(20))])
    whole = path.read_bytes()
    for seed in range(200):
        content = bytearray(whole)
        content[seed * 7919 % len(content)] ^= 1 << seed % 8
        path.write_bytes(content[: len(content) - (seed % 5) * 100])
        found = outcome(read, path)
        assert isinstance(found, Table) or found == "file_unreadable"


def test_a_workbook_in_a_zip_is_read(tmp_path: Path) -> None:
    book(tmp_path / "普查.xlsx", [["code"], ["01"]])
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as packed:
        packed.write(tmp_path / "普查.xlsx", "普查.xlsx")
    assert columns(tmp_path / "a.zip") == {"code": ["01"]}


def test_digits_are_counted_as_excel_keeps_them() -> None:
    with pytest.raises(ValueError):
        read_code(f"{float(4403050010010010):.16E}")
