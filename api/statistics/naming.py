"""What groups are called: the members that tell a key, with names, also of what is no longer in force."""

from collections.abc import Collection, Mapping
from typing import Any, Final

from sqlalchemy import Connection, and_

from api.statistics.asking import AREA
from cases.statistics.placing import UNIT
from cases.statistics.reading import BODIES_OF
from components.catalogue import read_classes
from gis.store.engine import Store, reading
from gis.store.scope import EVERYTHING
from gis.store.versions import AT_ONCE, read_where
from grids.tables import area, department, division

BODIES: Final = ("department", "first", "handler", *BODIES_OF)
PLAIN: Final = ("source", "state", "period", UNIT)
Names = Mapping[Any, str | None]


def members_of(name: str, key: Any, names: Names | None = None) -> dict[str, Any]:
    """The members that tell a key of a column: its codes and its name."""
    named = None if key is None or names is None else names.get(key)
    if name in PLAIN:
        return {name: key[0] if key else None}
    if name == "class":
        edition, kind, code = key or (None, None, None)
        return {"edition": edition, "kind": kind, "class_code": code, "class_name": named}
    if name.startswith(AREA):
        owner, code = key or (None, None)
        return {name: code, f"{name}.name": named, f"{name}.owner": owner}
    return {name: key[0] if key else None, f"{name}_name": named}


def names_of(store: Store, name: str, keys: Collection[Any], at: int) -> Names:
    """The names of keys of a column, the newest that each had."""
    wanted = [key for key in keys if key is not None]
    if name in PLAIN or not wanted:
        return {}
    with reading(store.world) as connection:
        if name == "class":
            return {key: each.name_zh for key, each in read_classes(connection, EVERYTHING, at).items()}
        if name.startswith(AREA):
            layer = area.c.layer == name.removeprefix(AREA)
            return _newest(connection, area, [code for _, code in wanted], ("owner", "code"), layer)
        table = department if name in BODIES else division
        return _newest(connection, table, [code for (code,) in wanted], ("code",))


def _newest(
    connection: Connection, table: Any, codes: Collection[str], key: tuple[str, ...], *meant: Any
) -> dict[Any, str | None]:
    found: dict[Any, tuple[int, str | None]] = {}
    every = sorted(set(codes))
    for start in range(0, len(every), AT_ONCE):
        one = and_(table.c.code.in_(every[start : start + AT_ONCE]), *meant)
        rows = read_where(connection, table, one, (*key, "from_revision", "name"))
        for *parts, begun, name in zip(*rows.values(), strict=True):
            if begun >= found.get(tuple(parts), (-1, None))[0]:
                found[tuple(parts)] = begun, name
    return {each: name for each, (_, name) in found.items()}
