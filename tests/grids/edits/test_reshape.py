import numpy as np
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from grids.edits.ground import Held
from grids.edits.reshape import reshape
from grids.edits.value import UNITS, Feature
from grids.profiles import GBT
from tests.gis.samples import refusal
from tests.grids.edits.cities import BLANK, EAST, WEST, city, everything
from tests.grids.edits.invariants import assert_sound, attempt
from tests.grids.edits.test_merge import neighbours

SEEDS = st.integers(0, 40)


def chain(one, other):
    """The common boundary as a line, by GEOS."""
    met = shapely.line_merge(shapely.intersection(one.polygon, other.polygon))
    lines = [each for each in shapely.get_parts(met) if each.geom_type == "LineString"]
    return max(lines, key=lambda line: line.length)


@settings(max_examples=100, deadline=None)
@given(SEEDS, st.integers(0, 100), st.integers(0, 9), st.floats(0, 0.45), st.floats(0.55, 1), st.floats(-4e-4, 4e-4))
def test_a_new_way_between_two_units_keeps_all_others_or_is_refused(seed, number, choice, first, last, aside):
    ground = city(seed)
    units = everything(ground)
    one = units[number % len(units)]
    beside = neighbours(ground, one, community=False)
    other = beside[choice % len(beside)]
    line = chain(one, other)
    ends = [np.array(line.interpolate(share, normalized=True).coords[0]) for share in (first, last)]
    along = ends[1] - ends[0]
    middle = ends[0] + along / 2 + np.array([-along[1], along[0]]) / max(np.hypot(*along), 1e-12) * aside
    reasons = {"line_crosses_units", "line_crosses_itself", "line_off_chain", "line_too_short", "shape_broken"}
    way = [tuple(ends[0]), tuple(middle), tuple(ends[1])]
    edit = attempt(reasons, reshape, ground, [one.code, other.code], way)
    if edit is None:
        return
    new = assert_sound(ground, edit)
    others = [each for each in edit.begun if each.layer == UNITS and each.uid not in (one.uid, other.uid)]
    assert others == [], "the ends lie on edges that only the two have"
    before, later = (
        sum(each.polygon.area for each in pair) for pair in ((one, other), (new.unit(one.code), new.unit(other.code)))
    )
    assert abs(before - later) <= 1e-9 * before
    nodes = shapely.get_coordinates(new.unit(one.code).polygon)
    assert np.abs(nodes - middle).max(axis=1).min() <= 1e-11


def pair(ground):
    return ground.unit(f"{WEST}004"), ground.unit(f"{WEST}005")


def test_between_communities_the_divisions_follow():
    ground = city(1, plain=True)
    one, other = ground.unit(f"{WEST}003"), ground.unit(f"{EAST}001")
    a, *_, b = chain(one, other).coords
    middle = ((a[0] + b[0]) / 2 + 1e-4, (a[1] + b[1]) / 2)
    edit = reshape(ground, [one.code, other.code], [a, middle, b])
    assert {each.code for each in edit.begun if each.layer == "divisions"} == {WEST, EAST}
    assert_sound(ground, edit)


def test_an_island_gets_a_new_shore_where_the_line_says():
    ground = city(3)
    units = everything(ground)
    holed = [unit for unit in units if getattr(unit.polygon, "interiors", ())]
    outer = next(unit for unit in holed if len(neighbours(ground, unit)) == 5)
    island = next(each for each in neighbours(ground, outer) if outer.polygon.envelope.contains(each.polygon))
    a, b = island.polygon.exterior.coords[:2]
    out = (np.array(a) + b) / 2 + ((np.array(a) + b) / 2 - island.polygon.centroid.coords[0]) * 0.2
    edit = reshape(ground, [outer.code, island.code], [a, tuple(out), b])
    assert_sound(ground, edit)
    assert next(each for each in edit.begun if each.uid == island.uid).polygon.area > island.polygon.area


