"""Publish: everything is staged before the lock; under it the counter is raised and the staged rows are copied."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, Table, delete, func, insert, literal, select, text, update
from sqlalchemy.exc import DBAPIError, IntegrityError

from gis.errors import Refusal, refuse
from gis.store.engine import Store, explain, reading, writing
from gis.store.lineage import Descent, check_lineage, copy_lineage, stage_lineage, write_lineage
from gis.store.packed import pack, uids_of
from gis.store.staging import begin_few, drop, end_few, make_ready, needs_staging, stage
from gis.store.tables import counter, revision, rtree, setting, ticket

CLOCK_SKEW = timedelta(seconds=5)


@dataclass(frozen=True, slots=True)
class Revision:
    """One published change of what the world is. `counts` is {table: {"created": n, "changed": n, "retired": n}}."""

    number: int
    recorded_at: datetime
    effective_at: datetime
    author: str
    note: str
    basis: Mapping[str, Any] | None
    counts: Mapping[str, Mapping[str, int]]


@dataclass(frozen=True, slots=True)
class Change:
    """What one table gets: versions of these uids end, these rows begin. A row names every column but the revisions.

    A uid in both is changed; only in `retired`, gone; only in `created`, new.
    """

    table: Table
    retired: NDArray[np.int64]
    created: Sequence[Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Publication:
    """Who publishes what, why, since when it holds, and on which revision it was checked.

    What is published under a `ticket` is published once at most, however often it is tried.
    `lineage` leads from uids that a change retires to uids that a change creates (either may be in both). So every pair
    goes from before the revision to after it, and the lineage of versions has no cycle.
    `then` is called with the number under the lock, last before the commit: what it writes is committed with the
    revision, and what it raises undoes all.
    """

    changes: Sequence[Change]
    author: str
    note: str = ""
    base: int = 0
    effective_at: datetime | None = None
    basis: Mapping[str, Any] | None = None
    settings: Mapping[str, str] | None = None
    ticket: str | None = None
    lineage: Sequence[Descent] = ()
    then: Callable[[Connection, int], None] | None = None


def head(connection: Connection) -> int:
    """The number of the newest revision, 0 when nothing was ever published."""
    return int(connection.execute(select(counter.c.revision)).scalar_one())


def read_recorded(connection: Connection, *numbers: int) -> list[str]:
    """When revisions were recorded, as text; empty for one that is not there."""
    chosen = select(revision.c.number, revision.c.recorded_at).where(revision.c.number.in_(numbers))
    found = {row.number: row.recorded_at.isoformat() for row in connection.execute(chosen)}
    return [found.get(each, "") for each in numbers]


def list_revisions(connection: Connection, since: int = 0, limit: int | None = None) -> list[Revision]:
    """The revisions after number `since`, oldest first."""
    chosen = select(revision).where(revision.c.number > since).order_by(revision.c.number).limit(limit)
    return [Revision(**row) for row in connection.execute(chosen).mappings()]


def changed_tables(connection: Connection, since: int, at: int) -> set[str]:
    """The names of the tables in which a version began or ended after revision `since`, up to `at`."""
    chosen = select(revision.c.counts).where(revision.c.number > since, revision.c.number <= at)
    counted = connection.execute(chosen).scalars().all()
    return {name for counts in counted for name, sums in counts.items() if any(sums.values())}


def revision_at(connection: Connection, when: int | datetime) -> int:
    """The revision that a number means, or the greatest one in force at a time.

    Errors: Refusal revision_unknown for a number that does not exist, before_history for an earlier time, both missing.
    """
    if isinstance(when, int):
        newest = head(connection)
        if not 0 < when <= newest:  # numbers have no holes, and a number of any size may be asked for
            raise refuse(
                "revision_unknown",
                f"There is no revision {when}; the newest is {newest}.",
                f"没有数据版本 {when}；最新为 {newest}。",
                kind="missing",
            )
        return when
    found = connection.execute(select(func.max(revision.c.number)).where(revision.c.effective_at <= when)).scalar()
    if found is None:
        first = connection.execute(select(func.min(revision.c.effective_at))).scalar()
        since = "nothing was published yet" if first is None else f"history begins at {first.isoformat()}"
        since_zh = "尚未发布任何数据" if first is None else f"历史始于 {first.isoformat()}"
        raise refuse(
            "before_history",
            f"{when.isoformat()} is before history: {since}.",
            f"{when.isoformat()} 早于历史：{since_zh}。",
            kind="missing",
        )
    return int(found)


def read_settings(connection: Connection) -> dict[str, str]:
    """The settings that belong to the data (its code profile), by name."""
    return {row.name: row.value for row in connection.execute(select(setting))}


def keep_setting(connection: Connection, name: str, value: str) -> None:
    """Set a setting that belongs to no revision."""
    if connection.execute(update(setting).where(setting.c.name == name).values(value=value)).rowcount == 0:
        connection.execute(insert(setting).values(name=name, value=value))


def drop_setting(connection: Connection, name: str) -> bool:
    """Remove a setting; whether there was one."""
    return connection.execute(delete(setting).where(setting.c.name == name)).rowcount > 0


def allocate_uids(store: Store, wanted: int) -> range:
    """`wanted` uids that nothing ever had and nothing else will get; what is not used is lost, which is fine."""
    with writing(store.world) as connection:
        raised = update(counter).values(next_uid=counter.c.next_uid + wanted).returning(counter.c.next_uid)
        end = connection.execute(raised).scalar_one()
    return range(end - wanted, end)


def publish(
    store: Store,
    publication: Publication,
    told: Callable[[int], None] = lambda rows: None,
    ready: Callable[[], None] = lambda: None,
) -> tuple[Revision, float]:
    """Publish as one revision, and tell for how many seconds the lock was held.

    `told` hears of every so many rows that are staged, `ready` is called when all are, before the lock; what either
    raises ends it, and nothing of it stays.

    Errors: Refusal store_changed (conflict) when another revision came after `base`; ticket_used (conflict) when it
    was published before; effective_before_previous; lineage_wrong; store_busy (unavailable) when another writer holds
    the lock for too long. Nothing is changed by a refusal.
    """
    _check_lineage(publication)
    tidy = False
    with _connection(store) as connection:
        try:
            write, temporary = _prepare(connection, publication, told)
            ready()
            connection.execution_options(write=True)
            counts = _counts(publication)
            with connection.begin():
                number = _lock(connection, publication.base)
                began = perf_counter()
                _use_ticket(connection, publication.ticket, number)
                made = _record(connection, publication, number, counts)
                write(made.number)
                if publication.then is not None:
                    publication.then(connection, made.number)
            held = perf_counter() - began
            tidy = drop(connection, temporary)
            return made, held
        except IntegrityError as error:
            raise (_duplicate(error) if _is_duplicate(error) else error) from error
        except DBAPIError as error:
            raise explain(error) from error
        finally:
            with suppress(DBAPIError):
                connection.rollback()
                if not tidy:
                    connection.invalidate()  # its temporary tables go with it


def _prepare(
    connection: Connection, publication: Publication, told: Callable[[int], None]
) -> tuple[Callable[[int], None], list[Table]]:
    """All that can be done before the lock: what writes the change under it, and the temporary tables to be dropped."""
    changes, pairs = publication.changes, publication.lineage
    rows = sum(len(each.retired) + len(each.created) for each in changes) + len(pairs)
    if not needs_staging(connection, rows):
        packed = [replace(each, created=pack(each.table, each.created)) for each in changes]
        told(rows)

        def write(number: int) -> None:
            for each in packed:  # all before anything begins: what ends was in force before
                _check_ended(each, end_few(connection, each, number))
            for each in packed:
                begin_few(connection, each, number)
            write_lineage(connection, pairs, number)

        return write, []
    staged = [stage(connection, index, change, told) for index, change in enumerate(changes)]
    descents = stage_lineage(connection, pairs)
    connection.commit()
    make_ready(connection, changes, staged)

    def copy(number: int) -> None:
        for change, (ended, begun) in zip(changes, staged, strict=True):
            _copy(connection, change, ended, begun, number)
        if descents is not None:
            copy_lineage(connection, descents, number)

    temporary = [table for pair in staged for table in pair]
    return copy, temporary if descents is None else [*temporary, descents]


def _connection(store: Store) -> Connection:
    try:
        return store.world.connect()
    except DBAPIError as error:
        raise explain(error) from error


def _check_lineage(publication: Publication) -> None:
    if publication.lineage:
        ended = {int(uid) for change in publication.changes for uid in change.retired}
        begun = {int(uid) for change in publication.changes for uid in uids_of(change.created)}
        check_lineage(publication.lineage, ended, begun)


def revision_of_ticket(connection: Connection, name: str) -> Revision | None:
    """What was published under a ticket, None when nothing was."""
    chosen = select(revision).join(ticket, ticket.c.revision == revision.c.number).where(ticket.c.name == name)
    row = connection.execute(chosen).mappings().first()
    return None if row is None else Revision(**row)


def _use_ticket(connection: Connection, name: str | None, number: int) -> None:
    """Mark a ticket as used, in the transaction that publishes; under its lock nobody else can."""
    if name is None:
        return
    used = connection.execute(select(ticket.c.revision).where(ticket.c.name == name)).scalar()
    if used is not None:
        raise refuse(
            "ticket_used",
            f"This was published already, as revision {used}.",
            f"该内容已发布，版本为 {used}。",
            kind="conflict",
        )
    connection.execute(insert(ticket).values(name=name, revision=number))


def _lock(connection: Connection, base: int) -> int:
    """Take the lock and the next number: until the commit nobody else can."""
    number = connection.execute(
        update(counter).values(revision=counter.c.revision + 1).returning(counter.c.revision)
    ).scalar_one()
    if number != base + 1:
        raise refuse(
            "store_changed",
            f"Revision {number - 1} was published meanwhile; this was checked against {base}. Check again.",
            f"其间已发布版本 {number - 1}；本次检查基于版本 {base}，请重新检查。",
            kind="conflict",
        )
    return int(number)


def _record(
    connection: Connection, publication: Publication, number: int, counts: Mapping[str, Mapping[str, int]]
) -> Revision:
    """Write down the revision itself and the settings that come with it."""
    now = datetime.now(UTC)
    effective = publication.effective_at or now
    previous = connection.execute(select(func.max(revision.c.effective_at))).scalar()
    if previous is not None and publication.effective_at is None and effective < previous <= effective + CLOCK_SKEW:
        effective = previous  # another server's clock is a little ahead of this one's
    if previous is not None and effective < previous:
        raise _too_early(effective, previous)
    made = Revision(number, now, effective, publication.author, publication.note, publication.basis, counts)
    connection.execute(insert(revision).values(**{name: getattr(made, name) for name in made.__slots__}))
    for name, value in (publication.settings or {}).items():
        keep_setting(connection, name, value)
    return made


def _counts(publication: Publication) -> dict[str, dict[str, int]]:
    counts: dict[str, dict[str, int]] = {}
    for change in publication.changes:
        both = np.intersect1d(change.retired, uids_of(change.created))
        sums = counts.setdefault(change.table.name, {"created": 0, "changed": 0, "retired": 0})
        sums["created"] += len(change.created) - len(both)
        sums["changed"] += len(both)
        sums["retired"] += len(change.retired) - len(both)
    return counts


def _copy(connection: Connection, change: Change, ended: Table, begun: Table, number: int) -> None:
    table = change.table
    sqlite = connection.dialect.name == "sqlite"
    indexed = sqlite and table.info["spatial"]
    if len(change.retired):
        numbers = select(ended.c.row_id)
        if indexed:
            connection.exec_driver_sql(f"DELETE FROM {rtree(table)} WHERE id IN (SELECT row_id FROM {ended.name})")
        # Beside the numbers, what is in force is asked by the way only, not looked for.
        holds = text(f"+{table.name}.to_revision IS NULL") if sqlite else table.c.to_revision.is_(None)
        old = (table.c.row_id.in_(numbers), holds)
        _check_ended(change, connection.execute(update(table).where(*old).values(to_revision=number)).rowcount)
    if len(change.created):
        names = [column.name for column in begun.c if column.name != "from_revision"]
        new = select(literal(number), *(begun.c[name] for name in names))
        connection.execute(insert(table).from_select(["from_revision", *names], new, include_defaults=False))
        if indexed:
            connection.exec_driver_sql(
                f"INSERT INTO {rtree(table)} SELECT row_id, west, east, south, north FROM {table.name} "
                # A table may be changed more than once by one publication.
                f"WHERE from_revision = {number} AND west IS NOT NULL "
                f"AND NOT EXISTS (SELECT 1 FROM {rtree(table)} AS held WHERE held.id = row_id)"
            )


def _check_ended(change: Change, ended: int) -> None:
    """Errors: Refusal version_not_in_force, where fewer versions ended than were to."""
    table, missing = change.table.name, len(change.retired) - ended
    if missing:
        raise refuse(
            "version_not_in_force",
            f"{missing} versions of {table} that were to end are not in force; nothing was changed.",
            f"{table} 中有 {missing} 个待注销的版本并未生效；未做任何更改。",
            kind="conflict",
        )


def _too_early(effective: datetime, previous: datetime) -> Refusal:
    return refuse(
        "effective_before_previous",
        f"The revision would hold since {effective.isoformat()}, but the newest one holds since "
        f"{previous.isoformat()}: load old vintages oldest first.",
        f"本版本生效时间 {effective.isoformat()} 早于上一版本 {previous.isoformat()}：历史数据请从旧到新导入。",
        kind="conflict",
    )


def _is_duplicate(error: IntegrityError) -> bool:
    """Whether the key of a row in force was broken; anything else (a value that must be there) is a fault of ours."""
    said = str(error.orig)
    return "_in_force" in said or (said.startswith("UNIQUE constraint failed") and ".uid" not in said)


def _duplicate(error: IntegrityError) -> Refusal:
    return refuse(
        "code_in_force",
        f"A code would be in force twice: {str(error.orig).strip().splitlines()[0]}",
        f"编码重复：{str(error.orig).strip().splitlines()[0]}",
        kind="conflict",
    )


def current_head(store: Store) -> int:
    """The newest revision's number, read by itself."""
    with reading(store.world) as connection:
        return head(connection)
