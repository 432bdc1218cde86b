"""The plain columns of many lookups, unit, distance and flags, without an object for each."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numba import njit
from numpy.typing import NDArray

from api.shelf import Shelf
from gis.metres import Floats
from gis.store.scope import Scope
from grids.lookup import Grid

FLAGS = ("near_boundary", "named_gap", "outside")
"""Flag k is bit k of a mask; outside and named_gap exclude each other."""
_COMBINED = pa.array([";".join(sorted(flag for k, flag in enumerate(FLAGS) if mask >> k & 1)) for mask in range(8)])


@dataclass(frozen=True, slots=True)
class UnitCodes:
    """The codes of a grid's units as Arrow has them, made once for many batches."""

    grid: Grid
    codes: pa.Array

    @classmethod
    def of(cls, grid: Grid) -> "UnitCodes":
        return cls(grid, pa.array(grid.units.codes.all().tolist(), pa.string()))


def unit_codes(shelf: Shelf, grid: Grid) -> UnitCodes:
    """The codes of a grid's units, from the shelf where they are there."""
    units = shelf.get(("unit codes", id(grid)), lambda: UnitCodes.of(grid))
    return units if units.grid is grid else UnitCodes.of(grid)  # another one stood at this place in memory


def place_plainly(units: UnitCodes, lonlat: Floats, accuracy_m: Floats, scope: Scope) -> dict[str, pa.Array]:
    """`unit`, `boundary_distance_m`, `flags` of points (n, 2) with their errors (n,), NaN where unknown.

    The values are those of `api.answers.locate_columns`; for a point with NaN they are null.
    """
    grid, count = units.grid, len(lonlat)
    found = grid.units.lowest(lonlat)
    metres = grid.boundary_distance(lonlat, found)
    gaps = np.full(count, -1, dtype=np.int64)
    out = np.flatnonzero(found < 0)
    if len(out):
        gaps[out] = grid.gaps.lowest(lonlat[out])
    if "" not in scope.owners:
        found = np.where(_allowed(grid, found, scope), found, -1)
    rounded, flags, there = np.empty(count), np.empty(count, dtype=np.int8), np.empty((3, count), dtype=np.bool_)
    _tell(lonlat, found, gaps, metres, accuracy_m, rounded, flags, there)
    return {
        "unit": units.codes.take(_column(found, there[0])),
        "boundary_distance_m": _column(rounded, there[1]),
        "flags": pa.DictionaryArray.from_arrays(_column(flags, there[2]), _COMBINED),
    }


@njit(cache=True, nogil=True, error_model="numpy")
def _tell(
    lonlat: Any, found: Any, gaps: Any, metres: Any, accuracy_m: Any, rounded: Any, flags: Any, there: Any
) -> None:
    """Write rounded metres (n,), flags as masks (n,), and (3, n) whether there is a unit, a distance, a point."""
    for k in range(len(found)):
        good = np.isfinite(lonlat[k, 0]) and np.isfinite(lonlat[k, 1])
        rounded[k] = np.rint(metres[k] * 1000.0) / 1000.0
        mask = 1 if metres[k] < accuracy_m[k] else 0
        if found[k] < 0:
            mask |= 2 if gaps[k] >= 0 else 4
        flags[k] = mask
        there[0, k] = found[k] >= 0
        there[1, k] = good and np.isfinite(metres[k])
        there[2, k] = good


def _column(values: NDArray[Any], there: NDArray[np.bool_]) -> pa.Array:
    """The values as Arrow has them, null where they are not there. No copy is made."""
    missing = len(there) - int(np.count_nonzero(there))
    bits = pa.py_buffer(np.packbits(there, bitorder="little")) if missing else None
    return pa.Array.from_buffers(pa.from_numpy_dtype(values.dtype), len(values), [bits, pa.py_buffer(values)], missing)


def _allowed(grid: Grid, found: NDArray[Any], scope: Scope) -> NDArray[np.bool_]:
    distinct, of = np.unique(found, return_inverse=True)
    allowed = [each >= 0 and scope.allows_owner(grid.units.codes[each]) for each in distinct.tolist()]
    return np.array(allowed, dtype=np.bool_)[of]
