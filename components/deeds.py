"""Deeds: one component registered, changed, moved or retired. A deed comes to one edit, as drafts have them."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

import orjson
import shapely
from sqlalchemy import Connection, select

from components.numbers import next_code
from components.tables import component
from gis.errors import Fault, Refusal, refuse
from gis.geometry import place
from gis.store.scope import EVERYTHING, Scope
from gis.store.versions import in_force
from grids.edits.refusals import nothing_changes
from grids.placing import unit_at
from grids.profiles import CodeProfile

Kind = Literal["register", "change", "move", "retire"]
LAYER = "components"
COUNTY = "county"
"""The level of the profile whose codes begin those of components."""
FIELDS = tuple(
    str(column.name)
    for column in component.c
    if column.name not in ("row_id", "from_revision", "to_revision", "west", "south", "east", "north", "geom")
)


@dataclass(frozen=True, slots=True)
class Deed:
    """What is to become of one component. `code` None asks for the next free one.

    `uid` and `version` (the revision that made it) are those of the component as it was looked at, None for a new one.
    `values` are columns as a file brings them, further attributes under `attributes`; `geometry` is GeoJSON, lon, lat.
    """

    kind: Kind
    owner: str
    code: str | None
    values: Mapping[str, Any]
    geometry: Mapping[str, Any] | None = None
    uid: int | None = None
    version: int | None = None

    def document(self) -> dict[str, Any]:
        """The edit that does it. A code must be there."""
        assert self.code is not None
        named = {"layer": LAYER, "code": self.code, "owner": self.owner}
        if self.kind == "retire":
            return {"op": "remove", **named}
        shape = {} if self.geometry is None else {"geometry": dict(self.geometry)}
        return {"op": "put", **named, "values": dict(self.values), **shape}

    @property
    def shape(self) -> shapely.Geometry | None:
        return None if self.geometry is None else shapely.from_geojson(orjson.dumps(self.geometry))


def find_component(
    connection: Connection, code: str, at: int, owner: str | None = None, scope: Scope = EVERYTHING
) -> dict[str, Any] | None:
    """The version of a component in force at revision `at`. Errors: Refusal owner_needed, where several have the code.

    With `owner` that of this owner.
    """
    table = component
    meant = [table.c.code == code, in_force(table, at), scope.clause(table.c.owner)]
    meant += [] if owner is None else [table.c.owner == owner]
    rows = [dict(row) for row in connection.execute(select(table).where(*meant).order_by(table.c.owner)).mappings()]
    if len(rows) > 1:
        owners = ", ".join(str(row["owner"]) or "''" for row in rows)
        raise refuse(
            "owner_needed",
            f"Several owners have a component {code}: {owners}. Say which one with owner.",
            f"多个归属都有部件 {code}：{owners}。请用 owner 指明。",
            thing=code,
        )
    return rows[0] if rows else None


def version_of(connection: Connection, uid: int, version: int) -> dict[str, Any] | None:
    """The version of a component that a revision made."""
    table = component
    meant = select(table).where(table.c.uid == uid, table.c.from_revision == version)
    row = connection.execute(meant).mappings().first()
    return None if row is None else dict(row)


def told_row(row: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """A version as JSON members, its geometry as GeoJSON."""
    if row is None:
        return None
    shape = row["geom"]
    geometry = None if shape is None else orjson.loads(shapely.to_geojson(shape))
    return {**{name: row[name] for name in FIELDS}, "from_revision": row["from_revision"], "geometry": geometry}


def check_unchanged(connection: Connection, deed: Deed, at: int, proposed: bool) -> None:
    """Refuse a deed whose component is another than it was looked at, with both versions, or that changes nothing.

    Errors: Refusal component_changed, or proposal_conflict where it was `proposed`; nothing_changes.
    """
    if deed.uid is None or deed.version is None or deed.code is None:
        return
    now = find_component(connection, deed.code, at, deed.owner)
    if now is not None and (now["uid"], now["from_revision"]) == (deed.uid, deed.version):
        if deed.kind != "retire" and _says_nothing(deed, now):
            raise nothing_changes(deed.code)
        return
    raise Refusal(changed(deed.code, version_of(connection, deed.uid, deed.version), now, proposed), "conflict")


def _says_nothing(deed: Deed, row: Mapping[str, Any]) -> bool:
    """Whether a deed says just what holds; the date of the change alone is no change."""
    shape = deed.shape
    if shape is not None and not shapely.equals_exact(shape, row["geom"], normalize=True):
        return False
    held = row["attributes"] or {}
    further = deed.values.get("attributes") or {}
    plain = {name: value for name, value in deed.values.items() if name not in ("attributes", "change_date")}
    return all(row.get(name) == value for name, value in plain.items()) and all(
        held.get(name) == value for name, value in further.items()
    )


def changed(
    component_code: str, before: Mapping[str, Any] | None, now: Mapping[str, Any] | None, proposed: bool = False
) -> Fault:
    """The fault that a component is no longer as it was looked at; it holds both versions."""
    code = "proposal_conflict" if proposed else "component_changed"
    if now is None:
        en, zh = "was retired", "已注销"
    else:
        en, zh = f"was changed by revision {now['from_revision']}", f"已在版本 {now['from_revision']} 更改"
    shape = (now or before or {}).get("geom")
    return Fault(
        code,
        f"The component {component_code} {en} meanwhile; look at it again. Both versions are in `before` and `now`.",
        f"部件 {component_code} 其间{zh}；请重新查看。两个版本见 before 与 now。",
        thing=component_code,
        where=None if shape is None else place(shape),
        members={"before": told_row(before), "now": told_row(now)},
    )


def coded(
    connection: Connection, deed: Deed, at: int, profile: CodeProfile, taken: Collection[str] = frozenset()
) -> Deed:
    """The deed with a code: the next free one where it has none. Errors: those of `next_code`."""
    if deed.code is not None:
        return deed
    shape = deed.shape
    unit = None if shape is None else unit_at(connection, at, shape)
    edition, class_code = str(deed.values.get("edition")), str(deed.values.get("class_code") or "")
    return replace(deed, code=next_code(connection, edition, county_of(unit, profile), class_code, taken))


def county_of(unit: str | None, profile: CodeProfile) -> str:
    """The county in a unit's code, a placeholder too (441900 of 东莞); empty where there is none."""
    length = next((level.length for level in profile.levels if level.id == COUNTY), 0)
    return (unit or "")[:length]
