"""A publisher of drafts that is killed at any moment: whole revisions only, nothing acknowledged lost, world healed."""

import multiprocessing
import random
from collections.abc import Iterator
from multiprocessing.connection import Connection as Pipe
from pathlib import Path
from time import sleep
from typing import Any

import numpy as np
import pytest
from sqlalchemy import event, select

from api.editing.drafting import DOORS
from api.migrations import migrate
from api.worlds import Worlds
from cases.desk import load_desk
from gis.errors import Refusal
from gis.store.engine import Store, open_store, reading
from gis.store.tables import revision
from grids.drafts.tables import draft
from grids.drafts.workbench import Workbench
from tests.api.desks import differences, other_blocks
from tests.faults.racing import Told, add_one, cut
from tests.unbroken import oracle
from tests.unbroken.towns import blocks, settle
from tests.unbroken.wholeness import assert_whole

BEGIN, LOCKED, COMMITTED, ACKNOWLEDGED = "begin", "locked", "committed", "acknowledged"
MOMENTS = (None, LOCKED, COMMITTED, None, LOCKED)
"""After which word a publisher is killed, None for any moment."""


def publish_for_ever(url: str, data: Path, seed: int, pipe: Pipe) -> None:
    """Draft, publish, let the world files follow, and tell so, until somebody ends this process."""
    store, chance = open_store(url), random.Random(seed)
    bench, worlds = Workbench(store, DOORS), Worlds(store, data, poll_s=0)
    worlds.newest()

    @event.listens_for(store.world, "after_cursor_execute")
    def tell(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        if statement.startswith("UPDATE counter SET revision"):
            pipe.send((LOCKED, None))

    pipe.send((BEGIN, None))
    while True:
        told = Told()
        try:
            chance.choice([add_one, cut])(bench, told, f"seed {seed}", chance)
        except Refusal:  # of a line that cannot be: draw another one
            continue
        (number,) = told.revisions
        pipe.send((COMMITTED, number))
        worlds.renew_to(number)
        pipe.send((ACKNOWLEDGED, number))


class Hearing:
    """What a publisher says, and which revisions it said were published."""

    def __init__(self, pipe: Pipe) -> None:
        self.pipe = pipe
        self.acknowledged: list[int] = []

    def next(self) -> str:
        word, number = self.pipe.recv()
        if word in (COMMITTED, ACKNOWLEDGED):
            self.acknowledged.append(number)
        return str(word)

    def wait_for(self, wanted: str) -> None:
        heard = ""
        while heard != wanted:
            assert self.pipe.poll(60), f"the publisher never said {wanted}"
            heard = self.next()

    def drain(self) -> None:
        try:
            while self.pipe.poll():
                self.next()
        except (EOFError, OSError):
            pass  # it died while it spoke


def kill_a_publisher(url: str, data: Path, seed: int, moment: str | None) -> list[int]:
    """Kill it at any moment, or soon after it said a word; the revisions that it had told of."""
    chance = random.Random(seed)
    maker = multiprocessing.get_context("forkserver")
    maker.set_forkserver_preload(["tests.faults.test_killed_publish"])
    mine, theirs = maker.Pipe(duplex=False)
    publisher = maker.Process(target=publish_for_ever, args=(url, data, seed, theirs))
    publisher.start()
    theirs.close()
    hearing = Hearing(mine)
    try:
        hearing.wait_for(BEGIN)
        if moment is None:
            sleep(chance.uniform(0, 0.3))
        else:
            for _ in range(chance.randrange(3)):
                hearing.wait_for(ACKNOWLEDGED)
            hearing.wait_for(moment)
            sleep(chance.uniform(0, 0.02))
        assert publisher.is_alive()
    finally:
        publisher.kill()
        publisher.join()
        publisher.close()
    hearing.drain()
    mine.close()
    return hearing.acknowledged


def assert_nothing_lost(store: Store, acknowledged: list[int], seed: int) -> int:
    """Whole revisions, each acknowledged one among them, a draft for each; the number of the newest."""
    newest = assert_whole(store)
    with reading(store.world) as connection:
        authors = dict(connection.execute(select(revision.c.number, revision.c.author)).all())
        assert {authors.get(number) for number in acknowledged} <= {f"seed {seed}"}
        published = connection.execute(select(draft.c.revision).where(draft.c.state == "published")).scalars()
        assert sorted(published) == list(range(2, newest + 1))
        state = oracle.read_state(connection)
        assert oracle.broken_lineage(connection) == []
    assert oracle.broken_coverage(state) == []
    assert oracle.broken_divisions(state) == []
    return newest


def assert_world_heals(store: Store, data: Path) -> None:
    """After a start the world files are those of the newest revision, and answer as files made anew."""
    desk = Worlds(store, data, poll_s=0).newest()
    with reading(store.world) as connection:
        state = oracle.read_state(connection)
        fresh = load_desk(connection, desk.revision)
    assert Worlds(None, data).newest().revision == desk.revision == max(_numbers(store))
    places = oracle.places_to_ask(state, np.random.default_rng(0), 40)
    assert differences(desk, fresh, places) == []
    shapes = dict(zip(oracle.codes(state["unit"]), oracle.polygons(state["unit"]), strict=True))
    assert other_blocks(desk.grid.units, shapes) == 0


def _numbers(store: Store) -> list[int]:
    with reading(store.world) as connection:
        return list(connection.execute(select(revision.c.number)).scalars())


def kill_and_look(store: Store, folder: Path, times: int) -> int:
    """Kill so many publishers; the number of the revisions that there are in the end."""
    url = store.world.url.render_as_string(hide_password=False)
    newest = 1
    for seed in range(times):
        acknowledged = kill_a_publisher(url, folder, seed, MOMENTS[seed % len(MOMENTS)])
        now = assert_nothing_lost(store, acknowledged, seed)
        assert now >= max([newest, *acknowledged])
        newest = now
        assert_world_heals(store, folder)
    return newest


@pytest.fixture
def town(store_url: str) -> Iterator[Store]:
    store = open_store(store_url)
    migrate(store)
    settle(store, blocks(1), 1)
    yield store
    store.close()


def test_a_killed_publisher_of_drafts_leaves_whole_revisions_and_a_world_that_heals(
    town: Store, tmp_path: Path
) -> None:
    assert kill_and_look(town, tmp_path / "world", 5) > 1


@pytest.mark.campaign
def test_200_killed_publishers_of_drafts_lose_nothing_and_the_world_heals(town: Store, tmp_path: Path) -> None:
    newest = kill_and_look(town, tmp_path / "world", 200)
    print(f"{town.dialect}: 200 kills, {newest} revisions")
    assert newest > 100
