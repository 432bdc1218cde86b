"""Rulings taken into a draft, which nobody but a person publishes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Connection

from api.editing.checks import State
from api.editing.rule_checks import check_drafted
from cases.books import load_book
from cases.log import find_report
from cases.reports import Defaults, from_records
from cases.rules import Rule
from cases.rulings import edits_of, read_rulings, ruling_of_case
from cases.source_records import load_sources
from gis.errors import Fault, Refusal, refuse
from gis.store.engine import Store, reading, writing
from gis.store.revisions import head
from gis.store.scope import EVERYTHING
from gis.store.versions import Query, read_columns
from grids.drafts.records import Draft, create_draft
from grids.drafts.workbench import Work, Workbench
from grids.tables import area


@dataclass(frozen=True, slots=True)
class Taken:
    """The draft with the rulings as quoted, the edits that they became, and what the checks say of their rules."""

    work: Work
    quoted: tuple[str, ...]
    edits: tuple[dict[str, Any], ...]
    faults: tuple[Fault, ...]


def take_rulings(
    bench: Workbench,
    document: Any,
    owner: str | None,
    author: str,
    draft: Draft | None = None,
    scope: str = "",
    version: int | None = None,
) -> Taken:
    """Put the rulings of a document into a draft, a new one of the division `scope` unless one is given; all or none.

    A rule for which no owner is named is the draft's division's. `version` is that of the draft as its author saw it.

    Errors: Refusal with the faults of the document, those of the edits, draft_conflict, draft_changed.
    """
    rulings, faults = read_rulings(document, owner)
    if faults:
        raise Refusal(faults)
    store, division = bench.store, scope if draft is None else draft.owner
    rulings = [each if each.is_of_area or each.rule.owner else each.owned_by(division) for each in rulings]
    with reading(store.world) as connection:
        edits = edits_of(rulings, load_book(connection, head(connection)))
        if draft is None:
            _check_areas(connection, [each.rule for each in rulings if each.is_of_area])
    if draft is None:
        title = "确权 " + "; ".join(dict.fromkeys(each.quoted for each in rulings))
        with writing(store.world) as connection:
            made = create_draft(connection, scope, title[:100], author)
        work = bench.fill(made, edits, author)
    else:
        work, _ = bench.add(draft.id, edits, author, version)
    return Taken(work, tuple(each.quoted for each in rulings), tuple(edits), faults_of(store, work, edits))


def _check_areas(connection: Connection, rules: Sequence[Rule]) -> None:
    """Errors: Refusal area_unknown for a ruling about an area that there is not."""
    at = head(connection)
    for each in rules:
        meant = {"layer": each.area_layer, "code": each.area}
        if not len(read_columns(connection, area, Query(EVERYTHING, at=at, where=meant), ("code",))["code"]):
            raise area_unknown(str(each.area), str(each.area_layer))


def area_unknown(code: str, layer: str) -> Refusal:
    """The refusal of an area that there is not."""
    return refuse(
        "area_unknown",
        f"There is no area {code[:60]} in the layer {layer[:60]}.",
        f"图层 {layer[:60]} 中没有片区 {code[:60]}。",
        kind="missing",
        thing=code[:60],
    )


def faults_of(store: Store, work: Work, edits: Sequence[Mapping[str, Any]]) -> tuple[Fault, ...]:
    """What the checks say of the rules that some edits of a draft are about."""
    codes = {edit["code"] for edit in edits}
    with reading(store.world) as connection:
        found = check_drafted(State(connection, work.sketch))
    return tuple(each for each in found if each.thing in codes)


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
