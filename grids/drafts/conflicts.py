"""What others have published since a draft's base, as far as it concerns the draft."""

from collections.abc import Iterator, Mapping
from typing import Any

from sqlalchemy import Connection, Table, select

from gis.errors import Fault
from gis.geometry import place
from gis.store.revisions import Revision, list_revisions
from gis.store.vicinity import AT_ONCE, changed_since, read_uids
from grids.drafts.doors import Doors
from grids.drafts.sketch import Sketch
from grids.edits.value import DIVISIONS, GAPS, UNITS
from grids.features import AREAS
from grids.tables import area, division, gap, unit

SHAPE = {"geom", "west", "south", "east", "north", "row_id", "from_revision", "to_revision"}


def find_conflicts(connection: Connection, sketch: Sketch, newest: int, doors: Doors) -> list[Fault]:
    """One fault for each thing that the draft changes or names and that another revision has changed since its base.

    A division or area that only follows the edges of units is drawn anew with them, so a new shape of it is none.
    """
    revisions = {each.number: each for each in list_revisions(connection, sketch.at)}
    faults = []
    for layer, table in _tables(doors).items():
        changed = changed_since(connection, table, sketch.at, newest)
        if changed:
            faults += list(_of_layer(connection, sketch, newest, layer, table, changed, revisions))
    return faults


def _tables(doors: Doors) -> Mapping[str, Table]:
    own = {UNITS: unit, GAPS: gap, DIVISIONS: division, "areas": area}
    return {**own, **{name: door.table for name, door in doors.by_layer.items()}}


def _of_layer(
    connection: Connection,
    sketch: Sketch,
    newest: int,
    layer: str,
    table: Table,
    changed: Mapping[int, int],
    revisions: Mapping[int, Revision],
) -> Iterator[Fault]:
    """The faults of one layer; areas are those of all layers of areas."""

    def is_of(name: str) -> bool:
        return name.startswith(AREAS) if layer == "areas" else name == layer

    begun = {each.key: each for each in sketch.edit.begun}
    mine = {each.uid: each for each in sketch.edit.ended if is_of(each.layer)}
    meant = {uid for name, uid in sketch.named if is_of(name)} | mine.keys()
    hit = meant & changed.keys()
    follow = set()
    if layer in (DIVISIONS, "areas"):
        # Only the shape differs, on both sides: it follows from units.
        for uid in hit:
            ours = mine.get(uid)
            now = begun.get(ours.key) if ours is not None else None
            if ours is None or (now is not None and (now.code, now.attributes) == (ours.code, ours.attributes)):
                follow.add(uid)
        follow = _same_but_for_shape(connection, table, sketch.at, newest, follow)
    for uid in sorted(hit - follow):
        yield _changed(connection, table, sketch.at, layer, uid, revisions.get(changed[uid]))
    codes = {code for name, code in sketch.placed if is_of(name)}
    wanted = sorted(codes)
    for start in range(0, len(wanted), AT_ONCE):
        given = select(table.c.uid, table.c.code, table.c.from_revision).where(
            table.c.code.in_(wanted[start : start + AT_ONCE]),
            table.c.from_revision > sketch.at,
            table.c.to_revision.is_(None),
        )
        for uid, code, number in connection.execute(given):
            if uid not in hit:
                yield _given(layer, code, revisions.get(number))


def _same_but_for_shape(connection: Connection, table: Table, since: int, at: int, uids: set[int]) -> set[int]:
    before = {row["uid"]: _plain(row) for row in read_uids(connection, table, since, uids)}
    after = {row["uid"]: _plain(row) for row in read_uids(connection, table, at, uids)}
    return {uid for uid in uids if uid in before and before[uid] == after.get(uid)}


def _plain(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name not in SHAPE}


def _changed(
    connection: Connection, table: Table, since: int, layer: str, uid: int, revision: Revision | None
) -> Fault:
    (row,) = read_uids(connection, table, since, [uid]) or [{"code": str(uid)}]
    shape = row.get("geom")
    code, (en, zh) = row["code"], _told(revision)
    return Fault(
        "draft_conflict",
        f"{code} ({layer}), which this draft is about, was changed meanwhile by {en}. Look at that change, undo the "
        "edits concerned, rebase and make them again.",
        f"本草稿涉及的 {code}（{layer}）其间已由{zh}更改。请查看该更改，撤销相关编辑，变基后重新编辑。",
        thing=str(code),
        where=None if shape is None else place(shape),
    )


def _given(layer: str, code: str, revision: Revision | None) -> Fault:
    en, zh = _told(revision)
    return Fault(
        "draft_conflict",
        f"{code} ({layer}), which this draft adds, was added meanwhile by {en}.",
        f"本草稿增加的 {code}（{layer}）其间已由{zh}增加。",
        thing=code,
    )


def _told(revision: Revision | None) -> tuple[str, str]:
    if revision is None:
        return "another revision", "其他版本"
    note = f": {revision.note}" if revision.note else ""
    return (
        f"revision {revision.number} ({revision.author}{note})",
        f"版本 {revision.number}（{revision.author}{note}）",
    )


def cannot_follow(newest: int, faults: tuple[Fault, ...]) -> tuple[Fault, ...]:
    """The faults of a draft whose edits are refused on the newest revision."""
    first = Fault(
        "draft_conflict",
        f"On revision {newest} an edit of this draft is refused, so it cannot be rebased: {faults[0].en}",
        f"在版本 {newest} 上本草稿的某个编辑被拒绝，无法变基：{faults[0].zh}",
        thing=faults[0].thing,
        where=faults[0].where,
    )
    return (first, *faults)
