"""The door for geometry: from a file's coordinates to sound geometry of the store, or to faults that say what is wrong.

Inside, geometry is two-dimensional, lon, lat in EPSG:4490, rounded to 1e-11 degree (1 µm), shells counterclockwise.
"""

import math
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any, Literal

import numpy as np
import pyproj
import shapely
from numpy.typing import NDArray

from gis import crs as reference
from gis import edges
from gis.crs import DECIMALS, Crs, CrsLike
from gis.errors import Fault, Refusal
from gis.tables import Table

Geometries = NDArray[Any]
Rows = NDArray[np.int64]

LONGEST_EDGE_M = 100.0

_GEOD = pyproj.Geod(ellps="GRS80")  # the ellipsoid of CGCS2000
_WANTED = {"polygon": (3, 6), "point": (0, 4), "any": (0, 1, 3, 4, 5, 6)}  # type ids of shapely
_KINDS_ZH = {"polygon": "面", "point": "点", "any": "点、线或面"}
_TOUCHING = "Ring Self-intersection"
_REASONS_ZH = {
    "Self-intersection": "边界自相交",
    _TOUCHING: "环自相接触",
    "Hole lies outside shell": "内环在外环之外",
    "Holes are nested": "内环相互嵌套",
    "Interior is disconnected": "内部不连通",
    "Nested shells": "外环相互嵌套",
    "Duplicate Rings": "环重复",
    "Too few points in geometry component": "点数过少",
    "Ring is not closed": "环未闭合",
}


def prepare(
    table: Table, crs: CrsLike | None, kind: Literal["polygon", "point", "any"]
) -> tuple[Geometries, tuple[Fault, ...]]:
    """The geometries (n,) of a table as the store keeps them, None for each row with an error, and the faults.

    `crs` is what a person says and goes before what the file declares. What concerns the whole table (crs_missing,
    crs_unknown, crs_no_transformation, swapped_axes, most coordinates out of range) is one error, and every geometry is
    None. Edges of a projected CRS longer than 100 m are split in its plane, so that they stay where they were drawn to
    0.1 mm. Multipoints, -lines and -polygons of one part become that part. Nothing is raised.
    """
    nothing: Geometries = np.full(len(table), None, dtype=object)
    if table.geometry is None:
        return nothing, (_no_geometry(),)
    try:
        name, faults = reference.choose(table.crs, crs)
        if name is None:
            return nothing, (_no_crs(),)
        frame = reference.parse(name)
        geometries, found = _sound_input(table.geometry.copy(), table.rows, kind)
        refused = _wrong_frame(shapely.get_coordinates(geometries), frame)
        if refused is not None:
            return nothing, (*faults, *found, refused)
        geometries, moved = _into_store(geometries, table.rows, frame)
    except Refusal as refusal:
        return nothing, refusal.faults
    geometries, checked = _sound_output(geometries, table.rows)
    return geometries, (*faults, *found, *moved, *checked)


def geodesic_area(polygons: Geometries) -> NDArray[np.float64]:
    """Area (n,) in m² of polygons and multipolygons in lon, lat, on the ellipsoid, with geodesic edges.

    After C. F. F. Karney, Algorithms for geodesics (2013). Anything else has the area 0. About 10 µs a ring.
    """
    parts, part_of = shapely.get_parts(polygons, return_index=True)
    areal = shapely.get_type_id(parts) == 3
    rings, ring_of = shapely.get_rings(parts[areal], return_index=True)
    is_hole = np.zeros(len(rings), dtype=bool)
    is_hole[1:] = ring_of[1:] == ring_of[:-1]  # the shell comes first
    coordinates, of = shapely.get_coordinates(rings, return_index=True)
    starts = np.searchsorted(of, np.arange(len(rings) + 1))
    lon, lat = np.ascontiguousarray(coordinates[:, 0]), np.ascontiguousarray(coordinates[:, 1])
    slices = zip(starts[:-1].tolist(), starts[1:].tolist(), strict=True)
    sizes = np.array([abs(_GEOD.polygon_area_perimeter(lon[a:b], lat[a:b])[0]) for a, b in slices], dtype=np.float64)
    sizes[is_hole] *= -1
    owners = part_of[areal][ring_of]
    return np.bincount(owners, weights=sizes, minlength=len(polygons)).astype(np.float64)


