"""Files in pieces: what other programs write is read, what is written they read, whatever the size of the pieces."""

from pathlib import Path

import geopandas
import numpy as np
import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import shapely

from gis.errors import Refusal
from gis.formats import geoarrow, read
from gis.formats.pieces import Piece
from gis.formats.sinks import written
from gis.formats.sources import is_streamed, open_source

EASTINGS = np.array([[500_000.5, 2_492_000.25], [501_000.0, 2_493_000.0], [np.nan, np.nan], [502_000.0, 2_494_000.0]])
DEGREES = np.array([[114.05, 22.54], [114.06, 22.55], [np.nan, np.nan], [114.07, 22.56]])


def frame(xy: np.ndarray, crs: str) -> geopandas.GeoDataFrame:
    shapes = [None if np.isnan(each).any() else shapely.Point(each) for each in xy]
    return geopandas.GeoDataFrame({"id": ["a", "b", "c", "d"]}, geometry=shapes, crs=crs)


def everything(path: Path, rows: int = 3, **options: str) -> tuple[list[Piece], np.ndarray]:
    pieces = list(open_source(path, **options).pieces(rows))
    return pieces, np.concatenate([piece.places for piece in pieces if piece.places is not None])


def copy(source: Path, out: Path, crs: str | None = None) -> None:
    """The file through pieces of two rows, with a column added."""
    opened = open_source(source)
    with written(out, opened, crs) as sink:
        for piece in opened.pieces(2):
            sink.write(piece, {"n": pa.array(piece.rows)})


