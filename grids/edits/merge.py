"""Merge neighbours, and retire a unit into a neighbour: the edges between them go, every outer node stays.

Identity. Merged without `code`, all units are retired and the merged one is new, with the next free number; with the
code of one of them, that one is the merged unit, changed, and the others are retired into it. A unit is retired into
one neighbour, which keeps its uid and code: whose ground would become whose is not guessed, so to give it to several,
split it first.
"""

from collections.abc import Sequence
from dataclasses import replace

from gis.errors import Refusal, refuse
from grids.edits.exact import Edge, Place
from grids.edits.ground import Ground, bounds, enclosing
from grids.edits.numbering import check_free, neighbourhood, next_codes
from grids.edits.refusals import at_all, known, on
from grids.edits.rings import Shape, edges_of, faces, outline, parts_of, shape_of, walks
from grids.edits.sheet import Sheet
from grids.edits.split import fresh
from grids.edits.value import UNITS, Edit, Feature


def merge(ground: Ground, codes: Sequence[str], code: str | None = None) -> Edit:
    """Make one unit of several neighbours of one community.

    Errors: Refusal units_too_few, unit_repeated, unit_unknown, unit_retired, communities_differ, units_apart,
    code_form, code_taken, numbers_exhausted, and those of the sheet.
    """
    if len(set(codes)) != len(codes):
        raise refuse(
            "unit_repeated",
            "A unit is named twice; name each once.",
            "同一网格出现了两次；请只写一次。",
            thing=next(each for each in codes if list(codes).count(each) > 1),
        )
    if len(codes) < 2:
        raise refuse("units_too_few", "Name at least two units to merge.", "请至少给出两个要合并的网格。")
    units = [known(ground, each) for each in codes]
    community = neighbourhood(ground, units)
    polygon = united(units)
    kept = next((unit for unit in units if unit.code == code), None)
    if kept is not None:
        return _merged(ground, units, replace(kept, polygon=polygon))
    if code is None:
        code = next_codes(ground, community, 1)[0]
    check_free(ground, code, community)
    return _merged(ground, units, Feature(UNITS, ground.placeholder, code, polygon, fresh(units[0])))


def retire(ground: Ground, code: str, into: Sequence[str]) -> Edit:
    """Retire a unit into one neighbour of its community, which gets its ground.

    Errors: Refusal retire_into_several, retire_into_itself, and those of `merge`.
    """
    unit = known(ground, code)
    if len(into) != 1:
        raise refuse(
            "retire_into_several",
            f"A unit is retired into one neighbour, not {len(into)}: split {code} first, then retire each part.",
            f"网格只能并入一个相邻网格，而不是 {len(into)} 个：请先拆分 {code}，再分别并入。",
            thing=code,
            where=on(unit.shape),
        )
    if into[0] == code:
        raise refuse(
            "retire_into_itself",
            f"{code} cannot be retired into itself; name a neighbour.",
            f"{code} 不能并入自身；请给出相邻网格。",
            thing=code,
        )
    heir = known(ground, into[0])
    neighbourhood(ground, [unit, heir])
    return _merged(ground, [heir, unit], replace(heir, polygon=united([heir, unit])))


def united(units: Sequence[Feature]) -> Shape:
    """The ground of units that hang together by common edges. Errors: Refusal units_apart."""
    edges = {unit.uid: edges_of(unit.shape) for unit in units}
    _hang_together(units, edges)
    parts = faces(walks(outline(edge for each in edges.values() for edge in each)))
    return shape_of([parts_of(part)[0] for part in parts])


def _merged(ground: Ground, units: Sequence[Feature], merged: Feature) -> Edit:
    lineage = [(unit.uid, merged.uid) for unit in units if unit.uid != merged.uid]
    return Sheet(ground, enclosing([bounds(unit.shape) for unit in units])).finish(units, [merged], lineage)


def _hang_together(units: Sequence[Feature], edges: dict[int, list[Edge]]) -> None:
    holder = {edge: uid for uid, each in edges.items() for edge in each}
    reached, waiting = {units[0].uid}, [units[0].uid]
    while waiting:
        for p, q in edges[waiting.pop()]:
            beyond = holder.get((q, p))
            if beyond is not None and beyond not in reached:
                reached.add(beyond)
                waiting.append(beyond)
    apart = [unit for unit in units if unit.uid not in reached]
    if apart:
        raise _apart(units, apart, edges)


def _apart(units: Sequence[Feature], apart: Sequence[Feature], edges: dict[int, list[Edge]]) -> Refusal:
    """The refusal, at the nodes where they touch, or where the one lies that is apart."""
    lonely = {unit.uid for unit in apart}
    there = {p for uid, each in edges.items() if uid in lonely for p, _ in each}
    touching: set[Place] = {p for uid, each in edges.items() if uid not in lonely for p, _ in each if p in there}
    first = apart[0]
    how, how_zh = ("touches the others only in a point", "仅在一点相接") if touching else ("lies apart", "不相邻")
    return refuse(
        "units_apart",
        f"{first.code} {how}; only neighbours with a common edge become one unit.",
        f"{first.code} 与其余网格{how_zh}；只有具有公共边的相邻网格才能合并。",
        thing=first.code,
        where=at_all(touching) if touching else on(first.shape),
    )
