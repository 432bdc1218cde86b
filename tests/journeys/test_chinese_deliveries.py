"""Chinese deliveries as they come: metro lines in Gauss-Krüger and GBK, districts in GBK without a .cpg, districts in
GCJ-02 that say nothing of it.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyproj
import pytest
import shapely
from numpy.typing import NDArray

from gis.formats import read, write
from gis.tables import Table
from tests.gis.samples import column
from tests.journeys.commands import Office

pytestmark = pytest.mark.real
METRO = "cn_cgcs2000_gk/data"
LINES = "2035年地铁线路_WGS84_2023-12-28_19-14-32"
SUFFIX = "_CGCS2000投影_2023-12-28_21-05-15"


@pytest.fixture
def desk(store_url: str, tmp_path: Path) -> Office:
    """An empty store of this test alone, on each kind."""
    return Office(store_url, tmp_path)


def exported(desk: Office, layer: str, name: str = "out.gpkg") -> Table:
    """A layer as it went out."""
    desk.do("export", layer, desk.folder / name)
    return read(desk.folder / name)


def by(table: Table, key: str) -> dict[str, dict[str, Any]]:
    """The rows of a table by a column, with the geometry."""
    assert table.geometry is not None
    rows = zip(*(each.tolist() for each in table.columns.values()), strict=True)
    named = [dict(zip(table.columns, row, strict=True)) for row in rows]
    return {str(row[key]): row | {"geom": shape} for row, shape in zip(named, table.geometry, strict=True)}


def classes(desk: Office) -> None:
    (desk.folder / "k.csv").write_text("edition,kind,code,name_zh\nmetro,component,line,地铁线\n", encoding="utf-8")
    desk.publish("catalogue", desk.folder / "k.csv")


def test_the_metro_of_shenzhen_in_gauss_krueger_lies_on_its_twin_in_degrees(desk: Office, shared_data: Path) -> None:
    classes(desk)
    given = ("--set", "edition=metro", "--set", "class_code=line", "--set", "code=L{OBJECTID}")
    heads = read(shared_data / METRO / f"{LINES}{SUFFIX}.shp").columns
    key = next(name for name in heads if len(set(heads[name].tolist())) == 521)
    given = (*given[:-1], f"code=L{{{key}}}")
    desk.publish("components", shared_data / METRO / f"{LINES}{SUFFIX}.shp", *given)
    ours = by(exported(desk, "components"), "code")
    drawn = by(read(shared_data / METRO / f"{LINES}{SUFFIX}.shp"), key)
    theirs = by(read(shared_data / METRO / f"{LINES}.shp"), key)
    plane = pyproj.Transformer.from_crs("EPSG:4490", "EPSG:4547", always_xy=True)
    assert len(ours) == len(theirs) == 521
    for code, there in theirs.items():
        here = ours[f"L{code}"]
        for name in heads:
            assert said(here[name]) == said(there[name]), name
        # Every node of the twin is there, and in between the line is straight in the plane, as it was drawn.
        nodes = shapely.points(shapely.get_coordinates(there["geom"]))
        assert shapely.distance(nodes, shapely.MultiPoint(shapely.get_coordinates(here["geom"]))).max() * 111_320 < 1e-3
        again = shapely.transform(here["geom"], plane.transform, interleaved=False)
        assert again.hausdorff_distance(drawn[code]["geom"]) < 1e-3


def said(value: Any) -> str | None:
    return None if value is None or value != value else str(value).strip() or None


def test_metro_files_marked_by_the_language_byte_alone_come_in_with_their_text(desk: Office, shared_data: Path) -> None:
    """GBK said by the dbf's language byte and nothing else; EPSG:3857."""
    classes(desk)
    path = shared_data / METRO / "ST.shp"
    theirs = read(path)
    heads = list(theirs.columns)
    raw = path.with_suffix(".dbf").read_bytes()
    assert raw[29] in (0x4D, 0x7A)
    names = [value for value in theirs.columns["NAME"].tolist() if value]
    assert all(value.encode("gbk") in raw for value in names)
    key = next(name for name in heads if len(set(theirs.columns[name].tolist())) == len(theirs))
    desk.publish("components", path, "--set", "edition=metro", "--set", "class_code=line", "--set", f"code=S{{{key}}}",
                 "--map", "name=NAME")  # fmt: skip
    ours = by(exported(desk, "components"), "code")
    transform = pyproj.Transformer.from_crs("EPSG:3857", "EPSG:4326", always_xy=True)
    assert len(ours) == len(theirs) == 536
    for code, there in by(theirs, key).items():
        assert ours[f"S{code}"]["name"] == there["NAME"]
        moved = shapely.transform(there["geom"], transform.transform, interleaved=False)
        assert ours[f"S{code}"]["geom"].hausdorff_distance(moved) * 111_320 < 0.01


