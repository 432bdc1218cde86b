"""Reshape the chain of edges between two units: a new line takes the place of a stretch of it.

The line begins and ends on the chain and runs through nothing but the two units. Where it begins or ends within an
edge, that place becomes a node of all that have the edge. Followers of the old stretch follow the new one. Of a chain
that is closed (an island in a unit) the shorter of the two stretches is replaced.
"""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

from gis.errors import Fault, Refusal, refuse
from gis.metres import per_degree
from grids.edits.exact import Edge, Place, meetings
from grids.edits.ground import Ground, around, bounds, enclosing
from grids.edits.lines import drawn
from grids.edits.refusals import at, at_all, known, moved_note, nothing_changes, on_way
from grids.edits.rings import edges_of, leads_inward
from grids.edits.sheet import SNAP_M, Sheet, listed
from grids.edits.value import Edit, Feature


def reshape(ground: Ground, codes: Sequence[str], line: Sequence[Place], snap_m: float = SNAP_M) -> Edit:
    """Let the boundary between two units run along `line` (lon, lat) between the line's ends.

    An end within `snap_m` metres of the chain is put on it, which is noted. Errors: Refusal units_not_two,
    unit_unknown, unit_retired, units_apart, line_off_chain, line_crosses_units, line_too_short, line_crosses_itself,
    nothing_changes, and those of the sheet.
    """
    if len(codes) != 2 or codes[0] == codes[1]:
        raise refuse("units_not_two", "Name the two units between which the line runs.", "请给出该线两侧的两个网格。")
    one, other = (known(ground, code) for code in codes)
    way = drawn(line)
    sheet = Sheet(ground, enclosing([bounds(one.shape), bounds(other.shape), around(way)]))
    ends = [_on_chain(sheet, one, other, way[index], snap_m) for index in (0, -1)]
    way = drawn([ends[0], *way[1:-1], ends[1]])
    old, way = _stretch(_chains(sheet, one, other), way, one, other)
    if old == way:
        raise nothing_changes(f"{one.code}, {other.code}")
    _stay_between(sheet, one, other, old, way)
    sharing, redrawn = set(sheet.sharing(*old[:2])), set(sheet.replace(old, way))
    if not {one.key, other.key} <= redrawn:
        # Where parts of a unit meet at a node the chain goes on along one unit, and from part to part along the other.
        raise _off_chain(one, other, [way[0], way[-1]])
    left = sharing - redrawn
    sheet.notes += [_left_behind(sheet.features[key], old) for key in sorted(left)]
    changed = [sheet.features[each.key] for each in (one, other)]
    try:
        return sheet.finish(changed, [replace(each, polygon=sheet.shape(each.key)) for each in changed])
    except Refusal as refusal:
        if refusal.code != "units_overlap":
            raise
        raise _crosses(one, other, refusal) from refusal


def _shared(sheet: Sheet, one: Feature, other: Feature) -> list[Edge]:
    """The edges of one that other has too, as they run around one."""
    beyond = set(edges_of(sheet.shape(other.key)))
    return [(p, q) for p, q in edges_of(sheet.shape(one.key)) if (q, p) in beyond]


def _on_chain(sheet: Sheet, one: Feature, other: Feature, end: Place, snap_m: float) -> Place:
    """The place of the chain that an end of the line is meant to be, made a node."""
    edges = _shared(sheet, one, other)
    if not edges:
        raise refuse(
            "units_apart",
            f"{one.code} and {other.code} have no common edge; name two neighbours.",
            f"{one.code} 与 {other.code} 没有公共边；请给出两个相邻网格。",
            thing=one.code,
            where=at(end),
        )
    found = sheet.nearest(end, edges, snap_m)
    if found is None:
        raise _off_chain(one, other, [end])
    target, edge, metres = found
    if edge is not None:
        sheet.insert(edge, [target])
    if target != end:
        sheet.notes.append(moved_note(end, target, metres, one.code))
    return target


