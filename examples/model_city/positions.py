"""Positions in metres and degrees, the error of a report, and GCJ-02. All arrays are (n, 2) lon, lat."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Positions = NDArray[np.float64]

LON, LAT = 114.05, 22.54
"""The middle of the city."""

DECIMALS = 9
"""Every coordinate is rounded to 1e-9 degree before anything is made of it, so that neighbours agree to the bit."""

_A, _F = 6378137.0, 1 / 298.257222101  # CGCS2000
_E2 = _F * (2 - _F)
_GCJ_A, _GCJ_E2 = 6378245.0, 0.00669342162296594323  # Krasovsky, as the published algorithm has it


def metres_per_degree(lat: Any) -> tuple[Any, Any]:
    """Metres in a degree of longitude and of latitude at `lat`, from the ellipsoid's radii of curvature."""
    sine = np.sin(np.radians(lat))
    root = np.sqrt(1 - _E2 * sine * sine)
    along_parallel = np.radians(_A / root) * np.cos(np.radians(lat))
    along_meridian = np.radians(_A * (1 - _E2) / root**3)
    return along_parallel, along_meridian


def moved(lonlat: Positions, east: NDArray[np.float64], north: NDArray[np.float64]) -> Positions:
    """The positions moved by metres (n,) to the east and to the north."""
    per_lon, per_lat = metres_per_degree(lonlat[:, 1])
    return np.asarray(lonlat + np.stack([east / per_lon, north / per_lat], axis=1))


def reported(rng: np.random.Generator, lonlat: Positions, accuracy: NDArray[np.float64]) -> Positions:
    """The positions as somebody reports them: uniform in the disc of 99 % of `accuracy` (n,) metres.

    The last per cent pays for the rounding of the file (1 mm) and for a degree being not quite the same length at both
    ends of the error, so that no error is above the accuracy however it is measured.
    """
    distance = 0.99 * accuracy * np.sqrt(rng.random(len(lonlat)))
    bearing = rng.uniform(0, 2 * np.pi, len(lonlat))
    return moved(lonlat, distance * np.sin(bearing), distance * np.cos(bearing))


def to_gcj02(lonlat: Positions) -> Positions:
    """The positions as Chinese maps and phones give them (the published GCJ-02 algorithm, mainland only)."""
    lon, lat = lonlat[:, 0], lonlat[:, 1]
    x, y, pi = lon - 105, lat - 35, np.pi
    wave = (20 * np.sin(6 * pi * x) + 20 * np.sin(2 * pi * x)) * 2 / 3
    north = -100 + 2 * x + 3 * y + 0.2 * y * y + 0.1 * x * y + 0.2 * np.sqrt(np.abs(x)) + wave
    north += (20 * np.sin(pi * y) + 40 * np.sin(pi / 3 * y)) * 2 / 3
    north += (160 * np.sin(pi / 12 * y) + 320 * np.sin(pi / 30 * y)) * 2 / 3
    east = 300 + x + 2 * y + 0.1 * x * x + 0.1 * x * y + 0.1 * np.sqrt(np.abs(x)) + wave
    east += (20 * np.sin(pi * x) + 40 * np.sin(pi / 3 * x)) * 2 / 3
    east += (150 * np.sin(pi / 12 * x) + 300 * np.sin(pi / 30 * x)) * 2 / 3
    sine = np.sin(np.radians(lat))
    magic = 1 - _GCJ_E2 * sine * sine
    per_lat = np.radians(_GCJ_A * (1 - _GCJ_E2) / (magic * np.sqrt(magic)))
    per_lon = np.radians(_GCJ_A / np.sqrt(magic) * np.cos(np.radians(lat)))
    return np.asarray(lonlat + np.stack([east / per_lon, north / per_lat], axis=1))
