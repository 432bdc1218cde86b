"""Ways to look at worlds and their files, for tests of several kinds and for the processes that they start."""

from collections.abc import Callable
from multiprocessing.connection import Connection as Pipe
from pathlib import Path
from typing import Any

import numpy as np

import api.worlds
from api.worlds import Worlds
from cases.desk import Desk, advance_desk, load_desk
from gis.store.engine import Store, open_store
from tests.api.small_world import DEPARTMENTS, UNITS, bring, centre

HEAD = 6  # of the small world


def note_loads(replace: Callable[[Any, str, Any], None]) -> list[int]:
    """The revisions that this process reads from the store from now on, whole or what changed."""
    read: list[int] = []

    def load(connection: Any, at: int, heap: Any = None) -> Desk:
        read.append(at)
        return load_desk(connection, at, heap)

    def advance(connection: Any, heap: Any, desk: Desk, told: Any, at: int) -> Any:
        read.append(at)
        return advance_desk(connection, heap, desk, told, at)

    replace(api.worlds, "load_desk", load)
    replace(api.worlds, "advance_desk", advance)
    return read


def units_of(desk: Desk) -> list[str | None]:
    """What the desk says of the middle of each unit."""
    found = desk.grid.locate(np.array([centre(at) for at in range(len(UNITS))])).units
    return [desk.grid.unit_code(int(each)) for each in found]


def file_of(folder: Path) -> Path:
    (found,) = folder.glob("world-*.heap")
    return found


def change(store: Store, folder: Path, name: str) -> int:
    """Publish a revision that changes the name of a department."""
    folder.mkdir(exist_ok=True)
    report = bring(store, folder, "departments", "departments.csv", DEPARTMENTS.replace("市城管局", name))
    assert report.revision is not None
    return report.revision.number


def flip(path: Path, place: int) -> None:
    with path.open("r+b") as file:
        file.seek(place)
        byte = file.read(1)[0]
        file.seek(place)
        file.write(bytes([byte ^ 0x10]))


def watch_worlds(url: str, folder: Path, pipe: Pipe) -> None:
    """A process that asks its worlds: at once, and then until it sees the revision that it is told of."""
    loaded = note_loads(setattr)
    store = open_store(url)
    worlds = Worlds(store, folder, poll_s=0.01)
    pipe.send("ready")
    pipe.recv()
    desk = worlds.renew()
    seen = [desk.revision]
    pipe.send((desk.revision, units_of(desk), worlds._word))
    wanted = pipe.recv()
    while seen[-1] < wanted:
        desk = worlds.renew()
        if desk.revision != seen[-1]:
            seen.append(desk.revision)
    pipe.send((seen, desk.grid.departments["CITY"]["name"], worlds._word, loaded))
    store.close()
