"""Several processes on one store and one folder of world files."""

import multiprocessing
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection as Pipe
from pathlib import Path
from typing import Any

from gis.heap.folder import Folder
from gis.store.engine import Store
from tests.api.looking import HEAD, change, watch_worlds
from tests.api.small_world import UNITS

SPAWN = multiprocessing.get_context("spawn")
PATIENCE_S = 120


@contextmanager
def processes(count: int, url: str, folder: Path) -> Iterator[list[Pipe]]:
    ends = [SPAWN.Pipe() for _ in range(count)]
    made = [SPAWN.Process(target=watch_worlds, args=(url, folder, theirs)) for _, theirs in ends]
    for each in made:
        each.start()
    try:
        yield [mine for mine, _ in ends]
        for each in made:
            each.join(20)
    finally:
        for each in made:
            each.kill()
            each.join()


def hear(pipe: Pipe) -> Any:
    assert pipe.poll(PATIENCE_S)
    return pipe.recv()


def test_one_of_several_processes_writes_and_all_see_each_revision(store_of_either: Store, tmp_path: Path) -> None:
    folder = tmp_path / "data" / "world" / "0"
    url = store_of_either.world.url.render_as_string(hide_password=False)
    with processes(3, url, folder) as pipes:
        assert [hear(each) for each in pipes] == ["ready"] * 3
        for each in pipes:
            each.send("go")
        first = [hear(each) for each in pipes]
        assert {(number, tuple(units)) for number, units, _ in first} == {(HEAD, UNITS)}
        (word,) = {word for *_, word in first}
        assert word == Folder(folder).word() > 0
        number = change(store_of_either, folder.parent / "in", "新城管局")
        for each in pipes:
            each.send(number)
        last = [hear(each) for each in pipes]
    for seen, name, _, _ in last:
        assert (seen, name) == ([HEAD, number], "新城管局")
    assert {word for *_, word, _ in last} == {Folder(folder).word()}
    read = [each for *_, loaded in last for each in loaded]
    assert read.count(HEAD) == 1, "another process read the store too"
    assert read.count(number) <= 1
    assert len(list(folder.glob("world-*.heap"))) == 1
