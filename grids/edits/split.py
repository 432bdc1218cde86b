"""Split: a unit is cut along a line.

Every piece of the line between two meetings with the unit's boundary that runs through the unit cuts it; what of the
line lies outside is not looked at. So one line may cut a unit into more than two parts, and may cross holes: the ground
on both sides of the hole is then parted. Refused is a line that ends inside, that meets only corners, that runs along
an edge, or a piece of which parts nothing (from the outer boundary into a hole and no farther).

Identity. Every separate piece of ground becomes a unit of its own, in the order of their middles from west to east
(then north to south). Without `codes` the old unit is retired and every part is new, with the next free numbers; with
`codes`, one for each part in that order, a part that gets the unit's own code is the unit, changed.
"""

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

import shapely
from shapely import Polygon

from gis.errors import Refusal, refuse
from grids.edits.exact import Edge, Place, meetings
from grids.edits.ground import Ground, bounds
from grids.edits.lines import drawn
from grids.edits.nearness import mean_width
from grids.edits.numbering import check_free, community_of, next_codes
from grids.edits.refusals import at, at_all, known, moved_note, on, on_way
from grids.edits.rings import edges_of, faces, leads_inward, walks
from grids.edits.sheet import SNAP_M, Sheet, check_shape
from grids.edits.value import UNITS, Edit, Feature

THINNEST_M = 0.2  # a part is a sliver when it is no wider on average than a place can be meant
DATES = ("initial_date", "end_date")  # of its own, which a new unit gets when it is published


def split(
    ground: Ground,
    code: str,
    line: Sequence[Place],
    codes: Sequence[str] | None = None,
    snap_m: float = SNAP_M,
) -> Edit:
    """Cut the unit of a code along a line (lon, lat).

    An end of the line within `snap_m` metres of the unit's boundary is put on it, which is noted. Errors: Refusal
    unit_unknown, unit_retired, line_too_short, line_crosses_itself, line_misses_unit, line_touches_only,
    line_ends_inside, line_along_edge, line_parts_nothing, line_too_close, part_too_thin, codes_count, code_form,
    code_taken, code_repeated, numbers_exhausted, and those of the sheet.
    """
    unit = known(ground, code)
    way = drawn(line)
    sheet = Sheet(ground, bounds(unit.shape))
    way = _snapped(sheet, unit, way, snap_m)
    cuts = _cuts(sheet, unit, way)
    edges = edges_of(sheet.shape(unit.key))
    parts = _parts(unit, edges, cuts)
    begun = _named(ground, unit, parts, codes)
    lineage = [(unit.uid, part.uid) for part in begun if part.uid != unit.uid]
    return sheet.finish([unit], begun, lineage)


def _snapped(sheet: Sheet, unit: Feature, way: list[Place], snap_m: float) -> list[Place]:
    """The line with its ends on the boundary where they were meant to be there."""
    ends = list(way)
    for index in (0, -1):
        edges = edges_of(sheet.shape(unit.key))
        found = sheet.nearest(way[index], edges, snap_m)
        if found is None:
            continue
        target, edge, metres = found
        if edge is not None:
            sheet.insert(edge, [target])
        if target != way[index]:
            sheet.notes.append(moved_note(way[index], target, metres, unit.code))
        ends[index] = target
    return drawn(ends)


def _cuts(sheet: Sheet, unit: Feature, way: list[Place]) -> list[list[Place]]:
    """The pieces of the line that run through the unit, whose nodes the boundary then has."""
    found = meetings(way, edges_of(sheet.shape(unit.key)))
    if not found:
        raise _missed(unit, way)
    wanted: dict[Edge, list[Place]] = {}
    for meeting in found:
        if meeting.edge is not None:
            wanted.setdefault(meeting.edge, []).append(meeting.place)
    for edge, places in wanted.items():
        sheet.insert(edge, places)
    on_boundary = {meeting.place for meeting in found}
    nodes = _noded(way, [(meeting.segment, meeting.place) for meeting in found])
    stops = [index for index, node in enumerate(nodes) if node in on_boundary]
    edges = edges_of(sheet.shape(unit.key))
    around = set(edges) | {(q, p) for p, q in edges}
    for tail in (nodes[: stops[0] + 1][::-1], nodes[stops[-1] :]):
        if len(tail) > 1 and leads_inward(edges, tail[0], tail[1]):
            raise _ends_inside(unit, tail[-1])
    cuts = []
    for first, last in pairwise(stops):
        piece = nodes[first : last + 1]
        if len(piece) == 2 and (piece[0], piece[1]) in around:
            raise _along(unit, piece)
        leaves, arrives = leads_inward(edges, piece[0], piece[1]), leads_inward(edges, piece[-1], piece[-2])
        if leaves != arrives:
            raise _too_close(unit, piece)
        if leaves:
            cuts.append(piece)
    if not cuts:
        raise _touched(unit, on_boundary)
    return cuts


def _noded(way: list[Place], stops: list[tuple[int, Place]]) -> list[Place]:
    """The line with the places where it meets the boundary among its own."""
    nodes = []
    for index, node in enumerate(way):
        nodes.append(node)
        nodes += [place for segment, place in stops if segment == index]
    return [node for index, node in enumerate(nodes) if index == 0 or node != nodes[index - 1]]


