"""Where it can matter how sure a position is: a raster of the cells that some edges cross.

It answers "may an edge be within reach?", never wrongly with no; so that the exact and slower question is put for few.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numba import njit
from numpy.typing import NDArray

from gis.metres import Floats

CELL_M = 25.0
MOST_CELLS = 1 << 24
WIDEST = 10  # cells on a side beyond which looking them up costs more than the exact question
DEGREE_M = 110_500.0  # metres in a degree of latitude, never more than there are

Flags = NDArray[np.bool_]


@njit(cache=True, nogil=True)
def _mark(starts: Floats, ends: Floats, west: float, south: float, step_x: float, step_y: float, cells: Flags) -> None:
    for k in range(len(starts)):
        x, y = starts[k, 0], starts[k, 1]
        wide, high = ends[k, 0] - x, ends[k, 1] - y
        pieces = int(max(abs(wide) / step_x, abs(high) / step_y)) + 1
        for piece in range(pieces):
            x0, x1 = x + wide * (piece / pieces), x + wide * ((piece + 1) / pieces)
            y0, y1 = y + high * (piece / pieces), y + high * ((piece + 1) / pieces)
            for i in range(int((min(y0, y1) - south) / step_y), int((max(y0, y1) - south) / step_y) + 1):
                for j in range(int((min(x0, x1) - west) / step_x), int((max(x0, x1) - west) / step_x) + 1):
                    cells[i, j] = True


@njit(cache=True, nogil=True)
def _is_crossed(cells: Flags, i0: int, i1: int, j0: int, j1: int) -> bool:
    for i in range(i0, i1 + 1):
        for j in range(j0, j1 + 1):
            if cells[i, j]:
                return True
    return False


@njit(cache=True, nogil=True)
def _ask(
    lonlat: Floats,
    reach: Floats,
    asked: Flags,
    west: float,
    south: float,
    step_x: float,
    step_y: float,
    cells: Flags,
    found: Flags,
) -> None:
    rows, columns = cells.shape
    per_x, per_y = 1.0 / step_x, 1.0 / step_y
    # Within the raster a degree of longitude is nowhere shorter than at its edge that is farther from the equator.
    farthest = min(max(abs(south), abs(south + rows * step_y)), 89.9)
    widest = 1.0 / np.cos(farthest * np.pi / 180)
    for k in range(len(lonlat)):
        if not asked[k]:
            continue
        high = reach[k] * (1.001 / DEGREE_M) + 1e-8
        lat = abs(lonlat[k, 1]) + high
        wide = high * widest if lat <= farthest else high / np.cos(min(lat, 89.9) * np.pi / 180)
        if high > WIDEST * step_y or wide > WIDEST * step_x:
            found[k] = True
            continue
        x, y = lonlat[k, 0] - west, lonlat[k, 1] - south
        i0, i1 = max(np.floor((y - high) * per_y), 0.0), min(np.floor((y + high) * per_y), rows - 1.0)
        j0, j1 = max(np.floor((x - wide) * per_x), 0.0), min(np.floor((x + wide) * per_x), columns - 1.0)
        if i0 <= i1 and j0 <= j1:
            found[k] = _is_crossed(cells, int(i0), int(i1), int(j0), int(j1))


@dataclass(frozen=True, slots=True)
class Frontier:
    """The raster: `cells` (rows, columns), from the corner west, south on, steps in degrees."""

    west: float
    south: float
    step_x: float
    step_y: float
    cells: Flags

    @classmethod
    def of(cls, starts: Floats, ends: Floats) -> Self:
        """The cells crossed by edges from `starts` (k, 2) to `ends` (k, 2), lon/lat."""
        if not len(starts):
            return cls(0.0, 0.0, 1.0, 1.0, np.zeros((1, 1), dtype=np.bool_))
        both = np.concatenate([starts, ends])
        (west, south), (east, north) = both.min(axis=0), both.max(axis=0)
        step_y = CELL_M / DEGREE_M
        step_x = step_y / max(np.cos(np.radians(min(max(abs(south), abs(north)), 85.0))), 0.05)
        grown = max(1.0, np.sqrt((east - west) / step_x * ((north - south) / step_y) / MOST_CELLS))
        step_x, step_y = step_x * grown, step_y * grown
        # One cell to spare on every side, for the last digits.
        west, south = west - step_x, south - step_y
        shape = int((north - south) / step_y) + 3, int((east - west) / step_x) + 3
        cells = np.zeros(shape, dtype=np.bool_)
        _mark(starts, ends, west, south, step_x, step_y, cells)
        return cls(float(west), float(south), float(step_x), float(step_y), cells)

    def may_reach(self, lonlat: Floats, reach_m: Floats, asked: Flags) -> Flags:
        """Which of the points (m, 2) that are `asked` about (m,) may have an edge within `reach_m` (m,) metres."""
        found = np.zeros(len(lonlat), dtype=np.bool_)
        _ask(lonlat, reach_m, asked, self.west, self.south, self.step_x, self.step_y, self.cells, found)
        return found
