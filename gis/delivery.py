"""What an import would do: the rows of a delivery against the rows in force, as changes and counts."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

import numpy as np
import shapely
from sqlalchemy import Connection, Table

from gis.errors import Fault
from gis.store.engine import Store
from gis.store.packed import Packed, uids_of
from gis.store.revisions import Change, allocate_uids
from gis.store.scope import EVERYTHING
from gis.store.versions import Query, read_among, read_rows

BOOKKEEPING = {"row_id", "uid", "from_revision", "to_revision", "west", "south", "east", "north"}
Key = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Counts:
    """How many rows of the delivery are new, changed or the same, and how many in force it makes end."""

    new: int = 0
    changed: int = 0
    same: int = 0
    gone: int = 0

    def __add__(self, other: "Counts") -> "Counts":
        return Counts(
            self.new + other.new, self.changed + other.changed, self.same + other.same, self.gone + other.gone
        )


@dataclass(frozen=True, slots=True)
class Delivery:
    """A delivery checked against revision `base`. It may be published when no fault is an error."""

    base: int
    counts: Counts
    changes: tuple[Change, ...]
    faults: tuple[Fault, ...]
    settings: Mapping[str, str] | None = None

    @property
    def is_acceptable(self) -> bool:
        return all(fault.severity != "error" for fault in self.faults)

    @property
    def is_empty(self) -> bool:
        return not any(len(change.retired) or len(change.created) for change in self.changes)


def rows_in_force(
    connection: Connection, table: Table, at: int, key: Sequence[str], where: Mapping[str, Any] | None = None
) -> dict[Key, dict[str, Any]]:
    """The versions in force at revision `at`, by their key."""
    found = read_rows(connection, table, Query(EVERYTHING, at=at, where=where))
    return {tuple(row[name] for name in key): dict(row) for row in found}


def rows_among(
    connection: Connection, table: Table, at: int, key: Sequence[str], codes: Collection[str], where: Mapping[str, Any]
) -> dict[Key, dict[str, Any]]:
    """The same of some codes only, however many are in force."""
    found = read_among(connection, table, at, codes, where)
    return {tuple(row[name] for name in key): dict(row) for row in found}


def compare(
    table: Table,
    current: Mapping[Key, Mapping[str, Any]],
    incoming: Mapping[Key, Mapping[str, Any]],
    gone: Sequence[Key] = (),
) -> tuple[Change, Counts]:
    """The change that makes `incoming` hold beside what is in force, and ends the keys of `gone`.

    New rows get the uid 0 until `with_uids`.
    """
    names = [column.name for column in table.c if column.name not in BOOKKEEPING]
    created, retired = [], [int(current[key]["uid"]) for key in gone]
    new = same = 0
    for key, row in incoming.items():
        old = current.get(key)
        full: dict[str, Any] = {"uid": 0 if old is None else int(old["uid"])}
        for name in names:
            full[name] = row.get(name)
        if old is None:
            new += 1
            created.append(full)
        elif all(_equal(old[name], full[name]) for name in names):
            same += 1
        else:
            retired.append(int(old["uid"]))
            created.append(full)
    change = Change(table, np.array(retired, dtype=np.int64), created)
    return change, Counts(new, len(created) - new, same, len(gone))


def with_uids(store: Store, changes: Sequence[Change]) -> tuple[Change, ...]:
    """The same changes, every new row with a uid of its own."""
    fresh = iter(allocate_uids(store, sum(int((uids_of(change.created) == 0).sum()) for change in changes)))
    return tuple(replace(change, created=_numbered(change.created, fresh)) for change in changes)


def _numbered(rows: Sequence[Mapping[str, Any]], fresh: Iterator[int]) -> Sequence[Mapping[str, Any]]:
    if isinstance(rows, Packed):
        uids = rows.uids.copy()
        new = np.flatnonzero(uids == 0)
        uids[new] = np.fromiter(islice(fresh, len(new)), dtype=np.int64, count=len(new))
        return rows.with_uids(uids)
    return [row if row["uid"] else {**row, "uid": next(fresh)} for row in rows]


def _equal(old: Any, new: Any) -> bool:
    if isinstance(old, shapely.Geometry) and isinstance(new, shapely.Geometry):
        return bool(shapely.equals_exact(old, new, normalize=True))
    return bool(old == new)
