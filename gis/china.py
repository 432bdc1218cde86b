"""GCJ-02 and BD-09, the obfuscated coordinates of Chinese map services; PROJ has neither.

All functions take and give float64 arrays (n, 2) of lon, lat in degrees. The formulas are the published ones
(eccentricity of Krasovsky's ellipsoid; BD offsets 0.0065 and 0.0060); the inverses iterate until the forward formula
gives the input back to less than 1 mm. The shift applies in a plain box around mainland China; outside it both systems
are WGS 84. Limit: the box also holds places outside mainland China (Hong Kong, Taiwan, parts of its neighbours), and
within 1 km of its border, where the shift begins at once, a position cannot be told from a shifted one.

The work is done point by point by compiled code that releases the GIL. Sines of multiples of one angle are made from
the sine and cosine of that angle, which are polynomials: this is where the time goes.
"""

from math import factorial
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

Points = NDArray[np.float64]

BOX = (72.004, 0.8293, 137.8347, 55.8271)
"""West, south, east, north of the box in which the shift applies."""

_A = 6378137.0  # as in the implementations whose values the tests hold; Krasovsky's 6378245 differs by at most 1 cm
_E2 = 0.00669342162296594323
_BD_OFFSET_X, _BD_OFFSET_Y = 0.0065, 0.0060
_REACH = 0.05  # degrees, more than any shift
_CLOSE = 1e-10  # degrees, 0.01 mm
S3, S5, S7, S9, S11, S13, S15, S17, S19, S21 = ((-1) ** (k // 2) / factorial(k) for k in range(3, 22, 2))
C4, C6, C8, C10, C12, C14, C16, C18, C20, C22 = ((-1) ** (k // 2) / factorial(k) for k in range(4, 23, 2))
_BLOCK = 512
_GCJ02, _BD09 = 0, 1
_ROUNDS = 30  # each round gains two digits or more, so five or six are usual


def wgs84_to_gcj02(lonlat: Points) -> Points:
    """GCJ-02 of WGS 84 positions; those outside `BOX` come back unchanged."""
    return _moved(_forward, _GCJ02, lonlat)


def gcj02_to_wgs84(lonlat: Points) -> Points:
    """WGS 84 of GCJ-02 positions, to less than 1 mm; those outside `BOX` come back unchanged."""
    return _moved(_inverse, _GCJ02, lonlat)


def gcj02_to_bd09(lonlat: Points) -> Points:
    """BD-09 of GCJ-02 positions; those outside `BOX` come back unchanged."""
    return _moved(_forward, _BD09, lonlat)


def bd09_to_gcj02(lonlat: Points) -> Points:
    """GCJ-02 of BD-09 positions, to less than 1 mm; those outside `BOX` come back unchanged."""
    return _moved(_inverse, _BD09, lonlat)


def warm() -> None:
    """Load or compile the kernels, so that nobody waits for them."""
    point = np.array([[114.0, 22.5]])
    for way in (wgs84_to_gcj02, gcj02_to_wgs84, gcj02_to_bd09, bd09_to_gcj02):
        way(point)


def _moved(kernel: Any, formula: int, lonlat: Points) -> Points:
    moved = np.array(lonlat, dtype=np.float64, order="C")
    kernel(formula, moved)
    return moved


@njit(cache=True, nogil=True, inline="always")
def _in_box(lon: float, lat: float, margin: float) -> Any:
    return lon >= BOX[0] - margin and lon <= BOX[2] + margin and lat >= BOX[1] - margin and lat <= BOX[3] + margin


@njit(cache=True, nogil=True, inline="always")
def _sin_cos_pi(turns: float) -> Any:
    """The sine and cosine of pi * turns by their series, to some 1e-16; |turns| up to a few thousand."""
    whole = np.floor(turns + 0.5)
    z = (turns - whole) * np.pi
    q = z * z
    sin = S19 + q * S21
    sin = S17 + q * sin
    sin = S15 + q * sin
    sin = S13 + q * sin
    sin = S11 + q * sin
    sin = S9 + q * sin
    sin = S7 + q * sin
    sin = S5 + q * sin
    sin = S3 + q * sin
    cos = C20 + q * C22
    cos = C18 + q * cos
    cos = C16 + q * cos
    cos = C14 + q * cos
    cos = C12 + q * cos
    cos = C10 + q * cos
    cos = C8 + q * cos
    cos = C6 + q * cos
    cos = C4 + q * cos
    sign = 1.0 - 2.0 * abs(whole - 2.0 * np.floor(0.5 * whole))
    return sign * (z + z * q * sin), sign * (1.0 + q * (q * cos - 0.5))


@njit(cache=True, nogil=True, inline="always")
def _waves(x: float) -> Any:
    """The sines of 6, 2, 1, 1/3, 1/12 and 1/30 times pi * x."""
    s1, c1 = _sin_cos_pi(x)
    s2 = 2.0 * s1 * c1
    s6 = s2 * (3.0 - 4.0 * s2 * s2)
    s, c = _sin_cos_pi(x / 60.0)  # now multiples of this angle: 2, 4, 5, 10, 20
    s_30, c_30 = 2.0 * s * c, 1.0 - 2.0 * s * s
    s4, c4 = 2.0 * s_30 * c_30, 1.0 - 2.0 * s_30 * s_30
    s_12, c_12 = s4 * c + c4 * s, c4 * c - s4 * s
    s10, c10 = 2.0 * s_12 * c_12, 1.0 - 2.0 * s_12 * s_12
    return s6, s2, s1, 2.0 * s10 * c10, s_12, s_30


@njit(cache=True, nogil=True, inline="always")
def _gcj02(lon: float, lat: float) -> Any:
    x, y = lon - 105.0, lat - 35.0
    x6, x2, x1, x_3, x_12, x_30 = _waves(x)
    _, _, y1, y_3, y_12, y_30 = _waves(y)
    both = 0.1 * x * y + (20.0 * x6 + 20.0 * x2) * (2.0 / 3.0)
    east = 300.0 + x + 2.0 * y + 0.1 * x * x + 0.1 * np.sqrt(abs(x)) + both
    east += (20.0 * x1 + 40.0 * x_3 + 150.0 * x_12 + 300.0 * x_30) * (2.0 / 3.0)
    north = -100.0 + 2.0 * x + 3.0 * y + 0.2 * y * y + 0.2 * np.sqrt(abs(x)) + both
    north += (20.0 * y1 + 40.0 * y_3 + 160.0 * y_12 + 320.0 * y_30) * (2.0 / 3.0)
    sin, cos = _sin_cos_pi(lat / 180.0)
    w2 = 1.0 - _E2 * sin * sin
    w = np.sqrt(w2)
    degrees = 180.0 / np.pi / _A
    return lon + east * degrees * w / cos, lat + north * degrees * w2 * w / (1.0 - _E2)


@njit(cache=True, nogil=True, inline="always")
def _bd09(lon: float, lat: float) -> Any:
    """In polar coordinates the radius grows by up to 2e-5 and the angle turns by up to 3e-6, without an arc tangent."""
    wave, _ = _sin_cos_pi(lat * (3000.0 / 180.0))
    _, turn = _sin_cos_pi(lon * (3000.0 / 180.0))
    turn *= 0.000003
    grown = 1.0 + 0.00002 * wave / np.sqrt(lon * lon + lat * lat)
    sin, cos = turn - turn * turn * turn / 6.0, 1.0 - 0.5 * turn * turn
    return grown * (lon * cos - lat * sin) + _BD_OFFSET_X, grown * (lat * cos + lon * sin) + _BD_OFFSET_Y


@njit(cache=True, nogil=True, error_model="numpy")
def _apply(formula: int, count: int, lon: Points, lat: Points, to_lon: Points, to_lat: Points) -> None:
    """The formula on the first `count` of a block. Straight loops, which the processor does for several at once."""
    if formula == _GCJ02:
        for k in range(count):
            to_lon[k], to_lat[k] = _gcj02(lon[k], lat[k])
    else:
        for k in range(count):
            to_lon[k], to_lat[k] = _bd09(lon[k], lat[k])


@njit(cache=True, nogil=True, error_model="numpy")
def _forward(formula: int, lonlat: Points) -> None:
    """Move what lies in the box."""
    lon, lat, places = np.empty(_BLOCK), np.empty(_BLOCK), np.empty(_BLOCK, dtype=np.int64)
    to_lon, to_lat = np.empty(_BLOCK), np.empty(_BLOCK)
    first = 0
    while first < len(lonlat):
        first, count = _gather(lonlat, first, 0.0, lon, lat, places)
        _apply(formula, count, lon, lat, to_lon, to_lat)
        for k in range(count):
            lonlat[places[k], 0], lonlat[places[k], 1] = to_lon[k], to_lat[k]


@njit(cache=True, nogil=True, error_model="numpy")
def _inverse(formula: int, lonlat: Points) -> None:
    """Find what the formula takes there, by fixed-point iteration; what would come from outside the box stays."""
    lon, lat, places = np.empty(_BLOCK), np.empty(_BLOCK), np.empty(_BLOCK, dtype=np.int64)
    x, y, left = np.empty(_BLOCK), np.empty(_BLOCK), np.empty(_BLOCK)
    there_x, there_y = np.empty(_BLOCK), np.empty(_BLOCK)
    offset_x, offset_y = (0.0, 0.0) if formula == _GCJ02 else (_BD_OFFSET_X, _BD_OFFSET_Y)
    first = 0
    while first < len(lonlat):
        first, count = _gather(lonlat, first, _REACH, lon, lat, places)
        for k in range(count):
            x[k], y[k], left[k] = lon[k] - offset_x, lat[k] - offset_y, 1.0
        for _ in range(_ROUNDS):
            _apply(formula, count, x, y, there_x, there_y)
            many = 0.0
            for k in range(count):
                error_x, error_y = lon[k] - there_x[k], lat[k] - there_y[k]
                # What is close stays where it is: no answer may depend on the points beside it.
                x[k] += left[k] * error_x
                y[k] += left[k] * error_y
                left[k] *= (abs(error_x) > _CLOSE) | (abs(error_y) > _CLOSE)
                many += left[k]
            if many == 0.0:
                break
        for k in range(count):
            if _in_box(x[k], y[k], 0.0):
                lonlat[places[k], 0], lonlat[places[k], 1] = x[k], y[k]


@njit(cache=True, nogil=True)
def _gather(lonlat: Points, first: int, margin: float, lon: Any, lat: Any, places: Any) -> tuple[int, int]:
    """Take the next positions in the box into a block: (where to go on, how many there are)."""
    count = 0
    while first < len(lonlat) and count < len(lon):
        lon[count], lat[count], places[count] = lonlat[first, 0], lonlat[first, 1], first
        count += _in_box(lonlat[first, 0], lonlat[first, 1], margin)
        first += 1
    return first, count
