"""Lines through corners, along edges and a micrometre beside them, on squares whose edges lie exactly on lines."""

import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from grids.edits.ground import Held, after
from grids.edits.merge import merge
from grids.edits.reshape import reshape
from grids.edits.split import split
from grids.edits.value import GAPS, UNITS, Feature
from grids.edits.vertices import move_vertex
from grids.profiles import GBT
from tests.grids.edits.cities import BLANK, EAST, everything
from tests.grids.edits.invariants import assert_sound, attempt

STEP = 1e-3
MICRO = 1e-11
SIDE = 3


def spot(x, y):
    return round(114 + x * STEP, 11), round(22 + y * STEP, 11)


def squares():
    """3 x 3 squares of quarter-step nodes, the middle one with a square hole that is a named gap."""
    units, gaps = [], []
    for row in range(SIDE):
        for column in range(SIDE):
            quarters = [(k / 4, 0) for k in range(4)] + [(1, k / 4) for k in range(4)]
            quarters += [(1 - x, 1 - y) for x, y in quarters]
            holes = []
            if row == column == 1:
                holes = [[spot(1 + x, 1 + y) for x, y in ((0.25, 0.25), (0.25, 0.75), (0.75, 0.75), (0.75, 0.25))]]
                gaps.append(Feature(GAPS, 1, "pond", shapely.Polygon(holes[0][::-1]), {}))
            shape = shapely.Polygon([spot(column + x, row + y) for x, y in quarters], holes)
            number = len(units) + 1
            units.append(Feature(UNITS, number, f"{EAST}{number:03d}", shape, BLANK))
    return Held.of(GBT, units, gaps)


GROUND = squares()
EIGHTH = st.integers(-2, 8 * SIDE + 2)
NUDGE = st.integers(-3, 3)
PLACE = st.tuples(EIGHTH, EIGHTH, NUDGE, NUDGE).map(
    lambda p: (spot(p[0] / 8, 0)[0] + p[2] * MICRO, spot(0, p[1] / 8)[1] + p[3] * MICRO)
)
STRAIGHT = st.tuples(EIGHTH, EIGHTH).map(lambda p: spot(p[0] / 8, p[1] / 8))
SNAP = st.sampled_from([0.0, 0.2])
UNIT = st.integers(1, SIDE * SIDE)

SPLIT = {
    *("line_misses_unit", "line_touches_only", "line_ends_inside", "line_along_edge", "line_crosses_itself"),
    *("line_parts_nothing", "line_too_close", "line_too_short", "part_too_thin", "shape_broken", "units_overlap"),
    "strip_too_narrow",
}


@settings(max_examples=400, deadline=None)
@given(UNIT, st.lists(PLACE, min_size=2, max_size=5) | st.lists(STRAIGHT, min_size=2, max_size=5), SNAP)
def test_a_split_on_exact_lines_is_sound_or_refused_with_the_place(number, line, snap_m):
    edit = attempt(SPLIT, split, GROUND, f"{EAST}{number:03d}", line, snap_m=snap_m)
    if edit is not None:
        assert_sound(GROUND, edit)


@settings(max_examples=200, deadline=None)
@given(UNIT, UNIT, st.lists(PLACE, min_size=2, max_size=5) | st.lists(STRAIGHT, min_size=2, max_size=5), SNAP)
def test_a_reshape_on_exact_lines_is_sound_or_refused_with_the_place(one, other, line, snap_m):
    reasons = {*SPLIT, "units_not_two", "units_apart", "line_off_chain", "line_crosses_units", "nothing_changes"}
    if one != other:
        edit = attempt(reasons, reshape, GROUND, [f"{EAST}{each:03d}" for each in (one, other)], line, snap_m)
        if edit is not None:
            assert_sound(GROUND, edit)


@settings(max_examples=200, deadline=None)
@given(STRAIGHT, PLACE | STRAIGHT)
def test_a_vertex_moved_to_exact_lines_is_sound_or_refused_with_the_place(source, target):
    reasons = {"vertex_unknown", "vertex_on_node", "vertex_over_edge", "nothing_changes", "strip_too_narrow"}
    edit = attempt(reasons, move_vertex, GROUND, source, target)
    if edit is not None:
        assert_sound(GROUND, edit, same_ground=False)


@settings(max_examples=100, deadline=None)
@given(st.sets(UNIT, min_size=2, max_size=8))
def test_any_squares_merge_when_they_hang_together(numbers):
    edit = attempt({"units_apart"}, merge, GROUND, [f"{EAST}{each:03d}" for each in sorted(numbers)])
    if edit is not None:
        assert_sound(GROUND, edit)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 50), PLACE, PLACE), min_size=2, max_size=6), st.randoms(use_true_random=False))
def test_edits_follow_each_other_in_a_draft_and_are_undone_one_by_one(wishes, random):
    ground, grounds, edits = GROUND, [], []
    for number, first, last in wishes:
        units = everything(ground)
        unit = units[number % len(units)]
        edit = attempt(SPLIT, split, ground, unit.code, [first, last], snap_m=0.0)
        if edit is None:
            beside = units[random.randrange(len(units))]
            if beside.uid == unit.uid:
                continue
            edit = attempt({"units_apart"}, merge, ground, [unit.code, beside.code])
        if edit is not None:
            grounds.append(ground)
            edits.append(edit)
            ground = assert_sound(ground, edit)
    for before, edit in zip(reversed(grounds), reversed(edits), strict=True):
        ground = after(ground, edit.inverse())
        found = {each.key: (each.code, shapely.to_wkb(each.shape)) for each in everything(ground)}
        assert found == {each.key: (each.code, shapely.to_wkb(each.shape)) for each in everything(before)}
