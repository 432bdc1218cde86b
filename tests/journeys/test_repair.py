"""Divisions of the ground that are no coverage: refused with every place, repaired on request, then imported."""

import json
from pathlib import Path

import numpy as np
import pytest
import shapely

from gis.formats import read
from tests.journeys.commands import Office

pytestmark = pytest.mark.real
ZONES = "cn_shenzhen_zones/st_evcdp/SZ_districts/SZ_districts.shp"


@pytest.fixture
def desk(tmp_path: Path) -> Office:
    return Office(f"sqlite:///{tmp_path / 'wangge.db'}", tmp_path)


def counties(folder: Path, target: Path) -> Path:
    """The counties of Guangdong in one file, as delivered: in GCJ-02, said to be WGS 84."""
    features = {}
    for path in sorted((folder / "cn_guangdong_admin/geoatlas_2025").glob("44??00_full.json")):
        if path.name != "440000_full.json":
            for each in json.loads(path.read_text(encoding="utf-8"))["features"]:
                each["properties"] = {"code": str(each["properties"]["adcode"]), "name": each["properties"]["name"]}
                features[each["properties"]["code"]] = each
    target.write_text(json.dumps({"type": "FeatureCollection", "features": list(features.values())}), encoding="utf-8")
    return target


def repaired(desk: Office, file: Path, close: float, *options: str) -> dict:
    """Refused as it is, every fault with its place; repaired into a file; that one imported."""
    import_as = ("--profile", "free", *options)
    assert desk.run("import", "units", file, "--commit", *import_as).code == 3
    result, report = desk.folder / "repaired.gpkg", desk.folder / "repair.json"
    desk.do("repair", file, result, "--close", close, "--report", report, *import_as)
    told = json.loads(report.read_text(encoding="utf-8"))
    assert all(each["where"] for each in told["found"]["findings"])
    assert all(each["metres"] >= 0 and each["place"]["coordinates"] for each in told["shifts"])
    assert told["importable"]
    shapes = read(result).geometry
    assert shapely.is_valid(shapes).all()
    assert shapely.coverage_is_valid(shapes)
    gaps = desk.folder / "repaired-gaps.gpkg"
    named = ("--gaps", gaps) if gaps.exists() else ()
    mapped = [each for each in options if not each.startswith(("GCJ", "--crs"))]
    desk.publish("units", result, "--profile", "free", *mapped, *named)
    holes = [ring for each in shapely.get_parts(shapely.coverage_union_all(shapes)) for ring in each.interiors]
    assert len(holes) <= told["gaps_to_name"]
    return told


def test_the_zones_of_shenzhen_are_repaired_and_imported(desk: Office, shared_data: Path) -> None:
    told = repaired(desk, shared_data / ZONES, 50.0, "--map", "code=TAZID")
    assert told["rows"] == 491
    counts = told["found"]["counts"]
    assert (counts["overlap"], counts["multipart"]) == (518, 1)
    assert 645 <= counts["gap"] <= 671


def test_the_counties_of_guangdong_are_repaired_and_imported(desk: Office, shared_data: Path, tmp_path: Path) -> None:
    file = counties(shared_data, tmp_path / "counties.geojson")
    told = repaired(desk, file, 20.0, "--crs", "GCJ-02")
    assert told["rows"] == 125
    assert np.isfinite(told["farthest_m"])
