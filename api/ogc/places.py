"""The place that `bbox` asks for: boxes in lon/lat, and the exact shape where a box of its CRS is none in lon/lat."""

import math
import re
from dataclasses import dataclass

import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

from api.ogc.axes import Reference, from_authority, order, out_of_reach
from gis.crs import Points
from gis.errors import Refusal, refuse
from gis.store.versions import Box

NUMBER = re.compile(r"\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,3})?\s*")
MERCATOR_EDGE_M = 20037508.342789244
STEP_M = 100.0
STEP_DEGREE = 0.001
MOST_STEPS = 512


@dataclass(frozen=True, slots=True)
class Place:
    """What a feature must meet: any of the boxes (west, south, east, north), and `shape` where there is one."""

    boxes: tuple[Box, ...]
    shape: BaseGeometry | None = None


def read_bbox(text: str, reference: Reference) -> Place:
    """The place of a `bbox`: four numbers, or six, of which the heights are not looked at.

    West beyond east crosses the antimeridian, in a geographic CRS. Errors: Refusal bbox_wrong, crs_out_of_reach.
    """
    corners = _corners(text)
    (xmin, ymin), (xmax, ymax) = order(corners, reference)
    if ymin > ymax or (xmin > xmax and not reference.crs.is_geographic):
        raise _wrong("the lower corner must come first", "应先写左下角，后写右上角")
    if reference.crs.is_store:
        return Place(_split(xmin, ymin, xmax, ymax))
    if reference.keeps_boxes:
        return Place((_mercator(corners, reference),))
    if xmin > xmax:
        raise _wrong("only WGS 84 and CGCS2000 go across the antimeridian", "仅 WGS 84 与 CGCS2000 可跨越 180° 经线")
    return _outlined(xmin, ymin, xmax, ymax, reference)


def _corners(text: str) -> Points:
    parts = text.split(",")
    if len(parts) not in (4, 6) or not all(NUMBER.fullmatch(part) for part in parts):
        raise _wrong("four or six numbers with commas between them are wanted", "应为以逗号分隔的 4 个或 6 个数")
    numbers = [float(part) for part in parts]
    if not all(math.isfinite(number) for number in numbers):
        raise _wrong("a number is too large", "数值过大")
    half = len(numbers) // 2
    if half == 3 and numbers[2] > numbers[5]:
        raise _wrong("the lower height must come first", "应先写较低的高程")
    return np.array([numbers[:2], numbers[half : half + 2]])


def _split(west: float, south: float, east: float, north: float) -> tuple[Box, ...]:
    """One box, or two beside the antimeridian; clients zoomed far out go beyond the earth, which is cut off."""
    if south > 90 or north < -90 or min(west, east) > 180 or max(west, east) < -180:
        raise _wrong(
            "it lies beyond the earth; are the axes in the order of bbox-crs?",
            "超出地球范围；请检查坐标轴顺序与 bbox-crs 是否一致",
        )
    south, north = max(float(south), -90.0), min(float(north), 90.0)
    west, east = (min(max(float(side), -180.0), 180.0) for side in (west, east))
    if west <= east:
        return ((west, south, east, north),)
    return ((west, south, 180.0, north), (-180.0, south, east, north))


def _mercator(corners: Points, reference: Reference) -> Box:
    # PROJ takes an easting beyond the edge once around the earth.
    lonlat = from_authority(np.clip(corners, -MERCATOR_EDGE_M, MERCATOR_EDGE_M), reference)
    beyond = np.abs(corners[:, 0]) >= MERCATOR_EDGE_M
    lonlat[beyond, 0] = np.sign(corners[beyond, 0]) * 180
    north_of_map = np.abs(corners[:, 1]) >= MERCATOR_EDGE_M
    lonlat[north_of_map, 1] = np.sign(corners[north_of_map, 1]) * 90
    return (float(lonlat[0, 0]), float(lonlat[0, 1]), float(lonlat[1, 0]), float(lonlat[1, 1]))


def _outlined(xmin: float, ymin: float, xmax: float, ymax: float, reference: Reference) -> Place:
    """A box of a plane: its outline in lon/lat, with enough corners, and the box around that."""
    step = STEP_DEGREE if reference.crs.is_geographic else STEP_M / reference.crs.unit_m
    across, up = (min(MOST_STEPS, max(1, math.ceil(side / step))) for side in (xmax - xmin, ymax - ymin))
    xs, ys = np.linspace(xmin, xmax, across + 1), np.linspace(ymin, ymax, up + 1)
    ring = [
        np.column_stack([xs, np.full_like(xs, ymin)])[:-1],
        np.column_stack([np.full_like(ys, xmax), ys])[:-1],
        np.column_stack([xs[::-1], np.full_like(xs, ymax)])[:-1],
        np.column_stack([np.full_like(ys, xmin), ys[::-1]]),
    ]
    lonlat = from_authority(order(np.concatenate(ring), reference), reference)
    if not np.isfinite(lonlat).all() or np.abs(lonlat[:, 1]).max() > 90:
        raise out_of_reach(reference.crs.name)
    if xmin == xmax or ymin == ymax:
        shape: BaseGeometry = shapely.MultiPoint(lonlat) if len(lonlat) < 3 else shapely.LineString(lonlat)
    else:
        shape = shapely.Polygon(lonlat)
    if not shape.is_valid:  # folded over: much larger than where the plane is meant for
        raise out_of_reach(reference.crs.name)
    shapely.prepare(shape)
    return Place((shape.bounds,), shape)


def _wrong(en: str, zh: str) -> Refusal:
    return refuse("bbox_wrong", f"bbox: {en}.", f"bbox：{zh}。", kind="unreadable")
