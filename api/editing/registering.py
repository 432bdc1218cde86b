"""One component registered, changed, moved or retired by a caller: done at once, or put down as a proposal."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import orjson
import shapely
from sqlalchemy import Connection

from api.auth import permit
from api.keys import Key
from api.lookups.points import read_crs, read_point, refuse_unknown
from api.systems import LiveSystems
from cases.reports import parse_zone
from components import registry
from components.codes import class_in
from components.deeds import Deed, Kind
from components.editions import CURRENT, normalise_edition
from components.layers import COMPONENTS
from components.policies import Policy, read_policies
from components.proposals import Proposal, check_text, make_proposal
from components.registry import Made
from gis.errors import Fault, Refusal, refuse
from gis.geometry import prepare
from gis.store.engine import reading
from gis.store.revisions import head
from gis.tables import Table
from grids.drafts.at_once import Word
from grids.drafts.workbench import Workbench
from grids.ground import store_profile
from grids.placing import unit_at

FIELDS = tuple(each.name for each in COMPONENTS.shown if each.name != "code")
FURTHER = ("attributes", "point", "geometry", "crs", "reason")
RETIRING = ("reason",)


@dataclass(frozen=True, slots=True)
class Wish:
    """What a caller wants of a component: its values, where it is to stand (lon, lat of the store), and why."""

    values: Mapping[str, Any]
    geometry: shapely.Geometry | None
    reason: str
    code: str | None = None
    owner: str | None = None

    @property
    def geojson(self) -> dict[str, Any] | None:
        return None if self.geometry is None else orjson.loads(shapely.to_geojson(self.geometry))


def read_wish(sent: Any, kind: Kind, systems: LiveSystems) -> Wish:
    """A body. Errors: Refusal body_wrong, unknown_field, member_wrong, geometry_twice, those of CRS and geometry."""
    if not isinstance(sent, Mapping):
        raise refuse("body_wrong", "The body must be a JSON object.", "请求体必须是 JSON 对象。")
    allowed = RETIRING if kind == "retire" else (*FIELDS, *FURTHER, *(("code", "owner") if kind == "register" else ()))
    refuse_unknown(sent, allowed)
    reason = _text(sent, "reason") or ""
    check_text(reason)
    values = {name: sent[name] for name in FIELDS if name in sent}
    for name in ("edition", "class_code"):
        if name in values:
            values[name] = _text(sent, name)
    if values.get("edition"):
        values["edition"] = normalise_edition(values["edition"])
    if sent.get("attributes") is not None:
        if not isinstance(sent["attributes"], Mapping):
            raise _wrong("attributes", "an object", "对象")
        own = sorted({"code", "owner", "attributes", *FIELDS} & sent["attributes"].keys())
        if own:
            raise _wrong(f"attributes.{own[0]}", "a member beside attributes", "与 attributes 并列的成员")
        values["attributes"] = dict(sent["attributes"])
    return Wish(values, _geometry(sent, systems), reason, _text(sent, "code"), _text(sent, "owner"))


def carry_out(
    bench: Workbench, key: Key, kind: Kind, wish: Wish, row: Mapping[str, Any] | None, zone: str
) -> tuple[Made | Proposal, tuple[Fault, ...]]:
    """Do what a caller wants of the component `row` (None: a new one), or put it down where it must be reviewed.

    With it what a person should know, as warnings.

    It is done at once when the policy of the class lets the caller's role, and the row is kept within their prefix.
    A proposal needs only that the component is kept, or stands before and after, within it.
    Errors: role_missing, prefix_missing; those of `components.registry.do`.
    """
    with reading(bench.store.world) as connection:
        at = head(connection)
        deed, edition, class_code = _deed(connection, key, kind, wish, row)
        places = [] if row is None else [row["geom"]]
        places += [] if wish.geometry is None else [wish.geometry]
        units = [unit_at(connection, at, each) for each in places]
        policy = read_policies(connection).of(deed.owner, edition, class_code)
    if _may_do(key, policy) and deed.owner.startswith(key.prefix):
        made = registry.do(bench, deed, Word(key.name, wish.reason or _note(kind, deed, class_code)), today(zone))
        return made, made.notes
    permit(key, "inspector")
    if not all(unit is not None and unit.startswith(key.prefix) for unit in units):
        permit(key, "inspector", deed.owner)
    notes = registry.check(bench, deed, today(zone))
    shown = places[-1] if places else None
    place = None if shown is None else orjson.loads(shapely.to_geojson(shown))
    unit = units[-1] if units else None
    author = key.id, key.name
    return make_proposal(bench.store, deed, edition, class_code, unit, place, wish.reason, author), notes


def today(zone: str) -> str:
    """The day in a zone, ISO text."""
    return datetime.now(parse_zone(zone)).date().isoformat()


def _deed(
    connection: Connection, key: Key, kind: Kind, wish: Wish, row: Mapping[str, Any] | None
) -> tuple[Deed, str, str]:
    """The deed, and the edition and class of the component that it is about."""
    values = dict(wish.values)
    if row is None:
        owner = key.prefix if wish.owner is None else wish.owner
        if owner and not store_profile(connection).is_division_code(owner):
            raise refuse(
                "owner_wrong",
                f"'{owner[:60]}' is not the code of a division; an owner is one, or empty for the whole store.",
                f"“{owner[:60]}”不是行政区划代码；数据归属须为区划代码，留空表示全库。",
            )
        edition = values["edition"] = values.get("edition") or CURRENT
        class_code = values["class_code"] = values.get("class_code") or class_in(wish.code, edition)
        if wish.geometry is None:
            raise refuse(
                "missing_geometry",
                "Say where it stands: point [x, y] with crs, or geometry (GeoJSON).",
                "请给出位置：point [x, y] 及 crs，或 geometry（GeoJSON）。",
            )
        return Deed(kind, owner, wish.code, values, wish.geojson), edition, class_code
    edition, class_code = values.get("edition") or row["edition"], values.get("class_code") or row["class_code"]
    if kind == "change" and wish.geometry is not None and not values:
        kind = "move"
    deed = Deed(kind, row["owner"], row["code"], values, wish.geojson, row["uid"], row["from_revision"])
    return deed, edition, class_code


def _may_do(key: Key, policy: Policy) -> bool:
    if policy.review == "never":
        return key.may("inspector")
    return policy.review == "inspectors" and key.may("editor")


def _note(kind: Kind, deed: Deed, class_code: str) -> str:
    return f"{kind} component {deed.code or class_code}"


def _geometry(sent: Mapping[str, Any], systems: LiveSystems) -> shapely.Geometry | None:
    point, geometry = sent.get("point"), sent.get("geometry")
    if point is None and geometry is None:
        return None
    if point is not None and geometry is not None:
        raise refuse("geometry_twice", "Give point or geometry, not both.", "point 与 geometry 只能给出一个。")
    if point is not None:
        if not isinstance(point, list) or len(point) != 2 or not all(_is_number(each) for each in point):
            raise _wrong("point", "two numbers [x, y]", "两个数 [x, y]")
        return shapely.Point(read_point(point[0], point[1], _text(sent, "crs"), systems)[0])
    try:
        shape = shapely.from_geojson(orjson.dumps(geometry))
    except (shapely.errors.ShapelyError, TypeError, ValueError):
        raise _wrong("geometry", "a GeoJSON geometry", "GeoJSON 几何对象") from None
    held = np.empty(1, dtype=object)
    held[0] = shape
    crs = read_crs(_text(sent, "crs") or "CRS84", systems)
    prepared, faults = prepare(Table({}, held, crs, np.array([1], dtype=np.int64)), None, "any")
    wrong = [each for each in faults if each.severity == "error"]
    if wrong or prepared[0] is None:
        raise Refusal(wrong or _wrong("geometry", "a GeoJSON geometry", "GeoJSON 几何对象").faults)

    return prepared[0]


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _text(sent: Mapping[str, Any], name: str) -> str | None:
    value = sent.get(name)
    if value is None or (isinstance(value, str) and not value.strip()):
        return None
    if not isinstance(value, str) or len(value) > 4000:
        raise _wrong(name, "text", "文本")
    return value.strip()


def _wrong(name: str, form: str, form_zh: str) -> Refusal:
    return refuse("member_wrong", f"{name} must be {form}.", f"{name} 必须是{form_zh}。", thing=name)
