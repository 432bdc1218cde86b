"""Open cases whose answer a revision has changed: found in the log, and decided once more.

A case is open until it is closed or void. The decision made before stays where it is.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, exists, insert, select, tuple_, update
from sqlalchemy.exc import IntegrityError

from cases.impact import Reach
from cases.log import standing_of
from cases.reasons import reason
from cases.reports import Case
from cases.routing import Routing
from cases.standing import put_standings
from cases.tables import decision, goes_before, rerouting, still_open
from gis.store.engine import Store, reading, writing
from gis.store.order import announce_append

LAST = "\U0010ffff"
AT_ONCE = 500
"""Decisions that are appended in one transaction: intake must not wait long for it."""
COLUMNS = (
    *("position", "source", "case_id", "version", "round", "digest", "received_at", "revision", "unit", "department"),
    *("report", "routing"),
)
Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Mark:
    """Open cases were routed anew up to this revision, looking at decisions up to this position."""

    revision: int
    position: int


def read_mark(log: Connection) -> Mark | None:
    """How far it has come, None when nobody has ever looked."""
    row = log.execute(select(rerouting.c.revision, rerouting.c.position)).first()
    return None if row is None else Mark(row.revision, row.position)


def keep_mark(store: Store, mark: Mark) -> None:
    """Say how far it has come; whoever says less than is known says nothing."""
    forward = update(rerouting).where(rerouting.c.revision <= mark.revision)
    values = {"revision": mark.revision, "position": mark.position}
    with writing(store.log) as connection:
        if connection.execute(select(rerouting.c.id)).first() is None:
            try:
                with connection.begin_nested():
                    connection.execute(insert(rerouting).values(id=1, **values))
            except IntegrityError:
                pass  # another process was first
        else:
            connection.execute(forward.values(**values))


def has_late(log: Connection, mark: Mark, behind: int) -> bool:
    """Whether a case was decided behind a position on what held before the revision of the mark."""
    late = decision.c.position > behind, decision.c.revision < mark.revision
    return log.execute(select(decision.c.position).where(*late).limit(1)).first() is not None


def read_reached(store: Store, reach: Reach, upto: int, limit: int) -> Iterator[list[Row]]:
    """The newest decisions up to a position on open cases within reach, page by page, each in a transaction of its own.

    A case within reach in two ways may come twice.
    """
    spans = [(code, code) for code in sorted(reach.codes)]
    spans = [span for span in spans if not any(span[0].startswith(prefix) for prefix in reach.prefixes)]
    for first, last in [*spans, *((prefix, prefix + LAST) for prefix in reach.prefixes)]:
        meant = (decision.c.unit >= first, decision.c.unit <= last, decision.c.position <= upto)
        yield from _pages(store, meant, limit, (decision.c.unit, decision.c.position))
    if reach.outside:
        yield from _pages(
            store, (decision.c.unit.is_(None), decision.c.position <= upto), limit, (decision.c.position,)
        )


def read_late(store: Store, mark: Mark, behind: int, limit: int) -> Iterator[list[Row]]:
    """The newest decisions on open cases that were made behind a position on what held before the mark's revision."""
    meant = (decision.c.position > behind, decision.c.revision < mark.revision)
    yield from _pages(store, meant, limit, (decision.c.position,))


def _pages(
    store: Store, meant: Sequence[ColumnElement[bool]], limit: int, order: Sequence[ColumnElement[Any]]
) -> Iterator[list[Row]]:
    later = decision.alias("later")
    newest = ~exists(select(later.c.position).where(goes_before(later)))
    columns = [decision.c[name] for name in COLUMNS]
    chosen = select(*columns).where(*meant, newest, still_open()).order_by(*order).limit(limit)
    names = [column.name for column in order]
    behind: tuple[Any, ...] | None = None
    while True:
        page = chosen if behind is None else chosen.where(tuple_(*order) > behind)
        with reading(store.log) as log:
            rows: list[Row] = [dict(row) for row in log.execute(page).mappings()]
        if rows:
            yield rows
        if len(rows) < limit:
            return
        behind = tuple(rows[-1][name] for name in names)


def keep_rerouted(store: Store, found: Sequence[tuple[Row, Case, Routing]]) -> int:
    """Append the new decisions, those left out whose case was decided otherwise meanwhile; how many were appended."""
    kept = 0
    for start in range(0, len(found), AT_ONCE):
        part = found[start : start + AT_ONCE]
        try:
            kept += _append(store, part)
        except IntegrityError:  # another process has done the same with some of them
            kept += sum(_append_one(store, each) for each in part)
    return kept


def _append_one(store: Store, found: tuple[Row, Case, Routing]) -> int:
    try:
        return _append(store, [found])
    except IntegrityError:
        return 0


def _append(store: Store, found: Sequence[tuple[Row, Case, Routing]]) -> int:
    later = decision.alias("later")
    asked = decision.c.position.in_([row["position"] for row, *_ in found])
    with writing(store.log) as connection:
        newest = select(decision.c.position).where(asked, ~exists(select(later.c.position).where(goes_before(later))))
        still = set(connection.execute(newest).scalars())
        part = [each for each in found if each[0]["position"] in still]
        if not part:
            return 0
        announce_append(connection)
        returned = insert(decision).returning(decision.c.position, sort_by_parameter_order=True)
        positions = connection.execute(returned, [_anew(*each) for each in part]).scalars()
        put_standings(
            connection,
            [
                standing_of(case, routing, position, row["received_at"])
                for (row, case, routing), position in zip(part, positions, strict=True)
            ],
        )
        return len(part)


def _anew(row: Row, case: Case, routing: Routing) -> dict[str, Any]:
    told = routing.to_dict(case)
    before = (row["routing"].get("department") or {}).get("name") or row["department"] or "-"
    why = reason("rerouted", revision=str(routing.revision), before=before)
    return {
        **{name: row[name] for name in ("source", "case_id", "version", "digest", "received_at", "report")},
        "round": row["round"] + 1,
        "rerouted_at": datetime.now(UTC),
        "revision": routing.revision,
        "unit": routing.unit,
        "department": routing.department and routing.department.code,
        "advice": routing.advice,
        "routing": {**row["routing"], **told, "because": [*told["because"], why.as_dict()]},
    }