def test_a_line_that_does_not_begin_and_end_on_the_common_boundary_is_refused_at_its_end():
    ground = city(1, plain=True)
    one, other = pair(ground)
    a, *_, b = chain(one, other).coords
    away = one.polygon.centroid.coords[0]
    found = refusal(reshape, ground, [one.code, other.code], [a, away])
    assert found.code == "line_off_chain"
    assert found.faults[0].where["coordinates"] == np.round(away, 11).tolist()
    assert refusal(reshape, ground, [one.code, other.code], [away, b]).code == "line_off_chain"


def test_a_line_through_other_units_is_refused_where_it_leaves():
    ground = city(1, plain=True)
    one, other = pair(ground)
    a, *_, b = chain(one, other).coords
    far = (b[0], max(one.polygon.bounds[3], other.polygon.bounds[3]) + 5e-4)
    found = refusal(reshape, ground, [one.code, other.code], [a, (a[0] + 2e-4, far[1]), b])
    assert found.code == "line_crosses_units"
    assert found.faults[0].where is not None


def test_a_line_that_goes_round_outside_between_the_ends_of_the_boundary_is_refused():
    ground = city(1, plain=True)
    one, other = ground.unit(f"{WEST}001"), ground.unit(f"{WEST}002")
    a, *_, b = chain(one, other).coords
    low, high = sorted((a, b), key=lambda end: end[1])
    west = one.polygon.bounds[0] - 1e-4
    corners = [(low[0], low[1] - 5e-4), (west, low[1] - 5e-4), (west, high[1] + 3e-4), (high[0], high[1] + 3e-4)]
    round_about = [low, *corners, high]
    assert refusal(reshape, ground, [one.code, other.code], round_about).code == "line_crosses_units"


def test_the_way_there_is_already_changes_nothing():
    ground = city(1, plain=True)
    one, other = pair(ground)
    assert refusal(reshape, ground, [one.code, other.code], chain(one, other).coords).code == "nothing_changes"


def test_units_without_a_common_edge_and_others_than_two_are_refused():
    ground = city(1, plain=True)
    line = [(114.05, 22.54), (114.051, 22.541)]
    assert refusal(reshape, ground, [f"{WEST}001", f"{WEST}009"], line).code == "units_apart"
    assert refusal(reshape, ground, [f"{WEST}001"], line).code == "units_not_two"
    assert refusal(reshape, ground, [f"{WEST}001", f"{WEST}001"], line).code == "units_not_two"


def test_a_line_past_a_node_at_which_parts_of_a_unit_meet_is_refused():
    """The common boundary goes on there for one of them, from part to part for the other: only one would follow."""
    x, y = 114.0, 22.0
    below = shapely.Polygon([(x, y), (x + 2e-3, y), (x + 2e-3, y + 1e-3), (x + 1e-3, y + 1e-3), (x, y + 1e-3)])
    west = shapely.box(x, y + 1e-3, x + 1e-3, y + 2e-3)
    east = shapely.Polygon([(x + 1e-3, y + 1e-3), (x + 2e-3, y + 1e-3), (x + 2e-3, y + 2e-3)])
    parts = shapely.MultiPolygon([west, east])
    units = [Feature(UNITS, n, f"{WEST}00{n}", shape, {**BLANK}) for n, shape in enumerate((below, parts), 1)]
    ground = Held.of(GBT, units)
    codes = [each.code for each in units]
    nodes = [(x, y + 1e-3), (x + 1e-3, y + 1e-3), (x + 2e-3, y + 1e-3)]
    found = refusal(reshape, ground, codes, [nodes[0], (x + 1e-3, y + 5e-4), nodes[2]])
    assert found.code == "line_off_chain"
    assert found.faults[0].where is not None
    assert_sound(ground, reshape(ground, codes, [nodes[0], (x + 5e-4, y + 5e-4), nodes[1]]))
