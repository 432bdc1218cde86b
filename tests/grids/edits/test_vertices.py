import numpy as np
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from grids.edits.value import UNITS
from grids.edits.vertices import move_vertex
from tests.gis.samples import refusal
from tests.grids.edits.cities import WEST, city, everything
from tests.grids.edits.invariants import assert_sound, attempt, shapes

SEEDS = st.integers(0, 40)


def nodes(ground):
    return np.unique(shapely.get_coordinates(shapes(everything(ground))), axis=0)


@settings(max_examples=100, deadline=None)
@given(SEEDS, st.integers(0, 10_000), st.floats(-3e-4, 3e-4), st.floats(-3e-4, 3e-4), st.sampled_from([1, 0.1, 0.001]))
def test_a_moved_node_takes_everyone_along_or_is_refused_with_the_place(seed, number, east, north, share):
    ground = city(seed)
    every = nodes(ground)
    source = tuple(every[number % len(every)].tolist())
    target = (source[0] + east * share, source[1] + north * share)
    reasons = {"vertex_over_edge", "vertex_on_node", "nothing_changes", "strip_too_narrow"}
    edit = attempt(reasons, move_vertex, ground, source, target)
    if edit is None:
        return
    new = assert_sound(ground, edit, same_ground=False)
    having = [each for each in everything(ground) if (shapely.get_coordinates(each.polygon) == source).all(1).any()]
    assert {each.uid for each in edit.begun if each.layer == UNITS} == {each.uid for each in having}
    assert edit.lineage == ()
    left = nodes(new)
    assert len(left) == len(every)
    assert not (left == source).all(axis=1).any()


def inner_node(ground):
    """The corner that four units share."""
    four = shapes([ground.unit(f"{WEST}{number:03d}") for number in (1, 2, 4, 5)])
    return shapely.intersection_all(four).coords[0]


def test_a_corner_of_four_units_changes_all_four_and_the_note_says_so():
    ground = city(1, plain=True)
    x, y = inner_node(ground)
    edit = move_vertex(ground, (x, y), (x + 1e-6, y + 1e-6))
    assert len([each for each in edit.begun if each.layer == UNITS]) == 4
    assert [note.code for note in edit.notes] == ["node_moved"]
    assert edit.notes[0].where["coordinates"][0] == [x, y]


def test_a_node_pointed_at_within_a_hand_is_found_and_noted():
    ground = city(1, plain=True)
    x, y = inner_node(ground)
    edit = move_vertex(ground, (x + 1e-6, y), (x + 1e-5, y))
    assert [note.code for note in edit.notes] == ["place_snapped", "node_moved"]
    assert refusal(move_vertex, ground, (x + 1e-6, y), (x + 1e-5, y), snap_m=0.01).code == "vertex_unknown"


def test_no_node_there_is_refused():
    ground = city(1, plain=True)
    found = refusal(move_vertex, ground, (114.0, 22.0), (114.1, 22.1))
    assert (found.code, found.faults[0].where["coordinates"]) == ("vertex_unknown", [114.0, 22.0])


def test_onto_another_node_is_refused_there():
    ground = city(1, plain=True)
    a, b = ground.unit(f"{WEST}005").polygon.exterior.coords[:2]
    found = refusal(move_vertex, ground, a, b)
    assert (found.code, tuple(found.faults[0].where["coordinates"])) == ("vertex_on_node", b)


def test_over_an_edge_is_refused_with_the_place():
    ground = city(1, plain=True)
    x, y = inner_node(ground)
    far = ground.unit(f"{WEST}005").polygon.bounds
    found = refusal(move_vertex, ground, (x, y), (far[2] + 5e-4, far[3] + 5e-4))
    assert found.code == "vertex_over_edge"
    assert found.faults[0].where is not None


def test_to_where_it_is_changes_nothing():
    ground = city(1, plain=True)
    assert refusal(move_vertex, ground, inner_node(ground), inner_node(ground)).code == "nothing_changes"


def test_a_corner_on_the_outer_edge_takes_divisions_and_areas_along():
    ground = city(1, plain=True)
    x, y = ground.unit(f"{WEST}001").polygon.exterior.coords[0]
    edit = move_vertex(ground, (x, y), (x - 1e-5, y - 1e-5))
    assert {each.layer for each in edit.begun} == {"units", "divisions", "areas.cleaning"}
    assert_sound(ground, edit, same_ground=False)
