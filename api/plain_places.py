"""The plain columns of many lookups, unit, distance and flags, without an object for each."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
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
        return cls(grid, pa.array(grid.unit_codes.tolist(), pa.string()))


def unit_codes(shelf: Shelf, grid: Grid) -> UnitCodes:
    """The codes of a grid's units, from the shelf where they are there."""
    units = shelf.get(("unit codes", id(grid)), lambda: UnitCodes.of(grid))
    return units if units.grid is grid else UnitCodes.of(grid)  # another one stood at this place in memory


def place_plainly(units: UnitCodes, lonlat: Floats, accuracy_m: Floats, scope: Scope) -> dict[str, pa.Array]:
    """`unit`, `boundary_distance_m`, `flags` of points (n, 2) with their errors (n,), NaN where unknown.

    The values are those of `api.answers.locate_columns`; for a point with NaN they are null.
    """
    grid = units.grid
    good = np.isfinite(lonlat[:, 0]) & np.isfinite(lonlat[:, 1])
    found = grid.units.lowest(lonlat)
    metres = grid.boundary_distance(lonlat, found)
    gaps = np.full(len(lonlat), -1, dtype=np.int64)
    out = np.flatnonzero(found < 0)
    if len(out):
        gaps[out] = grid.gaps.lowest(lonlat[out])
    if "" not in scope.owners:
        found = np.where(_allowed(grid, found, scope), found, -1)
    nowhere = found < 0
    with np.errstate(invalid="ignore"):
        mask = (metres < accuracy_m).astype(np.int8)
    mask |= ((nowhere & (gaps >= 0)) << 1 | (nowhere & (gaps < 0)) << 2).astype(np.int8)
    bad = ~good
    return {
        "unit": units.codes.take(pa.array(found, mask=nowhere)),
        "boundary_distance_m": pa.array(np.round(metres, 3), mask=bad | ~np.isfinite(metres)),
        "flags": pa.DictionaryArray.from_arrays(pa.array(mask, mask=bad if bad.any() else None), _COMBINED),
    }


def _allowed(grid: Grid, found: NDArray[Any], scope: Scope) -> NDArray[np.bool_]:
    distinct, of = np.unique(found, return_inverse=True)
    allowed = [each >= 0 and scope.allows_owner(grid.unit_codes[each]) for each in distinct.tolist()]
    return np.array(allowed, dtype=np.bool_)[of]
