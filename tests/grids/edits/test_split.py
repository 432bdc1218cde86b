import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from grids.edits.split import split
from grids.edits.value import UNITS
from tests.gis.samples import refusal
from tests.grids.edits.cities import WEST, city, everything
from tests.grids.edits.invariants import assert_sound, attempt, holders


def across(unit, share=0.5, tilt=0.0, beyond=1e-4):
    """A line from west of a unit to east of it, `share` of the way up."""
    west, south, east, north = unit.polygon.bounds
    y, rise = south + (north - south) * share, (north - south) * tilt
    return [(west - beyond, y - rise), (east + beyond, y + rise)]


def cell(ground, name):
    return ground.unit(f"{WEST}{name:03d}")


SEEDS = st.integers(0, 40)


@settings(max_examples=60, deadline=None)
@given(SEEDS, st.integers(0, 100), st.floats(0.25, 0.75), st.floats(-0.2, 0.2), st.floats(0, np.pi))
def test_a_split_keeps_the_coverage_and_every_point_away_from_the_line(seed, number, share, tilt, angle):
    ground = city(seed)
    units = everything(ground)
    unit = units[number % len(units)]
    centre = np.array(unit.polygon.centroid.coords[0])
    way = np.array([(-3e-3, tilt * 1e-4), (0, (share - 0.5) * 1e-3), (3e-3, -tilt * 1e-4)])
    turned = way @ np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]]) + centre
    edit = attempt({"line_misses_unit", "part_too_thin"}, split, ground, unit.code, turned.tolist())
    if edit is None:
        return
    new = assert_sound(ground, edit)
    parts = [each for each in edit.begun if each.layer == UNITS and each.uid < 0]
    assert len(parts) >= 2
    points = np.random.default_rng(seed).uniform(*np.array(unit.polygon.bounds).reshape(2, 2), (200, 2))
    names = {part.code for part in parts}
    for old, now in zip(holders(ground, points), holders(new, points), strict=True):
        assert now == old or (old == unit.code and now in names)


def test_both_neighbours_get_the_new_node_and_a_note_says_so():
    ground = city(1, plain=True)
    unit = cell(ground, 5)
    edit = split(ground, unit.code, across(unit))
    changed = [each.code for each in edit.begun if each.uid > 0 and each.layer == UNITS]
    assert len(changed) == 2
    assert {note.code for note in edit.notes} == {"node_added"}
    for old, new in zip(edit.ended[1:], edit.begun[2:], strict=True):
        assert shapely.get_num_coordinates(new.polygon) == shapely.get_num_coordinates(old.polygon) + 1
        assert new.attributes == old.attributes


def test_the_parts_are_new_and_get_the_next_numbers_from_west_to_east():
    ground = city(1, plain=True)
    unit = cell(ground, 5)
    west, south, east, north = unit.polygon.bounds
    edit = split(ground, unit.code, [((west + east) / 2, south - 1e-4), ((west + east) / 2, north + 1e-4)])
    first, second = edit.begun[:2]
    assert (first.code, second.code) == (f"{WEST}501", f"{WEST}502")  # 500 was given once
    assert first.polygon.centroid.x < second.polygon.centroid.x
    assert edit.lineage == ((unit.uid, -1), (unit.uid, -2))
    assert (first.uid, second.uid) == (-1, -2)
    assert first.attributes["name"] == unit.attributes["name"]


def test_a_part_that_gets_the_units_own_code_is_the_unit():
    ground = city(1, plain=True)
    unit = cell(ground, 5)
    edit = split(ground, unit.code, across(unit), [f"{WEST}777", unit.code])
    assert [(each.uid, each.code) for each in edit.begun[:2]] == [(-1, f"{WEST}777"), (unit.uid, unit.code)]
    assert edit.lineage == ((unit.uid, -1),)
    assert_sound(ground, edit)


