"""Who runs a job: claimed by comparing and setting, kept by heartbeats, ended by whoever still has the claim.

The number of the attempt is what a worker shows: once another worker has claimed the job, nothing that the earlier one
says of it is taken. A job without heartbeat is claimed again only when its deadline has passed.
"""

from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, FromClause, and_, func, literal, or_, select, update

from api.jobs.records import COLUMNS, Job
from api.jobs.tables import job
from gis.store.engine import Store, reading, writing
from gis.store.types import Time


def claim_job(
    store: Store, worker: str, place: str, kinds: Collection[str], lapse_s: float, due: datetime | None = None
) -> Job | None:
    """Take the oldest job that is due, None when there is none. Two workers never get the same attempt.

    The claim holds for `lapse_s` seconds and as long again from every heartbeat. Jobs that are to wait are due when
    their time is before `due`, which is now unless the caller has a clock of its own.
    """
    now = datetime.now(UTC)
    due = due or now
    others = job.alias("others")
    oldest = (
        select(others.c.position)
        .where(_is_due(others, place, kinds, now, due))
        .order_by(others.c.not_before, others.c.position)
        .limit(1)
    )
    with reading(store.log) as connection:  # asked every second: a writer of SQLite would keep others from writing
        if connection.execute(oldest).first() is None:
            return None
    # PostgreSQL passes over rows that another worker is just claiming; SQLite has one writer at a time.
    chosen = oldest.with_for_update(skip_locked=True).scalar_subquery()
    taken = (
        update(job)
        .where(job.c.position == chosen, _is_due(job, place, kinds, now, due))
        .values(
            state="running",
            worker=worker,
            deadline=now + timedelta(seconds=lapse_s),
            attempt=job.c.attempt + 1,
            begun_at=func.coalesce(job.c.begun_at, literal(now, Time())),
            committing=False,
        )
        .returning(*COLUMNS)
    )
    with writing(store.log) as connection:
        row = connection.execute(taken).mappings().first()
    return None if row is None else Job(**row)


def _is_due(table: FromClause, place: str, kinds: Collection[str], now: datetime, due: datetime) -> ColumnElement[bool]:
    waits = and_(table.c.state == "waiting", table.c.not_before <= due)
    is_left = and_(table.c.state == "running", table.c.deadline < now)
    return and_(table.c.place == place, table.c.kind.in_(list(kinds)), or_(waits, is_left))


def beat(store: Store, claimed: Job, lapse_s: float, step: str, done: int, total: int | None) -> bool | None:
    """Say that the worker lives and how far it is; whether the job is to be cancelled, None when the claim is lost."""
    said = _mine(claimed).values(deadline=_in(lapse_s), step=step, done=done, total=total)
    with writing(store.log) as connection:
        return connection.execute(said.returning(job.c.cancel_asked)).scalar()


def begin_commit(store: Store, claimed: Job, lapse_s: float) -> bool:
    """From here on the job cannot be cancelled. False when it was cancelled before, or the claim is lost."""
    mine = _mine(claimed).where(~job.c.cancel_asked)
    with writing(store.log) as connection:
        return connection.execute(mine.values(committing=True, deadline=_in(lapse_s))).rowcount == 1


def end_job(store: Store, claimed: Job, state: str, **values: Any) -> bool:
    """The last word about a job. False when the claim is lost, and nothing was said."""
    ended = _mine(claimed).values(state=state, ended_at=datetime.now(UTC), worker=None, deadline=None, **values)
    with writing(store.log) as connection:
        return connection.execute(ended).rowcount == 1


def release_job(store: Store, claimed: Job, after_s: float, counted: bool) -> None:
    """Give a job back, to be claimed again after so many seconds. What is not `counted` is no failed attempt.

    It is still called running, for it may have had its effect: what ends it is its next attempt.
    """
    given = _mine(claimed).values(deadline=_in(after_s), worker=None, released=job.c.released + (0 if counted else 1))
    with writing(store.log) as connection:
        connection.execute(given)


def _mine(claimed: Job) -> Any:
    """An update of the job as long as the claim is ours."""
    return update(job).where(
        job.c.position == claimed.position, job.c.attempt == claimed.attempt, job.c.state == "running"
    )


def _in(seconds: float) -> datetime:
    return datetime.now(UTC) + timedelta(seconds=seconds)
