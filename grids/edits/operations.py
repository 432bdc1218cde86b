"""Edits as JSON: `{"op": "split", "unit": …, "line": …}`, read strictly, applied to a ground.

A line is GeoJSON or its coordinates, a geometry GeoJSON, a place its coordinates: lon, lat in EPSG:4490.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import shapely
from shapely import MultiPolygon, Polygon

from gis.errors import Refusal, refuse
from grids.edits import divisions
from grids.edits.addition import add
from grids.edits.attributes import set_attributes
from grids.edits.exact import Place
from grids.edits.ground import Ground
from grids.edits.merge import merge, retire
from grids.edits.numbering import renumber
from grids.edits.redraw import redraw
from grids.edits.reshape import reshape
from grids.edits.split import split
from grids.edits.value import Edit
from grids.edits.vertices import move_vertex


@dataclass(frozen=True, slots=True)
class Operation:
    """An edit by its members: `needed` and `allowed` map a member to how it is read and the argument it becomes."""

    act: Callable[..., Edit]
    needed: Mapping[str, tuple[str, str]]
    allowed: Mapping[str, tuple[str, str]]


SNAP = {"snap_m": ("metres", "snap_m")}
OPERATIONS: Mapping[str, Operation] = {
    "split": Operation(
        split, {"unit": ("code", "code"), "line": ("line", "line")}, {"codes": ("codes", "codes"), **SNAP}
    ),
    "merge": Operation(merge, {"units": ("codes", "codes")}, {"code": ("code", "code")}),
    "reshape": Operation(reshape, {"units": ("codes", "codes"), "line": ("line", "line")}, SNAP),
    "redraw": Operation(redraw, {"units": ("shapes", "shapes")}, {}),
    "move_vertex": Operation(move_vertex, {"from": ("place", "source"), "to": ("place", "target")}, SNAP),
    "add": Operation(add, {"geometry": ("polygon", "shape")}, {"code": ("code", "code"), **SNAP}),
    "retire": Operation(retire, {"unit": ("code", "code"), "into": ("one or more codes", "into")}, {}),
    "renumber": Operation(renumber, {"community": ("code", "community")}, {"reuse": ("yes or no", "reuse")}),
    "set": Operation(set_attributes, {"unit": ("code", "code"), "attributes": ("object", "attributes")}, {}),
    "add_division": Operation(
        divisions.add_division,
        {"division": ("code", "code"), "name": ("text", "name")},
        {"department": ("code", "department")},
    ),
    "rename_division": Operation(
        divisions.rename_division, {"division": ("code", "code"), "name": ("text", "name")}, {}
    ),
    "merge_divisions": Operation(
        divisions.merge_divisions,
        {"divisions": ("codes", "codes"), "into": ("code", "into")},
        {"members": ("new codes", "members")},
    ),
    "divide_division": Operation(
        divisions.divide_division, {"division": ("code", "code"), "parts": ("list of parts", "parts")}, {}
    ),
    "transfer": Operation(divisions.transfer, {"members": ("members", "members"), "to": ("code", "to")}, {}),
}
FORMS_EN = {
    "code": "the text of a code",
    "text": "text that is not empty",
    "codes": "a list of codes",
    "one or more codes": "a code or a list of codes",
    "line": "a line: GeoJSON LineString or a list of [lon, lat]",
    "place": "a place: [lon, lat]",
    "polygon": "a GeoJSON Polygon or MultiPolygon",
    "shapes": "an object {code: GeoJSON Polygon or MultiPolygon}",
    "metres": "a number of metres from 0 to 10",
    "yes or no": "true or false",
    "object": "an object",
    "new codes": "an object {old code: new code}",
    "members": "a list of codes or an object {old code: new code}",
    "list of parts": "a list of objects with code, members and perhaps name, department",
}
FORMS_ZH = {
    "code": "编码文本",
    "text": "非空文本",
    "codes": "编码列表",
    "one or more codes": "一个或多个编码",
    "line": "线（GeoJSON LineString 或坐标列表）",
    "place": "坐标 [经度, 纬度]",
    "polygon": "面（GeoJSON Polygon 或 MultiPolygon）",
    "shapes": "对象 {编码: 面（GeoJSON）}",
    "metres": "0 至 10 的米数",
    "yes or no": "true 或 false",
    "object": "对象",
    "new codes": "对象 {原编码: 新编码}",
    "members": "编码列表或对象 {原编码: 新编码}",
    "list of parts": "列表，每项含 code、members，可含 name、department",
}
FARTHEST_SNAP_M = 10.0


def apply(ground: Ground, document: Mapping[str, Any]) -> Edit:
    """Work out what a JSON object asks for. Errors: Refusal edit_unknown, edit_wrong, and those of the edit."""
    name = document.get("op")
    operation = OPERATIONS.get(name) if isinstance(name, str) else None
    if operation is None:
        raise refuse(
            "edit_unknown",
            f"There is no edit '{name}'; op is one of {', '.join(OPERATIONS)}.",
            f"没有名为“{name}”的编辑；op 可为 {'、'.join(OPERATIONS)}。",
        )
    members = {**operation.needed, **operation.allowed}
    missing = [each for each in operation.needed if document.get(each) is None]
    unknown = [each for each in document if each != "op" and each not in members]
    if missing or unknown:
        raise refuse(
            "edit_wrong",
            f"{name} needs {', '.join(operation.needed)} and may have {', '.join(operation.allowed) or 'no more'}: "
            f"missing {', '.join(missing) or 'none'}, unknown {', '.join(map(str, unknown)) or 'none'}.",
            f"{name} 需要 {'、'.join(operation.needed)}，可选 {'、'.join(operation.allowed) or '无'}；"
            f"缺少 {'、'.join(missing) or '无'}，多余 {'、'.join(map(str, unknown)) or '无'}。",
        )
    arguments = {
        argument: _read(str(name), member, form, document[member])
        for member, (form, argument) in members.items()
        if document.get(member) is not None
    }
    return operation.act(ground, **arguments)


def _read(name: str, member: str, form: str, value: Any) -> Any:
    with suppress(TypeError, ValueError, KeyError, AttributeError, shapely.errors.ShapelyError):
        found = READERS[form](value)
        if found is not None:
            return found
    raise _wrong(name, member, form)


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value.strip() and "\0" not in value else None


def _codes(value: Any) -> list[str] | None:
    right = isinstance(value, list) and all(_text(each) is not None for each in value)
    return list(value) if right else None


def _one_or_more(value: Any) -> list[str] | None:
    return [value] if _text(value) is not None else _codes(value)


def _new_codes(value: Any) -> dict[str, str] | None:
    right = isinstance(value, Mapping) and all(_text(each) for pair in value.items() for each in pair)
    return dict(value) if right else None


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError
    return float(value)


def _place(value: Any) -> Place:
    if isinstance(value, Mapping) and value.get("type") == "Point":
        value = value["coordinates"]
    x, y, *_ = value
    return _number(x), _number(y)


def _line(value: Any) -> list[Place] | None:
    if isinstance(value, Mapping):
        value = value["coordinates"] if value.get("type") == "LineString" else None
    return [_place(each) for each in value] if isinstance(value, list) else None


def _polygon(value: Any) -> Polygon | MultiPolygon | None:
    if not isinstance(value, Mapping) or value.get("type") not in ("Polygon", "MultiPolygon"):
        return None
    polygons = [value["coordinates"]] if value["type"] == "Polygon" else value["coordinates"]
    parts = [Polygon(*_rings(rings)) for rings in polygons]
    if not parts or any(part.is_empty for part in parts):
        return None
    return parts[0] if value["type"] == "Polygon" else MultiPolygon(parts)


def _shapes(value: Any) -> dict[str, Polygon | MultiPolygon] | None:
    found = {_text(code): _polygon(shape) for code, shape in value.items()} if isinstance(value, Mapping) else {}
    right = {code: shape for code, shape in found.items() if code is not None and shape is not None}
    return right if right and len(right) == len(found) else None


def _rings(rings: Sequence[Any]) -> tuple[list[Place], list[list[Place]]]:
    shell, *holes = [[_place(each) for each in ring] for ring in rings]
    return shell, holes


def _metres(value: Any) -> float | None:
    return _number(value) if 0 <= _number(value) <= FARTHEST_SNAP_M else None


READERS: Mapping[str, Callable[[Any], Any]] = {
    "code": _text,
    "text": _text,
    "codes": _codes,
    "one or more codes": _one_or_more,
    "line": _line,
    "place": _place,
    "polygon": _polygon,
    "shapes": _shapes,
    "metres": _metres,
    "yes or no": lambda value: value if isinstance(value, bool) else None,
    "new codes": _new_codes,
    "members": lambda value: _new_codes(value) if isinstance(value, Mapping) else _codes(value),
    "list of parts": lambda value: list(value) if isinstance(value, list) else None,
    "object": lambda value: dict(value) if isinstance(value, Mapping) else None,
}


def _wrong(name: str, member: str, form: str) -> Refusal:
    return refuse(
        "edit_wrong",
        f"{name}: {member} must be {FORMS_EN[form]}.",
        f"{name}：{member} 应为{FORMS_ZH[form]}。",
    )
