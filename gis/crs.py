"""Coordinate reference systems: from any of them into the store (EPSG:4490, lon, lat) and back.

CGCS2000 and WGS 84 are one frame here by decision (they differ by centimetres): between EPSG:4490, EPSG:4326 and CRS84
nothing is computed, and a projection based on either is only unprojected. Other datums go through the transformations
that PROJ knows; where it knows none the CRS is refused, for a guess may be a hundred metres off. Axes are always x, y
(lon, lat / easting, northing), whatever the authority says.
"""

import re
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TypeAlias

import numpy as np
import pyproj
from numpy.typing import NDArray
from pyproj.exceptions import CRSError, ProjError

from gis import china
from gis.errors import Fault, Refusal, refuse
from gis.similarity import Similarity

DECIMALS = 11
"""Coordinates of the store are rounded to so many decimals of a degree, once, where they enter: a micrometre."""

STORE = "EPSG:4490"

LONGEST = 20_000
"""Characters of a definition; that of a projection takes two or three thousand."""

Points = NDArray[np.float64]

pyproj.network.set_network_enabled(False)  # type: ignore[attr-defined]  # what PROJ answers must not depend on a network

_STORE_FRAME = re.compile(r"WGS[ _]?(19)?84|World Geodetic System 1984|China[ _]2000|CGCS[ _]?2000", re.IGNORECASE)
_EPSG = re.compile(
    r"\[?(?:https?://www\.opengis\.net/def/crs/EPSG/[^/]+/|urn:ogc:def:crs:EPSG:[^:]*:|EPSG:)?(\d{4,6})\]?", re.I
)
_CRS84 = re.compile(
    r"\[?(?:https?://www\.opengis\.net/def/crs/OGC/[^/]+/|urn:ogc:def:crs:OGC:[^:]*:|OGC:)?CRS:?84\]?", re.I
)
_SHIFTED = re.compile(r"grids\s*=(?!\s*@null\b)|PARAMETERFILE\s*\[", re.IGNORECASE)
_DEFINITION = re.compile(r"^\+|[\[{=:]")
_QUOTED = re.compile(r'"([^"]*)"')
_DEGREE = np.pi / 180
_OBFUSCATED = {"GCJ02": "GCJ-02", "BD09": "BD-09"}


@dataclass(frozen=True, slots=True, repr=False)
class Local:
    """What a local system is: WKT, PROJ text or a known name, reached by a similarity if there is one. Secret."""

    definition: str
    similarity: Similarity | None = None


@dataclass(frozen=True, slots=True)
class Crs:
    """A horizontal coordinate reference system.

    `name` is canonical ("EPSG:4490", "CRS84", "GCJ-02", "BD-09", else the text it was given as) and is read by `parse`
    again, but for a local system (`gis.systems`), which has `local` and is known by its name here alone. `unit_m` is
    the length of its unit in metres where it is projected. `area` is where it is meant for: west, south, east, north in
    degrees, None where nobody says.
    """

    name: str
    is_geographic: bool
    unit_m: float = 1.0
    area: tuple[float, float, float, float] | None = None
    frame: str = field(default="", compare=False)
    local: Local | None = field(default=None, repr=False)

    def __str__(self) -> str:
        return self.name

    def same(self, other: "Crs") -> bool:
        """Whether the same numbers are the same place in both."""
        return self.name == other.name or (self.is_store and other.is_store)

    @property
    def is_store(self) -> bool:
        """Whether its coordinates are those of the store as they stand."""
        return self.name == "CRS84" or (self.is_geographic and self.frame == "store")


CrsLike: TypeAlias = str | Crs
"""A CRS, or text that `parse` reads."""


def parse(text: CrsLike) -> Crs:
    """The CRS that is meant by an EPSG number, a name, an OGC URI or URN, WKT or PROJ text; a CRS is itself.

    Errors: Refusal crs_unknown for what PROJ does not know, for the beginning or end of a name, for what asks for a
    file of grid shifts (without the file PROJ would silently shift nothing), and for what is not horizontal.
    """
    if not isinstance(text, str):
        return text
    found = None if len(text) > LONGEST or "\0" in text else _parse(text)
    if found is None:
        raise _unknown(text)
    return found


