"""Metres around a point: lengths of a degree, and distances from points to lines held in lon/lat.

The measure. At the point (lon0, lat0) one degree of latitude is M*pi/180 metres and one of longitude N*cos(lat0)*pi/180
metres, M and N being the radii of curvature of the ellipsoid in the meridian and in the prime vertical. That maps the
neighbourhood to the tangent plane, where an edge that is straight in lon/lat is straight too: the nearest place of an
edge is looked for there. Its distance is then sqrt(dx² + dy²) with dx taken at the middle latitude (a meridian's
convergence is the greatest error of the bare plane: 4e-5 at 1 km in latitude 54).

Error against the geodesic, relative, found by trying every direction in latitudes 0 to 85 (tests/gis/test_metres.py
holds it to that): 8e-7 at 1 km, that is 0.8 mm, and in proportion below; in latitudes up to 60 also 8e-6 at 10 km and
8e-5 at 100 km. Beyond some hundred kilometres a distance is good for order alone.

Radii of curvature: Torge, Geodesy, 4th ed., section 4.1.2; ellipsoid of CGCS2000 (GB 22021), whose difference from
GRS 80 and WGS 84 is below 0.2 mm in the radii.
"""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import shapely
from numba import njit
from numpy.typing import ArrayLike, NDArray

from gis.heap.lines import frozen
from gis.lanes import SHORTEST_M2, least_of_4, least_of_8

SEMI_MAJOR_M = 6378137.0
FLATTENING = 1 / 298.257222101
ECCENTRICITY_2 = FLATTENING * (2 - FLATTENING)
WHOLE_WORLD_DEG = 720.0  # wide enough a half box for any point to any other

Floats = NDArray[np.float64]
Indices = NDArray[np.int64]


def radii(lat: ArrayLike) -> tuple[Floats, Floats]:
    """Radii of curvature in metres (meridian M, prime vertical N) at latitudes in degrees."""
    sin2 = np.sin(np.radians(np.asarray(lat, dtype=np.float64))) ** 2
    flattened = 1 - ECCENTRICITY_2 * sin2
    prime_vertical = SEMI_MAJOR_M / np.sqrt(flattened)
    return prime_vertical * (1 - ECCENTRICITY_2) / flattened, prime_vertical


def per_degree(lat: ArrayLike) -> tuple[Floats, Floats]:
    """Metres per degree of longitude and of latitude, in this order, at latitudes in degrees."""
    meridian, prime_vertical = radii(lat)
    per_lon = np.radians(prime_vertical * np.cos(np.radians(np.asarray(lat, dtype=np.float64))))
    return per_lon, np.radians(meridian)


def _measures(lat: Floats) -> Floats:
    """`per_degree` and `_bend` of latitudes (n,) side by side (n, 3)."""
    angle = np.radians(lat)
    cos = np.cos(angle)
    meridian, prime_vertical = radii(lat)
    found = np.empty((len(lat), 3))
    found[:, 0], found[:, 1] = np.radians(prime_vertical * cos), np.radians(meridian)
    found[:, 2] = -np.tan(angle) / (2 * prime_vertical)
    return found


def _bend(lat: Floats) -> Floats:
    """How much a parallel's length changes, relative and halved, per metre northwards: -tan(lat) / 2N in 1/m."""
    return -np.tan(np.radians(lat)) / (2 * radii(lat)[1])


def boxes(lonlat: Floats, reach_m: ArrayLike) -> NDArray[Any]:
    """For each point a box in degrees that holds everything within `reach_m` metres of it, as measured here.

    lonlat (m, 2), finite; reach_m scalar or (m,), not negative, inf allowed. Gives shapely boxes (m,).
    """
    lon, lat = lonlat[:, 0], lonlat[:, 1]
    reach = np.minimum(np.broadcast_to(np.asarray(reach_m, dtype=np.float64), lat.shape), 1e9)
    per_lon, per_lat = per_degree(lat)
    # Towards the pole a degree of longitude shrinks, to no less than half of what it is here (x * cot(x) <= 1).
    shrunk = np.maximum(1 - np.abs(_bend(lat)) * reach, 0.5)
    half_lat = np.minimum(reach / per_lat, WHOLE_WORLD_DEG)
    half_lon = np.minimum(reach / np.maximum(per_lon * shrunk, 1e-9), WHOLE_WORLD_DEG)
    # The last digits of the distance and of the box's own corners must not lose what lies exactly at the reach.
    half_lon, half_lat = half_lon * (1 + 1e-9) + 1e-12, half_lat * (1 + 1e-9) + 1e-12
    found: NDArray[Any] = shapely.box(lon - half_lon, lat - half_lat, lon + half_lon, lat + half_lat)
    return found


