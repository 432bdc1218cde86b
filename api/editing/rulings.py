"""Rulings taken into a draft, which nobody but a person publishes."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from api.editing.checks import State
from api.editing.drafting import DOORS, holders
from api.editing.rule_checks import check_drafted
from cases.books import load_book
from cases.log import find_report
from cases.reports import Defaults, from_records
from cases.rulings import Ruling, edits_of, read_rulings, ruling_of_case
from cases.source_records import load_sources
from gis.errors import Fault, Refusal, refuse
from gis.store.engine import Store, reading, writing
from gis.store.revisions import head
from grids.drafts.records import create_draft
from grids.drafts.workbench import Work, Workbench


@dataclass(frozen=True, slots=True)
class Taken:
    """The draft with the rulings, the edits that they became, and what the checks say of their rules."""

    work: Work
    rulings: tuple[Ruling, ...]
    edits: tuple[dict[str, Any], ...]
    faults: tuple[Fault, ...]


def take_rulings(
    store: Store, document: Any, owner: str | None, author: str, draft_id: str | None = None, scope: str = ""
) -> Taken:
    """Put the rulings of a document into a draft, a new one of the division `scope` unless one is given; all or none.

    Errors: Refusal with the faults of the document, those of the edits, draft_unknown, draft_conflict.
    """
    rulings, faults = read_rulings(document, owner)
    if faults:
        raise Refusal(faults)
    bench = Workbench(store, DOORS, holders)
    with reading(store.world) as connection:
        edits = edits_of(rulings, load_book(connection, head(connection)))
    if draft_id is None:
        title = "确权 " + "; ".join(dict.fromkeys(each.quoted for each in rulings))
        with writing(store.world) as connection:
            draft = create_draft(connection, scope, title[:100], author)
        work = bench.fill(draft, edits, author)
    else:
        work, _ = bench.add(draft_id, edits, author, None)
    codes = {edit["code"] for edit in edits}
    with reading(store.world) as connection:
        found = check_drafted(State(connection, work.sketch))
    return Taken(work, tuple(rulings), tuple(edits), tuple(each for each in found if each.thing in codes))


def document_of_case(
    store: Store, source: str, case_id: str, department: str, basis: Mapping[str, str], owner: str, defaults: Defaults
) -> Any:
    """The document of a ruling about a case of the log. Errors: Refusal case_unknown, ruling_without_place."""
    with reading(store.log) as log:
        found = find_report(log, source, case_id)
    if found is None:
        raise refuse(
            "case_unknown",
            f"No case {case_id} of {source} was taken in.",
            f"没有来源为 {source} 的案件 {case_id}。",
            kind="missing",
            thing=case_id,
        )
    report, unit = found
    with reading(store.world) as connection:
        sources = load_sources(connection, head(connection))
    read = from_records([report], replace(defaults, sources=sources))
    (case,) = read.cases
    if case is None:
        raise Refusal(read.all_faults)
    return ruling_of_case(case, unit, department, basis, owner)
