"""Many cases and many outcomes at once, into their logs: the same rows as one by one, in pieces of one transaction."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy import Connection, and_, insert, select
from sqlalchemy.exc import IntegrityError

from cases.followups import append_follow_ups
from cases.handoffs import HandOff
from cases.log import check_version, decision_row, standing_of
from cases.reports import Case
from cases.routing import Routing
from cases.standing import put_outcomes, put_standings
from cases.tables import case_text, decision, erasure, outcome
from cases.texts import lock_erasures, without_texts
from gis.errors import Fault, Refusal
from gis.store.engine import Store, reading, writing
from gis.store.order import announce_append

AT_ONCE: Final = 300
ATTEMPTS: Final = 5
Name = tuple[str, str]
"""Source and id of a case."""


@dataclass(frozen=True, slots=True)
class Filed:
    """A case of a file: what the log keeps of it, and the row it was."""

    row: int
    case: Case
    report: Mapping[str, Any]
    digest: str
    texts: Mapping[str, str]

    @property
    def name(self) -> Name:
        return self.case.source, self.case.id

    @property
    def version(self) -> int:
        return self.case.version or 0


@dataclass(frozen=True, slots=True)
class Told:
    """The hand-offs of a case in a file, and the row of the first."""

    row: int
    name: Name
    hand_offs: Sequence[HandOff]


Counted = tuple[Counter[str], list[Fault]]
"""How many were new, changed, same or late, and what was wrong."""


def sort_cases(log: Connection, filed: Sequence[Filed]) -> tuple[list[Filed], Counter[str], list[Fault]]:
    """Those that are new to the log; the counts of new, same and late ones, and the conflicts.

    A version that comes after a higher one is late and left out with a warning.
    """
    known = _known_versions(log, [each.name for each in filed])
    new, counts, faults = list[Filed](), Counter[str](), list[Fault]()
    for each in filed:
        there = known.get(each.name)
        if there is not None and there[0] >= each.version:
            try:
                check_version(each.case, each.version, each.digest, *there)
                counts["same"] += 1
            except Refusal as refusal:
                is_late = refusal.code == "superseded"
                counts["late" if is_late else "wrong"] += 1
                told = [replace(fault, row=each.row) for fault in refusal.faults]
                faults += [replace(fault, severity="warning") for fault in told] if is_late else told
            continue
        known[each.name] = each.version, each.digest
        new.append(each)
    counts["new"] = len(new)
    return new, counts, faults


def file_cases(store: Store, filed: Sequence[Filed], decide: Callable[[Sequence[Case]], Sequence[Routing]]) -> Counted:
    """Decide the cases that are new and keep the decisions, in one transaction. Errors: store_busy, store_down."""
    routings: dict[int, Routing] = {}
    for attempt in range(ATTEMPTS):
        with reading(store.log) as log:
            new, counts, faults = sort_cases(log, filed)
            if not new:
                return counts, faults
        asked = [each for each in new if each.row not in routings]  # decided outside every lock
        routings |= dict(zip((each.row for each in asked), decide([each.case for each in asked]), strict=True))
        try:
            with writing(store.log) as log:
                again, counts, faults = sort_cases(log, filed)
                if [each.row for each in again] == [each.row for each in new]:
                    _append(log, new, [routings[each.row] for each in new])
                    return counts, faults
        except IntegrityError:
            if attempt == ATTEMPTS - 1:
                raise
    raise AssertionError("whoever else takes the same cases in comes to an end")


def _append(log: Connection, new: Sequence[Filed], routings: Sequence[Routing]) -> None:
    now = datetime.now(UTC)
    rows = [
        decision_row(each.case, each.version, each.digest, each.report, routing, now)
        for each, routing in zip(new, routings, strict=True)
    ]
    lock_erasures(log)
    announce_append(log)
    positions = log.execute(insert(decision).returning(decision.c.position, sort_by_parameter_order=True), rows)
    standings: dict[Name, dict[str, Any]] = {}
    for each, routing, position in zip(new, routings, positions.scalars(), strict=True):
        standings[each.name] = standing_of(each.case, routing, position, now)
    put_standings(log, list(standings.values()))
    spoken = [each for each in new if each.texts]
    erased = erased_among(log, [each.name for each in spoken])
    texts = [
        {"source": each.case.source, "case_id": each.case.id, "version": each.version, "texts": dict(each.texts)}
        for each in spoken
        if each.name not in erased
    ]
    if texts:
        log.execute(insert(case_text), texts)


def sort_outcomes(log: Connection, told: Sequence[Told]) -> tuple[list[tuple[Told, int]], Counter[str], list[Fault]]:
    """Those that are news, each with the number it gets; the counts of new, changed, same and late ones.

    A list that the store's own list merely adds to is late: the file is older than what is known.
    """
    known = _known_outcomes(log, [each.name for each in told])
    erased = erased_among(log, list(known))
    news, counts, faults = list[tuple[Told, int]](), Counter[str](), list[Fault]()
    for each in told:
        number, held = known.get(each.name, (0, []))
        said = [hand_off.as_dict() for hand_off in each.hand_offs]
        said = without_texts(said) if each.name in erased else said
        if number and said == held:
            counts["same"] += 1
        elif number and said == held[: len(said)]:
            counts["late"] += 1
            faults.append(_late(each))
        else:
            counts["changed" if number else "new"] += 1
            news.append((each, number + 1))
    return news, counts, faults


def file_outcomes(store: Store, told: Sequence[Told], author: str) -> Counted:
    """Keep the lists that are news, in one transaction. Errors: store_busy, store_down."""
    for attempt in range(ATTEMPTS):
        try:
            with writing(store.log) as log:
                lock_erasures(log)
                news, counts, faults = sort_outcomes(log, told)
                erased = erased_among(log, [each.name for each, _ in news])
                said = [(each, number, [hand_off.as_dict() for hand_off in each.hand_offs]) for each, number in news]
                rows = [
                    (*each.name, number, without_texts(members) if each.name in erased else members)
                    for each, number, members in said
                ]
                if rows:
                    made = append_follow_ups(log, rows, author)
                    pairs = zip(news, made, strict=True)
                    put_outcomes(log, [(*each.name, row.position, each.hand_offs) for (each, _), row in pairs])
                return counts, faults
        except IntegrityError:
            if attempt == ATTEMPTS - 1:
                raise
    raise AssertionError("the last attempt returns or raises")


def _late(told: Told) -> Fault:
    source, case_id = told.name
    return Fault(
        "superseded",
        f"More hand-offs of case {case_id} of {source} are known than the file has; its list is left out.",
        f"来源 {source} 的案件 {case_id} 已有更多流转记录，文件中的列表未采用。",
        "warning",
        row=told.row,
        thing=case_id,
    )


def erased_among(log: Connection, names: Sequence[Name]) -> set[Name]:
    """Those of the cases whose texts were erased."""
    columns = (erasure.c.source, erasure.c.case_id)
    return {(row[0], row[1]) for row in _of(log, select(*columns), erasure, names)}


def _known_versions(log: Connection, names: Sequence[Name]) -> dict[Name, tuple[int, str]]:
    """The newest version of each case that is there, with its digest."""
    columns = (decision.c.source, decision.c.case_id, decision.c.version, decision.c.digest)
    found: dict[Name, tuple[int, str]] = {}
    for source, case_id, version, digest in _of(log, select(*columns), decision, names):
        if version >= found.get((source, case_id), (-1, ""))[0]:
            found[source, case_id] = version, digest
    return found


def _known_outcomes(log: Connection, names: Sequence[Name]) -> dict[Name, tuple[int, list[dict[str, Any]]]]:
    """The list that counts of each case that has one, with its number."""
    columns = (outcome.c.source, outcome.c.case_id, outcome.c.number, outcome.c.hand_offs)
    found: dict[Name, tuple[int, list[dict[str, Any]]]] = {}
    for source, case_id, number, hand_offs in _of(log, select(*columns), outcome, names):
        if number > found.get((source, case_id), (0, []))[0]:
            found[source, case_id] = number, hand_offs
    return found


def _of(log: Connection, chosen: Any, table: Any, names: Sequence[Name]) -> list[Any]:
    """The rows of these cases, some hundred cases at a time."""
    by_source: dict[str, list[str]] = {}
    for source, case_id in dict.fromkeys(names):
        by_source.setdefault(source, []).append(case_id)
    rows: list[Any] = []
    for source, ids in by_source.items():
        for start in range(0, len(ids), AT_ONCE):
            meant = and_(table.c.source == source, table.c.case_id.in_(ids[start : start + AT_ONCE]))
            rows += log.execute(chosen.where(meant)).all()
    return rows
