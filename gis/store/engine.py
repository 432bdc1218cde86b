"""Open a store: one PostGIS database, or two SQLite files so that the intake of cases never waits for an import."""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import shapely
from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url, text
from sqlalchemy.exc import ArgumentError, DBAPIError, OperationalError

from gis.errors import refuse
from gis.store.types import box_shape, spell

WAIT_S = 10.0
CONNECT_S = 5


@dataclass(frozen=True, slots=True)
class Store:
    """`world` holds what is revisioned, `log` what happens (cases, decisions); on PostGIS both are one database."""

    world: Engine
    log: Engine

    @property
    def dialect(self) -> str:
        return self.world.dialect.name

    def close(self) -> None:
        """Give every connection back. The store may be used again; it then connects anew."""
        self.world.dispose()
        if self.log is not self.world:
            self.log.dispose()


def open_store(url: str, wait_s: float = WAIT_S) -> Store:
    """The store at `url`: `sqlite:///file.db` or `postgresql+psycopg://…`. Nothing is created and nothing is read yet.

    A writer waits up to `wait_s` seconds for another one. Errors: Refusal store_url_wrong.
    """
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):  # a port that is no number is a ValueError
        raise _wrong_url(url) from None
    if parsed.get_backend_name() == "postgresql":
        # A lock_timeout of 0 would wait for ever.
        options = f"-c lock_timeout={max(1, round(wait_s * 1000))} -c timezone=UTC"
        engine = create_engine(
            parsed.set(drivername="postgresql+psycopg"),
            connect_args={"options": options, "connect_timeout": CONNECT_S},
            pool_pre_ping=True,
            hide_parameters=True,  # what rows hold is nobody's business who reads a log
            json_serializer=spell,
        )
        return Store(engine, engine)
    if parsed.get_backend_name() == "sqlite" and parsed.database not in (None, "", ":memory:"):
        path = Path(str(parsed.database))
        log = path.with_name(f"{path.stem}-cases{path.suffix}")
        return Store(_sqlite(path, wait_s), _sqlite(log, wait_s, overwrites=True))
    raise _wrong_url(url)


def _wrong_url(url: str) -> Exception:
    shown = url.split("@")[-1].split("?")[0]  # a password may stand before the one and after the other
    return refuse(
        "store_url_wrong",
        f"'{shown}' is not a store: use sqlite:///file.db or postgresql+psycopg://user@host/database.",
        f"'{shown}' 不是可用的数据库地址：请用 sqlite:///file.db 或 postgresql+psycopg://用户@主机/库名。",
    )


def _sqlite(path: Path, wait_s: float, overwrites: bool = False) -> Engine:
    url = URL.create("sqlite", database=str(path))
    options = {"timeout": wait_s, "check_same_thread": False}
    engine = create_engine(url, connect_args=options, hide_parameters=True, json_serializer=spell)

    @event.listens_for(engine, "connect")
    def prepare(connection: sqlite3.Connection, _record: Any) -> None:
        connection.isolation_level = None  # the events below say BEGIN; Python must not
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("PRAGMA foreign_keys=ON")
        if overwrites:  # whatever is deleted, moved or replaced leaves no bytes behind, so that texts can be erased
            connection.execute("PRAGMA secure_delete=ON")
        connection.create_function("intersects_box", 5, _intersects_box, deterministic=True)

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        # A deferred reader that turns writer fails at once in WAL: a writer says so from the start.
        connection.exec_driver_sql("BEGIN IMMEDIATE" if connection.get_execution_options().get("write") else "BEGIN")

    return engine


