"""World files under readers and killed writers: every answer is wholly of one revision, whatever happens."""

import multiprocessing
import os
import random
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from ctypes import c_longlong
from multiprocessing.connection import Connection as Pipe
from multiprocessing.synchronize import Event
from pathlib import Path

import numpy as np
import pytest
import shapely

from gis.heap.folder import Folder, Root, verify
from gis.heap.lines import LINE_BYTES
from gis.locate import PolygonIndex
from tests.coverages import lattice
from tests.faults.revolving import UNITS, Seen, ask, read_on, write_next

SPAWN = multiprocessing.get_context("spawn")
PATIENCE_S = 300
COMPACT_EVERY = 20


@contextmanager
def readers(path: Path, count: int, lookups: int, revisions: int) -> Iterator[tuple[list[Pipe], Event]]:
    """Processes that ask the files in `path`, ready when this begins; what they have seen comes through the pipes."""
    ended = SPAWN.Event()
    ends = [SPAWN.Pipe(duplex=False) for _ in range(count)]
    made = [SPAWN.Process(target=read_on, args=(path, lookups, revisions, ended, sender)) for _, sender in ends]
    for each in made:
        each.start()
    pipes = [mine for mine, _ in ends]
    try:
        for each in pipes:
            assert each.poll(PATIENCE_S), "a reader did not begin"
            assert each.recv() == "ready"
        yield pipes, ended
    finally:
        ended.set()
        for each in made:
            each.join(20)
            each.kill()
            each.join()


def collect(pipes: list[Pipe]) -> list[Seen]:
    for each in pipes:
        assert each.poll(PATIENCE_S), "a reader did not end"
    return [each.recv() for each in pipes]


def ask_while_revisions_flip(path: Path, lookups: int, revisions: int) -> list[Seen]:
    """Two readers with `lookups` each, and a writer that goes on until both have done."""
    folder, chance, written = Folder(path), np.random.default_rng(3), 0
    with folder.writing(wait=True) as writer, readers(path, 2, lookups, revisions) as (pipes, _):
        assert writer is not None
        while not all(each.poll() for each in pipes):
            written = write_next(writer, folder, chance, compact=written % COMPACT_EVERY == COMPACT_EVERY - 1)
        return collect(pipes)


def assert_no_torn_read(path: Path, lookups: int, revisions: int) -> None:
    for seen in ask_while_revisions_flip(path, lookups, revisions):
        assert seen.faults == []
        assert seen.lookups >= lookups
        assert len(seen.revisions) >= revisions
        assert len(seen.files) >= 2, "no reader changed files"
    assert len(list(path.glob("world-*.heap"))) == 1


def test_no_answer_mixes_revisions_while_they_flip_and_files_change(tmp_path: Path) -> None:
    assert_no_torn_read(tmp_path, 10_000, 50)


@pytest.mark.campaign
def test_of_100_000_lookups_none_mixes_revisions(tmp_path: Path) -> None:
    assert_no_torn_read(tmp_path, 100_000, 500)


def write_for_ever(path: Path, done: c_longlong, seed: int) -> None:
    """Publish revision after revision, telling each when it is in force."""
    folder, chance = Folder(path), np.random.default_rng(seed)
    with folder.writing(wait=True) as writer:
        assert writer is not None
        while True:
            done.value = write_next(writer, folder, chance, compact=chance.random() < 0.2)


def nest(path: Path, done: c_longlong, pipe: Pipe) -> None:
    """A process with every kernel loaded, that forks a writer whenever it is told where, and buries it."""
    with Folder(path).writing(wait=True) as writer:
        assert writer is not None
        for compact in (False, False, False, True):
            began = time.perf_counter()
            write_next(writer, Folder(path), np.random.default_rng(0), compact)
    pipe.send(time.perf_counter() - began)
    while (where := pipe.recv()) is not None:
        child = os.fork()
        if child == 0:
            write_for_ever(Path(where), done, os.getpid())
        pipe.send(child)
        os.waitpid(child, 0)
        pipe.send(0)


