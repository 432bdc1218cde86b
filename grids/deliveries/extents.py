"""What a delivery covers: within it, what the delivery lacks is gone; outside, nothing is."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from gis.errors import Refusal, refuse

EVERYTHING = "*"
TEXTS = ("POLYGON", "MULTIPOLYGON", "{")


@dataclass(frozen=True, slots=True)
class Extent:
    """Codes that begin with `prefix`, or shapes of which an inner point lies in `polygon` (lon/lat)."""

    prefix: str = ""
    polygon: shapely.Geometry | None = None

    def holds(self, codes: Sequence[str], shapes: Sequence[Any]) -> NDArray[np.bool_]:
        """Whether rows (n,) lie within."""
        inside = np.array([code.startswith(self.prefix) for code in codes], dtype=bool)
        if self.polygon is None or not inside.any():
            return inside
        drawn = np.fromiter(shapes, dtype=object, count=len(codes))
        shapely.prepare(self.polygon)
        points = shapely.point_on_surface(drawn)
        return inside & shapely.intersects(self.polygon, points)


def is_shape(text: str) -> bool:
    """Whether a scope is written as WKT or GeoJSON."""
    return text.strip().upper().startswith(TEXTS)


def read_extent(text: str) -> Extent:
    """The extent that a text says: a prefix of codes, * for everything, or lon/lat polygons as WKT or GeoJSON.

    Errors: Refusal scope_wrong.
    """
    text = text.strip()
    if not is_shape(text):
        return Extent("" if text == EVERYTHING else text)
    try:
        shape = shapely.from_geojson(text) if text.startswith("{") else shapely.from_wkt(text)
    except shapely.errors.ShapelyError:
        raise scope_wrong(text) from None
    return within(list(shapely.get_parts([shape])), text)


def within(shapes: Sequence[Any], said: str) -> Extent:
    """The extent of polygons in lon/lat. Errors: Refusal scope_wrong."""
    held = [each for each in shapes if each is not None]
    polygons = all(each.geom_type in ("Polygon", "MultiPolygon") for each in held)
    if not held or not polygons or not all(shapely.is_valid(held)) or any(shapely.is_empty(held)):
        raise scope_wrong(said)
    west, south, east, north = shapely.total_bounds(held)
    if not (-180 <= west <= east <= 180 and -90 <= south <= north <= 90):
        raise scope_wrong(said)
    return Extent("", shapely.union_all(held))


def scope_wrong(said: str) -> Refusal:
    """The refusal of a scope that says no place."""
    shown = said[:60]
    return refuse(
        "scope_wrong",
        f"'{shown}' is no scope: give a prefix of codes, * for everything, or valid polygons in lon, lat as WKT, as "
        "GeoJSON or in a file.",
        f"“{shown}”不是有效范围：请给出编码前缀、*（全部），或经纬度面（WKT、GeoJSON 或文件）。",
    )
