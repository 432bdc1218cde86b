"""Coverages: polygons that meet along exactly equal edges, without overlap and without gap.

`check` names what keeps polygons from being one, `snap` closes what is narrower than a tolerance, `dissolve` unites by
key. Edges are compared by their stored coordinates, exactly: two polygons share an edge when both have its two nodes.
A valid coverage may still hold gaps, so that gaps are looked for on their own.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray
from pyproj import Geod
from shapely.errors import GEOSException
from shapely.geometry import mapping
from shapely.geometry.base import BaseGeometry

from gis.errors import Fault
from gis.locate import byte_order
from gis.metres import FLATTENING, SEMI_MAJOR_M, Indices, widest_degrees
from gis.snapping import Move, snap

__all__ = ["Move", "check", "dissolve", "snap"]

ELLIPSOID = Geod(a=SEMI_MAJOR_M, f=FLATTENING)
TOUCHING_DEG = 1e-9  # 0.1 mm: what lies this close touches
NAMED_AT_MOST = 6  # codes around a gap that its sentence lists

Polygons = NDArray[Any]


def check(
    polygons: Polygons,
    codes: NDArray[Any],
    gaps: tuple[Polygons, NDArray[Any]] | None = None,
    snap_m: float = 0.01,
    rows: NDArray[np.int64] | None = None,
) -> list[Fault]:
    """Everything that keeps `polygons` (n,), lon/lat EPSG:4490, from being a coverage without gaps.

    Faults, each with a place, the lowest code concerned as `thing` and its row: invalid_geometry; overlap (of whatever
    area); unmatched_edge (two polygons meet without overlap, but not with the same nodes); gap (ground enclosed by
    polygons, and slots open to the outside that are narrower than about `snap_m`). `gaps` are the named gaps, polygons
    with their names: ground they cover is no gap. gap_overlaps_unit is one that runs over a polygon, gap_without_hole
    (a warning) one that lies apart from all. Since a named gap need not have the polygons' nodes, slivers along its
    edge with a mean width up to `snap_m` are neither gap nor overlap. Codes that repeat are not looked at.
    """
    polygons, codes = np.asarray(polygons, dtype=object), np.asarray(codes)
    faults, sound = _invalid(polygons, codes, rows)
    sound = sound[byte_order(codes[sound])]  # from here on a lower index is a lower code
    units = _Units(polygons[sound], codes[sound], None if rows is None else np.asarray(rows)[sound])
    named_polygons, names = gaps if gaps is not None else (np.empty(0, dtype=object), np.empty(0, dtype=str))
    named_faults, usable = _invalid(np.asarray(named_polygons, dtype=object), np.asarray(names), None)
    faults += named_faults
    if len(sound) == 0:
        return faults
    named, names = np.asarray(named_polygons, dtype=object)[usable], np.asarray(names)[usable]
    tree = shapely.STRtree(units.polygons)
    near, unmatched = _unfit_edges(units.polygons, snap_m)
    pair_faults, slots = _meetings(units, tree, near, unmatched, snap_m)
    enclosed = _enclosed(_union(units.polygons, shapely.is_empty(unmatched)), named, snap_m)
    around = tree.query(enclosed, predicate="dwithin", distance=TOUCHING_DEG)
    faults += pair_faults
    faults += _gap_faults(units, enclosed, around)
    faults += _slot_faults(units, slots, around, snap_m)
    faults += _named_faults(units, tree, named, names, enclosed, snap_m)
    return faults


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


@dataclass(frozen=True, slots=True)
class _Units:
    """Valid polygons in the order of their codes, and how to speak of them."""

    polygons: Polygons
    codes: NDArray[Any]
    rows: NDArray[np.int64] | None

    def row(self, unit: int) -> int | None:
        return None if self.rows is None else int(self.rows[unit])

    def en(self, unit: int) -> str:
        return f"{self.codes[unit]}" + ("" if self.rows is None else f" (row {self.rows[unit]})")

    def zh(self, unit: int) -> str:
        return f"{self.codes[unit]}" + ("" if self.rows is None else f"（第 {self.rows[unit]} 行）")

    def fault(self, unit: int, code: str, en: str, zh: str, place: BaseGeometry) -> Fault:
        return Fault(code, en, zh, row=self.row(unit), thing=str(self.codes[unit]), where=mapping(place))


def _invalid(polygons: Polygons, codes: NDArray[Any], rows: NDArray[np.int64] | None) -> tuple[list[Fault], Indices]:
    """A fault for each polygon that cannot be compared, and the indices of the others."""
    usable = np.isin(shapely.get_type_id(polygons), (3, 6)) & ~shapely.is_empty(polygons)
    usable &= shapely.is_valid(polygons)
    faults = []
    for index in np.flatnonzero(~usable):
        polygon = polygons[index]
        reason = "no polygon" if polygon is None or polygon.is_empty else shapely.is_valid_reason(polygon)
        if reason == "Valid Geometry":
            reason = f"a {polygon.geom_type}, not a polygon"
        drawn = polygon is not None and np.isfinite(shapely.bounds(polygon)).all()
        faults.append(
            Fault(
                "invalid_geometry",
                f"{codes[index]} is not a valid polygon ({reason}); redraw or repair it.",
                f"{codes[index]} 不是有效的面（{reason}）；请重画或修复。",
                row=None if rows is None else int(rows[index]),
                thing=str(codes[index]),
                where=mapping(polygon) if drawn else None,
            )
        )
    return faults, np.flatnonzero(usable)


def _unfit_edges(polygons: Polygons, snap_m: float) -> tuple[NDArray[Any], NDArray[Any]]:
    """The edges of each polygon (n,) that have no partner within the snap width, and those that break the coverage."""
    near = shapely.coverage_invalid_edges(polygons, gap_width=widest_degrees(polygons, snap_m))
    return near, near if shapely.is_empty(near).all() else shapely.coverage_invalid_edges(polygons)


def _meetings(
    units: _Units, tree: shapely.STRtree, near: NDArray[Any], unmatched: NDArray[Any], snap_m: float
) -> tuple[list[Fault], list[tuple[int, int, BaseGeometry]]]:
    """Faults of pairs that overlap or meet with other nodes; and the slots (lower, higher, edges) between pairs."""
    width = widest_degrees(units.polygons, snap_m)
    suspects = np.flatnonzero(~shapely.is_empty(near))
    if len(suspects) == 0:
        return [], []
    one, other = tree.query(units.polygons[suspects], predicate="dwithin", distance=max(width, TOUCHING_DEG))
    pairs = np.sort(np.column_stack([suspects[one], other]), axis=1)
    pairs = np.unique(pairs[pairs[:, 0] < pairs[:, 1]], axis=0)
    relations = shapely.relate(units.polygons[pairs[:, 0]], units.polygons[pairs[:, 1]])
    faults: list[Fault] = []
    slots: list[tuple[int, int, BaseGeometry]] = []
    explained = np.zeros(len(units.polygons), dtype=np.bool_)
    for (a, b), relation in zip(pairs.tolist(), relations, strict=True):
        edges = _bad_edges(units.polygons[[a, b]], 0.0)
        if relation[0] != "F":
            faults.append(_overlap_fault(units, a, b, edges))
        elif not edges.is_empty:
            en = f"{units.en(a)} and {units.en(b)} meet, but not with the same nodes; give both every node of the edge."
            zh = f"{units.zh(a)} 与 {units.zh(b)} 相接但节点不一致；请让公共边两侧的节点完全相同。"
            faults.append(units.fault(a, "unmatched_edge", en, zh, edges))
        else:
            slot = _bad_edges(units.polygons[[a, b]], width)
            if not slot.is_empty:
                slots.append((a, b, slot))
            continue
        explained[[a, b]] = True
    # Nothing that the whole coverage fails on may pass because no single pair shows it.
    for unit in np.flatnonzero(~shapely.is_empty(unmatched) & ~explained).tolist():
        en = f"An edge of {units.en(unit)} does not match its neighbours; give both sides the same nodes."
        zh = f"{units.zh(unit)} 的边与相邻面不匹配；请让两侧的节点完全相同。"
        faults.append(units.fault(unit, "unmatched_edge", en, zh, unmatched[unit]))
    return faults, slots


def _bad_edges(pair: Polygons, width: float) -> BaseGeometry:
    """The edges of both polygons of a pair that do not fit, empty when all do."""
    edges = shapely.coverage_invalid_edges(pair, gap_width=width)
    return shapely.MultiLineString([line for line in shapely.get_parts(edges) if not line.is_empty])


def _overlap_fault(units: _Units, a: int, b: int, edges: BaseGeometry) -> Fault:
    common = _solid(shapely.intersection(units.polygons[a], units.polygons[b]))
    area = _number(_area_and_width(common)[0])
    en = f"{units.en(a)} and {units.en(b)} overlap by {area} m²; give them one common edge."
    zh = f"{units.zh(a)} 与 {units.zh(b)} 重叠 {area} 平方米；请改为同一条公共边。"
    # An overlap thinner than floating-point numbers resolve has edges, but no area left to show.
    place = common if not common.is_empty else edges if not edges.is_empty else units.polygons[a].centroid
    return units.fault(a, "overlap", en, zh, place)


def _enclosed(union: BaseGeometry, named: Polygons, snap_m: float) -> Polygons:
    """The ground (k,) that a union of polygons and the named gaps together enclose and do not cover."""
    covered = shapely.union_all([union, *named])
    west, south, east, north = shapely.bounds(covered)
    frame = shapely.box(west - 1, south - 1, east + 1, north + 1)
    ground = shapely.get_parts(shapely.difference(frame, covered))
    ground = ground[shapely.get_dimensions(ground) == 2]
    ground = ground[shapely.bounds(ground)[:, 0] >= west]  # without the one piece outside all
    beside = np.unique(shapely.STRtree(named).query(ground, predicate="dwithin", distance=TOUCHING_DEG)[0])
    thin = [index for index in beside if _area_and_width(ground[index])[1] <= snap_m]
    return np.delete(ground, thin)


def _union(polygons: Polygons, matched: NDArray[np.bool_]) -> BaseGeometry:
    """The union; what is edge-matched is united by its edges, which is much faster and adds no coordinate."""
    try:
        sound = shapely.coverage_union_all(polygons[matched])
        return shapely.union_all([sound, *polygons[~matched]])
    except GEOSException:
        return shapely.union_all(polygons)


def _gap_faults(units: _Units, enclosed: Polygons, around: Indices) -> list[Fault]:
    faults = []
    starts = np.searchsorted(around[0], np.arange(len(enclosed) + 1))  # a query answers in the order it was asked
    for index, ground in enumerate(enclosed):
        beside = np.sort(around[1, starts[index] : starts[index + 1]]).tolist()
        area = _number(_area_and_width(ground)[0])
        listed, more = beside[:NAMED_AT_MOST], len(beside) - NAMED_AT_MOST
        en = ", ".join(units.en(unit) for unit in listed) + (f" and {more} more" if more > 0 else "")
        zh = "、".join(units.zh(unit) for unit in listed) + (f"等 {len(beside)} 个面" if more > 0 else "")
        en = f"A gap of {area} m² is enclosed by {en or 'named gaps'}; give it to a polygon or name it as a gap."
        zh = f"{zh or '命名空洞'}围出 {area} 平方米的空隙；请划归某个面，或登记为命名空洞。"
        if beside:
            faults.append(units.fault(beside[0], "gap", en, zh, ground))
        else:
            faults.append(Fault("gap", en, zh, where=mapping(ground)))
    return faults


def _slot_faults(
    units: _Units, slots: Sequence[tuple[int, int, BaseGeometry]], around: Indices, snap_m: float
) -> list[Fault]:
    """Slots that open to the outside; those that do not are enclosed ground, told already."""
    beside: dict[int, set[int]] = defaultdict(set)
    for ground, unit in around.T.tolist():
        beside[unit].add(ground)
    faults = []
    for a, b, edges in slots:
        if beside[a] & beside[b]:
            continue
        en = f"{units.en(a)} and {units.en(b)} leave a slot narrower than {snap_m:g} m; give them one common edge."
        zh = f"{units.zh(a)} 与 {units.zh(b)} 之间有窄于 {snap_m:g} 米的缝隙；请改为同一条公共边。"
        faults.append(units.fault(a, "gap", en, zh, edges))
    return faults


def _named_faults(
    units: _Units, tree: shapely.STRtree, named: Polygons, names: NDArray[Any], enclosed: Polygons, snap_m: float
) -> list[Fault]:
    faults = []
    reach = max(widest_degrees(units.polygons, snap_m), TOUCHING_DEG)
    gap, unit = tree.query(named, predicate="dwithin", distance=reach)
    for g, u in sorted(zip(gap.tolist(), unit.tolist(), strict=True)):
        ground = _solid(shapely.intersection(named[g], units.polygons[u]))
        area, width = _area_and_width(ground)
        if width > snap_m:
            en = f"The named gap {names[g]} covers {_number(area)} m² of {units.en(u)}; take that from one of them."
            zh = f"命名空洞 {names[g]} 压占 {units.zh(u)} {_number(area)} 平方米；请修改其中之一。"
            faults.append(units.fault(u, "gap_overlaps_unit", en, zh, ground))
    in_holes = shapely.STRtree(enclosed).query(named, predicate="dwithin", distance=TOUCHING_DEG)[0]
    for g in np.setdiff1d(np.arange(len(named)), np.concatenate([gap, in_holes])).tolist():
        en = f"The named gap {names[g]} touches no polygon; check its place or remove it."
        zh = f"命名空洞 {names[g]} 不与任何面相接；请核对位置或删除。"
        where = mapping(named[g])
        faults.append(Fault("gap_without_hole", en, zh, "warning", thing=str(names[g]), where=where))
    return faults


def _solid(geometry: BaseGeometry) -> BaseGeometry:
    """The areas of a geometry alone, without the points and lines that an overlay may leave beside them."""
    parts = shapely.get_parts(geometry)
    return shapely.MultiPolygon(list(parts[shapely.get_dimensions(parts) == 2]))


def _area_and_width(polygon: BaseGeometry) -> tuple[float, float]:
    """Geodesic area in m², and the mean width in metres of a sliver: twice the area over the perimeter."""
    area, perimeter = ELLIPSOID.geometry_area_perimeter(shapely.orient_polygons(polygon))
    return abs(area), 2 * abs(area) / perimeter if perimeter else 0.0


def _number(area: float) -> str:
    return f"{area:.2f}" if area >= 0.005 else f"{area:.1g}"
