"""History: the versions of one thing, the feed of all that changed, and what differs between two revisions.

Versions never change but for the revision that ends them, so what is told of revisions up to a given one is the same
whenever it is asked: pages need no common transaction, and a feed that is read on later skips and repeats nothing.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import shapely
from sqlalchemy import ColumnElement, Connection, and_, exists, or_, select, true, tuple_
from sqlalchemy.sql.selectable import FromClause

from gis.errors import Refusal, refuse
from gis.layer import Layer
from gis.store.revisions import Revision, list_revisions
from gis.store.scope import Scope
from gis.store.tables import WORLD
from gis.store.versions import in_force

Version = Mapping[Any, Any]
"""All columns of a row of a versioned table."""
ChangeKind = Literal["created", "changed", "retired"]
CHUNK = 1000
"""Versions that are held in memory at once, and revisions."""
_PLACE = re.compile(r"([0-9]{1,15})(?:\.(.+-(?:retired|begun|ended))\.([0-9]{1,15}))?")


@dataclass(frozen=True, slots=True)
class Place:
    """How far a reader has come: behind this row, or behind the whole revision when `section` is empty.

    The sections of a revision are, for each layer, the `retired` and then the `begun`.
    """

    revision: int
    section: str = ""
    row: int = 0

    def __str__(self) -> str:
        return f"{self.revision}.{self.section}.{self.row}" if self.section else str(self.revision)


@dataclass(frozen=True, slots=True)
class Entry:
    """A version that began, or a tombstone. `row` has all columns of the version, of a tombstone those of the last."""

    layer: str
    change: ChangeKind
    row: Version
    place: Place


@dataclass(frozen=True, slots=True)
class Step:
    """What one revision did to one thing; `fields` are those that changed, `geometry` among them."""

    revision: int
    change: ChangeKind
    row: Version
    fields: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Difference:
    """What is otherwise at one revision than at another: the versions before and after, None where there was none."""

    layer: str
    change: ChangeKind
    before: Version | None
    after: Version | None
    fields: tuple[str, ...]
    place: Place


def steps(connection: Connection, layer: Layer, uid: int, scope: Scope, at: int) -> list[Step]:
    """What happened to one thing up to revision `at`, oldest first."""
    table = WORLD.tables[layer.table]
    versions = select(table).where(
        table.c.uid == uid, table.c.from_revision <= at, _lived(table), scope.clause(table.c.owner)
    )
    found: list[Step] = []
    before: Version | None = None
    for row in connection.execute(versions.order_by(table.c.from_revision)).mappings():
        number = row["from_revision"]
        if before is not None and before["to_revision"] < number:
            found.append(Step(before["to_revision"], "retired", before, ()))
            before = None
        fields = () if before is None else changed_fields(layer, before, row)
        found.append(Step(number, "created" if before is None else "changed", row, fields))
        before = row
    if before is not None and before["to_revision"] is not None and before["to_revision"] <= at:
        found.append(Step(before["to_revision"], "retired", before, ()))
    return found


def changed_fields(layer: Layer, before: Version, after: Version) -> tuple[str, ...]:
    """The names of the fields in which two versions differ; `geometry` for another shape."""
    names = [field.name for field in layer.fields]
    names += ["owner"] if before["owner"] != before["code"] or after["owner"] != after["code"] else []
    fields = [name for name in names if before[name] != after[name]]
    if "geom" in before and not _same_shape(before["geom"], after["geom"]):
        fields.append("geometry")
    return tuple(fields)


def _same_shape(one: shapely.Geometry | None, other: shapely.Geometry | None) -> bool:
    if one is None or other is None:
        return one is other
    return bool(shapely.equals_exact(one, other, normalize=True))


def changes(
    connection: Connection, layers: Sequence[Layer], scope: Scope, since: Place, until: int, chunk: int = CHUNK
) -> Iterator[Entry]:
    """Everything that changed behind `since`, up to revision `until`, by revision and then by place.

    Of each layer what was retired comes before what began. A thing that leaves the scope is retired for its reader. No
    more than `chunk` versions are held at once. Errors: Refusal since_wrong for a place that is none of these layers.
    """
    after = since.revision - 1 if since.section else since.revision
    while after < until:
        revisions = list_revisions(connection, after, CHUNK)
        for each in revisions:
            if each.number > until:
                return
            yield from _changes_of(connection, layers, scope, each, since, chunk)
            after = each.number
        if not revisions:
            return


def _changes_of(
    connection: Connection, layers: Sequence[Layer], scope: Scope, revision: Revision, since: Place, chunk: int
) -> Iterator[Entry]:
    for layer, part in _sections(layers, ("retired", "begun"), since if since.revision == revision.number else None):
        counts = revision.counts.get(layer.table, {})
        # What is changed may leave a narrow scope, and is retired for its reader then.
        if not any(counts.values()) or (part == "retired" and not counts["retired"] and "" in scope.owners):
            continue
        section = f"{layer.id}-{part}"
        row = since.row if (since.revision, since.section) == (revision.number, section) else 0
        yield from _section(connection, layer, scope, Place(revision.number, section, row), chunk)


def _sections(layers: Sequence[Layer], parts: tuple[str, str], since: Place | None) -> list[tuple[Layer, str]]:
    """The sections from that of `since` on. Errors: Refusal since_wrong."""
    sections = [(layer, part) for layer in layers for part in parts]
    if since is None or not since.section:
        return sections
    names = [f"{layer.id}-{part}" for layer, part in sections]
    if since.section not in names:
        raise since_wrong(str(since))
    return sections[names.index(since.section) :]


def read_place(text: str) -> Place:
    """A place as it was written. Errors: Refusal since_wrong."""
    found = _PLACE.fullmatch(text)
    if found is None:
        raise since_wrong(text)
    return Place(int(found[1]), found[2] or "", int(found[3] or 0))


def since_wrong(text: str) -> Refusal:
    """The refusal of a place that nothing was ever told to be at."""
    shown = text[:60]
    return refuse(
        "since_wrong",
        f"'{shown}' is neither a revision's number nor the place where an earlier answer to this question ended.",
        f"“{shown}”既不是版本号，也不是同一查询上一页给出的位置。",
    )


def _section(connection: Connection, layer: Layer, scope: Scope, place: Place, chunk: int) -> Iterator[Entry]:
    """The rows of one part of a revision behind `place`, in the order of rows, a chunk at a time."""
    table, number = WORLD.tables[layer.table], place.revision
    other = table.alias("other")
    seen = and_(_meant(other, layer, scope), other.c.uid == table.c.uid, _lived(other))
    began = place.section.endswith("-begun")
    if began:
        # "+ 0", so that nobody looks through all that the revision ended for each row instead of through one uid.
        earlier = exists().where(seen, other.c.to_revision + 0 == number).label("earlier")
        chosen = select(table, earlier).where(table.c.from_revision == number, _lived(table))
    else:
        later = exists().where(seen, other.c.from_revision == number)
        chosen = select(table).where(table.c.to_revision == number, _lived(table), ~later)
    chosen = chosen.where(_meant(table, layer, scope)).order_by(table.c.row_id).limit(chunk)
    row = place.row
    while True:
        found = connection.execute(chosen.where(table.c.row_id > row)).mappings().all()
        for each in found:
            row = each["row_id"]
            kind: ChangeKind = "retired" if not began else "changed" if each["earlier"] else "created"
            yield Entry(_layer_id(layer, each), kind, each, Place(number, place.section, row))
        if len(found) < chunk:
            return


def differences(
    connection: Connection, layers: Sequence[Layer], scope: Scope, a: int, b: int, since: Place | None = None
) -> Iterator[Difference]:
    """What is otherwise at revision `b` than at revision `a`, whichever is the later one; behind `since`.

    By layer; of each what is at the later one and new or changed, then what is no more. What was changed and changed
    back is not told. Errors: Refusal since_wrong.
    """
    low, high = min(a, b), max(a, b)
    if since is not None and not since.section:
        raise since_wrong(str(since))
    for layer, part in _sections(layers, ("begun", "ended"), since):
        section = f"{layer.id}-{part}"
        begin = since if since is not None and since.section == section else Place(low + 1, section, -1)
        for one, two, place in _pairs(connection, layer, scope, low, high, begin):
            before, after = (one, two) if a <= b else (two, one)
            found = _difference(layer, before, after, place)
            if found is not None:
                yield found


def _difference(layer: Layer, before: Version | None, after: Version | None, place: Place) -> Difference | None:
    known = after or before
    assert known is not None
    if before is None or after is None:
        return Difference(_layer_id(layer, known), "created" if before is None else "retired", before, after, (), place)
    fields = changed_fields(layer, before, after)
    return Difference(_layer_id(layer, known), "changed", before, after, fields, place) if fields else None


Versions = tuple[Version | None, Version | None, Place]


def _pairs(connection: Connection, layer: Layer, scope: Scope, low: int, high: int, begin: Place) -> Iterator[Versions]:
    """The version at `low` and at `high` of what changed between them.

    The begun: versions in force at `high` that began since. The ended: those in force at `low` without one at `high`.
    """
    table = WORLD.tables[layer.table]
    begun = begin.section.endswith("-begun")
    mark = table.c.from_revision if begun else table.c.to_revision
    holds = in_force(table, high if begun else low)
    chosen = select(table).where(mark > low, mark <= high, holds, _lived(table), _meant(table, layer, scope))
    chosen = chosen.order_by(mark, table.c.row_id).limit(CHUNK)
    place = begin
    while True:
        behind = tuple_(mark, table.c.row_id) > tuple_(place.revision, place.row)
        found = connection.execute(chosen.where(behind)).mappings().all()
        others = _versions_at(connection, layer, scope, [row["uid"] for row in found], low if begun else high)
        for row in found:
            place = Place(row[mark.name], begin.section, row["row_id"])
            other = others.get(row["uid"])
            if begun:
                yield other, row, place
            elif other is None:
                yield row, None, place
        if len(found) < CHUNK:
            return


def _versions_at(
    connection: Connection, layer: Layer, scope: Scope, uids: Sequence[int], at: int
) -> dict[int, Version]:
    table = WORLD.tables[layer.table]
    chosen = select(table).where(table.c.uid.in_(uids), in_force(table, at), _meant(table, layer, scope))
    return {row["uid"]: row for row in connection.execute(chosen).mappings()}


def _meant(table: FromClause, layer: Layer, scope: Scope) -> ColumnElement[bool]:
    """The rows of a layer in scope; of all layers of areas, those that may be read."""
    clauses = [scope.clause(table.c.owner), *(table.c[name] == value for name, value in (layer.where or {}).items())]
    if layer.id == "areas" and scope.layers is not None and not scope.allows_layer("areas"):
        clauses.append(table.c.layer.in_([name.removeprefix("areas.") for name in scope.layers]))
    return and_(true(), *clauses)


def _lived(table: FromClause) -> ColumnElement[bool]:
    """A version that was begun and ended by one revision was never in force."""
    return or_(table.c.to_revision.is_(None), table.c.to_revision > table.c.from_revision)


def _layer_id(layer: Layer, row: Version) -> str:
    return f"areas.{row['layer']}" if layer.id == "areas" else layer.id
