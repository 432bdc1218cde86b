"""Review of proposals: accepted together as one revision, or rejected with a reason."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from sqlalchemy import Connection

from components import proposals
from components.proposals import Proposal
from components.registry import do_all
from gis.errors import Refusal, refuse
from gis.store.engine import reading
from gis.store.revisions import Revision
from grids.drafts.at_once import Word
from grids.drafts.workbench import Workbench

MOST = 1000
"""Proposals that are decided at once."""


@dataclass(slots=True)
class Reviewed:
    """What became of proposals, by id: the codes of components of those accepted, why others were not."""

    revision: Revision | None = None
    codes: dict[str, str] = field(default_factory=dict)
    refused: dict[str, Refusal] = field(default_factory=dict)


def accept(
    bench: Workbench,
    found: Sequence[Proposal],
    allow: Callable[[Proposal], None],
    word: Word,
    by: str,
    day: str,
) -> Reviewed:
    """Accept proposals as one revision: those that still fit; the others are told with their refusal and stay open.

    `allow` raises where this one may not be accepted by the caller. Refusals: proposal_closed, proposal_conflict (with
    both versions of the component), code_reused, those of an edit. Errors: those of `publish_at_once`.
    """
    check_count(len(found))
    reviewed, fit = _sorted(found, allow)
    if not fit:
        return reviewed
    store = bench.store

    def then(connection: Connection, number: int, names: Sequence[str]) -> None:
        with reading(store.log) as log:
            _check_still_open(log, names)
        proposals.write_tickets(connection, names, number)

    done = do_all(bench, {each.id: each.as_deed() for each in fit}, word, day, then)
    reviewed.refused |= done.refused
    if done.revision is not None:
        reviewed.revision, reviewed.codes = done.revision, done.codes
        proposals.accepted(store, done.codes, done.revision.number, by)
    return reviewed


def reject(
    bench: Workbench, found: Sequence[Proposal], allow: Callable[[Proposal], None], reason: str, by: str
) -> Reviewed:
    """Reject proposals. Errors: Refusal reason_missing, text_too_long."""
    check_count(len(found))
    if not reason.strip():
        raise refuse("reason_missing", "Say why it is rejected.", "请说明驳回理由。")
    proposals.check_text(reason)
    reviewed, fit = _sorted(found, allow)
    closed = proposals.close(bench.store, [each.id for each in fit], "rejected", by, reason)
    for each in fit:
        if each.id in closed:
            reviewed.codes[each.id] = each.code or ""
        else:
            reviewed.refused[each.id] = proposals.closed(proposals.find_proposal(bench.store, each.id))
    return reviewed


def _sorted(found: Sequence[Proposal], allow: Callable[[Proposal], None]) -> tuple[Reviewed, list[Proposal]]:
    """Those that are open and may be decided, beside why the others may not."""
    reviewed, fit = Reviewed(), []
    for each in found:
        try:
            proposals.check_open(each)
            allow(each)
            fit.append(each)
        except Refusal as refusal:
            reviewed.refused[each.id] = refusal
    return reviewed, fit


def check_count(count: int) -> None:
    """Errors: Refusal proposals_too_many."""
    if count > MOST:
        raise refuse(
            "proposals_too_many",
            f"At most {MOST} proposals are decided at once; take a narrower filter.",
            f"一次最多处理 {MOST} 条提议；请缩小范围。",
        )


def _check_still_open(log: Connection, names: Sequence[str]) -> None:
    """Errors: Refusal proposal_closed, where somebody rejected or withdrew one while it was checked."""
    for start in range(0, len(names), proposals.AT_ONCE):
        part = names[start : start + proposals.AT_ONCE]
        for each in proposals.read_closed(log, part):
            raise proposals.closed(each)
