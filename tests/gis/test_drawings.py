"""KML, DXF and FileGDB: what they hold comes through, what is broken is refused, and nothing hangs or crashes."""

import random
import shutil
import zipfile
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyogrio
import pytest
import shapely

from gis.formats import read, write
from gis.tables import Table
from tests.gis.samples import outcome, refusal, table


def values(path: Path, **options: Any) -> dict[str, list[Any]]:
    return {name: column.tolist() for name, column in read(path, **options).columns.items()}


# KML

KML = """<?xml version="1.0" encoding="{encoding}"?>
<kml xmlns="http://www.opengis.net/kml/2.2" xmlns:gx="http://www.google.com/kml/ext/2.2"><Document><name>all</name>
<Folder><name>井盖</name>
<Placemark><name>甲</name><description><![CDATA[<b>x</b>]]></description>
<ExtendedData><SchemaData schemaUrl="#s"><SimpleData name="编码">0440</SimpleData></SchemaData>
<Data name="owner"><displayName>o</displayName><value> 供水 </value></Data></ExtendedData>
<Point><coordinates> 114.05, 22.5, 10 </coordinates></Point></Placemark></Folder>
<Folder><name>地块</name>
<Placemark><name>乙</name><Polygon><outerBoundaryIs><LinearRing><coordinates>0,0 4,0 4,4 0,4 0,0</coordinates>
</LinearRing></outerBoundaryIs><innerBoundaryIs><LinearRing><coordinates>1,1 2,1 2,2 1,2 1,1</coordinates></LinearRing>
</innerBoundaryIs></Polygon></Placemark>
<Placemark><MultiGeometry><LineString><coordinates>0,0 1,1</coordinates></LineString><LineString><coordinates>2,2 3,3
</coordinates></LineString></MultiGeometry></Placemark>
<Placemark><gx:Track><gx:coord>1 2 3</gx:coord></gx:Track></Placemark></Folder></Document></kml>"""


@pytest.mark.parametrize("encoding", ["UTF-8", "GB2312", "gbk"])
def test_placemarks_come_with_their_data_and_folders(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "a.kml"
    path.write_bytes(KML.format(encoding=encoding).encode(encoding))
    found = read(path)
    assert found.crs == "CRS84"
    assert {name: column.tolist() for name, column in found.columns.items()} == {
        "编码": ["0440", None, None, None],
        "owner": [" 供水 ", None, None, None],
        "name": ["甲", "乙", None, None],
        "description": ["<b>x</b>", None, None, None],
        "folder": ["井盖", "地块", "地块", "地块"],
    }
    assert found.geometry is not None
    assert [None if g is None else g.wkt for g in found.geometry] == [
        "POINT (114.05 22.5)",
        "POLYGON ((0 0, 4 0, 4 4, 0 4, 0 0), (1 1, 2 1, 2 2, 1 2, 1 1))",
        "MULTILINESTRING ((0 0, 1 1), (2 2, 3 3))",
        None,
    ]
    assert [(fault.code, fault.row) for fault in found.faults] == [("geometry_unreadable", 4)]
    assert values(path, layer="井盖")["name"] == ["甲"]
    assert refusal(read, path, layer="树").code == "layer_missing"


def test_a_kmz_is_read_by_its_first_document(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.kmz", "w") as packed:
        packed.writestr("doc.kml", KML.format(encoding="UTF-8"))
        packed.writestr("files/other.kml", "<kml/>")
        packed.writestr("files/a.png", b"")
    assert values(tmp_path / "a.kmz", layer="井盖")["编码"] == ["0440"]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"no xml",
        b"<html></html>",
        KML.format(encoding="UTF-8").encode()[:900],
        b'<?xml version="1.0"?><!DOCTYPE k [<!ENTITY a "ha"><!ENTITY b "&a;&a;">]><kml>&b;</kml>',
        b'<!DOCTYPE k SYSTEM "file:///etc/passwd"><kml/>',
        b"<!--" + b"x" * 70_000 + b"--><!DOCTYPE k []><kml/>",
        "<kml/>".encode("utf-16"),
        b'<?xml version="1.0" encoding="GBK"?><kml><Placemark><name>\xff\xff</name></Placemark></kml>',
        b"<kml><Placemark><Point><coordinates>a,b</coordinates></Point></Placemark></kml>",
        b"<kml><Placemark><Polygon><outerBoundaryIs><LinearRing><coordinates>1,1</coordinates></LinearRing>"
        b"</outerBoundaryIs></Polygon></Placemark></kml>",
    ],
)
def test_kml_that_is_broken_or_made_to_choke_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.kml").write_bytes(content)
    assert refusal(read, tmp_path / "a.kml").code == "file_unreadable"


