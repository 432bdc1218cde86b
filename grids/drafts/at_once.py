"""Edits published at once: checked like those of a draft, on the newest revision, without a draft being kept."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from gis.errors import Refusal, refuse
from gis.store.engine import reading
from gis.store.revisions import Publication, Revision, head, publish
from grids.drafts.findings import check_draft, refuse_blocked
from grids.drafts.publishing import descents
from grids.drafts.rows import changes_of, settled
from grids.drafts.sketch import Sketch
from grids.drafts.workbench import ATTEMPTS, Workbench
from grids.edits.value import Edit

Make = Callable[[Connection, Sketch], Sketch]
Then = Callable[[Connection, int], None]


@dataclass(frozen=True, slots=True)
class Word:
    """Who publishes, and why."""

    author: str
    note: str
    effective_at: datetime | None = None


def publish_at_once(bench: Workbench, make: Make, word: Word, then: Then | None = None) -> tuple[Revision, Edit] | None:
    """Publish the edits that `make` puts on a blank sketch as one revision; None when they change nothing.

    `make` is called again when others publish meanwhile. `then` is called under the lock with the revision's number,
    last before the commit, and may raise to undo all. Errors: those of `make`; nothing_published, draft_blocked; those
    of `gis.store.revisions.publish`. Nothing is changed by a refusal.
    """
    for _ in range(ATTEMPTS):
        with reading(bench.store.world) as connection:
            at = head(connection)
            if at == 0:
                raise refuse(
                    "nothing_published",
                    "Nothing was published yet, so there is nothing to change: import units first.",
                    "尚未发布任何数据，无法更改：请先导入单元网格。",
                    kind="conflict",
                )
            sketch = make(connection, bench.blank(connection, at))
            profile = sketch.ground.profile
            refuse_blocked(check_draft(connection, sketch))
        if not sketch.edit.begun and not sketch.edit.ended:
            return None
        edit = settled(bench.uids, sketch.edit)
        changes = changes_of(edit, bench.doors, profile)
        publication = Publication(
            changes, word.author, word.note, at, word.effective_at, lineage=descents(edit), then=then
        )
        try:
            return publish(bench.store, publication)[0], edit
        except Refusal as refusal:
            if refusal.code != "store_changed":
                raise
    raise refuse(
        "store_busy",
        f"Others published {ATTEMPTS} times while this was checked; nothing was changed. Try again.",
        f"检查期间其他人已发布 {ATTEMPTS} 次；未做任何更改，请稍后重试。",
        kind="unavailable",
    )
