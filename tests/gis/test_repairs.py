from collections import Counter
from itertools import combinations

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from gis.flaws import find
from gis.metres import per_degree
from gis.repairs import mend
from tests.broken import broken
from tests.coverages import lattice

PER_LON, PER_LAT = per_degree(22.54)


def kinds(flaws) -> dict[str, int]:
    return dict(Counter(flaw.kind for flaw in flaws))


def moved(polygon, east_m: float, north_m: float = 0.0):
    step = np.array([east_m / PER_LON, north_m / PER_LAT])
    return shapely.transform(polygon, lambda xy: np.round(xy + step, 11))


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 100_000))
def test_a_repair_leaves_no_overlap_and_no_unmatched_edge_but_where_ground_would_be_lost(seed):
    random = np.random.default_rng(seed)
    polygons, codes = lattice(5, 5, seed)
    shaken = broken(polygons, random, 3)
    made = mend(shaken, codes, close_m=2)
    assert kinds(made.left) == kinds(find(made.polygons, codes))
    shapes = shapely.make_valid(shaken)
    spared = {k for flaw in made.left for k in flaw.members if flaw.kind == "overlap" and flaw.area_m2 > 3000}
    missing = {k for k in range(25) if shapely.area(shaken[k]) == 0}
    for flaw in made.left:
        if flaw.kind in ("overlap", "unmatched_edge"):
            assert {*flaw.members} & spared, "two that lie upon each other are left to people"
    lying = [shapely.area(shapely.intersection(shapes[k], shapes[j])) for k, j in combinations(spared, 2)]
    assert not spared or max(lying) > 0
    assert {k for flaw in made.left for k in flaw.members if flaw.kind == "invalid_geometry"} <= missing
    changed = {k for k in range(25) if made.polygons[k] is not shaken[k]}
    assert changed == {shift.polygon for shift in made.shifts}


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 100_000), st.integers(0, 24), st.floats(-2, 2), st.floats(-2, 2))
def test_a_unit_out_of_place_is_fitted_in_again_and_the_moves_are_measured(seed, which, east_m, north_m):
    polygons, codes = lattice(5, 5, seed)
    shaken = polygons.copy()
    shaken[which] = moved(polygons[which], east_m, north_m)
    made = mend(shaken, codes, close_m=3)
    assert kinds(made.left) == {}
    for shift in made.shifts:
        old, new = shaken[shift.polygon], made.polygons[shift.polygon]
        assert shift.metres <= 2 * np.hypot(east_m, north_m) + 0.02
        assert shift.gained_m2 == pytest.approx(shapely.area(shapely.difference(new, old)) * PER_LON * PER_LAT, abs=0.1)
        assert shift.lost_m2 == pytest.approx(shapely.area(shapely.difference(old, new)) * PER_LON * PER_LAT, abs=0.1)
        node = shapely.Point(shift.place)
        far = max(shapely.distance(node, old.boundary), shapely.distance(node, new.boundary))
        assert shift.metres == pytest.approx(far * PER_LAT, rel=0.1, abs=1e-4)
    assert {shift.polygon for shift in made.shifts} <= {
        k
        for k in range(25)
        if shapely.intersects(polygons[k], polygons[which]) or shapely.intersects(polygons[k], shaken[which])
    }


def test_a_sound_coverage_is_left_as_it_is():
    polygons, codes = lattice(5, 5, 1)
    made = mend(polygons, codes)
    assert (made.shifts, made.left) == ((), ())
    assert all(a is b for a, b in zip(made.polygons, polygons, strict=True))


def test_what_lies_within_another_is_not_swallowed_but_named():
    polygons, codes = lattice(4, 4, 1)
    twice = np.append(polygons, polygons[5])
    made = mend(twice, np.append(codes, "x"))
    assert made.shifts == ()
    assert kinds(made.left) == {"overlap": 1}
    assert set(made.left[0].members) == {5, 16}


def test_a_polygon_that_crosses_itself_is_rebuilt_of_its_own_lines():
    polygons, codes = lattice(3, 3, 1)
    spike = shapely.get_coordinates(polygons[4])[:-1]
    spike = np.insert(spike, 1, [spike[0] + 3e-8, spike[0] + [3e-8, -3e-8], spike[0] + [-2e-8, 1e-8]], axis=0)
    polygons[4] = shapely.Polygon(np.round(spike, 11))
    assert not polygons[4].is_valid
    made = mend(polygons, codes)
    assert made.left == ()
    assert shapely.coverage_is_valid(made.polygons)


def test_what_has_no_polygon_cannot_be_repaired():
    polygons, codes = lattice(3, 3, 1)
    polygons[0], polygons[8] = None, shapely.Polygon()
    made = mend(polygons, codes)
    assert made.shifts == ()
    assert [flaw.reason for flaw in made.left] == ["no polygon", "no polygon"]


def test_a_gap_is_closed_up_to_the_width_asked_for_without_a_new_coordinate():
    polygons, codes = lattice(3, 3, 1)
    nodes = {tuple(node) for node in shapely.get_coordinates(polygons).tolist()}
    west, south, east, north = polygons[4].bounds
    strip = shapely.box(west - 1, south - 1, (west + east) / 2, north + 1)
    half = shapely.get_parts(shapely.intersection(polygons[4], strip))[0]
    width = 2 * half.area * PER_LON * PER_LAT / (half.length * PER_LAT)
    cut = polygons.copy()
    cut[4] = shapely.difference(polygons[4], strip)
    assert kinds(mend(cut, codes, close_m=0.3 * width).left)["gap"] == 1
    made = mend(cut, codes, close_m=1.5 * width)
    assert made.left == ()
    extra = {tuple(node) for node in shapely.get_coordinates(cut[4]).tolist()}
    assert {tuple(node) for node in shapely.get_coordinates(made.polygons).tolist()} <= nodes | extra


def test_a_named_gap_stays_open_and_untouched():
    polygons, codes = lattice(3, 3, 1)
    lake = polygons[4:5]
    made = mend(np.delete(polygons, 4), np.delete(codes, 4), lake, close_m=1000)
    assert (made.shifts, made.left) == ((), ())


def test_with_a_focus_only_what_concerns_it_is_mended():
    polygons, codes = lattice(8, 3, 1)
    shaken = polygons.copy()
    for which in (9, 14):
        shaken[which] = moved(polygons[which], 0.8, 0.3)
    made = mend(shaken, codes, close_m=3, focus=np.array([9]))
    assert made.left == ()
    assert {shift.polygon for shift in made.shifts} <= {0, 1, 2, 8, 9, 10, 16, 17, 18}
    assert find(made.polygons, codes, focus=np.array([14]))
