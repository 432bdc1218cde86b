"""What a kind of job is, and what its work gets and gives."""

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, Literal, TypeVar

from pydantic import BaseModel, ConfigDict

from api.jobs.claims import begin_commit
from api.jobs.folders import given_folder
from api.jobs.records import Job
from api.keys import Key
from api.settings import Settings
from gis.errors import Refusal
from gis.store.engine import Store


class Arguments(BaseModel):
    """What a kind is told. It is kept as JSON, so it holds plain values only."""

    model_config = ConfigDict(extra="forbid", frozen=True)


A = TypeVar("A", bound=Arguments)


class Halted(Exception):
    """Raised within a job that must end now, or go on elsewhere."""

    def __init__(self, why: Literal["cancelled", "stopping", "lost"]) -> None:
        self.why = why
        super().__init__(why)


@dataclass(slots=True)
class Signs:
    """What a running job and whoever keeps its claim tell each other."""

    step: str = ""
    done: int = 0
    total: int | None = None
    cancelled: bool = False
    lost: bool = False
    stopping: threading.Event = field(default_factory=threading.Event)


@dataclass(slots=True)
class Context:
    """What a job works with. `key` is its author's, read anew; `folder` is where it may write."""

    job: Job
    store: Store
    settings: Settings
    folder: Path
    signs: Signs
    lapse_s: float
    key: Key | None = None
    committing: bool = False

    @property
    def given(self) -> Path:
        """The folder of what the caller sent."""
        return given_folder(self.settings.data, self.job.id)

    def progress(self, done: int = 0, total: int | None = None, step: str = "") -> None:
        """Tell how far it is: cheap, to be called at every step. Raises Halted when the job is to end here."""
        self.signs.done, self.signs.total, self.signs.step = done, total, step or self.signs.step
        if self.committing:
            return
        if self.signs.lost:
            raise Halted("lost")
        if self.cancelled():
            raise Halted("cancelled")
        if self.signs.stopping.is_set():
            raise Halted("stopping")

    def cancelled(self) -> bool:
        """Whether somebody wants it to end."""
        return self.signs.cancelled

    def commit(self) -> None:
        """To be called before what cannot be undone; from here on the job is not cancelled. Raises Halted."""
        self.progress(self.signs.done, self.signs.total)
        if not self.committing and not begin_commit(self.store, self.job, self.lapse_s):
            raise Halted("lost" if self.signs.lost else "cancelled")
        self.committing = True


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a job gives: a short result, a report and a file if there are. With `refusal` it has failed."""

    result: Mapping[str, Any]
    report: Path | None = None
    file: Path | None = None
    refusal: Refusal | None = None


@dataclass(frozen=True, slots=True)
class Kind(Generic[A]):
    """A kind of job.

    `allow` refuses a key that may not have it done; it is asked when the job is made and again before it runs. `run`
    may be called again from the start after a crash if it is `repeatable`. What it does to the world it does once,
    after `context.commit()`, with a mark by which `achieved` finds what an earlier attempt has done.
    """

    name: str
    arguments: type[A]
    allow: Callable[[Key, A], None]
    run: Callable[[Context, A], Outcome]
    repeatable: bool = True
    achieved: Callable[[Context, A], Outcome | None] = lambda context, arguments: None
