"""Read the versions in force: at the newest revision or at any earlier one, within a scope, within a box."""

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import (
    ARRAY,
    BindParameter,
    ColumnElement,
    Connection,
    Select,
    Table,
    Text,
    and_,
    any_,
    false,
    func,
    literal,
    or_,
    select,
    text,
    type_coerce,
)
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.types import NullType

from gis.store.scope import Scope
from gis.store.tables import rtree
from gis.store.types import Geom, box_shape, read_shapes

AT_ONCE = 500
FAR = 2**62
"""More than any revision."""
Box = tuple[float, float, float, float]
Columns = dict[str, NDArray[Any]]


@dataclass(frozen=True, slots=True)
class Query:
    """Which versions are wanted. `at` None is the newest revision; `where` are equalities on columns.

    `box` is (xmin, ymin, xmax, ymax) in lon/lat: rows whose geometry meets it, exactly. Rows come in the order of
    (code, uid); `after` is the last pair seen, for paging that does not slow down with depth.
    """

    scope: Scope
    at: int | None = None
    where: Mapping[str, Any] | None = None
    prefix: str = ""
    box: Box | None = None
    after: tuple[str, int] | None = None
    offset: int = 0
    limit: int | None = None


def in_force(table: Table, at: int | None) -> ColumnElement[bool]:
    """The condition that a version is in force at revision `at`, or now."""
    if at is None:
        return table.c.to_revision.is_(None)
    return and_(table.c.from_revision <= at, or_(table.c.to_revision.is_(None), table.c.to_revision > at))


def held_at(table: Table, at: int) -> ColumnElement[bool]:
    """The same of a revision, hidden from the planner: nearly all rows are in force, other conditions are to lead."""
    return and_(func.coalesce(table.c.from_revision, 0) <= at, func.coalesce(table.c.to_revision, FAR) > at)


def conditions(table: Table, query: Query, force: ColumnElement[bool] | None = None) -> ColumnElement[bool]:
    """Everything that `query` asks of a row, paging apart; `force` says in another way that it is in force."""
    clauses = [
        in_force(table, query.at) if force is None else force,
        query.scope.clause(table.c.owner),
        *_equalities(table, query),
    ]
    if query.prefix:
        clauses += [table.c.code >= query.prefix, table.c.code < query.prefix + "\U0010ffff"]
    if query.box is not None:
        # What has no geometry meets no box.
        here = MeetsBox(table, query.box, current=query.at is None) if table.info["spatial"] else false()
        clauses.append(here)
    return and_(*clauses)


def _equalities(table: Table, query: Query) -> list[ColumnElement[bool]]:
    return [
        table.c[column].in_(value) if isinstance(value, list | tuple) else table.c[column] == value
        for column, value in (query.where or {}).items()
    ]


def statement(table: Table, query: Query, columns: Sequence[str] | None = None) -> Select[Any]:
    """The SELECT of `query`, ordered by (code, uid)."""
    wanted = [table.c[name] for name in columns] if columns else list(table.c)
    chosen = _ordered(table, select(*wanted).where(conditions(table, query)), query.after)
    if query.limit is not None:
        chosen = chosen.limit(query.limit)
    return chosen.offset(query.offset) if query.offset else chosen


def _ordered(table: Table, chosen: Select[Any], after: tuple[str, int] | None) -> Select[Any]:
    """By (code, uid), from behind a pair on."""
    if after is not None:
        code, uid = after
        # The first condition says nothing new, but is one that an index answers.
        behind = or_(table.c.code > code, and_(table.c.code == code, table.c.uid > uid))
        chosen = chosen.where(table.c.code >= code, behind)
    return chosen.order_by(table.c.code, table.c.uid)


def read_columns(connection: Connection, table: Table, query: Query, columns: Sequence[str] | None = None) -> Columns:
    """The rows of `query` as one object array (n,) a column; `geom` holds shapely geometries."""
    return _columns(connection, statement(table, query, columns))


def read_pages(connection: Connection, table: Table, query: Query, size: int) -> Iterator[Columns]:
    """The same page by page, at least one, with no transaction held between them: whatever is published meanwhile,
    what was in force at the revision `query.at` stays so.
    """
    assert query.at is not None
    meant = conditions(table, query, held_at(table, query.at))
    while True:
        chosen = _ordered(table, select(*raw_columns(table)).where(meant), query.after).limit(size)
        page = _columns(connection, chosen)
        if table.info["spatial"]:
            page["geom"] = _column(read_shapes(page["geom"].tolist()))
        connection.rollback()
        yield page
        if len(page["code"]) < size:
            return
        query = replace(query, after=(str(page["code"][-1]), int(page["uid"][-1])))


def raw_columns(table: Table) -> list[Any]:
    """All columns; shapes as they lie in the store, to be read all at once."""
    return [type_coerce(each, NullType()).label(each.name) if each.name == "geom" else each for each in table.c]


def read_where(connection: Connection, table: Table, meant: ColumnElement[bool], columns: Sequence[str]) -> Columns:
    """Versions of any condition, in the order of (code, uid), as `read_columns` gives them."""
    wanted = select(*(table.c[name] for name in columns)).where(meant)
    return _columns(connection, wanted.order_by(table.c.code, table.c.uid))


def _columns(connection: Connection, chosen: Select[Any]) -> Columns:
    result = connection.execute(chosen)
    names = list(result.keys())
    rows = result.fetchall()
    return {name: _column([row[index] for row in rows]) for index, name in enumerate(names)}


