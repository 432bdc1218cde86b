"""Cases with an outcome, read from the log for sums: what became of them, and by what they are grouped."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import ColumnElement, Connection, select, tuple_

from cases.handling import NOBODY, STATES, Handlings, tally
from cases.seams import Returned
from cases.tables import outcome, standing

PAGE: Final = 50_000
AT_ONCE: Final = 300
LAST: Final = "\U0010ffff"
GROUPS: Final = ("department", "class", "division", "month")


@dataclass(frozen=True, slots=True)
class Asked:
    """Which cases: of one source, reported since and until, in units below a prefix, of one class; all where None."""

    since: datetime | None = None
    until: datetime | None = None
    source: str | None = None
    prefix: str = ""
    class_code: str | None = None


@dataclass(frozen=True, slots=True)
class Grouping:
    """By what cases are summed: a name of GROUPS; `length` of a division's code; the zone in which months begin."""

    by: str
    length: int = 0
    zone: tzinfo = UTC


def sum_up(log: Connection, asked: Asked, groupings: Sequence[Grouping]) -> list[dict[tuple[Any, ...], dict[str, Any]]]:
    """For each grouping the measures of `cases.handling.tally` by group; the group of all is `((),)` of none.

    Two and a half million cases take about half a minute and 200 bytes each.
    """
    numbers: dict[str | None, int] = {None: NOBODY}
    groups: list[dict[tuple[Any, ...], int]] = [{} for _ in groupings]
    parts: list[tuple[Handlings, list[NDArray[np.int64]]]] = []
    for page in _pages(log, asked):
        columns = list(zip(*page, strict=True))
        handlings = _handlings(columns, numbers)
        marks = [_marked(page, grouping, known) for grouping, known in zip(groupings, groups, strict=True)]
        parts.append((handlings, marks))
    if not parts:
        return [{} for _ in groupings]
    whole = _joined([handlings for handlings, _ in parts])
    made = []
    for number, known in enumerate(groups):
        sums = tally(whole, np.concatenate([marks[number] for _, marks in parts]), len(known))
        made.append({key: {name: sums[name][at].item() for name in sums} for key, at in known.items()})
    return made


def read_returned(log: Connection, asked: Asked) -> Iterator[Returned]:
    """The cases that were returned at least once and lie somewhere, with who returned them."""
    column = standing.c
    meant = [column.returns > 0, column.state != "void", column.lon.is_not(None), *conditions_of(asked)]
    names = ("outcome", "edition", "kind", "class_code", "lon", "lat", "days_lost")
    rows = log.execute(select(*(column[name] for name in names)).where(*meant)).all()
    for start in range(0, len(rows), AT_ONCE):
        piece = rows[start : start + AT_ONCE]
        told = select(outcome.c.position, outcome.c.hand_offs).where(
            outcome.c.position.in_([row.outcome for row in piece])
        )
        steps = {row.position: row.hand_offs for row in log.execute(told)}
        for row in piece:
            back = [each["department"] for each in steps.get(row.outcome, ()) if each["result"] == "returned"]
            of = (row.edition, row.kind, row.class_code)
            yield Returned(of, row.lon, row.lat, frozenset(back), row.days_lost)


_READ: Final = (
    *("source", "case_id", "state", "first", "handler", "returns", "passed", "reworks", "days_lost"),
    *("edition", "kind", "class_code", "unit", "reported_at"),
)


def _pages(log: Connection, asked: Asked) -> Iterator[Sequence[Any]]:
    column = standing.c
    behind: tuple[str, str] | None = None
    while True:
        meant = [column.outcome.is_not(None), *conditions_of(asked)]
        if behind is not None:
            meant.append(tuple_(column.source, column.case_id) > behind)
        chosen = select(*(column[name] for name in _READ)).where(*meant).order_by(column.source, column.case_id)
        page = log.execute(chosen.limit(PAGE)).all()
        if not page:
            return
        yield page
        behind = page[-1].source, page[-1].case_id


def conditions_of(asked: Asked) -> list[ColumnElement[bool]]:
    """What a row of `standing` must meet."""
    column = standing.c
    meant: list[ColumnElement[bool]] = []
    if asked.since is not None:
        meant.append(column.reported_at >= asked.since)
    if asked.until is not None:
        meant.append(column.reported_at < asked.until)
    if asked.source is not None:
        meant.append(column.source == asked.source)
    if asked.class_code is not None:
        meant.append(column.class_code == asked.class_code)
    if asked.prefix:
        meant += [column.unit >= asked.prefix, column.unit < asked.prefix + LAST]
    return meant


def _handlings(columns: Sequence[Sequence[Any]], numbers: dict[str | None, int]) -> Handlings:
    by_name = dict(zip(_READ, columns, strict=True))
    first, handler = (
        np.array([numbers.setdefault(each, len(numbers) - 1) for each in by_name[name]], dtype=np.int64)
        for name in ("first", "handler")
    )
    return Handlings(
        state=np.array([STATES.index(each) for each in by_name["state"]], dtype=np.int64),
        first=first,
        handler=handler,
        returns=np.array(by_name["returns"], dtype=np.int64),
        passed=np.array(by_name["passed"], dtype=np.bool_),
        reworks=np.array(by_name["reworks"], dtype=np.int64),
        days_lost=np.array(by_name["days_lost"], dtype=np.float64),
    )


def _joined(parts: Sequence[Handlings]) -> Handlings:
    return Handlings(**{name: np.concatenate([getattr(each, name) for each in parts]) for name in Handlings.__slots__})


def _marked(page: Sequence[Any], grouping: Grouping, known: dict[tuple[Any, ...], int]) -> NDArray[np.int64]:
    """The number of each row's group."""
    match grouping.by:
        case "department":
            keys: Iterator[tuple[Any, ...]] = ((row.first,) for row in page)
        case "class":
            keys = ((row.edition, row.kind, row.class_code) for row in page)
        case "division":
            keys = ((None if row.unit is None else row.unit[: grouping.length],) for row in page)
        case "month":
            keys = ((f"{row.reported_at.astimezone(grouping.zone):%Y-%m}",) for row in page)
        case _:
            keys = (() for _ in page)
    return np.array([known.setdefault(key, len(known)) for key in keys], dtype=np.int64)
