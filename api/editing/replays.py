"""Replays: the cases of the log sent again, under a revision, a draft, or what held when each was reported.

Page by page through the router in columns; memory does not grow with the log. What moved is written as it is found.
"""

from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from api.bulk.coded import CodedDesk
from api.bulk.moved import MOVED, MovedFiles
from api.editing.drafting import DOORS, holders
from api.worlds import Worlds
from cases.agreement import CLASS, Agreement
from cases.books import drafted_book
from cases.clerk import Clerk
from cases.desk import Desk
from cases.drafting import drafted_desk
from cases.replay import Page, Row, Which, count_cases, last_position, read_page
from cases.reports import Defaults, from_records
from cases.said import Columns, moment_of, moments_of, read_reports
from gis.errors import Refusal, refuse
from gis.metres import Indices
from gis.store.engine import Store, reading
from gis.store.revisions import list_revisions
from gis.store.types import read_times
from grids.drafts.records import check_open, draft_unknown, find_draft
from grids.drafts.workbench import Workbench

PAGE = 20_000
KEPT = 3
"""Desks of older revisions that are kept at a time: cases come in the order of the log, so mostly of few revisions."""
EARLY = -1
NEVER = np.array([], dtype="datetime64[us]")
REPORTED = "reported_at"
"""As of when each case was reported, in place of a revision."""


@dataclass(frozen=True, slots=True)
class Against:
    """Under what cases are sent again: a revision, REPORTED, a draft of a caller with this prefix, or what holds with a
    rule book (a document) in the place of its owner's.
    """

    revision: int | None = None
    reported: bool = False
    draft: str | None = None
    prefix: str = ""
    rules: Any = None
    owner: str | None = None


@dataclass(slots=True)
class Replayed:
    """What a replay gave: the counts, under which revision (None: each under its own), and where the files are."""

    agreement: Agreement
    revision: int | None
    draft: str | None
    names: dict[str, str]
    has_rules: bool = False
    files: tuple[Path, ...] = field(default=())

    @property
    def summary(self) -> dict[str, Any]:
        """The counts in short."""
        against = {"revision": self.revision if self.revision is not None else REPORTED}
        told = {**({"draft": self.draft} if self.draft else {}), **({"rules": True} if self.has_rules else {})}
        return {**against, **told, **self.agreement.as_dict()}

    def as_dict(self) -> dict[str, Any]:
        """All counts, departments with their names."""
        pairs = [
            {**each, "before_name": self._name(each["before"]), "after_name": self._name(each["after"])}
            for each in self.agreement.by_department()
        ]
        classes, divisions = self.agreement.by_class(), self.agreement.by_division()
        return {**self.summary, "departments": pairs, "classes": classes, "divisions": divisions}

    def _name(self, code: str | None) -> str | None:
        return None if code is None else self.names.get(code)


def check_rules(rules: object, owner: object, as_of: object, draft: object) -> None:
    """Errors: Refusal option_unfit, where a rule book is tried on what does not hold now, or an owner has no book."""
    if rules is not None and (as_of is not None or draft is not None):
        raise refuse(
            "option_unfit",
            "A rule book is tried on what holds now: leave out as_of and draft, or put its rules into the draft.",
            "试派用的手册只能基于当前数据：请去掉 as_of 与 draft，或将规则写入草稿。",
        )
    if rules is None and owner is not None:
        raise refuse(
            "option_unfit",
            "owner says whose the rule book is; without rules it means nothing here.",
            "owner 说明手册的归属；未给出手册时不起作用。",
        )


def replay(
    store: Store,
    worlds: Worlds,
    which: Which,
    against: Against,
    defaults: Defaults,
    files: MovedFiles | None = None,
    told: Callable[[int, int], None] = lambda done, total: None,
) -> Replayed:
    """Send the cases again and count; what moved goes to `files`. `told` hears how many of how many are done, and may
    raise to stop.

    Errors: Refusal revision_unknown, draft_unknown, draft_closed, draft_conflict, store_down; faults of a rule book.
    """
    desks = _Desks.of(store, worlds, against)
    defaults = desks.newest.defaults(defaults)
    levels = [level.length for level in desks.newest.grid.profile.levels]
    with reading(store.log) as log:
        upto = last_position(log)
        total = count_cases(log, which, upto)
    agreement, after, done = Agreement(), 0, 0
    told(0, total)
    while True:
        with reading(store.log) as log:  # a read of SQLite that lasts would keep its files from being tidied
            page = read_page(log, which, after, upto, PAGE)
        if not len(page):
            break
        after, done = page.columns["position"][-1], done + len(page)
        for at, said in read_reports(page.columns["report"]):
            _count_cases(desks, page.take(at), said, which, defaults, agreement, levels, files)
        told(min(done, total), total)
    names = {code: each.name for code, each in desks.newest.departments.items()}
    return Replayed(agreement, desks.number, against.draft, names, against.rules is not None)


def _count_cases(
    desks: "_Desks",
    page: Page,
    said: Columns,
    which: Which,
    defaults: Defaults,
    agreement: Agreement,
    levels: Sequence[int],
    files: MovedFiles | None,
) -> None:
    """Route the cases of a page that are meant, count them, and write those that moved."""
    columns = {**said, **{name: pa.array(page.columns[name], pa.string()) for name in ("source", "unit", "expected")}}
    for number, part in desks.groups(page, said, which, defaults):
        if number == EARLY:
            agreement.early += len(part)
            continue
        coded = desks.coded(number)
        taken = coded.clerk.desk.defaults(defaults)
        mine = {name: column.take(pa.array(part)) for name, column in columns.items()}
        added, _ = coded.answer(mine, np.arange(len(part)), taken)
        read = added["revision"].is_valid()
        agreement.unreadable += len(part) - pc.sum(read).as_py()
        counted = {name: mine[name] for name in ("unit", *CLASS) if name in mine}
        counted |= {"before": mine["expected"], "after": added["department"].dictionary_decode()}
        same = agreement.count(pa.table(counted).filter(read), levels)
        moved = np.flatnonzero(read)[~np.asarray(same)] if files is not None else ()
        if files is not None and len(moved):
            answers = {name: column.take(pa.array(moved)).to_pylist() for name, column in added.items()}
            files.write(_moved(page.rows(part[moved]), answers, taken))


