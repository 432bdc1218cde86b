from itertools import pairwise

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from gis.metres import per_degree
from grids.edits.addition import add
from grids.edits.ground import Held
from grids.edits.value import GAPS, UNITS
from grids.profiles import GBT
from tests.gis.samples import refusal
from tests.grids.edits.cities import EAST, WEST, around_all, city, everything
from tests.grids.edits.invariants import assert_sound, attempt

SEEDS = st.integers(0, 40)


def without(ground, *codes, divisions=True):
    """The ground as if some units had never been."""
    units = [unit for unit in everything(ground) if unit.code not in codes]
    followers = around_all(ground)
    if divisions:
        followers = [each for each in followers if each.layer != "divisions"]
    return Held.of(GBT, units, followers)


def nudged(polygon, metres, seed=0):
    """A polygon with each node moved by up to so many metres."""
    xy = shapely.get_coordinates(polygon)[:-1]
    per_lon, per_lat = per_degree(xy[0, 1])
    moved = xy + np.random.default_rng(seed).uniform(-1, 1, xy.shape) * metres / 1.5 / [per_lon, per_lat]
    return shapely.Polygon(moved)


@settings(max_examples=40, deadline=None)
@given(SEEDS, st.integers(0, 100))
def test_what_was_there_can_be_added_again_with_the_neighbours_nodes(seed, number):
    whole = city(seed, plain=True)
    units = everything(whole)
    unit = units[number % len(units)]
    ground = without(whole, unit.code)
    edit = add(ground, unit.polygon, unit.code)
    assert_sound(ground, edit, same_ground=False)
    assert [each.layer for each in edit.begun] == [UNITS]
    assert edit.notes == ()
    assert shapely.equals_exact(edit.begun[0].polygon, unit.polygon, 0, normalize=True)


@settings(max_examples=40, deadline=None)
@given(SEEDS, st.integers(0, 100))
def test_what_is_drawn_roughly_is_put_on_the_neighbours_nodes_and_every_move_noted(seed, number):
    whole = city(seed, plain=True)
    units = everything(whole)
    unit = units[number % len(units)]
    ground = without(whole, unit.code)
    rough = nudged(unit.polygon, 0.1, seed)
    found = refusal(add, ground, rough, unit.code)
    assert found.code in {"edge_unmatched", "units_overlap"}
    assert found.faults[0].where is not None
    edit = attempt({"edit_unmatched", "shape_broken"}, add, ground, rough, unit.code, snap_m=0.2)
    if edit is None:
        return
    assert_sound(ground, edit, same_ground=False)
    assert {note.code for note in edit.notes} >= {"place_snapped"}


def test_a_unit_that_fills_a_named_gap_ends_it():
    ground = city(2)
    lake = next(each for each in around_all(ground) if each.code == "lake")
    edit = add(ground, lake.polygon, f"{WEST}600")
    assert_sound(ground, edit, same_ground=False)
    assert [each.code for each in edit.ended if each.layer == GAPS] == ["lake"]
    assert not [each for each in edit.begun if each.layer == GAPS]


