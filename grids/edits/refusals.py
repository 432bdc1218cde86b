"""Where an edit went wrong, as GeoJSON, and the refusals that several edits share."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from shapely.geometry import mapping
from shapely.geometry.base import BaseGeometry

from gis.errors import Fault, Refusal, refuse
from grids.edits.exact import Place
from grids.edits.ground import Ground
from grids.edits.value import Feature


def at(place: Place) -> Mapping[str, Any]:
    """A place as GeoJSON."""
    return {"type": "Point", "coordinates": list(place)}


def at_all(places: Iterable[Place]) -> Mapping[str, Any]:
    """Several places as GeoJSON; one alone is a point."""
    listed = sorted(set(places))
    if len(listed) == 1:
        return at(listed[0])
    return {"type": "MultiPoint", "coordinates": [list(place) for place in listed]}


def on_way(places: Sequence[Place]) -> Mapping[str, Any]:
    """A line as GeoJSON."""
    return {"type": "LineString", "coordinates": [list(place) for place in places]}


def on(geometry: BaseGeometry) -> Mapping[str, Any]:
    """A geometry as GeoJSON."""
    found: Mapping[str, Any] = mapping(geometry)
    return found


def known(ground: Ground, code: str) -> Feature:
    """The unit of a code. Errors: Refusal unit_retired (gone) or unit_unknown (missing)."""
    unit = ground.unit(code)
    if unit is None and code and code in ground.taken(code):
        raise refuse(
            "unit_retired",
            f"The unit {code} was retired; edit those that have its ground now.",
            f"单元网格 {code} 已注销；请编辑现在管辖该范围的网格。",
            kind="gone",
            thing=code,
        )
    if unit is None:
        raise refuse(
            "unit_unknown",
            f"There is no unit {code}; check the code.",
            f"没有编码为 {code} 的单元网格；请核对编码。",
            kind="missing",
            thing=code,
        )
    return unit


def nothing_changes(thing: str) -> Refusal:
    """The refusal of an edit after which all would be as before."""
    return refuse(
        "nothing_changes",
        f"After this edit {thing} would be just as it is; leave the edit out.",
        f"此编辑不会使 {thing} 发生任何变化；请取消此编辑。",
        thing=thing,
    )


def moved_note(source: Place, target: Place, metres: float, thing: str) -> Fault:
    """The note that a place which was given went to a node or an edge nearby."""
    return Fault(
        "place_snapped",
        f"A place you gave was moved by {metres:.3f} m to a node or edge of {thing}.",
        f"所给的一个点移动了 {metres:.3f} 米，落到 {thing} 的节点或边上。",
        severity="note",
        thing=thing,
        where=on_way([source, target]),
    )
