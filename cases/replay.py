"""Replays (历史案件试派): cases that were decided, read from the log in pages, and how far another answer agrees.

What an answer is compared with is the `expected` department of each case: the one that was decided, or who really
handled it.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, exists, func, select

from cases.reports import FIELDS
from cases.tables import decision, goes_before, standing

Row = Mapping[str, Any]
ClassOf = tuple[str | None, str | None, str | None]
"""Edition, kind and class code, as the case said them."""
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

    def is_meant(self, moment: datetime) -> bool:
        """Whether a case of this moment is in the period."""
        return (self.since is None or moment >= self.since) and (self.until is None or moment < self.until)


def last_position(log: Connection) -> int:
    """Where the log ends now: a replay goes so far, whatever comes in meanwhile."""
    return int(log.execute(select(func.max(decision.c.position))).scalar() or 0)


def count_cases(log: Connection, which: Which, upto: int) -> int:
    """How many cases a replay looks at, those of other periods among them."""
    return int(log.execute(select(func.count(decision.c.position)).where(_meant(which, upto))).scalar_one())


def read_page(log: Connection, which: Which, after: int, upto: int, limit: int) -> list[Row]:
    """The next cases behind a position, in the order of the log, each with its newest version; of every period.

    `expected` is the department that answers are compared with.
    """
    expected = (standing.c.handler if which.handled else decision.c.department).label("expected")
    chosen = select(*(decision.c[name] for name in COLUMNS), expected)
    page = chosen.where(_meant(which, upto), decision.c.position > after).order_by(decision.c.position).limit(limit)
    return [dict(row) for row in log.execute(page).mappings()]


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


def moment_of(row: Row, zone: tzinfo | None) -> datetime:
    """When a case was reported, or else received."""
    said = row["report"].get("reported_at")
    if isinstance(said, str):
        try:
            moment = datetime.fromisoformat(said.strip().replace("/", "-"))
        except ValueError:
            moment = None
        if moment is not None and (moment.tzinfo is not None or zone is not None):
            return moment if moment.tzinfo is not None else moment.replace(tzinfo=zone)
    received: datetime = row["received_at"]
    return received if received.tzinfo is not None else received.replace(tzinfo=UTC)


def class_of(row: Row) -> ClassOf:
    """The class that a case names."""
    report = row["report"]
    edition, kind, code = (report.get(name) for name in ("edition", "kind", "class_code"))
    return edition, kind, code


def alike(reports: Sequence[Mapping[str, Any]]) -> Iterator[tuple[list[int], dict[str, list[Any]]]]:
    """Reports in groups whose members are of the same types, as columns: which they are, and what they say.

    Columns hold one type each; senders write a number now as a number and now as text. Names are left out: the source
    is known without asking the report, the others are for nobody who routes, and may be of any size.
    """
    names = [name for name in FIELDS if name not in ("source", "id", "version")]
    groups: dict[tuple[type, ...], list[int]] = {}
    for at, report in enumerate(reports):
        groups.setdefault(tuple(type(report.get(name)) for name in names), []).append(at)
    for which in groups.values():
        said = [name for name in names if reports[which[0]].get(name) is not None]
        yield which, {name: [reports[at][name] for at in which] for name in said}


@dataclass(slots=True)
class Agreement:
    """How often the answers are the expected ones: in all, by class, by division, and from which department to which.

    `unreadable` cases are none by today's rules of reading, `early` ones lie before history; neither is compared.
    """

    cases: int = 0
    unreadable: int = 0
    early: int = 0
    classes: Counter[tuple[ClassOf, bool]] = field(default_factory=Counter)
    divisions: Counter[tuple[str, bool]] = field(default_factory=Counter)
    departments: Counter[tuple[str | None, str | None]] = field(default_factory=Counter)

    def count(
        self,
        expected: Sequence[str | None],
        found: Sequence[str | None],
        classes: Sequence[ClassOf],
        units: Sequence[str | None],
        lengths: Sequence[int],
    ) -> None:
        """Count cases by the department expected and found, class and unit; `lengths` are those of divisions' codes."""
        self.cases += len(expected)
        pairs = list(zip(expected, found, strict=True))
        self.departments.update(pairs)
        self.classes.update((each, was == now) for each, (was, now) in zip(classes, pairs, strict=True))
        within = Counter((unit, was == now) for unit, (was, now) in zip(units, pairs, strict=True))
        for (unit, same), times in within.items():
            if unit is not None:
                self.divisions.update({(unit[:length], same): times for length in lengths})

    @property
    def same(self) -> int:
        """Cases whose department is the expected one; none expected and none found agree, too."""
        return sum(times for (was, now), times in self.departments.items() if was == now)

    def as_dict(self) -> dict[str, Any]:
        """The counts as JSON members, the most frequent first."""
        return {
            "cases": self.cases,
            "same": self.same,
            "moved": self.cases - self.same,
            "agreement": round(self.same / self.cases, 6) if self.cases else None,
            "unreadable": self.unreadable,
            "before_history": self.early,
        }

    def by_class(self) -> list[dict[str, Any]]:
        """Cases and agreement of each class."""
        names = ("edition", "kind", "class_code")
        return [{**dict(zip(names, each, strict=True)), **shares} for each, shares in _shares(self.classes)]

    def by_division(self) -> list[dict[str, Any]]:
        """Cases and agreement of each division, by code."""
        return sorted(({"division": each, **shares} for each, shares in _shares(self.divisions)), key=_division)

    def by_department(self) -> list[dict[str, Any]]:
        """How many cases went from which department to which; those that stay are pairs of the same."""
        ranked = sorted(self.departments.items(), key=lambda each: (-each[1], str(each[0])))
        return [{"before": was, "after": now, "cases": times} for (was, now), times in ranked]


def _division(told: Mapping[str, Any]) -> str:
    return str(told["division"])


def _shares(counts: Counter[tuple[Any, bool]]) -> Iterator[tuple[Any, dict[str, Any]]]:
    whole: Counter[Any] = Counter()
    for (each, _), times in counts.items():
        whole[each] += times
    for each, times in sorted(whole.items(), key=lambda pair: (-pair[1], str(pair[0]))):
        same = counts[each, True]
        yield each, {"cases": times, "same": same, "agreement": round(same / times, 6)}
