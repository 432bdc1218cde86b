"""Edits that somebody might make on a ground, as they are sent: most make sense, some do not."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import shapely

from grids.edits.ground import Ground
from grids.edits.value import GAPS, Feature
from tests.unbroken.towns import METRES

EVERYWHERE = (-180.0, -90.0, 180.0, 90.0)
Document = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Whim:
    """What is drawn for one edit: whole numbers to choose by, shares to place by."""

    first: int
    second: int
    third: int
    share: float
    aside: float

    def one_of(self, things: Sequence[Any], number: int | None = None) -> Any:
        return things[(self.first if number is None else number) % len(things)]


def units_of(ground: Ground) -> list[Feature]:
    """All units, in the order of codes."""
    return sorted(ground.units(EVERYWHERE), key=lambda each: each.code)


def neighbours(units: Sequence[Feature], unit: Feature) -> list[Feature]:
    """The units of the same community that have an edge in common with a unit; without one, any."""
    same = [each for each in units if each.uid != unit.uid and each.code[:12] == unit.code[:12]]
    beside = [each for each in same if shapely.relate_pattern(each.polygon, unit.polygon, "****1****")]
    return beside or [each for each in units if each.uid != unit.uid]


def split(ground: Ground, whim: Whim) -> Document:
    units = units_of(ground)
    unit = whim.one_of(units)
    middle = shapely.get_coordinates(shapely.point_on_surface(unit.polygon))[0]
    turn = np.pi * whim.aside
    nodes = shapely.get_coordinates(unit.polygon)
    if whim.third % 4 == 3:  # from node to node
        a, b = nodes[whim.second % len(nodes)], nodes[(whim.second + len(nodes) // 2) % len(nodes)]
        line = [a.tolist(), b.tolist()]
    else:
        reach = np.hypot(*((shapely.bounds(unit.polygon)[2:] - shapely.bounds(unit.polygon)[:2]) / METRES))
        way = np.array([np.cos(turn), np.sin(turn)]) * reach * METRES
        bend = middle + np.array([-way[1], way[0]]) * (whim.share - 0.5) * (whim.third % 2)
        line = [(middle - way).tolist(), bend.tolist(), (middle + way).tolist()]
    document: Document = {"op": "split", "unit": unit.code, "line": line}
    if whim.third % 5 == 4:
        document["codes"] = [unit.code, f"{unit.code[:12]}{700 + whim.second % 200}"]
    return document


def merge(ground: Ground, whim: Whim) -> Document:
    units = units_of(ground)
    unit = whim.one_of(units)
    chosen = [unit, *neighbours(units, unit)[: 1 + whim.second % 3]]
    document: Document = {"op": "merge", "units": [each.code for each in chosen]}
    return {**document, "code": chosen[-1].code} if whim.third % 2 else document


def retire(ground: Ground, whim: Whim) -> Document:
    units = units_of(ground)
    unit = whim.one_of(units)
    beside = neighbours(units, unit) or [unit]
    return {"op": "retire", "unit": unit.code, "into": whim.one_of(beside, whim.second).code}


def reshape(ground: Ground, whim: Whim) -> Document:
    units = units_of(ground)
    unit = whim.one_of(units)
    other = whim.one_of(neighbours(units, unit) or [unit], whim.second)
    chain = shapely.line_merge(shapely.intersection(shapely.boundary(unit.polygon), shapely.boundary(other.polygon)))
    lines = [each for each in shapely.get_parts(chain) if each.geom_type == "LineString"]
    if not lines:
        return {"op": "reshape", "units": [unit.code, other.code], "line": [[0, 0], [1, 1]]}
    line = whim.one_of(lines, whim.third)
    ends = [line.interpolate(at, normalized=True).coords[0] for at in (whim.share / 2, 1 - whim.share / 3)]
    if whim.third % 3 == 0:
        ends = [line.coords[0], line.coords[-1]]
    middle = (np.add(*ends) / 2 + METRES * whim.aside * 30).tolist()
    return {"op": "reshape", "units": [unit.code, other.code], "line": [list(ends[0]), middle, list(ends[1])]}


def move_vertex(ground: Ground, whim: Whim) -> Document:
    unit = whim.one_of(units_of(ground))
    nodes = shapely.get_coordinates(unit.polygon)
    node = nodes[whim.second % len(nodes)]
    far = (0.001, 0.5, 5, 40)[whim.third % 4]
    target = node + METRES * far * np.array([whim.aside, whim.share - 0.5])
    return {"op": "move_vertex", "from": node.tolist(), "to": target.tolist()}


def add(ground: Ground, whim: Whim) -> Document:
    """A unit in a named gap, or beside an outer edge."""
    units = units_of(ground)
    community = whim.one_of(units).code[:12]
    document: Document = {"op": "add", "code": f"{community}{300 + whim.second % 100}"}
    lakes = [each for each in ground.followers(EVERYWHERE) if each.layer == GAPS]
    if lakes and whim.third % 2:
        shape = whim.one_of(lakes, whim.second).polygon
    else:
        rim = shapely.get_coordinates(shapely.get_parts(_outer(units))[0].exterior)
        at = whim.second % (len(rim) - 1)
        a, b = rim[at], rim[at + 1]
        outward = (np.array([[0.0, -1.0], [1.0, 0.0]]) @ (b - a)) * (-1 if _is_ccw(units) else 1)
        shape = shapely.orient_polygons(shapely.Polygon([a, a + outward * (0.2 + whim.share), b]))
    return {**document, "geometry": shapely.geometry.mapping(shape)}


def _outer(units: Sequence[Feature]) -> Any:
    return shapely.coverage_union_all([each.polygon for each in units])


def _is_ccw(units: Sequence[Feature]) -> bool:
    return bool(shapely.is_ccw(shapely.get_parts(_outer(units))[0].exterior))


def renumber(ground: Ground, whim: Whim) -> Document:
    document: Document = {"op": "renumber", "community": whim.one_of(units_of(ground)).code[:12]}
    return {**document, "reuse": True} if whim.second % 3 == 0 else document


def set_attributes(ground: Ground, whim: Whim) -> Document:
    values = [{"note": f"note {whim.second}"}, {"name": f"片{whim.second}"}, {"note": None}, {"colour": whim.third}]
    return {"op": "set", "unit": whim.one_of(units_of(ground)).code, "attributes": whim.one_of(values, whim.third)}


def nonsense(ground: Ground, whim: Whim) -> Document:
    unit = whim.one_of(units_of(ground))
    x, y = shapely.get_coordinates(unit.polygon)[0].tolist()
    return whim.one_of(
        [
            {"op": "split", "unit": unit.code, "line": [[x, y], [x, y]]},
            {"op": "merge", "units": [unit.code, unit.code]},
            {"op": "retire", "unit": unit.code, "into": unit.code},
            {"op": "add", "geometry": shapely.geometry.mapping(unit.polygon)},
            {"op": "add", "geometry": shapely.geometry.mapping(shapely.box(x, y, x + 1e-3, y + 1e-3)), "snap_m": 10},
            {"op": "split", "unit": f"{unit.code[:12]}999", "line": [[x - 1, y], [x + 1, y]]},
            {"op": "move_vertex", "from": [x, y], "to": [x, y]},
            {"op": "renumber", "community": unit.code},
            {"op": "put", "layer": "components", "code": "", "values": {}},
        ],
        whim.second,
    )  # fmt: skip


def transfer(ground: Ground, whim: Whim) -> Document:
    """Units of one community come under another, or two communities become one, or one becomes two."""
    units = units_of(ground)
    unit = whim.one_of(units)
    communities = sorted({each.code[:12] for each in units})
    other = whim.one_of(communities, whim.second)
    if whim.third % 4 == 0:
        return {"op": "merge_divisions", "divisions": communities, "into": communities[0]}
    if whim.third % 4 == 1:
        name = {"op": "rename_division", "division": whim.one_of([unit.code[:9], *communities], whim.second)}
        return {**name, "name": f"名{whim.first}"}
    if whim.third % 4 == 2:
        members = [each.code for each in units if each.code.startswith(unit.code[:12])]
        half = len(members) // 2
        parts = [{"code": unit.code[:12], "members": members[:half]}]
        parts.append({"code": f"{unit.code[:9]}{100 + whim.second}", "name": "新", "members": members[half:]})
        return {"op": "divide_division", "division": unit.code[:12], "parts": parts}
    return {"op": "transfer", "members": [unit.code], "to": other}


def put_component(ground: Ground, whim: Whim) -> Document:
    """A component within a unit, on one of its nodes, or beside the grid."""
    unit = whim.one_of(units_of(ground))
    nodes = shapely.get_coordinates(unit.polygon)
    node = nodes[whim.second % len(nodes)]
    inside = shapely.get_coordinates(shapely.point_on_surface(unit.polygon))[0]
    place = (node, inside, (node + inside) / 2, node + METRES * 50 * whim.aside)[whim.third % 4]
    where = {"type": "Point", "coordinates": place.tolist()}
    values = {"edition": "2026", "class_code": "01037"}
    return {"op": "put", "layer": "components", "code": f"C{whim.second % 30}", "values": values, "geometry": where}


def remove_component(ground: Ground, whim: Whim) -> Document:
    return {"op": "remove", "layer": "components", "code": f"C{whim.second % 30}"}


WISHES: Mapping[str, Callable[[Ground, Whim], Document]] = {
    "split": split,
    "merge": merge,
    "retire": retire,
    "reshape": reshape,
    "move_vertex": move_vertex,
    "add": add,
    "renumber": renumber,
    "set": set_attributes,
    "transfer": transfer,
    "put_component": put_component,
    "remove_component": remove_component,
    "nonsense": nonsense,
}