def test_a_unit_in_a_part_of_a_named_gap_leaves_the_rest_of_it():
    ground = city(2)
    lake = next(each for each in around_all(ground) if each.code == "lake")
    nodes = lake.polygon.exterior.coords
    half = shapely.Polygon([*nodes[: len(nodes) // 2 + 1], lake.polygon.centroid.coords[0]])
    assert half.is_valid
    assert refusal(add, ground, half).code == "code_needed"  # both communities are beside it
    edit = add(ground, half, f"{WEST}600")
    new = assert_sound(ground, edit, same_ground=False)
    rest = next(each for each in around_all(new) if each.code == "lake")
    assert rest.uid == lake.uid
    assert rest.polygon.area == pytest.approx(lake.polygon.area - half.area, rel=1e-6)


def test_without_a_code_the_neighbours_community_gives_the_next_number():
    whole = city(1, plain=True)
    ground = without(whole, f"{WEST}005")
    edit = add(ground, whole.unit(f"{WEST}005").polygon)
    assert edit.begun[0].code == f"{WEST}016"
    beside = without(whole, f"{WEST}003")
    assert refusal(add, beside, whole.unit(f"{WEST}003").polygon).code == "code_needed"


def test_the_divisions_above_grow_with_an_added_unit():
    ground = city(1, plain=True)
    unit = ground.unit(f"{WEST}001")
    outer = shapely.coverage_union_all(np.array([each.polygon for each in everything(ground)], dtype=object))
    ring = list(unit.polygon.exterior.coords)
    rim = {frozenset(edge) for edge in pairwise(outer.exterior.coords)}
    p, q = next(edge for edge in pairwise(ring) if frozenset(edge) in rim)
    middle = ((p[0] + q[0]) / 2 + (q[1] - p[1]) / 2, (p[1] + q[1]) / 2 - (q[0] - p[0]) / 2)
    roof = shapely.Polygon([p, middle, q])
    edit = add(ground, roof)
    assert {each.layer for each in edit.begun} == {"units", "divisions"}
    assert_sound(ground, edit, same_ground=False)


def test_a_unit_over_others_is_refused_with_the_place():
    ground = city(1, plain=True)
    west, south, east, north = ground.unit(f"{WEST}001").polygon.bounds
    over = shapely.box(west - 1e-3, south - 1e-4, (west + east) / 2, north + 1e-3)
    found = refusal(add, ground, over, f"{WEST}700")
    assert found.code == "units_overlap"
    assert found.faults[0].where is not None
    inside = shapely.Point(ground.unit(f"{WEST}005").polygon.centroid).buffer(1e-4)
    assert refusal(add, ground, inside, f"{WEST}700").code == "units_overlap"


def test_a_unit_beside_the_lake_and_over_its_shore_is_refused():
    ground = city(2)
    lake = next(each for each in around_all(ground) if each.code == "lake")
    over = shapely.Point(lake.polygon.exterior.coords[0]).buffer(3e-4)
    assert refusal(add, ground, over, f"{WEST}700").code in {"units_overlap", "gap_overlaps_unit"}


def test_a_unit_that_would_enclose_ground_is_refused_with_that_ground():
    whole = city(1, plain=True)
    door, room = f"{WEST}002", f"{WEST}005"
    ground = without(whole, door, room)  # a bay that opens to the north
    found = refusal(add, ground, whole.unit(door).polygon, door)
    assert found.code == "gap"
    left = shapely.geometry.shape(found.faults[0].where)
    assert shapely.equals_exact(left, whole.unit(room).polygon, 0, normalize=True)
    assert_sound(ground, add(ground, whole.unit(room).polygon, room), same_ground=False)


def test_a_ring_with_a_hole_that_nobody_fills_is_refused():
    ground = city(1, plain=True)
    hole = shapely.box(114.2004, 22.6004, 114.2006, 22.6006).exterior
    far = shapely.Polygon(shapely.box(114.2, 22.6, 114.201, 22.601).exterior, [hole])
    assert refusal(add, ground, far, f"{WEST}700").code == "gap"


def test_a_unit_apart_from_all_is_added_and_needs_a_code():
    ground = city(1, plain=True)
    far = shapely.box(114.2, 22.6, 114.201, 22.601)
    assert refusal(add, ground, far).code == "code_needed"
    assert_sound(ground, add(ground, far, f"{EAST}700"), same_ground=False)
    assert refusal(add, ground, far, "440305001009001").code == "division_unknown"
    assert refusal(add, ground, far, f"{WEST}001").code == "code_taken"
    assert refusal(add, ground, far, "1").code == "code_form"


def test_a_broken_shape_is_refused_where_it_is_broken():
    ground = city(1, plain=True)
    bow = shapely.Polygon([(114.2, 22.6), (114.201, 22.601), (114.201, 22.6), (114.2, 22.601)])
    found = refusal(add, ground, bow, f"{WEST}700")
    assert found.code == "shape_broken"
    assert found.faults[0].where["coordinates"] == pytest.approx([114.2005, 22.6005])
