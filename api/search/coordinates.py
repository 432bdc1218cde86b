"""Coordinates as people type or paste them: `114.05,22.54`, `22.54N 114.05E`, `北纬22°32′24″ 东经114°3′`."""

import re
from dataclasses import dataclass

import numpy as np

from api.lookups.points import read_point
from api.systems import LiveSystems
from gis.errors import Refusal

USUAL = "CRS84"
LONGEST = 120
_PAIR = re.compile(r"\s*([-+]?\d{1,9}(?:\.\d{1,15})?)\s*[\s,，;；、]\s*([-+]?\d{1,9}(?:\.\d{1,15})?)\s*")
_ANGLE = re.compile(
    r"\s*(?P<before>[东西]经|[南北]纬|[NSEWnsew]|[东西南北])?\s*(?P<degrees>\d{1,3}(?:\.\d{1,15})?)\s*"
    r"(?:[°度]\s*(?:(?P<minutes>\d{1,2}(?:\.\d{1,15})?)\s*['′’分]\s*"
    r"(?:(?P<seconds>\d{1,2}(?:\.\d{1,15})?)\s*(?:[\"″”秒]|'')\s*)?)?)?"
    r"(?(before)|(?P<after>[NSEWnsew]|[东西南北]))\s*[,，;；、]?"
)
_SIDES = {
    "N": (1, 1),
    "S": (1, -1),
    "E": (0, 1),
    "W": (0, -1),
    "北": (1, 1),
    "南": (1, -1),
    "东": (0, 1),
    "西": (0, -1),
}
TURNED = {
    "zh": "按“纬度, 经度”读取：先经度后纬度无法成立。",
    "en": "Read as latitude, longitude: the other way round there is no such place.",
}


@dataclass(frozen=True, slots=True)
class Typed:
    """Coordinates that were recognised: lon, lat in EPSG:4490, the CRS they were read in, and whether y came first
    although nothing said so.
    """

    lon: float
    lat: float
    crs: str
    is_turned: bool


def read_coordinates(text: str, crs: str | None, systems: LiveSystems) -> Typed | None:
    """The coordinates that a text is, None for any other text, and for what is no place in `crs`, else in CRS84.

    Without letters x comes first; where that is no place and the other way round is one, that is meant. Nothing is
    ever taken for GCJ-02 or BD-09 unless `crs` says so. Errors: Refusal crs_unknown.
    """
    if len(text) > LONGEST:
        return None
    pair, known = _PAIR.fullmatch(text), False
    if pair is not None:
        x, y = float(pair[1]), float(pair[2])
    else:
        angles = _read_angles(text)
        if angles is None:
            return None
        (x, y), known = angles, True
    name = crs or USUAL
    for first, second, turned in ((x, y, False), (y, x, True)):
        try:
            found = read_point(first, second, name, systems)
        except Refusal as refusal:
            if refusal.code not in ("swapped_axes", "coordinates_out_of_range"):
                raise
            if known:
                return None
            continue
        if np.isfinite(found).all():
            return Typed(float(found[0, 0]), float(found[0, 1]), name, turned)
    return None


def _read_angles(text: str) -> tuple[float, float] | None:
    """lon, lat of two angles that say which of them they are."""
    first = _ANGLE.match(text)
    second = None if first is None else _ANGLE.match(text, first.end())
    if first is None or second is None or text[second.end() :].strip():
        return None
    found: dict[int, float] = {}
    for each in (first, second):
        axis, sign = _SIDES[(each["before"] or each["after"])[0].upper()]
        minutes, seconds = float(each["minutes"] or 0), float(each["seconds"] or 0)
        if minutes >= 60 or seconds >= 60:
            return None
        found[axis] = sign * (float(each["degrees"]) + minutes / 60 + seconds / 3600)
    return (found[0], found[1]) if len(found) == 2 else None
