import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grids.edits.divisions import add_division, divide_division, members_of, merge_divisions, rename_division, transfer
from grids.edits.ground import after
from tests.gis.samples import refusal
from tests.grids.edits.cities import EAST, STREET, WEST, city, everything
from tests.grids.edits.invariants import assert_sound

OTHER = "440305002"
PARTS = [
    {"code": STREET, "members": [WEST]},
    {"code": OTHER, "name": "东街道", "members": {EAST: f"{OTHER}007"}},
]


def uids(ground):
    return {unit.code: unit.uid for unit in everything(ground)}


def test_a_street_that_is_split_keeps_its_code_and_half_its_communities():
    ground = city(1)
    street = ground.division(STREET)
    edit = divide_division(ground, STREET, PARTS)
    new = assert_sound(ground, edit)
    assert new.division(STREET).uid == street.uid
    assert new.division(OTHER).uid == -1
    assert new.division(OTHER).attributes["name"] == "东街道"
    assert new.division(f"{OTHER}007").uid == ground.division(EAST).uid
    assert edit.lineage == ((street.uid, -1),)
    before, now = uids(ground), uids(new)
    assert {code.replace(f"{OTHER}007", EAST): uid for code, uid in now.items()} == before
    assert all(new.unit(code).shape is ground.unit(code.replace(f"{OTHER}007", EAST)).shape for code in now)


def test_a_street_divided_into_two_new_ones_is_retired_with_both_as_heirs():
    ground = city(1)
    parts = [{"code": OTHER, "name": "东", "members": [EAST]}, {"code": "440305003", "name": "西", "members": [WEST]}]
    edit = divide_division(ground, STREET, parts)
    new = assert_sound(ground, edit)
    assert new.division(STREET) is None
    assert edit.lineage == ((ground.division(STREET).uid, -1), (ground.division(STREET).uid, -2))
    assert [each.code for each in members_of(new, OTHER)] == [f"{OTHER}001"]


def test_a_community_is_divided_by_its_units_which_get_new_numbers():
    ground = city(1, plain=True)
    codes = [unit.code for unit in ground.units_below(EAST)]
    parts = [
        {"code": EAST, "members": codes[3:]},
        {"code": f"{STREET}003", "name": "新社区", "members": codes[:3]},
    ]
    new = assert_sound(ground, divide_division(ground, EAST, parts))
    assert [unit.code[-3:] for unit in new.units_below(f"{STREET}003")] == ["001", "002", "003"]
    assert len(new.units_below(EAST)) == len(codes) - 3


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 40))
def test_merged_communities_have_all_units_and_one_outline(seed):
    ground = city(seed)
    edit = merge_divisions(ground, [WEST, EAST], WEST)
    new = assert_sound(ground, edit)
    assert new.division(EAST) is None
    assert edit.lineage == ((ground.division(EAST).uid, ground.division(WEST).uid),)
    assert len(new.units_below(WEST)) == len(everything(ground))
    kept = {unit.uid for unit in ground.units_below(WEST)}
    assert all(
        unit.code == new_unit.code
        for unit in ground.units_below(WEST)
        for new_unit in new.units_below(WEST)
        if unit.uid == new_unit.uid and unit.uid in kept
    )


def test_a_street_that_was_split_and_merged_again_has_its_outline_and_codes_below_a_new_community():
    ground = city(1)
    divided = after(ground, divide_division(ground, STREET, PARTS))
    new = assert_sound(divided, merge_divisions(divided, [STREET, OTHER], STREET))
    assert [each.code for each in members_of(new, STREET)] == [WEST, f"{STREET}003"]  # 002 was given before
    assert new.division(STREET).shape.equals(ground.division(STREET).shape)


def test_units_and_communities_are_transferred_to_another_parent():
    ground = city(1, plain=True)
    edge = f"{WEST}003"
    new = assert_sound(ground, transfer(ground, [edge], EAST))
    assert new.unit(edge) is None
    assert new.unit(f"{EAST}016").uid == ground.unit(edge).uid
    named = assert_sound(ground, transfer(ground, {edge: f"{EAST}100"}, EAST))
    assert named.unit(f"{EAST}100").uid == ground.unit(edge).uid
    with_street = after(ground, add_division(ground, OTHER, "另一街道"))
    moved = assert_sound(with_street, transfer(with_street, [EAST], OTHER))
    assert [each.code for each in members_of(moved, OTHER)] == [f"{OTHER}001"]
    assert len(moved.units_below(f"{OTHER}001")) == 15


