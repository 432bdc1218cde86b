"""Density surfaces: how many points there are in each cell of a metre grid, as they are or spread by a kernel."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from gis import crs as reference
from gis.crs import CrsLike
from gis.errors import Refusal, refuse

CHINA = (73.5, 136.5)
FIRST_ZONE, FIRST_MERIDIAN = 4534, 75
"""EPSG:4534 to 4554: CGCS2000 / 3-degree Gauss-Kruger, central meridians 75, 78 … 135, without zone in the easting."""
MOST_CELLS = 100_000_000
MOST_REACH = 200
LOCAL_SCALE = 1e-3
"""A local plane has metres of its own, which are not quite a metre long."""


@dataclass(frozen=True, slots=True)
class Surface:
    """A grid north up: the upper left corner of `cells` (rows, columns) float32 is (left, top) in metres of `crs`.

    Without bandwidth a cell is the number of points in it; with one it is points per square kilometre. In both cases
    `total` is the number of points, which the cells add up to.
    """

    cells: NDArray[np.float32]
    left: float
    top: float
    cell_m: float
    crs: str
    total: int
    bandwidth_m: float | None

    @property
    def sum(self) -> float:
        """The number of points that the cells add up to."""
        per_cell = 1.0 if self.bandwidth_m is None else self.cell_m**2 / 1e6
        return float(self.cells.sum(dtype=np.float64)) * per_cell


def plane_of(lonlat: NDArray[np.float64]) -> str:
    """The metre plane of a place: in China the Gauss-Kruger zone of 3 degrees of CGCS2000 of the middle of the points,
    elsewhere its UTM zone on WGS 84.
    """
    lon = float(lonlat[:, 0].min() + lonlat[:, 0].max()) / 2
    lat = float(lonlat[:, 1].min() + lonlat[:, 1].max()) / 2
    if CHINA[0] <= lon < CHINA[1] and 0 < lat < 55:
        return f"EPSG:{FIRST_ZONE + math.floor((lon - CHINA[0]) / 3)}"
    return f"EPSG:{(32600 if lat >= 0 else 32700) + int((lon + 180) // 6) % 60 + 1}"


def check_grid(cell_m: float, bandwidth_m: float | None, crs: CrsLike | None = None) -> None:
    """Errors: Refusal density_wrong, crs_unknown."""
    if not (math.isfinite(cell_m) and 0.1 <= cell_m <= 100_000):
        raise _wrong(
            f"the cell must have 0.1 to 100000 metres, not {cell_m:g}",
            f"格网边长应为 0.1 至 100000 米，现为 {cell_m:g}",
        )
    if bandwidth_m is not None and not (math.isfinite(bandwidth_m) and cell_m <= bandwidth_m <= MOST_REACH * cell_m):
        raise _wrong(
            f"the bandwidth must be 1 to {MOST_REACH} cells, not {bandwidth_m / cell_m:g}",
            f"带宽应为格网边长的 1 至 {MOST_REACH} 倍，现为 {bandwidth_m / cell_m:g} 倍",
        )
    if crs is not None:
        system = reference.parse(crs)
        if system.is_geographic or abs(system.unit_m - 1) > LOCAL_SCALE:
            raise _wrong(f"{system.name[:60]} is no plane in metres", f"{system.name[:60]} 不是以米为单位的平面坐标系")


def density(
    pages: Iterable[NDArray[np.float64]], cell_m: float, bandwidth_m: float | None = None, crs: CrsLike | None = None
) -> Surface:
    """The surface of points, which come in pages (n, 2) of lon, lat.

    The grid lies on whole multiples of the cell, so that surfaces of one plane fit one another, and reaches as far as
    the kernel does: nothing is lost at its edges. Points are first counted by cell; the kernel is the quartic one,
    (1 - d²/h²)² within the bandwidth h (Silverman 1986), taken between middles of cells and scaled so that it adds up
    to one: every point counts wholly, and its place is off by half a cell at most.

    Errors: Refusal density_wrong, density_empty, crs_unknown.
    """
    check_grid(cell_m, bandwidth_m, crs)
    lonlat = np.concatenate([np.empty((0, 2)), *pages])
    lonlat = lonlat[np.isfinite(lonlat).all(axis=1)]
    if not len(lonlat):
        raise refuse(
            "density_empty", "There is nothing of that kind to count.", "没有符合条件的对象可供统计。", kind="missing"
        )
    plane = reference.parse(crs or plane_of(lonlat))
    xy = reference.from_store(lonlat, plane)
    if not np.isfinite(xy).all():
        raise _wrong(f"some points lie where {plane.name} does not reach", f"部分点超出 {plane.name} 的适用范围")
    column = np.floor(xy[:, 0] / cell_m).astype(np.int64)
    row = np.floor(-xy[:, 1] / cell_m).astype(np.int64)
    reach = 0 if bandwidth_m is None else math.ceil(bandwidth_m / cell_m)
    west, north = int(column.min()) - reach, int(row.min()) - reach
    columns, rows = int(column.max()) + reach + 1 - west, int(row.max()) + reach + 1 - north
    if rows * columns > MOST_CELLS:
        raise _wrong(
            f"{rows:,} x {columns:,} cells are too many: at most {MOST_CELLS:,}. Take a larger cell, and see whether "
            "some points lie far off",
            f"格网 {rows:,} x {columns:,} 超过 {MOST_CELLS:,} 个单元，请增大边长，并检查是否有点远离城区",
        )
    numbers, counts = np.unique((row - north) * columns + (column - west), return_counts=True)
    cells = np.zeros((rows, columns), dtype=np.float32)
    if bandwidth_m is None:
        cells.reshape(-1)[numbers] = counts
    else:
        kernel = quartic(bandwidth_m / cell_m) * (1e6 / cell_m**2)
        cells = _spread(numbers // columns, numbers % columns, counts.astype(np.float64), kernel, rows, columns)
    return Surface(cells, west * cell_m, -north * cell_m, cell_m, plane.name, len(xy), bandwidth_m)


def quartic(bandwidth: float) -> NDArray[np.float64]:
    """The quartic kernel of a bandwidth in cells, between middles of cells, adding up to 1."""
    reach = math.ceil(bandwidth)
    steps = np.arange(-reach, reach + 1) / bandwidth
    squared = steps[:, None] ** 2 + steps[None, :] ** 2
    kernel: NDArray[np.float64] = np.where(squared < 1, (1 - squared) ** 2, 0.0)
    kernel /= kernel.sum()
    return kernel


@njit(cache=True, nogil=True)
def _spread(row: Any, column: Any, counts: Any, kernel: Any, rows: int, columns: int) -> Any:
    """Add the kernel, times the count, around each cell; a cell far enough from the edges, as the caller sees to."""
    side = kernel.shape[0]
    reach = side // 2
    cells = np.zeros((rows, columns))
    for k in range(len(row)):
        for i in range(side):
            for j in range(side):
                cells[row[k] - reach + i, column[k] - reach + j] += counts[k] * kernel[i, j]
    return cells.astype(np.float32)


def _wrong(why: str, why_zh: str) -> Refusal:
    return refuse("density_wrong", f"No surface can be made: {why}.", f"无法生成密度面：{why_zh}。")