@pytest.mark.parametrize(
    ("city", "count", "code", "name"), [("shanghai", 17, "310113", "宝山区"), ("chongqing", 38, "500236", "奉节县")]
)
def test_districts_in_gbk_without_a_cpg_come_in_by_their_codes(
    desk: Office, shared_data: Path, city: str, count: int, code: str, name: str
) -> None:
    path = shared_data / f"cn_shenzhen_zones/pygeo/{city}_shp/区县界_area.shp"
    assert not path.with_suffix(".cpg").exists()
    (desk.folder / "above.csv").write_text(
        "code,name\n31,上海\n3101,上海市\n3102,上海县\n50,重庆\n5001,重庆市\n5002,重庆县\n", "utf-8"
    )
    desk.publish("divisions", desk.folder / "above.csv")
    report = desk.folder / "r.json"
    options = ("--map", "code=ADMINCODE", "--map", "name=NAME", "--report", report)
    first = desk.run("import", "divisions", path, *options, "--commit")
    told = json.loads(report.read_text(encoding="utf-8"))
    assert (first.code, told["rows"], told["new"]) == (0, count, count), first.err
    found = by(exported(desk, "divisions"), "code")
    assert found[code]["name"] == name
    raw = path.with_suffix(".dbf").read_bytes()
    assert all(each["name"].encode("gbk") in raw for each in found.values() if len(each["code"]) == 6)
    wrong = desk.run("import", "divisions", path, *options[:4], "--encoding", "utf-8")
    assert (wrong.code, "encoding_wrong" in wrong.err) == (4, True)


def iou(one: shapely.Geometry, other: shapely.Geometry) -> float:
    return float(one.intersection(other).area / one.union(other).area)


def test_the_districts_of_guangdong_are_told_to_be_gcj02_and_fit_when_they_are_converted(
    desk: Office, shared_data: Path
) -> None:
    """Known is the WGS 84 file of Shenzhen; what comes says WGS 84 and is GCJ-02."""
    theirs = shared_data / "cn_guangdong_admin/geoatlas_2025/440300_full.json"
    known = districts(shared_data, theirs)
    (desk.folder / "above.csv").write_text("code,name\n44,广东省\n4403,深圳市\n", encoding="utf-8")
    desk.publish("divisions", desk.folder / "above.csv")
    codes, shapes = list(known), np.array(list(known.values()), dtype=object)
    write(
        desk.folder / "known.gpkg", Table({"code": column(*codes)}, shapes, "EPSG:4326", np.arange(1, len(codes) + 1))
    )
    desk.publish("divisions", desk.folder / "known.gpkg")
    options = ("--map", "code=adcode", "--map", "name=name")
    undeclared = desk.run("import", "divisions", theirs, *options, "--commit")
    assert undeclared.code == 3
    assert "error crs_shifted" in undeclared.err
    assert "--crs GCJ-02" in undeclared.err
    desk.publish("divisions", theirs, *options, "--crs", "GCJ-02")
    found = by(exported(desk, "divisions", "converted.gpkg"), "code")
    raw = by(read(theirs), "adcode")
    for code, truth in known.items():
        before, after = iou(shapely.make_valid(raw[code]["geom"]), truth), iou(found[code]["geom"], truth)
        print(f"{code} {found[code]['name']}: IoU {before:.4f} as it says, {after:.4f} as GCJ-02")
        assert before < 0.93
        assert after > 0.995
    assert np.mean([iou(found[code]["geom"], truth) for code, truth in known.items()]) > 0.996


def districts(shared_data: Path, theirs: Path) -> dict[str, Any]:
    """The districts of the WGS 84 file by the codes of the other; 大鹏 is a part of 龙岗 in the official division."""
    ours = read(shared_data / "cn_shenzhen_zones/pygeo/sz.shp", crs="EPSG:4326")
    assert ours.geometry is not None
    shapes: NDArray[Any] = shapely.make_valid(ours.geometry)
    known = dict(zip(ours.columns["qh"].tolist(), shapes, strict=True))
    known["龙岗"] = shapely.union_all([known["龙岗"], known.pop("大鹏")])
    code_of = {row["name"].removesuffix("区"): code for code, row in by(read(theirs), "adcode").items()}
    assert sorted(code_of) == sorted(known)
    return {code_of[name]: shape for name, shape in known.items()}
