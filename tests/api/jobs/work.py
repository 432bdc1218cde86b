"""Jobs of the tests: kinds that do what a test says, and a caller with a runner beside it."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from fastapi import FastAPI

from api.jobs import folders
from api.jobs.kinds import Arguments, Context, Kind, Outcome
from api.jobs.records import Job, find_job, make_job
from api.jobs.runner import Runner
from api.keys import LOCAL, Key
from api.settings import Settings
from gis.store.engine import Store, reading


class Nothing(Arguments):
    """No arguments."""


def do_nothing(context: Context, arguments: Nothing) -> Outcome:
    return Outcome({"done": True})


def of(run: Callable[[Context, Nothing], Outcome] = do_nothing, **more: Any) -> dict[str, Kind[Any]]:
    """One kind, called "test"."""
    return {"test": Kind("test", Nothing, lambda key, arguments: None, run, **more)}


As = Callable[..., httpx.Client]
"""Makes a caller with a new key: of a role, a prefix, a name."""


@dataclass(slots=True)
class Gate:
    """A job that waits inside until it is let go on, and counts how often it was begun."""

    begun: threading.Event = field(default_factory=threading.Event)
    open: threading.Event = field(default_factory=threading.Event)
    times: int = 0

    def run(self, context: Context, arguments: Nothing) -> Outcome:
        self.times += 1
        self.begun.set()
        for step in range(3000):
            if self.open.wait(0.01):
                return Outcome({"steps": True})
            context.progress(step, 3000, "waits")
        raise AssertionError("nobody opened the gate")


@dataclass(slots=True)
class Yard:
    """A store and a data folder in which jobs are made and run."""

    store: Store
    settings: Settings

    def make(self, kind: str = "test", key: Key = LOCAL, **more: Any) -> Job:
        return make_job(self.store, key, kind, {}, folders.place_of(self.settings.data), **more)

    def runner(self, kinds: dict[str, Kind[Any]], **more: Any) -> Runner:
        return Runner(self.store, self.settings, kinds, **{"poll_s": 0.02, "beat_s": 0.05, "lapse_s": 5.0, **more})

    def look(self, job: Job | str) -> Job:
        with reading(self.store.log) as connection:
            return find_job(connection, job if isinstance(job, str) else job.id)


def yard_of(store: Store, folder: Path) -> Yard:
    return Yard(store, Settings(data=folder / "data"))


def run_all(app: FastAPI) -> None:
    """Run the jobs that are due, in this thread."""
    runner: Runner = app.state.runner
    while runner.run_one():
        pass


def ended(caller: httpx.Client, app: FastAPI, answer: httpx.Response) -> dict[str, Any]:
    """The job of an answer 202, after it was run."""
    assert answer.status_code == 202, answer.text
    run_all(app)
    found: dict[str, Any] = caller.get(answer.headers["Location"]).json()
    return found