def test_the_last_member_that_leaves_a_division_takes_its_shape_along():
    ground = city(1, plain=True)
    with_street = after(ground, add_division(ground, OTHER, "另一街道"))
    new = after(with_street, transfer(with_street, [WEST, EAST], OTHER))
    assert new.division(STREET).polygon is None
    assert new.division(OTHER).shape.equals(ground.division(STREET).shape)


def test_a_division_is_added_and_renamed():
    ground = city(1)
    edit = add_division(ground, f"{STREET}009", "新社区", "D1")
    added = edit.begun[0]
    assert (added.code, added.polygon) == (f"{STREET}009", None)
    assert added.attributes == {"level": "community", "name": "新社区", "department": "D1", "attributes": None}
    renamed = rename_division(ground, STREET, "旧街道")
    assert renamed.begun[0].attributes["name"] == "旧街道"
    assert renamed.begun[0].uid == ground.division(STREET).uid
    assert refusal(rename_division, ground, STREET, STREET).code == "nothing_changes"
    assert refusal(rename_division, ground, OTHER, "x").code == "division_unknown"


@pytest.mark.parametrize(
    ("code", "fault"), [("12345", "code_form"), (EAST, "code_taken"), (f"{OTHER}001", None), (f"{STREET}009", None)]
)
def test_a_division_is_added_with_a_code_that_is_free(code, fault):
    ground = city(1)
    if fault is None:
        assert add_division(ground, code, "x").begun[0].code == code
    else:
        assert refusal(add_division, ground, code, "x").code == fault


@pytest.mark.parametrize(
    ("parts", "fault"),
    [
        ([PARTS[0]], "parts_wrong"),
        ([PARTS[0], PARTS[0]], "parts_wrong"),
        ([PARTS[0], {"code": OTHER, "members": [EAST]}], "parts_wrong"),
        ([PARTS[0], {"code": OTHER, "name": "x", "members": []}], "parts_wrong"),
        ([PARTS[0], {"code": OTHER, "name": "x", "members": [EAST], "colour": "red"}], "parts_wrong"),
        ([PARTS[0], "x"], "parts_wrong"),
        ([PARTS[0], {**PARTS[1], "members": [f"{STREET}009"]}], "member_unknown"),
        ([PARTS[0], {**PARTS[1], "members": [WEST]}], "member_repeated"),
        ([PARTS[0], {**PARTS[1], "members": {EAST: f"{STREET}007"}}], "code_form"),
        ([PARTS[0], {**PARTS[1], "code": WEST}], "code_taken"),
        ([PARTS[0], {**PARTS[1], "code": "440305"}], "parents_differ"),
        ([PARTS[0], {**PARTS[1], "code": f"{STREET}004"}], "parents_differ"),
    ],
)
def test_parts_that_cannot_be_made_are_refused(parts, fault):
    assert refusal(divide_division, city(1), STREET, parts).code == fault


def test_a_member_in_no_part_is_refused():
    ground = city(1, plain=True)
    codes = [unit.code for unit in ground.units_below(EAST)]
    parts = [{"code": EAST, "members": codes[5:]}, {"code": f"{STREET}003", "name": "x", "members": codes[:3]}]
    found = refusal(divide_division, ground, EAST, parts)
    assert (found.code, found.faults[0].thing) == ("member_missing", codes[3])


def test_transfers_and_merges_that_cannot_be_are_refused():
    ground = city(1)
    assert refusal(transfer, ground, [f"{WEST}001"], STREET).code == "level_differs"
    assert refusal(transfer, ground, [f"{WEST}001"], WEST).code == "nothing_changes"
    assert refusal(transfer, ground, [f"{WEST}999"], EAST).code == "member_unknown"
    assert refusal(transfer, ground, [f"{WEST}001", f"{WEST}001"], EAST).code == "member_repeated"
    assert refusal(transfer, ground, {f"{WEST}001": f"{EAST}001"}, EAST).code == "code_taken"
    assert (
        refusal(transfer, ground, {f"{WEST}001": f"{EAST}100", f"{WEST}002": f"{EAST}100"}, EAST).code
        == "code_repeated"
    )
    assert refusal(transfer, ground, [WEST], OTHER).code == "division_unknown"
    assert refusal(merge_divisions, ground, [WEST], WEST).code == "divisions_too_few"
    assert refusal(merge_divisions, ground, [WEST, EAST], STREET).code == "divisions_too_few"
    assert refusal(merge_divisions, ground, [WEST, STREET], WEST).code == "parents_differ"
