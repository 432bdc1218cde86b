"""Real divisions of the ground that are no coverage: every fault is told with its place, a repair makes them one."""

import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import shapely

from gis.china import gcj02_to_wgs84
from grids.checks import Gaps, Subject, Targets, Units, repair, run, with_repair
from grids.profiles import FREE

pytestmark = pytest.mark.real


def zones(folder: Path) -> Subject:
    """491 traffic zones of Shenzhen."""
    import geopandas

    table = geopandas.read_file(folder / "cn_shenzhen_zones/st_evcdp/SZ_districts/SZ_districts.shp").to_crs(4490)
    return subject(table["TAZID"].to_numpy(dtype=str), np.asarray(table.geometry.values))


def counties(folder: Path) -> Subject:
    """125 counties of Guangdong, and cities that stand as their own county."""
    features = {}
    for path in sorted((folder / "cn_guangdong_admin/geoatlas_2025").glob("44??00_full.json")):
        if path.name != "440000_full.json":
            for feature in json.loads(path.read_text(encoding="utf-8"))["features"]:
                features[str(feature["properties"]["adcode"])] = shapely.geometry.shape(feature["geometry"])
    shapes = np.array(list(features.values()), dtype=object)
    return subject(np.array(list(features)), shapely.transform(shapes, gcj02_to_wgs84))


def subject(codes: np.ndarray, polygons: np.ndarray) -> Subject:
    polygons = shapely.transform(polygons, lambda xy: np.round(xy, 11))
    units = Units.of(range(1, len(codes) + 1), codes, polygons)
    return Subject(units, profile=FREE, targets=Targets.of_profile(FREE))


@pytest.mark.parametrize(
    ("read", "faults", "close_m"),
    [
        (zones, {"overlap": (518, 518), "gap": (645, 671), "multipart": (1, 1)}, 50.0),
        (counties, {"overlap": (100, 120), "gap": (3400, 3700), "invalid_geometry": (7, 7)}, 20.0),
    ],
    ids=["zones", "counties"],
)
def test_every_fault_has_its_place_and_a_repair_makes_a_valid_coverage(shared_data, read, faults, close_m):
    world = read(shared_data)
    report = run(world)
    counts = report.counts()
    assert {id: low <= counts[id] <= high for id, (low, high) in faults.items()} == dict.fromkeys(faults, True)
    assert all(finding.things for finding in report.findings)
    assert all(not shapely.geometry.shape(finding.where).is_empty for finding in report.findings)

    proposal = repair(world, close_m=close_m)
    assert proposal.unrepaired == ()
    assert {finding.check for finding in proposal.left} <= {"gap", "duplicate_node"}
    assert all(finding.sizes["width_m"] > close_m for finding in proposal.gaps)
    after = with_repair(world, proposal)
    assert shapely.is_valid(after.units.polygons).all()
    assert shapely.coverage_is_valid(after.units.polygons)
    named = [shapely.geometry.shape(finding.where) for finding in proposal.gaps]
    gaps = Gaps.of(range(1000, 1000 + len(named)), [f"gap {k}" for k in range(len(named))], named)
    assert run(Subject(after.units, gaps, profile=FREE)).blocks == ()

    assert {shift.unit.uid for shift in proposal.shifts} == proposal.polygons.keys()
    assert all(shift.metres >= 0 and len(shift.place) == 2 for shift in proposal.shifts)
    moved = sum(shift.gained_m2 + shift.lost_m2 for shift in proposal.shifts)
    assert moved < 0.01 * sum(shapely.area(world.units.polygons)) * 111_000**2


def test_of_the_zones_all_that_geos_finds_unfit_are_told(shared_data):
    world = zones(shared_data)
    unfit = ~shapely.is_empty(shapely.coverage_invalid_edges(world.units.polygons))
    assert unfit.sum() == 411
    told = {uid for finding in run(world, only=["overlap", "unmatched_edge"]).findings for uid in finding.uids}
    assert {int(uid) for uid in world.units.uids[unfit]} <= told
    assert Counter(finding.check for finding in run(world).blocks).keys() == {"overlap", "gap"}
