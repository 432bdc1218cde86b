"""Drafts in the store: made, listed, edited, undone. Every change raises the version, which is the draft's ETag."""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from sqlalchemy import Connection, delete, insert, select, update

from gis.errors import Kind, Refusal, refuse
from gis.store.revisions import head
from grids.drafts.deliveries import drop_deliveries
from grids.drafts.tables import draft, draft_edit
from grids.ground import store_profile

State = Literal["open", "published", "discarded"]
LONGEST_TITLE = 200
MOST_EDITS = 5000


@dataclass(frozen=True, slots=True)
class Draft:
    """A draft over revision `base`, of what begins with `owner`. `revision` is the one it was published as."""

    id: str
    owner: str
    title: str
    author: str
    base: int
    state: State
    version: int
    created_at: datetime
    changed_at: datetime
    revision: int | None = None


@dataclass(frozen=True, slots=True)
class DraftEdit:
    """One edit of a draft, as it was given."""

    position: int
    document: Mapping[str, Any]
    author: str
    made_at: datetime
    undone: bool


def create_draft(connection: Connection, owner: str, title: str, author: str, draft_id: str | None = None) -> Draft:
    """A new draft over the newest revision, with an id of its own unless one is given.

    Errors: Refusal draft_owner_wrong, title_wrong, nothing_published.
    """
    if owner and not store_profile(connection).is_division_code(owner):
        raise refuse(
            "draft_owner_wrong",
            f"'{owner[:60]}' is not the code of a division; a draft is of one division, or of all with an empty owner.",
            f"“{owner[:60]}”不是行政区划代码；草稿须归属一个区划，留空表示全部。",
        )
    if not title.strip() or len(title) > LONGEST_TITLE:
        raise refuse(
            "title_wrong",
            f"A draft needs a title of at most {LONGEST_TITLE} characters.",
            f"草稿须有标题，最多 {LONGEST_TITLE} 个字符。",
        )
    base, now = head(connection), datetime.now(UTC)
    if base == 0:
        raise refuse(
            "nothing_published",
            "Nothing was published yet, so there is nothing to draft a change of: import units first.",
            "尚未发布任何数据，无法起草更改：请先导入单元网格。",
            kind="conflict",
        )
    made = Draft(draft_id or _new_id(), owner, title.strip(), author, base, "open", 1, now, now)
    connection.execute(insert(draft).values(**{name: getattr(made, name) for name in made.__slots__}))
    return made


def _new_id() -> str:
    """Nobody guesses it, and no command line takes it for an option."""
    return secrets.token_urlsafe(12).replace("-", "_")


def find_draft(connection: Connection, draft_id: str) -> Draft:
    """The draft of this id. Errors: Refusal draft_unknown (missing)."""
    row = connection.execute(select(draft).where(draft.c.id == draft_id)).mappings().first()
    if row is None:
        raise draft_unknown(draft_id)
    return Draft(**row)


def draft_unknown(draft_id: str) -> Refusal:
    """The refusal of a draft that is not there, or not for the caller."""
    shown = draft_id[:60]
    return refuse("draft_unknown", f"There is no draft {shown}.", f"没有草稿 {shown}。", kind="missing", thing=shown)


def list_drafts(connection: Connection, prefix: str = "", state: str | None = "open", limit: int = 100) -> list[Draft]:
    """The drafts whose owner begins with `prefix`, newest first, of one state or of any."""
    chosen = select(draft).where(draft.c.owner >= prefix, draft.c.owner < prefix + "\U0010ffff")
    if state is not None:
        chosen = chosen.where(draft.c.state == state)
    rows = connection.execute(chosen.order_by(draft.c.created_at.desc(), draft.c.id).limit(limit)).mappings()
    return [Draft(**row) for row in rows]


def list_edits(connection: Connection, draft_id: str) -> list[DraftEdit]:
    """The edits of a draft in their order, the undone ones last."""
    names = [draft_edit.c[name] for name in DraftEdit.__slots__]
    chosen = select(*names).where(draft_edit.c.draft_id == draft_id).order_by(draft_edit.c.position)
    return [DraftEdit(**row) for row in connection.execute(chosen).mappings()]


