"""Add a unit where none is: beside the others, or in a named gap, which gives its ground.

The new unit must meet its neighbours node by node. What lies near a neighbour's node or edge without being on it is
refused, with the places; with `snap_m` it is put there, and each move is noted. Ground that the new unit would enclose
between itself and the others is a gap and refused. The divisions above grow by the unit.

Identity. Without `code` the unit gets the next free number of the community of its neighbours, when they are of one.
"""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from itertools import pairwise

import shapely
from shapely import MultiPolygon, Polygon

from gis.errors import refuse
from grids.edits.exact import Edge, Place, along
from grids.edits.ground import Ground, after, bounds
from grids.edits.lines import place
from grids.edits.nearness import beside_edges, mean_width, widened
from grids.edits.numbering import check_free, community_of, next_codes
from grids.edits.outside import enclosed
from grids.edits.refusals import at_all, moved_note, on
from grids.edits.rings import Parts, Shape, edges_of, faces, outline, parts_of, shape_of, walks, with_nodes
from grids.edits.sheet import SNAP_M, Sheet, check_shape
from grids.edits.value import DIVISIONS, GAPS, UNITS, Edit, Feature

BLANK = {"name": None, "initial_date": None, "end_date": None, "note": None, "attributes": None}


def add(ground: Ground, shape: Shape, code: str | None = None, snap_m: float = 0.0) -> Edit:
    """Add a unit with this shape (lon, lat).

    Errors: Refusal shape_broken, edge_unmatched (nodes or edges beside those of neighbours, 0.2 m), units_overlap,
    gap_overlaps_unit (it lies on a named gap in part), gap (it would enclose ground), code_needed, code_form,
    code_taken, numbers_exhausted, division_unknown.
    """
    parts = [[[place(x, y) for x, y, *_ in ring] for ring in rings] for rings in parts_of(shape)]
    called = code or "new"
    sheet = Sheet(ground, widened(bounds(shape), max(snap_m, SNAP_M)))
    if snap_m > 0:
        parts = _snapped(sheet, parts, snap_m, called)
    polygon = shapely.orient_polygons(shape_of(_bare(parts)))
    check_shape(called, polygon)
    own = edges_of(polygon)
    _lies_clear(sheet, polygon, called)
    _meets_neighbours(sheet, own, called)
    code = _code(sheet, own, polygon, code)
    unit = Feature(UNITS, ground.placeholder, code, polygon, BLANK)
    gaps = _filled_gaps(sheet, unit)
    edit = sheet.finish([old for old, _ in gaps], [unit, *(new for _, new in gaps if new is not None)])
    left = enclosed(after(ground, edit), unit.shape)
    if left is not None:
        raise refuse(
            "gap",
            f"{code} would enclose ground that belongs to nobody; draw it up to its neighbours, or name the gap first.",
            f"{code} 将与相邻网格围出无归属的空隙；请画至相邻网格，或先登记为命名空洞。",
            thing=code,
            where=on(left),
        )
    grown = _grown(ground, unit, edit)
    return replace(edit, ended=(*edit.ended, *grown[0]), begun=(*edit.begun, *grown[1]))


def _unit_edges(sheet: Sheet) -> list[Edge]:
    return [edge for key in sheet.features if key[0] in (UNITS, GAPS) for edge in edges_of(sheet.shape(key))]


def _snapped(sheet: Sheet, parts: Parts, snap_m: float, called: str) -> Parts:
    """The rings with their nodes on the neighbours' nodes and edges, and with the neighbours' nodes in their edges."""
    edges = _unit_edges(sheet)
    targets: dict[Place, Place] = {}
    for node in dict.fromkeys(each for rings in parts for ring in rings for each in ring):
        found = sheet.nearest(node, edges, snap_m)
        if found is None:
            continue
        target, edge, metres = found
        if edge is not None:
            sheet.insert(edge, [target])
            edges = _unit_edges(sheet)
        if target != node:
            targets[node] = target
            sheet.notes.append(moved_note(node, target, metres, called))
    parts = _bare([[[targets.get(node, node) for node in ring] for ring in rings] for rings in parts])
    own = [edge for rings in parts for ring in rings for edge in pairwise(ring)]
    known = {node for edge in own for node in edge}
    matched = {*edges} | {(q, p) for p, q in edges}
    open_edges = [edge for edge in own if edge not in matched]
    added: dict[Edge, list[Place]] = {}
    loose = sorted({node for edge in edges for node in edge} - known)
    for node, edge, metres in beside_edges(loose, open_edges, snap_m):
        added.setdefault(edge, []).append(node)
        sheet.notes.append(moved_note(node, node, metres, called))
    ordered = {edge: along(edge, nodes) for edge, nodes in added.items()}
    return [[with_nodes(ring, ordered) for ring in rings] for rings in parts]


def _bare(parts: Parts) -> Parts:
    """Rings without repeated places."""
    bare = [
        [[node for index, node in enumerate(ring) if index == 0 or node != ring[index - 1]] for ring in rings]
        for rings in parts
    ]
    short = [ring[0] for rings in bare for ring in rings if len(ring) < 4]
    if short:
        raise refuse(
            "shape_broken",
            "A ring of the new unit has fewer than three corners; draw it again.",
            "新网格的一个环不足三个角点；请重画。",
            where=at_all(short),
        )
    return bare