def _intersects_box(wkb: bytes | None, xmin: float, ymin: float, xmax: float, ymax: float) -> bool:
    return wkb is not None and bool(shapely.intersects(shapely.from_wkb(wkb), box_shape(xmin, ymin, xmax, ymax)))


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """A transaction that only reads, all of it from one state of the store. Errors: Refusal store_down."""
    try:
        with engine.connect() as connection:
            if engine.dialect.name == "postgresql":  # SQLite reads from one state anyway
                connection.execution_options(isolation_level="REPEATABLE READ")
            yield connection
    except DBAPIError as error:
        raise explain(error) from error


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """A transaction that writes: committed at the end, rolled back on any error.

    Errors: Refusal store_busy, store_down.
    """
    try:
        with engine.connect().execution_options(write=True) as connection, connection.begin():
            yield connection
    except DBAPIError as error:
        raise explain(error) from error


def lock_name(connection: Connection, name: str, *, shared: bool = False) -> None:
    """Until the transaction ends nobody else gets past here with the same name, but for others that share it.

    A writer of SQLite is alone already.
    """
    if connection.dialect.name == "postgresql":
        lock = "pg_advisory_xact_lock_shared" if shared else "pg_advisory_xact_lock"
        connection.execute(text(f"SELECT {lock}(hashtextextended(:name, 0))"), {"name": name})


def scrub(engine: Engine, tables: Sequence[str]) -> None:
    """After texts were deleted: empty SQLite's journal, which holds the pages as they were; vacuum on PostgreSQL.

    The log of SQLite overwrites by itself what is deleted.
    Errors: Refusal store_busy where a reader keeps the journal in use for longer than a writer may wait.
    """
    try:
        if engine.dialect.name == "postgresql":
            with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
                for table in tables:
                    connection.exec_driver_sql(f'VACUUM "{table}"')
            return
        raw = engine.raw_connection()
        try:
            busy, *_ = raw.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        finally:
            raw.close()
    except DBAPIError as error:
        raise explain(error) from error
    if busy:
        raise refuse(
            "store_busy",
            "The texts are erased, but a long read keeps the journal of the store in use, which may still hold them. "
            "Try again.",
            "文本已删除，但数据库日志正被长时间读取占用，其中可能仍有残留。请稍后重试。",
            kind="unavailable",
        )


def is_up(store: Store) -> bool:
    """Whether both halves of the store answer."""
    try:
        for engine in {store.world, store.log}:
            with engine.connect() as connection:
                connection.execute(text("SELECT 1"))
    except DBAPIError:
        return False
    return True


def explain(error: DBAPIError) -> Exception:
    """The refusal that a person can act on, or the error itself when it is a fault of ours."""
    reason = first_line(error)
    if "locked" in reason or "lock timeout" in reason:
        return refuse(
            "store_busy",
            "Another writer is publishing and did not finish in time; nothing was changed. Try again.",
            "另一个写入正在发布，等待超时；未做任何更改，请稍后重试。",
            kind="unavailable",
        )
    if _is_out_of_reach(error):
        return refuse(
            "store_down",
            f"The store does not answer: {reason}",
            f"数据库没有响应：{reason}",
            kind="unavailable",
        )
    return error


# What SQLite says when the file itself fails; anything else it says is a fault of a statement.
FILE_TROUBLE = ("unable to open", "disk I/O", "disk is full", "image is malformed", "readonly", "not a database")
# PostgreSQL: connection lost, server shutting down or starting, out of resources.
SERVER_TROUBLE = ("08", "57P", "53")


def _is_out_of_reach(error: DBAPIError) -> bool:
    if isinstance(error.orig, sqlite3.Error):
        # A file that cannot be opened is an OperationalError; a damaged one is only a DatabaseError.
        return any(trouble in str(error.orig) for trouble in FILE_TROUBLE)
    state = getattr(error.orig, "sqlstate", None)
    return isinstance(error, OperationalError) and (state is None or state.startswith(SERVER_TROUBLE))


def first_line(error: DBAPIError) -> str:
    """What the database said, without the hints and the statement that follow."""
    said = str(error.orig if error.orig is not None else error).strip()
    return said.splitlines()[0] if said else type(error.orig).__name__