@lru_cache(maxsize=1024)
def _parse(text: str) -> Crs | None:
    """None for what is unknown: PROJ searches for a name longer in vain than with success."""
    text = text.strip()
    plain = text.upper().replace("-", "").replace("_", "").replace(" ", "")
    if plain in _OBFUSCATED:
        return Crs(_OBFUSCATED[plain], is_geographic=True, area=china.BOX, frame=plain)
    if _CRS84.fullmatch(text):
        return Crs("CRS84", is_geographic=True, frame="store")
    epsg = _EPSG.fullmatch(text)
    if _SHIFTED.search(text):
        return None
    try:
        meant = pyproj.CRS.from_user_input(f"EPSG:{epsg[1]}" if epsg else text)
        found = _horizontal(meant)
    except CRSError:
        return None
    if found is None or found.geodetic_crs is None or _is_part(text, meant):
        return None
    number = found.to_epsg()
    area = found.area_of_use
    return Crs(
        name=f"EPSG:{number}" if number else text,
        is_geographic=found.is_geographic,
        unit_m=1.0 if found.is_geographic else found.axis_info[0].unit_conversion_factor,
        area=area.bounds if area and area.west < area.east else None,
        frame="store" if _in_store_frame(found) else "other",
    )


def _is_part(text: str, meant: pyproj.CRS) -> bool:
    """Whether a text is merely a part of the name of what PROJ took it for: "Beijing" is not "New Beijing"."""
    if _DEFINITION.search(text):
        return False
    try:
        other = _QUOTED.search(meant.to_wkt("WKT1_ESRI"))
    except CRSError:
        other = None
    said, *names = (_folded(each) for each in (text, meant.name, other[1] if other else ""))
    return said not in names and any(said in each for each in names)


def _folded(name: str) -> str:
    return re.sub(r"[\W_]+", "", name.casefold())


def choose(declared: CrsLike | None, given: CrsLike | None) -> tuple[CrsLike | None, tuple[Fault, ...]]:
    """The CRS that holds: what a person gives before what the file declares, with a warning where the two differ."""
    if given is None or declared is None:
        return (given or declared), ()
    crs, shown = parse(given), str(declared)
    try:
        same = crs.local is not None and shown.strip().casefold() == crs.name.casefold()
        same = same or crs.same(parse(declared))
    except Refusal:
        same = False
    shown = shown if len(shown) <= 40 else shown[:40] + "…"
    overridden = Fault(
        "crs_overridden",
        f"The file says its coordinates are {shown}; they are read as {given}, as you said.",
        f"文件声明的坐标系为 {shown}，已按您指定的 {given} 读取。",
        severity="warning",
    )
    return given, (() if same else (overridden,))


def to_store(xy: Points, crs: Crs) -> Points:
    """Positions (n, 2) of a CRS, x, y, as lon, lat of the store, not rounded.

    A position that the projection or datum does not reach comes back as NaN, NaN (never as an infinity): look for it
    before going on. Errors: Refusal crs_no_transformation.
    """
    xy = np.asarray(xy, dtype=np.float64)
    match crs.name:
        case "GCJ-02":
            return china.gcj02_to_wgs84(xy)
        case "BD-09":
            return china.gcj02_to_wgs84(china.bd09_to_gcj02(xy))
    if crs.local is not None and crs.local.similarity is not None:
        xy = crs.local.similarity.forward(xy)
    return xy.copy() if crs.is_store else _transform(_transformer(crs, inverse=False), xy)


def from_store(lonlat: Points, crs: Crs) -> Points:
    """Positions (n, 2) of the store, lon, lat, as x, y of a CRS; NaN and errors as in `to_store`."""
    lonlat = np.asarray(lonlat, dtype=np.float64)
    match crs.name:
        case "GCJ-02":
            return china.wgs84_to_gcj02(lonlat)
        case "BD-09":
            return china.gcj02_to_bd09(china.wgs84_to_gcj02(lonlat))
    xy = lonlat.copy() if crs.is_store else _transform(_transformer(crs, inverse=True), lonlat)
    return xy if crs.local is None or crs.local.similarity is None else crs.local.similarity.inverse(xy)


def check_transformation(crs: Crs) -> None:
    """Errors: Refusal crs_no_transformation when nothing public leads from this CRS to the store."""
    if not crs.is_store and crs.name not in _OBFUSCATED.values():
        _transformer(crs, inverse=False)


