"""Departments that are no longer: what they were called, since when they are not, and who took their place."""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import Connection, Table, select

from grids.fates import Fate
from grids.tables import area, department, division


def find_fates(
    connection: Connection, codes: Iterable[str], at: int, in_force: Mapping[str, Mapping[str, Any]]
) -> dict[str, Fate]:
    """The fates of those of the codes that were departments before revision `at`; `in_force` are those of now."""
    wanted = sorted(set(codes) - in_force.keys())
    if not wanted:
        return {}
    columns = [department.c[name] for name in ("code", "name", "parent", "ids", "from_revision", "to_revision")]
    chosen = select(*columns).where(department.c.code.in_(wanted), department.c.from_revision <= at)
    last: dict[str, Any] = {}
    for row in connection.execute(chosen.order_by(department.c.from_revision)):
        last[row.code] = row
    return {code: _fate(connection, row, at, in_force) for code, row in last.items()}


def _fate(connection: Connection, row: Any, at: int, in_force: Mapping[str, Mapping[str, Any]]) -> Fate:
    ended = at + 1 if row.to_revision is None else int(row.to_revision)  # a draft may be what ends it
    ids = set((row.ids or {}).items())
    heirs = [code for code, each in in_force.items() if ids & set((each["ids"] or {}).items())]
    if len(heirs) == 1:
        return Fate(row.code, row.name, ended, heirs[0], "ids")
    given = Counter(each for table in (area, division) for each in _given(connection, table, row.code))
    ranked = sorted((each for each in given.items() if each[0] in in_force), key=lambda each: (-each[1], each[0]))
    if ranked:
        return Fate(row.code, row.name, ended, ranked[0][0], "areas")
    named = [code for code, each in in_force.items() if each["name"] == row.name]
    if len(named) == 1:
        return Fate(row.code, row.name, ended, named[0], "name")
    heir = row.parent if row.parent in in_force else None
    return Fate(row.code, row.name, ended, heir, None if heir is None else "parent")


def _given(connection: Connection, table: Table, code: str) -> list[str]:
    """The departments, one for each time, that came next to what was the department's."""
    before, after = table.alias("before"), table.alias("after")
    same = (before.c.uid == after.c.uid) & (before.c.to_revision == after.c.from_revision)
    chosen = select(after.c.department).join_from(before, after, same)
    found = connection.execute(chosen.where(before.c.department == code, after.c.department != code)).scalars()
    return [str(each) for each in found if each]