@pytest.mark.parametrize(
    ("codes", "fault"),
    [
        ([f"{WEST}777"], "codes_count"),
        ([f"{WEST}777", f"{WEST}777"], "code_repeated"),
        ([f"{WEST}777", f"{WEST}001"], "code_taken"),
        ([f"{WEST}777", f"{WEST}500"], "code_taken"),
        ([f"{WEST}777", "440305001002777"], "code_form"),
        ([f"{WEST}777", "12"], "code_form"),
    ],
)
def test_codes_that_cannot_be_given_are_refused(codes, fault):
    ground = city(1, plain=True)
    unit = cell(ground, 5)
    assert refusal(split, ground, unit.code, across(unit), codes).code == fault


def refused(ground, unit, line, **options):
    found = refusal(split, ground, unit.code, line, **options)
    assert found.faults[0].where is not None
    return found.code


def test_a_line_that_misses_the_unit_is_refused():
    ground = city(1, plain=True)
    unit = cell(ground, 5)
    west, south, _, north = unit.polygon.bounds
    assert refused(ground, unit, [(west - 2e-3, south), (west - 1e-3, north)]) == "line_misses_unit"


def test_a_line_that_only_touches_a_corner_is_refused():
    ground = city(1, plain=True)
    unit = cell(ground, 5)
    hull = unit.polygon.convex_hull
    x, y = min(hull.exterior.coords)
    assert refused(ground, unit, [(x, y - 1e-3), (x, y), (x, y + 1e-3)], snap_m=0) == "line_touches_only"


def test_a_line_that_does_not_reach_the_other_side_is_refused_at_its_end():
    ground = city(1, plain=True)
    unit = cell(ground, 5)
    line = across(unit)
    middle = tuple(np.round(unit.polygon.centroid.coords[0], 11).tolist())
    found = refusal(split, ground, unit.code, [line[0], middle])
    assert found.code == "line_ends_inside"
    assert tuple(found.faults[0].where["coordinates"]) == middle
    assert refused(ground, unit, [middle, line[1]]) == "line_ends_inside"
    assert refused(ground, unit, [middle, (middle[0], middle[1] + 1e-5)]) == "line_ends_inside"


def test_a_line_that_runs_along_an_edge_is_refused():
    ground = city(1, plain=True)
    unit = cell(ground, 5)
    a, b = unit.polygon.exterior.coords[:2]
    middle = unit.polygon.centroid.coords[0]
    assert refused(ground, unit, [a, b, middle, (middle[0], 23)]) == "line_along_edge"


def test_a_line_that_crosses_itself_is_refused_where_it_does():
    ground = city(1, plain=True)
    unit = cell(ground, 5)
    (west, y), (east, _) = across(unit)
    x = (west + east) / 2
    line = [(west, y), (x + 1e-4, y), (x + 1e-4, y + 1e-4), (x, y + 1e-4), (x, y - 1e-4), (east, y - 1e-4)]
    found = refusal(split, ground, unit.code, line)
    assert found.code == "line_crosses_itself"
    assert found.faults[0].where["coordinates"] == pytest.approx([x, y])


def test_a_line_of_one_place_is_refused():
    ground = city(1, plain=True)
    unit = cell(ground, 5)
    assert refused(ground, unit, [(114.0, 22.0), (114.0, 22.0)]) == "line_too_short"


def test_a_line_close_to_an_edge_that_would_leave_a_sliver_is_refused():
    ground = city(1, plain=True)
    unit = cell(ground, 5)
    a, b = (np.array(each) for each in unit.polygon.exterior.coords[:2])
    inward = np.array([-(b - a)[1], (b - a)[0]]) / np.hypot(*(b - a)) * 3e-7
    line = [tuple(a + inward - (b - a) * 0.01), tuple(b + inward)]
    assert refused(ground, unit, [tuple(a - inward * 10), *line, tuple(b - inward * 10)], snap_m=0) == "part_too_thin"


