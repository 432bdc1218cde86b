"""CRS URIs and the axis order of their authorities, which holds below `/ogc` alone; everywhere else it is x, y."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import pyproj
import shapely
from numpy.typing import NDArray

from gis import crs as gis_crs
from gis.crs import Crs, Points
from gis.errors import Refusal, refuse

CRS84 = "http://www.opengis.net/def/crs/OGC/1.3/CRS84"
EPSG = "http://www.opengis.net/def/crs/EPSG/0/{}"
# The two obfuscations have no URI of anybody's, so they are named by one of this product.
OWN = "urn:wangge:def:crs:{}"
STORAGE = EPSG.format(4490)
GAUSS_KRUGER = range(4534, 4555)
"""CGCS2000 / 3-degree Gauss-Kruger by central meridian, 75°E to 135°E: northing before easting."""

NAMES = ("CRS84", "EPSG:4490", "EPSG:4326", "EPSG:3857", *(f"EPSG:{n}" for n in GAUSS_KRUGER), "GCJ-02", "BD-09")


def uri_of(name: str) -> str:
    """The URI under which a CRS is offered."""
    if name == "CRS84":
        return CRS84
    return EPSG.format(name[5:]) if name.startswith("EPSG:") else OWN.format(name)


OFFERED = tuple(uri_of(name) for name in NAMES)
"""Every CRS in which features are given and boxes are read."""


@dataclass(frozen=True, slots=True)
class Reference:
    """A CRS as it is asked for here. `is_swapped`: its authority puts latitude (northing) first."""

    uri: str
    crs: Crs
    is_swapped: bool

    @property
    def keeps_boxes(self) -> bool:
        """Whether a box in it is a box in lon/lat."""
        return self.crs.is_store or self.crs.name == "EPSG:3857"


def _spellings(name: str) -> list[str]:
    uri = uri_of(name)
    plain = {"CRS84": "OGC:CRS84"}.get(name, name)
    urn = "urn:ogc:def:crs:OGC:1.3:CRS84" if name == "CRS84" else f"urn:ogc:def:crs:EPSG::{name[5:]}"
    return [uri, uri.replace("http:", "https:"), name, plain, f"[{plain}]", urn]


SPELLINGS = {spelling: name for name in NAMES for spelling in _spellings(name)}


def find_reference(text: str, parameter: str) -> Reference:
    """The CRS that a parameter names. Errors: Refusal crs_unknown (unreadable) for one that is not offered."""
    name = SPELLINGS.get(text.strip().removeprefix("<").removesuffix(">"))
    if name is None:
        shown = text if len(text) <= 80 else text[:80] + "…"
        raise refuse(
            "crs_unknown",
            f"{parameter}='{shown}' is not offered here; the collection lists its CRS, for example {STORAGE}.",
            f"{parameter}='{shown}' 不可用；可用坐标系见图层（collection）说明，例如 {STORAGE}。",
            kind="unreadable",
        )
    return _reference(name)


@lru_cache(maxsize=len(NAMES))
def _reference(name: str) -> Reference:
    swapped = name.startswith("EPSG:") and pyproj.CRS(name).axis_info[0].direction.lower() == "north"
    return Reference(uri_of(name), gis_crs.parse(name), swapped)


DEFAULT = _reference("CRS84")


def order(xy: Points, reference: Reference) -> Points:
    """Positions (n, 2) from x, y to the authority's order or back: the one place where axes are swapped."""
    return xy[:, ::-1] if reference.is_swapped else xy


def to_authority(geometries: NDArray[np.object_], reference: Reference) -> NDArray[np.object_]:
    """Stored geometries (n,), None allowed, as the reference has them: to 1e-11 degree or 0.1 mm.

    Errors: Refusal crs_out_of_reach (unreadable) when a position has none in that CRS.
    """
    crs = reference.crs
    if crs.is_store and not reference.is_swapped:
        return geometries

    def convert(lonlat: Points) -> Points:
        decimals = gis_crs.DECIMALS if crs.is_geographic else 4
        xy = lonlat if crs.is_store else np.round(gis_crs.from_store(lonlat, crs), decimals)
        if not np.isfinite(xy).all():
            raise out_of_reach(crs.name)
        return order(xy, reference)

    converted: NDArray[np.object_] = shapely.transform(geometries, convert)
    return converted


def from_authority(positions: Points, reference: Reference) -> Points:
    """Positions (n, 2) in the authority's order as lon, lat of the store; NaN where there is none."""
    return gis_crs.to_store(order(positions, reference), reference.crs)


def out_of_reach(name: str) -> Refusal:
    return refuse(
        "crs_out_of_reach",
        f"{name} does not reach so far; ask for another CRS, such as {CRS84}.",
        f"所请求范围超出 {name} 的适用区域；请改用其他坐标系，例如 {CRS84}。",
        kind="unreadable",
    )
