"""A log that some read on from a position while others append to it: what was told is whole, and nothing is skipped.

PostgreSQL gives numbers when a row is written, not when it is committed: a reader who has seen number 7 may have passed
over a 6 that is committed later. So whoever appends holds a lock that others who append share, until the commit; a
reader waits until nobody holds it, and then all numbers up to the greatest one are there or never will be. SQLite has
one writer at a time, and needs none of this.
"""

from sqlalchemy import Connection, Table, func, select, text

from gis.errors import Refusal
from gis.store.engine import Store, reading, writing

# Any number that nothing else in the database uses for its own advisory locks.
APPEND_LOCK = 0x77616E676C6F
PATIENCE_MS = 50
"""Those who append wait behind a reader who waits, so that one who hangs must not keep the others for long."""


def announce_append(connection: Connection) -> None:
    """To be called in a transaction before it appends to a log that is read by position."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock_shared(:lock)"), {"lock": APPEND_LOCK})


def settled_end(store: Store, table: Table) -> int | None:
    """The greatest position of a table of the log up to which nothing can be added any more, 0 when it is empty.

    None when others were appending for too long right now. Errors: Refusal store_down.
    """
    greatest = select(func.coalesce(func.max(table.c.position), 0))
    if store.log.dialect.name != "postgresql":
        with reading(store.log) as connection:
            return int(connection.execute(greatest).scalar_one())
    try:
        with writing(store.log) as connection:
            connection.execute(text(f"SET LOCAL lock_timeout = {PATIENCE_MS}"))
            connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": APPEND_LOCK})
            # A statement of its own, so that it sees what was committed while the lock was waited for.
            return int(connection.execute(greatest).scalar_one())
    except Refusal as refusal:
        if refusal.code == "store_busy":
            return None
        raise
