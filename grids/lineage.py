"""Lineage (沿革): who came out of whom, and who has the ground of a code that is no longer in force.

The lineage of versions is a graph without cycles: every pair leads from a version that ended at a revision to one that
began with it, so a walk forward sees revisions grow. A uid may come back (an undo gives it its own code again), so a
walk goes by uid and revision, never by uid alone.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import shapely
from sqlalchemy import Connection, Row, Select, Table, or_, select

from gis.store.revisions import head
from gis.store.scope import Scope
from gis.store.tables import lineage
from gis.store.versions import Query, read_columns

SLIVER = 1e-3
"""What holds less than this part of a retired thing's ground is no successor of it: it only touches."""


@dataclass(frozen=True, slots=True)
class Holder:
    """The thing that has a code at a revision, or had it last: `to_revision` is None while it is in force."""

    uid: int
    code: str
    from_revision: int
    to_revision: int | None


@dataclass(frozen=True, slots=True)
class Descended:
    """A pair of the lineage as people read it: the code before the revision, the code after it."""

    revision: int
    kind: str
    from_uid: int
    from_code: str
    to_uid: int
    to_code: str


def find_holder(connection: Connection, table: Table, code: str, scope: Scope, at: int) -> Holder | None:
    """Who has `code` at revision `at`, or who had it last before; None when it was never given by then."""
    versions = _versions(table).where(table.c.code == code, table.c.from_revision <= at, scope.clause(table.c.owner))
    row = connection.execute(versions.order_by(table.c.from_revision.desc()).limit(1)).first()
    return None if row is None else _holder(row, at)


def holder_of(connection: Connection, table: Table, uid: int, scope: Scope, at: int) -> Holder | None:
    """The version of `uid` in force at revision `at`, or its last one before; None when there was none by then."""
    versions = _versions(table).where(table.c.uid == uid, table.c.from_revision <= at, scope.clause(table.c.owner))
    row = connection.execute(versions.order_by(table.c.from_revision.desc()).limit(1)).first()
    return None if row is None else _holder(row, at)


def successors(connection: Connection, table: Table, holder: Holder, scope: Scope, at: int) -> list[str]:
    """The codes in force at revision `at` that have what `holder` had, in byte order; its own when it is in force.

    They are found by the lineage; what ended without one, as imports do, by its ground.
    """
    codes: set[str] = set()
    waiting, seen = [(holder.uid, holder.from_revision)], set()
    while waiting:
        uid, since = waiting.pop()
        now = _end_of_life(connection, table, uid, since, scope, at)
        if (uid, since) in seen or now is None:
            continue
        seen.add((uid, since))
        if now.to_revision is None:
            codes.add(now.code)
            continue
        heirs = select(lineage.c.to_uid).where(lineage.c.from_uid == uid, lineage.c.revision == now.to_revision)
        found = connection.execute(heirs).scalars().all()
        if found:
            waiting += [(heir, now.to_revision) for heir in found]
        else:
            codes |= set(on_the_ground(connection, table, now, scope, at))
    return sorted(codes)


def _end_of_life(connection: Connection, table: Table, uid: int, since: int, scope: Scope, at: int) -> Holder | None:
    """The last version, up to revision `at`, of the unbroken life of `uid` that holds revision `since`."""
    versions = _versions(table).where(table.c.uid == uid, table.c.from_revision <= at, scope.clause(table.c.owner))
    last: Row[Any] | None = None
    for row in connection.execute(versions.order_by(table.c.from_revision)):
        if last is None and (row.to_revision is None or row.to_revision > since):
            last = row if row.from_revision <= since else None
        elif last is not None and row.from_revision == last.to_revision:
            last = row
    return None if last is None else _holder(last, at)


def on_the_ground(connection: Connection, table: Table, gone: Holder, scope: Scope, at: int) -> list[str]:
    """The codes in force at revision `at` whose ground is that of an ended version, slivers apart."""
    if not table.info["spatial"]:
        return []
    last = select(table).where(table.c.uid == gone.uid, table.c.from_revision == gone.from_revision)
    row = connection.execute(last).mappings().one()
    ground = row["geom"]
    if ground is None or ground.is_empty or not shapely.area(ground):
        return []
    west, south, east, north = (float(side) for side in shapely.bounds(ground))
    where = {"level": row["level"]} if "level" in row else None
    near = Query(scope, at=None if at == head(connection) else at, where=where, box=(west, south, east, north))
    found = read_columns(connection, table, near, ("code", "geom"))
    if not len(found["code"]):
        return []
    shares = shapely.area(shapely.intersection(found["geom"], ground)) / shapely.area(ground)
    return [str(code) for code in found["code"][np.asarray(shares) > SLIVER]]


def ancestors(connection: Connection, table: Table, holder: Holder, scope: Scope, at: int) -> list[str]:
    """The codes of other things out of which `holder` came by the lineage, however long ago, in byte order."""
    named = _named(connection, table, _walk(connection, [(holder.uid, at)], backward=True), scope)
    return sorted({each.from_code for each in named if each.from_uid != holder.uid})


def graph(connection: Connection, table: Table, holder: Holder, scope: Scope, at: int) -> list[Descended]:
    """Every pair of the lineage, up to revision `at`, that leads to `holder` or away from it, in order of revisions."""
    pairs = _walk(connection, [(holder.uid, at)], backward=True)
    pairs |= {pair for pair in _walk(connection, [(holder.uid, 0)], backward=False) if pair[0] <= at}
    return _named(connection, table, pairs, scope)


Pair = tuple[int, int, int, str]
"""Revision, from uid, to uid, kind."""


def _walk(connection: Connection, starts: Iterable[tuple[int, int]], *, backward: bool) -> set[Pair]:
    """The pairs on all walks from (uid, revision): backward at or before the revision, forward after it.

    A step backward from a pair goes on before it, a step forward after it: revisions only shrink or only grow.
    """
    here, there = (lineage.c.to_uid, lineage.c.from_uid) if backward else (lineage.c.from_uid, lineage.c.to_uid)
    waiting, seen, pairs = list(starts), set(), set()
    while waiting:
        uid, number = waiting.pop()
        if (uid, number) in seen:
            continue
        seen.add((uid, number))
        side = lineage.c.revision <= number if backward else lineage.c.revision > number
        for row in connection.execute(select(lineage, there.label("next")).where(here == uid, side)):
            pairs.add((row.revision, row.from_uid, row.to_uid, row.kind))
            waiting.append((row.next, row.revision - 1 if backward else row.revision))
    return pairs


def _named(connection: Connection, table: Table, pairs: set[Pair], scope: Scope) -> list[Descended]:
    """The pairs with the codes of their versions; what is out of scope is left out."""
    named = []
    for number, from_uid, to_uid, kind in sorted(pairs):
        before = holder_of(connection, table, from_uid, scope, number - 1)
        after = holder_of(connection, table, to_uid, scope, number)
        if before is not None and after is not None:
            named.append(Descended(number, kind, from_uid, before.code, to_uid, after.code))
    return named


def _versions(table: Table) -> Select[Any]:
    living = or_(table.c.to_revision.is_(None), table.c.to_revision > table.c.from_revision)
    return select(table.c.uid, table.c.code, table.c.from_revision, table.c.to_revision).where(living)


def _holder(row: Row[Any], at: int) -> Holder:
    ended = row.to_revision if row.to_revision is not None and row.to_revision <= at else None
    return Holder(row.uid, row.code, row.from_revision, ended)
