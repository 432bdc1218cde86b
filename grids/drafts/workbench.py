"""Where drafts are worked out: their edits applied, kept for the next who asks, moved to the newest revision."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Connection

from gis.errors import Fault, Refusal, refuse
from gis.store.engine import Store, reading, writing
from gis.store.revisions import allocate_uids, head
from grids.checks import Reference, Report
from grids.drafts.conflicts import cannot_follow, find_conflicts
from grids.drafts.doors import Doors
from grids.drafts.findings import check_draft
from grids.drafts.limits import check_within
from grids.drafts.naming import Holders, nobody, references_of
from grids.drafts.records import (
    Draft,
    append_edits,
    check_open,
    close_draft,
    draft_changed,
    find_draft,
    list_edits,
    move_draft,
)
from grids.drafts.sketch import Sketch
from grids.edits.drafting import compose
from grids.edits.value import Edit
from grids.ground import Reading

KEPT = 64
HEAVIEST = 400_000
"""Features of all sketches that are kept: about 2 kB each."""
ATTEMPTS = 5
READINGS = 4
MOST_READ = 50_000
"""Features of one revision that are remembered, a few hundred bytes each and their shapes."""
UIDS = 100
Document = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Work:
    """A draft worked out: on the newest revision, or on its base where `conflicts` keep it there."""

    draft: Draft
    sketch: Sketch
    newest: int
    documents: tuple[Document, ...] = ()
    conflicts: tuple[Fault, ...] = ()

    @property
    def key(self) -> tuple[str, int, int]:
        """What names this state: the same key, the same edits on the same revision."""
        return self.draft.id, self.draft.version, self.sketch.at


@dataclass(frozen=True, slots=True)
class Tried:
    """What some edits more would come to: `made` is what they change together, `report` what checks find of it."""

    work: Work
    sketch: Sketch
    made: Edit
    report: Report


def everybody(draft: Draft) -> None:
    """Whoever asks may see and edit the draft."""


class Workbench:
    """Works drafts out and keeps the last ones. Safe to share between threads."""

    def __init__(self, store: Store, doors: Doors, holders: Holders = nobody) -> None:
        self.store, self.doors, self.holders = store, doors, holders
        self._kept: OrderedDict[tuple[Any, ...], Sketch] = OrderedDict()
        self._reports: OrderedDict[tuple[str, int, int], Report] = OrderedDict()
        self._readings: OrderedDict[int, Reading] = OrderedDict()
        self._uids = range(0)
        self._lock = threading.Lock()

    def look(self, draft_id: str) -> Work:
        """A draft as it is now. Errors: Refusal draft_unknown."""
        with reading(self.store.world) as connection:
            return self.work_out(connection, find_draft(connection, draft_id))

    def work_out(self, connection: Connection, draft: Draft, at: int | None = None) -> Work:
        """A draft on the newest revision, or on `at`, unless what others changed keeps it on its base."""
        edits = [each for each in list_edits(connection, draft.id) if not each.undone]
        documents = tuple(each.document for each in edits)
        positions = tuple(each.position for each in edits)
        newest = head(connection) if at is None else at
        if draft.state == "published":
            newest = draft.base
        base = self._sketch(connection, draft, draft.base, positions, documents) if newest != draft.base else None
        if base is not None:
            found = find_conflicts(connection, base, newest, self.doors) if newest > draft.base else []
            if found:
                return Work(draft, base, newest, documents, tuple(found))
        try:
            sketch = self._sketch(connection, draft, newest, positions, documents)
        except Refusal as refusal:
            if base is None:
                raise
            return Work(draft, base, newest, documents, cannot_follow(newest, refusal.faults))
        return Work(draft, sketch, newest, documents)

    def check(self, connection: Connection, work: Work) -> Report:
        """What the checks find of a draft, found once for each state of it."""
        with self._lock:
            known = self._reports.get(work.key)
        if known is None:
            known = self.find(connection, work.sketch)
            with self._lock:
                self._reports[work.key] = known
                while len(self._reports) > KEPT:
                    self._reports.popitem(last=False)
        return known

    def find(self, connection: Connection, sketch: Sketch, part: Edit | None = None) -> Report:
        """What the checks find of a draft, or of a part of its edits."""
        return check_draft(connection, sketch, part, self.references(connection, sketch))

    def references(self, connection: Connection, sketch: Sketch) -> tuple[Reference, ...]:
        """What names a prefix that the draft takes away or makes smaller."""
        return references_of(connection, sketch, self.doors, self.holders)

    def try_edits(self, connection: Connection, work: Work, documents: Sequence[Document]) -> Sketch:
        """What the draft comes to with some edits more. Errors: those of the edits, edit_outside_draft."""
        sketch = work.sketch
        for number, document in enumerate(documents, 1):
            try:
                sketch = sketch.then(connection, document, self.doors, work.draft.owner)
                check_within(sketch.steps[-1], work.draft.owner)
            except Refusal as refusal:
                if len(documents) == 1:
                    raise
                raise Refusal([replace(each, row=number) for each in refusal.faults], refusal.kind) from None
        return sketch

    def dry_run(
        self, draft_id: str, documents: Sequence[Document], allow: Callable[[Draft], None] = everybody
    ) -> Tried:
        """What some edits more would come to, in one reading; nothing is changed.

        `allow` sees the draft first, and refuses who may not edit it. Errors: as `try_edits`; draft_closed.
        """
        with reading(self.store.world) as connection:
            draft = find_draft(connection, draft_id)
            allow(draft)
            work, sketch = self._tried(connection, draft, documents)
            made = compose(sketch.steps[len(work.sketch.steps) :])
            return Tried(work, sketch, made, self.find(connection, sketch, made))

    def _tried(self, connection: Connection, draft: Draft, documents: Sequence[Document]) -> tuple[Work, Sketch]:
        work = self.work_out(connection, draft)
        check_open(work.draft)
        return work, self.try_edits(connection, work, documents)

    def add(self, draft_id: str, documents: Sequence[Document], author: str, version: int | None) -> tuple[Work, int]:
        """Add edits, all or none; the draft with them, and how many steps it had before.

        `version` is that of the draft as the caller knows it; without it they go behind whatever is there. Errors: as
        `dry_run`; draft_changed, draft_conflict.
        """
        for _ in range(ATTEMPTS):
            with reading(self.store.world) as connection:
                work, sketch = self._tried(connection, find_draft(connection, draft_id), documents)
            if version is not None and work.draft.version != version:
                raise draft_changed(work.draft)
            if work.conflicts:
                raise Refusal(work.conflicts, "conflict")
            try:
                with writing(self.store.world) as connection:
                    raised = append_edits(connection, work.draft, documents, author, sketch.at)
            except Refusal as refusal:
                if refusal.code == "draft_changed" and version is None:
                    continue
                raise
            added = range(work.draft.version + 1, raised.version + 1)
            self._keep((raised.id, sketch.at, (*self._positions(work), *added)), sketch)
            return replace(work, draft=raised, sketch=sketch, documents=(*work.documents, *documents)), len(
                work.sketch.steps
            )
        raise draft_changed(work.draft)

    def fill(self, draft: Draft, documents: Sequence[Document], author: str) -> Work:
        """The first edits of a draft just made; where they are refused the draft is discarded. Errors: as `add`."""
        try:
            return self.add(draft.id, documents, author, draft.version)[0]
        except Refusal:  # an empty draft would be of no use to anybody
            with writing(self.store.world) as connection:
                close_draft(connection, find_draft(connection, draft.id), "discarded")
            raise

    def blank(self, connection: Connection, at: int) -> Sketch:
        """A sketch without edits over a revision, sharing what was read of it."""
        return Sketch.begin(connection, at, reading=self._reading(at))

    def rebase(self, draft_id: str) -> Work:
        """Put a draft on the newest revision. Errors: Refusal draft_conflict, draft_closed, draft_changed."""
        work = self.look(draft_id)
        check_open(work.draft)
        if work.conflicts:
            raise Refusal(work.conflicts, "conflict")
        if work.sketch.at == work.draft.base:
            return work
        with writing(self.store.world) as connection:
            return replace(work, draft=move_draft(connection, work.draft, work.sketch.at))

    def _positions(self, work: Work) -> tuple[int, ...]:
        with reading(self.store.world) as connection:
            known = [each.position for each in list_edits(connection, work.draft.id) if not each.undone]
        return tuple(known[: len(work.documents)])

    def _sketch(
        self,
        connection: Connection,
        draft: Draft,
        at: int,
        positions: tuple[int, ...],
        documents: tuple[Document, ...],
    ) -> Sketch:
        """The sketch of these edits, from that of the most of them which is kept."""
        done = len(positions)
        while done and (draft.id, at, positions[:done]) not in self._kept:
            done -= 1
        kept = self._kept.get((draft.id, at, positions[:done])) if done else None
        sketch = kept or Sketch.begin(connection, at, reading=self._reading(at))
        for document in documents[done if kept else 0 :]:
            sketch = sketch.then(connection, document, self.doors, draft.owner)
        self._keep((draft.id, at, positions), sketch)
        return sketch

    def uids(self, wanted: int) -> range:
        """`wanted` uids that nobody else gets, one behind another. They come from the store by the hundred."""
        with self._lock:
            if wanted > len(self._uids):
                self._uids = allocate_uids(self.store, max(wanted, UIDS))
            given, self._uids = self._uids[:wanted], self._uids[wanted:]
            return given

    def _reading(self, at: int) -> Reading:
        """What is known of a revision; forgotten when it becomes much, or others are asked about."""
        with self._lock:
            known = self._readings.get(at)
            if known is None or len(known) > MOST_READ:
                known = self._readings[at] = Reading()
            self._readings.move_to_end(at)
            while len(self._readings) > READINGS:
                _, old = self._readings.popitem(last=False)
                old.clear()
            return known

    def _keep(self, key: tuple[Any, ...], sketch: Sketch) -> None:
        with self._lock:
            self._kept[key] = sketch
            self._kept.move_to_end(key)
            while len(self._kept) > KEPT or (len(self._kept) > 1 and self._weight() > HEAVIEST):
                self._kept.popitem(last=False)

    def _weight(self) -> int:
        """How many features the kept sketches hold; an edit that is part of several is held once for each."""
        return sum(len(each.edit.ended) + len(each.edit.begun) for each in self._kept.values())


def changes_nothing(draft: Draft) -> Refusal:
    """The refusal to publish a draft that leaves all as it is."""
    return refuse(
        "draft_empty",
        f"The draft {draft.id} changes nothing: there is nothing to publish.",
        f"草稿 {draft.id} 没有任何更改，无可发布。",
        kind="conflict",
        thing=draft.id,
    )