def place(geometry: shapely.Geometry) -> Mapping[str, Any]:
    """A point on a geometry of the store, for the eye, as GeoJSON."""
    point = shapely.point_on_surface(geometry)
    return _point(shapely.get_x(point), shapely.get_y(point))


def _point(lon: float, lat: float) -> Mapping[str, Any]:
    return {"type": "Point", "coordinates": [round(float(lon), DECIMALS), round(float(lat), DECIMALS)]}


def _sound_input(geometries: Geometries, rows: Rows, kind: str) -> tuple[Geometries, list[Fault]]:
    """What can go on: there, finite, of the kind, flat."""
    faults: list[Fault] = []
    missing = shapely.is_missing(geometries) | shapely.is_empty(geometries)
    faults += _drop(geometries, missing, rows, _missing)
    dimensions = shapely.has_z(geometries) | shapely.has_m(geometries)
    if dimensions.any():
        geometries = shapely.force_2d(geometries)
        faults.append(_flattened(int(dimensions.sum())))
    faults += _drop(geometries, _rows_where(geometries, _not_all_finite), rows, _not_finite)
    types = shapely.get_type_id(geometries)
    other = ~np.isin(types, (-1, *_WANTED[kind]))
    several = (types == 4) & (shapely.get_num_geometries(geometries) > 1) if kind == "point" else False
    faults += _drop(
        geometries, other | several, rows, lambda row, index: _wrong_type(row, geometries[index].geom_type, kind)
    )
    return geometries, faults


