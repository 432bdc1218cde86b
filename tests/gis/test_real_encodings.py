"""Chinese shapefiles as offices have them: without a .cpg, with the language byte alone, with one that is right."""

import re
from pathlib import Path

import numpy as np
import pytest
import shapely

from gis.crs import parse, to_store
from gis.formats import read, write
from tests.gis.samples import refusal

CHINESE = re.compile("[\u3400-\u9fff]")
FILES = {
    "cn_shenzhen_zones/pygeo/shanghai_shp/区县界_area.shp": (17, "EPSG:4326", "宝山区"),
    "cn_shenzhen_zones/pygeo/chongqing_shp/区县界_area.shp": (38, "EPSG:4326", "奉节县"),
    "cn_shenzhen_zones/pygeo/sz.shp": (10, None, "罗湖"),
    "cn_shenzhen_zones/pygeo/metroline2/metroline2.shp": (2, None, "上海"),
    "cn_cgcs2000_gk/data/GD.shp": (26, "EPSG:3857", "(规划)地铁10号线(海上世界--松岗)"),
    "cn_cgcs2000_gk/data/ST.shp": (536, "EPSG:3857", "海上世界"),
    "cn_cgcs2000_gk/data/2035年地铁线路_WGS84_2023-12-28_19-14-32.shp": (521, "EPSG:4326", "已开通"),
    "cn_cgcs2000_gk/data/2035年地铁线路_WGS84_2023-12-28_19-14-32_CGCS2000投影_2023-12-28_21-05-15.shp": (
        521,
        "EPSG:4547",
        "已开通",
    ),
}
UNMARKED = [name for name in FILES if "_shp/" in name]


@pytest.mark.real
@pytest.mark.parametrize("name", FILES)
def test_chinese_shapefiles_are_read_without_a_doubtful_character(shared_data: Path, name: str) -> None:
    count, crs, text = FILES[name]
    found = read(shared_data / name)
    assert (len(found), found.crs, found.faults) == (count, crs, ())
    values = {value for column in found.columns.values() for value in column.tolist() if isinstance(value, str)}
    assert text in values
    chinese = [value for value in (*values, *found.columns) if CHINESE.search(value)]
    assert chinese
    for value in chinese:
        value.encode("gb2312")  # text read in a wrong encoding is full of rare characters


@pytest.mark.real
@pytest.mark.parametrize("name", UNMARKED)
def test_a_forced_encoding_is_taken_or_refused_with_the_row(shared_data: Path, name: str) -> None:
    found, forced = read(shared_data / name), read(shared_data / name, encoding="GBK")
    assert {k: v.tolist() for k, v in found.columns.items()} == {k: v.tolist() for k, v in forced.columns.items()}
    assert refusal(read, shared_data / name, encoding="utf-8").code == "encoding_wrong"


@pytest.mark.real
@pytest.mark.parametrize("name", UNMARKED)
@pytest.mark.parametrize(("encoding", "cpg"), [("gbk", b"GBK"), ("utf-8", b"UTF-8")])
def test_districts_go_out_in_either_encoding_and_come_back(
    shared_data: Path, tmp_path: Path, name: str, encoding: str, cpg: bytes
) -> None:
    found = read(shared_data / name)
    write(tmp_path / "区县.shp", found, encoding=encoding)
    assert (tmp_path / "区县.cpg").read_bytes().strip() == cpg
    raw = (tmp_path / "区县.dbf").read_bytes()
    assert found.columns["NAME"][0].encode(encoding) in raw
    assert read(tmp_path / "区县.shp").columns["NAME"].tolist() == found.columns["NAME"].tolist()


@pytest.mark.real
def test_the_metro_in_gauss_krueger_lies_where_it_lies_in_degrees(shared_data: Path) -> None:
    lines = [name for name in FILES if "2035" in name]
    degrees, metres = (read(shared_data / name) for name in lines)
    assert degrees.geometry is not None
    assert metres.geometry is not None
    back = to_store(shapely.get_coordinates(metres.geometry), parse("EPSG:4547"))
    assert np.abs(back - shapely.get_coordinates(degrees.geometry)).max() < 1e-9
