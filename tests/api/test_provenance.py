"""Imports of what is in another coordinate system than it is said to be in."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from api.transfer.comparisons import Comparison, run_comparison
from api.transfer.imports import Options, Report, run_import
from gis import crs as reference
from gis.crs import Points
from gis.formats import read, write
from gis.store.engine import Store, reading
from gis.store.revisions import head
from tests.api.small_world import SIDE, SOUTH, UNITS, WEST, bring, square

COUNT = 60
TRUTH = np.column_stack(
    [
        np.random.default_rng(4).uniform(WEST + 0.0005, WEST + 4 * SIDE - 0.0005, COUNT),
        np.random.default_rng(5).uniform(SOUTH + 0.0005, SOUTH + SIDE - 0.0005, COUNT),
    ]
)


def rows(xy: Points, first: int = 0, note: str = "") -> str:
    lines = [
        f"440305010370{first + number:05d},2026,01037,{x!r},{y!r},{note}" for number, (x, y) in enumerate(xy.tolist())
    ]
    return "code,edition,class_code,lon,lat,note\n" + "\n".join(lines) + "\n"


def in_system(name: str, lonlat: Points = TRUTH) -> Points:
    return reference.from_store(lonlat, reference.parse(name))


def check(store: Store, folder: Path, text: str, **options: Any) -> Report:
    path = folder / "delivery.csv"
    path.write_text(text, encoding="utf-8")
    return run_import(store, "components", path, Options(**{"crs": "CRS84", **options}))


def found(report: Report) -> list[tuple[str, str]]:
    told = [fault for fault in report.delivery.faults if fault.code.startswith("crs_")]
    return [(fault.code, str((fault.members or {}).get("likely"))) for fault in told]


@pytest.fixture
def lamps(store: Store, tmp_path: Path) -> Store:
    """The small world with sixty lamps."""
    bring(store, tmp_path, "components", "lamps.csv", rows(TRUTH), crs="CRS84")
    return store


@pytest.mark.parametrize("name", ["GCJ-02", "BD-09"])
def test_a_delivery_that_nobody_declared_is_refused_by_its_records(lamps: Store, tmp_path: Path, name: str) -> None:
    report = check(lamps, tmp_path, rows(in_system(name)), commit=True)
    assert found(report) == [("crs_shifted", name)]
    assert report.revision is None
    assert not report.delivery.is_acceptable
    asked = check(lamps, tmp_path, rows(in_system(name)), crs=name)
    assert found(asked) == []
    assert asked.delivery.is_acceptable


def test_what_lies_where_it_lay_is_taken(lamps: Store, tmp_path: Path) -> None:
    assert found(check(lamps, tmp_path, rows(TRUTH, note="x"))) == []
    moved = TRUTH.copy()
    moved[:20] += 0.001
    assert found(check(lamps, tmp_path, rows(moved))) == []


def test_who_trusts_the_crs_gets_a_warning(lamps: Store, tmp_path: Path) -> None:
    report = check(lamps, tmp_path, rows(in_system("GCJ-02")), trust_crs=True)
    assert found(report) == [("crs_shifted", "GCJ-02")]
    assert report.delivery.is_acceptable


def test_new_codes_are_told_by_the_nearest_of_their_class(lamps: Store, tmp_path: Path) -> None:
    again = TRUTH + np.random.default_rng(8).normal(0, 1e-6, TRUTH.shape)  # surveyed anew, coded anew
    report = check(lamps, tmp_path, rows(in_system("GCJ-02", again), first=500))
    assert found(report) == [("crs_shifted", "GCJ-02")]
    assert not any("inf" in fault.en for fault in report.delivery.faults)
    assert found(check(lamps, tmp_path, rows(again, first=500))) == []


def test_without_records_the_boundary_gives_a_hint(store: Store, tmp_path: Path) -> None:
    report = check(store, tmp_path, rows(in_system("GCJ-02")), owner="440305")
    assert found(report) == [("crs_doubtful", "GCJ-02")]
    assert report.delivery.is_acceptable
    assert found(check(store, tmp_path, rows(TRUTH), owner="440305")) == []


@pytest.mark.parametrize("name", ["EPSG:4547", "EPSG:4526", "EPSG:2326"])
def test_plane_coordinates_that_are_called_degrees_are_refused_with_the_likely_system(
    store: Store, tmp_path: Path, name: str
) -> None:
    report = check(store, tmp_path, rows(in_system(name)), crs="EPSG:4490")
    assert ("crs_contradicted", name) in found(report)
    assert not report.delivery.is_acceptable


def test_degrees_that_are_called_metres_and_a_wrong_zone_are_refused_too(store: Store, tmp_path: Path) -> None:
    assert found(check(store, tmp_path, rows(TRUTH), crs="EPSG:4547")) == [("crs_contradicted", "CRS84")]
    assert found(check(store, tmp_path, rows(in_system("EPSG:4547")), crs="EPSG:4548")) == [
        ("crs_contradicted", "EPSG:4547")
    ]


def test_units_and_divisions_are_held_against_their_records(store: Store, tmp_path: Path) -> None:
    squares = [
        {"type": "Feature", "properties": {"code": code}, "geometry": square(index)} for index, code in enumerate(UNITS)
    ]
    path = tmp_path / "units.geojson"
    path.write_text(json.dumps({"type": "FeatureCollection", "features": squares}), encoding="utf-8")
    write(tmp_path / "shifted.csv", read(path), crs="GCJ-02")
    shifted = read(tmp_path / "shifted.csv", crs="CRS84")
    write(path, shifted)
    assert ("crs_shifted", "GCJ-02") in found(run_import(store, "units", path, Options()))


def test_a_delivery_against_a_base_is_held_against_the_records_too(lamps: Store, tmp_path: Path) -> None:
    path = tmp_path / "delivery.csv"
    path.write_text(rows(in_system("GCJ-02")), encoding="utf-8")
    with reading(lamps.world) as connection:
        base = head(connection)
    compared = run_comparison(lamps, "components", path, Options(crs="CRS84"), Comparison(base=base, allowed=1000))
    assert "crs_shifted" in [fault.code for fault in compared.faults]
    assert not compared.is_acceptable
    path.write_text(rows(TRUTH, note="x"), encoding="utf-8")
    compared = run_comparison(lamps, "components", path, Options(crs="CRS84"), Comparison(base=base))
    assert compared.is_acceptable