def _wrong_frame(xy: NDArray[np.float64], frame: Crs) -> Fault | None:
    """What shows that the coordinates as a whole are not in the CRS that they are said to be in."""
    if len(xy) == 0:
        return None
    if frame.is_geographic:
        swapped = reference.check_axes(xy)
        outside = _outside_degrees(xy)
        return swapped or (_not_degrees(None, xy[outside][0]) if 2 * outside.sum() > len(xy) else None)
    if frame.area is None:
        return None
    sample = xy[:: max(1, len(xy) // 1000)]
    as_given, turned = (_share_inside(reference.to_store(points, frame), frame) for points in (sample, sample[:, ::-1]))
    return reference.swapped_axes(sample[0]) if as_given < 0.5 < turned else None


def _into_store(geometries: Geometries, rows: Rows, frame: Crs) -> tuple[Geometries, list[Fault]]:
    """Geometries in the CRS of the store, rounded."""
    faults: list[Fault] = []
    if frame.is_geographic:
        outside = _rows_where(geometries, _outside_degrees)
        faults += _drop(geometries, outside, rows, lambda row, _: _not_degrees(row, None))
    else:
        geometries = edges.split(geometries, LONGEST_EDGE_M / frame.unit_m)
    lonlat = reference.to_store(shapely.get_coordinates(geometries), frame)
    geometries = shapely.set_coordinates(geometries, np.round(lonlat, DECIMALS) + 0.0)  # + 0.0: no negative zero
    lost = _rows_where(geometries, lambda xy: _not_all_finite(xy) | _outside_degrees(xy))
    faults += _drop(geometries, lost, rows, lambda row, _: _not_reached(row, frame))
    return geometries, faults


def _sound_output(geometries: Geometries, rows: Rows) -> tuple[Geometries, list[Fault]]:
    """What the store may keep: valid, on one side of the antimeridian, in normal form."""
    faults: list[Fault] = []
    bounds = shapely.bounds(geometries)
    faults += _drop(geometries, bounds[:, 2] - bounds[:, 0] > 180, rows, _crossing)
    drawn = np.flatnonzero(~np.isin(shapely.get_type_id(geometries), (-1, 0)))  # points are as they are to be
    geometries[drawn] = shapely.remove_repeated_points(geometries[drawn])
    bad = ~shapely.is_valid(geometries) & ~shapely.is_missing(geometries)
    reasons = dict(zip(np.flatnonzero(bad).tolist(), shapely.is_valid_reason(geometries[bad]), strict=True))
    for index, reason in reasons.items():
        untied = _untied(geometries[index]) if reason.startswith(_TOUCHING) else None
        if untied is not None:
            geometries[index], bad[index] = untied, False
            faults.append(_touching(int(rows[index]), reason))
    faults += _drop(geometries, bad, rows, lambda row, index: _invalid(row, reasons[index]))
    geometries[drawn] = shapely.orient_polygons(geometries[drawn])
    parts = shapely.get_num_geometries(geometries)
    single = np.isin(shapely.get_type_id(geometries), (4, 5, 6)) & (parts == 1)
    geometries[single] = shapely.get_geometry(geometries[single], 0)
    several = np.flatnonzero(parts > 1)
    faults += [_multipart(int(rows[i]), int(parts[i]), place(geometries[i])) for i in several]
    return geometries, faults


def _untied(geometry: shapely.Geometry) -> shapely.Geometry | None:
    """The same ground with rings that do not touch themselves, None where a ring crosses itself.

    A ring that comes back to one of its own nodes is legal in ESRI's model and in files that come from it. Where it
    only touches, cutting it there gives the very same nodes and the very same area; where it crosses, the area by the
    shoelace formula is another one, for there one lobe counts against the other.
    """
    made = shapely.make_valid(geometry, method="structure")
    if shapely.get_type_id(made) not in (3, 6):
        return None
    before, after = (shapely.get_coordinates(each) for each in (geometry, made))
    same_nodes = np.array_equal(np.unique(before, axis=0), np.unique(after, axis=0))
    origin = before.mean(axis=0)  # far from it the formula has no digits left
    areas = [float(shapely.area(shapely.transform(each, lambda xy: xy - origin))) for each in (geometry, made)]
    return made if same_nodes and math.isclose(*areas, rel_tol=1e-9) else None


def _rows_where(geometries: Geometries, test: Callable[[NDArray[np.float64]], NDArray[np.bool_]]) -> NDArray[np.bool_]:
    """Which geometries have a coordinate that the test says."""
    xy, index = shapely.get_coordinates(geometries, return_index=True)
    found = np.zeros(len(geometries), dtype=bool)
    found[index[test(xy)]] = True
    return found


def _drop(
    geometries: Geometries, which: NDArray[np.bool_], rows: Rows, say: Callable[[int, int], Fault]
) -> Iterable[Fault]:
    """Set the geometries to None and say why, `say(row, index)`, for each."""
    found = np.flatnonzero(which)
    faults = [say(int(rows[index]), int(index)) for index in found]
    geometries[found] = None
    return faults


def _not_all_finite(xy: NDArray[np.float64]) -> NDArray[np.bool_]:
    return ~(np.isfinite(xy[:, 0]) & np.isfinite(xy[:, 1]))


def _outside_degrees(xy: NDArray[np.float64]) -> NDArray[np.bool_]:
    outside: NDArray[np.bool_] = (np.abs(xy[:, 0]) > 180) | (np.abs(xy[:, 1]) > 90)
    return outside


def _share_inside(lonlat: NDArray[np.float64], frame: Crs) -> float:
    """The share of positions within the area of the CRS and three degrees about it."""
    assert frame.area is not None
    west, south, east, north = frame.area
    lon, lat = lonlat[:, 0], lonlat[:, 1]
    return float(np.mean((lon > west - 3) & (lon < east + 3) & (lat > south - 3) & (lat < north + 3)))


def _no_geometry() -> Fault:
    return Fault(
        "missing_geometry",
        "The file has no geometry; a CSV needs columns lon and lat, x and y, or wkt.",
        "文件中没有几何数据；CSV 需要 lon 和 lat、x 和 y 或 wkt 列。",
    )


def _no_crs() -> Fault:
    return Fault(
        "crs_missing",
        "Neither the file nor you say which coordinate reference system the coordinates are in; "
        "name it, for example EPSG:4490, EPSG:4547 or GCJ-02.",
        "文件和参数都没有说明坐标系；请指定，例如 EPSG:4490、EPSG:4547 或 GCJ-02。",
    )


def _missing(row: int, _: int) -> Fault:
    return Fault("missing_geometry", f"Row {row} has no geometry.", f"第 {row} 行没有几何数据。", row=row)


def _flattened(count: int) -> Fault:
    return Fault(
        "z_dropped",
        f"{count} geometries carry heights or measures; these are not kept.",
        f"{count} 个几何对象带有高程或测量值，未予保留。",
        severity="note",
    )


def _not_finite(row: int, _: int) -> Fault:
    return Fault(
        "coordinate_not_finite",
        f"Row {row} has a coordinate that is no number.",
        f"第 {row} 行含有非数值的坐标。",
        row=row,
    )


def _wrong_type(row: int, found: str, kind: str) -> Fault:
    wanted = "point, line or polygon" if kind == "any" else kind
    return Fault(
        "wrong_geometry_type",
        f"Row {row} is a {found}; a {wanted} is needed.",
        f"第 {row} 行的几何类型为 {found}，应为{_KINDS_ZH[kind]}。",
        row=row,
    )


def _not_degrees(row: int | None, xy: NDArray[np.float64] | None) -> Fault:
    fault = Fault(
        "coordinates_out_of_range",
        f"Row {row} lies outside longitude -180 to 180, latitude -90 to 90.",
        f"第 {row} 行的坐标超出经度 -180 至 180、纬度 -90 至 90 的范围。",
        row=row,
    )
    if xy is None:
        return fault
    return replace(
        fault,
        en=f"The coordinates, such as ({xy[0]:.10g}, {xy[1]:.10g}), are no degrees although their reference system is "
        "geographic; they look like metres: name the projected system, for example EPSG:4547.",
        zh=f"坐标（如 {xy[0]:.10g}, {xy[1]:.10g}）不是经纬度，但声明的是地理坐标系；疑似以米为单位，"
        "请指定投影坐标系，例如 EPSG:4547。",
    )


def _not_reached(row: int, frame: Crs) -> Fault:
    return Fault(
        "coordinates_out_of_range",
        f"Row {row} has coordinates outside {frame.name}; check the zone and whether the easting carries it.",
        f"第 {row} 行的坐标超出 {frame.name} 的适用范围；请检查带号以及东坐标是否带有带号。",
        row=row,
    )


def _crossing(row: int, _: int) -> Fault:
    return Fault(
        "antimeridian_crossed",
        f"Row {row} reaches across the 180° meridian; cut it there into parts.",
        f"第 {row} 行跨越 180° 经线；请在该处切分。",
        row=row,
    )


def _touching(row: int, reason: str) -> Fault:
    _, at, where = _reason(reason)
    return Fault(
        "ring_touches_itself",
        f"Row {row}: a ring touches itself at {at}; it was cut there into rings that do not. Its area is the same.",
        f"第 {row} 行：边界环在 {at} 处与自身相接，已在该处拆分为互不相接的环，面积不变。",
        severity="warning",
        row=row,
        where=where,
    )


def _reason(reason: str) -> tuple[str, str, Mapping[str, Any] | None]:
    """What GEOS says is wrong, and the place, as text and as GeoJSON."""
    name, _, rest = reason.partition("[")
    numbers = re.findall(r"-?[\d.]+(?:e[-+]?\d+)?", rest)
    where = _point(float(numbers[0]), float(numbers[1])) if len(numbers) == 2 else None
    return name, ", ".join(numbers), where


def _invalid(row: int, reason: str) -> Fault:
    name, at, where = _reason(reason)
    return Fault(
        "invalid_geometry",
        f"Row {row} is not a valid geometry: {name}{f' at {at}' if where else ''}. Repair it in the source.",
        f"第 {row} 行的几何无效：{_REASONS_ZH.get(name, name)}{f'，位于 {at}' if where else ''}。请在源数据中修复。",
        row=row,
        where=where,
    )


def _multipart(row: int, parts: int, where: Mapping[str, Any]) -> Fault:
    return Fault(
        "multipart",
        f"Row {row} has {parts} separate parts.",
        f"第 {row} 行由 {parts} 个分离的部分组成。",
        severity="warning",
        row=row,
        where=where,
    )