def kill_writers(folder: Path, times: int, each_folder: int, seed: int) -> tuple[int, int]:
    """Kill `times` writers at random moments, and look at the files after each; (revisions, of them unacknowledged).

    After every `each_folder` kills the next writer begins in an empty folder.
    """
    # Without a lock, which a killed writer would hold for ever.
    chance, done = random.Random(seed), SPAWN.Value("q", 0, lock=False)
    mine, theirs = SPAWN.Pipe()
    process = SPAWN.Process(target=nest, args=(folder / "nest", done, theirs))
    process.start()
    total = unsaid = 0
    try:
        assert mine.poll(PATIENCE_S)
        longest = max(0.08, 5 * mine.recv())  # on a busy machine a writer would be killed before it begins
        for group in range(-(-times // each_folder)):
            path = folder / f"world-{group}"
            done.value = 0
            with readers(path, 1, 10**9, 1) as (pipes, ended):
                for _ in range(min(each_folder, times - group * each_folder)):
                    before = done.value
                    mine.send(str(path))
                    writer = mine.recv()
                    time.sleep(chance.uniform(0, longest))
                    os.kill(writer, signal.SIGKILL)
                    mine.recv()
                    found = revision_in(path)
                    assert max(before, done.value) <= found <= done.value + 1
                    unsaid += found - done.value
                    done.value = found
                ended.set()
                (seen,) = collect(pipes)
            assert seen.faults == []
            total += done.value
        mine.send(None)
        process.join(20)
    finally:
        process.kill()
        process.join()
    return total, unsaid


def revision_in(path: Path) -> int:
    """The number of the revision in force, which is whole; 0 when there is none."""
    root = Folder(path).root()
    if root is None:
        return 0
    verify(root)
    index = PolygonIndex.read(root.heap, root.content["index"])
    assert ask(root, index, np.random.default_rng(0), 200) == []
    assert len(index) == UNITS
    return int(root.content["revision"])


def test_a_writer_killed_at_any_moment_leaves_a_whole_revision_and_the_next_goes_on(tmp_path: Path) -> None:
    revisions, _ = kill_writers(tmp_path, 25, 5, seed=1)
    assert revisions > 25


@pytest.mark.campaign
def test_200_killed_writers_leave_whole_revisions(tmp_path: Path) -> None:
    revisions, _ = kill_writers(tmp_path, 200, 20, seed=2)
    assert revisions > 200


def test_what_a_killed_writer_left_behind_is_taken_away_by_the_next(tmp_path: Path) -> None:
    folder, chance = Folder(tmp_path), np.random.default_rng(0)
    with folder.writing(wait=True) as writer:
        assert writer is not None
        write_next(writer, folder, chance)
    leftover = tmp_path / "world-000007.heap"
    leftover.write_bytes(bytes(1000))
    with folder.writing(wait=True) as writer:
        assert writer is not None
        write_next(writer, folder, chance, compact=True)
    assert [each.name for each in tmp_path.glob("world-*.heap")] == ["world-000008.heap"]
    assert revision_in(tmp_path) == 2


def map_and_weigh(path: Path, pipe: Pipe) -> None:
    """Map the files, read all of them, ask, and tell what the mapping takes of memory when told to."""
    root = Folder(path).root()
    assert root is not None
    verify(root)
    index = PolygonIndex.read(root.heap, root.content["index"])
    pipe.send(index.lowest(np.array(root.content["points"])).tolist())
    pipe.recv()
    pipe.send(weigh(root))
    pipe.recv()


def weigh(root: Root) -> dict[str, int]:
    """Bytes of Rss, Pss, Private_Dirty of the mapping of a root's file in this process."""
    found = {"Rss": 0, "Pss": 0, "Private_Dirty": 0, "Anonymous": 0}
    here = False
    for line in Path("/proc/self/smaps").read_text().splitlines():
        name, _, value = line.partition(":")
        if "-" in name and " " in name:
            here = line.endswith(root.heap.path.name)
        elif here and name in found:
            found[name] += int(value.split()[0]) * 1024
    return found


def test_three_processes_hold_one_city_in_memory_once(tmp_path: Path) -> None:
    shapes, codes = lattice(160, 125)
    points = shapely.get_coordinates(shapely.point_on_surface(shapes[::100]))
    with Folder(tmp_path).writing(wait=True) as writer:
        assert writer is not None
        heap = writer.begin(1)
        index = PolygonIndex.build(shapes, codes, trusted=True, heap=heap)
        writer.publish({"index": index.tell(), "points": points.tolist()})
        size = heap.used * LINE_BYTES
    del index, heap, writer
    ends = [SPAWN.Pipe() for _ in range(3)]
    made = [SPAWN.Process(target=map_and_weigh, args=(tmp_path, theirs)) for _, theirs in ends]
    for each in made:
        each.start()
    try:
        for mine, _ in ends:
            assert mine.poll(PATIENCE_S)
            assert mine.recv() == list(range(0, len(shapes), 100))
        for mine, _ in ends:
            mine.send("weigh")
        weighed = [mine.recv() for mine, _ in ends]
    finally:
        for each in made:
            each.kill()
            each.join()
    assert size > 1000 * len(shapes)
    for each in weighed:
        assert each["Rss"] > 0.95 * size
        assert each["Private_Dirty"] == each["Anonymous"] == 0
    assert sum(each["Pss"] for each in weighed) < 1.05 * size
