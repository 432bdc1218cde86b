"""The log of outcomes: each list of hand-offs that was told of a case stays, and the last one counts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, and_, insert, select
from sqlalchemy.exc import IntegrityError

from cases.handoffs import HandOff, digest_of
from cases.standing import find_standing, put_outcomes
from cases.tables import outcome
from cases.texts import is_erased, lock_case, without_texts
from gis.errors import Refusal, refuse
from gis.store.engine import Store, writing

ATTEMPTS = 5


@dataclass(frozen=True, slots=True)
class FollowUp:
    """A list of hand-offs as it was told: the `number`-th of its case. `position` orders the log."""

    position: int
    source: str
    case_id: str
    number: int
    digest: str
    received_at: datetime
    author: str
    hand_offs: Sequence[Mapping[str, Any]]

    @property
    def etag(self) -> str:
        """The tag of this list."""
        return f'"{self.position}"'


def find_follow_up(log: Connection, source: str, case_id: str) -> FollowUp | None:
    """The list that counts, None where none was told."""
    found = list_follow_ups(log, source, case_id, 1)
    return found[0] if found else None


def list_follow_ups(log: Connection, source: str, case_id: str, most: int) -> list[FollowUp]:
    """The lists that were told of a case, the newest first."""
    columns = [outcome.c[name] for name in FollowUp.__slots__]
    mine = and_(outcome.c.source == source, outcome.c.case_id == case_id)
    chosen = select(*columns).where(mine).order_by(outcome.c.number.desc()).limit(most)
    return [FollowUp(**row) for row in log.execute(chosen).mappings()]


def put_follow_up(
    store: Store, source: str, case_id: str, hand_offs: Sequence[HandOff], author: str, seen: Sequence[str] | None
) -> tuple[FollowUp, bool]:
    """Tell what became of a case; with whether that is news. The same list again changes nothing.

    A list that only adds to the one there is needs no tag; any other needs that one's in `seen`. Errors: Refusal
    case_unknown, if_match_missing, outcome_changed; store_busy, store_down.
    """
    for attempt in range(ATTEMPTS):
        try:
            with writing(store.log) as log:
                lock_case(log, source, case_id)
                if find_standing(log, source, case_id) is None:
                    raise unknown_case(source, case_id)
                known = find_follow_up(log, source, case_id)
                told = [each.as_dict() for each in hand_offs]
                if is_erased(log, source, case_id):
                    told = without_texts(told)
                if known is not None and known.digest == digest_of(told):
                    return known, False
                _check_seen(known, told, seen)
                number = 1 if known is None else known.number + 1
                (made,) = append_follow_ups(log, [(source, case_id, number, told)], author)
                put_outcomes(log, [(source, case_id, made.position, hand_offs)])
                return made, True
        except IntegrityError:
            if attempt == ATTEMPTS - 1:
                raise
            continue  # another worker told of the same case meanwhile: the next look finds that
    raise AssertionError("the last attempt returns or raises")


def append_follow_ups(
    log: Connection, told: Sequence[tuple[str, str, int, list[dict[str, Any]]]], author: str
) -> list[FollowUp]:
    """Append lists: source, id, number and hand-offs of each."""
    now = datetime.now(UTC)
    rows = [
        {
            "source": source,
            "case_id": case_id,
            "number": number,
            "digest": digest_of(hand_offs),
            "received_at": now,
            "author": author,
            "hand_offs": hand_offs,
        }
        for source, case_id, number, hand_offs in told
    ]
    columns = [outcome.c[name] for name in FollowUp.__slots__]
    made = log.execute(insert(outcome).returning(*columns, sort_by_parameter_order=True), rows).mappings()
    return [FollowUp(**row) for row in made]


def unknown_case(source: str, case_id: str) -> Refusal:
    """The refusal of a case that was not taken in."""
    return refuse(
        "case_unknown",
        f"No case {case_id[:80]} of the source {source[:80]} was taken in.",
        f"未受理过来源 {source[:80]} 的案件 {case_id[:80]}。",
        kind="missing",
    )


def _check_seen(known: FollowUp | None, told: Sequence[Mapping[str, Any]], seen: Sequence[str] | None) -> None:
    if seen is not None:
        if known is None or not {known.etag, "*"} & set(seen):
            raise refuse(
                "outcome_changed",
                "The list of hand-offs was replaced since you looked at it; get it again and send yours with its ETag.",
                "流转列表在您查看后已被替换；请重新获取并携带新的 ETag 提交。",
                kind="conflict",
            )
    elif known is not None and list(told[: len(known.hand_offs)]) != [dict(each) for each in known.hand_offs]:
        raise refuse(
            "if_match_missing",
            "This list does not merely add to the hand-offs that are here; to replace those, send their ETag in "
            "If-Match.",
            "该列表并非仅在现有流转之后追加；如要替换，请在 If-Match 中给出现有列表的 ETag。",
        )