def _chains(sheet: Sheet, one: Feature, other: Feature) -> list[list[Place]]:
    """The common edges joined to ways; a closed one comes back to its first place."""
    onward: dict[Place, list[Place]] = defaultdict(list)
    coming = Counter[Place]()
    for p, q in sorted(_shared(sheet, one, other)):
        onward[p].append(q)
        coming[q] += 1
    through = {place for place, ways in onward.items() if len(ways) == coming[place] == 1}
    chains = []
    for start in (*sorted(set(onward) - through), *sorted(through)):
        while onward[start]:
            chain = [start, onward[start].pop()]
            while chain[-1] in through and chain[-1] != start:
                chain.append(onward[chain[-1]].pop())
            chains.append(chain)
    return chains


def _stretch(
    chains: list[list[Place]], way: list[Place], one: Feature, other: Feature
) -> tuple[list[Place], list[Place]]:
    """The stretch of a chain between the ends of the line, and the line in the same direction."""
    for chain in chains:
        if way[0] not in chain or way[-1] not in chain:
            continue
        first, last = chain.index(way[0]), chain.index(way[-1])
        if first > last:
            first, last, way = last, first, way[::-1]
        straight = chain[first : last + 1]
        if chain[0] != chain[-1]:
            return straight, way
        round_about = chain[last:-1] + chain[: first + 1]
        return (straight, way) if _metres(straight) <= _metres(round_about) else (round_about, way[::-1])
    raise _off_chain(one, other, [way[0], way[-1]])


def _metres(way: Sequence[Place]) -> float:
    per_lon, per_lat = (float(each) for each in per_degree(way[0][1]))
    steps = ((((a[0] - b[0]) * per_lon) ** 2 + ((a[1] - b[1]) * per_lat) ** 2) ** 0.5 for a, b in pairwise(way))
    return sum(map(float, steps))


def _stay_between(sheet: Sheet, one: Feature, other: Feature, old: Sequence[Place], way: Sequence[Place]) -> None:
    """Refuse a line that meets an edge of the two units, the replaced stretch apart, but at its ends."""
    replaced = {*pairwise(old)}
    edges = [
        (p, q)
        for unit in (one, other)
        for p, q in edges_of(sheet.shape(unit.key))
        if (p, q) not in replaced and (q, p) not in replaced
    ]
    last = len(way) - 2
    met = {
        each.place
        for each in meetings(way, edges)
        if not (each.segment == 0 and each.share == 0) and not (each.segment == last and each.share == 1)
    }
    nodes = {node for edge in edges for node in edge}
    for end, to in ((way[0], way[1]), (way[-1], way[-2])):
        if end in nodes and not leads_inward(edges, end, to):
            met.add(end)
    if met:
        raise refuse(
            "line_crosses_units",
            f"Here the line leaves the ground of {one.code} and {other.code}; keep it between them.",
            f"线在此处超出了 {one.code} 与 {other.code} 的范围；请画在两者之间。",
            thing=one.code,
            where=at_all(met),
        )


def _crosses(one: Feature, other: Feature, refusal: Refusal) -> Refusal:
    return refuse(
        "line_crosses_units",
        f"The line runs through units other than {one.code} and {other.code}; keep it between them.",
        f"线经过了 {one.code}、{other.code} 以外的网格；请画在两者之间。",
        thing=one.code,
        where=refusal.faults[0].where,
    )


def _off_chain(one: Feature, other: Feature, ends: Sequence[Place]) -> Refusal:
    return refuse(
        "line_off_chain",
        f"The line must begin and end on one stretch of the common boundary of {one.code} and {other.code}.",
        f"线的起点和终点必须都在 {one.code} 与 {other.code} 的同一段公共边界上。",
        thing=one.code,
        where=at_all(ends),
    )


def _left_behind(feature: Feature, old: Sequence[Place]) -> Fault:
    en, zh = listed([feature.code])
    return Fault(
        "follower_left",
        f"{en} ({feature.layer}) has a part of the replaced edges only and stays as it is; look at it.",
        f"{zh}（{feature.layer}）仅含被替换边的一部分，保持不变；请检查。",
        severity="warning",
        thing=feature.code,
        where=on_way(old),
    )
