"""Review by a caller: who may decide which proposals."""

from collections.abc import Callable, Sequence

from api.auth import permit
from api.keys import Key
from components import review
from components.policies import read_policies
from components.proposals import Proposal
from components.review import MOST, Reviewed
from gis.errors import refuse
from gis.store.engine import reading
from grids.drafts.at_once import Word
from grids.drafts.workbench import Workbench

__all__ = ["FILTERS", "MOST", "accept_proposals", "reject_proposals"]
FILTERS = ("division", "edition", "class_code", "author", "code", "deed")


def accept_proposals(bench: Workbench, key: Key, found: Sequence[Proposal], reason: str, day: str) -> Reviewed:
    """Accept proposals in a caller's name. Errors and refusals: those of `components.review.accept`."""
    note = reason.strip() or f"accept {len(found)} proposals"
    return review.accept(bench, found, _judge(bench, key), Word(key.name, note), key.id, day)


def reject_proposals(bench: Workbench, key: Key, found: Sequence[Proposal], reason: str) -> Reviewed:
    """Reject proposals in a caller's name. Errors: those of `components.review.reject`."""
    return review.reject(bench, found, _judge(bench, key), reason, key.id)


def _judge(bench: Workbench, key: Key) -> Callable[[Proposal], None]:
    """Who may decide a proposal: an editor over its owner; where everybody's changes are reviewed, not its author.

    An admin may. Errors: role_missing, prefix_missing, proposal_own.
    """
    with reading(bench.store.world) as connection:
        policies = read_policies(connection)

    def allow(each: Proposal) -> None:
        permit(key, "editor", each.owner)
        wanted = policies.of(each.owner, each.edition, each.class_code).review
        if wanted == "always" and each.author == key.id and not key.may("admin"):
            raise refuse(
                "proposal_own",
                "Every change of this class is reviewed by another person than its author.",
                "该类别的所有变更须由提议人以外的人审核。",
                kind="forbidden",
                thing=each.id,
            )

    return allow
