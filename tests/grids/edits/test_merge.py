import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from grids.edits.ground import after
from grids.edits.merge import merge, retire
from grids.edits.split import split
from grids.edits.value import UNITS
from tests.gis.samples import refusal
from tests.grids.edits.cities import EAST, WEST, city, everything
from tests.grids.edits.invariants import assert_sound, attempt, shapes
from tests.grids.edits.test_split import across

SEEDS = st.integers(0, 40)


def neighbours(ground, unit, community=True):
    """The units that have an edge in common with one, found by GEOS."""
    others = [each for each in everything(ground) if each.uid != unit.uid]
    meeting = [each for each in others if shapely.relate_pattern(unit.polygon, each.polygon, "****1****")]
    return [each for each in meeting if not community or each.code[:12] == unit.code[:12]]


@settings(max_examples=60, deadline=None)
@given(SEEDS, st.integers(0, 100), st.integers(0, 100), st.integers(1, 3))
def test_a_merge_keeps_the_coverage_and_every_outer_node(seed, number, choice, more):
    ground = city(seed)
    units = everything(ground)
    chosen = [units[number % len(units)]]
    for step in range(more):
        beside = [each for each in neighbours(ground, chosen[-1]) if each not in chosen]
        if beside:
            chosen.append(beside[(choice + step) % len(beside)])
    if len(chosen) < 2:
        return
    edit = merge(ground, [each.code for each in chosen])
    assert_sound(ground, edit)
    merged = [each for each in edit.begun if each.uid < 0]
    wanted = shapely.coverage_union_all(shapes(chosen))
    assert len(merged) == 1
    assert shapely.equals_exact(merged[0].polygon, wanted, 0.0, normalize=True)
    assert len(edit.ended) == len(chosen), "nobody else is touched"


@settings(max_examples=30, deadline=None)
@given(SEEDS, st.integers(0, 100))
def test_what_was_split_and_is_merged_again_covers_the_very_same_ground_with_its_new_nodes(seed, number):
    ground = city(seed)
    units = everything(ground)
    unit = units[number % len(units)]
    edit = attempt({"line_misses_unit", "part_too_thin", "line_parts_nothing"}, split, ground, unit.code, across(unit))
    if edit is None:
        return
    parts = [each for each in edit.begun if each.uid < 0]
    new = after(ground, edit)
    again = attempt({"units_apart"}, merge, new, [part.code for part in parts])
    if again is None:
        return  # a unit of several parts
    assert_sound(new, again)
    one = again.begun[0].polygon
    assert abs(one.area - unit.polygon.area) <= 1e-8 * unit.polygon.area  # two nodes rounded to a micrometre


def test_a_merged_unit_is_new_with_the_next_number():
    ground = city(1, plain=True)
    edit = merge(ground, [f"{WEST}001", f"{WEST}002"])
    assert [(each.uid, each.code) for each in edit.begun] == [(-1, f"{WEST}501")]
    assert edit.lineage == ((1, -1), (2, -1))
    assert edit.begun[0].attributes["name"] == "unit 001"


def test_a_merged_unit_with_the_code_of_one_is_that_one():
    ground = city(1, plain=True)
    edit = merge(ground, [f"{WEST}001", f"{WEST}002"], f"{WEST}002")
    assert [(each.uid, each.code) for each in edit.begun] == [(2, f"{WEST}002")]
    assert edit.lineage == ((1, 2),)
    assert edit.begun[0].attributes["name"] == "unit 002"


def test_a_merge_around_a_unit_leaves_a_hole_for_it():
    ground = city(1, 6, 3, plain=True)
    ring = [1, 2, 3, 4, 6, 7, 8, 9]
    edit = merge(ground, [f"{WEST}{number:03d}" for number in ring])
    assert len(edit.begun[0].polygon.interiors) == 1
    assert_sound(ground, edit)


def test_units_that_touch_in_a_point_only_are_refused_at_that_point():
    ground = city(1, plain=True)
    one, other = ground.unit(f"{WEST}001"), ground.unit(f"{WEST}005")
    found = refusal(merge, ground, [one.code, other.code])
    assert found.code == "units_apart"
    assert "only in a point" in found.faults[0].en
    assert found.faults[0].where["coordinates"] == list(one.polygon.intersection(other.polygon).coords[0])


def test_units_that_lie_apart_are_refused():
    found = refusal(merge, city(1, plain=True), [f"{WEST}001", f"{WEST}002", f"{WEST}009"])
    assert found.code == "units_apart"
    assert found.faults[0].thing == f"{WEST}009"
    assert found.faults[0].where is not None


def test_units_of_two_communities_are_refused():
    found = refusal(merge, city(1, plain=True), [f"{WEST}003", f"{EAST}001"])
    assert found.code == "communities_differ"
    assert found.faults[0].where is not None


def test_fewer_than_two_and_repeated_units_are_refused():
    ground = city(1, plain=True)
    assert refusal(merge, ground, [f"{WEST}001"]).code == "units_too_few"
    assert refusal(merge, ground, [f"{WEST}001", f"{WEST}001"]).code == "unit_repeated"
    assert refusal(merge, ground, [f"{WEST}001", f"{WEST}999"]).code == "unit_unknown"


def test_a_code_that_belongs_to_another_unit_is_refused():
    ground = city(1, plain=True)
    assert refusal(merge, ground, [f"{WEST}001", f"{WEST}002"], f"{WEST}003").code == "code_taken"


@settings(max_examples=30, deadline=None)
@given(SEEDS, st.integers(0, 100), st.integers(0, 100))
def test_a_retired_unit_gives_its_ground_to_the_neighbour_that_keeps_its_uid(seed, number, choice):
    ground = city(seed)
    units = everything(ground)
    unit = units[number % len(units)]
    beside = neighbours(ground, unit)
    heir = beside[choice % len(beside)]
    edit = retire(ground, unit.code, [heir.code])
    new = assert_sound(ground, edit)
    assert new.unit(unit.code) is None
    assert new.unit(heir.code).uid == heir.uid
    assert edit.lineage == ((unit.uid, heir.uid),)
    assert [each.layer for each in edit.begun] == [UNITS]


def test_a_unit_is_not_retired_into_what_is_no_neighbour_nor_into_itself_nor_into_several():
    ground = city(1, plain=True)
    assert refusal(retire, ground, f"{WEST}001", [f"{WEST}009"]).code == "units_apart"
    assert refusal(retire, ground, f"{WEST}001", [f"{WEST}001"]).code == "retire_into_itself"
    assert refusal(retire, ground, f"{WEST}001", [f"{WEST}002", f"{WEST}004"]).code == "retire_into_several"
    assert refusal(retire, ground, f"{WEST}003", [f"{EAST}001"]).code == "communities_differ"
