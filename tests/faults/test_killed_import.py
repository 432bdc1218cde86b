"""An import that is killed at any moment leaves whole revisions only, and the next import goes on."""

import multiprocessing
import os
import random
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from multiprocessing.connection import Connection as Pipe
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import Table, func, select, text

from api.cli.program import main
from api.migrations import migrate
from examples.model_city import write as write_city
from gis.formats import read, write
from gis.store.engine import Store, open_store, reading
from gis.store.revisions import head, list_revisions
from grids.tables import division, gap, unit
from tests.gis.store.ledger import assert_index_is_whole
from tests.journeys.commands import ROOT, Office

TABLES = (unit, division, gap)


@dataclass(frozen=True, slots=True)
class Town:
    """A grid in two files that differ in the name of every unit: one of them is always something new."""

    office: Office
    units: int
    names: tuple[str, str] = ("第一版", "第二版")

    def path(self, name: str) -> Path:
        return self.office.folder / f"{name}.gpkg"

    def arguments(self, name: str) -> list[str]:
        gaps = f"{self.office.folder / 'city' / 'units.gpkg'}:gaps"
        return ["import", "units", str(self.path(name)), "--layer", "units", "--gaps", gaps, "--commit"]


def build(office: Office, units: int) -> Town:
    """Write the two files and publish the first."""
    write_city(office.folder / "city", units=units, cases=0)
    table = read(office.folder / "city" / "units.gpkg", layer="units")
    town = Town(office, len(table))
    for name in town.names:
        columns = {**table.columns, "name": np.full(len(table), name, dtype=object)}
        write(town.path(name), type(table)(columns, table.geometry, table.crs, table.rows), layer="units")
    office.do(*town.arguments(town.names[0]))
    return town


def import_and_tell(arguments: list[str], environment: dict[str, str], ready: Pipe) -> None:
    """What `wangge` does, in a process of its own that says when it begins and when it has done."""
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = ["wangge", *arguments]
    with Path(os.devnull).open("w") as nowhere, redirect_stdout(nowhere), redirect_stderr(nowhere):
        ready.send_bytes(b"begin")
        try:
            main()
        finally:
            ready.send_bytes(b"end")


def kill_a_fork(town: Town, name: str, after_s: float) -> float:
    """Start an import in a fork that has the program loaded, and kill it; gives the seconds it ran."""
    maker = multiprocessing.get_context("forkserver")
    maker.set_forkserver_preload(["tests.faults.test_killed_import"])
    mine, theirs = maker.Pipe(duplex=False)
    process = maker.Process(target=import_and_tell, args=(town.arguments(name), town.office.environment(), theirs))
    process.start()
    try:
        assert mine.poll(60), "the import did not begin"
        began = time.perf_counter()
        mine.recv_bytes()
        mine.poll(after_s)
        return time.perf_counter() - began
    finally:
        process.kill()
        process.join()
        process.close()
        mine.close()
        theirs.close()


def kill_the_program(town: Town, name: str, after_s: float) -> float:
    """Start `wangge` itself and kill it; gives the seconds it ran."""
    began = time.perf_counter()
    process = subprocess.Popen(
        [ROOT / ".venv" / "bin" / "wangge", *town.arguments(name)],
        env=town.office.environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        process.wait(after_s)
    except subprocess.TimeoutExpired:
        process.kill()
    process.wait()
    return time.perf_counter() - began


def name_in_force(store: Store) -> str:
    """The one name that all units have."""
    with reading(store.world) as connection:
        names = connection.execute(select(unit.c.name).where(unit.c.to_revision.is_(None)).distinct()).scalars().all()
    (name,) = names
    return str(name)


def assert_whole(store: Store, town: Town) -> int:
    """Every revision has the rows it says it has, and the index those in force; the number of revisions."""
    with reading(store.world) as connection:
        made = list_revisions(connection)
        assert [each.number for each in made] == list(range(1, head(connection) + 1))
        for table in TABLES:
            told = {each.number: each.counts[table.name] for each in made}
            assert counted(store, table, "from_revision") == {
                number: sums["created"] + sums["changed"]
                for number, sums in told.items()
                if sums["created"] + sums["changed"]
            }
            assert counted(store, table, "to_revision") == {
                number: sums["retired"] + sums["changed"]
                for number, sums in told.items()
                if sums["retired"] + sums["changed"]
            }
        in_force = connection.execute(select(func.count()).where(unit.c.to_revision.is_(None))).scalar_one()
        if store.dialect == "sqlite":
            assert connection.execute(text("PRAGMA integrity_check")).scalar_one() == "ok"
    assert in_force == town.units
    for table in TABLES:
        assert_index_is_whole(store, table)
    return len(made)


def counted(store: Store, table: Table, column: str) -> dict[int, int]:
    """How many rows have each value of a column of revisions."""
    of = table.c[column]
    with reading(store.world) as connection:
        rows = connection.execute(select(of, func.count()).where(of.is_not(None)).group_by(of)).all()
    return {int(number): int(count) for number, count in rows}


def kill_and_look(town: Town, times: int, seed: int, kill: Callable[[Town, str, float], float]) -> None:
    """Kill `times` imports at moments spread evenly over the time that a whole one takes, in a random order."""
    store = open_store(town.office.store)
    try:
        whole_s = kill(town, town.names[1], 120.0)
        before = assert_whole(store, town)
        assert before == 2
        moments = [(number + 0.5) / times * 1.1 * whole_s for number in range(times)]
        random.Random(seed).shuffle(moments)
        done = 0
        for after_s in moments:
            new = next(name for name in town.names if name != name_in_force(store))
            kill(town, new, after_s)
            now = assert_whole(store, town)
            assert now - before == (name_in_force(store) == new)
            done += now - before
            before = now
        assert done < times, "no import was killed before it was done"
        new = next(name for name in town.names if name != name_in_force(store))
        town.office.do(*town.arguments(new))
        assert assert_whole(store, town) == before + 1
    finally:
        store.close()


@pytest.fixture
def office(store_url: str, tmp_path: Path) -> Office:
    return Office(store_url, tmp_path)


def test_a_killed_import_leaves_only_whole_revisions(office: Office) -> None:
    times = 20 if office.store.startswith("sqlite") else 5
    kill_and_look(build(office, 250), times, seed=11, kill=kill_a_fork)


@pytest.mark.campaign
@pytest.mark.parametrize("seed", range(2))
def test_many_killed_imports_leave_only_whole_revisions(office: Office, seed: int) -> None:
    kill_and_look(build(office, 2_000), 20, seed, kill=kill_the_program)


@pytest.fixture
def half_made(tmp_path: Path) -> Office:
    """A store whose making was killed between its two files: the world is there, the log of cases is not."""
    office = Office(f"sqlite:///{tmp_path / 'wangge.db'}", tmp_path)
    store = open_store(office.store)
    migrate(store)
    store.close()
    for leftover in tmp_path.glob("wangge-cases.db*"):
        leftover.unlink()
    return office


def test_a_store_that_was_killed_while_it_was_made_is_made_whole(half_made: Office) -> None:
    build(half_made, 250)


def test_a_log_that_was_lost_is_not_made_anew_in_silence(half_made: Office, tmp_path: Path) -> None:
    build(half_made, 250)
    for part in tmp_path.glob("wangge-cases.db*"):
        part.unlink()
    said = half_made.run("revisions")
    assert (said.code, "store_outdated" in said.err) == (8, True)
