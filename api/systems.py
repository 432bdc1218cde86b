"""Local coordinate systems as the store keeps them: by name, with parameters that nobody but an admin reads."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from time import monotonic
from typing import Any

from sqlalchemy import Column, Connection, Table, Text, delete, insert, select

from gis import crs as reference
from gis.crs import Crs, CrsLike
from gis.errors import Refusal, refuse
from gis.store.engine import Store, reading
from gis.store.tables import WORLD
from gis.store.types import Document, Time
from gis.systems import Systems, check_name, fold, from_document, make_systems, to_document

POLL_S = 1.0
AWAY_S = 10.0
"""How long what is known is taken as it is: while the store answers, and after it did not."""

local_crs = Table(
    "local_crs",
    WORLD,
    Column("key", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("secret", Document, nullable=False),
    Column("told", Document, nullable=False),
    Column("created_at", Time, nullable=False),
)


@dataclass(frozen=True, slots=True)
class Entry:
    """A local system as it may be listed: `told` is how it was given and how well points fit, not where it lies."""

    name: str
    told: Mapping[str, Any]
    created_at: datetime


def add_system(connection: Connection, crs: Crs, told: Mapping[str, Any]) -> None:
    """Keep a local system. Errors: Refusal crs_name_wrong, crs_name_taken."""
    check_name(crs.name)
    if connection.execute(select(local_crs.c.name).where(local_crs.c.key == fold(crs.name))).first() is not None:
        raise refuse(
            "crs_name_taken",
            f"There is a local system {crs.name} already; remove it first, or take another name.",
            f"地方坐标系 {crs.name} 已存在；请先删除或换一个名称。",
            kind="conflict",
        )
    values = {"name": crs.name, "secret": to_document(crs), "told": dict(told), "created_at": datetime.now(UTC)}
    connection.execute(insert(local_crs).values(key=fold(crs.name), **values))


def list_systems(connection: Connection) -> Iterator[Entry]:
    """The local systems by name, without their parameters."""
    columns = (local_crs.c.name, local_crs.c.told, local_crs.c.created_at)
    for row in connection.execute(select(*columns).order_by(local_crs.c.key)).mappings():
        yield Entry(**row)


def find_system(connection: Connection, name: str) -> tuple[Entry, Mapping[str, Any]]:
    """One of them, and its secret. Errors: Refusal crs_missing_here."""
    row = connection.execute(select(local_crs).where(local_crs.c.key == fold(name))).mappings().first()
    if row is None:
        raise _missing(name)
    return Entry(row["name"], row["told"], row["created_at"]), row["secret"]


def remove_system(connection: Connection, name: str) -> None:
    """Forget a local system; what was imported in it stays. Errors: Refusal crs_missing_here."""
    if connection.execute(delete(local_crs).where(local_crs.c.key == fold(name))).rowcount == 0:
        raise _missing(name)


def read_systems(connection: Connection) -> Systems:
    """All local systems, to be used by name."""
    rows = connection.execute(select(local_crs.c.name, local_crs.c.secret))
    return make_systems({name: from_document(name, secret) for name, secret in rows})


class LiveSystems:
    """The local systems of a store, read when a name is asked for that nobody else knows, and soon anew.

    While the store is away, or without one, what was read last is known.
    """

    def __init__(self, store: Store | None) -> None:
        self.store = store
        self._known = Systems()
        self._fresh_until = -1.0

    def find(self, text: CrsLike | None) -> CrsLike | None:
        """The local system of this name; anything else as it is. What everybody knows costs no look at the store."""
        if not isinstance(text, str):
            return text
        if self._known.find(text) is text:
            try:
                reference.parse(text)
                return text
            except Refusal:
                pass
        self._renew()
        return self._known.find(text)

    def parse(self, text: CrsLike) -> Crs:
        """The CRS that is meant. Errors: Refusal crs_unknown."""
        found = self.find(text)
        assert found is not None
        return reference.parse(found)

    def _renew(self) -> None:
        if self.store is None or monotonic() < self._fresh_until:
            return
        self._fresh_until = monotonic() + AWAY_S  # while it is asked, and when it does not answer
        try:
            with reading(self.store.world) as connection:
                self._known = read_systems(connection)
        except Refusal:
            return
        self._fresh_until = monotonic() + POLL_S


def _missing(name: str) -> Refusal:
    shown = name if len(name) <= 60 else name[:60] + "…"
    return refuse("crs_missing_here", f"There is no local system {shown}.", f"没有地方坐标系 {shown}。", kind="missing")
