"""GCJ-02 and BD-09 that nobody declared, and systems that are not what a file says, told by the evidence."""

from pathlib import Path

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from gis import crs as reference
from gis import formats, likely, recognition
from gis.crs import Points
from gis.recognition import SAID, distances, fault_of, hypotheses, judge, shares_inside
from gis.systems import make_local
from tests.gis.test_systems import SECRET

CITIES = [(114.05, 22.55), (116.4, 39.9), (87.6, 43.8), (121.47, 31.23), (104.06, 30.57)]


def city(count: int, seed: int = 5, where: tuple[float, float] = CITIES[0]) -> Points:
    return np.random.default_rng(seed).uniform(-0.1, 0.1, (count, 2)) + where


def delivered_in(name: str, lonlat: Points) -> Points:
    return reference.from_store(lonlat, reference.parse(name)) if name != SAID else lonlat


@settings(deadline=None)  # the first call loads compiled code
@given(st.sampled_from(CITIES), st.sampled_from(recognition.HYPOTHESES), st.integers(0, 999), st.floats(0, 30))
def test_each_system_is_told_from_the_others_anywhere_in_china(
    where: tuple[float, float], name: str, seed: int, noise_m: float
) -> None:
    truth = city(40, seed, where)
    records = truth + np.random.default_rng(seed).normal(0, noise_m / 111_000, truth.shape)
    verdict = judge(distances(hypotheses(delivered_in(name, truth)), records), "code", {})
    assert verdict.system == (None if name == SAID else name)
    assert verdict.is_sure


def test_some_that_were_really_moved_do_not_change_the_verdict() -> None:
    truth = city(100)
    records = truth.copy()
    records[:15] += np.random.default_rng(1).normal(0, 0.02, (15, 2))
    for name in ("GCJ-02", SAID):
        verdict = judge(distances(hypotheses(delivered_in(name, truth)), records), "code", {})
        assert (verdict.system, verdict.is_sure) == (None if name == SAID else name, True)


def test_a_shift_that_is_another_one_is_no_verdict() -> None:
    truth = city(100)
    verdict = judge(distances(hypotheses(truth + np.array([0.004, 0.003])), truth), "code", {})
    assert verdict.system is None


def test_neighbours_that_a_shift_finds_by_chance_decide_nothing() -> None:
    """A park without records beside streets full of trees, of which a shift finds some at a dozen metres."""
    random = np.random.default_rng(3)
    truth = city(300) * 0.01 + np.array(CITIES[0]) * 0.99
    beside = hypotheses(truth)["BD-09"] + random.normal(0, 12 / 111_000, truth.shape)
    told = distances(hypotheses(truth), beside)
    assert judge(told, "code", {}).system == "BD-09"
    assert judge(told, "class", {}).system is None
    surveyed = hypotheses(truth)["BD-09"] + random.normal(0, 1 / 111_000, truth.shape)
    assert judge(distances(hypotheses(truth), surveyed), "class", {}).is_sure


def test_few_witnesses_decide_nothing() -> None:
    truth = city(4)
    verdict = judge(distances(hypotheses(delivered_in("GCJ-02", truth)), truth), "code", {})
    assert (verdict.system, verdict.is_sure) == (None, False)
    assert judge({}, "code", {}).system is None


def test_the_boundary_confirms_contradicts_or_hints() -> None:
    truth = city(400)
    ground = [shapely.MultiPoint(truth).convex_hull.buffer(1e-5)]
    places = hypotheses(delivered_in("GCJ-02", truth))
    inside = shares_inside(places, ground)
    assert inside["GCJ-02"] > 0.99 > 0.98 > inside[SAID]
    told = distances(places, truth)
    assert judge(told, "code", inside).is_sure
    elsewhere = shares_inside(places, [shapely.MultiPoint(places[SAID]).convex_hull])
    contradicted = judge(told, "code", elsewhere)
    assert (contradicted.system, contradicted.is_sure) == ("GCJ-02", False)
    hint = judge({}, "", inside, len(truth))
    assert (hint.system, hint.is_sure) == ("GCJ-02", False)
    assert judge({}, "", inside, 10).system is None
    assert judge({}, "", shares_inside(hypotheses(truth), ground), len(truth)).system is None


def test_the_fault_tells_the_figures_in_both_languages() -> None:
    truth = city(60)
    places = hypotheses(delivered_in("BD-09", truth))
    fault = fault_of(
        judge(distances(places, truth), "code", shares_inside(places, [shapely.box(113, 22, 115, 23)])), "CRS84"
    )
    assert fault is not None
    assert (fault.code, fault.severity, fault.members) == ("crs_shifted", "error", {"likely": "BD-09"})
    assert "60 of 60" in fault.en
    assert "--crs BD-09" in fault.zh
    assert fault_of(judge(distances(hypotheses(truth), truth), "code", {}), "CRS84") is None


