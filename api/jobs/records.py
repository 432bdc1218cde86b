"""Jobs in the store: made, found, cancelled, and removed when they are old."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from typing import Any, Literal

from sqlalchemy import Connection, and_, delete, func, insert, literal, select, update

from api.jobs.tables import job
from api.keys import Key
from gis.errors import Fault, Refusal, refuse
from gis.store.engine import Store, reading, writing
from gis.store.types import Time

State = Literal["waiting", "running", "done", "failed", "cancelled"]
ENDED = ("done", "failed", "cancelled")
MOST_OPEN = 50
"""Jobs of one key that wait or run."""
KEPT_FAULTS = 100


@dataclass(frozen=True, slots=True)
class Job:
    """A job as it stands in the store. `position` orders jobs; `id` cannot be guessed."""

    position: int
    id: str
    kind: str
    arguments: Mapping[str, Any]
    author: str
    author_name: str
    owner: str
    place: str
    state: State
    step: str
    done: int
    total: int | None
    made_at: datetime
    not_before: datetime
    begun_at: datetime | None
    ended_at: datetime | None
    worker: str | None
    deadline: datetime | None
    attempt: int
    released: int
    committing: bool
    cancel_asked: bool
    result: Mapping[str, Any] | None
    report: str | None
    file: str | None
    fault: Mapping[str, Any] | None

    @property
    def has_ended(self) -> bool:
        return self.state in ENDED

    @property
    def refusal(self) -> Refusal | None:
        """Why it failed."""
        return None if self.fault is None else _refusal(self.fault)

    def is_seen_by(self, key: Key) -> bool:
        """Whoever made a job sees it, and so do the admins over its maker's prefix."""
        return key.id == self.author or key.may("admin", self.owner)


COLUMNS = [job.c[name] for name in Job.__slots__]


def new_id() -> str:
    """The id of a job that is to be made."""
    return secrets.token_urlsafe(18).replace("-", "_")  # so that no command line takes it for an option


def make_job(
    store: Store,
    key: Key,
    kind: str,
    arguments: Mapping[str, Any],
    place: str,
    *,
    job_id: str | None = None,
    not_before: datetime | None = None,
) -> Job:
    """Put down a job for `key`; whoever runs jobs will find it. Errors: Refusal jobs_too_many, store_down."""
    now = datetime.now(UTC)
    row = {
        "id": job_id or new_id(),
        "kind": kind,
        "arguments": dict(arguments),
        "author": key.id,
        "author_name": key.name,
        "owner": key.prefix,
        "place": place,
        "state": "waiting",
        "step": "",
        "done": 0,
        "made_at": now,
        "not_before": not_before or now,
        "attempt": 0,
        "released": 0,
        "committing": False,
        "cancel_asked": False,
    }
    with writing(store.log) as connection:
        waiting = select(func.count()).where(job.c.author == key.id, job.c.state.in_(("waiting", "running")))
        if connection.execute(waiting).scalar_one() >= MOST_OPEN:
            raise refuse(
                "jobs_too_many",
                f"You have {MOST_OPEN} jobs that wait or run already; wait for some of them, or cancel them.",
                f"您已有 {MOST_OPEN} 个任务在等待或运行；请待其完成或取消后再试。",
                kind="unavailable",
            )
        return Job(**connection.execute(insert(job).values(**row).returning(*COLUMNS)).mappings().one())


def find_job(connection: Connection, job_id: str, key: Key | None = None) -> Job:
    """The job of this id, if `key` may see it. Errors: Refusal job_unknown."""
    row = connection.execute(select(*COLUMNS).where(job.c.id == job_id)).mappings().first()
    found = None if row is None else Job(**row)
    if found is None or not (key is None or found.is_seen_by(key)):
        raise refuse("job_unknown", f"There is no job {job_id[:60]}.", f"没有任务 {job_id[:60]}。", kind="missing")
    return found


def list_jobs(
    connection: Connection, key: Key | None = None, state: str | None = None, after: str | None = None, limit: int = 100
) -> list[Job]:
    """The jobs that `key` may see, the newest first; `after` is the id of the last one seen."""
    chosen = select(*COLUMNS).order_by(job.c.position.desc()).limit(limit)
    if key is not None:
        mine = job.c.author == key.id
        chosen = chosen.where(mine | key.scope.clause(job.c.owner) if key.may("admin") else mine)
    if state is not None:
        chosen = chosen.where(job.c.state == state)
    if after is not None:
        chosen = chosen.where(job.c.position < find_job(connection, after, key).position)
    found = [Job(**row) for row in connection.execute(chosen).mappings()]
    return [each for each in found if key is None or each.is_seen_by(key)]


def cancel_job(store: Store, job_id: str, key: Key | None = None) -> Job:
    """End a job that waits, at once; ask a running one to end at its next step. Once cancelled, again does nothing.

    Errors: Refusal job_unknown, job_committing, job_ended.
    """
    with reading(store.log) as connection:
        position = find_job(connection, job_id, key).position
    this, now = job.c.position == position, literal(datetime.now(UTC), Time())
    with writing(store.log) as connection:
        waiting = update(job).where(this, job.c.state == "waiting")
        running = update(job).where(this, job.c.state == "running", ~job.c.committing)
        if connection.execute(waiting.values(state="cancelled", ended_at=now)).rowcount == 0:
            connection.execute(running.values(cancel_asked=True))
        found = find_job(connection, job_id)
    if found.state == "cancelled" or (found.state == "running" and found.cancel_asked):
        return found
    if found.state == "running":
        raise refuse(
            "job_committing",
            "The job is publishing, which is done whole or not at all: it is too late to cancel it.",
            "任务正在发布（只能整体完成），已无法取消。",
            kind="conflict",
        )
    raise refuse("job_ended", f"The job has ended: {found.state}.", f"任务已结束：{found.state}。", kind="conflict")


def remove_ended(store: Store, before: datetime, place: str) -> list[str]:
    """Forget the jobs of a place that ended before a time; their ids, whose folders are to be removed."""
    old = and_(job.c.place == place, job.c.state.in_(ENDED), job.c.ended_at < before)
    with writing(store.log) as connection:
        return list(connection.execute(delete(job).where(old).returning(job.c.id)).scalars())


def told_fault(refusal: Refusal) -> dict[str, Any]:
    """A refusal as it is kept with a job, in both languages."""
    return {"kind": refusal.kind, "faults": [fault.as_dict() for fault in refusal.faults[:KEPT_FAULTS]]}


FAULT = frozenset(field.name for field in fields(Fault)) - {"members"}


def _refusal(told: Mapping[str, Any]) -> Refusal:
    names = {"detail": "en", "detail_zh": "zh"}
    faults = []
    for each in told["faults"]:
        known = {names.get(name, name): value for name, value in each.items() if names.get(name, name) in FAULT}
        members = {name: value for name, value in each.items() if names.get(name, name) not in FAULT}
        faults.append(Fault(**known, members=members or None))
    return Refusal(faults, told["kind"])
