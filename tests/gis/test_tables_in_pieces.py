"""A file read piece by piece is the file read as a whole; pages written one by one are the table written at once."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import shapely

from gis.formats import count_rows, read, read_cells, read_pieces, write
from gis.formats.pages import Pages, spooling
from gis.tables import Table, joined
from tests.gis.samples import refusal, table

COUNT = 11
IN_PIECES = ("gpkg", "fgb", "shp", "csv", "tsv", "parquet")
WORDS = ["路灯", "雨水井盖", None, "垃圾箱"]


def lamps(count: int = COUNT) -> Table:
    points = [None if at == 4 else shapely.Point(114 + at / 100, 22.5) for at in range(count)]
    names = [WORDS[at % len(WORDS)] for at in range(count)]
    numbers = [at / 7 for at in range(count)]
    return table({"code": [f"{at:05d}" for at in range(count)], "name": names, "share": numbers}, points)


def assert_same(one: Table, other: Table) -> None:
    assert list(one.columns) == list(other.columns)
    for name in one.columns:
        assert one.columns[name].tolist() == other.columns[name].tolist(), name
    assert (one.geometry is None) == (other.geometry is None)
    if one.geometry is not None and other.geometry is not None:
        assert shapely.to_wkb(one.geometry).tolist() == shapely.to_wkb(other.geometry).tolist()
    assert one.rows.tolist() == other.rows.tolist()
    assert (one.crs, one.source, one.notes) == (other.crs, other.source, other.notes)
    assert one.faults == other.faults


@pytest.mark.parametrize("ending", [*IN_PIECES, "geojson", "geojsonl", "xlsx", "kml"])
@pytest.mark.parametrize("size", [1, 4, COUNT, 50])
def test_pieces_put_together_are_the_whole(tmp_path: Path, ending: str, size: int) -> None:
    path = tmp_path / f"lamps.{ending}"
    encoding = "gbk" if ending == "shp" else None
    write(path, lamps(), encoding=encoding, notes={"revision": 7})
    pieces = list(read_pieces(path, size=size))
    assert_same(joined(pieces), read(path))
    if ending in IN_PIECES:
        assert [len(each) for each in pieces] == [min(size, COUNT - start) for start in range(0, COUNT, size)]
        assert count_rows(path) == COUNT


def test_a_dbf_whose_last_row_tells_its_encoding_is_read_in_it_from_the_first(tmp_path: Path) -> None:
    path = tmp_path / "old.shp"
    names = ["plain"] * 9 + ["联通", "路灯"]
    codes = [str(at) for at in range(COUNT)]
    write(path, table({"code": codes, "name": names}, [shapely.Point(0, 0)] * COUNT), encoding="gbk")
    path.with_suffix(".cpg").unlink()
    assert [name for each in read_pieces(path, size=2) for name in each.columns["name"].tolist()] == names


def test_a_file_without_rows_is_one_piece(tmp_path: Path) -> None:
    for ending in ("gpkg", "csv", "parquet", "shp"):
        path = tmp_path / f"none.{ending}"
        write(path, lamps().part(np.zeros(COUNT, dtype=bool)))
        (only,) = read_pieces(path, size=5)
        assert len(only) == 0
        assert "code" in only.columns


def test_a_crs_that_differs_from_piece_to_piece_is_an_attribute(tmp_path: Path) -> None:
    path = tmp_path / "mixed.csv"
    path.write_text("lon,lat,crs\n" + "114,22,GCJ-02\n" * 3 + "114,22,EPSG:4490\n", encoding="utf-8")
    for each in read_pieces(path, size=2):
        assert (each.crs, "crs" in each.columns) == (None, True)
    path.write_text("lon,lat,crs\n" + "114,22,GCJ-02\n" * 4, encoding="utf-8")
    assert [(each.crs, list(each.columns)) for each in read_pieces(path, size=2)] == [("GCJ-02", [])] * 2


def test_cells_come_in_pieces_as_they_stand(tmp_path: Path) -> None:
    path = tmp_path / "cells.csv"
    path.write_text("code,lon,lat\na,x,1\nb,2,3\n", encoding="utf-8")
    pieces = read_cells(path, None, None, size=1)
    assert pieces is not None
    assert [each.columns["lon"].tolist() for each in pieces] == [["x"], ["2"]]
    assert read_cells(tmp_path / "a.gpkg", None, None) is None


@contextmanager
def spooled(folder: Path, whole: Table, size: int = 3) -> Iterator[Pages]:
    """The pages of a table, as somebody has them who saw one after the other."""
    with spooling(folder / "target") as spool:
        for start in range(0, len(whole), size):
            spool.add(whole.part((whole.rows > start) & (whole.rows <= start + size)))
        yield spool.pages(whole.notes)
    assert not list(folder.glob(".writing-*"))


@pytest.mark.parametrize("ending", ["gpkg", "fgb", "shp", "csv", "parquet", "geojson", "geojsonl", "xlsx", "kml"])
def test_pages_are_written_as_the_whole_is(tmp_path: Path, ending: str) -> None:
    whole, paged = tmp_path / "whole" / f"x.{ending}", tmp_path / "paged" / f"x.{ending}"
    whole.parent.mkdir()
    paged.parent.mkdir()
    mixed = table({"mixed": [None, 1, 2, True, "x", 1.5, 2**70, None, 3, 4, 5]}).columns
    given = lamps()
    given = Table({**given.columns, **mixed}, given.geometry, given.crs, given.rows)
    crs = None if ending in ("kml", "geojsonl") else "EPSG:4547"
    with spooled(tmp_path, given) as pages:
        assert write(paged, pages, crs=crs) == write(whole, given, crs=crs)
    assert_same(replace(read(paged), source=""), replace(read(whole), source=""))
    if ending in ("csv", "geojson", "geojsonl", "kml"):
        assert whole.read_bytes() == paged.read_bytes()


def test_what_lies_on_a_late_page_decides_the_type_of_the_layer(tmp_path: Path) -> None:
    points = [shapely.Point(1, at) for at in range(5)]
    given = table({"code": list("abcdef")}, [*points, shapely.MultiPoint([(1, 2), (3, 4)])])
    with spooled(tmp_path, given) as pages:
        write(tmp_path / "x.gpkg", pages)
    found = read(tmp_path / "x.gpkg").geometry
    assert found is not None
    assert {each.geom_type for each in found} == {"MultiPoint"}
    given = table({"code": list("abcdef")}, [*points, shapely.LineString([(0, 0), (1, 1)])])
    with spooled(tmp_path, given) as pages:
        assert refusal(write, tmp_path / "x.shp", pages).code == "mixed_geometry"


@pytest.mark.parametrize("ending", ["gpkg", "fgb", "shp", "csv", "parquet", "geojson", "xlsx", "kml"])
def test_writing_that_is_stopped_leaves_the_file_as_it_was(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"x.{ending}"
    write(path, lamps(3))
    before = {each.name: each.read_bytes() for each in tmp_path.iterdir()}

    class Stopped(Exception):
        pass

    def tables() -> Iterator[Table]:
        yield lamps()
        raise Stopped

    whole = Pages.of(lamps())
    pages = Pages(whole.types, whole.kinds, whole.crs, 2 * COUNT, tables, True)
    with pytest.raises(Stopped):
        write(path, pages)
    assert {each.name: each.read_bytes() for each in tmp_path.iterdir()} == before


@pytest.mark.parametrize(("ending", "encoding"), [("csv", "big5"), ("shp", "gbk")])
def test_text_that_an_encoding_lacks_is_told_with_its_row_on_whatever_page(
    tmp_path: Path, ending: str, encoding: str
) -> None:
    given = table({"code": ["a", "b", "c", "d", "\U0001f600", "f"]}, [shapely.Point(0, 0)] * 6)
    with spooled(tmp_path, given.part(given.rows != 5)) as pages:
        write(tmp_path / f"x.{ending}", pages, encoding=encoding)
    found = refusal(write, tmp_path / f"x.{ending}", Pages.of(given), encoding=encoding)
    assert (found.code, found.faults[0].row) == ("text_not_in_encoding", 5)
