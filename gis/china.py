"""GCJ-02 and BD-09, the obfuscated coordinates of Chinese map services; PROJ has neither.

All functions take and give float64 arrays (n, 2) of lon, lat in degrees. The formulas are the published ones
(eccentricity of Krasovsky's ellipsoid; BD offsets 0.0065 and 0.0060); the inverses iterate until the forward formula
gives the input back to less than 1 mm. The shift applies in a plain box around mainland China; outside it both systems
are WGS 84. Limit: the box also holds places outside mainland China (Hong Kong, Taiwan, parts of its neighbours), and
within 1 km of its border, where the shift begins at once, a position cannot be told from a shifted one.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Points = NDArray[np.float64]

BOX = (72.004, 0.8293, 137.8347, 55.8271)
"""West, south, east, north of the box in which the shift applies."""

_A = 6378137.0  # as in the implementations whose values the tests hold; Krasovsky's 6378245 differs by at most 1 cm
_E2 = 0.00669342162296594323
_BD_FREQUENCY = np.pi * 3000.0 / 180.0
_BD_OFFSET = (0.0065, 0.0060)
_REACH = 0.05  # degrees, more than any shift
_CLOSE = 1e-10  # degrees, 0.01 mm
_ROUNDS = 30  # each round gains two digits or more, so five or six are usual


def wgs84_to_gcj02(lonlat: Points) -> Points:
    """GCJ-02 of WGS 84 positions; those outside `BOX` come back unchanged."""
    return _forward(_gcj02, lonlat)


def gcj02_to_wgs84(lonlat: Points) -> Points:
    """WGS 84 of GCJ-02 positions, to less than 1 mm; those outside `BOX` come back unchanged."""
    return _inverse(_gcj02, lonlat)


def gcj02_to_bd09(lonlat: Points) -> Points:
    """BD-09 of GCJ-02 positions; those outside `BOX` come back unchanged."""
    return _forward(_bd09, lonlat)


def bd09_to_gcj02(lonlat: Points) -> Points:
    """GCJ-02 of BD-09 positions, to less than 1 mm; those outside `BOX` come back unchanged."""
    return _inverse(_bd09, lonlat)


def _forward(formula: Callable[[Points], Points], lonlat: Points) -> Points:
    result = np.array(lonlat, dtype=np.float64)
    inside = _in_box(result)
    result[inside] = formula(result[inside])
    return result


def _inverse(formula: Callable[[Points], Points], lonlat: Points) -> Points:
    """The positions in `BOX` that `formula` takes to `lonlat`, by fixed-point iteration."""
    result = np.array(lonlat, dtype=np.float64)
    near = np.flatnonzero(_in_box(result, _REACH))
    target = result[near]
    found = target.copy()
    for _ in range(_ROUNDS):
        error = formula(found) - target
        found -= error
        if not np.any(np.abs(error) > _CLOSE):
            break
    inside = _in_box(found)
    result[near[inside]] = found[inside]
    return result


def _in_box(lonlat: Points, margin: float = 0.0) -> NDArray[np.bool_]:
    west, south, east, north = BOX
    lon, lat = lonlat[:, 0], lonlat[:, 1]
    inside: NDArray[np.bool_] = (
        (lon >= west - margin) & (lon <= east + margin) & (lat >= south - margin) & (lat <= north + margin)
    )
    return inside


def _gcj02(lonlat: Points) -> Points:
    x, y = lonlat[:, 0] - 105.0, lonlat[:, 1] - 35.0
    sin, pi = np.sin, np.pi
    both = 0.1 * x * y + (20.0 * sin(6.0 * x * pi) + 20.0 * sin(2.0 * x * pi)) * 2.0 / 3.0
    east = 300.0 + x + 2.0 * y + 0.1 * x * x + 0.1 * np.sqrt(np.abs(x)) + both
    east += (20.0 * sin(x * pi) + 40.0 * sin(x / 3.0 * pi)) * 2.0 / 3.0
    east += (150.0 * sin(x / 12.0 * pi) + 300.0 * sin(x / 30.0 * pi)) * 2.0 / 3.0
    north = -100.0 + 2.0 * x + 3.0 * y + 0.2 * y * y + 0.2 * np.sqrt(np.abs(x)) + both
    north += (20.0 * sin(y * pi) + 40.0 * sin(y / 3.0 * pi)) * 2.0 / 3.0
    north += (160.0 * sin(y / 12.0 * pi) + 320.0 * sin(y * pi / 30.0)) * 2.0 / 3.0
    latitude = np.radians(lonlat[:, 1])
    w2: NDArray[np.float64] = 1.0 - _E2 * sin(latitude) ** 2
    shift = (east / (_A / np.sqrt(w2) * np.cos(latitude)), north / (_A * (1.0 - _E2) / w2**1.5))
    degrees: Points = np.degrees(np.column_stack(shift))
    return lonlat + degrees


def _bd09(lonlat: Points) -> Points:
    x, y = lonlat[:, 0], lonlat[:, 1]
    radius = np.hypot(x, y) + 0.00002 * np.sin(y * _BD_FREQUENCY)
    angle = np.arctan2(y, x) + 0.000003 * np.cos(x * _BD_FREQUENCY)
    return np.column_stack((radius * np.cos(angle) + _BD_OFFSET[0], radius * np.sin(angle) + _BD_OFFSET[1]))