def widest_degrees(geometries: NDArray[Any], metres: float) -> float:
    """Degrees that are at least `metres` in every direction, anywhere on geometries (n,) up to latitude 89."""
    if len(geometries) == 0:
        return 0.0
    bounds = shapely.total_bounds(geometries)
    return metres / float(per_degree(min(float(np.abs(bounds[[1, 3]]).max()), 89.0))[0])


def checked_reach(reach_m: ArrayLike, count: int) -> Floats:
    """`reach_m` as an array (count,); ValueError for a negative reach or one that is not a number."""
    reach = np.broadcast_to(np.asarray(reach_m, dtype=np.float64), (count,))
    if not (reach >= 0).all():
        raise ValueError("a reach is a number of metres that is not negative")
    return reach


@dataclass(frozen=True, slots=True)
class Paths:
    """The points, lines and rings of n geometries in flat arrays.

    Geometry g has the paths path_starts[g] to path_starts[g + 1]; path p has the coordinates coord_starts[p] to
    coord_starts[p + 1] of `coords` (k, 2) lon/lat. A ring repeats its first coordinate at its end, a point is a path
    of one coordinate. Holes and all parts are included.
    """

    coords: Floats
    coord_starts: Indices
    path_starts: Indices

    @classmethod
    def of(cls, geometries: NDArray[Any]) -> Self:
        """Points, lines, polygons and multi-geometries of them; ValueError for another type."""
        if not np.isin(shapely.get_type_id(geometries), (0, 1, 2, 3, 4, 5, 6)).all():
            raise ValueError("only points, lines, polygons and multi-geometries of one of them have paths")
        parts, owner = shapely.get_parts(geometries, return_index=True)
        solid = shapely.get_type_id(parts) == 3
        rings, ring_part = shapely.get_rings(parts[solid], return_index=True)
        paths = np.concatenate([parts[~solid], rings])
        path_owner = np.concatenate([owner[~solid], owner[solid][ring_part]])
        order = np.argsort(path_owner, kind="stable")
        coords, coord_path = shapely.get_coordinates(paths[order], return_index=True)
        return cls(
            frozen(np.ascontiguousarray(coords, dtype=np.float64)),
            frozen(_starts(coord_path, len(paths))),
            frozen(_starts(path_owner, len(geometries))),
        )

    def chosen(self, others: "Paths", order: Indices) -> "Paths":
        """The geometries `order` of these (0 to n) and, counted behind them, of others."""
        coord_starts = np.concatenate([self.coord_starts, others.coord_starts[1:] + len(self.coords)])
        path_starts = np.concatenate([self.path_starts, others.path_starts[1:] + len(self.coord_starts) - 1])
        paths, new_path_starts = _ranges(path_starts, order)
        places, new_coord_starts = _ranges(coord_starts, paths)
        coords = np.concatenate([self.coords, others.coords])[places]
        return Paths(frozen(np.ascontiguousarray(coords)), frozen(new_coord_starts), frozen(new_path_starts))

    def distances(self, lonlat: Floats, points: Indices, geometries: Indices) -> Floats:
        """Metres from each point to the nearest place of its geometry's paths, for pairs of indices (k,), (k,).

        `lonlat` (m, 2) is what `points` count. The inside of a polygon is not zero: that is the distance to its edge.
        """
        return _distances(
            lonlat,
            _measures(lonlat[:, 1]),
            np.ascontiguousarray(points, dtype=np.int64),
            np.ascontiguousarray(geometries, dtype=np.int64),
            self.coords,
            self.coord_starts,
            self.path_starts,
        )


def _ranges(starts: Indices, order: Indices) -> tuple[Indices, Indices]:
    """All that lies in the groups `order`, one group after the other, and where each of these then begins."""
    sizes = (starts[1:] - starts[:-1])[order]
    begins = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
    return np.repeat(starts[order] - begins[:-1], sizes) + np.arange(begins[-1], dtype=np.int64), begins


def _starts(owners: NDArray[Any], count: int) -> Indices:
    """Where each of `count` owners begins in a sequence grouped by owner, with the end appended."""
    return np.concatenate([[0], np.cumsum(np.bincount(owners, minlength=count))]).astype(np.int64)


