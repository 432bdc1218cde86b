import os
import sqlite3
import zipfile

import numpy as np
import pyarrow as pa
import pyogrio
import pytest
import shapely
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gis.formats import read, write
from gis.geometry import prepare
from gis.intake import read_code
from tests.gis.samples import refusal, table

ALL = ["gpkg", "fgb", "shp", "geojson", "geojsonl", "csv", "tsv", "parquet", "xlsx", "kml"]


UNITS = table(
    {"code": ["044030500100101", "440305001001002"], "名称": ["南山 一", "粤海"], "count": [1, 2], "share": [0.5, 1.5]},
    [shapely.box(114, 22, 114.001, 22.001), shapely.box(114.001, 22, 114.002, 22.001)],
)
POINTS = table({"name": ["a", "b"]}, [shapely.Point(114.1, 22.5), shapely.Point(114.2, 22.6)])


def same_rows(found, wanted):
    """Equal whatever the order of rows and the direction of rings; FlatGeobuf sorts its features along a curve."""
    order = {code: index for index, code in enumerate(found.columns["code"])}
    index = [order[code] for code in wanted.columns["code"]]
    assert list(found.columns) == list(wanted.columns)
    for name, values in wanted.columns.items():
        assert found.columns[name][index].tolist() == values.tolist(), name
    for one, other in zip(found.geometry[index], wanted.geometry, strict=True):
        assert one is other is None or one.normalize().equals_exact(other.normalize())


# What goes out comes back


@pytest.mark.parametrize("suffix", ALL)
def test_a_table_comes_back_as_it_went_out(tmp_path, suffix):
    path = tmp_path / f"单元.{suffix}"
    assert write(path, UNITS) == ()
    found = read(path)
    assert found.faults == ()
    assert found.crs == ("CRS84" if "geojson" in suffix or suffix == "kml" else "EPSG:4490")
    assert found.rows.tolist() == [1, 2]
    if suffix in ("csv", "tsv", "kml"):
        same_rows(found, table({k: map(str, v) for k, v in UNITS.columns.items()}, UNITS.geometry))
    else:
        same_rows(found, UNITS)


text = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=20).filter(str.strip)
lonlats = st.tuples(st.floats(-179, 179), st.floats(-89, 89)).map(lambda xy: np.round(xy, 9) + 0.0)
numbers = st.integers(-(2**62), 2**62)
records = st.tuples(text | st.none(), numbers | st.none(), st.floats(allow_nan=False, allow_infinity=False), lonlats)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.lists(records, min_size=1, max_size=6))
@pytest.mark.parametrize("suffix", ["gpkg", "geojson", "csv", "fgb"])
def test_whatever_goes_out_comes_back(tmp_path, suffix, rows):
    texts, integers, floats, points = zip(*rows, strict=True)
    columns = {"code": [f"0{i}" for i in range(len(rows))], "text": texts, "int": integers, "real": floats}
    wanted = table(columns, [shapely.Point(point) for point in points])
    path = tmp_path / f"any.{suffix}"
    write(path, wanted)
    if suffix == "csv":
        as_text = {k: [None if v is None else str(v) for v in values] for k, values in columns.items()}
        wanted = table(as_text, wanted.geometry)
    same_rows(read(path), wanted)


@pytest.mark.parametrize("suffix", ["gpkg", "fgb", "geojson", "csv", "parquet", "xlsx", "kml"])
def test_features_without_geometry_stay(tmp_path, suffix):
    path = tmp_path / f"some.{suffix}"
    write(path, table({"code": ["1", "2"]}, [shapely.Point(1, 2), None]))
    found = read(path)
    assert found.geometry.tolist() == [shapely.Point(1, 2), None]


@pytest.mark.parametrize("suffix", ["gpkg", "csv", "parquet", "xlsx"])
def test_a_table_without_geometry_has_none_and_no_crs(tmp_path, suffix):
    path = tmp_path / f"plain.{suffix}"
    write(path, table({"code": ["01", "02"]}))
    found = read(path)
    assert (found.geometry, found.crs, found.columns["code"].tolist()) == (None, None, ["01", "02"])


