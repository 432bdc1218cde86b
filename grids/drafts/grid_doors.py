"""The doors of the layers of this package: departments, areas and their layers."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from gis.errors import refuse
from grids.areas import OVERLAPS, read_areas
from grids.departments import ID_COLUMN, read_departments
from grids.drafts.doors import Checked, Door, Wish
from grids.edits.value import Feature
from grids.features import AREAS
from grids.tables import area, area_layer, department

if TYPE_CHECKING:
    from grids.drafts.sketch import Standing


def flatten(feature: Feature) -> dict[str, Any]:
    """The columns of a row as a file has them: further attributes are columns like any others."""
    values = {name: value for name, value in feature.attributes.items() if name not in ("owner", "attributes", "layer")}
    return {**(feature.attributes.get("attributes") or {}), **values}


def spread(values: Mapping[str, Any], name: str, prefix: str = "") -> dict[str, Any]:
    """The columns with those that an object among them holds."""
    held = values.get(name)
    rest = {each: value for each, value in values.items() if each != name}
    return {**rest, **{f"{prefix}{each}": value for each, value in held.items()}} if isinstance(held, dict) else rest


def departments_of(standing: "Standing") -> set[str]:
    """The codes of the departments that hold."""
    return standing.codes("departments", department)


def _flat_department(feature: Feature) -> Mapping[str, Any]:
    return spread(flatten(feature), "ids", ID_COLUMN)


def _check_department(standing: "Standing", wish: Wish) -> Checked:
    known = {row["code"]: row["parent"] for row in standing.rows("departments", department, ("parent",))}
    table = Wish(wish.layer, wish.owner, wish.code, spread(wish.values, "ids", ID_COLUMN), None, None).table()
    rows, faults = read_departments(table, wish.owner, {}, known)
    return rows.get((wish.owner, wish.code)), faults


def _check_area(standing: "Standing", wish: Wish) -> Checked:
    name = wish.layer.removeprefix(AREAS)
    declared = [row for row in standing.rows("area_layers", area_layer, ("owner", "overlap")) if row["code"] == name]
    if all(row["owner"] != wish.owner for row in declared):
        raise refuse(
            "area_layer_unknown",
            f"'{wish.owner}' has no layer of areas {name}; put it first: layer area_layers, code {name}, with "
            "title and overlap.",
            f"“{wish.owner}”没有片区图层 {name}；请先增加：layer 为 area_layers，"
            f"code 为 {name}，并给出 title 和 overlap。",
            thing=name,
        )
    table = Wish(wish.layer, wish.owner, wish.code, spread(wish.values, "attributes"), wish.geometry, None).table()
    rows, faults = read_areas(table, wish.owner, name, "allowed", {}, None, lambda: departments_of(standing))
    return rows.get((name, wish.owner, wish.code)), faults


def _check_area_layer(_standing: "Standing", wish: Wish) -> Checked:
    overlap = wish.values.get("overlap") or "none"
    title = wish.values.get("title") or wish.code
    if overlap not in OVERLAPS or not isinstance(title, str) or set(wish.values) - {"overlap", "title"}:
        raise refuse(
            "overlap_unknown",
            "A layer of areas has a title (text) and an overlap (none or allowed), no more.",
            "片区图层只有 title（文本）和 overlap（none 或 allowed）两项。",
            thing=wish.code,
        )
    return {"owner": wish.owner, "code": wish.code, "title": title, "overlap": overlap}, []


GRID_DOORS = {
    "departments": Door(department, _flat_department, _check_department, objects=frozenset({"ids"})),
    "area_layers": Door(area_layer, flatten, _check_area_layer),
    "areas": Door(area, flatten, _check_area, "polygon", frozenset({"attributes"})),
}
