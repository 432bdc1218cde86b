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
    rows: NDArray[np.void] | None
    """The bytes of each where all have the same length, as they mostly do."""

    @classmethod
    def of(cls, grid: Grid) -> "UnitCodes":
        codes = pa.array(grid.units.codes.all().tolist(), pa.string())
        _, starts, text = codes.buffers()
        ends = np.frombuffer(starts, np.int32, len(codes) + 1)
        length = int(ends[-1]) // max(len(codes), 1)
        alike = length > 0 and bool((np.diff(ends) == length).all())
        return cls(grid, codes, np.frombuffer(text, f"V{length}", len(codes)) if alike else None)

    def take(self, units: NDArray[np.int64]) -> pa.Array:
        """The codes of units (n,), null for -1."""
        there = units >= 0
        if self.rows is None:
            return self.codes.take(_column(units, there))
        bits, missing = _bits(there)
        text = self.rows.take(units[there] if missing else units)
        starts = np.zeros(len(units) + 1, np.int32)
        np.cumsum(there, out=starts[1:])
        starts *= self.rows.itemsize
        return pa.Array.from_buffers(pa.string(), len(units), [bits, pa.py_buffer(starts), pa.py_buffer(text)], missing)


def unit_codes(shelf: Shelf, grid: Grid) -> UnitCodes:
    """The codes of a grid's units, from the shelf where they are there."""
    units = shelf.get(("unit codes", id(grid)), lambda: UnitCodes.of(grid))
    return units if units.grid is grid else UnitCodes.of(grid)  # another one stood at this place in memory


def place_plainly(
    units: UnitCodes, lonlat: Floats, accuracy_m: Floats, scope: Scope, threads: int | None = None
) -> dict[str, pa.Array]:
    """`unit`, `boundary_distance_m`, `flags` of points (n, 2) with their errors (n,), NaN where unknown.

    The values are those of `api.lookups.answers.locate_columns`; for a point with NaN they are null.
    The work is shared among `threads`, by default as many as there are processors.
    """
    grid, count = units.grid, len(lonlat)
    found = grid.units.lowest(lonlat, threads)
    metres = grid.boundary_distance(lonlat, found, threads)
    gaps = np.full(count, -1, dtype=np.int64)
    out = np.flatnonzero(found < 0)
    if len(out):
        gaps[out] = grid.gaps.lowest(lonlat[out])
    if "" not in scope.owners:
        found = np.where(_allowed(grid, found, scope), found, -1)
    rounded, flags, there = np.empty(count), np.empty(count, dtype=np.int8), np.empty((2, count), dtype=np.bool_)
    _tell(lonlat, found, gaps, metres, accuracy_m, rounded, flags, there)
    return {
        "unit": units.take(found),
        "boundary_distance_m": _column(rounded, there[0]),
        "flags": pa.DictionaryArray.from_arrays(_column(flags, there[1]), _COMBINED),
    }


@njit(cache=True, nogil=True, error_model="numpy")
def _tell(
    lonlat: Any, found: Any, gaps: Any, metres: Any, accuracy_m: Any, rounded: Any, flags: Any, there: Any
) -> None:
    """Write rounded metres (n,), flags as masks (n,), and (2, n) whether there is a distance, a point."""
    for k in range(len(found)):
        good = np.isfinite(lonlat[k, 0]) and np.isfinite(lonlat[k, 1])
        rounded[k] = np.rint(metres[k] * 1000.0) / 1000.0
        mask = 1 if metres[k] < accuracy_m[k] else 0
        if found[k] < 0:
            mask |= 2 if gaps[k] >= 0 else 4
        flags[k] = mask
        there[0, k] = good and np.isfinite(metres[k])
        there[1, k] = good


def _column(values: NDArray[Any], there: NDArray[np.bool_]) -> pa.Array:
    """The values as Arrow has them, null where they are not there. No copy is made."""
    bits, missing = _bits(there)
    return pa.Array.from_buffers(pa.from_numpy_dtype(values.dtype), len(values), [bits, pa.py_buffer(values)], missing)


def _bits(there: NDArray[np.bool_]) -> tuple[pa.Buffer | None, int]:
    """What says which values are there, None where all are, and how many are not."""
    missing = len(there) - int(np.count_nonzero(there))
    return pa.py_buffer(np.packbits(there, bitorder="little")) if missing else None, missing


def _allowed(grid: Grid, found: NDArray[Any], scope: Scope) -> NDArray[np.bool_]:
    distinct, of = np.unique(found, return_inverse=True)
    allowed = [each >= 0 and scope.allows_owner(grid.units.codes[each]) for each in distinct.tolist()]
    return np.array(allowed, dtype=np.bool_)[of]
