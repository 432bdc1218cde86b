"""Positions as senders deliver them, into lon, lat of the store, with what is wrong with each."""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from gis import crs
from gis.errors import Fault, Refusal

Position = tuple[float, float, crs.CrsLike]
"""x, y and their CRS or its name."""
MOST_UNKNOWN = 20
"""Systems that are looked for in vain in one go: a third of a second goes by with each."""
ReadCrs = Callable[[crs.CrsLike], crs.Crs]
"""The CRS that a name means; Refusal crs_unknown."""


def to_places(
    positions: Sequence[Position | None], read_crs: ReadCrs = crs.parse
) -> tuple[NDArray[np.float64], dict[int, Fault]]:
    """lon, lat (n, 2) in EPSG:4490 rounded as the store keeps them, NaN where there is none, and the faults by index.

    Faults: crs_unknown, crs_no_transformation, swapped_axes, coordinates_out_of_range. Every CRS is converted once,
    for all the positions that name it.
    """
    lonlat = np.full((len(positions), 2), np.nan)
    faults: dict[int, Fault] = {}
    groups: dict[crs.CrsLike, list[int]] = {}
    unknown = 0
    for index, position in enumerate(positions):
        if position is not None:
            groups.setdefault(position[2], []).append(index)
    for name, indices in groups.items():
        xy = np.array([(positions[index] or ())[:2] for index in indices], dtype=np.float64)
        if unknown >= MOST_UNKNOWN:
            faults.update(dict.fromkeys(indices, _too_many()))
            continue
        try:
            system = read_crs(name)
            stored = crs.to_store(xy, system)
        except Refusal as refusal:
            faults.update(dict.fromkeys(indices, refusal.faults[0]))
            unknown += 1
            continue
        for at in np.flatnonzero(suspect(xy, stored, system)):
            fault = _wrong(xy[at], stored[at], system)
            if fault is not None:
                faults[indices[at]] = fault
                stored[at] = np.nan
        lonlat[indices] = np.round(stored, crs.DECIMALS)
    return lonlat, faults


def _too_many() -> Fault:
    return Fault(
        "crs_unknown",
        f"More than {MOST_UNKNOWN} coordinate systems named here are unknown; the others were not looked for.",
        f"此处有超过 {MOST_UNKNOWN} 个坐标系无法识别，其余未再查找。",
    )


def _beyond(lonlat: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Which positions (n, 2) are no longitude and latitude; also those that have none."""
    return ~((np.abs(lonlat[:, 0]) <= 180) & (np.abs(lonlat[:, 1]) <= 90))


def _astray(lonlat: NDArray[np.float64], system: crs.Crs) -> NDArray[np.bool_]:
    """Which positions (n, 2) lie more than 3 degrees outside the area that a projected CRS is meant for."""
    if system.is_geographic or system.area is None:
        return _beyond(lonlat)
    west, south, east, north = system.area
    x, y = lonlat[:, 0], lonlat[:, 1]
    return ~((x >= west - 3) & (x <= east + 3) & (y >= south - 3) & (y <= north + 3))


def suspect(xy: NDArray[np.float64], stored: NDArray[np.float64], system: crs.Crs) -> NDArray[np.bool_]:
    """Which positions deserve the closer look of `_wrong`; cheap, and never less than those that are wrong."""
    if not system.is_geographic:
        return _astray(stored, system)
    return _beyond(xy) | _beyond(stored) | ((np.abs(xy[:, 0]) <= 90) & (np.abs(xy[:, 1]) >= 73))


def _wrong(xy: NDArray[np.float64], stored: NDArray[np.float64], system: crs.Crs) -> Fault | None:
    """What is wrong with this one position (2,)."""
    if system.is_geographic:
        swapped = crs.check_axes(xy[None])
        impossible = _beyond(xy[None])[0] or _beyond(stored[None])[0]
    else:
        swapped = None if _astray(crs.to_store(xy[None, ::-1], system), system)[0] else crs.swapped_axes(xy)
        impossible = _beyond(stored[None])[0]
    if swapped is not None:
        return swapped
    shown = f"({xy[0]:.10g}, {xy[1]:.10g})"
    en, zh = f"There is no place {shown} in {system.name}.", f"{system.name}中不存在位置{shown}。"
    return Fault("coordinates_out_of_range", en, zh) if impossible else None
