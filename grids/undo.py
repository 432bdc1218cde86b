"""Undo: the change that takes a revision back, as values. Publishing it is a revision like any other.

A uid gets its own code and its own shape back, to the byte. What later revisions touched cannot be taken back; only
the shapes of divisions, which follow from their units, are made anew instead.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from sqlalchemy import Connection, Select, Table, and_, exists, func, or_, select

from gis import coverage
from gis.delivery import BOOKKEEPING, Key, compare
from gis.errors import Fault, Refusal
from gis.store.lineage import Descent
from gis.store.revisions import Change, head, read_settings, revision_at
from gis.store.scope import EVERYTHING
from gis.store.tables import WORLD, lineage
from gis.store.versions import Query, read_rows
from grids import divisions
from grids.profiles import FREE, read_profile
from grids.tables import area, area_layer, department, division, gap, unit

Rows = dict[int, dict[str, Any]]
"""Versions by uid."""
MOST = 100
"""So many of what stands in the way are named."""


@dataclass(frozen=True, slots=True)
class Undo:
    """What takes `number` back, checked against revision `base`: changes by table and pairs of lineage."""

    number: int
    base: int
    changes: tuple[Change, ...]
    lineage: tuple[Descent, ...]

    def rows_after(self, connection: Connection, table: Table) -> Iterator[Mapping[str, Any]]:
        """The versions of a table that would be in force."""
        ended: set[int] = set()
        for change in (each for each in self.changes if each.table is table):
            ended |= set(change.retired.tolist())
            yield from change.created
        for row in connection.execute(select(table).where(table.c.to_revision.is_(None))).mappings():
            if row["uid"] not in ended:
                yield dict(row)

    def retired(self, table: Table) -> bool:
        """Whether something of a table would be no more."""
        for change in (each for each in self.changes if each.table is table):
            if set(change.retired.tolist()) - {row["uid"] for row in change.created}:
                return True
        return False


def undo(connection: Connection, number: int) -> Undo:
    """The inverse of revision `number` on the newest one.

    Errors: Refusal revision_unknown; undo_touched with what later revisions touched; undo_code_taken; undo_in_use for
    what others in force name; those of a coverage, when the units would be none any more. Kind conflict but the first.
    """
    revision_at(connection, number)
    base = head(connection)
    tables = [table for table in WORLD.sorted_tables if "spatial" in table.info]
    derived = _derived(connection, number)
    in_the_way = [fault for table in tables for fault in _touched(connection, table, number, derived)]
    if in_the_way:
        raise Refusal(in_the_way[:MOST], "conflict")
    changes = {table.name: change for table in tables if (change := _inverse(connection, table, number, derived))}
    made = Undo(number, base, tuple(changes.values()), _pairs(connection, number))
    taken = [fault for change in made.changes for fault in _taken(connection, change)]
    if taken:
        raise Refusal(taken[:MOST], "conflict")
    if {"unit", "gap", "division"} & changes.keys() or derived:
        made = _whole_grid(connection, made)
    _check_use(connection, made)
    return made


def _derived(connection: Connection, number: int) -> set[int]:
    """The divisions with units of which the revision changed the shape alone and a later one changed something."""
    before = division.alias("before")
    names = [column.name for column in division.c if column.name not in {*BOOKKEEPING, "geom", "attributes"}]
    both_none = {name: and_(division.c[name].is_(None), before.c[name].is_(None)) for name in names}
    same = [or_(division.c[name] == before.c[name], both_none[name]) for name in names]
    both = select(division.c.uid, division.c.code, division.c.attributes, before.c.attributes.label("other")).join(
        before, and_(before.c.uid == division.c.uid, before.c.to_revision == number, *same)
    )
    later = division.c.to_revision.is_not(None)
    rows = connection.execute(both.where(division.c.from_revision == number, later)).all()
    return {row.uid for row in rows if row.attributes == row.other and _has_units(connection, row.code)}


def _has_units(connection: Connection, code: str) -> bool:
    within = and_(unit.c.to_revision.is_(None), unit.c.code >= code, unit.c.code < code + "\U0010ffff")
    return connection.execute(select(unit.c.uid).where(within).limit(1)).first() is not None


def _touched(connection: Connection, table: Table, number: int, derived: set[int]) -> list[Fault]:
    """A fault for everything that the revision touched and a later one too."""
    then = table.alias("then")
    touched = or_(then.c.from_revision + 0 == number, then.c.to_revision + 0 == number)  # "+ 0": found by the uid alone
    meant = and_(then.c.uid == table.c.uid, touched)
    later = or_(table.c.from_revision > number, table.c.to_revision > number)
    last = func.max(func.coalesce(table.c.to_revision, table.c.from_revision))
    chosen: Select[Any] = select(table.c.uid, func.max(table.c.code).label("code"), last.label("by"))
    chosen = chosen.where(later, exists().where(meant)).group_by(table.c.uid).order_by("code")
    return [_named(table.name, row.code, row.by) for row in connection.execute(chosen) if row.uid not in derived][:MOST]


def _inverse(connection: Connection, table: Table, number: int, derived: set[int]) -> Change | None:
    of_before = and_(table.c.to_revision == number, table.c.from_revision < number)
    of_after = and_(table.c.from_revision == number, table.c.to_revision.is_(None))
    begun = [uid for uid in connection.execute(select(table.c.uid).where(of_after)).scalars() if uid not in derived]
    names = ["uid", *(column.name for column in table.c if column.name not in BOOKKEEPING)]
    before = connection.execute(select(*(table.c[name] for name in names)).where(of_before).order_by(table.c.row_id))
    rows = [dict(row) for row in before.mappings() if row["uid"] not in derived]
    return Change(table, np.array(sorted(begun), dtype=np.int64), rows) if begun or rows else None


def _pairs(connection: Connection, number: int) -> tuple[Descent, ...]:
    """The pairs of the revision, the other way round."""
    found = connection.execute(select(lineage).where(lineage.c.revision == number).order_by(*lineage.primary_key))
    return tuple(Descent(row.to_uid, row.from_uid, "undo") for row in found)


def _taken(connection: Connection, change: Change) -> list[Fault]:
    """A fault for every code that would come back while another uid has it."""
    table, ended = change.table, set(change.retired.tolist())
    index = next(each for each in table.indexes if each.name == f"{table.name}_in_force")
    names = [column.name for column in index.columns]
    wanted = {tuple(row[name] for name in names) for row in change.created}
    faults = []
    codes = sorted({row["code"] for row in change.created})
    for start in range(0, len(codes), 500):
        part = table.c.code.in_(codes[start : start + 500])
        found = connection.execute(select(table).where(table.c.to_revision.is_(None), part)).mappings()
        faults += [
            _code_taken(table.name, row["code"])
            for row in found
            if tuple(row[name] for name in names) in wanted and row["uid"] not in ended
        ]
    return faults


def _whole_grid(connection: Connection, made: Undo) -> Undo:
    """The undo with the shapes of divisions that follow from it. Errors: Refusal of what would be no coverage."""
    units = {row["code"]: row["geom"] for row in made.rows_after(connection, unit)}
    if not units:
        return made
    faults = _flaws(units, made.rows_after(connection, gap), 0.0)
    if made.number < made.base and not faults:
        faults = _strips(connection, made, units)
    current: dict[Key, Mapping[str, Any]] = {(row["code"],): row for row in made.rows_after(connection, division)}
    profile = read_profile(read_settings(connection).get("profile", FREE.name))
    written, found = divisions.follow_units(profile, units, current)
    errors = [fault for fault in (*faults, *found) if fault.severity == "error"]
    if errors:
        raise Refusal(errors[:MOST], "conflict")
    change, _ = compare(division, current, written)
    return _with(made, change)


def _flaws(units: Mapping[str, Any], gaps: Iterable[Mapping[str, Any]], snap_m: float = coverage.SNAP_M) -> list[Fault]:
    """What keeps the units, shapes by code, from being a coverage with these named gaps."""
    shapes, codes = np.fromiter(units.values(), dtype=object), np.fromiter(units, dtype=object)
    holes = [(row["geom"], row["name"]) for row in gaps]
    named = None
    if holes:
        named = (np.fromiter((shape for shape, _ in holes), dtype=object), np.array([name for _, name in holes]))
    return [each for each in coverage.check(shapes, codes, named, snap_m) if each.severity == "error"]


def _strips(connection: Connection, made: Undo, units: Mapping[str, Any]) -> list[Fault]:
    """What is narrower than a coverage may have it, where what comes back meets what later revisions drew beside it.

    What was so before the revision, or is so now, does not stand in the way.
    """
    found = _flaws(units, made.rows_after(connection, gap))
    if not found:
        return []
    known = set()
    for at in (made.number - 1, made.base):
        rows = list(read_rows(connection, unit, Query(EVERYTHING, at=at)))
        gaps = read_rows(connection, gap, Query(EVERYTHING, at=at))
        if rows:
            known |= {each.en for each in _flaws({row["code"]: row["geom"] for row in rows}, gaps)}
    return [each for each in found if each.en not in known]


def _with(made: Undo, more: Change) -> Undo:
    """The undo with another change of divisions over its own."""
    if not len(more.created):
        return made
    own = next((each for each in made.changes if each.table is division), Change(division, np.array([], np.int64), []))
    rows: Rows = {row["uid"]: dict(row) for row in own.created}
    fresh = [row for row in more.created if row["uid"] == 0]
    rows |= {row["uid"]: dict(row) for row in more.created if row["uid"]}
    ended = set(own.retired.tolist()) | (set(more.retired.tolist()) - {row["uid"] for row in own.created})
    merged = Change(division, np.array(sorted(ended), dtype=np.int64), [*rows.values(), *fresh])
    return replace(made, changes=(*(each for each in made.changes if each.table is not division), merged))


def _check_use(connection: Connection, made: Undo) -> None:
    """Errors: Refusal undo_in_use for departments and layers of areas that others in force would still name."""
    faults: list[Fault] = []
    if made.retired(department):
        known = {row["code"] for row in made.rows_after(connection, department)}
        for table, member in ((division, "department"), (area, "department"), (department, "parent")):
            rows = made.rows_after(connection, table)
            faults += [
                in_use(table.name, row["code"], row[member]) for row in rows if row[member] and row[member] not in known
            ]
    if made.retired(area_layer):
        layers = {row["code"] for row in made.rows_after(connection, area_layer)}
        rows = made.rows_after(connection, area)
        faults += [in_use("area", row["code"], row["layer"]) for row in rows if row["layer"] not in layers]
    if faults:
        raise Refusal(faults[:MOST], "conflict")


def _named(table: str, code: str, by: int) -> Fault:
    return Fault(
        "undo_touched",
        f"{table} {code} was touched again by revision {by}: undo that one first, or change it by hand.",
        f"{table} {code} 之后又被版本 {by} 修改：请先撤销该版本，或手工修改。",
        thing=code,
    )


def _code_taken(table: str, code: str) -> Fault:
    return Fault(
        "undo_code_taken",
        f"{table} {code} cannot come back: another one has the code now.",
        f"{table} {code} 无法恢复：该编码现已属于其他对象。",
        thing=code,
    )


def in_use(table: str, code: str, named: str) -> Fault:
    """What names something that an undo would take away."""
    return Fault(
        "undo_in_use",
        f"{table} {code} names {named}, which this undo would take away: change {code} first.",
        f"{table} {code} 引用了将被撤销的 {named}：请先修改 {code}。",
        thing=code,
    )
