"""An import that runs as a job is published once, however often its workers are killed."""

import multiprocessing
import random
import shutil
import time
from pathlib import Path

import pytest
from sqlalchemy import select

from api.jobs import folders
from api.jobs.importing import IMPORT, ImportArguments
from api.jobs.records import Job, find_job, make_job, new_id
from api.jobs.registry import KINDS
from api.jobs.runner import Runner
from api.keys import LOCAL
from api.settings import Settings
from gis.store.engine import Store, open_store, reading
from gis.store.tables import ticket
from tests.faults.test_killed_import import Town, assert_whole, build, name_in_force
from tests.journeys.commands import Office

LAPSE_S = 1.5
"""Longer than a worker that lives is ever silent on a busy machine: one that is taken for dead counts as an attempt."""


def work(url: str, data: Path) -> None:
    """A server's thread of jobs in a process of its own; it goes on until it is killed."""
    store = open_store(url)
    runner = Runner(store, Settings(data=data), KINDS, lapse_s=LAPSE_S, beat_s=0.1, poll_s=0.02)
    while True:
        if not runner.run_one():
            time.sleep(0.02)


def ask(store: Store, town: Town, data: Path, name: str) -> Job:
    """Put an import of one of the files down, as the server does."""
    job_id = new_id()
    with folders.incoming(data, job_id) as folder:
        for part, file in (("file", town.path(name)), ("gaps_file", town.office.folder / "city" / "units.gpkg")):
            (folder / part).mkdir()
            shutil.copy(file, folder / part)
        folders.keep(data, job_id)
    arguments = ImportArguments(
        layer="units",
        file=f"file/{name}.gpkg",
        file_layer="units",
        gaps_file="gaps_file/units.gpkg",
        gaps="gaps",
        commit=True,
    )
    place = folders.place_of(data)
    return make_job(store, LOCAL, IMPORT.name, arguments.model_dump(mode="json"), place, job_id=job_id)


def look(store: Store, job: Job) -> Job:
    with reading(store.log) as connection:
        return find_job(connection, job.id)


def run_and_kill(store: Store, data: Path, job: Job, workers: int, after_s: float) -> Job:
    """Let workers at the jobs and kill them a while after one has begun with this job, or when it has ended."""
    maker = multiprocessing.get_context("forkserver")
    maker.set_forkserver_preload(["tests.faults.test_killed_jobs"])
    url = store.world.url.render_as_string(hide_password=False)
    processes = [maker.Process(target=work, args=(url, data)) for _ in range(workers)]
    for process in processes:
        process.start()
    try:
        begun, end = job.attempt, time.monotonic() + 60
        while time.monotonic() < end and not (found := look(store, job)).has_ended:
            if found.attempt > begun:
                begun, end = found.attempt, min(end, time.monotonic() + after_s)
            time.sleep(0.01)
    finally:
        for process in processes:
            process.kill()
        for process in processes:
            process.join()
            process.close()
    return look(store, job)


@pytest.fixture
def office(store_url: str, tmp_path: Path) -> Office:
    return Office(store_url, tmp_path)


def kill_and_look(office: Office, jobs: int, units: int, seed: int) -> None:
    town, data = build(office, units), office.folder / "data"
    store, chance = open_store(office.store), random.Random(seed)
    try:
        before, killed = assert_whole(store, town), 0
        for number in range(jobs):
            new = next(name for name in town.names if name != name_in_force(store))
            job = ask(store, town, data, new)
            for _ in range(chance.randint(1, 2)):
                job = run_and_kill(store, data, job, 2, chance.uniform(0.0, 0.4) if killed else 0.0)
                killed += not job.has_ended
            found = run_and_kill(store, data, job, 2, 60.0)
            assert found.state == "done", found.fault
            assert found.result is not None
            assert found.result["revision"] == before + 1
            assert assert_whole(store, town) == before + 1, f"job {number} was not published once"
            assert name_in_force(store) == new
            before += 1
        assert killed, "no worker was killed while a job ran"
        with reading(store.world) as connection:
            assert len(connection.execute(select(ticket)).all()) == jobs
    finally:
        store.close()


def test_jobs_whose_workers_are_killed_are_published_once(office: Office) -> None:
    kill_and_look(office, 6 if office.store.startswith("sqlite") else 3, 250, seed=5)


@pytest.mark.campaign
@pytest.mark.parametrize("seed", range(3))
def test_many_jobs_whose_workers_are_killed_are_published_once(office: Office, seed: int) -> None:
    kill_and_look(office, 25, 1_000, seed)