def test_folders_within_folders_without_end_do_no_harm(tmp_path: Path) -> None:
    (tmp_path / "a.kml").write_bytes(b"<kml>" + b"<Folder>" * 200_000 + b"</Folder>" * 200_000 + b"</kml>")
    assert len(read(tmp_path / "a.kml")) == 0


def test_kml_is_always_lon_lat(tmp_path: Path) -> None:
    points = table({"code": ["1"]}, [shapely.Point(114.05, 22.5)])
    assert refusal(write, tmp_path / "a.kml", points, crs="EPSG:4547").code == "crs_not_in_format"
    write(tmp_path / "a.kml", table({"code": ["1"]}, [shapely.Point(500000, 2500000)], "EPSG:4547"))
    found = read(tmp_path / "a.kml").geometry
    assert found is not None
    assert 113.9 < found[0].x < 114.1


def test_characters_that_xml_cannot_hold_are_left_out_and_told(tmp_path: Path) -> None:
    faults = write(tmp_path / "a.kml", table({"code": ["a\x07\r\nb"]}, [shapely.Point(1, 1)]))
    assert [(fault.code, fault.row) for fault in faults] == [("text_cut", 1)]
    assert values(tmp_path / "a.kml") == {"code": ["a\r\nb"]}


# DXF


def drawing(*pairs: tuple[int, object], version: str = "AC1015", page: str = "ANSI_936") -> str:
    head: list[tuple[int, object]] = [(0, "SECTION"), (2, "HEADER"), (9, "$ACADVER"), (1, version)]
    head += [(9, "$DWGCODEPAGE"), (3, page), (0, "ENDSEC"), (0, "SECTION"), (2, "ENTITIES")]
    return "".join(f"{code}\n{value}\n" for code, value in (*head, *pairs, (0, "ENDSEC"), (0, "EOF")))


def insert(tag: str, value: str, *more: tuple[int, object]) -> tuple[tuple[int, object], ...]:
    begin: tuple[tuple[int, object], ...] = (
        (0, "INSERT"),
        (5, "2A"),
        (8, "上水井盖"),
        (66, 1),
        (2, "井盖"),
        (10, 500100.5),
    )
    return (
        *begin,
        (20, 2500100.25),
        *more,
        (0, "ATTRIB"),
        (8, "0"),
        (10, 1),
        (20, 1),
        (1, value),
        (2, tag),
        (0, "SEQEND"),
    )


POINT: tuple[tuple[int, object], ...] = (
    (0, "POINT"), (8, "路灯"), (10, 500200.5), (20, 2500200.25), (1001, "SOUTH"), (1000, "155210"),
)  # fmt: skip
LINE: tuple[tuple[int, object], ...] = ((0, "LINE"), (8, "0"), (10, 1), (20, 1), (11, 2), (21, 2))


@pytest.mark.parametrize(("version", "encoding"), [("AC1015", "gbk"), ("AC1027", "utf-8")])
def test_points_of_a_drawing_come_with_layer_block_and_attributes(tmp_path: Path, version: str, encoding: str) -> None:
    path = tmp_path / "a.dxf"
    text = drawing(*insert("标识码", "44030501001000001"), *LINE, *POINT, version=version)
    path.write_bytes(text.replace("\n", "\r\n").encode(encoding))
    found = read(path)
    assert {name: column.tolist() for name, column in found.columns.items()} == {
        "layer": ["上水井盖", "路灯"],
        "block": ["井盖", None],
        "handle": ["2A", None],
        "标识码": ["44030501001000001", None],
        "xdata.SOUTH": [None, "155210"],
    }
    assert found.geometry is not None
    assert [point.wkt for point in found.geometry] == ["POINT (500100.5 2500100.25)", "POINT (500200.5 2500200.25)"]
    assert found.crs is None
    assert [(fault.code, fault.severity) for fault in found.faults] == [("entities_left_out", "note")]