def _lies_clear(sheet: Sheet, polygon: Shape, called: str) -> None:
    """Refuse ground of other units, slivers apart, of which it is told better which nodes they lack."""
    for key in [key for key in sheet.features if key[0] == UNITS]:
        common = shapely.intersection(polygon, sheet.shape(key))
        if common.area > 0 and mean_width(common) > SNAP_M:
            raise refuse(
                "units_overlap",
                f"{called} would lie on {sheet.features[key].code} here; draw it clear of it.",
                f"{called} 在此处压盖 {sheet.features[key].code}；请避开后重画。",
                thing=sheet.features[key].code,
                where=on(common),
            )


def _meets_neighbours(sheet: Sheet, own: Sequence[Edge], called: str) -> None:
    """Refuse nodes beside neighbours' edges, and neighbours' nodes beside edges, that are not common nodes."""
    edges = _unit_edges(sheet)
    theirs, ours = {node for edge in edges for node in edge}, {node for edge in own for node in edge}
    matched = {*edges} | {(q, p) for p, q in edges}
    loose = [node for node, _, _ in beside_edges(sorted(ours - theirs), edges, SNAP_M)]
    open_edges = [edge for edge in own if edge not in matched]
    loose += [node for node, _, _ in beside_edges(sorted(theirs - ours), open_edges, SNAP_M)]
    if loose:
        raise refuse(
            "edge_unmatched",
            f"{called}: {len(loose)} nodes lie beside an edge of a neighbour, or the neighbour's beside its own; use "
            "the neighbours' nodes, or say snap_m to have them put there.",
            f"{called}：有 {len(loose)} 个节点靠近相邻网格的边而未重合；请使用相邻网格的节点，或给出 snap_m 自动贴合。",
            thing=called,
            where=at_all(loose),
        )


def _code(sheet: Sheet, own: Sequence[Edge], polygon: Shape, code: str | None) -> str:
    profile = sheet.ground.profile
    if code is not None:
        check_free(sheet.ground, code, "")
        return code
    mine = {(q, p) for p, q in own}
    found = {
        community_of(profile, feature.code)
        for key, feature in sheet.features.items()
        if key[0] == UNITS and not mine.isdisjoint(edges_of(sheet.shape(key)))
    }
    if len(found) != 1:
        raise refuse(
            "code_needed",
            "The neighbours of the new unit are of no one community; say which code it gets.",
            "新网格的相邻网格不属于同一社区；请给出其编码。",
            where=on(polygon),
        )
    return next_codes(sheet.ground, found.pop(), 1)[0]


def _filled_gaps(sheet: Sheet, unit: Feature) -> list[tuple[Feature, Feature | None]]:
    """The named gaps in which the unit lies, before and after; None where nothing is left of one."""
    found: list[tuple[Feature, Feature | None]] = []
    for key in [key for key in sheet.features if key[0] == GAPS]:
        shape, old = sheet.shape(key), sheet.features[key]
        if not shapely.relate_pattern(shape, unit.shape, "T********"):
            continue
        try:
            if not shape.covers(unit.shape):
                raise ValueError("it leaves the gap")
            rest = outline([*edges_of(shape), *((q, p) for p, q in edges_of(unit.shape))])
            parts = faces(walks(rest))
        except ValueError:
            raise refuse(
                "gap_overlaps_unit",
                f"{unit.code} lies on the named gap {old.code} in part, or not on its nodes; draw it within the gap.",
                f"{unit.code} 部分压盖命名空洞 {old.code} 或未使用其节点；请画在空洞范围内。",
                thing=unit.code,
                where=on(shapely.intersection(shape, unit.shape)),
            ) from None
        if not parts:
            found.append((old, None))
            continue
        found.append((old, replace(old, polygon=shape_of([parts_of(part)[0] for part in parts]))))
    return found


def _grown(ground: Ground, unit: Feature, edit: Edit) -> tuple[list[Feature], list[Feature]]:
    """The divisions above a new unit, before and after."""
    known = [ground.division(code) for _, code in ground.profile.ancestors(unit.code)]
    divisions = [each for each in known if each is not None]
    if divisions and known[-1] is None:
        community = community_of(ground.profile, unit.code)
        raise refuse(
            "division_unknown",
            f"{unit.code} lies in {community}, which is no division of the store; add the division first.",
            f"{unit.code} 的上级 {community} 不在库中；请先增加该行政区划。",
            thing=unit.code,
        )
    drawn = {each.key: each for each in edit.begun if each.layer == DIVISIONS}
    ended, begun = [], []
    for division in divisions:
        begun.append(replace(division, polygon=_with_unit(ground, drawn.get(division.key, division), unit)))
        if division.key not in drawn:
            ended.append(division)
    return ended, begun


def _with_unit(ground: Ground, division: Feature, unit: Feature) -> Shape:
    """The outer edges of a division with a new unit."""
    shape, added = division.polygon, unit.shape
    with suppress(ValueError):
        edges = [*([] if shape is None else edges_of(shape)), *edges_of(added)]
        grown = shape_of([parts_of(part)[0] for part in faces(walks(outline(edges)))])
        if grown.is_valid:
            return grown
    # It was drawn apart from its units, as one may be that had none.
    below = [each.shape for each in ground.units_below(division.code)]
    whole = shapely.orient_polygons(shapely.coverage_union_all([*below, added]))
    assert isinstance(whole, Polygon | MultiPolygon)
    return whole