def test_single_and_multiple_polygons_go_out_together_as_multiple(tmp_path):
    parts = shapely.MultiPolygon([shapely.box(0, 0, 1, 1), shapely.box(2, 2, 3, 3)])
    for suffix in ("gpkg", "fgb", "shp"):
        write(tmp_path / f"a.{suffix}", table({"code": ["1", "2"]}, [shapely.box(5, 5, 6, 6), parts]))
        geometries, _ = prepare(read(tmp_path / f"a.{suffix}"), None, "polygon")
        assert sorted(geometry.geom_type for geometry in geometries) == ["MultiPolygon", "Polygon"]


def test_a_failed_write_leaves_what_was_there(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("code\n1\n", encoding="utf-8")
    assert refusal(write, path, table({"code": ["\U0001f333é"]}), encoding="big5").code == "text_not_in_encoding"
    assert path.read_text(encoding="utf-8") == "code\n1\n"
    assert os.listdir(tmp_path) == ["a.csv"]


def test_gcj02_goes_into_a_csv_that_says_so_and_nowhere_else(tmp_path):
    write(tmp_path / "a.csv", POINTS, crs="GCJ-02")
    found = read(tmp_path / "a.csv")
    assert found.crs == "GCJ-02"
    back, _ = prepare(found, None, "point")
    assert shapely.distance(back, POINTS.geometry).max() < 2e-9
    assert refusal(write, tmp_path / "a.gpkg", POINTS, crs="GCJ-02").code == "crs_not_in_format"


def test_a_table_can_be_written_in_another_system(tmp_path):
    write(tmp_path / "a.gpkg", POINTS, crs="EPSG:4547")
    found = read(tmp_path / "a.gpkg")
    assert found.crs == "EPSG:4547"
    assert 500_000 < found.geometry[0].x < 600_000


def test_a_table_in_no_system_is_not_written(tmp_path):
    assert refusal(write, tmp_path / "a.gpkg", table({"a": [1]}, [shapely.Point(1, 1)], None)).code == "crs_missing"


# Codes


def test_numeric_codes_of_17_digits_come_out_of_a_geopackage_whole(tmp_path):
    path = tmp_path / "a.gpkg"
    write(path, table({"code": [44030501001000001, None]}, [shapely.Point(1, 1), None]))
    assert read(path).columns["code"].tolist() == [44030501001000001, None]


# GeoPackage


def test_the_only_spatial_layer_is_meant_and_several_are_refused(tmp_path):
    path = tmp_path / "a.gpkg"
    arrow = pa.table({"code": ["1"], "geom": [shapely.to_wkb(shapely.Point(1, 1))]})
    options = {"geometry_name": "geom", "geometry_type": "Point", "crs": "EPSG:4490"}
    pyogrio.write_arrow(arrow, path, layer="units", driver="GPKG", **options)
    pyogrio.write_arrow(pa.table({"style": ["x"]}), path, layer="layer_styles", driver="GPKG", append=True)
    assert list(read(path).columns) == ["code"]
    assert list(read(path, layer="layer_styles").columns) == ["style"]
    pyogrio.write_arrow(arrow, path, layer="gaps", driver="GPKG", append=True, **options)
    ambiguous = refusal(read, path)
    assert ambiguous.code == "layer_ambiguous"
    assert ambiguous.kind == "unreadable"
    assert "units" in str(ambiguous)
    assert "gaps" in str(ambiguous)
    missing = refusal(read, path, layer="areas")
    assert missing.code == "layer_missing"
    assert "units" in str(missing)


def test_dates_become_iso_text_and_keep_their_zone(tmp_path):
    path = tmp_path / "a.gpkg"
    write(path, table({"day": ["x"], "time": ["x"]}, [shapely.Point(1, 1)]))
    with sqlite3.connect(path) as database:
        database.executescript(
            "create table t (fid integer primary key, day date, time datetime);"
            "insert into t values (1, '2024-01-02', '2024-01-02T03:04:05Z');"
            "insert into gpkg_contents (table_name, data_type, identifier) values ('t', 'attributes', 't');"
        )
    database.close()
    found = read(path, layer="t")
    assert found.columns["day"].tolist() == ["2024-01-02"]
    assert found.columns["time"][0].startswith("2024-01-02T03:04:05")
    assert found.columns["time"][0].endswith(("Z", "+00:00"))


# Shapefile


@pytest.mark.parametrize("encoding", ["UTF-8", "GBK"])
def test_a_shapefile_is_written_in_the_encoding_it_names(tmp_path, encoding):
    write(tmp_path / "a.shp", UNITS, encoding=encoding)
    assert (tmp_path / "a.cpg").read_text() == encoding
    assert "南山".encode(encoding) in (tmp_path / "a.dbf").read_bytes()
    (tmp_path / "a.cpg").unlink()
    same_rows(read(tmp_path / "a.shp"), UNITS)


def test_a_cpg_that_lies_about_utf8_is_not_believed(tmp_path):
    write(tmp_path / "a.shp", UNITS)
    (tmp_path / "a.cpg").write_text("GBK")
    same_rows(read(tmp_path / "a.shp"), UNITS)


def test_a_forced_encoding_that_is_wrong_is_refused_with_the_row(tmp_path):
    write(tmp_path / "a.shp", table({"name": ["a", "南山"]}, POINTS.geometry), encoding="GBK")
    wrong = refusal(read, tmp_path / "a.shp", encoding="UTF-8")
    assert (wrong.code, wrong.faults[0].row) == ("encoding_wrong", 2)
    assert read(tmp_path / "a.shp", encoding="GBK").columns["name"].tolist() == ["a", "南山"]


def test_long_names_of_columns_are_cut_once_each_and_reported(tmp_path):
    columns = {"responsible_department": ["a"], "responsible_body": ["b"], "责任部门名称": ["c"]}
    faults = write(tmp_path / "a.shp", table(columns, [shapely.Point(1, 1)]))
    assert [fault.code for fault in faults] == ["column_renamed"] * 3
    assert list(read(tmp_path / "a.shp").columns) == ["responsibl", "responsi_2", "责任部"]


def test_text_longer_than_a_dbf_holds_is_reported(tmp_path):
    (fault,) = write(tmp_path / "a.shp", table({"note": ["长" * 90]}, [shapely.Point(1, 1)]))
    assert (fault.code, fault.row) == ("text_cut", 1)
    assert [fault.code for fault in read(tmp_path / "a.shp").faults] in ([], ["encoding_replaced"])


@pytest.mark.parametrize("part", [".shp", ".shx", ".dbf"])
def test_a_shapefile_with_a_part_cut_short_is_refused(tmp_path, part):
    write(tmp_path / "a.shp", UNITS)
    cut = tmp_path / f"a{part}"
    cut.write_bytes(cut.read_bytes()[:-30])
    assert refusal(read, tmp_path / "a.shp").code == "file_unreadable"


def test_a_shapefile_without_its_index_is_refused_by_name(tmp_path):
    write(tmp_path / "a.shp", UNITS)
    (tmp_path / "a.shx").unlink()
    assert "a.shx" in str(refusal(read, tmp_path / "a.shp"))


def test_a_mixture_of_types_is_no_shapefile(tmp_path):
    mixed = table({"code": ["1", "2"]}, [shapely.Point(1, 1), shapely.box(0, 0, 1, 1)])
    assert refusal(write, tmp_path / "a.shp", mixed).code == "mixed_geometry"
    assert os.listdir(tmp_path) == []


def test_a_zip_is_read_whatever_the_names_in_it(tmp_path):
    write(tmp_path / "单元.shp", UNITS)
    parts = [path for path in tmp_path.iterdir() if path.stem == "单元"]
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as packed:
        for part in parts:
            packed.write(part, f"成果/{part.name}")
    same_rows(read(tmp_path / "a.zip"), UNITS)
    with zipfile.ZipFile(tmp_path / "a.zip", "a") as packed:
        packed.writestr("说明.csv", "code\n1\n")
    assert refusal(read, tmp_path / "a.zip").code == "layer_ambiguous"
    assert read(tmp_path / "a.zip", layer="说明").columns["code"].tolist() == ["1"]


def test_a_zip_with_nothing_to_read_is_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as packed:
        packed.writestr("../../readme.doc", "x")
    assert refusal(read, tmp_path / "a.zip").code == "file_unreadable"
    assert not (tmp_path.parent / "readme.doc").exists()


# What is no such file


def test_a_missing_file_and_an_unknown_format_are_refused(tmp_path):
    assert refusal(read, tmp_path / "a.gpkg").code == "file_missing"
    (tmp_path / "a.docx").write_text("x")
    assert refusal(read, tmp_path / "a.docx").code == "format_unknown"
    assert refusal(write, tmp_path / "b.docx", UNITS).code == "format_unknown"


@pytest.mark.parametrize("suffix", ["gpkg", "fgb", "shp", "dbf", "zip", "parquet", "csv"])
@pytest.mark.parametrize("content", [b"", b"<OGRVRTDataSource><OGRVRTLayer name='x'/></OGRVRTDataSource>", b"\0" * 200])
def test_content_that_is_not_what_the_suffix_says_is_refused(tmp_path, suffix, content):
    path = tmp_path / f"a.{suffix}"
    path.write_bytes(content)
    if suffix == "csv" and content.startswith(b"<"):
        assert len(read(path)) == 0  # a heading, as far as one can tell
    else:
        assert refusal(read, path).code == "file_unreadable"


@pytest.mark.parametrize("suffix", ["gpkg", "fgb", "parquet", "geojson", "zip"])
def test_a_file_cut_in_half_is_refused(tmp_path, suffix):
    path = tmp_path / f"a.{suffix}"
    if suffix == "zip":
        with zipfile.ZipFile(path, "w") as packed:
            packed.writestr("a.csv", "code\n1\n")
    else:
        write(path, UNITS)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    assert refusal(read, path).code == "file_unreadable"


# Real deliveries


@pytest.mark.real
@pytest.mark.parametrize(
    ("name", "text"),
    [("gbk", "简体国语"), ("gb2312", "简体国语"), ("utf8", "国语國語"), ("cpg/big5", "國語"), ("cpg/koi8r", "русский")],
)
def test_known_encodings_are_read(shared_data, name, text):
    found = read(shared_data / "known_bad" / "mapshaper" / "dbf" / f"{name}.dbf")
    assert found.columns["NAME"].tolist() == [text]
    assert found.faults == ()


@pytest.mark.real
def test_unmarked_gbk_with_chinese_names_is_read(shared_data):
    folder = shared_data / "cn_shenzhen_zones" / "pygeo"
    shanghai = read(folder / "shanghai_shp" / "区县界_area.shp")
    assert "宝山区" in shanghai.columns["NAME"].tolist()
    assert read_code(shanghai.columns["ADMINCODE"][0]) == "310113"
    assert "奉节县" in read(folder / "chongqing_shp" / "区县界_area.shp").columns["NAME"].tolist()
    assert "罗湖" in read(folder / "sz.shp").columns["qh"].tolist()


@pytest.mark.real
def test_gbk_marked_only_by_the_language_byte_is_read(shared_data):
    stations = read(shared_data / "cn_cgcs2000_gk" / "data" / "ST.shp")
    assert stations.columns["NAME"][0] == "海上世界"
    assert stations.faults == ()


@pytest.mark.real
def test_block_groups_are_sound_and_keep_their_codes(shared_data):
    groups = read(shared_data / "dc_311" / "boundaries" / "census-block-groups-2010.geojson")
    geometries, faults = prepare(groups, None, "polygon")
    assert len(groups) == 450
    assert {len(code) for code in groups.columns["GEOID"]} == {12}
    assert [fault for fault in faults if fault.severity == "error"] == []
    assert all(geometry is not None for geometry in geometries)