@njit(cache=True, nogil=True, error_model="numpy", forceinline=True)
def ring_distance(
    lon: float, lat: float, per_lon: float, per_lat: float, bend: float, values: Any, begin: int, end: int
) -> float:
    """Square metres from one point to the nearest place of a path, for kernels.

    The path is values[begin:end]: x, y, x, y … in lon/lat; begin < end.
    """
    edges = ((end - begin) >> 1) - 1
    if edges >= 8:
        return float(least_of_8(values, begin, edges, (lon, lat, per_lon, per_lat, bend)))
    if edges >= 4:
        return float(least_of_4(values, begin, edges, (lon, lat, per_lon, per_lat, bend)))
    ax = (values[begin] - lon) * per_lon
    ay = (values[begin + 1] - lat) * per_lat
    dx = ax * (1.0 + bend * ay)
    least = dx * dx + ay * ay
    for k in range(begin, begin + 2 * edges, 2):
        least = min(least, edge_distance(lon, lat, per_lon, per_lat, bend, values, k))
    return float(least)


@njit(cache=True, nogil=True, error_model="numpy", forceinline=True)
def edge_distance(lon: float, lat: float, per_lon: float, per_lat: float, bend: float, values: Any, at: int) -> float:
    """Square metres from one point to the nearest place of the edge values[at:at + 4], x, y, x, y in lon/lat."""
    ax, ay = (values[at] - lon) * per_lon, (values[at + 1] - lat) * per_lat
    ux, uy = (values[at + 2] - lon) * per_lon - ax, (values[at + 3] - lat) * per_lat - ay
    length = max(ux * ux + uy * uy, SHORTEST_M2)
    share = min(max(-(ax * ux + ay * uy) / length, 0.0), 1.0)
    nx, ny = ax + ux * share, ay + uy * share
    dx = nx * (1.0 + bend * ny)
    return float(dx * dx + ny * ny)


@njit(cache=True, nogil=True, error_model="numpy")
def path_distance(
    lon: float,
    lat: float,
    per_lon: float,
    per_lat: float,
    bend: float,
    geometry: int,
    coords: Floats,
    coord_starts: Indices,
    path_starts: Indices,
) -> float:
    """Metres from one point to the nearest place of a geometry's paths, for kernels; the arrays are those of `Paths`.

    `per_lon`, `per_lat` are those of `per_degree`, `bend` is the change of a parallel's length: see `measures_at`.
    """
    least = np.inf
    for path in range(path_starts[geometry], path_starts[geometry + 1]):
        begin, end = 2 * coord_starts[path], 2 * coord_starts[path + 1]
        least = min(least, ring_distance(lon, lat, per_lon, per_lat, bend, coords.reshape(-1), begin, end))
    return float(np.sqrt(least))


@njit(cache=True, nogil=True, inline="always")
def halves(per_lon: float, per_lat: float, bend: float, reach: float) -> tuple[float, float]:
    """Half the width and height in degrees of the box that holds the reach, as `boxes` draws it, for kernels."""
    reach = min(reach, 1e9)
    shrunk = max(1.0 - abs(bend) * reach, 0.5)
    wide = min(reach / max(per_lon * shrunk, 1e-9), WHOLE_WORLD_DEG)
    high = min(reach / per_lat, WHOLE_WORLD_DEG)
    return wide * (1.0 + 1e-9) + 1e-12, high * (1.0 + 1e-9) + 1e-12


@njit(cache=True, nogil=True)
def measures_at(lat: float) -> tuple[float, float, float]:
    """`per_degree` and the bend of one latitude, for kernels."""
    sin, cos = np.sin(np.radians(lat)), np.cos(np.radians(lat))
    flattened = 1 - ECCENTRICITY_2 * (sin * sin)
    prime_vertical = SEMI_MAJOR_M / np.sqrt(flattened)
    meridian = prime_vertical * (1 - ECCENTRICITY_2) / flattened
    return np.radians(prime_vertical * cos), np.radians(meridian), -sin / (cos * (2 * prime_vertical))


@njit(cache=True, nogil=True)
def _distances(
    lonlat: Floats,
    measures: Floats,
    points: Indices,
    geometries: Indices,
    coords: Floats,
    coord_starts: Indices,
    path_starts: Indices,
) -> Floats:
    found = np.empty(len(points), dtype=np.float64)
    for pair in range(len(points)):
        point = points[pair]
        found[pair] = path_distance(
            lonlat[point, 0],
            lonlat[point, 1],
            measures[point, 0],
            measures[point, 1],
            measures[point, 2],
            geometries[pair],
            coords,
            coord_starts,
            path_starts,
        )
    return found