def test_ends_that_were_meant_to_be_on_the_boundary_are_put_there_and_noted():
    ground = city(1, plain=True)
    unit = cell(ground, 5)
    ring = unit.polygon.exterior
    ends = [np.array(ring.interpolate(share, normalized=True).coords[0]) for share in (0.12, 0.62)]
    line = [tuple(np.round(end, 6)) for end in ends]
    edit = split(ground, unit.code, line)
    assert_sound(ground, edit)
    assert [note.code for note in edit.notes].count("place_snapped") == 2
    assert all(note.severity == "note" for note in edit.notes)


def test_ends_on_two_nodes_give_nobody_a_new_node():
    ground = city(1, plain=True)
    unit = cell(ground, 5)
    nodes = unit.polygon.exterior.coords[:-1]
    edit = split(ground, unit.code, [nodes[0], unit.polygon.centroid.coords[0], nodes[len(nodes) // 2]])
    assert len(edit.ended) == 1
    assert edit.notes == ()
    assert_sound(ground, edit)


def holed_unit(ground):
    return next(unit for unit in everything(ground) if len(getattr(unit.polygon, "interiors", ())) == 1)


def test_a_line_through_a_hole_parts_the_ground_on_both_sides_of_it():
    ground = city(3)
    unit = holed_unit(ground)
    edit = split(ground, unit.code, across(unit))
    new = assert_sound(ground, edit)
    parts = [each for each in edit.begun if each.uid < 0]
    assert len(parts) == 2
    assert all(len(part.polygon.interiors) == 0 for part in parts)
    island = [each for each in edit.begun if each.uid > 0 and unit.polygon.envelope.contains(each.polygon)]
    assert len(island) == 1
    assert len(everything(new)) == len(everything(ground)) + 1


def test_a_line_beside_a_hole_leaves_the_hole_in_its_part():
    ground = city(3)
    unit = holed_unit(ground)
    edit = split(ground, unit.code, across(unit, 0.15))
    assert_sound(ground, edit)
    assert sorted(len(each.polygon.interiors) for each in edit.begun if each.uid < 0) == [0, 1]


def test_a_line_into_a_hole_and_no_farther_is_refused():
    ground = city(3)
    unit = holed_unit(ground)
    middle = unit.polygon.interiors[0].centroid.coords[0]
    assert refused(ground, unit, [across(unit)[0], middle]) == "line_parts_nothing"


def test_a_line_may_cut_a_unit_into_several_parts():
    ground = city(1, plain=True)
    unit = cell(ground, 5)
    west, south, east, north = unit.polygon.bounds
    ys = [south + (north - south) * share for share in (0.3, 0.7)]
    line = [(west - 1e-4, ys[0]), (east + 2e-4, ys[0]), (east + 2e-4, ys[1]), (west - 1e-4, ys[1])]
    edit = split(ground, unit.code, line)
    assert len([each for each in edit.begun if each.uid < 0]) == 3
    assert_sound(ground, edit)


def test_every_part_of_a_unit_in_several_parts_becomes_a_unit():
    ground = city(3)
    unit = next(unit for unit in everything(ground) if unit.polygon.geom_type == "MultiPolygon")
    west, south, east, north = unit.polygon.geoms[0].bounds
    edit = split(ground, unit.code, [(west - 1e-4, (south + north) / 2), (east + 1e-4, (south + north) / 2)])
    assert len([each for each in edit.begun if each.uid < 0]) == 3
    assert_sound(ground, edit)


def test_an_unknown_unit_is_missing_and_a_retired_one_gone():
    ground = city(1)
    assert refusal(split, ground, f"{WEST}999", [(0, 0), (1, 1)]).kind == "missing"
    assert refusal(split, ground, f"{WEST}500", [(0, 0), (1, 1)]).kind == "gone"


def test_what_follows_an_edge_gets_its_node():
    ground = city(2, plain=True)
    unit = cell(ground, 4)  # on the outer edge
    edit = split(ground, unit.code, across(unit))
    assert {"divisions", "areas.cleaning"} <= {each.layer for each in edit.begun}
