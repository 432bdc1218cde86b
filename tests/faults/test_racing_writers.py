"""Writers of several threads and processes race on one store, and a reader follows the feed meanwhile."""

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
import shapely

from api.app import create_app
from api.migrations import migrate
from api.settings import Settings
from api.worlds import Worlds
from cases.desk import load_desk
from gis.store.engine import Store, open_store, reading
from gis.store.revisions import list_revisions
from tests.api.conftest import client
from tests.api.desks import differences, other_blocks
from tests.faults.racing import Told, write_in_threads
from tests.unbroken import oracle
from tests.unbroken.oracle import State
from tests.unbroken.towns import blocks, settle
from tests.unbroken.wholeness import assert_whole

LAYERS = {"units": "unit", "gaps": "gap", "divisions": "division", "areas": "area", "components": "component"}


@pytest.fixture
def town(store_url: str) -> Iterator[Store]:
    store = open_store(store_url, wait_s=60)
    migrate(store)
    settle(store, blocks(1), 1)
    yield store
    store.close()


class Follower:
    """Keeps a copy by the feed of changes alone: the shape of every unit, and the code of everything."""

    def __init__(self, http: httpx.Client, store: Store) -> None:
        self.http, self.store, self.since = http, store, "0"
        self.copies: dict[str, dict[int, Any]] = {name: {} for name in LAYERS}
        self.numbers: list[int] = []
        self.polls = 0

    def poll(self) -> None:
        """Read on to the end; where a page ends with a whole revision, the copy is that revision."""
        more = True
        while more:
            answer = self.http.get("/v1/changes", params={"since": self.since, "limit": 40})
            assert answer.status_code == 200, answer.text
            page = answer.json()
            for each in page["items"]:
                self.numbers.append(each["revision"])
                copy = self.copies.setdefault(each["layer"].partition(".")[0], {})
                assert (each["uid"] in copy) == (each["change"] != "created"), each
                copy.pop(each["uid"], None)
                if each["change"] != "retired":
                    copy[each["uid"]] = each["code"], each["properties"].get("note"), each["geometry"]
            self.since, more = page["next"], page["more"]
            self.polls += 1
            if self.since.isdigit():
                with reading(self.store.world) as connection:
                    self.compare(oracle.read_state(connection, int(self.since)))

    def compare(self, state: State) -> None:
        for layer, table in LAYERS.items():
            rows = state[table]
            assert {uid: each[0] for uid, each in self.copies[layer].items()} == {
                uid: row["code"] for uid, row in rows.items()
            }, (layer, self.since)
        for uid, row in state["unit"].items():
            _, note, geometry = self.copies["units"][uid]
            assert note == row["note"]
            shape = shapely.geometry.shape(geometry)
            assert shapely.equals_exact(shape, shapely.from_wkb(row["geom"]), 0)


def race(town: Store, folder: Path, begin: Callable[[str, Path], list[Future[list[Told]]]]) -> list[Told]:
    """Let writers write and a reader follow them; then everything that was acknowledged must be there."""
    data = folder / "world"
    url = town.world.url.render_as_string(hide_password=False)
    Worlds(town, data).newest()
    with client(create_app(Settings(data=folder / "data"), town)) as http:
        follower = Follower(http, town)
        writers = begin(url, data)
        while not all(each.done() for each in writers):
            follower.poll()
        told = [each for writer in writers for each in writer.result()]
        follower.poll()
    assert [fault for each in told for fault in each.faults] == []
    assert_nothing_lost(town, told, follower)
    assert_world_is_that_of_the_store(town, data)
    return told


def assert_nothing_lost(town: Store, told: list[Told], follower: Follower) -> None:
    """Each acknowledged revision is that of who published it, and no other is there; every count counts."""
    acknowledged = {number: mark for each in told for number, mark in each.revisions.items()}
    assert sum(len(each.revisions) for each in told) == len(acknowledged)
    with reading(town.world) as connection:
        made = list_revisions(connection, 1)
        state = oracle.read_state(connection)
        assert oracle.broken_lineage(connection) == []
        assert oracle.codes_given_twice(connection, set()) == []
    assert {each.number: each.author for each in made} == acknowledged
    assert [each.number for each in made] == list(range(2, len(made) + 2))
    assert sum(int(row["note"] or 0) for row in state["unit"].values()) == sum(each.added for each in told)
    assert oracle.broken_coverage(state) == []
    assert oracle.broken_divisions(state) == []
    assert follower.numbers == sorted(follower.numbers)
    assert set(follower.numbers) == {1, *acknowledged}
    assert follower.since == str(len(made) + 1)
    assert_whole(town)


def assert_world_is_that_of_the_store(town: Store, data: Path) -> None:
    for worlds in (Worlds(town, data, poll_s=0), Worlds(None, data)):
        desk = worlds.newest()
        with reading(town.world) as connection:
            fresh, state = load_desk(connection, desk.revision), oracle.read_state(connection)
        assert desk.revision == max(each.number for each in _revisions(town))
        places = oracle.places_to_ask(state, np.random.default_rng(0), 100)
        assert differences(desk, fresh, places) == []
        shapes = dict(zip(oracle.codes(state["unit"]), oracle.polygons(state["unit"]), strict=True))
        assert other_blocks(desk.grid.units, shapes) == 0


def _revisions(store: Store) -> Any:
    with reading(store.world) as connection:
        return list_revisions(connection)


def in_processes(folder: Path, processes: int, threads: int, times: int, pool: ProcessPoolExecutor) -> Any:
    def begin(url: str, data: Path) -> list[Future[list[Told]]]:
        marks = [[f"w{process}-{thread}" for thread in range(threads)] for process in range(processes)]
        return [pool.submit(write_in_threads, url, data, folder, each, times) for each in marks]

    return begin


def race_in_processes(town: Store, folder: Path, processes: int, threads: int, times: int) -> None:
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        told = race(town, folder, in_processes(folder, processes, threads, times, pool))
    published, late = sum(len(each.revisions) for each in told), sum(each.late for each in told)
    print(f"{town.dialect}: {published} revisions of {processes * threads} writers, {late} came too late")
    assert published > processes * threads


def test_racing_writers_lose_nothing_and_the_feed_has_no_gap(town: Store, tmp_path: Path) -> None:
    race_in_processes(town, tmp_path, processes=2, threads=2, times=6)


@pytest.mark.campaign
def test_many_racing_writers_lose_nothing_and_the_feed_has_no_gap(town: Store, tmp_path: Path) -> None:
    race_in_processes(town, tmp_path, processes=3, threads=3, times=30)
