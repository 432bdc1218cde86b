"""Drafts under writers that race, and under a kill between the commit and the root word."""

import os
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

from api.editing.drafting import DOORS
from api.worlds import Worlds
from gis.errors import Refusal
from gis.store.engine import Store, open_store, reading, writing
from gis.store.revisions import current_head, list_revisions
from grids.drafts.publishing import Wanted, publish_draft
from grids.drafts.records import create_draft
from grids.drafts.workbench import Workbench
from grids.tables import unit
from tests.api.small_world import SIDE, SOUTH, UNITS, WEST, make_world


@pytest.fixture
def world(store_url: str, tmp_path: Path) -> Iterator[Store]:
    (tmp_path / "files").mkdir()
    store = make_world(store_url, tmp_path / "files")
    yield store
    store.close()


def split(index: int, at: float = 0.5) -> dict[str, Any]:
    x = WEST + SIDE * (index + at)
    return {"op": "split", "unit": UNITS[index], "line": [[x, SOUTH - 0.001], [x, SOUTH + SIDE + 0.001]]}


def note(index: int, text: str) -> dict[str, Any]:
    return {"op": "set", "unit": UNITS[index], "attributes": {"note": text}}


def drafted(bench: Workbench, *documents: dict[str, Any]) -> tuple[str, int]:
    with writing(bench.store.world) as connection:
        draft = create_draft(connection, "", "race", "anna")
    work, _ = bench.add(draft.id, documents, "anna", None)
    return draft.id, work.draft.version


def try_to_publish(bench: Workbench, draft: tuple[str, int]) -> str:
    try:
        publish_draft(bench, draft[0], Wanted(draft[1], "anna"))
        return "published"
    except Refusal as refusal:
        return refusal.code


def test_of_writers_racing_for_one_unit_one_wins_and_the_others_are_told(world: Store) -> None:
    benches = [Workbench(world, DOORS) for _ in range(4)]
    drafts = [drafted(bench, note(0, f"writer {number}")) for number, bench in enumerate(benches)]
    before = current_head(world)
    with ThreadPoolExecutor(4) as pool:
        told = list(pool.map(try_to_publish, benches, drafts))
    assert sorted(told) == ["draft_conflict"] * 3 + ["published"]
    assert current_head(world) == before + 1
    with reading(world.world) as connection:
        held = select(unit.c.note).where(unit.c.code == UNITS[0], unit.c.to_revision.is_(None))
        assert connection.execute(held).scalar_one() == f"writer {told.index('published')}"


def test_writers_racing_for_different_units_all_win_and_no_number_is_missing(world: Store) -> None:
    benches = [Workbench(world, DOORS) for _ in range(3)]
    drafts = [drafted(bench, note(2 * number, f"writer {number}")) for number, bench in enumerate(benches)]
    before = current_head(world)
    with ThreadPoolExecutor(3) as pool:
        assert list(pool.map(try_to_publish, benches, drafts)) == ["published"] * 3
    with reading(world.world) as connection:
        assert [each.number for each in list_revisions(connection, before)] == [before + 1, before + 2, before + 3]
        notes = select(unit.c.note).where(unit.c.to_revision.is_(None), unit.c.note.like("writer%"))
        assert sorted(connection.execute(notes).scalars()) == ["writer 0", "writer 1", "writer 2"]


def test_a_draft_published_twice_at_once_makes_one_revision(world: Store) -> None:
    benches = [Workbench(world, DOORS) for _ in range(4)]
    draft = drafted(benches[0], split(0))
    before = current_head(world)
    with ThreadPoolExecutor(4) as pool:
        told = list(pool.map(lambda bench: try_to_publish(bench, draft), benches))
    assert told.count("published") == 1
    assert set(told) <= {"published", "draft_closed", "draft_changed"}
    assert current_head(world) == before + 1


def test_edits_added_at_once_all_count(world: Store) -> None:
    benches = [Workbench(world, DOORS) for _ in range(3)]
    with writing(world.world) as connection:
        draft = create_draft(connection, "", "race", "anna")
    with ThreadPoolExecutor(3) as pool:
        list(pool.map(lambda pair: pair[1].add(draft.id, [note(pair[0], "x")], "anna", None), enumerate(benches)))
    work = benches[0].look(draft.id)
    assert {each["unit"] for each in work.documents} == set(UNITS[:3])
    assert work.draft.version == draft.version + 3


def publish_and_die(url: str, draft: tuple[str, int]) -> None:
    store = open_store(url)
    publish_draft(Workbench(store, DOORS), draft[0], Wanted(draft[1], "anna"))
    os.kill(os.getpid(), signal.SIGKILL)  # after the commit, before anybody heard of it


def test_a_kill_between_the_commit_and_the_root_word_heals_by_itself(
    world: Store, store_url: str, tmp_path: Path
) -> None:
    worlds = Worlds(world, tmp_path / "world", poll_s=0)
    before = worlds.newest()
    bench = Workbench(world, DOORS)
    draft = drafted(bench, split(0))
    process = get_context("spawn").Process(target=publish_and_die, args=(store_url, draft))
    process.start()
    process.join(60)
    assert process.exitcode == -signal.SIGKILL
    assert current_head(world) == before.revision + 1
    assert bench.look(draft[0]).draft.state == "published"
    for each in (worlds, Worlds(world, tmp_path / "world")):
        desk = each.newest()
        assert desk.revision == before.revision + 1
        assert UNITS[0] not in {desk.grid.units.codes[slot] for slot in range(len(desk.grid.units))}
    assert try_to_publish(bench, draft) == "draft_closed"
    with reading(world.world) as connection:
        begun = select(func.count()).select_from(unit).where(unit.c.from_revision == before.revision + 1)
        assert connection.execute(begun).scalar_one() >= 2
