"""A delivery against the store: the rows in force now are read page by page, those of the base where they differ."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from sqlalchemy import Connection, and_
from sqlalchemy import Table as SqlTable

from gis.delivery import BOOKKEEPING, Key
from gis.errors import Fault
from gis.store.scope import EVERYTHING
from gis.store.versions import Query, read_where, statement
from grids.deliveries.extents import Extent
from grids.deliveries.masses import Mass, alike_by_class, find_masses
from grids.deliveries.merging import SHAPE, Outcome, Row, Spoken, Triple, Verdict, merge

PAGE = 10_000


@dataclass(frozen=True, slots=True)
class Subject:
    """What is compared: the rows of a table that match `where`, by `key`, in all fields but the `derived` ones.

    `document` is the column of further attributes. `class_of` tells the class of a row. Of the keys in `held` the shape
    follows from other rows and is not compared.
    """

    layer: str
    table: SqlTable
    key: tuple[str, ...]
    where: Mapping[str, Any] = field(default_factory=dict)
    document: str | None = None
    derived: frozenset[str] = frozenset()
    class_of: Callable[[Row], str] = lambda row: ""
    held: frozenset[Key] = frozenset()

    @property
    def fields(self) -> list[str]:
        """The columns that are compared."""
        columns = (column.name for column in self.table.c)
        return [name for name in columns if name not in BOOKKEEPING and name not in self.derived]


@dataclass(frozen=True, slots=True)
class Incoming:
    """The rows of a delivery by their key, and what they speak of.

    `numbers` are the row numbers in the file of all keys that it names, also of rows that were left out as wrong: what
    is named is not gone. `apart` tells what a row speaks of where not all speak of the same.
    """

    subject: Subject
    rows: MutableMapping[Key, Any]
    spoken: Spoken
    numbers: Mapping[Key, int]
    faults: tuple[Fault, ...] = ()
    apart: Callable[[Key], Spoken] | None = None


@dataclass(frozen=True, slots=True)
class Merged:
    """What a delivery comes to: how many of each outcome, the verdicts that change something, and the conflicts.

    `silent` rows hold now, and the delivery neither has them nor says that they are gone. `masses` are classes gone or
    moved in large part.
    """

    layer: str
    counts: Mapping[Outcome, int]
    changes: tuple[Verdict, ...]
    conflicts: tuple[Verdict, ...]
    silent: int
    masses: tuple[Mass, ...]
    shifts: Mapping[str, float]


def compare(connection: Connection, incoming: Incoming, base: int, at: int, extent: Extent | None) -> Merged:
    """Merge a delivery that was begun at revision `base` into what holds at `at`. Its rows are taken out meanwhile.

    What the delivery lacks is gone only within `extent`; without one nothing is. Errors: none of its own.
    """
    counts: Counter[Outcome] = Counter()
    spoken: Counter[str] = Counter()
    changes: list[Verdict] = []
    conflicts: list[Verdict] = []
    silent = 0
    subject = incoming.subject
    for page, left_out in _pages(connection, incoming, base, at, extent):
        silent += left_out
        for verdict in merge(page, subject.fields, subject.document):
            counts[verdict.outcome] += 1
            if verdict.row.now is not None:
                spoken[subject.class_of(verdict.row.now)] += 1
            if verdict.outcome in (Outcome.changed, Outcome.new, Outcome.gone):
                changes.append(verdict)
            elif verdict.outcome is Outcome.conflict:
                conflicts.append(verdict)
    moved = [
        (subject.class_of(each.row.now), each.row.now[SHAPE], each.row.delivered[SHAPE])
        for each in changes
        if each.row.now is not None and each.row.delivered is not None and SHAPE in each.fields
    ]
    gone = Counter(subject.class_of(each.row.now) for each in changes if each.row.now and each.row.delivered is None)
    alike = alike_by_class(moved)
    masses = find_masses(spoken, gone, {what: count for what, (count, _) in alike.items()})
    shifts = {what: metres for what, (_, metres) in alike.items()}
    return Merged(subject.layer, counts, tuple(changes), tuple(conflicts), silent, tuple(masses), shifts)


def _pages(
    connection: Connection, incoming: Incoming, base: int, at: int, extent: Extent | None
) -> Iterator[tuple[list[Triple], int]]:
    """The rows to be weighed, and how many of those in force nothing is said of."""
    subject = incoming.subject
    before = _changed_rows(connection, subject, base, at) if base != at else {}
    query = Query(EVERYTHING, at=at, where=subject.where)
    chosen = statement(subject.table, query).execution_options(yield_per=PAGE)
    for part in connection.execute(chosen).mappings().partitions():
        rows = [dict(row) for row in part]
        keys = [tuple(str(row[name]) for name in subject.key) for row in rows]
        inside = _inside(extent, rows)
        page, left_out = [], 0
        for key, row, is_inside in zip(keys, rows, inside, strict=True):
            delivered = incoming.rows.pop(key, None)
            if delivered is None and (not is_inside or key in incoming.numbers):
                left_out += 1
                continue
            was = before.get(key) if row["from_revision"] > base else row
            page.append(_triple(incoming, key, was, delivered, row))
        yield page, left_out
    rest = list(incoming.rows)
    for start in range(0, len(rest), PAGE):
        named = rest[start : start + PAGE]
        yield [_triple(incoming, key, before.get(key), incoming.rows.pop(key), None) for key in named], 0


def _triple(incoming: Incoming, key: Key, base: Row | None, delivered: Row | None, now: Row | None) -> Triple:
    if delivered is not None:
        spoken = incoming.spoken if incoming.apart is None else incoming.apart(key)
        delivered = spoken.complete(delivered, base, now)
    if key in incoming.subject.held and now is not None:
        base, delivered = (None if each is None else {**each, SHAPE: now[SHAPE]} for each in (base, delivered))
    return Triple(key[-1], base, delivered, now)


def _inside(extent: Extent | None, rows: list[dict[str, Any]]) -> list[bool]:
    if extent is None:
        return [False] * len(rows)
    shapes = [row.get(SHAPE) for row in rows]
    return [bool(each) for each in np.asarray(extent.holds([str(row["code"]) for row in rows], shapes))]


def _changed_rows(connection: Connection, subject: Subject, base: int, at: int) -> dict[Key, Row]:
    """The rows of the base that are over since."""
    begins, ends = subject.table.c.from_revision, subject.table.c.to_revision
    meant = [subject.table.c[name] == value for name, value in subject.where.items()]
    names = [column.name for column in subject.table.c]
    over = read_where(connection, subject.table, and_(begins <= base, ends > base, ends <= at, *meant), names)
    found: dict[Key, Row] = {}
    for values in zip(*over.values(), strict=True):
        row = dict(zip(names, values, strict=True))
        found[tuple(str(row[name]) for name in subject.key)] = row
    return found
