import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grids.edits.attributes import set_attributes
from grids.edits.ground import Held
from grids.edits.merge import merge
from grids.edits.numbering import next_codes, renumber
from grids.profiles import FREE, read_profile
from tests.gis.samples import refusal
from tests.grids.edits.cities import WEST, city, everything
from tests.grids.edits.invariants import assert_sound


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 40), st.booleans())
def test_a_renumbering_changes_codes_alone(seed, reuse):
    ground = city(seed)
    units = ground.units_below(WEST)
    edit = renumber(ground, WEST, reuse)
    new = assert_sound(ground, edit)
    assert edit.lineage == ()
    assert {each.uid for each in edit.begun} == {each.uid for each in edit.ended}
    assert sorted(unit.uid for unit in new.units_below(WEST)) == sorted(unit.uid for unit in units)
    numbers = [int(unit.code[-3:]) for unit in new.units_below(WEST)]
    first = 1 if reuse else 501  # 500 was given once
    assert numbers == list(range(first, first + len(units)))


def test_numbers_run_from_north_to_south_and_west_to_east():
    new = {each.uid: each.code for each in renumber(city(1, plain=True), WEST).begun}
    assert [new[uid][-3:] for uid in (1, 2, 3)] == ["501", "502", "503"]
    assert max(new.values()) == f"{WEST}515"


def test_a_community_numbered_as_it_should_be_does_not_change():
    ground = city(1, plain=True)
    assert refusal(renumber, ground, WEST, True).code == "nothing_changes"
    assert refusal(renumber, ground, "440305001009").code == "community_unknown"
    assert refusal(renumber, ground, "440305001").code == "community_unknown"


def crowded(ground, free):
    """The ground with all but `free` numbers of a community given once."""
    used = [f"{WEST}{number:03d}" for number in range(1, 1000) if number not in free]
    return Held.of(ground.profile, everything(ground), (), used)


def test_when_the_numbers_run_out_the_lowest_that_never_was_is_taken_and_then_none():
    ground = crowded(city(1, plain=True), (300, 998))
    assert next_codes(crowded(city(1, plain=True), (300, 999)), WEST, 2) == [f"{WEST}999", f"{WEST}300"]
    assert next_codes(ground, WEST, 2) == [f"{WEST}300", f"{WEST}998"]
    full = crowded(city(1, plain=True), ())
    found = refusal(merge, full, [f"{WEST}001", f"{WEST}002"])
    assert (found.code, found.faults[0].thing) == ("numbers_exhausted", WEST)
    assert refusal(renumber, full, WEST).code == "numbers_exhausted"
    assert merge(full, [f"{WEST}001", f"{WEST}002"], f"{WEST}001").begun[0].uid == 1


def test_codes_of_free_text_must_be_said():
    ground = city(1, plain=True)
    free = Held.of(FREE, everything(ground))
    assert refusal(merge, free, [f"{WEST}001", f"{WEST}002"]).code == "code_needed"
    assert merge(free, [f"{WEST}001", f"{WEST}002"], "park").begun[0].code == "park"


def test_a_profile_of_other_lengths_numbers_by_its_own():
    ground = city(1, plain=True)
    six = Held.of(read_profile("street=9,unit=15"), everything(ground))
    assert next_codes(six, WEST[:9], 1) == [f"{WEST[:9]}002016"]


def test_attributes_are_set_and_emptied_and_the_rest_stays():
    ground = city(1, plain=True)
    given = {"note": " 夜市 ", "initial_date": "20260701", "attributes": {"use": "R2"}}
    edit = set_attributes(ground, f"{WEST}001", given)
    assert dict(edit.begun[0].attributes) == {
        "name": "unit 001",
        "note": "夜市",
        "initial_date": "2026-07-01",
        "end_date": None,
        "attributes": {"use": "R2"},
    }
    assert edit.begun[0].polygon is edit.ended[0].polygon
    assert set_attributes(ground, f"{WEST}001", {"name": ""}).begun[0].attributes["name"] is None
    assert_sound(ground, edit)


@pytest.mark.parametrize(
    ("attributes", "fault"),
    [
        ({"colour": "red"}, "attribute_unknown"),
        ({"code": "1"}, "attribute_unknown"),
        ({"area_m2": 3}, "attribute_unknown"),
        ({"initial_date": "yesterday"}, "attribute_wrong"),
        ({"name": ["a"]}, "attribute_wrong"),
        ({"attributes": "x"}, "attribute_wrong"),
        ({"attributes": {"x": {"y": 1}}}, "attribute_wrong"),
        ({"name": "unit 001"}, "nothing_changes"),
        ({}, "nothing_changes"),
    ],
)
def test_attributes_that_cannot_be_set_are_refused(attributes, fault):
    assert refusal(set_attributes, city(1, plain=True), f"{WEST}001", attributes).code == fault
