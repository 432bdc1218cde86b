"""Move a vertex: every unit and every follower that has the node goes with it."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

from gis.errors import Fault, Refusal, refuse
from gis.metres import per_degree
from grids.edits.exact import Edge, Place
from grids.edits.ground import Ground, around, bounds, enclosing
from grids.edits.lines import place
from grids.edits.refusals import at, moved_note, nothing_changes, on_way
from grids.edits.sheet import SNAP_M, Sheet, listed
from grids.edits.value import UNITS, Edit


def move_vertex(ground: Ground, source: Place, target: Place, snap_m: float = SNAP_M) -> Edit:
    """Move the node at `source`, or the only nearest one within `snap_m` metres of it (noted), to `target`.

    Errors: Refusal vertex_unknown, vertex_on_node (the target is a node already), vertex_over_edge (an edge would be
    crossed or touched), nothing_changes.
    """
    source, target = place(*source), place(*target)
    per_lon, per_lat = (float(each) for each in per_degree(source[1]))
    wide, high = snap_m / max(per_lon, 1e-9), snap_m / per_lat
    near = Sheet(ground, (source[0] - wide, source[1] - high, source[0] + wide, source[1] + high))
    node, metres = _node(near, source, snap_m)
    if node == target:
        raise nothing_changes(f"({node[0]}, {node[1]})")
    having = [near.features[key] for key in near.sharing(node)]
    boxes = [bounds(each.shape) for each in having if each.layer == UNITS]
    sheet = Sheet(ground, enclosing([*boxes, around([target])]))
    if node != source:
        sheet.notes.append(moved_note(source, node, metres, _codes(sheet, node)[0]))
    if sheet.sharing(target):
        raise _on_node(sheet, target)
    moved = sheet.move(node, target)
    codes = sorted(sheet.features[key].code for key in moved)
    sheet.notes.append(_moved(codes, node, target))
    units = [sheet.features[key] for key in moved if key[0] == UNITS]
    try:
        return sheet.finish(units, [replace(unit, polygon=sheet.shape(unit.key)) for unit in units])
    except Refusal as refusal:
        if refusal.code not in ("units_overlap", "shape_broken"):
            raise
        raise _over_edge(codes, node, target, refusal) from refusal


def _node(sheet: Sheet, source: Place, snap_m: float) -> tuple[Place, float]:
    if any(key[0] == UNITS for key in sheet.sharing(source)):
        return source, 0.0
    edges: list[Edge] = [
        edge
        for key in sheet.features
        if key[0] == UNITS
        for part in sheet.parts(key)
        for ring in part
        for edge in pairwise(ring)
    ]
    found = sheet.nearest(source, edges, snap_m)
    if found is None or found[0] not in {node for edge in edges for node in edge}:
        raise refuse(
            "vertex_unknown",
            f"No unit has a node within {snap_m:g} m of ({source[0]}, {source[1]}); point at a corner.",
            f"({source[0]}, {source[1]}) 周围 {snap_m:g} 米内没有网格节点；请指向一个节点。",
            where=at(source),
        )
    return found[0], found[2]


def _codes(sheet: Sheet, node: Place) -> list[str]:
    return sorted(sheet.features[key].code for key in sheet.sharing(node))


def _moved(codes: Sequence[str], source: Place, target: Place) -> Fault:
    en, zh = listed(codes)
    return Fault(
        "node_moved",
        f"A node that these share was moved: {en}.",
        f"移动了下列要素共有的节点：{zh}。",
        severity="note",
        thing=codes[0],
        where=on_way([source, target]),
    )


def _on_node(sheet: Sheet, target: Place) -> Refusal:
    codes = _codes(sheet, target)
    return refuse(
        "vertex_on_node",
        f"({target[0]}, {target[1]}) is a node of {codes[0]} already; two nodes cannot become one, so choose another.",
        f"({target[0]}, {target[1]}) 已是 {codes[0]} 的节点；两个节点不能合一，请另选位置。",
        thing=codes[0],
        where=at(target),
    )


def _over_edge(codes: Sequence[str], source: Place, target: Place, refusal: Refusal) -> Refusal:
    fault = refusal.faults[0]
    return refuse(
        "vertex_over_edge",
        f"Moved there, an edge of {codes[0]} would cross or touch another edge; stay on this side of it.",
        f"移到该处后，{codes[0]} 的边会与其他边相交或相接；请不要越过其他边。",
        thing=fault.thing or codes[0],
        where=fault.where or on_way([source, target]),
    )
