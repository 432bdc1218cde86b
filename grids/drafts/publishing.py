"""Publish a draft: checked on the newest revision, then one short transaction makes it one and closes the draft."""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from typing import Any

from sqlalchemy import Connection

from gis.errors import Refusal, refuse
from gis.store.engine import reading
from gis.store.lineage import Descent, LineageKind
from gis.store.revisions import Publication, Revision, publish
from grids.checks import Report
from grids.drafts.findings import refuse_blocked
from grids.drafts.records import Draft, check_open, close_draft, draft_changed, find_draft
from grids.drafts.rows import changes_of, dated, settled
from grids.drafts.sketch import Sketch
from grids.drafts.workbench import ATTEMPTS, Work, Workbench, changes_nothing
from grids.edits.value import Edit
from grids.ground import store_profile


@dataclass(frozen=True, slots=True)
class Wanted:
    """As what a draft is to be published. `version` is that of the draft which was looked at."""

    version: int
    author: str
    note: str = ""
    effective_at: datetime | None = None
    basis: Mapping[str, Any] | None = None
    zone: tzinfo = UTC
    """In which the day is told since when new units are there."""
    ticket: str | None = None
    """Under which it is published once at most, however often it is tried."""


@dataclass(frozen=True, slots=True)
class Published:
    """What was published: the draft, the revision, the edit with its uids, the checks, how long the lock was held."""

    draft: Draft
    revision: Revision
    sketch: Sketch
    edit: Edit
    report: Report
    held_s: float


def publish_draft(
    bench: Workbench, draft_id: str, wanted: Wanted, before: Callable[[], None] = lambda: None
) -> Published:
    """Publish a draft as one revision, moved to the newest one first where it is behind.

    `before` is called once all is checked, and may raise to stop.

    Errors: Refusal draft_unknown, draft_closed, draft_changed, draft_conflict, draft_empty, draft_blocked (with all
    that must be mended); those of `gis.store.revisions.publish`. Nothing is changed by a refusal.
    """
    for _ in range(ATTEMPTS):
        with reading(bench.store.world) as connection:
            work, report = publishable(connection, bench, draft_id, wanted.version)
            profile = store_profile(connection)
        since = (wanted.effective_at or datetime.now(UTC)).astimezone(wanted.zone)
        edit = settled(bench.uids, dated(work.sketch.edit, since))
        closed: list[Draft] = []
        draft = work.draft

        def close(connection: Connection, number: int, draft: Draft = draft, closed: list[Draft] = closed) -> None:
            closed.append(close_draft(connection, draft, "published", number))

        publication = Publication(
            changes_of(edit, bench.doors, profile),
            wanted.author,
            wanted.note or draft.title,
            work.sketch.at,
            wanted.effective_at,
            wanted.basis,
            then=close,
            lineage=descents(edit),
            ticket=wanted.ticket,
        )
        before()
        try:
            revision, held = publish(bench.store, publication)
        except Refusal as refusal:
            if refusal.code == "store_changed":
                continue  # somebody published meanwhile: work it out on what holds now
            raise
        return Published(closed[-1], revision, work.sketch, edit, report, held)
    raise refuse(
        "store_busy",
        f"Others published {ATTEMPTS} times while this was checked; nothing was changed. Try again.",
        f"检查期间其他人已发布 {ATTEMPTS} 次；未做任何更改，请稍后重试。",
        kind="unavailable",
    )


def publishable(connection: Connection, bench: Workbench, draft_id: str, version: int) -> tuple[Work, Report]:
    """A draft that may be published as it stands, with what the checks found of it.

    Errors: Refusal draft_unknown, draft_closed, draft_changed, draft_conflict, draft_empty, draft_blocked.
    """
    work = bench.work_out(connection, find_draft(connection, draft_id))
    check_open(work.draft)
    if work.draft.version != version:
        raise draft_changed(work.draft)
    if work.conflicts:
        raise Refusal(work.conflicts, "conflict")
    if not work.sketch.edit.begun and not work.sketch.edit.ended:
        raise changes_nothing(work.draft)
    report = bench.check(connection, work)
    refuse_blocked(report)
    return work, report


def descents(edit: Edit) -> list[Descent]:
    """The lineage of an edit, each pair with its kind, as the pairs tell it.

    One that becomes several is split, several that become one are merged or, where that one was there before, retired
    into it; one that becomes one other has got another code.
    """
    heirs = Counter(source for source, _ in edit.lineage)
    sources = Counter(target for _, target in edit.lineage)
    before, after = {each.uid for each in edit.ended}, {each.uid for each in edit.begun}

    def kind(source: int, target: int) -> LineageKind:
        if heirs[source] > 1 or source in after:
            return "split"
        if target in before:
            return "retire"
        return "merge" if sources[target] > 1 else "renumber"

    return [Descent(source, target, kind(source, target)) for source, target in edit.lineage]
