"""Coverages: polygons that meet along exactly equal edges, without overlap and without gap.

`check` names what keeps polygons from being one, `snap` closes what is narrower than a tolerance, `dissolve` unites by
key. A valid coverage may still hold gaps, so that gaps are looked for on their own.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry import mapping

from gis.errors import Fault
from gis.flaws import Flaw, Progress, find
from gis.metres import Indices
from gis.snapping import Move, snap

__all__ = ["Move", "Names", "check", "dissolve", "snap", "tell"]

SNAP_M = 0.01
"""Ground between polygons that is narrower than this is none that anybody meant."""
NAMED_AT_MOST = 6  # codes around a gap that its sentence lists

Polygons = NDArray[Any]


@dataclass(frozen=True, slots=True)
class Names:
    """How sentences call the polygons (n,) and the named gaps (g,). `rows` (n,) are those of a file, if any."""

    codes: NDArray[Any]
    gaps: NDArray[Any]
    rows: Indices | None = None

    def en(self, number: int) -> str:
        return f"{self.codes[number]}" + ("" if self.rows is None else f" (row {self.rows[number]})")

    def zh(self, number: int) -> str:
        return f"{self.codes[number]}" + ("" if self.rows is None else f"（第 {self.rows[number]} 行）")


def check(
    polygons: Polygons,
    codes: NDArray[Any],
    gaps: tuple[Polygons, NDArray[Any]] | None = None,
    snap_m: float = SNAP_M,
    rows: NDArray[np.int64] | None = None,
    progress: Progress | None = None,
) -> list[Fault]:
    """Everything that keeps `polygons` (n,), lon/lat EPSG:4490, from being a coverage without gaps.

    Faults, each with a place, the lowest code concerned as `thing` and its row: invalid_geometry; overlap (of whatever
    area); unmatched_edge (two polygons meet without overlap, but not with the same nodes); gap (ground enclosed by
    polygons, and slots open to the outside that are narrower than about `snap_m`). `gaps` are the named gaps, polygons
    with their names: ground they cover is no gap. gap_overlaps_unit is one that runs over a polygon, gap_without_hole
    (a warning) one that lies apart from all. Since a named gap need not have the polygons' nodes, slivers along its
    edge with a mean width up to `snap_m` are neither gap nor overlap. Codes that repeat are not looked at. `progress`
    hears the share that is done.
    """
    named, names = gaps if gaps is not None else (np.empty(0, dtype=object), np.empty(0, dtype=str))
    known = Names(np.asarray(codes), np.asarray(names), None if rows is None else np.asarray(rows))
    flaws = find(polygons, codes, named, snap_m, noise_deg=0.0, progress=progress)
    return [tell(flaw, known, snap_m) for flaw in flaws]


def dissolve(polygons: Polygons, keys: NDArray[Any]) -> tuple[NDArray[Any], Polygons]:
    """Unite polygons (n,) of equal key: the keys (k,) in byte order and an outline (k,) each.

    A valid coverage is united without a new coordinate: outlines keep all nodes of the edges they follow, so that they
    are edge-matched too. Polygons of a key that are not a coverage are united by overlay.
    """
    keys = np.asarray(keys)
    found, inverse = np.unique(keys, return_inverse=True)
    order = np.argsort(inverse, kind="stable")
    starts = np.searchsorted(inverse[order], np.arange(len(found) + 1))
    outlines = np.empty(len(found), dtype=object)
    for key in range(len(found)):
        members = np.asarray(polygons, dtype=object)[order[starts[key] : starts[key + 1]]]
        valid = shapely.coverage_is_valid(members)
        outlines[key] = shapely.coverage_union_all(members) if valid else shapely.union_all(members)
    return found, outlines


def tell(flaw: Flaw, names: Names, snap_m: float) -> Fault:
    """The flaw as a fault in both languages."""
    return _TELLERS[flaw.kind](flaw, names, snap_m)


def _fault(code: str, flaw: Flaw, names: Names, en: str, zh: str) -> Fault:
    member = flaw.members[0] if flaw.members else None
    row = None if member is None or names.rows is None else int(names.rows[member])
    gap = str(names.gaps[flaw.gaps[0]]) if flaw.gaps and code != "gap" else None
    thing = gap if member is None else str(names.codes[member])
    where = None if flaw.place is None else mapping(flaw.place)
    return Fault(code, en, zh, "warning" if code == "gap_without_hole" else "error", row, thing, where)


def _invalid(flaw: Flaw, names: Names, snap_m: float) -> Fault:
    thing = names.codes[flaw.members[0]] if flaw.members else names.gaps[flaw.gaps[0]]
    en = f"{thing} is not a valid polygon ({flaw.reason}); redraw or repair it."
    return _fault("invalid_geometry", flaw, names, en, f"{thing} 不是有效的面（{flaw.reason}）；请重画或修复。")


def _overlap(flaw: Flaw, names: Names, snap_m: float) -> Fault:
    a, b = flaw.members
    area = number(flaw.area_m2)
    en = f"{names.en(a)} and {names.en(b)} overlap by {area} m²; give them one common edge."
    zh = f"{names.zh(a)} 与 {names.zh(b)} 重叠 {area} 平方米；请改为同一条公共边。"
    return _fault("overlap", flaw, names, en, zh)


def _unmatched_edge(flaw: Flaw, names: Names, snap_m: float) -> Fault:
    if len(flaw.members) == 1:
        k = flaw.members[0]
        en = f"An edge of {names.en(k)} does not match its neighbours; give both sides the same nodes."
        zh = f"{names.zh(k)} 的边与相邻面不匹配；请让两侧的节点完全相同。"
    else:
        a, b = flaw.members
        en = f"{names.en(a)} and {names.en(b)} meet, but not with the same nodes; give both every node of the edge."
        zh = f"{names.zh(a)} 与 {names.zh(b)} 相接但节点不一致；请让公共边两侧的节点完全相同。"
    return _fault("unmatched_edge", flaw, names, en, zh)


def _gap(flaw: Flaw, names: Names, snap_m: float) -> Fault:
    listed, more = flaw.members[:NAMED_AT_MOST], len(flaw.members) - NAMED_AT_MOST
    en = ", ".join(names.en(k) for k in listed) + (f" and {more} more" if more > 0 else "")
    zh = "、".join(names.zh(k) for k in listed) + (f"等 {len(flaw.members)} 个面" if more > 0 else "")
    area = number(flaw.area_m2)
    en = f"A gap of {area} m² is enclosed by {en or 'named gaps'}; give it to a polygon or name it as a gap."
    zh = f"{zh or '命名空洞'}围出 {area} 平方米的空隙；请划归某个面，或登记为命名空洞。"
    return _fault("gap", flaw, names, en, zh)


def _slot(flaw: Flaw, names: Names, snap_m: float) -> Fault:
    a, b = flaw.members
    en = f"{names.en(a)} and {names.en(b)} leave a slot narrower than {snap_m:g} m; give them one common edge."
    zh = f"{names.zh(a)} 与 {names.zh(b)} 之间有窄于 {snap_m:g} 米的缝隙；请改为同一条公共边。"
    return _fault("gap", flaw, names, en, zh)


def _gap_overlaps_unit(flaw: Flaw, names: Names, snap_m: float) -> Fault:
    gap, unit, area = names.gaps[flaw.gaps[0]], flaw.members[0], number(flaw.area_m2)
    en = f"The named gap {gap} covers {area} m² of {names.en(unit)}; take that from one of them."
    zh = f"命名空洞 {gap} 压占 {names.zh(unit)} {area} 平方米；请修改其中之一。"
    return _fault("gap_overlaps_unit", flaw, names, en, zh)


def _gap_without_hole(flaw: Flaw, names: Names, snap_m: float) -> Fault:
    gap = names.gaps[flaw.gaps[0]]
    en = f"The named gap {gap} touches no polygon; check its place or remove it."
    return _fault("gap_without_hole", flaw, names, en, f"命名空洞 {gap} 不与任何面相接；请核对位置或删除。")


_TELLERS = {
    "invalid_geometry": _invalid,
    "overlap": _overlap,
    "unmatched_edge": _unmatched_edge,
    "gap": _gap,
    "slot": _slot,
    "gap_overlaps_unit": _gap_overlaps_unit,
    "gap_without_hole": _gap_without_hole,
}


def number(area: float) -> str:
    """Square metres as sentences give them."""
    return f"{area:.2f}" if area >= 0.005 else f"{area:.1g}"
