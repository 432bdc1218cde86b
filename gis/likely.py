"""Which coordinate reference system numbers are likely in that are not in the one they are said to be in.

The candidates are what PROJ knows for the place where the data should lie, and the local systems that are known. What
fits is told, not used.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from pyproj.aoi import AreaOfInterest
from pyproj.database import query_crs_info
from pyproj.enums import PJType

from gis import crs as reference
from gis.crs import Crs
from gis.errors import Fault, Refusal
from gis.metres import Floats

Bounds = tuple[float, float, float, float]
SAMPLE = 200
FITS = 0.9
"""The share of positions that must lie within the bounds."""
ALIKE = 1.5
"""Candidates whose median distance from the records is within this factor of the least, or 5 m, are as good."""
MOST = 400


@dataclass(frozen=True, slots=True)
class Candidate:
    """A system, what it is called, whether x and y must be exchanged first, and the share of positions that then lie
    within the bounds.
    """

    name: str
    title: str
    is_swapped: bool
    share: float


def find_likely(
    xy: Floats, bounds: Bounds, recorded: Floats | None = None, local: Iterable[Crs] = ()
) -> list[Candidate]:
    """The systems under which positions (n, 2) lie within bounds (west, south, east, north), the likeliest first.

    Where `recorded` (n, 2) has the places (lon, lat, NaN for none) that some of them have in the records, what comes
    closest to these is likeliest; of equals a local system, then CGCS2000 and WGS 84, then the lowest number.
    Coordinates in degrees are tried in degrees alone. Takes up to a few seconds: for when something is wrong.
    """
    finite = np.flatnonzero(np.isfinite(xy).all(axis=1))
    chosen = (
        finite[np.linspace(0, len(finite) - 1, min(SAMPLE, len(finite))).astype(np.int64)] if len(finite) else finite
    )
    if not len(chosen):
        return []
    sample = xy[chosen]
    known = None if recorded is None else recorded[chosen]
    found: list[tuple[float, int, int, Candidate]] = []
    for order, (crs, title) in enumerate(_candidates(sample, bounds, local)):
        for is_swapped in (False, True):
            try:
                lonlat = reference.to_store(sample[:, ::-1] if is_swapped else sample, crs)
            except Refusal:
                break
            share = _share(lonlat, bounds)
            if share >= FITS:
                rank = 0 if crs.local is not None else 1 if crs.frame == "store" else 2
                found.append((_distance(lonlat, known), rank, order, Candidate(crs.name, title, is_swapped, share)))
    if not found:
        return []
    least = min(each[0] for each in found)
    close = [each for each in found if each[0] <= max(ALIKE * least, least + 5.0)]
    rest = [each for each in found if each not in close]
    ranked = [
        *sorted(close, key=lambda each: (each[3].is_swapped, *each[1:3])),
        *sorted(rest, key=lambda each: each[:3]),
    ]
    return [each[3] for each in ranked]


def fault_of(candidates: Sequence[Candidate], declared: str, xy: Floats) -> Fault | None:
    """The error that names the likely system and what else would fit; None where nothing does."""
    if not candidates:
        return None
    first, *others = candidates
    x, y = xy[np.isfinite(xy).all(axis=1)][0]
    swapped, swapped_zh = (" with x and y exchanged", "（x、y 互换）") if first.is_swapped else ("", "")
    also = ", ".join(each.name for each in others[:3])
    more, more_zh = (f" {also} would fit too.", f"{also} 亦可。") if also else ("", "")
    title = f" ({first.title})" if first.title else ""
    share = f"{100 * first.share:.0f} %"
    return Fault(
        "crs_contradicted",
        f"The coordinates are said to be {declared}, but such as ({x:.10g}, {y:.10g}) do not lie about the units then; "
        f"{share} of them do when read as {first.name}{title}{swapped}.{more} Say --crs {first.name} if that is so; "
        "nothing is assumed.",
        f"坐标声明为 {declared}，但 ({x:.10g}, {y:.10g}) 等并不位于网格范围内；按 {first.name}{title}{swapped_zh}"
        f"读取时有 {share} 位于其中。{more_zh}如属实请用 --crs {first.name} 指定；系统不作假定。",
        members={"likely": first.name},
    )


def _candidates(sample: Floats, bounds: Bounds, local: Iterable[Crs]) -> Iterator[tuple[Crs, str]]:
    yield from ((crs, "") for crs in local)
    if (np.abs(sample) <= 180).all():
        yield reference.parse("CRS84"), "WGS 84 / CGCS2000"
        return
    for name, title in _projected(bounds):
        try:
            yield reference.parse(name), title
        except Refusal:
            continue


@lru_cache(maxsize=4)
def _projected(bounds: Bounds) -> tuple[tuple[str, str], ...]:
    area = AreaOfInterest(*bounds)
    infos = query_crs_info(auth_name="EPSG", pj_types=PJType.PROJECTED_CRS, area_of_interest=area)
    known = sorted((int(each.code), each.name) for each in infos)[:MOST]
    return (*((f"EPSG:{code}", title) for code, title in known if code != 3857), ("EPSG:3857", "Web Mercator"))


def _share(lonlat: Floats, bounds: Bounds) -> float:
    west, south, east, north = bounds
    with np.errstate(invalid="ignore"):
        inside = (lonlat >= (west, south)).all(axis=1) & (lonlat <= (east, north)).all(axis=1)
    return float(inside.mean())


def _distance(lonlat: Floats, recorded: Floats | None) -> float:
    if recorded is None or not (there := np.isfinite(recorded).all(axis=1)).any():
        return 0.0
    gap = (lonlat - recorded)[there] * (np.cos(np.radians(recorded[there, 1:])) * [[1.0, 0.0]] + [[0.0, 1.0]])
    return float(111_194.9 * np.median(np.hypot(*gap.T)))
