"""The versions that a request means, counted and paged in the order of (code, uid)."""

from bisect import bisect_right
from dataclasses import dataclass, replace

import shapely
from sqlalchemy import Connection, Table, func, select

from api.layers import query_of, table_of
from api.ogc.parameters import MOST_LIMIT, Wanted
from api.ogc.places import Place
from gis.errors import Refusal, refuse
from gis.layer import Layer
from gis.store.revisions import head
from gis.store.scope import Scope
from gis.store.versions import Columns, Query, count, read_columns
from grids.layers import DIVISIONS, UNITS
from grids.lineage import find_holder, successors

MOST_VALUES = MOST_LIMIT + 1
"""A page and the feature behind it, by which one knows that there is a next page. Both stores bind so many values."""


@dataclass(frozen=True, slots=True)
class Selection:
    """The versions of a layer that are wanted: `query` without its box, and the place they must meet."""

    table: Table
    query: Query
    place: Place | None = None

    @property
    def is_plain(self) -> bool:
        """Whether the store alone can answer."""
        return self.place is None or (len(self.place.boxes) == 1 and self.place.shape is None)

    @property
    def boxed(self) -> Query:
        return replace(self.query, box=self.place.boxes[0]) if self.place is not None else self.query

    @property
    def key(self) -> tuple[object, ...]:
        """What tells this selection from others of the same revision."""
        where = tuple(sorted((self.query.where or {}).items()))
        return (self.table.name, self.query.scope, self.query.at, where, self.place and self.place.boxes)


def select_features(layer: Layer, wanted: Wanted, scope: Scope, at: int | None) -> Selection:
    """What a request for a layer's features means at a revision, None for the newest."""
    query = query_of(layer, scope, at)
    return Selection(table_of(layer), replace(query, where={**(query.where or {}), **wanted.equal}), wanted.place)


def count_plain(connection: Connection, selection: Selection) -> int:
    """How many versions a plain selection has."""
    return count(connection, selection.table, selection.boxed)


def read_page(
    connection: Connection, selection: Selection, after: tuple[str, int] | None, offset: int, limit: int
) -> Columns:
    """Up to `limit` versions of a plain selection, after a pair or an offset."""
    query = replace(selection.boxed, after=after, offset=offset, limit=limit)
    return read_columns(connection, selection.table, query)


def pick(connection: Connection, selection: Selection) -> list[tuple[bytes, int]]:
    """Code and uid of every version of a selection that is not plain: that meets any of its boxes, and its shape."""
    assert selection.place is not None
    shape = selection.place.shape
    names = ("code", "uid") if shape is None else ("code", "uid", "geom")
    found: set[tuple[bytes, int]] = set()
    for box in selection.place.boxes:
        columns = read_columns(connection, selection.table, replace(selection.query, box=box), names)
        pairs = zip(columns["code"], columns["uid"], strict=True)
        meets = shapely.intersects(shape, columns["geom"]) if shape is not None else [True] * len(columns["uid"])
        found.update((code.encode(), uid) for (code, uid), met in zip(pairs, meets, strict=True) if met)
    return sorted(found)


def read_picked(
    connection: Connection,
    selection: Selection,
    picked: list[tuple[bytes, int]],
    after: tuple[str, int] | None,
    offset: int,
    limit: int,
) -> Columns:
    """Like `read_page`, of what was picked."""
    start = offset if after is None else bisect_right(picked, (after[0].encode(), after[1]))
    uids = [uid for _, uid in picked[start : start + limit]]
    where = {**(selection.query.where or {}), "uid": uids[:MOST_VALUES]}
    return read_columns(connection, selection.table, replace(selection.query, where=where))


def read_feature(connection: Connection, layer: Layer, code: str, scope: Scope, at: int | None) -> Columns:
    """The one version of this code. Where several owners gave the same code it is the oldest thing's.

    Errors: Refusal feature_retired (gone), feature_unknown (missing).
    """
    if "\x00" in code:  # no text of PostgreSQL holds it
        raise unknown(layer, code.replace("\x00", "\\0"))
    query = query_of(layer, scope, at)
    table, where = table_of(layer), {**(query.where or {}), "code": code}
    columns = read_columns(connection, table, replace(query, where=where, limit=1))
    if len(columns["uid"]):
        return columns
    ended = [table.c.to_revision.is_not(None), scope.clause(table.c.owner)]
    ended += [table.c[name] == value for name, value in where.items()]
    if at is not None:
        ended.append(table.c.to_revision <= at)
    last = connection.execute(select(func.max(table.c.to_revision)).where(*ended)).scalar()
    if last is None:
        raise unknown(layer, code)
    raise _retired(code, int(last), _successors(connection, layer, code, scope, at))


def _successors(connection: Connection, layer: Layer, code: str, scope: Scope, at: int | None) -> list[str] | None:
    """Who has the ground of a retired unit or division; None for what has no lineage."""
    if layer not in (UNITS, DIVISIONS):
        return None
    table, number = table_of(layer), head(connection) if at is None else at
    holder = find_holder(connection, table, code, scope, number)
    return None if holder is None else successors(connection, table, holder, scope, number)


def unknown(layer: Layer, code: str) -> Refusal:
    shown = code if len(code) <= 80 else code[:80] + "…"
    return refuse(
        "feature_unknown",
        f"{layer.en} has no {shown}.",
        f"{layer.zh}中没有 {shown}。",
        kind="missing",
        thing=shown,
    )


def _retired(code: str, revision: int, heirs: list[str] | None) -> Refusal:
    return refuse(
        "feature_retired",
        f"{code} was retired by revision {revision}; ask with datetime for what it was before.",
        f"{code} 已在版本 {revision} 注销；可用 datetime 参数查询此前状态。",
        kind="gone",
        thing=code,
        members=None if heirs is None else {"successors": heirs},
    )
