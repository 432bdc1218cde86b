import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from grids.edits.ground import after
from grids.edits.operations import apply
from grids.edits.redraw import redraw
from grids.edits.reshape import reshape
from tests.gis.samples import refusal
from tests.grids.edits.cities import EAST, WEST, city, everything
from tests.grids.edits.invariants import assert_divisions_follow, assert_sound, attempt
from tests.grids.edits.test_merge import neighbours
from tests.grids.edits.test_reshape import chain


def moved(ground, node, by):
    """The units that have a node, with it moved."""
    found = {}
    for unit in everything(ground):
        if (np.abs(shapely.get_coordinates(unit.polygon) - node).max(axis=1) == 0).any():
            found[unit.code] = shapely.transform(
                unit.polygon, lambda xy: np.where((xy == node).all(axis=1)[:, None], np.round(xy + by, 11), xy)
            )
    return found


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 40), st.integers(0, 400), st.floats(-1e-4, 1e-4), st.floats(-1e-4, 1e-4))
def test_units_drawn_anew_around_a_node_stay_a_coverage_or_are_refused(seed, number, dx, dy):
    ground = city(seed)
    nodes = np.unique(shapely.get_coordinates([each.polygon for each in everything(ground)]), axis=0)
    shapes = moved(ground, nodes[number % len(nodes)], np.array([dx, dy]))
    reasons = {"units_overlap", "gap_overlaps_unit", "gap", "shape_broken", "nothing_changes", "strip_too_narrow"}
    edit = attempt(reasons, redraw, ground, shapes)
    if edit is not None:
        assert_sound(ground, edit, same_ground=False)


def test_units_on_both_sides_of_communities_take_their_divisions_along():
    ground = city(1, plain=True)
    one, other = ground.unit(f"{WEST}003"), ground.unit(f"{EAST}001")
    a, *_, b = chain(one, other).coords
    way = [a, ((a[0] + b[0]) / 2 + 1e-4, (a[1] + b[1]) / 2), b]
    wanted = after(ground, reshape(ground, [one.code, other.code], way))
    shapes = {code: shapely.geometry.mapping(wanted.unit(code).polygon) for code in (one.code, other.code)}
    edit = apply(ground, {"op": "redraw", "units": shapes})
    assert {each.code for each in edit.begun if each.layer == "divisions"} == {WEST, EAST}
    assert_sound(ground, edit)
    for code in (one.code, other.code):
        assert shapely.equals_exact(after(ground, edit).unit(code).polygon, wanted.unit(code).polygon, normalize=True)


def test_one_of_two_neighbours_alone_is_refused_with_the_place():
    ground = city(1, plain=True)
    unit = ground.unit(f"{WEST}005")
    beside = neighbours(ground, unit)[0]
    for grown in (shapely.union(unit.polygon, beside.polygon), shapely.buffer(unit.polygon, -1e-5)):
        refused = refusal(redraw, ground, {unit.code: grown})
        assert refused.code in ("units_overlap", "gap")
        assert refused.faults[0].where is not None


def test_what_is_drawn_back_from_the_open_country_shrinks_its_divisions():
    ground = city(2, plain=True)
    edge = next(each for each in everything(ground) if each.code == f"{WEST}001")
    box = edge.polygon.bounds
    corner = np.array(min(edge.polygon.exterior.coords[:-1], key=lambda xy: abs(xy[0] - box[0]) + abs(xy[1] - box[1])))
    shapes = moved(ground, corner, np.array([1e-5, 1e-5]))
    edit = redraw(ground, shapes)
    assert {each.code for each in edit.begun if each.layer == "divisions"} >= {WEST, WEST[:9]}
    new = after(ground, edit)
    assert_divisions_follow(everything(new), list(new.followers((-180, -90, 180, 90))))


@pytest.mark.parametrize("units", [{}, [], {"x": None}, {"x": {"type": "Point", "coordinates": [1, 2]}}, {"": {}}])
def test_shapes_that_are_none_are_refused(units):
    assert refusal(apply, city(1), {"op": "redraw", "units": units}).code == "edit_wrong"