@pytest.mark.parametrize("encoding", ["WKB", "geoarrow"])
def test_points_that_geopandas_wrote_are_read_as_parquet(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "a.parquet"
    frame(EASTINGS, "EPSG:4547").to_parquet(path, geometry_encoding=encoding)
    _, places = everything(path)
    np.testing.assert_array_equal(places, EASTINGS)
    source = open_source(path)
    assert source.shape is not None
    assert (source.shape.crs, list(source.names), source.count) == ("EPSG:4547", ["id"], 4)
    table = read(path)
    assert table.geometry is not None
    np.testing.assert_array_equal(shapely.get_x(table.geometry), EASTINGS[:, 0])


def test_points_that_geopandas_wrote_are_read_as_arrow(tmp_path: Path) -> None:
    frame(DEGREES, "EPSG:4490").to_feather(tmp_path / "a.feather")
    np.testing.assert_array_equal(everything(tmp_path / "a.feather")[1], DEGREES)
    for encoding, interleaved in (("WKB", True), ("geoarrow", True), ("geoarrow", False)):
        table = pa.table(frame(DEGREES, "EPSG:4490").to_arrow(geometry_encoding=encoding, interleaved=interleaved))
        with pa.ipc.new_stream(tmp_path / "b.arrows", table.schema) as sink:
            sink.write_table(table)
        np.testing.assert_array_equal(everything(tmp_path / "b.arrows")[1], DEGREES)
        shape = open_source(tmp_path / "b.arrows").shape
        assert shape is not None
        assert shape.crs == "EPSG:4490"


@pytest.mark.parametrize("encoding", ["WKB", "geoarrow"])
@pytest.mark.parametrize("to", [".parquet", ".feather"])
def test_a_geometry_goes_through_as_it_was_and_geopandas_reads_it(tmp_path: Path, encoding: str, to: str) -> None:
    frame(EASTINGS, "EPSG:4547").to_parquet(tmp_path / "a.parquet", geometry_encoding=encoding)
    copy(tmp_path / "a.parquet", tmp_path / f"b{to}")
    found = (geopandas.read_parquet if to == ".parquet" else geopandas.read_feather)(tmp_path / f"b{to}")
    assert found.crs.to_epsg() == 4547
    assert found["n"].tolist() == [1, 2, 3, 4]
    np.testing.assert_array_equal(found.geometry.x, EASTINGS[:, 0])


def test_what_a_person_says_of_the_crs_is_written(tmp_path: Path) -> None:
    frame(EASTINGS, "EPSG:4547").to_parquet(tmp_path / "a.parquet")
    copy(tmp_path / "a.parquet", tmp_path / "b.parquet", "EPSG:4526")
    assert geopandas.read_parquet(tmp_path / "b.parquet").crs.to_epsg() == 4526
    with pytest.raises(Refusal) as refused:
        copy(tmp_path / "a.parquet", tmp_path / "c.parquet", "GCJ-02")
    assert refused.value.code == "crs_not_in_format"
    assert not (tmp_path / "c.parquet").exists()
    copy(tmp_path / "a.parquet", tmp_path / "c.csv", "GCJ-02")
    assert (tmp_path / "c.csv").read_text().splitlines()[:2] == ["id,lon,lat,crs,n", "a,500000.5,2492000.25,GCJ-02,1"]


def test_features_become_points_of_every_format(tmp_path: Path) -> None:
    lines = frame(DEGREES, "OGC:CRS84").to_json(to_wgs84=False)
    features = orjson.loads(lines)["features"]
    features[1]["geometry"]["coordinates"].append(17.0)  # a height is no matter
    path = tmp_path / "a.geojsonl"
    path.write_bytes(b"".join(orjson.dumps(each, option=orjson.OPT_APPEND_NEWLINE) for each in features))
    np.testing.assert_array_equal(everything(path)[1], DEGREES)
    copy(path, tmp_path / "b.parquet")
    found = geopandas.read_parquet(tmp_path / "b.parquet")
    np.testing.assert_array_equal(found.geometry.x, DEGREES[:, 0])
    assert found["id"].tolist() == ["a", "b", "c", "d"]
    copy(path, tmp_path / "b.csv")
    assert (tmp_path / "b.csv").read_text().splitlines() == [
        "id,lon,lat,crs,n", "a,114.05,22.54,CRS84,1", "b,114.06,22.55,CRS84,2", "c,,,CRS84,3", "d,114.07,22.56,CRS84,4",
    ]  # fmt: skip
    copy(path, tmp_path / "b.ndjson")
    answered = [orjson.loads(line) for line in (tmp_path / "b.ndjson").read_bytes().splitlines()]
    for at, (before, after) in enumerate(zip(features, answered, strict=True), 1):
        assert after == {**before, "properties": {**before["properties"], "n": at}}


def test_geometry_becomes_features_in_lon_lat(tmp_path: Path) -> None:
    frame(EASTINGS, "EPSG:4547").to_parquet(tmp_path / "a.parquet")
    copy(tmp_path / "a.parquet", tmp_path / "b.ndjson")
    features = [orjson.loads(line) for line in (tmp_path / "b.ndjson").read_bytes().splitlines()]
    expected = frame(EASTINGS, "EPSG:4547").to_crs("EPSG:4490").geometry
    assert features[2] == {"type": "Feature", "properties": {"id": "c", "n": 3}, "geometry": None}
    for at in (0, 1, 3):
        np.testing.assert_allclose(features[at]["geometry"]["coordinates"], expected[at].coords[0], atol=1e-9)


def test_wkb_of_every_make_is_read(tmp_path: Path) -> None:
    points = [shapely.Point(1, 2), None, shapely.Point(3, 4, 5), shapely.MultiPoint([(6, 7)]), shapely.Point()]
    big = shapely.to_wkb(points[0], byte_order=0)
    column = pa.array([big, *(None if each is None else shapely.to_wkb(each) for each in points[1:])], pa.binary())
    rows = np.arange(1, 6)
    places, faults = geoarrow.read_places(column, "wkb", rows)
    np.testing.assert_array_equal(places, [[1, 2], [np.nan] * 2, [3, 4], [6, 7], [np.nan] * 2])
    assert faults == ()
    plain = geoarrow.to_wkb(places)
    assert [None if each is None else shapely.from_wkb(each).coords[0] for each in plain.to_pylist()] == [
        (1, 2), None, (3, 4), (6, 7), None,
    ]  # fmt: skip
    np.testing.assert_array_equal(geoarrow.read_places(plain.slice(2), "wkb", rows[2:])[0], places[2:])


@pytest.mark.parametrize("codec", ["utf-8", "utf-8-sig", "gbk", "utf-16"])
def test_text_is_read_in_its_encoding(tmp_path: Path, codec: str) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes("编号;x;y\n甲;1;2\n\n乙;3;4;\n丙;5\n".encode(codec))
    source = open_source(path)
    assert (list(source.names), source.axes) == (["编号", "x", "y"], ("x", "y"))
    (piece,) = source.pieces()
    assert piece.columns.to_pydict() == {"编号": ["甲", "乙", "丙"], "x": ["1", "3", "5"], "y": ["2", "4", None]}
    assert piece.rows.tolist() == [1, 3, 4]
    assert [(fault.code, fault.row) for fault in piece.faults] == [("cells_uneven", 4)]
    assert read(path, crs="EPSG:4547").columns["编号"].tolist() == ["甲", "乙", "丙"]


def test_text_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(b"lon,lat,name\n1,2,a\n" + "3,4,好\n".encode("gbk") + b"5,6,\xff\xff\n")
    (piece,) = open_source(path).pieces()
    assert [(fault.code, fault.row) for fault in piece.faults] == [("encoding_replaced", 3)]
    with pytest.raises(Refusal) as refused:
        list(open_source(path, "utf-8").pieces())
    assert (refused.value.code, refused.value.faults[0].row) == ("encoding_wrong", 2)
    (tmp_path / "b.csv").write_bytes(b"lon,lat\n\0,1\n")
    with pytest.raises(Refusal) as refused:
        open_source(tmp_path / "b.csv")
    assert refused.value.code == "file_unreadable"


def test_wkt_in_a_csv_is_a_position(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text('id,wkt\na,POINT (1 2)\nb,nonsense\nc,\nd,"LINESTRING (1 2, 3 4)"\n', encoding="utf-8")
    pieces, places = everything(path, 10)
    np.testing.assert_array_equal(places, [[1, 2]] + [[np.nan] * 2] * 3)
    assert [(fault.code, fault.row) for fault in pieces[0].faults] == [
        ("geometry_unreadable", 2), ("wrong_geometry_type", 4),
    ]  # fmt: skip


def test_members_of_several_types_become_one_column(tmp_path: Path) -> None:
    path = tmp_path / "a.ndjson"
    path.write_text('{"a": 1, "b": 1}\n{"a": 2.5, "c": [1]}\n{"a": null, "b": "x", "c": null}\n{"b": true}\n')
    copy(path, tmp_path / "b.parquet")
    assert pq.read_table(tmp_path / "b.parquet").to_pydict() == {
        "a": [1.0, 2.5, None, None], "b": ["1", None, "x", "true"], "c": [None, "[1]", None, None], "n": [1, 2, 3, 4],
    }  # fmt: skip
    copy(path, tmp_path / "b.csv")
    assert (tmp_path / "b.csv").read_text().splitlines()[:2] == ["a,b,c,n", "1.0,1,,1"]


def test_a_file_that_breaks_off_is_refused_and_leaves_nothing(tmp_path: Path) -> None:
    frame(DEGREES, "EPSG:4490").to_parquet(tmp_path / "a.parquet")
    whole = (tmp_path / "a.parquet").read_bytes()
    (tmp_path / "b.parquet").write_bytes(whole[:-20])
    (tmp_path / "c.arrow").write_bytes(b"ARROW1\0\0 and no more")
    (tmp_path / "d.ndjson").write_text('{"a": 1}\n{"a": \n')
    for name in ("b.parquet", "c.arrow", "d.ndjson"):
        with pytest.raises(Refusal) as refused:
            copy(tmp_path / name, tmp_path / "out.ndjson")
        assert refused.value.code == "file_unreadable", name
        assert not (tmp_path / "out.ndjson").exists()


def test_files_that_are_databases_or_documents_are_read_as_a_whole(tmp_path: Path) -> None:
    for name in ("a.csv", "a.parquet", "a.ndjson", "a.txt", "a.gpkg", "a.geojson"):
        (tmp_path / name).touch()
    streamed = [(name, is_streamed(tmp_path / name, Path("out.csv"))) for name in ("a.csv", "a.txt", "a.ndjson")]
    assert streamed == [("a.csv", True), ("a.txt", True), ("a.ndjson", True)]
    assert not is_streamed(tmp_path / "a.gpkg", Path("out.csv"))
    assert not is_streamed(tmp_path / "a.csv", Path("out.geojson"))
    assert not is_streamed(tmp_path / "missing.csv", Path("out.csv"))
