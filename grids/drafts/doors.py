"""Edits of rows, in whichever layer: `{"op": "put"}` and `{"op": "remove"}`, checked as an import checks a row.

Each layer has a door, which knows its table and how to check one row of it. The doors of components and rules come from
their packages.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import orjson
import shapely
from sqlalchemy import Table as SqlTable

from gis.errors import Fault, Refusal, refuse
from gis.geometry import prepare
from gis.tables import Table
from grids.edits.refusals import nothing_changes
from grids.edits.value import Edit, Feature
from grids.features import AREAS

if TYPE_CHECKING:
    from grids.drafts.sketch import Standing

Checked = tuple[Mapping[str, Any] | None, list[Fault]]
MEMBERS = {"put": {"op", "layer", "code", "owner", "values", "geometry"}, "remove": {"op", "layer", "code", "owner"}}
ROW_EN, ROW_ZH = "Row 1: ", "第 1 行："  # how imports begin; one row alone has no number


@dataclass(frozen=True, slots=True)
class Wish:
    """A row as it is wished: `old` is what is there, `values` its columns as an import brings them."""

    layer: str
    owner: str
    code: str
    values: Mapping[str, Any]
    geometry: Any
    old: Feature | None

    def table(self) -> Table:
        """The wish as a file of one row."""
        columns = {**self.values, "code": self.code}
        given = {name: _column(value) for name, value in columns.items()}
        return Table(given, _column(self.geometry), "CRS84", np.array([1], dtype=np.int64))


def owner_of(row: Feature) -> tuple[str, ...]:
    """The prefix that every row names: that of the division which keeps it."""
    return (str(row.attributes["owner"]),)


def owned_by(row: Feature, codes: Mapping[str, str]) -> Feature:
    """The row kept by what its division became, of `codes` from old to new."""
    owner = str(row.attributes["owner"])
    return replace(row, attributes={**row.attributes, "owner": codes.get(owner, owner)})


@dataclass(frozen=True, slots=True)
class Door:
    """How rows of a layer come in. `flatten` gives the columns of a row that is there, `check` the row of a wish.

    `names` are the prefixes that a row names, `renamed` the row with others in their place and all that follows from
    its code.
    """

    table: SqlTable
    flatten: Callable[[Feature], Mapping[str, Any]]
    check: Callable[["Standing", Wish], Checked]
    shape: Literal["polygon", "any"] | None = None
    """None for a layer without geometry."""
    objects: frozenset[str] | None = frozenset()
    """The values that may be objects of plain values; None where the door looks at all of them itself."""
    returns: bool = False
    """Whether what an import brings back under a retired code is what had it, and not another thing."""
    names: Callable[[Feature], tuple[str, ...]] = owner_of
    renamed: Callable[[Feature, Mapping[str, str]], Feature] = owned_by


@dataclass(frozen=True, slots=True)
class Doors:
    """The doors by layer; `areas` is that of every layer of areas."""

    by_layer: Mapping[str, Door]

    def find(self, layer: Any) -> Door:
        """The door of a layer. Errors: Refusal layer_not_editable."""
        name = "areas" if isinstance(layer, str) and layer.startswith(AREAS) and layer != AREAS else layer
        door = self.by_layer.get(name) if isinstance(name, str) and layer != "areas" else None
        if door is None:
            names = ", ".join("areas.NAME" if each == "areas" else each for each in self.by_layer)
            raise refuse(
                "layer_not_editable",
                f"Rows of '{str(layer)[:60]}' are not put or removed; layers are {names}. Units, named gaps and "
                "divisions have edits of their own.",
                f"不能对“{str(layer)[:60]}”增删行；可用图层：{names}。网格、命名空洞和区划有专门的编辑。",
            )
        return door

    def edit(self, standing: "Standing", document: Mapping[str, Any], owner: str) -> Edit:
        """What a put or remove comes to. Errors: edit_wrong, owner_needed, row_unknown, and those of an import."""
        op = str(document["op"])
        _check_members(op, document)
        layer, code = document["layer"], document["code"]
        door = self.find(layer)
        old = _old(standing.find(layer, door.table, code), document, owner)
        if op == "remove":
            return Edit((_there(old, layer, code),), ())
        new, notes = _put(standing, door, document, old, owner)
        return Edit(() if old is None else (old,), (new,), (), tuple(notes))


def _put(
    standing: "Standing", door: Door, document: Mapping[str, Any], old: Feature | None, owner: str
) -> tuple[Feature, list[Fault]]:
    layer, code = document["layer"], document["code"]
    values = dict(document.get("values") or {})
    _check_values(door, values)
    columns = {**(door.flatten(old) if old is not None else {}), **values}
    whose = str(old.attributes["owner"] if old is not None else document.get("owner", owner))
    geometry = _geometry(door, document, old)
    row, faults = door.check(standing, Wish(layer, whose, code, columns, geometry, old))
    faults = [_alone(each) for each in faults]
    if row is None or any(each.severity == "error" for each in faults):
        raise Refusal([each for each in faults if each.severity == "error"] or _wrong("put", "values").faults)
    attributes = {name: value for name, value in row.items() if name not in ("code", "geom")}
    shape = row.get("geom") if old is None or document.get("geometry") is not None else old.polygon
    new = Feature(layer, standing.placeholder if old is None else old.uid, code, shape, attributes)
    if new == old:
        raise nothing_changes(code)
    return new, faults


def _check_members(op: str, document: Mapping[str, Any]) -> None:
    unknown = sorted(str(each)[:40] for each in document if each not in MEMBERS[op])
    if unknown:
        raise _wrong(op, ", ".join(unknown))
    for name in ("layer", "code"):
        value = document.get(name)
        if not isinstance(value, str) or not value.strip() or "\0" in value:
            raise _wrong(op, name)
    if not isinstance(document.get("owner", ""), str):
        raise _wrong(op, "owner")
    for name in ("values", "geometry"):
        if not isinstance(document.get(name) or {}, Mapping):
            raise _wrong(op, name)


def _check_values(door: Door, values: Mapping[str, Any]) -> None:
    """Refuse what no cell of a file could hold, and what is said beside the values. Errors: Refusal edit_wrong."""
    beside = sorted(values.keys() & {"code", "owner", "layer", "uid"})
    if beside:
        raise _wrong("put", f"values.{beside[0]}")
    if door.objects is None:
        return
    for name, value in values.items():
        held = list(value.values()) if isinstance(value, dict) and name in door.objects else [value]
        if not all(_is_plain(each) for each in held):
            raise _wrong("put", f"values.{name[:40]}")


def _is_plain(value: Any) -> bool:
    if isinstance(value, str):
        return "\0" not in value
    return value is None or (isinstance(value, int | float) and abs(value) < 2**31)


def _old(found: list[Feature], document: Mapping[str, Any], owner: str) -> Feature | None:
    """The row that is meant: that of the owner given, or the only one that the draft may change."""
    named = document.get("owner")
    meant = [each for each in found if named is None or each.attributes["owner"] == named]
    own = [each for each in meant if str(each.attributes["owner"]).startswith(owner)]
    if len(own) > 1:
        owners = ", ".join(sorted(str(each.attributes["owner"]) or "''" for each in own))
        raise refuse(
            "owner_needed",
            f"Several owners have a row {document['code']}: {owners}. Say which one with owner.",
            f"多个归属都有 {document['code']}：{owners}。请用 owner 指明。",
            thing=document["code"],
        )
    return own[0] if own else meant[0] if len(meant) == 1 and named is not None else None


def _there(old: Feature | None, layer: str, code: str) -> Feature:
    if old is None:
        raise refuse(
            "row_unknown",
            f"The layer {layer} has no row {code} here to remove.",
            f"图层 {layer} 中没有可删除的 {code}。",
            kind="missing",
            thing=code,
        )
    return old


def _geometry(door: Door, document: Mapping[str, Any], old: Feature | None) -> Any:
    """The shape that is given, else that which is there. Errors: edit_wrong, and those of a shape."""
    given = document.get("geometry")
    if door.shape is None or given is None:
        if given is not None:
            raise _wrong("put", "geometry")
        return old.polygon if old is not None else None
    try:
        shape = shapely.from_geojson(orjson.dumps(given))
    except (shapely.errors.ShapelyError, TypeError, ValueError):
        raise _wrong("put", "geometry") from None
    held = _column(shape)
    prepared, faults = prepare(Table({}, held, "CRS84", np.array([1], dtype=np.int64)), None, door.shape)
    wrong = [_alone(each) for each in faults if each.severity == "error"]
    if wrong or prepared[0] is None:
        raise Refusal(wrong or _wrong("put", "geometry").faults)
    return prepared[0]


def _alone(fault: Fault) -> Fault:
    return replace(fault, en=fault.en.removeprefix(ROW_EN), zh=fault.zh.removeprefix(ROW_ZH), row=None)


def _column(value: Any) -> Any:
    held = np.empty(1, dtype=object)
    held[0] = value
    return held


def _wrong(op: str, member: str) -> Refusal:
    members = ", ".join(sorted(MEMBERS[op] - {"op"}))
    return refuse(
        "edit_wrong",
        f"{op}: {member} is wrong or missing; members are {members}; geometry is GeoJSON, values an object.",
        f"{op}：{member} 缺少或有误；可用成员：{members}；geometry 为 GeoJSON，values 为对象。",
    )
