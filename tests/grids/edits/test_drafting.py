import numpy as np
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from grids.edits.addition import add
from grids.edits.drafting import compose, placeholders, with_uids
from grids.edits.ground import after
from grids.edits.merge import merge, retire
from grids.edits.numbering import next_codes, renumber
from grids.edits.reshape import reshape
from grids.edits.split import split
from grids.edits.value import GAPS
from grids.edits.vertices import move_vertex
from tests.grids.edits.cities import WEST, around_all, city, everything
from tests.grids.edits.invariants import assert_sound, attempt, holders, snapshot
from tests.grids.edits.test_merge import neighbours
from tests.grids.edits.test_reshape import chain
from tests.grids.edits.test_split import across

REFUSED = {
    *("line_misses_unit", "part_too_thin", "line_parts_nothing", "units_apart", "vertex_over_edge", "shape_broken"),
    *("line_crosses_units", "line_crosses_itself", "line_off_chain", "nothing_changes", "strip_too_narrow", "gap"),
    *("vertex_on_node", "gap_overlaps_unit", "edge_unmatched", "line_too_short"),
}


def wish(ground, kind, number, choice, share, aside):
    """One edit of a ground, None when it is refused."""
    units = everything(ground)
    unit = units[number % len(units)]
    beside = neighbours(ground, unit, community=bool(ground.profile.levels))
    other = beside[choice % len(beside)] if beside else unit
    if kind == "split":
        return attempt(REFUSED, split, ground, unit.code, across(unit, share, aside))
    if kind == "move":
        nodes = shapely.get_coordinates(unit.polygon)
        x, y = nodes[choice % len(nodes)].tolist()
        return attempt(REFUSED, move_vertex, ground, (x, y), (x + aside * 1e-4, y + (share - 0.5) * 1e-4))
    if kind == "add":
        lakes = [each for each in around_all(ground) if each.layer == GAPS]
        return attempt(REFUSED, add, ground, lakes[0].polygon, next_codes(ground, WEST, 1)[0]) if lakes else None
    if other is unit:
        return None
    if kind == "merge":
        return attempt(REFUSED, merge, ground, [unit.code, other.code], unit.code if choice % 2 else None)
    if kind == "retire":
        return attempt(REFUSED, retire, ground, unit.code, [other.code])
    line = chain(unit, other)
    ends = [line.interpolate(at, normalized=True).coords[0] for at in (share / 2, 1 - share / 3)]
    middle = tuple((np.array(ends[0]) + ends[1]) / 2 + [aside * 1e-4, aside * 1e-4])
    return attempt(REFUSED, reshape, ground, [unit.code, other.code], [ends[0], middle, ends[1]])


WISH = st.tuples(
    st.sampled_from(["split", "merge", "retire", "move", "reshape", "add"]),
    st.integers(0, 200),
    st.integers(0, 99),
    st.floats(0.2, 0.8),
    st.floats(-1, 1),
)


def drafted(ground, wishes):
    edits = []
    for each in wishes:
        edit = wish(ground, *each)
        if edit is not None:
            ground = assert_sound(ground, edit, same_ground=each[0] not in ("move", "add"))
            edits.append(edit)
    return edits, ground


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 40), st.lists(WISH, min_size=2, max_size=8))
def test_a_draft_is_sound_at_every_step_and_one_edit_in_the_end(seed, wishes):
    ground = city(seed)
    edits, last = drafted(ground, wishes)
    whole = compose(edits)
    assert snapshot(after(ground, whole)) == snapshot(last)
    assert snapshot(after(after(ground, whole), whole.inverse())) == snapshot(ground)
    base = {each.key for each in (*everything(ground), *around_all(ground))}
    assert {each.key for each in whole.ended} <= base, "what began and ended within the draft is not published"
    assert all(each.uid < 0 for each in whole.begun if each.key not in base)
    points = np.random.default_rng(seed).uniform((114.049, 22.539), (114.057, 22.546), (300, 2))
    touched = {each.code for each in whole.ended}
    for old, now in zip(holders(ground, points), holders(last, points), strict=True):
        assert old == now or old in touched or old is None, "who was not edited holds what it held"


def test_what_is_split_and_merged_within_a_draft_has_heirs_but_no_traces():
    ground = city(1, plain=True)
    unit = ground.unit(f"{WEST}005")
    one = split(ground, unit.code, across(unit))
    middle = after(ground, one)
    heir = ground.unit(f"{WEST}008")
    second = next(each for each in neighbours(middle, heir) if each.uid < 0)
    first = next(each for each in one.begun if each.uid < 0 and each.uid != second.uid)
    two = merge(middle, [second.code, heir.code], heir.code)
    whole = compose([one, two])
    assert {each.uid for each in whole.begun} >= {first.uid, heir.uid}
    assert second.uid not in {each.uid for each in whole.begun}
    assert whole.lineage == ((unit.uid, first.uid), (unit.uid, heir.uid))


def test_an_edit_and_its_undo_are_together_nothing():
    ground = city(1, plain=True)
    edit = renumber(ground, WEST)
    whole = compose([edit, edit.inverse()])
    assert (whole.ended, whole.begun, whole.lineage) == ((), (), ())


def test_placeholders_are_given_uids():
    ground = city(1, plain=True)
    unit = ground.unit(f"{WEST}005")
    edit = split(ground, unit.code, across(unit))
    assert placeholders(edit) == [-1, -2]
    settled = with_uids(edit, {-1: 100, -2: 101})
    assert [each.uid for each in settled.begun[:2]] == [100, 101]
    assert settled.lineage == ((unit.uid, 100), (unit.uid, 101))