def append_edits(
    connection: Connection, known: Draft, documents: Sequence[Mapping[str, Any]], author: str, base: int
) -> Draft:
    """Add edits behind those that count, which drops the undone ones; `base` is the revision they were tried on.

    Errors: Refusal draft_changed, draft_closed, edits_too_many.
    """
    positions = [known.version + 1 + number for number in range(len(documents))]
    raised = _raise(connection, known, positions[-1], base=base)
    _forget_undone(connection, known.id)
    now = datetime.now(UTC)
    rows = [
        {"draft_id": known.id, "position": position, "document": dict(each), "author": author, "made_at": now}
        for position, each in zip(positions, documents, strict=True)
    ]
    connection.execute(insert(draft_edit), [{**row, "undone": False} for row in rows])
    if len(list_edits(connection, known.id)) > MOST_EDITS:
        raise refuse(
            "edits_too_many",
            f"A draft has at most {MOST_EDITS} edits; publish it and begin another.",
            f"一份草稿最多 {MOST_EDITS} 个编辑；请发布后另起草稿。",
        )
    return raised


def undo_edit(connection: Connection, known: Draft) -> Draft:
    """Undo the last edit that counts. Errors: Refusal nothing_to_undo, draft_changed, draft_closed."""
    counting = [each.position for each in list_edits(connection, known.id) if not each.undone]
    if not counting:
        raise refuse("nothing_to_undo", "There is no edit to undo.", "没有可撤销的编辑。", kind="conflict")
    return _mark(connection, known, counting[-1], True)


def redo_edit(connection: Connection, known: Draft) -> Draft:
    """Take back the last undo. Errors: Refusal nothing_to_redo, draft_changed, draft_closed."""
    undone = [each.position for each in list_edits(connection, known.id) if each.undone]
    if not undone:
        raise refuse("nothing_to_redo", "There is no undone edit.", "没有可恢复的编辑。", kind="conflict")
    return _mark(connection, known, undone[0], False)


def move_draft(connection: Connection, known: Draft, base: int) -> Draft:
    """Let a draft stand on another revision. Errors: Refusal draft_changed, draft_closed."""
    return _raise(connection, known, known.version + 1, base=base)


def close_draft(connection: Connection, known: Draft, state: State, revision: int | None = None) -> Draft:
    """Say that a draft was discarded, or published as a revision. Errors: Refusal draft_changed, draft_closed.

    What was imported into a discarded draft is forgotten: it may be large, and the file is there.
    """
    if state == "discarded":
        drop_deliveries(connection, known.id)
    return _raise(connection, known, known.version + 1, state=state, revision=revision)


def check_open(known: Draft, kind: Kind = "conflict") -> None:
    """Errors: Refusal draft_closed, of the `kind` that goes with what was asked."""
    if known.state == "open":
        return
    how, how_zh = ("discarded", "废弃") if known.state == "discarded" else (f"published as {known.revision}", "发布")
    raise refuse(
        "draft_closed",
        f"The draft {known.id} was {how}; begin another.",
        f"草稿 {known.id} 已{how_zh}；请另起草稿。",
        kind=kind,
        thing=known.id,
    )


def draft_changed(known: Draft) -> Refusal:
    """The refusal of a deed that was meant for another state of the draft."""
    return refuse(
        "draft_changed",
        f"The draft {known.id} was changed meanwhile; look at it again.",
        f"草稿 {known.id} 其间已被更改；请重新查看。",
        kind="conflict",
        thing=known.id,
    )


def _mark(connection: Connection, known: Draft, position: int, undone: bool) -> Draft:
    raised = _raise(connection, known, known.version + 1)
    meant = (draft_edit.c.draft_id == known.id, draft_edit.c.position == position)
    connection.execute(update(draft_edit).where(*meant).values(undone=undone))
    return raised


def _forget_undone(connection: Connection, draft_id: str) -> None:
    connection.execute(delete(draft_edit).where(draft_edit.c.draft_id == draft_id, draft_edit.c.undone.is_(True)))


def _raise(connection: Connection, known: Draft, version: int, **values: Any) -> Draft:
    """The draft with a higher version, if it is still as it is known: who comes second changes nothing."""
    check_open(known)
    meant = (draft.c.id == known.id, draft.c.version == known.version, draft.c.state == "open")
    raised = update(draft).where(*meant).values(version=version, changed_at=datetime.now(UTC), **values)
    row = connection.execute(raised.returning(*draft.c)).mappings().first()
    if row is None:
        raise draft_changed(known)
    return Draft(**row)
