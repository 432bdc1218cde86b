"""Replays (历史案件试派): cases that were decided, read from the log in pages of columns.

What an answer is compared with is the `expected` department of each case: the one that was decided, or who really
handled it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray
from sqlalchemy import ColumnElement, Connection, Text, and_, cast, exists, func, select, type_coerce
from sqlalchemy.types import NullType

from cases.tables import decision, goes_before, standing

Row = Mapping[str, Any]
COLUMNS = ("position", "source", "case_id", "version", "received_at", "unit", "department", "advice", "report")
LAST = "\U0010ffff"


@dataclass(frozen=True, slots=True)
class Which:
    """Which cases: of one source or all, reported from `since` on and before `until`, in units below a prefix.

    A case that does not say when it was reported counts from when it was received. With `handled` only cases of which
    it is known who handled them, and that is what is expected.
    """

    source: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    prefix: str = ""
    handled: bool = False

    @property
    def has_period(self) -> bool:
        """Whether it matters when a case was reported."""
        return self.since is not None or self.until is not None

    def are_meant(self, moments: NDArray[np.datetime64]) -> NDArray[np.bool_]:
        """Which cases of these moments (n,) in UTC are in the period."""
        meant = np.ones(len(moments), dtype=np.bool_)
        if self.since is not None:
            meant &= moments >= _instant(self.since)
        if self.until is not None:
            meant &= moments < _instant(self.until)
        return meant


def _instant(moment: datetime) -> np.datetime64:
    return np.datetime64(moment.astimezone(UTC).replace(tzinfo=None), "us")


def last_position(log: Connection) -> int:
    """Where the log ends now: a replay goes so far, whatever comes in meanwhile."""
    return int(log.execute(select(func.max(decision.c.position))).scalar() or 0)


def count_cases(log: Connection, which: Which, upto: int) -> int:
    """How many cases a replay looks at, those of other periods among them."""
    return int(log.execute(select(func.count(decision.c.position)).where(_meant(which, upto))).scalar_one())


@dataclass(frozen=True, slots=True)
class Page:
    """Cases of the log in columns (n,): COLUMNS and `expected`, the department that answers are compared with.

    `report` is JSON text, `received_at` as the store has times.
    """

    columns: Mapping[str, Sequence[Any]]

    def __len__(self) -> int:
        return len(self.columns["position"])

    def take(self, which: NDArray[np.int64]) -> "Page":
        """Some of the cases, each once, in their order."""
        if len(which) == len(self):
            return self
        places = which.tolist()
        return Page({name: [column[at] for at in places] for name, column in self.columns.items()})

    def rows(self, which: NDArray[np.int64]) -> list[Row]:
        """Some of the cases one by one, their reports read."""
        some = self.take(which).columns
        rows = (dict(zip(some, row, strict=True)) for row in zip(*some.values(), strict=True))
        return [{**row, "report": orjson.loads(row["report"])} for row in rows]


def read_page(log: Connection, which: Which, after: int, upto: int, limit: int) -> Page:
    """The next cases behind a position, in the order of the log, each with its newest version; of every period."""
    columns: dict[str, ColumnElement[Any]] = {name: decision.c[name] for name in COLUMNS}
    columns |= {"report": cast(decision.c.report, Text), "received_at": type_coerce(decision.c.received_at, NullType())}
    columns["expected"] = standing.c.handler if which.handled else decision.c.department
    chosen = select(*(each.label(name) for name, each in columns.items()))
    page = chosen.where(_meant(which, upto), decision.c.position > after).order_by(decision.c.position).limit(limit)
    held = log.execute(page).all()
    return Page(dict(zip(columns, zip(*held, strict=True) if held else [()] * len(columns), strict=True)))


def _meant(which: Which, upto: int) -> ColumnElement[bool]:
    later = decision.alias("later")
    newer = exists(select(later.c.position).where(goes_before(later), later.c.position <= upto))
    clauses = [decision.c.position <= upto, ~newer]
    if which.source is not None:
        clauses.append(decision.c.source == which.source)
    if which.prefix:
        clauses += [decision.c.unit >= which.prefix, decision.c.unit < which.prefix + LAST]
    if which.handled:
        stands = and_(standing.c.source == decision.c.source, standing.c.case_id == decision.c.case_id)
        clauses += [stands, standing.c.handler.is_not(None), standing.c.state != "void"]
    return and_(*clauses)
