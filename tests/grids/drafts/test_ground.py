"""The ground of the store answers as the same ground in memory, now and at earlier revisions, and edits alike."""

from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import event

from gis.errors import Refusal
from gis.store import vicinity
from gis.store.engine import Store, reading
from gis.store.revisions import current_head
from grids.drafts.publishing import Wanted, publish_draft
from grids.drafts.workbench import Workbench
from grids.edits.operations import apply
from grids.edits.value import Edit, Feature
from grids.ground import Reading, StoreGround
from grids.profiles import GBT
from tests.grids.drafts.conftest import Begin
from tests.grids.drafts.test_publishing import across
from tests.grids.edits.cities import EAST, STREET, WEST, city

UNITS = [f"{WEST}00{number}" for number in range(1, 8)]


def shown(edit: Edit) -> Any:
    """What an edit does, whatever the uids are."""

    def plain(features: tuple[Feature, ...]) -> list[Any]:
        layers = [each for each in features if not each.layer.startswith("areas.")]
        return sorted((each.layer, each.code, each.polygon and each.polygon.wkb) for each in layers)

    return plain(edit.ended), plain(edit.begun), sorted(each.en for each in edit.notes)


def documents(store: Store) -> list[dict[str, Any]]:
    return [
        *(across(store, code) for code in UNITS),
        {"op": "merge", "units": [f"{WEST}003", f"{WEST}002"]},
        {"op": "renumber", "community": EAST},
        {"op": "transfer", "members": [f"{WEST}003"], "to": EAST},
        {"op": "rename_division", "division": STREET, "name": "新名"},
        {"op": "set", "unit": f"{WEST}003", "attributes": {"note": "x"}},
        {"op": "split", "unit": f"{WEST}500", "line": [[0, 0], [1, 1]]},
    ]


def test_edits_on_the_store_are_those_on_the_same_ground_in_memory(store: Store) -> None:
    held = city(1)
    held = replace(held, given=[code for code in held.given if code != f"{WEST}500"])  # nobody has it in the store
    with reading(store.world) as connection:
        for document in documents(store):
            answers = []
            for ground in (held, StoreGround(connection, 1)):
                try:
                    answers.append(shown(apply(ground, document)))
                except Refusal as refusal:
                    answers.append(refusal.code)
            assert answers[0] == answers[1], document


