"""The year of an inventory (年度更新): what came, changed, moved and went, by class and division."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from datetime import date, datetime, tzinfo
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray
from sqlalchemy import Connection, func, select

from components.tables import component
from gis.metres import Floats
from gis.store.revisions import list_revisions
from gis.store.scope import EVERYTHING, Scope
from gis.store.versions import Query, read_columns

COLUMNS = ("uid", "edition", "class_code", "owner_code", "owner_name", "initial_date", "change_date", "from_revision")
Units = Callable[[Floats], NDArray[Any]]
"""The unit's code (n,), None outside, of places lon, lat (n, 2)."""


@dataclass(slots=True)
class Sums:
    """How many components: in force at the end; of these new, changed, moved (not counted as changed) in the year.

    `retired` were there at the beginning; `untouched` saw no change for so many years; `without_owner` name none.
    """

    all: int = 0
    new: int = 0
    changed: int = 0
    moved: int = 0
    retired: int = 0
    untouched: int = 0
    without_owner: int = 0

    def __add__(self, other: "Sums") -> "Sums":
        return Sums(*(getattr(self, name) + getattr(other, name) for name in NAMES))

    def as_dict(self) -> dict[str, int]:
        return {name: getattr(self, name) for name in NAMES}


NAMES = tuple(each.name for each in fields(Sums))


@dataclass(frozen=True, slots=True)
class Year:
    """A year of the inventory: the revisions with which it begins and ends, and sums by division, edition, class."""

    year: int
    begin: int
    end: int
    sums: Mapping[tuple[str, str, str], Sums]

    @property
    def totals(self) -> Sums:
        return sum(self.sums.values(), Sums())


def revisions_of(connection: Connection, year: int, zone: tzinfo) -> tuple[int, int]:
    """The revisions in force when a year begins and when it ends, or now.

    Where the inventory began within the year, it begins with the first revision that had components: what was loaded
    then is not new in the year. 0 for none at all.
    """
    starts, ends = (datetime(each, 1, 1, tzinfo=zone) for each in (year, year + 1))
    revisions = list_revisions(connection)
    begin = max((each.number for each in revisions if each.effective_at < starts), default=0)
    end = max((each.number for each in revisions if each.effective_at < ends), default=0)
    first = connection.execute(select(func.min(component.c.from_revision))).scalar() or 0
    return min(max(begin, first), end), end


def count_year(
    connection: Connection,
    year: int,
    zone: tzinfo,
    units: Units,
    length: int,
    untouched_years: int,
    scope: Scope = EVERYTHING,
) -> Year:
    """The sums of a year by division (the first `length` characters of the unit, empty outside), edition and class.

    A component was touched last at its date of change, else its initial date; one that was changed here, when that
    began to hold. What came and went within the year is not counted.
    """
    begin, end = revisions_of(connection, year, zone)
    now = read_columns(connection, component, Query(scope, at=end), (*COLUMNS, "geom"))
    before = now
    if begin != end:
        before = read_columns(connection, component, Query(scope, at=begin), (*COLUMNS, "geom"))
    old = {uid: index for index, uid in enumerate(before["uid"].tolist())}
    since = {each.number: each.effective_at.astimezone(zone).date().isoformat() for each in list_revisions(connection)}
    last = min(date(year + 1, 1, 1), datetime.now(zone).date())
    limit = f"{last.year - untouched_years:04}-{last:%m-%d}"  # as text, so that the 29th of February needs no care
    changed_here = _changed_before(connection, end)
    sums: dict[tuple[str, str, str], Sums] = {}
    there = set(now["uid"].tolist())
    for index, division in enumerate(_divisions(now["geom"], units, length)):
        row = {name: now[name][index] for name in COLUMNS}
        its = sums.setdefault((division, row["edition"], row["class_code"]), Sums())
        its.all += 1
        was = old.get(row["uid"])
        if was is None:
            its.new += 1
        elif before["from_revision"][was] != row["from_revision"]:
            same = shapely.equals_exact(before["geom"][was], now["geom"][index], normalize=True)
            its.changed += bool(same)
            its.moved += not same
        its.untouched += _touched(row, since, row["uid"] in changed_here) < limit
        its.without_owner += not (row["owner_code"] or row["owner_name"])
    gone = [index for uid, index in old.items() if uid not in there]
    for index, division in zip(gone, _divisions(before["geom"][gone], units, length), strict=True):
        key = division, before["edition"][index], before["class_code"][index]
        sums.setdefault(key, Sums()).retired += 1
    return Year(year, begin, end, dict(sorted(sums.items())))


def _touched(row: Mapping[str, Any], since: Mapping[int, str], changed_here: bool) -> str:
    said = max(row["change_date"] or "", row["initial_date"] or "")
    held = since[row["from_revision"]]
    return max(said, held) if changed_here or not said else said


def _changed_before(connection: Connection, at: int) -> set[int]:
    """The uids of components that have an earlier version."""
    ended = select(component.c.uid).where(component.c.to_revision <= at).distinct()
    return set(connection.execute(ended).scalars())


def _divisions(shapes: NDArray[Any], units: Units, length: int) -> list[str]:
    if not len(shapes):
        return []
    points = np.where(shapely.get_type_id(shapes) == 0, shapes, shapely.point_on_surface(shapes))
    found = units(np.asarray(shapely.get_coordinates(points), dtype=np.float64))
    return [(code or "")[:length] for code in found.tolist()]