def _moved(rows: Sequence[Row], answers: dict[str, list[Any]], defaults: Defaults) -> dict[str, list[Any]]:
    """The columns of the cases that moved, positions in the store's coordinates."""
    cases = from_records((row["report"] for row in rows), defaults).cases
    reports = [row["report"] for row in rows]
    said = {name: [report.get(name) for report in reports] for name in ("edition", "kind", "class_code", "condition")}
    columns = {
        "source": [row["source"] for row in rows],
        "id": [row["case_id"] for row in rows],
        "version": [row["version"] for row in rows],
        "reported_at": [_when(row, defaults) for row in rows],
        **said,
        "lon": [None if case is None else case.lon for case in cases],
        "lat": [None if case is None else case.lat for case in cases],
        "unit_before": [row["unit"] for row in rows],
        "unit": answers["unit"],
        "department_before": [row["expected"] for row in rows],
        "department": answers["department"],
        "department_name": answers["department_name"],
        "advice_before": [row["advice"] for row in rows],
        **{name: answers[name] for name in ("advice", "rule", "area", "flags", "because", "revision")},
    }
    return {name: columns[name] for name in MOVED.names}


def _when(row: Row, defaults: Defaults) -> str:
    """When a case was reported, in the zone in which that was said, or else received, in UTC."""
    said = moment_of(row["report"].get("reported_at"), defaults.of(row["source"]).zone)
    received: datetime = read_times([row["received_at"]])[0].item()
    return (said or received.replace(tzinfo=UTC)).isoformat()


@dataclass(slots=True)
class _Desks:
    """The desks that a replay asks: one, or for each case that of when it was reported."""

    worlds: Worlds
    newest: Desk
    number: int | None
    times: NDArray[np.datetime64]
    numbers: list[int]
    made: OrderedDict[int, CodedDesk] = field(default_factory=OrderedDict)

    @classmethod
    def of(cls, store: Store, worlds: Worlds, against: Against) -> "_Desks":
        if against.reported:
            with reading(store.world) as connection:
                every = list_revisions(connection)
            newest = worlds.newest()
            times = [each.effective_at.astimezone(UTC).replace(tzinfo=None) for each in every]
            return cls(worlds, newest, None, np.array(times, "datetime64[us]"), [each.number for each in every])
        if against.rules is not None:
            desk = ruled_desk(store, worlds, against.rules, against.owner)
        else:
            desk = worlds.at(against.revision) if against.draft is None else _drafted(store, worlds, against)
        made = OrderedDict({desk.revision: CodedDesk(Clerk(desk))})
        return cls(worlds, desk, desk.revision, NEVER, [], made)

    def groups(self, page: Page, said: Columns, which: Which, defaults: Defaults) -> Iterator[tuple[int, Indices]]:
        """The cases that are meant by the revision under which they are sent again, EARLY where there was none yet."""
        everything = np.arange(len(page))
        if self.number is not None and not which.has_period:
            yield self.number, everything
            return
        zones = {source: defaults.of(source).zone for source in dict.fromkeys(page.columns["source"])}
        moments = moments_of(said, page.columns["received_at"], [zones[each] for each in page.columns["source"]])
        meant = everything[which.are_meant(moments)]
        if self.number is not None:
            place, numbers = np.zeros(len(meant), dtype=np.int64), [self.number]
        else:
            place, numbers = np.searchsorted(self.times, moments[meant], side="right"), [EARLY, *self.numbers]
        for each in np.unique(place).tolist():
            yield numbers[each], meant[place == each]

    def coded(self, number: int) -> CodedDesk:
        """The desk of a revision, ready to route in columns."""
        if number not in self.made:
            self.made[number] = CodedDesk(Clerk(self.worlds.at(number)))
            while len(self.made) > KEPT:
                self.made.popitem(last=False)
        self.made.move_to_end(number)
        return self.made[number]


def ruled_desk(store: Store, worlds: Worlds, document: Any, owner: str | None) -> Desk:
    """The newest desk with a rule book in the place of its owner's. Errors: Refusal with the faults of the book."""
    desk = worlds.newest()
    with reading(store.world) as connection:
        return replace(desk, book=drafted_book(connection, document, owner, desk.grid.profile), memo={})


def _drafted(store: Store, worlds: Worlds, against: Against) -> Desk:
    """The desk as a draft would have it, as it is now. Errors: draft_unknown, draft_closed, draft_conflict."""
    assert against.draft is not None
    with reading(store.world) as connection:
        draft = find_draft(connection, against.draft)
        if not draft.owner.startswith(against.prefix):
            raise draft_unknown(against.draft)
        check_open(draft)
        base = worlds.newest()
        base = base if base.revision >= draft.base else worlds.renew_to(draft.base)
        work = Workbench(store, DOORS, holders).work_out(connection, draft, base.revision)
        if work.conflicts:
            raise Refusal(work.conflicts, "conflict")
        desk = worlds.at(work.sketch.at)
        return drafted_desk(connection, desk, work.sketch, worlds.private_heap(desk))
