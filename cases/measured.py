"""Which cases are meant, and of these the ones that were returned, read from the log."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import ColumnElement, Connection, select

from cases.seams import Returned
from cases.tables import outcome, standing

AT_ONCE: Final = 300
LAST: Final = "\U0010ffff"


@dataclass(frozen=True, slots=True)
class Asked:
    """Which cases: of one source, reported since and until, in units below a prefix, of one class; all where None.

    `told`: only those of which any hand-off was told.
    """

    since: datetime | None = None
    until: datetime | None = None
    source: str | None = None
    prefix: str = ""
    class_code: str | None = None
    told: bool = False


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
    if asked.told:
        meant.append(column.outcome.is_not(None))
    if asked.prefix:
        meant += [column.unit >= asked.prefix, column.unit < asked.prefix + LAST]
    return meant