def check_axes(lonlat: Points) -> Fault | None:
    """Whether most of the positions (n, 2) were delivered as lat, lon.

    Seen as swapped: y beyond 90 while x could be a latitude; and western China, whose longitudes of 73 to 90 could be
    latitudes: there x lies in 26 to 50, and nobody lives so far north at those longitudes.
    """
    xy = lonlat[np.isfinite(lonlat).all(axis=1)]
    x, y = xy[:, 0], xy[:, 1]
    swapped = (np.abs(x) <= 90) & (np.abs(y) > 90) & (np.abs(y) <= 180)
    swapped |= (x >= 26) & (x <= 50) & (y >= 73) & (y <= 90)
    return swapped_axes(xy[swapped][0]) if 2 * swapped.sum() > len(xy) else None


def swapped_axes(xy: Points) -> Fault:
    """The fault of coordinates in the wrong order, shown by one of them."""
    return Fault(
        "swapped_axes",
        f"The coordinates look swapped: ({xy[0]:.10g}, {xy[1]:.10g}) would be right as ({xy[1]:.10g}, {xy[0]:.10g}). "
        "Deliver x before y: longitude, latitude or easting, northing.",
        f"坐标顺序疑似颠倒：({xy[0]:.10g}, {xy[1]:.10g}) 应为 ({xy[1]:.10g}, {xy[0]:.10g})。"
        "请先写 x 后写 y，即先经度后纬度或先东后北。",
    )


def _unknown(text: str) -> Refusal:
    shown = text if len(text) <= 80 else text[:80] + "…"
    return refuse(
        "crs_unknown",
        f"'{shown}' is no coordinate reference system for maps that is known here; give for example EPSG:4547, CRS84, "
        "GCJ-02, or the WKT or PROJ text of a local one.",
        f"无法识别坐标系“{shown}”；请给出 EPSG:4547、CRS84、GCJ-02 等，或地方坐标系的 WKT、PROJ 文本。",
    )


def _horizontal(crs: pyproj.CRS) -> pyproj.CRS | None:
    """The two-dimensional part of a CRS, None if it has none that a map could use."""
    if crs.is_compound:
        crs = crs.sub_crs_list[0]
    if not (crs.is_geographic or crs.is_projected):
        return None
    return crs.to_2d() if len(crs.axis_info) == 3 else crs


def _in_store_frame(crs: pyproj.CRS) -> bool:
    base = crs.geodetic_crs
    if crs.is_bound or base is None or base.datum is None:
        return False
    plain = all(abs(axis.unit_conversion_factor - _DEGREE) < 1e-12 for axis in base.axis_info[:2])
    meridian = base.prime_meridian
    return bool(_STORE_FRAME.search(base.datum.name)) and plain and (meridian is None or meridian.longitude == 0)


@lru_cache(maxsize=64)
def _transformer(crs: Crs, inverse: bool) -> pyproj.Transformer:
    outer = _horizontal(pyproj.CRS.from_user_input(crs.name if crs.local is None else crs.local.definition))
    assert outer is not None  # parse saw to it
    assert outer.geodetic_crs is not None
    known = outer.is_bound or not outer.geodetic_crs.name.lower().startswith("unknown")
    pure = crs.frame == "store" or not known  # only PROJ text says no datum: the user's word that there is no shift
    inner = outer.geodetic_crs if pure else pyproj.CRS(STORE if outer.geodetic_crs.to_epsg() == 4490 else 4326)
    source, target = (inner, outer) if inverse else (outer, inner)
    try:
        return pyproj.Transformer.from_crs(source, target, always_xy=True, allow_ballpark=pure)
    except ProjError as error:
        raise refuse(
            "crs_no_transformation",
            f"No transformation between {outer.geodetic_crs.name} and WGS 84 is public, so {crs.name} cannot be placed "
            "to better than a hundred metres. Deliver CGCS2000 (EPSG:4490), or give the PROJ text with your city's "
            "+towgs84 parameters.",
            f"{outer.geodetic_crs.name} 与 WGS 84 之间没有公开的转换参数，{crs.name} 的位置误差可达百米。"
            "请提供 CGCS2000（EPSG:4490）成果，或给出含本市 +towgs84 参数的 PROJ 文本。",
        ) from error


def _transform(transformer: pyproj.Transformer, xy: Points) -> Points:
    result = np.column_stack(transformer.transform(xy[:, 0], xy[:, 1]))
    result[~np.isfinite(result).all(axis=1)] = np.nan
    return result
