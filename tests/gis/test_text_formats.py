import json
from pathlib import Path

import pytest
import shapely

from gis.formats import read, write
from gis.geometry import prepare
from tests.gis.samples import refusal, table

# GeoJSON


def geojson(path: Path, *features, **members) -> Path:
    path.write_text(json.dumps({"type": "FeatureCollection", "features": features, **members}), encoding="utf-8")
    return path


def feature(properties, geometry=None, **members):
    return {"type": "Feature", "properties": properties, "geometry": geometry, **members}


def test_values_of_geojson_keep_their_types(tmp_path):
    properties = {
        "code": "0044",
        "day": "2024-01-02",
        "time": "2015-04-22T00:00:00+07:00",
        "n": 2**60,
        "f": 1.0,
        "l": [1],
    }
    found = read(geojson(tmp_path / "a.geojson", feature(properties), feature(None, id=7)))
    values = {name: values[0] for name, values in found.columns.items()}
    assert values == {**properties, "l": "[1]", "id": None}
    assert [type(value) for value in (values["n"], values["f"])] == [int, float]
    assert found.geometry.tolist() == [None, None]


def test_geojson_is_crs84_unless_it_says_otherwise(tmp_path):
    assert read(geojson(tmp_path / "a.geojson", feature({}))).crs == "CRS84"
    old = {"type": "name", "properties": {"name": "urn:ogc:def:crs:EPSG::4547"}}
    assert read(geojson(tmp_path / "a.geojson", feature({}), crs=old)).crs == "EPSG:4547"


def test_a_broken_geometry_of_geojson_is_a_fault_of_its_row(tmp_path):
    broken = {"type": "Polygon", "coordinates": [[1]]}
    endless = {"type": "Point", "coordinates": [float("nan"), 1]}
    found = read(geojson(tmp_path / "a.geojson", feature({}, broken), feature({}, endless)))
    assert [(fault.code, fault.row) for fault in found.faults] == [("geometry_unreadable", 1)]
    assert {fault.code for fault in prepare(found, None, "any")[1]} == {"missing_geometry", "coordinate_not_finite"}


@pytest.mark.parametrize(
    "content", ["", "{", "[]", '{"type":"FeatureCollection"}', '{"type":"FeatureCollection","features":[1]}']
)
def test_what_is_no_geojson_is_refused(tmp_path, content):
    path = tmp_path / "a.geojson"
    path.write_text(content)
    assert refusal(read, path).code == "file_unreadable"


def test_geojson_goes_out_as_the_standard_says(tmp_path):
    write(tmp_path / "a.geojson", table({"n": [1]}, [shapely.box(114, 22, 115, 23, ccw=False)], "EPSG:4490"))
    document = json.loads((tmp_path / "a.geojson").read_text(encoding="utf-8"))
    assert "crs" not in document
    assert shapely.is_ccw(shapely.geometry.shape(document["features"][0]["geometry"]).exterior)


# CSV


@pytest.mark.parametrize("heads", ["lon,lat", "LNG,Lat", "Longitude,Latitude", "X,Y"])
def test_columns_that_say_so_are_the_position(tmp_path, heads):
    path = tmp_path / "a.csv"
    path.write_text(f"code,{heads}\n0044,114.5,22.5\n,,\n3,,\n4,abc,1\n", encoding="utf-8")
    found = read(path, crs="GCJ-02")
    assert list(found.columns) == ["code"]
    assert found.geometry.tolist() == [shapely.Point(114.5, 22.5), None, None]
    assert found.rows.tolist() == [1, 3, 4]
    assert [(fault.code, fault.row) for fault in found.faults] == [("geometry_unreadable", 4)]
    assert found.crs == "GCJ-02"


def test_columns_may_be_named_and_then_stay(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("TWD97X,TWD97Y\n250000,2700000\n", encoding="utf-8")
    found = read(path, crs="EPSG:3826", x_column="TWD97X", y_column="TWD97Y")
    assert found.columns["TWD97X"].tolist() == ["250000"]
    assert found.geometry[0] == shapely.Point(250000, 2700000)
    assert refusal(read, path, x_column="TWD97X", y_column="nope").code == "column_missing"


def test_a_column_crs_counts_when_it_says_one_thing(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("lon,lat,crs\n1,2,GCJ-02\n1,2,GCJ-02\n", encoding="utf-8")
    assert read(path).crs == "GCJ-02"
    path.write_text("lon,lat,crs\n1,2,GCJ-02\n1,2,BD-09\n", encoding="utf-8")
    mixed = read(path)
    assert mixed.crs is None
    assert mixed.columns["crs"].tolist() == ["GCJ-02", "BD-09"]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gbk", "gb18030", "utf-16"])
@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_spreadsheet_text_is_read_as_it_comes(tmp_path, encoding, separator):
    path = tmp_path / "a.csv"
    path.write_bytes(f'编码{separator}名称\r\n0044{separator}"南山{separator}街道\n二"\r\n'.encode(encoding))
    found = read(path)
    assert {name: values.tolist() for name, values in found.columns.items()} == {
        "编码": ["0044"],
        "名称": [f"南山{separator}街道\n二"],
    }


def test_text_that_cannot_be_read_is_reported_with_its_row(tmp_path):
    path = tmp_path / "a.csv"
    path.write_bytes("code,name\n1,南山\n2,粤".encode("gbk") + b"\xff\xff\n")
    found = read(path)
    assert [(fault.code, fault.row) for fault in found.faults] == [("encoding_replaced", 2)]
    assert found.columns["name"][0] == "南山"
    wrong = refusal(read, path, encoding="UTF-8")
    assert (wrong.code, wrong.faults[0].row) == ("encoding_wrong", 1)


def test_a_row_of_another_width_is_named(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("a,b\n1,2,,\n1,2,3\n1\n", encoding="utf-8")
    assert [(fault.code, fault.row) for fault in read(path).faults] == [("cells_uneven", 2), ("cells_uneven", 3)]


def test_excel_gets_its_mark_when_asked_for(tmp_path):
    write(tmp_path / "a.csv", table({"名称": ["南山"]}), encoding="utf-8-sig")
    assert (tmp_path / "a.csv").read_bytes().startswith(b"\xef\xbb\xbf")
    assert read(tmp_path / "a.csv").columns["名称"].tolist() == ["南山"]
