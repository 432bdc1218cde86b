"""Checks of the form of each unit: its size, its parts, its nodes."""

from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry import mapping

from gis.cover import measure
from gis.errors import Fault
from gis.metres import Floats, Indices, per_degree
from grids.checks.findings import Finding
from grids.checks.view import Found, View

SURE = 0.02  # relative: measures on the plane are this good for what units may be, or the exact ones decide


def multipart(view: View) -> Found:
    """Units of several separate parts; the place is all but the largest."""
    polygons = view.subject.units.polygons
    found = []
    for k in view.drawn[shapely.get_num_geometries(polygons[view.drawn]) > 1].tolist():
        parts = shapely.get_parts(polygons[k])
        rest = np.delete(parts, int(np.argmax(shapely.area(parts))))
        thing = view.unit(k)
        en = f"{thing.code} has {len(parts)} separate parts; make them units of their own, or join them."
        zh = f"{thing.code} 由 {len(parts)} 个分离部分组成；请分设网格或连成一片。"
        where = mapping(shapely.MultiPolygon(list(rest)))
        found.append(Finding(Fault("multipart", en, zh, "warning", None, thing.code, where), (thing,)))
    return found


def sliver(view: View) -> Found:
    """Parts of units whose mean width, twice the area over the perimeter, is below the target."""
    limit = view.subject.targets.sliver_m
    found = []
    for k, slivers, width in _slivers(view):
        thing = view.unit(k)
        en = f"{thing.code} is or has a sliver {width:.2g} m wide on average, less than {limit:g} m; merge it."
        zh = f"{thing.code} 为平均宽度 {width:.2g} 米的狭长碎片（小于 {limit:g} 米）；请并入相邻网格。"
        fault = Fault("sliver", en, zh, "warning", None, thing.code, mapping(slivers))
        found.append(Finding(fault, (thing,), {"width_m": width}))
    return found


def area_off_target(view: View) -> Found:
    """Units much larger or smaller than the target; slivers are told as such."""
    target, factor = view.subject.targets.area_m2, view.subject.targets.area_factor
    if target is None:
        return []
    least, most = target / factor, target * factor
    about, _ = _plane_measures(view.subject.units.polygons[view.drawn])
    odd = view.drawn[(about < least * (1 + SURE)) | (about > most * (1 - SURE))]
    slivers = {k for k, _, _ in _slivers(view)} if len(odd) else set()
    found = []
    for k in odd.tolist():
        area = measure(view.subject.units.polygons[k])[0] if k not in slivers else target
        if least <= area <= most:
            continue
        thing = view.unit(k)
        en = f"{thing.code} has {area:,.0f} m², far from the {target:,.0f} m² a unit should have; check whether to "
        en += "split it." if area > most else "merge it."
        zh = f"{thing.code} 面积 {area:,.0f} 平方米，与网格应有的约 {target:,.0f} 平方米相差较大；请考虑"
        zh += "拆分。" if area > most else "合并。"
        fault = Fault("area_off_target", en, zh, "warning", None, thing.code, view.where([k]))
        found.append(Finding(fault, (thing,), {"area_m2": area}))
    return found


def duplicate_node(view: View) -> Found:
    """Rings with the same node twice in succession, or two closer than can be meant."""
    limit = view.subject.targets.node_m
    polygons = view.subject.units.polygons[view.drawn]
    rings, owner = _rings(polygons)
    coords, ring = shapely.get_coordinates(rings, return_index=True)
    if len(coords) == 0:
        return []
    step = np.abs(coords[1:] - coords[:-1])
    near = np.flatnonzero((step.max(axis=1) * 111_800 <= 2 * limit) & (ring[1:] == ring[:-1]))  # few of all
    per_lon, per_lat = per_degree(coords[near, 1])
    near = near[np.hypot(step[near, 0] * per_lon, step[near, 1] * per_lat) <= limit]
    places: dict[int, list[Any]] = {}
    for k in near.tolist():
        places.setdefault(int(view.drawn[owner[ring[k]]]), []).append(coords[k].tolist())
    return [_node_twice(view, k, nodes, limit) for k, nodes in places.items()]


def _node_twice(view: View, k: int, nodes: list[Any], limit: float) -> Finding:
    thing = view.unit(k)
    en = f"{thing.code} has {len(nodes)} nodes within {limit * 1000:g} mm of the one before; remove them on both sides."
    zh = f"{thing.code} 有 {len(nodes)} 个节点与前一节点相距不足 {limit * 1000:g} 毫米；请在公共边两侧一并删除。"
    where = {"type": "MultiPoint", "coordinates": nodes}
    return Finding(Fault("duplicate_node", en, zh, "warning", None, thing.code, where), (thing,), {"nodes": len(nodes)})


def _rings(polygons: NDArray[Any]) -> tuple[NDArray[Any], Indices]:
    """The rings of polygons and whose each is."""
    parts, owner = shapely.get_parts(polygons, return_index=True)
    rings, part = shapely.get_rings(parts, return_index=True)
    return rings, owner[part].astype(np.int64)


def _slivers(view: View) -> list[tuple[int, Any, float]]:
    """Units that have slivers among their parts: number, those parts, the least width in metres."""
    limit = view.subject.targets.sliver_m
    parts, owner = shapely.get_parts(view.subject.units.polygons[view.drawn], return_index=True)
    area, perimeter = _plane_measures(parts)
    thin = np.flatnonzero(2 * area * (1 - SURE) < limit * perimeter)
    found: dict[int, list[tuple[float, Any]]] = {}
    for part in thin.tolist():
        width = measure(parts[part])[1]
        if width < limit:
            found.setdefault(int(view.drawn[owner[part]]), []).append((width, parts[part]))
    return [
        (k, shapely.MultiPolygon([part for _, part in each]), min(width for width, _ in each))
        for k, each in found.items()
    ]


def _plane_measures(polygons: NDArray[Any]) -> tuple[Floats, Floats]:
    """About the areas in m², good to 1 %, and perimeters in metres that are never too short, (n,) each."""
    bounds = shapely.bounds(polygons)
    per_lon, per_lat = per_degree((bounds[:, 1] + bounds[:, 3]) / 2)
    return shapely.area(polygons) * per_lon * per_lat, shapely.length(polygons) * np.maximum(per_lon, per_lat)
