"""The broken and odd files that others have met: each is read right, or refused with a sentence."""

from pathlib import Path

import pytest

from gis.errors import Refusal
from gis.formats import READABLE, read
from gis.geometry import prepare
from gis.tables import Table
from tests.conftest import ROOT
from tests.gis.samples import outcome, refusal

FOLDER = ROOT.parent / "shared" / "data" / "known_bad"
FILES = [str(path.relative_to(FOLDER)) for path in sorted(FOLDER.rglob("*")) if path.is_file()]
VECTOR = [name for name in FILES if Path(name).suffix.lower() in READABLE]
REFUSED = {
    "fiona/LICENSE.txt": "no heading",
    "mapshaper/dbf/cpg/utf16.dbf": "utf-16",
    "mapshaper/issues/193/gauss_kruger.shp": "gauss_kruger.shx is missing",
    "mapshaper/issues/68/cell1.shp": "cell1.shx is missing",
    "mapshaper/issues/68/clipper.shp": "clipper.shx is missing",
    "mapshaper/shapefile/ignore-properties.shp": "ignore-properties.shx is missing",
    "mapshaper/shapefile/polygons.shp": "polygons.shx is missing",
    "mapshaper/shapefile/two_states_merc_copy.shp": "two_states_merc_copy.shx is missing",
}
MISREAD = {"encoding_doubtful", "encoding_replaced"}
# What is told of those that are read, beside what is no fault: no CRS, several parts, rings that touch, heights.
TOLD = {
    "fiona/curves_line.csv": {"geometry_unreadable"},
    "fiona/test_tin.csv": {"geometry_unreadable"},
    "fiona/test_tin.dbf": {"geometry_unreadable"},
    "fiona/test_tin.shp": {"geometry_unreadable"},
    "mapshaper/dbf/big5.dbf": {"encoding_doubtful"},
    "mapshaper/dbf/eucjp.dbf": {"encoding_doubtful"},
    "mapshaper/dbf/latin1.dbf": {"encoding_doubtful"},
    "mapshaper/dbf/shiftjis.dbf": {"encoding_doubtful"},
    "mapshaper/dbf/ne_10m_time_zones.dbf": MISREAD,
    "mapshaper/dbf/periphereies.dbf": MISREAD,
    "mapshaper/dbf/ldid/chinese.dbf": {"coordinates_out_of_range"},
    "mapshaper/dbf/ldid/chinese.shp": {"coordinates_out_of_range"},
    "mapshaper/issues/193/three_points.dbf": {"crs_no_transformation"},
    "mapshaper/issues/193/three_points.shp": {"crs_no_transformation"},
    "mapshaper/issues/invalid_coords/invalid_coordinates.dbf": {"coordinates_out_of_range"},
    "mapshaper/issues/invalid_coords/invalid_coordinates.shp": {"coordinates_out_of_range"},
    "mapshaper/shapefile/geo_lines.dbf": {"antimeridian_crossed", "coordinates_out_of_range"} | MISREAD,
    "mapshaper/shapefile/geo_lines.shp": {"antimeridian_crossed", "coordinates_out_of_range"} | MISREAD,
    "mapshaper/shapefile/latin1-property.dbf": {"encoding_doubtful"},
    "mapshaper/shapefile/latin1-property.shp": {"encoding_doubtful"},
}
NO_FAULT = {"crs_missing", "multipart", "ring_touches_itself", "z_dropped"}


@pytest.mark.real
@pytest.mark.parametrize("name", VECTOR)
def test_a_broken_file_is_read_right_or_refused_with_a_sentence(shared_data: Path, name: str) -> None:
    path = shared_data / "known_bad" / name
    if name in REFUSED:
        found = refusal(read, path)
        assert found.kind == "unreadable"
        assert REFUSED[name] in found.faults[0].en
        return
    table = read(path)
    faults = [*table.faults, *(prepare(table, None, "any")[1] if table.geometry is not None else ())]
    assert {fault.code for fault in faults} - NO_FAULT == TOLD.get(name, set())
    assert all(fault.en and fault.zh for fault in faults)
    assert len(table) > 0


@pytest.mark.real
def test_parts_of_files_are_no_files(shared_data: Path) -> None:
    others = [name for name in FILES if name not in VECTOR]
    assert others
    for name in others:
        assert refusal(read, shared_data / "known_bad" / name).code == "format_unknown"


@pytest.mark.real
@pytest.mark.parametrize("suffix", [".xlsx", ".kml", ".kmz", ".dxf", ".gpkg", ".zip", ".geojson", ".csv", ".parquet"])
def test_a_broken_file_under_the_name_of_another_format_is_refused(
    shared_data: Path, tmp_path: Path, suffix: str
) -> None:
    for name in VECTOR:
        content = (shared_data / "known_bad" / name).read_bytes()
        path = tmp_path / f"lies{suffix}"
        path.write_bytes(content)
        found = outcome(read, path)
        if isinstance(found, Table):
            assert Path(name).suffix in (suffix, ".txt", ".zip", ".geojson") or suffix == ".csv", name
        else:
            assert found in ("file_unreadable", "encoding_wrong"), name


def test_a_refusal_is_told_in_both_languages(tmp_path: Path) -> None:
    (tmp_path / "a.shp").write_bytes(b"")
    with pytest.raises(Refusal) as caught:
        read(tmp_path / "a.shp")
    assert caught.value.faults[0].zh


@pytest.mark.real
@pytest.mark.parametrize(
    ("name", "encoding", "text"),
    [
        ("eucjp", "EUC-JP", "ひたちなか市"),
        ("shiftjis", "Shift_JIS", "ひたちなか市"),
        ("big5", "BIG5", "繁體國語"),
        ("latin1", "CP1252", "Peçeña México"),
        ("periphereies", "CP1253", "Π. ΑΝΑΤΟΛΙΚΗΣ ΜΑΚΕΔΟΝΙΑΣ - ΘΡΑΚΗΣ"),
    ],
)
def test_what_nobody_said_the_encoding_of_is_refused_until_it_is_named_and_then_read_right(
    shared_data: Path, name: str, encoding: str, text: str
) -> None:
    path = shared_data / "known_bad" / "mapshaper" / "dbf" / f"{name}.dbf"
    guessed, named = read(path), read(path, encoding=encoding)
    assert ("error", "encoding_doubtful") in {(fault.severity, fault.code) for fault in guessed.faults}
    assert named.faults == ()
    assert text in {value for column in named.columns.values() for value in column.tolist()}
