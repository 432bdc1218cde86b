"""Checks of units within their community: that they lie in it, and carry their share of components."""

from collections import Counter
from typing import Any

import numpy as np
import shapely
from shapely.geometry import mapping

from gis.cover import TOUCHING_DEG, are_usable, measure, solid
from gis.errors import Fault
from gis.metres import Indices
from gis.partners import match
from grids.checks.findings import Finding, Thing
from grids.checks.view import Found, View

WIDER_M, LARGER_M2 = 0.05, 1.0  # a unit may be off its community's outline by so much
FEWEST_UNITS = 5  # of a community, below which a median says nothing


def outside_community(view: View) -> Found:
    """Units off the outline of the community that their code names or, where there is none, apart from its others."""
    outlines = _outlines(view)
    groups = {community: units[view.sound[units]] for community, units in view.communities.items()}
    fits, meets = _match(view, groups, outlines)
    found: Found = []
    for community, units in groups.items():
        mine = units[view.in_view[units]]
        outline = outlines.get(community)
        if outline is None:
            apart = mine[~meets[mine]] if len(units) > 1 else mine[:0]
            found += [_apart(view, k, community) for k in apart.tolist() if _stands_apart(view, k, units)]
        elif not fits.get(community, True):
            astray = mine[~shapely.covers(outline, view.subject.units.polygons[mine])]
            found += [each for k in astray.tolist() for each in _outside(view, k, community, outline)]
    return found


def _outlines(view: View) -> dict[str, Any]:
    divisions = view.subject.divisions
    wanted = np.array([k for k, code in enumerate(divisions.codes) if code in view.communities], dtype=np.int64)
    valid = wanted[are_usable(divisions.outlines[wanted])]
    return {divisions.codes[k]: divisions.outlines[k] for k in valid.tolist()}


def _match(
    view: View, groups: dict[str, Indices], outlines: dict[str, Any]
) -> tuple[dict[str, bool], np.ndarray[Any, np.dtype[np.bool_]]]:
    """Whether the units of a community make up its outline exactly; of each unit (n,) whether it meets one of them."""
    numbers = {community: number for number, community in enumerate(groups)}
    units = np.concatenate([np.empty(0, dtype=np.int64), *groups.values()])
    unit_groups = np.repeat(np.arange(len(groups)), [len(each) for each in groups.values()])
    shapes = np.empty(len(outlines), dtype=object)
    shapes[:] = list(outlines.values())
    own = np.array([numbers[community] for community in outlines], dtype=np.int64)
    polygons = np.concatenate([view.subject.units.polygons[units], shapes])
    is_outline = np.arange(len(polygons)) >= len(units)
    group = np.concatenate([unit_groups, own])
    whole, some = match(polygons, group, is_outline)
    broken = set(group[~whole].tolist())
    meets = np.zeros(len(view.subject.units.uids), dtype=np.bool_)
    meets[units] = some[: len(units)]
    return {community: number not in broken for community, number in numbers.items()}, meets


def _outside(view: View, k: int, community: str, outline: Any) -> Found:
    ground = solid(shapely.difference(view.subject.units.polygons[k], outline))
    area, width = measure(ground)
    if area <= LARGER_M2 and width <= WIDER_M:
        return []
    thing = view.unit(k)
    en = f"{thing.code} reaches {area:,.1f} m² beyond {community}, in which its code says it lies; "
    en += "correct the code or the edge."
    zh = f"{thing.code} 有 {area:,.1f} 平方米超出其编码所属的 {community}；请更正编码或边界。"
    fault = Fault("outside_community", en, zh, "warning", None, thing.code, mapping(ground))
    return [Finding(fault, (thing, view.division(community)), {"area_m2": area, "width_m": width})]


def _stands_apart(view: View, k: int, others: Indices) -> bool:
    """Whether a unit touches units of other communities and none of its own."""
    near = view.tree.query(view.subject.units.polygons[k], predicate="dwithin", distance=TOUCHING_DEG)
    beside = near[near != k]
    return len(beside) > 0 and not np.isin(beside, others).any()


def _apart(view: View, k: int, community: str) -> Finding:
    thing = view.unit(k)
    en = f"{thing.code} touches units of other communities and none of {community}; check its code."
    zh = f"{thing.code} 只与其他社区的网格相邻，不与 {community} 的任何网格相邻；请核对编码。"
    fault = Fault("outside_community", en, zh, "warning", None, thing.code, view.where([k]))
    return Finding(fault, (thing, view.division(community)))


def components_unbalanced(view: View) -> Found:
    """Units with many more components than is usual in their community."""
    components, targets = view.subject.components, view.subject.targets
    if components is None or len(components.lonlat) == 0:
        return []
    place = _placement(view)
    counts = np.bincount(place[place >= 0], minlength=len(view.subject.units.uids))
    found = []
    for community, units in view.communities.items():
        if len(units) < FEWEST_UNITS:
            continue
        median = float(np.median(counts[units]))
        many = (counts[units] > targets.components_factor * median) & (
            counts[units] >= median + targets.components_least
        )
        for k in units[many & view.in_view[units]].tolist():
            most, times = Counter(components.classes[place == k].tolist()).most_common(1)[0]
            found.append(_unbalanced(view, view.unit(k), int(counts[k]), median, community, f"{most}: {times}", k))
    return found


def _unbalanced(view: View, unit: Thing, count: int, median: float, community: str, most: str, k: int) -> Finding:
    en = f"{unit.code} has {count} components ({most}), units of {community} mostly {median:g}; consider a split."
    zh = f"{unit.code} 有 {count} 个部件（{most}），{community} 的网格多为 {median:g} 个；可考虑拆分。"
    fault = Fault("components_unbalanced", en, zh, "note", None, unit.code, view.where([k]))
    return Finding(fault, (unit, view.division(community)), {"components": count, "median": median})


def _placement(view: View) -> Indices:
    """The unit (m,) of each component that may lie in a community in view, by the tie rule; -1 for the others."""
    components, units = view.subject.components, view.subject.units
    assert components is not None
    if components.units is not None:
        order = np.argsort(units.uids)
        at = np.clip(np.searchsorted(units.uids[order], components.units), 0, len(order) - 1)
        return np.where(units.uids[order[at]] == components.units, order[at], -1)
    found = np.full(len(components.lonlat), -1, dtype=np.int64)
    members = np.concatenate([np.empty(0, dtype=np.int64), *view.communities.values()])
    if len(members) == 0:
        return found
    west, south, east, north = shapely.total_bounds(units.polygons[members])
    lon, lat = components.lonlat[:, 0], components.lonlat[:, 1]
    near = np.flatnonzero((lon >= west) & (lon <= east) & (lat >= south) & (lat <= north))
    point, unit = view.tree.query(shapely.points(components.lonlat[near]), predicate="intersects")
    found[near[point]] = unit
    alone = np.bincount(point, minlength=len(near))[point] == 1
    ties = sorted(zip(units.codes[unit[~alone]], unit[~alone].tolist(), point[~alone].tolist(), strict=True))
    for _, k, at in reversed(ties):  # the lowest code is written last
        found[near[at]] = k
    return found
