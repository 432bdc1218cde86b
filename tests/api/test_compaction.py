"""After many changes what is alive moves to a new file, beside those who read, and the rest gives its room back."""

import gc
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from api.watch import Watch
from api.worlds import Worlds
from cases.clerk import Clerk
from cases.reports import Defaults, from_record
from gis.heap.folder import Folder, verify
from gis.store.engine import Store, open_store
from gis.store.scope import EVERYTHING
from tests.api.test_advance import City, anew, unlike
from tests.cases.columnar import in_columns, one_by_one


@pytest.fixture
def store(made_url: str) -> Iterator[Store]:
    store = open_store(made_url)
    yield store
    store.close()


def room_of(folder: Path) -> int:
    """Bytes that the one world file takes on the disk."""
    (file,) = folder.glob("world-*.heap")
    return file.stat().st_blocks * 512


def still_mapped(folder: Path) -> list[str]:
    """Deleted world files that this process keeps from giving their room back."""
    maps = Path("/proc/self/maps").read_text().splitlines()
    return [line for line in maps if str(folder) in line and line.endswith("(deleted)")]


def test_what_many_changes_left_behind_gives_its_room_back_and_nobody_notices(store: Store, tmp_path: Path) -> None:
    city, folder = City(store, 3), tmp_path / "world"
    writer = Worlds(store, folder, poll_s=0)
    writer.newest()
    at_first = room_of(folder)
    for step in range(24):
        (city.rename, city.move, city.merge)[step % 3]()
        writer.newest()
    grown = room_of(folder)
    assert grown > 2 * at_first
    points = np.random.default_rng(1).uniform((114.05, 22.54), (114.06, 22.55), (200, 2))
    wanted = [writer.newest().grid.unit_code(int(each)) for each in writer.newest().grid.locate(points).units]
    stop, faults, words = threading.Event(), [], [set(), set()]

    def ask(seen: set[int]) -> None:
        reader = Worlds(None, folder)
        while not stop.is_set():
            try:
                grid = reader.newest().grid
                seen.add(reader._word)
                if [grid.unit_code(int(each)) for each in grid.locate(points).units] != wanted:
                    faults.append("another answer")
            except Exception as error:
                faults.append(repr(error))
                return

    readers = [threading.Thread(target=ask, args=(seen,)) for seen in words]
    for each in readers:
        each.start()
    for _ in range(12):
        before = {word for seen in words for word in seen}
        writer.compact()
        while not faults and any(seen <= before for seen in words):
            assert all(each.is_alive() for each in readers)
    stop.set()
    for each in readers:
        each.join(60)
    assert faults == []
    assert all(len(seen) >= 12 for seen in words)
    assert room_of(folder) < grown / 2
    assert room_of(folder) < 1.5 * at_first
    gc.collect()
    assert still_mapped(folder) == []
    assert unlike(Worlds(None, folder).newest(), anew(store, city.number), 0) == []


def test_changes_go_on_in_the_file_to_which_everything_moved(store: Store, tmp_path: Path) -> None:
    city, folder = City(store, 4), tmp_path / "world"
    worlds, other = Worlds(store, folder, poll_s=0), Worlds(store, folder, poll_s=0)
    for step in range(9):
        (city.leave, city.come, city.rename)[step % 3]()
        worlds.newest()
        if step % 4 == 1:
            worlds.compact()
        for each in (worlds, other):
            assert unlike(each.newest(), anew(store, city.number), step) == []
    root = Folder(folder).root()
    assert root is not None
    assert root.generation == 3
    verify(root)


def test_cases_in_columns_are_routed_beside_units_that_are_gone(store: Store, tmp_path: Path) -> None:
    city = City(store, 5)
    worlds = Worlds(store, tmp_path / "world", poll_s=0)
    worlds.newest()
    city.leave()
    desk = worlds.newest()
    assert "" in desk.grid.units.codes.all().tolist()
    points = np.random.default_rng(1).uniform((114.05, 22.54), (114.06, 22.55), (200, 2))
    cases = [
        from_record(
            {"lon": lon, "lat": lat, "crs": "CRS84", "accuracy_m": 30.0, "reported_at": "2026-05-01T08:00:00Z",
             "edition": "2026", "kind": "component", "class_code": "01001"}, Defaults(), strict=True,
        )
        for lon, lat in points.tolist()
    ]  # fmt: skip
    clerk = Clerk(desk)
    assert in_columns(clerk, cases) == one_by_one(clerk, cases)
    fresh = Clerk(anew(store, city.number))
    assert in_columns(clerk, cases) == in_columns(fresh, cases)


def test_a_server_lets_go_of_former_files_by_itself(store: Store, tmp_path: Path) -> None:
    city, folder = City(store, 6), tmp_path / "world"
    worlds = Worlds(store, folder, poll_s=0)
    watch = Watch(worlds)
    try:
        for step in range(4):
            city.rename()
            watch.look()
            assert watch.spots is not None
            watch.spots.answer(114.055, 22.545, 20.0, EVERYTHING)
            Clerk(watch.spots.desk)
            if step % 2:
                worlds.compact()
                watch.look()  # which also tells the collector that what is there will stay
        assert still_mapped(folder) == []
    finally:
        gc.unfreeze()


def test_files_that_are_mostly_dead_are_compacted_and_others_are_left(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.worlds.DEAD_LINES", 0)
    city, folder = City(store, 4), tmp_path / "world"
    worlds = Worlds(store, folder, poll_s=0)
    worlds.newest()
    before = Folder(folder).word() >> 40
    worlds.tidy()
    assert Folder(folder).word() >> 40 == before
    number, steps = 0, 0
    while Folder(folder).word() >> 40 == before:
        number = (city.rename, city.move)[steps % 2]()
        worlds.newest()
        worlds.tidy()
        steps += 1
        assert steps < 200
    assert steps > 2
    assert worlds.newest().revision == number
    assert unlike(worlds.newest(), anew(store, number), 1) == []
