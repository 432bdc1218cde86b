"""A draft from its first edit to its revision, on both stores."""

from typing import Any

import pytest

from gis import coverage
from gis.errors import Refusal
from gis.store.engine import Store, reading
from gis.store.revisions import current_head
from gis.store.scope import EVERYTHING
from gis.store.versions import Query, read_columns
from grids.drafts.publishing import Wanted, publish_draft
from grids.drafts.workbench import Workbench
from grids.edits.recoding import outline_of
from grids.ground import StoreGround
from grids.tables import division, gap, unit
from tests.grids.drafts.conftest import Begin
from tests.grids.edits.cities import EAST, WEST

UNIT = f"{WEST}003"


def across(store: Store, code: str, slant: float = 0.0) -> dict[str, Any]:
    """A split of a unit from west to east through its middle."""
    with reading(store.world) as connection:
        found = StoreGround(connection, current_head(store)).unit(code)
    assert found is not None
    west, south, east, north = found.shape.bounds
    middle = (south + north) / 2
    return {"op": "split", "unit": code, "line": [[west - 1e-4, middle], [east + 1e-4, middle + slant]]}


def in_force(store: Store) -> dict[str, Any]:
    with reading(store.world) as connection:
        return read_columns(connection, unit, Query(EVERYTHING), ("code", "geom", "uid", "area_m2", "initial_date"))


def assert_sound(store: Store) -> None:
    """The units are a coverage, and every division has the outer edges of its units."""
    units = in_force(store)
    with reading(store.world) as connection:
        gaps = read_columns(connection, gap, Query(EVERYTHING), ("geom", "name"))
        faults = coverage.check(units["geom"], units["code"], (gaps["geom"], gaps["name"]))
        assert [each for each in faults if each.severity == "error"] == []
        ground = StoreGround(connection, current_head(store))
        for code, shape in zip(
            *read_columns(connection, division, Query(EVERYTHING), ("code", "geom")).values(), strict=True
        ):
            assert outline_of(ground, code).equals(shape), code


def test_a_split_is_drafted_tried_and_published_as_one_revision(store: Store, bench: Workbench, begin: Begin) -> None:
    draft = begin()
    edit = across(store, UNIT)
    before = in_force(store)
    tried = bench.dry_run(draft.id, [edit]).sketch
    assert bench.look(draft.id).draft == draft
    work, _ = bench.add(draft.id, [edit], "anna", draft.version)
    assert work.sketch.edit == tried.edit
    made = publish_draft(bench, draft.id, Wanted(work.draft.version, "anna", "cut it"))
    assert (made.revision.number, made.revision.note, made.draft.state) == (2, "cut it", "published")
    after = in_force(store)
    assert UNIT not in after["code"]
    new = set(after["code"]) - set(before["code"])
    assert len(new) == 2
    for code, uid, area, date in zip(
        *(after[name] for name in ("code", "uid", "area_m2", "initial_date")), strict=True
    ):
        if code in new:
            assert uid > max(before["uid"])
            assert area > 100
            assert date == made.revision.effective_at.date().isoformat()
    assert_sound(store)


def test_every_edit_of_a_draft_counts_once_and_those_undone_not_at_all(
    store: Store, bench: Workbench, begin: Begin
) -> None:
    draft = begin()
    work, _ = bench.add(draft.id, [across(store, UNIT), across(store, f"{EAST}002")], "anna", None)
    made = publish_draft(bench, draft.id, Wanted(work.draft.version, "anna"))
    assert made.revision.counts["unit"]["retired"] == 2
    assert made.revision.counts["unit"]["created"] == 4
    assert_sound(store)


def test_a_stale_version_publishes_nothing(store: Store, bench: Workbench, begin: Begin) -> None:
    draft = begin()
    bench.add(draft.id, [across(store, UNIT)], "anna", None)
    with pytest.raises(Refusal) as refused:
        publish_draft(bench, draft.id, Wanted(draft.version, "anna"))
    assert refused.value.code == "draft_changed"
    assert current_head(store) == 1


def test_an_empty_draft_is_not_published(bench: Workbench, begin: Begin) -> None:
    draft = begin()
    with pytest.raises(Refusal) as refused:
        publish_draft(bench, draft.id, Wanted(draft.version, "anna"))
    assert refused.value.code == "draft_empty"


def test_a_draft_is_published_once(store: Store, bench: Workbench, begin: Begin) -> None:
    draft = begin()
    work, _ = bench.add(draft.id, [across(store, UNIT)], "anna", None)
    publish_draft(bench, draft.id, Wanted(work.draft.version, "anna"))
    with pytest.raises(Refusal) as refused:
        publish_draft(bench, draft.id, Wanted(work.draft.version, "anna"))
    assert refused.value.code == "draft_closed"
    assert current_head(store) == 2