def read_codes(
    connection: Connection, table: Table, at: int, codes: Collection[str], columns: Sequence[str]
) -> Columns:
    """The versions in force at revision `at` of these codes, of every owner, as `read_columns` gives them."""
    wanted = sorted(codes)
    parts = [
        read_where(
            connection, table, and_(table.c.code.in_(wanted[start : start + AT_ONCE]), in_force(table, at)), columns
        )
        for start in range(0, len(wanted), AT_ONCE)
    ]
    none = np.empty(0, dtype=object)
    return {name: np.concatenate([none, *(part[name] for part in parts)]) for name in columns}


def read_among(
    connection: Connection, table: Table, at: int, codes: Collection[str], where: Mapping[str, Any]
) -> Iterator[Mapping[str, Any]]:
    """The versions in force at revision `at` that have one of many codes and meet the equalities `where`."""
    held: ColumnElement[bool]
    if connection.dialect.name == "postgresql":
        held = table.c.code == any_(literal(list(codes), ARRAY(Text)))
    else:
        held = table.c.code.in_(select(func.json_each(json.dumps(list(codes))).table_valued("value").c.value))
    meant = (table.c[name] == value for name, value in where.items())
    for row in connection.execute(select(*table.c).where(held, held_at(table, at), *meant)).mappings():
        yield dict(row)


def has_rows(connection: Connection, table: Table, where: Mapping[str, Any]) -> bool:
    """Whether any version that meets the equalities `where` is or was in force."""
    meant = (table.c[name] == value for name, value in where.items())
    return connection.execute(select(table.c.uid).where(*meant).limit(1)).first() is not None


def read_rows(connection: Connection, table: Table, query: Query) -> Iterator[Mapping[str, Any]]:
    """The rows of `query`, one mapping each."""
    for row in connection.execute(statement(table, query)).mappings():
        yield dict(row)


def read_changed(
    connection: Connection, table: Table, since: int, at: int, columns: Sequence[str], query: Query | None = None
) -> tuple[Columns, Columns]:
    """What differs between two revisions, since < at: the versions of `since` that are over, and those of `at` that
    began. Columns as in `read_columns`, by code and uid. Of a `query` the scope and `where` count.
    """
    begins, ends = table.c.from_revision, table.c.to_revision
    over = and_(begins <= since, ends > since, ends <= at)
    begun = and_(begins > since, begins <= at, or_(ends.is_(None), ends > at))
    meant = [] if query is None else [query.scope.clause(table.c.owner), *_equalities(table, query)]
    found = []
    for condition in (over, begun):
        chosen = select(*(table.c[name] for name in columns)).where(condition, *meant)
        chosen = chosen.order_by(table.c.code, table.c.uid)
        rows = connection.execute(chosen).fetchall()
        found.append({name: _column([row[index] for row in rows]) for index, name in enumerate(columns)})
    return found[0], found[1]


def count(connection: Connection, table: Table, query: Query) -> int:
    """How many rows `query` matches, paging apart."""
    return connection.execute(select(func.count()).select_from(table).where(conditions(table, query))).scalar_one()


def bounds(connection: Connection, table: Table, query: Query) -> Box | None:
    """The box of the rows of `query`, or None when there is nothing to bound."""
    sides = (func.min(table.c.west), func.min(table.c.south), func.max(table.c.east), func.max(table.c.north))
    row = connection.execute(select(*sides).where(conditions(table, query))).one()
    return None if row[0] is None else (row[0], row[1], row[2], row[3])


def _column(values: list[Any]) -> NDArray[Any]:
    return np.fromiter(values, dtype=object, count=len(values))  # an assignment would look into lists


class MeetsBox(ColumnElement[bool]):
    """The geometry meets the box: the store's index first, then the exact box, then the exact geometry.

    SQLite's R*Tree holds the rows in force only and rounds outward to 32 bits; history is screened by the exact box.
    """

    inherit_cache = False

    def __init__(self, table: Table, box: Box, current: bool) -> None:
        self.table = table
        self.current = current
        self.box = box
        self.sides: list[BindParameter[float]] = [literal(float(side)) for side in box]

    @property
    def exact_box(self) -> ColumnElement[bool]:
        xmin, ymin, xmax, ymax = self.sides
        column = self.table.c
        return and_(column.west <= xmax, column.east >= xmin, column.south <= ymax, column.north >= ymin)


@compiles(MeetsBox, "postgresql")
def _postgis(element: MeetsBox, compiler: SQLCompiler, **options: Any) -> str:
    shape = literal(box_shape(*element.box), Geom())
    return compiler.process(func.ST_Intersects(element.table.c.geom, shape, type_=None), **options)


@compiles(MeetsBox, "sqlite")
def _sqlite(element: MeetsBox, compiler: SQLCompiler, **options: Any) -> str:
    xmin, ymin, xmax, ymax = element.sides
    clauses = [element.exact_box]
    if element.current:
        meets = "xmin <= :a AND xmax >= :b AND ymin <= :c AND ymax >= :d"
        near = text(f"SELECT id FROM {rtree(element.table)} WHERE {meets}")
        found = near.bindparams(a=xmax.value, b=xmin.value, c=ymax.value, d=ymin.value)
        clauses.insert(0, element.table.c.row_id.in_(found))
    clauses.append(func.intersects_box(element.table.c.geom, xmin, ymin, xmax, ymax) == 1)
    return compiler.process(and_(*clauses), **options)