def test_grounds_that_share_large_shapes_answer_as_each_alone(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("grids.ground.LARGE", 4)
    sent: list[int] = []
    read = vicinity.read_shapes
    monkeypatch.setattr(vicinity, "read_shapes", lambda held: sent.append(sum(map(bool, held))) or read(held))
    shared = Reading()
    with reading(store.world) as connection:
        boxes = [unit.polygon.bounds for unit in StoreGround(connection, 1).units_below(WEST) if unit.polygon]
        for at, box in enumerate(boxes):
            sent.clear()
            alone = StoreGround(connection, 1).followers(box)
            whole, _ = sum(sent), sent.clear()
            shared.around.clear()
            assert StoreGround(connection, 1, reading=shared).followers(box) == alone
            assert sum(sent) < whole if at else sum(sent) == whole
    assert all(len(each) <= vicinity.SLOTS for each in shared.large.values())


def test_the_ground_of_an_earlier_revision_stays_as_it_was(store: Store, bench: Workbench, begin: Begin) -> None:
    box = (-180.0, -90.0, 180.0, 90.0)

    def seen(at: int) -> Any:
        with reading(store.world) as connection:
            ground = StoreGround(connection, at)
            units = {(each.uid, each.code, each.shape.wkb) for each in ground.units(box)}
            others = {(each.layer, each.uid, each.shape.wkb) for each in ground.followers(box)}
            below = [each.code for each in ground.units_below(WEST)]
            return units, others, below, ground.unit(UNITS[2]), sorted(ground.taken(STREET))

    before = seen(1)
    draft = begin()
    work, _ = bench.add(draft.id, [across(store, UNITS[2]), {"op": "renumber", "community": EAST}], "anna", None)
    publish_draft(bench, draft.id, Wanted(work.draft.version, "anna"))
    assert seen(1) == before
    after = seen(current_head(store))
    assert after[3] is None
    assert set(after[4]) > set(before[4])
    assert len(after[0]) == len(before[0]) + 1


def test_a_ground_names_what_it_was_asked_for_by_code(store: Store) -> None:
    with reading(store.world) as connection:
        ground = StoreGround(connection, 1)
        ground.units((114.05, 22.54, 114.06, 22.55))
        assert ground.named == set()
        unit = ground.unit(UNITS[2])
        assert unit is not None
        assert ground.named == {unit.key}


@pytest.mark.parametrize("first", ["rename_division", "set"])
def test_a_draft_conflicts_with_what_it_names_though_it_does_not_change_it(
    store: Store, bench: Workbench, begin: Begin, first: str
) -> None:
    """A merge of communities recodes all units below: a note on one of them is a change under its hands."""
    one, two = begin(author="bob"), begin()
    edits = {
        "rename_division": {"op": "rename_division", "division": EAST, "name": "新社区"},
        "set": {"op": "set", "unit": f"{EAST}003", "attributes": {"note": "x"}},
    }
    bench.add(two.id, [{"op": "merge_divisions", "divisions": [WEST, EAST], "into": WEST}], "anna", None)
    work, _ = bench.add(one.id, [edits[first]], "bob", None)
    publish_draft(bench, one.id, Wanted(work.draft.version, "bob", "mine"))
    conflicts = bench.look(two.id).conflicts
    assert {each.code for each in conflicts} == {"draft_conflict"}
    assert {each.thing for each in conflicts} == {EAST if first == "rename_division" else f"{EAST}003"}
    assert "revision 2 (bob: mine)" in conflicts[0].en


def test_outlines_that_only_follow_units_are_no_conflict(store: Store, bench: Workbench, begin: Begin) -> None:
    """Both splits put nodes into the outline of the same community."""
    one, two = begin(), begin()
    first, second = across(store, f"{WEST}004"), across(store, f"{WEST}012")
    outlines = []
    versions = []
    for draft, edit in ((one, first), (two, second)):
        work, _ = bench.add(draft.id, [edit], "anna", None)
        outlines.append({each.key for each in work.sketch.edit.begun if each.layer == "divisions"})
        versions.append(work.draft.version)
    assert outlines[0] & outlines[1]
    publish_draft(bench, one.id, Wanted(versions[0], "anna"))
    made = publish_draft(bench, two.id, Wanted(versions[1], "anna"))
    assert made.revision.number == 3


def test_a_row_that_others_added_under_the_same_code_is_a_conflict(
    store: Store, bench: Workbench, begin: Begin
) -> None:
    put = {"op": "put", "layer": "departments", "code": "NEW", "values": {"name": "one"}}
    one, two = begin(), begin()
    version = bench.add(one.id, [put], "anna", None)[0].draft.version
    bench.add(two.id, [{**put, "values": {"name": "two"}}], "bob", None)
    publish_draft(bench, one.id, Wanted(version, "anna"))
    assert [(each.code, each.thing) for each in bench.look(two.id).conflicts] == [("draft_conflict", "NEW")]


def test_a_draft_whose_edit_is_refused_on_the_newest_revision_says_why(
    store: Store, bench: Workbench, begin: Begin
) -> None:
    """The code that it gives was given meanwhile to a unit that it does not touch."""
    one, two = begin(), begin()
    codes = [f"{WEST}900", f"{WEST}901"]
    version = bench.add(one.id, [{**across(store, UNITS[2]), "codes": codes}], "anna", None)[0].draft.version
    bench.add(two.id, [{**across(store, UNITS[6]), "codes": codes}], "bob", None)
    publish_draft(bench, one.id, Wanted(version, "anna"))
    assert [each.code for each in bench.look(two.id).conflicts] == ["draft_conflict", "code_taken"]


def test_a_dry_run_of_many_edits_names_the_one_that_is_refused(store: Store, bench: Workbench, begin: Begin) -> None:
    draft = begin()
    with pytest.raises(Refusal) as refused:
        bench.dry_run(
            draft.id, [across(store, UNITS[2]), across(store, UNITS[3]), {"op": "retire", "unit": "x", "into": "y"}]
        )
    assert [(each.code, each.row) for each in refused.value.faults] == [("unit_unknown", 3)]


def test_what_is_kept_of_a_draft_is_what_working_it_out_anew_gives(
    store: Store, bench: Workbench, begin: Begin
) -> None:
    """Also where a code was given and taken back within the draft: it counts as given."""
    draft = begin()
    bench.add(draft.id, [across(store, UNITS[2])], "anna", None)
    new = [each.code for each in bench.look(draft.id).sketch.edit.begun if each.uid < 0]
    bench.add(draft.id, [{"op": "merge", "units": new, "code": new[0]}], "anna", None)
    bench.add(draft.id, [across(store, UNITS[6])], "anna", None)
    again = Workbench(store, bench.doors).look(draft.id)
    assert again.sketch.edit == bench.look(draft.id).sketch.edit
    assert [each.begun for each in again.sketch.steps] == [each.begun for each in bench.look(draft.id).sketch.steps]


def test_a_split_asks_the_store_a_dozen_questions_whatever_the_size_of_the_city(store: Store) -> None:
    asked: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        asked.append(statement)

    document = across(store, UNITS[2])
    event.listen(store.world, "before_cursor_execute", note)
    try:
        with reading(store.world) as connection:
            apply(StoreGround(connection, 1, GBT), document)
    finally:
        event.remove(store.world, "before_cursor_execute", note)
    assert len(asked) <= 12, asked
    assert all("WHERE" in each for each in asked if " unit" in each or " division" in each)
