"""What is done of a publication before the lock: the change is staged, what it ends is found, pages are read.

PostgreSQL is given few rows under the lock as they are: there its temporary tables would cost more than the rows do.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import shapely
from numpy.typing import NDArray
from sqlalchemy import (
    ARRAY,
    JSON,
    BigInteger,
    Column,
    ColumnElement,
    Connection,
    MetaData,
    Table,
    TextClause,
    any_,
    func,
    insert,
    literal,
    select,
    text,
    update,
)
from sqlalchemy.exc import DBAPIError

from gis.store.packed import Packed, pack
from gis.store.tables import BOX, rtree
from gis.store.types import SRID, Geom

if TYPE_CHECKING:
    from gis.store.revisions import Change

CHUNK = 20_000
MANY = 1000
"""Rows; where fewer lie on disk matters to nobody, and they are written in a moment."""
CACHE_KIB, USUAL_CACHE_KIB = 65_536, 2_000
LOG_PAGES, USUAL_LOG_PAGES = 20_000, 1_000
"""What SQLite keeps of its pages, and after how many it carries its log over: for a publication, and else."""


def stage(connection: Connection, index: int, change: "Change", told: Callable[[int], None]) -> tuple[Table, Table]:
    """Temporary tables of this connection that hold the change; writing them locks nothing that others use.

    `told` hears of every so many rows that are written, and may raise to stop.
    """
    table = change.table
    retired, created = _staging(table, index)
    for name, columns in ((retired.name, "row_id"), (created.name, "*")):
        connection.exec_driver_sql(f"CREATE TEMPORARY TABLE {name} AS SELECT {columns} FROM {table.name} WHERE 1 = 0")
    if len(change.retired):
        # Which rows they are is found out here: under the lock they are then gone to by their number.
        meant = select(table.c.row_id).where(*_in_force(connection, table, change.retired))
        connection.execute(insert(retired).from_select(["row_id"], meant))
        if connection.dialect.name == "postgresql":
            connection.exec_driver_sql(
                f"ANALYZE {retired.name}"
            )  # or it takes the few for many, and reads the whole table
    packed = pack(table, change.created)
    order = _hilbert(packed)
    for start in range(0, len(packed), CHUNK):
        chosen = packed.part(order[start : start + CHUNK])
        _put(connection, created.name, chosen)
        told(len(chosen))
    return retired, created


def needs_staging(connection: Connection, rows: int) -> bool:
    """Whether a publication of so many rows is to be staged before the lock."""
    return connection.dialect.name != "postgresql" or rows >= MANY


def end_few(connection: Connection, change: "Change", number: int) -> int:
    """End the versions in force of what a change retires, which was not staged; how many those were."""
    if not len(change.retired):
        return 0
    meant = update(change.table).where(*_in_force(connection, change.table, change.retired))
    return connection.execute(meant.values(to_revision=number)).rowcount


def begin_few(connection: Connection, change: "Change", number: int) -> None:
    """Write what a change creates, which was not staged, as versions of a revision."""
    if len(change.created):
        _put(connection, change.table.name, pack(change.table, change.created), number)


@lru_cache(maxsize=256)
def _staging(table: Table, index: int) -> tuple[Table, Table]:
    """The temporary tables as statements name them; the same ones again, so that these are compiled once."""
    own = MetaData()
    retired = Table(f"ended_{index}", own, Column("row_id", BigInteger))
    return retired, Table(f"begun_{index}", own, *(each._copy() for each in table.c if each.name != "row_id"))


def _in_force(
    connection: Connection, table: Table, uids: NDArray[np.int64]
) -> Sequence[ColumnElement[bool] | TextClause]:
    """The conditions of the versions of some uids that are in force, however many they are."""
    if connection.dialect.name == "postgresql":
        return table.c.uid == any_(literal(uids.tolist(), ARRAY(BigInteger))), table.c.to_revision.is_(None)
    held = func.json_each(str(uids.tolist())).table_valued("value")
    # SQLite knows nothing of how many rows are in force, nearly all: it is to begin with the few that are named.
    return table.c.uid.in_(select(held.c.value)), text(f"+{table.name}.to_revision IS NULL")


def make_ready(connection: Connection, changes: Sequence["Change"], staged: Sequence[tuple[Table, Table]]) -> None:
    """Let SQLite read before the lock the pages that it will change under it, and keep them.

    Its log is carried over into the file by other commits, not by this one while others wait.
    """
    if connection.dialect.name != "sqlite":
        return
    _tune(connection, CACHE_KIB, LOG_PAGES)
    for change, (ended, begun) in zip(changes, staged, strict=True):
        name, numbers = change.table.name, f"(SELECT row_id FROM {ended.name})"
        last = "geom" if change.table.info["spatial"] else "code"  # to the end of the longest column
        connection.exec_driver_sql(f"SELECT max(substr({last}, -1)) FROM {name} WHERE row_id IN {numbers}")
        if change.table.info["spatial"]:
            connection.exec_driver_sql(f"SELECT max(xmin) FROM {rtree(change.table)} WHERE id IN {numbers}")
        for key in ("code", "uid"):
            connection.exec_driver_sql(
                f"SELECT count(*) FROM {begun.name} AS new CROSS JOIN {name} AS held INDEXED BY {name}_{key} "
                f"ON held.{key} = new.{key}"
            )
    connection.commit()


def _tune(connection: Connection, cache_kib: int, log_pages: int) -> None:
    connection.exec_driver_sql(f"PRAGMA cache_size = -{cache_kib}")
    connection.exec_driver_sql(f"PRAGMA wal_autocheckpoint = {log_pages}")


def drop(connection: Connection, staged: Sequence[Table]) -> bool:
    """Drop the temporary tables, so that the connection can be used again; whether that was done."""
    connection.execution_options(write=False)
    try:
        if connection.dialect.name == "sqlite":
            _tune(connection, USUAL_CACHE_KIB, USUAL_LOG_PAGES)
            connection.commit()
        if not staged:
            return True
        names = [each.name for each in staged]
        with connection.begin():
            if connection.dialect.name == "postgresql":  # at one go; what is lost by a crash is gone with the session
                connection.exec_driver_sql(f"SET LOCAL synchronous_commit = off; DROP TABLE {', '.join(names)}")
                return True
            for name in names:
                connection.exec_driver_sql(f"DROP TABLE {name}")
    except DBAPIError:
        return False
    return True


def _hilbert(packed: Packed) -> NDArray[np.intp]:
    """The order in which neighbours on the ground are neighbours on disk; what lies nowhere comes last."""
    everything = np.arange(len(packed))
    if not packed.table.info["spatial"] or len(packed) < MANY:
        return everything
    from geopandas import GeoSeries  # a third of a second that only a large publication needs

    there = np.flatnonzero(packed.has_geometry)
    if not len(there):
        return everything
    boxes, middles = packed.boxes[there], packed.middles[there]
    around = (*boxes[:, :2].min(axis=0), *boxes[:, 2:].max(axis=0))
    distances = [
        GeoSeries(shapely.points(middles[start : start + CHUNK])).hilbert_distance(total_bounds=around).to_numpy()
        for start in range(0, len(there), CHUNK)
    ]
    there = there[np.argsort(np.concatenate(distances), kind="stable")]
    return np.concatenate([there, np.flatnonzero(~packed.has_geometry)])


def _put(connection: Connection, name: str, packed: Packed, number: int = 0) -> None:
    """Write rows into a table as those of a revision, in the way that is fast for many."""
    given = ["uid", *packed.columns, *(BOX if packed.table.info["spatial"] else ())]
    if connection.dialect.name == "postgresql":
        statement = f"COPY {name} (from_revision, {', '.join(given)}) FROM STDIN"
        _copy_in(connection, statement, _rows(packed, number, _as_hex))
        return
    places = ", ".join("?" * len(given))
    statement = f"INSERT INTO {name} (from_revision, {', '.join(given)}) VALUES (?, {places})"
    connection.exec_driver_sql(statement, list(_rows(packed, number)))


def _rows(packed: Packed, number: int, shape: Callable[[bytes], Any] | None = None) -> Iterator[tuple[Any, ...]]:
    columns: list[list[Any]] = [[number] * len(packed), packed.uids.tolist()]
    everything = np.arange(len(packed))
    for name, column in packed.columns.items():
        values = column[everything].tolist()
        if isinstance(packed.table.c[name].type, JSON):
            values = [None if value is None else value.decode(errors="surrogatepass") for value in values]
        if shape is not None and isinstance(packed.table.c[name].type, Geom):
            values = [None if value is None else shape(value) for value in values]
        columns.append(values)
    if packed.table.info["spatial"]:
        sides = packed.boxes.astype(object)
        sides[~packed.has_geometry] = None
        columns += sides.T.tolist()
    return zip(*columns, strict=True)


def _as_hex(wkb: bytes) -> str:
    """Well-known binary as PostGIS reads it in text: with the number of its system."""
    order: Literal["little", "big"] = "little" if wkb[0] else "big"
    kind = int.from_bytes(wkb[1:5], order) | 0x20000000
    return (wkb[:1] + kind.to_bytes(4, order) + SRID.to_bytes(4, order) + wkb[5:]).hex()


def _copy_in(connection: Connection, statement: str, rows: Iterator[tuple[Any, ...]]) -> None:
    driver = connection.dialect.loaded_dbapi
    held: Any = connection.connection.driver_connection
    try:
        with held.cursor() as cursor, cursor.copy(statement) as copy:
            for row in rows:
                copy.write_row(row)
    except driver.Error as error:
        raise DBAPIError.instance(statement, None, error, driver.Error, dialect=connection.dialect) from error