def _parts(unit: Feature, edges: list[Edge], cuts: list[list[Place]]) -> list[Polygon]:
    """The ground on each side of the cuts, from west to east."""
    ways = [edge for cut in cuts for edge in pairwise(cut)]
    visited = [place for cut in cuts for place in cut[1:-1]]
    if len(visited) != len(set(visited)) or len(ways) != len({*ways}):
        raise _too_close(unit, cuts[0])
    try:
        closed = walks([*edges, *ways, *((q, p) for p, q in ways)])
        for walk in closed:
            sides = set(pairwise(walk))
            for cut in cuts:
                if (cut[0], cut[1]) in sides and (cut[1], cut[0]) in sides:
                    raise _parts_nothing(unit, cut)
        parts = faces(closed)
    except ValueError:
        raise _too_close(unit, cuts[0]) from None
    for part in parts:
        check_shape(unit.code, part)
        width = mean_width(part)
        if width < THINNEST_M:
            raise _thin(unit, part, width)
    boxes = {id(part): part.bounds for part in parts}
    return sorted(parts, key=lambda part: (boxes[id(part)][0] + boxes[id(part)][2], -boxes[id(part)][1]))


def _named(ground: Ground, unit: Feature, parts: list[Polygon], codes: Sequence[str] | None) -> list[Feature]:
    community = community_of(ground.profile, unit.code)
    if codes is None:
        codes = next_codes(ground, community, len(parts))
    if len(codes) != len(parts):
        raise refuse(
            "codes_count",
            f"The line cuts {unit.code} into {len(parts)} parts and {len(codes)} codes are given; give one for each.",
            f"该线将 {unit.code} 分为 {len(parts)} 部分，而给出了 {len(codes)} 个编码；请为每部分给出一个。",
            thing=unit.code,
            where=at_all((point.x, point.y) for point in (part.representative_point() for part in parts)),
        )
    if len(set(codes)) != len(codes):
        raise refuse(
            "code_repeated",
            "Two parts cannot have the same code; give each its own.",
            "两个部分不能使用同一编码；请分别给出。",
            thing=unit.code,
        )
    begun, uid = [], ground.placeholder
    for part, code in zip(parts, codes, strict=True):
        if code == unit.code:
            begun.append(replace(unit, polygon=part))
            continue
        check_free(ground, code, community)
        begun.append(Feature(UNITS, uid, code, part, fresh(unit)))
        uid -= 1
    return begun


def fresh(unit: Feature) -> dict[str, Any]:
    """The attributes of a new unit on the ground of an old one: the same, but for its dates."""
    return {name: None if name in DATES else value for name, value in unit.attributes.items()}


def _missed(unit: Feature, way: list[Place]) -> Refusal:
    if unit.shape.contains(shapely.Point(way[0])):
        return _ends_inside(unit, way[-1])
    return refuse(
        "line_misses_unit",
        f"The line does not meet {unit.code}; draw it across the unit.",
        f"线未经过 {unit.code}；请画线穿过该网格。",
        thing=unit.code,
        where=on_way(way),
    )


def _touched(unit: Feature, places: set[Place]) -> Refusal:
    return refuse(
        "line_touches_only",
        f"The line only touches the boundary of {unit.code} and never goes through it; draw it across the unit.",
        f"线仅与 {unit.code} 的边界相接而未穿过；请画线穿过该网格。",
        thing=unit.code,
        where=at_all(places),
    )


def _ends_inside(unit: Feature, place: Place) -> Refusal:
    return refuse(
        "line_ends_inside",
        f"The line ends inside {unit.code} and does not reach its boundary; draw it through to the other side.",
        f"线止于 {unit.code} 内部，未到达边界；请画到另一侧。",
        thing=unit.code,
        where=at(place),
    )


def _along(unit: Feature, piece: list[Place]) -> Refusal:
    return refuse(
        "line_along_edge",
        f"The line runs along an edge of {unit.code} here; draw it through the unit.",
        f"线在此处沿 {unit.code} 的边行走；请从网格内部穿过。",
        thing=unit.code,
        where=on_way(piece),
    )


def _parts_nothing(unit: Feature, cut: list[Place]) -> Refusal:
    return refuse(
        "line_parts_nothing",
        f"This piece of the line leads into a hole of {unit.code} and parts nothing; draw it on to the other side.",
        f"线的这一段进入 {unit.code} 的内环而未分开任何部分；请继续画到另一侧。",
        thing=unit.code,
        where=on_way(cut),
    )


def _too_close(unit: Feature, piece: list[Place]) -> Refusal:
    return refuse(
        "line_too_close",
        f"The line comes within a micrometre of the boundary of {unit.code} or of itself; draw it farther away.",
        f"线与 {unit.code} 的边界或自身相距不足一微米；请离远一些重画。",
        thing=unit.code,
        where=on_way(piece),
    )


def _thin(unit: Feature, part: Polygon, width: float) -> Refusal:
    return refuse(
        "part_too_thin",
        f"A part of {unit.code} would be a sliver {width:.3f} m wide; draw the line away from the boundary.",
        f"{unit.code} 的一部分将成为宽 {width:.3f} 米的狭条；请离边界远一些画线。",
        thing=unit.code,
        where=on(part),
    )