@pytest.mark.real
@pytest.mark.parametrize("vintage", ["2021", "2025"])
def test_the_districts_of_shenzhen_are_recognised_as_gcj02_and_fit_when_converted(
    shared_data: Path, vintage: str
) -> None:
    theirs = formats.read(shared_data / f"cn_guangdong_admin/geoatlas_{vintage}/440300_full.json")
    ours = formats.read(shared_data / "cn_shenzhen_zones/pygeo/sz.shp", crs="EPSG:4326")
    assert theirs.crs == "CRS84", "it says WGS 84"
    known = dict(zip(ours.columns["qh"], shapely.make_valid(ours.geometry), strict=True))
    # 大鹏 is a part of 龙岗 in the official division, and a district of its own in the other file.
    known["龙岗"] = shapely.union_all([known["龙岗"], known.pop("大鹏")])
    names = [name.removesuffix("区") for name in theirs.columns["name"]]
    assert sorted(names) == sorted(known)
    shapes = np.array([known[name] for name in names], dtype=object)
    centres = (shapely.get_coordinates(shapely.centroid(each)) for each in (theirs.geometry, shapes))
    delivered, records = centres
    places = hypotheses(delivered)
    verdict = judge(distances(places, records), "code", shares_inside(places, shapes.tolist()))
    assert (verdict.system, verdict.is_sure) == ("GCJ-02", True)
    assert verdict.votes["GCJ-02"] == 9
    assert verdict.metres["GCJ-02"] < 25 < 500 < verdict.metres[SAID]
    frame = reference.parse("GCJ-02")
    converted = shapely.make_valid(shapely.transform(theirs.geometry, lambda xy: reference.to_store(xy, frame)))
    raw, after = (_iou(each, shapes) for each in (shapely.make_valid(theirs.geometry), converted))
    assert raw.max() < 0.93
    assert after.min() > 0.99
    assert float(np.mean(after)) > 0.996


def _iou(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    return shapely.area(shapely.intersection(one, other)) / shapely.area(shapely.union(one, other))


SHENZHEN = (113.7, 22.4, 114.7, 22.9)
WASHINGTON = (-77.13, 38.78, -76.9, 39.0)


@pytest.mark.parametrize(
    ("name", "bounds"),
    [
        ("EPSG:4547", SHENZHEN),
        ("EPSG:4526", SHENZHEN),
        ("EPSG:3857", SHENZHEN),
        ("EPSG:2248", WASHINGTON),  # Maryland in feet
        ("CRS84", WASHINGTON),
    ],
)
def test_the_system_that_numbers_are_in_is_found_by_where_they_should_lie(name: str, bounds: likely.Bounds) -> None:
    west, south, east, north = bounds
    lonlat = np.random.default_rng(2).uniform((west + 0.05, south + 0.05), (east - 0.05, north - 0.05), (50, 2))
    xy = reference.from_store(lonlat, reference.parse(name))
    first, *_ = likely.find_likely(xy, bounds)
    assert (first.name, first.is_swapped, first.share) == (name, False, 1.0)
    swapped, *_ = likely.find_likely(xy[:, ::-1], bounds)
    assert (swapped.name, swapped.is_swapped) == (name, True)


def test_records_tell_systems_apart_that_the_boundary_cannot() -> None:
    lonlat = np.random.default_rng(2).uniform((113.9, 22.5), (114.3, 22.8), (50, 2))
    xy = reference.from_store(lonlat, reference.parse("EPSG:32650"))
    assert likely.find_likely(xy, SHENZHEN)[0].name != "EPSG:32650"  # a Gauss-Krüger zone is as good
    assert likely.find_likely(xy, SHENZHEN, lonlat)[0].name == "EPSG:32650"


def test_a_local_system_is_tried_too_and_told_by_its_name_alone() -> None:
    lonlat = np.random.default_rng(2).uniform((113.9, 22.5), (114.3, 22.8), (50, 2))
    local = make_local("sz-local", "EPSG:4526", SECRET)
    xy = reference.from_store(lonlat, local)
    found = likely.find_likely(xy, SHENZHEN, local=[local])
    assert found[0].name == "sz-local"
    fault = likely.fault_of(found, "EPSG:4490", xy)
    assert fault is not None
    assert "4526" not in fault.en + fault.zh


def test_numbers_that_fit_nothing_give_no_candidate() -> None:
    assert likely.find_likely(np.full((5, 2), 7e11), SHENZHEN) == []
    assert likely.find_likely(np.full((5, 2), np.nan), SHENZHEN) == []
    assert likely.fault_of([], "CRS84", np.zeros((1, 2))) is None