def test_a_block_drawn_from_below_lies_where_it_is_seen(tmp_path: Path) -> None:
    path = tmp_path / "a.dxf"
    path.write_bytes(drawing(*insert("A", r"\U+4E2D", (230, -1.0))).encode("gbk"))
    found = read(path)
    assert found.geometry is not None
    assert found.geometry[0].x == -500100.5
    assert found.columns["A"].tolist() == ["中"]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"AC1027\0\0\0",
        b"AutoCAD Binary DXF\r\n\x1a\0",
        b"code,name\n1,2\n",
        drawing(*POINT).encode("gbk")[:-30],
        drawing((0, "POINT"), (10, "here"), (20, 1)).encode(),
        b"0\n" + b"x" * 100_000,
    ],
)
def test_drawings_that_are_broken_or_of_another_kind_are_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.dxf").write_bytes(content)
    assert refusal(read, tmp_path / "a.dxf").code == "file_unreadable"


def test_a_drawing_with_bytes_changed_is_read_or_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.dxf"
    whole = drawing(*(pair for _ in range(5) for pair in (*insert("A", "甲"), *POINT))).encode("gbk")
    for seed in range(300):
        changed = bytearray(whole)
        random.Random(seed).shuffle(places := list(range(len(changed))))
        for place in places[:3]:
            changed[place] = seed % 256
        path.write_bytes(changed)
        found = outcome(read, path)
        assert isinstance(found, Table) or found == "file_unreadable"


# FileGDB


@pytest.fixture
def database(tmp_path: Path) -> Path:
    path = tmp_path / "普查.gdb"
    shapes = [shapely.to_wkb(shapely.Point(114 + i / 1000, 22.5)) for i in range(50)]
    arrow = pa.table({"code": [f"0{i:016d}" for i in range(50)], "名称": ["上水\r\n井盖"] * 50, "geom": shapes})
    options = {"geometry_name": "geom", "geometry_type": "Point", "crs": "EPSG:4490"}
    pyogrio.write_arrow(arrow, path, layer="p0101", driver="OpenFileGDB", **options)
    return path


def test_a_filegdb_is_read_as_a_folder_and_in_a_zip(tmp_path: Path, database: Path) -> None:
    found = read(database)
    assert (len(found), found.crs, found.columns["code"][7]) == (50, "EPSG:4490", "00000000000000007")
    assert found.columns["名称"][0] == "上水\r\n井盖"
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as packed:
        for part in database.iterdir():
            packed.write(part, f"成果/{database.name}/{part.name}")
    assert len(read(tmp_path / "a.zip", layer="p0101")) == 50


def test_a_folder_that_is_no_filegdb_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.gdb").mkdir()
    assert refusal(read, tmp_path / "a.gdb").code == "file_unreadable"
    (tmp_path / "b.gdb").write_bytes(b"SQLite format 3\0")
    assert refusal(read, tmp_path / "b.gdb").code == "file_unreadable"


def test_a_filegdb_with_bytes_changed_is_read_whole_or_refused(tmp_path: Path, database: Path) -> None:
    copy = tmp_path / "copy.gdb"
    for seed in range(60):
        shuffled = random.Random(seed)
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(database, copy)
        part = shuffled.choice(sorted(copy.glob("*.gdbtab*")))
        content = bytearray(part.read_bytes())
        for _ in range(4):
            content[shuffled.randrange(min(len(content), 600))] = shuffled.choice([0, 127, 128, 255])
        part.write_bytes(content)
        found = outcome(read, copy)
        assert found in ("file_unreadable", "layer_ambiguous") if isinstance(found, str) else len(found) in (0, 50)
