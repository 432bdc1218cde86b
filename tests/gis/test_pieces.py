"""Files read in pieces: together they are what is read as a whole; and workbooks of several sheets."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import shapely

from gis.errors import Refusal
from gis.formats import read, read_pieces, write
from gis.formats.excel_out import Sheet, write_book
from gis.tables import Table
from tests.gis.samples import table

ROWS = 11
NAMES = ["供水井盖", "污水井盖", None, "路灯", "a", "b", "c", "树", "d", "e", "箱"]


def sample(folder: Path, suffix: str, encoding: str | None = None) -> Path:
    points = [shapely.Point(114 + number / 100, 22.5) for number in range(ROWS)]
    made = table({"code": [f"{number:03d}" for number in range(ROWS)], "name": NAMES, "n": list(range(ROWS))}, points)
    write(folder / f"a.{suffix}", made, encoding=encoding)
    return folder / f"a.{suffix}"


def told(tables: list[Table]) -> dict[str, Any]:
    columns = {name: [v for each in tables for v in each.columns[name].tolist()] for name in tables[0].columns}
    shapes = [shape.wkt for each in tables if each.geometry is not None for shape in each.geometry]
    rows = np.concatenate([each.rows for each in tables]).tolist()
    return {"columns": columns, "shapes": shapes, "rows": rows, "crs": {str(each.crs) for each in tables}}


@pytest.mark.parametrize("suffix", ["shp", "gpkg", "fgb", "geojson", "csv", "xlsx", "parquet"])
@pytest.mark.parametrize("most", [1, 4, 11, 100])
def test_pieces_together_are_the_whole(tmp_path: Path, suffix: str, most: int) -> None:
    path = sample(tmp_path, suffix)
    pieces = list(read_pieces(path, size=most))
    if suffix not in ("geojson", "xlsx"):  # which come whole
        assert max(map(len, pieces)) <= most
    assert told(pieces) == told([read(path)])


def test_the_encoding_of_a_dbf_is_found_for_the_whole_and_not_for_each_piece(tmp_path: Path) -> None:
    path = sample(tmp_path, "shp", encoding="gbk")
    path.with_suffix(".cpg").unlink()
    pieces = list(read_pieces(path, size=2))
    assert {each.encoding for each in pieces} == {"gb18030"}
    assert told(pieces)["columns"]["name"] == NAMES


def test_characters_that_cannot_be_read_are_told_with_their_row_in_the_file(tmp_path: Path) -> None:
    path = sample(tmp_path, "shp", encoding="gbk")
    dbf = path.with_suffix(".dbf")
    dbf.write_bytes(dbf.read_bytes().replace("路灯".encode("gbk"), b"\xff\xff\xff\xff"))
    faults = [fault for each in read_pieces(path, encoding=None, size=2) for fault in each.faults]
    assert [(fault.code, fault.row) for fault in faults] == [("encoding_replaced", 4)]


def test_an_empty_file_gives_one_table_without_rows(tmp_path: Path) -> None:
    write(tmp_path / "a.gpkg", table({"code": []}, []))
    (only,) = read_pieces(tmp_path / "a.gpkg")
    assert len(only) == 0


def test_what_is_told_of_the_whole_file_is_told_once(tmp_path: Path) -> None:
    path = sample(tmp_path, "gpkg")
    faults = [fault.code for each in read_pieces(path, crs="EPSG:4547", size=3) for fault in each.faults]
    assert faults == ["crs_overridden"]


@pytest.mark.parametrize("name", ["missing.gpkg", "missing.csv"])
def test_a_file_that_is_missing_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(Refusal) as refused:
        next(read_pieces(tmp_path / name))
    assert refused.value.code == "file_missing"


def test_a_book_has_all_its_sheets_with_codes_as_text(tmp_path: Path) -> None:
    rows = [("00012345678901234", 1.5, None), ("x" * 40_000, True, "a\x07b")]
    write_book(tmp_path / "b.xlsx", [Sheet("一/二", ("code", "n", "t"), rows), Sheet("空", ("code",), iter(()))])
    found = read(tmp_path / "b.xlsx", layer="一_二")
    assert found.columns["code"].tolist() == ["00012345678901234", "x" * 32_767]
    assert found.columns["n"].tolist() == [1.5, True]
    assert found.columns["t"].tolist() == [None, "a\x07b"]
    assert len(read(tmp_path / "b.xlsx", layer="空")) == 0
