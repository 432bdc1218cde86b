"""Read the versions in force at a revision piece by piece, by code, by uid, by box: what an edit needs.

Each way uses an index, also for an earlier revision: what SQLite's R*Tree no longer holds has ended since, and is found
by that. The statements are made once: for so few rows making them would take longer than running them.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import chain, repeat
from typing import Any

from shapely.geometry.base import BaseGeometry
from sqlalchemy import (
    ColumnElement,
    CompoundSelect,
    Connection,
    Float,
    Select,
    Table,
    and_,
    bindparam,
    case,
    func,
    null,
    select,
    text,
    union_all,
)

from gis.store.tables import rtree
from gis.store.types import SRID, read_shapes
from gis.store.versions import FAR, Box, raw_columns

Row = Mapping[str, Any]
LAST = "\U0010ffff"
AT_ONCE = 500
SLOTS = 8
HELD = tuple(f"held_{number}" for number in range(SLOTS))
NOTHING: Mapping[int, BaseGeometry] = {}


def read_coded(connection: Connection, table: Table, at: int, code: str) -> list[Row]:
    """The versions in force at revision `at` that have this code, of every owner."""
    return _rows(connection, _coded(table), {"at": at, "code": code})


def read_below(connection: Connection, table: Table, at: int, prefix: str) -> list[Row]:
    """The versions in force at revision `at` whose code begins with `prefix`, by code."""
    found = _rows(connection, _below(table), {"at": at, "prefix": prefix, "end": prefix + LAST})
    return sorted(found, key=lambda row: str(row["code"]))


def read_owned(connection: Connection, table: Table, at: int, prefix: str) -> list[Row]:
    """The versions in force at revision `at` whose owner begins with `prefix`, by owner and code."""
    found = _rows(connection, _owned(table), {"at": at, "prefix": prefix, "end": prefix + LAST})
    return sorted(found, key=lambda row: (str(row["owner"]), str(row["code"]), row["uid"]))


def read_around(
    connection: Connection,
    table: Table,
    at: int,
    box: Box,
    is_newest: Callable[[], bool] = lambda: False,
    held: Mapping[int, BaseGeometry] = NOTHING,
) -> list[Row]:
    """The versions in force at revision `at` whose own box meets `box` (its rim counts), not looking at their shapes.

    `is_newest` is asked where what ended since has to be looked at by itself: whether nothing was published after `at`.
    Who holds shapes, by row_id and SLOTS at most, is not sent these again: a province's outline takes longer than all
    the rest.
    """
    slots = dict(zip(HELD, chain(held, repeat(-1)), strict=False)) if held else {}
    given = {"at": at, **dict(zip(("west", "south", "east", "north"), map(float, box), strict=True)), **slots}
    in_force, *ended = _around(table, connection.dialect.name, bool(held))
    wanted = (in_force,) if not ended or is_newest() else (in_force, *ended)
    rows = [row for each in wanted for row in _rows(connection, each, given)]
    return [{**row, "geom": held[row["row_id"]]} if row["row_id"] in held else row for row in rows] if held else rows


def read_uids(connection: Connection, table: Table, at: int, uids: Collection[int]) -> list[Row]:
    """The versions of these uids in force at revision `at`."""
    wanted, found = sorted(uids), list[Row]()
    for start in range(0, len(wanted), AT_ONCE):
        found += _rows(connection, _of_uids(table), {"at": at, "uids": wanted[start : start + AT_ONCE]})
    return found


def uids_of(connection: Connection, table: Table, at: int, codes: Collection[str]) -> dict[str, int]:
    """By code the uid of the version in force at revision `at`, of one owner where several have the code."""
    wanted, found = sorted(codes), dict[str, int]()
    for start in range(0, len(wanted), AT_ONCE):
        given = {"at": at, "codes": wanted[start : start + AT_ONCE]}
        found |= {row.code: row.uid for row in connection.execute(_uids_of(table), given)}
    return found


def former_uids(connection: Connection, table: Table, at: int, codes: Collection[str]) -> dict[tuple[str, str], int]:
    """By owner and code the uid that has each of these codes at revision `at`, or had it last before."""
    wanted, found = sorted(codes), dict[tuple[str, str], int]()
    for start in range(0, len(wanted), AT_ONCE):
        given = {"codes": wanted[start : start + AT_ONCE], "at": at}
        found |= {(row.owner, row.code): row.uid for row in connection.execute(_formerly(table), given)}
    return found


def codes_given(connection: Connection, tables: tuple[Table, ...], at: int, prefix: str) -> Iterator[str]:
    """Every code in one of the tables that begins with `prefix` and was in force at revision `at` or before."""
    yield from connection.execute(_given(tables), {"at": at, "prefix": prefix, "end": prefix + LAST}).scalars()


def changed_since(connection: Connection, table: Table, since: int, at: int) -> dict[int, int]:
    """The uids of which a version began or ended after revision `since`, up to `at`, with the last such revision."""
    found: dict[int, int] = {}
    for moment in (table.c.from_revision, table.c.to_revision):
        for uid, number in connection.execute(select(table.c.uid, moment).where(moment > since, moment <= at)):
            found[uid] = max(number, found.get(uid, 0))
    return found


def _rows(connection: Connection, statement: Select[Any], given: Mapping[str, Any]) -> list[Row]:
    result = connection.execute(statement, dict(given))
    names, rows = list(result.keys()), result.fetchall()
    if "geom" not in names:
        return [dict(zip(names, row, strict=True)) for row in rows]
    at = names.index("geom")
    shapes = read_shapes([row[at] for row in rows])
    return [dict(zip(names, row, strict=True)) | {"geom": shape} for row, shape in zip(rows, shapes, strict=True)]


@lru_cache(maxsize=64)
def _coded(table: Table) -> Select[Any]:
    return select(*raw_columns(table)).where(table.c.code == bindparam("code"), *_holds(table))


@lru_cache(maxsize=64)
def _below(table: Table) -> Select[Any]:
    return select(*raw_columns(table)).where(*_begins(table), *_holds(table))


@lru_cache(maxsize=64)
def _owned(table: Table) -> Select[Any]:
    meant = (table.c.owner >= bindparam("prefix"), table.c.owner < bindparam("end"))
    return select(*raw_columns(table)).where(*meant, *_holds(table))


@lru_cache(maxsize=64)
def _of_uids(table: Table) -> Select[Any]:
    return select(*raw_columns(table)).where(table.c.uid.in_(bindparam("uids", expanding=True)), *_holds(table))


@lru_cache(maxsize=64)
def _uids_of(table: Table) -> Select[Any]:
    meant = table.c.code.in_(bindparam("codes", expanding=True))
    return select(table.c.code, table.c.uid).where(meant, *_holds(table))


@lru_cache(maxsize=64)
def _formerly(table: Table) -> Select[Any]:
    meant = table.c.code.in_(bindparam("codes", expanding=True))
    return select(table.c.owner, table.c.code, table.c.uid).where(meant, _began(table)).order_by(table.c.from_revision)


@lru_cache(maxsize=64)
def _given(tables: tuple[Table, ...]) -> CompoundSelect[Any]:
    return union_all(*(select(table.c.code).where(*_begins(table), _began(table)) for table in tables))


@lru_cache(maxsize=64)
def _around(table: Table, dialect: str, without_held: bool) -> Sequence[Select[Any]]:
    """One statement where the spatial index holds history too; else one of what is in force still, one of the rest."""
    columns = _unheld(table) if without_held else raw_columns(table)
    west, south, east, north = (bindparam(name, type_=Float) for name in ("west", "south", "east", "north"))
    column = table.c
    meets = and_(column.west <= east, column.east >= west, column.south <= north, column.north >= south)
    if dialect == "postgresql":
        near = column.geom.op("&&")(func.ST_MakeEnvelope(west, south, east, north, SRID, type_=None))
        return (select(*columns).where(near, meets, *_holds(table)),)
    boxes = "xmin <= :east AND xmax >= :west AND ymin <= :north AND ymax >= :south"
    near = column.row_id.in_(text(f"SELECT id FROM {rtree(table)} WHERE {boxes}"))
    ended = column.to_revision > bindparam("at")
    return select(*columns).where(near, meets, _began(table)), select(*columns).where(ended, meets, _began(table))


def _unheld(table: Table) -> list[Any]:
    """All columns, but no shape of those whose row_id is among HELD."""
    is_held = table.c.row_id.in_([bindparam(name) for name in HELD])
    return [
        case((is_held, null()), else_=each).label("geom") if each.name == "geom" else each
        for each in raw_columns(table)
    ]


def _begins(table: Table) -> Sequence[ColumnElement[bool]]:
    return table.c.code >= bindparam("prefix"), table.c.code < bindparam("end")


# Hidden from the planner: nearly all rows are in force, so an index on revisions is never the one to use here.
def _began(table: Table) -> ColumnElement[bool]:
    return func.coalesce(table.c.from_revision, 0) <= bindparam("at")


def _holds(table: Table) -> Sequence[ColumnElement[bool]]:
    return _began(table), func.coalesce(table.c.to_revision, FAR) > bindparam("at")
