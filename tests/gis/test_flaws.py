from collections import Counter

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from gis.flaws import Flaw, find
from gis.metres import widest_degrees
from tests.broken import broken
from tests.coverages import lattice


def some_world(seed: int, most: int = 5):
    """Polygons broken at random, their codes, and perhaps a named gap that nearly fills a hole."""
    random = np.random.default_rng(seed)
    polygons, codes = lattice(*random.integers(2, 7, 2).tolist(), seed)
    named = None
    if random.random() < 0.4:
        hole = int(random.integers(len(polygons)))
        ground = shapely.transform(polygons[hole], lambda xy: xy + random.uniform(-1, 1, 2) * 10.0**-6)
        polygons, codes = np.delete(polygons, hole), np.delete(codes, hole)
        named = np.array([ground], dtype=object) if random.random() < 0.7 else None
    return broken(polygons, random, most), codes, named, random


def what(flaw: Flaw) -> tuple:
    return flaw.kind, flaw.members, flaw.gaps, flaw.reason, round(flaw.area_m2, 3), round(flaw.width_m, 3)


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 100_000), st.sampled_from([0.001, 0.01, 0.5]))
def test_a_local_search_finds_just_what_the_whole_one_finds_of_its_polygons(seed, snap_m):
    polygons, codes, named, random = some_world(seed)
    focus = np.unique(random.integers(0, len(polygons), random.integers(1, 4)))
    gaps = np.arange(0 if named is None else 1)
    whole = find(polygons, codes, named, snap_m)
    mine = [flaw for flaw in whole if {*flaw.members} & {*focus.tolist()} or {*flaw.gaps} & {*gaps.tolist()}]
    local = find(polygons, codes, named, snap_m, focus=focus, named_focus=gaps)
    assert Counter(map(what, local)) == Counter(map(what, mine))
    places = {what(flaw): flaw.place for flaw in mine}
    for flaw in local:
        place = places[what(flaw)]
        assert (flaw.place is None) == (place is None)
        if place is not None:
            assert shapely.hausdorff_distance(flaw.place, place) < 1e-9


@settings(max_examples=80, deadline=None)
@given(st.integers(0, 100_000))
def test_every_polygon_that_geos_rejects_has_a_flaw(seed):
    polygons, codes, _, _ = some_world(seed)
    sound = np.flatnonzero(shapely.is_valid(polygons) & ~shapely.is_empty(polygons))
    bad = ~shapely.is_empty(shapely.coverage_invalid_edges(polygons[sound]))
    flaws = find(polygons, codes)
    told = {k for flaw in flaws if flaw.kind in ("overlap", "unmatched_edge") for k in flaw.members}
    assert set(sound[bad].tolist()) <= told


@settings(max_examples=80, deadline=None)
@given(st.integers(0, 100_000))
def test_every_hole_of_the_union_is_a_gap_and_no_gap_is_covered(seed):
    polygons, codes, _, _ = some_world(seed)
    union = shapely.union_all(polygons[shapely.is_valid(polygons) & ~shapely.is_empty(polygons)])
    holes = [shapely.Polygon(ring) for part in shapely.get_parts(union) for ring in part.interiors]
    gaps = shapely.union_all([flaw.place for flaw in find(polygons, codes) if flaw.kind == "gap"])
    assert shapely.area(shapely.intersection(gaps, union)) < 1e-18
    for hole in holes:
        assert shapely.area(shapely.difference(hole, shapely.union_all([gaps, union]))) < 1e-16


def test_who_is_within_the_snap_width_does_not_hang_on_what_else_is_looked_at():
    polygons, codes = lattice(3, 3, 4)
    far_north = shapely.transform(polygons[0], lambda xy: xy + np.array([0.0, 40.0]))
    assert widest_degrees(np.append(polygons, far_north), 1.0) > widest_degrees(polygons, 1.0)
    apart = shapely.transform(polygons[4], lambda xy: xy + np.array([6e-8, 0.0]))
    world = np.array([*polygons[:4], apart, *polygons[5:], far_north], dtype=object)
    codes = np.append(codes, "999")
    whole = [flaw for flaw in find(world, codes) if 4 in flaw.members]
    local = find(world, codes, focus=np.array([4]))
    assert sorted(map(what, local)) == sorted(map(what, whole))


def test_a_unit_on_the_shore_of_a_great_lake_sees_it_and_one_on_the_open_shore_sees_nothing():
    polygons, codes = lattice(12, 12, 5)
    lake = np.array([3 <= k // 12 <= 8 and 3 <= k % 12 <= 8 for k in range(144)])
    land, names = polygons[~lake], codes[~lake]
    shore = int(np.flatnonzero(~lake).tolist().index(2 * 12 + 5))
    flaws = find(land, names, focus=np.array([shore]))
    assert [flaw.kind for flaw in flaws] == ["gap"]
    assert shapely.area(flaws[0].place) == pytest.approx(shapely.area(shapely.union_all(polygons[lake])))
    bay = ~(lake | (np.arange(144) == 12 * 9 + 5) | (np.arange(144) // 12 > 9) & (np.arange(144) % 12 == 5))
    assert find(polygons[bay], codes[bay], focus=np.array([shore])) == []


def test_progress_is_told_from_little_to_all():
    shares: list[float] = []
    polygons, codes = lattice(4, 4, 6)
    find(broken(polygons, np.random.default_rng(6)), codes, progress=shares.append)
    assert shares == sorted(shares)
    assert shares[-1] == 1.0
