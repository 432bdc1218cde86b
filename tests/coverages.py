"""Invented seamless coverages for tests."""

from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from gis.metres import per_degree

WEST, SOUTH = 114.05, 22.54
CELL_M = 100.0


def lattice(nx: int, ny: int, seed: int = 0) -> tuple[NDArray[Any], NDArray[Any]]:
    """nx * ny polygons of about 100 m x 100 m without gap or overlap, and their 15-digit codes.

    Corners are jittered, shared edges irregular and the same on both sides: 8 to 48 vertices a polygon. Lon/lat around
    114.05, 22.54, rounded to 1e-9 degree. Numbered west to east, then north to south, 999 units a community.
    """
    random = np.random.default_rng(seed)
    per_lon, per_lat = per_degree(SOUTH)
    metre = np.array([1 / per_lon, 1 / per_lat])

    corners = np.stack(np.meshgrid(np.arange(nx + 1.0), np.arange(ny + 1.0), indexing="ij"), axis=-1) * CELL_M
    corners += random.uniform(-0.15, 0.15, corners.shape) * CELL_M

    def edge(a: NDArray[Any], b: NDArray[Any]) -> NDArray[Any]:
        """a and the nodes between a and b, wandering sideways by up to an eighth of the way to the nearer end."""
        t = np.linspace(0, 1, int(random.integers(1, 12)) + 2)[:-1, None]
        aside = random.uniform(-0.125, 0.125, t.shape) * np.minimum(t, 1 - t)
        along = b - a
        nodes = a + along * t + np.array([-along[1], along[0]]) * aside
        return np.round(np.array([WEST, SOUTH]) + nodes * metre, 9)

    flat = [[edge(corners[i, j], corners[i + 1, j]) for j in range(ny + 1)] for i in range(nx)]
    steep = [[edge(corners[i, j], corners[i, j + 1]) for j in range(ny)] for i in range(nx + 1)]

    def backwards(nodes: NDArray[Any], end: NDArray[Any]) -> NDArray[Any]:
        return np.vstack([end, nodes[:0:-1]])

    ends = np.round(np.array([WEST, SOUTH]) + corners * metre, 9)
    polygons = [
        shapely.Polygon(
            np.vstack(
                [
                    flat[i][j],
                    steep[i + 1][j],
                    backwards(flat[i][j + 1], ends[i + 1, j + 1]),
                    backwards(steep[i][j], ends[i, j + 1]),
                ]
            )
        )
        for j in reversed(range(ny))
        for i in range(nx)
    ]
    codes = [f"440305{1 + n // 999 // 999:03d}{1 + n // 999 % 999:03d}{1 + n % 999:03d}" for n in range(nx * ny)]
    return np.array(polygons, dtype=object), np.array(codes)
