"""Points in columns, at the door: into lon, lat of the store, or a fault for each row that is no position.

Here one CRS holds for all, said by the file or by a person: what looks wrong in most of the rows that come first is
wrong with the file, and refused; single rows are checked for the range alone.
"""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numba import njit
from numpy.typing import NDArray

from gis import crs as reference
from gis.crs import DECIMALS, Crs
from gis.errors import Fault, Refusal
from gis.geometry import _not_degrees, _not_finite, _not_reached, _outside_degrees, _wrong_frame
from gis.metres import Floats

Rows = NDArray[np.int64]
_NUMBER = r"^\s*[+-]?[0-9]{1,15}(\.[0-9]{1,15})?\s*$"


@dataclass(frozen=True, slots=True)
class Axis:
    """A column of coordinates: numbers (n,), NaN where there are none; `wrong` (n,) marks what is no number."""

    values: Floats
    wrong: NDArray[np.bool_]


def read_axis(column: pa.Array) -> Axis:
    """The numbers of a column of numbers or of text."""
    kind = column.type
    if pa.types.is_dictionary(kind):
        return read_axis(column.dictionary_decode())
    none = np.zeros(len(column), dtype=np.bool_)
    if pa.types.is_null(kind):
        return Axis(np.full(len(column), np.nan), none)
    if pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        numbers = column if pa.types.is_float64(kind) else column.cast(pa.float64(), safe=False)
        numbers = pc.fill_null(numbers, float("nan")) if numbers.null_count else numbers
        return Axis(np.asarray(numbers.to_numpy(zero_copy_only=False), dtype=np.float64), none)
    there = np.asarray(column.is_valid().to_numpy(zero_copy_only=False), dtype=np.bool_)
    values, wrong = np.full(len(column), np.nan), there.copy()
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        usual = pc.fill_null(pc.match_substring_regex(column, _NUMBER), False)
        taken = pc.utf8_trim_whitespace(column.filter(usual)).cast(pa.float64())
        at = np.asarray(usual.to_numpy(zero_copy_only=False), dtype=np.bool_)
        values[at] = taken.to_numpy(zero_copy_only=False)
        wrong &= ~at
        for each in np.flatnonzero(wrong).tolist():
            text = column[each].as_py().strip()
            try:
                values[each] = float(text) if text and "_" not in text else np.nan
                wrong[each] = bool(text) and "_" in text
            except ValueError:
                continue
    return Axis(values, wrong)


def place_all(xy: Floats, rows: Rows, frame: Crs, *, first: bool) -> tuple[Floats, list[Fault]]:
    """lon, lat (n, 2) of positions of one CRS, NaN for bad rows and for those without one, and the faults.

    `first` says that these are the first rows of the file: there what is wrong with most of them is refused. Errors:
    Refusal swapped_axes, coordinates_out_of_range, crs_no_transformation.
    """
    if frame.is_store and not first:
        settled = np.empty((len(xy), 2))
        if _settle(xy, settled, 10.0**DECIMALS):
            return settled, []
    there = ~missing(xy)
    infinite = np.isinf(xy[:, 0]) | np.isinf(xy[:, 1])
    faults = [_not_finite(int(row), 0) for row in rows[infinite & there]]
    there &= ~infinite
    if first and (refused := _wrong_frame(xy[there], frame)) is not None:
        raise Refusal(refused)
    lonlat = np.full((len(xy), 2), np.nan)
    if frame.is_geographic:
        outside = there & _outside_degrees(xy)
        faults += [_not_degrees(int(row), None) for row in rows[outside]]
        there &= ~outside
    whole = bool(there.all())
    stored = reference.to_store(xy if whole else xy[there], frame)
    stored = np.round(stored, DECIMALS) + 0.0  # + 0.0: no negative zero
    lost = missing(stored) | _outside_degrees(stored)
    if lost.any():
        faults += [_not_reached(int(row), frame) for row in rows[there][lost]]
        stored[lost] = np.nan
    if whole:
        return stored, faults
    lonlat[there] = stored
    return lonlat, faults


def missing(xy: Floats) -> NDArray[np.bool_]:
    """Which positions (n, 2) lack a coordinate."""
    return np.asarray(np.isnan(xy[:, 0]) | np.isnan(xy[:, 1]))


@njit(cache=True, nogil=True)
def _settle(xy: Floats, lonlat: Floats, per_degree: float) -> bool:
    """Round positions in degrees as the store does; whether all of them are there and in the range."""
    good = True
    for k in range(len(xy)):
        x, y = xy[k, 0], xy[k, 1]
        good &= abs(x) <= 180.0 and abs(y) <= 90.0
        lonlat[k, 0] = np.rint(x * per_degree) / per_degree + 0.0
        lonlat[k, 1] = np.rint(y * per_degree) / per_degree + 0.0
    return good


def warm() -> None:
    """Load or compile the kernel."""
    _settle(np.zeros((1, 2)), np.zeros((1, 2)), 1.0)


def no_position(row: int) -> Fault:
    """The fault of a row without coordinates, or that does not say in which CRS they are."""
    return Fault(
        "position_missing",
        f"Row {row} has no position, or does not say in its column crs which system it is in.",
        f"第 {row} 行没有坐标，或其 crs 列未说明坐标系。",
        row=row,
    )
