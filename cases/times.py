"""Times in columns: which are written as one usually writes them, and which of those name no time zone."""

import numpy as np
import pyarrow as pa
from numba import njit
from numpy.typing import NDArray

from gis.names import text_buffers

Flags = NDArray[np.bool_]


@njit(cache=True, nogil=True, inline="always")
def _two(text: NDArray[np.uint8], at: int) -> int:
    """The number that two digits make, -1 where they are none."""
    tens, ones = text[at] - 48, text[at + 1] - 48
    return tens * 10 + ones if 0 <= tens <= 9 and 0 <= ones <= 9 else -1


@njit(cache=True, nogil=True)
def _read(offsets: NDArray[np.int64], text: NDArray[np.uint8], plain: Flags, naive: Flags) -> None:
    """YYYY-MM-DD[T ]hh:mm:ss and then nothing, Z, or an offset +hh:mm. Anything else is not plain."""
    for k in range(len(offsets) - 1):
        at, size = offsets[k], offsets[k + 1] - offsets[k]
        if size == 0:
            plain[k] = True
            continue
        if size not in (19, 20, 25):
            continue
        if not (text[at + 4] == 45 and text[at + 7] == 45 and text[at + 13] == 58 and text[at + 16] == 58):
            continue
        if text[at + 10] != 84 and text[at + 10] != 32:
            continue
        century, year = _two(text, at), _two(text, at + 2)
        month, day = _two(text, at + 5), _two(text, at + 8)
        hour, minute, second = _two(text, at + 11), _two(text, at + 14), _two(text, at + 17)
        if century < 0 or year < 0 or century + year == 0 or not (1 <= month <= 12):
            continue
        days = 28 if month == 2 else 30 if month in (4, 6, 9, 11) else 31  # 29 February is for the closer look
        if not (1 <= day <= days and 0 <= hour <= 23 and 0 <= minute <= 59 and 0 <= second <= 59):
            continue
        if size == 20 and text[at + 19] != 90:
            continue
        if size == 25:
            sign, hours, minutes = text[at + 19], _two(text, at + 20), _two(text, at + 23)
            if sign not in (43, 45) or text[at + 22] != 58 or not (0 <= hours <= 23 and 0 <= minutes <= 59):
                continue
        plain[k] = True
        naive[k] = size == 19


def plain_times(column: pa.Array) -> tuple[Flags, Flags]:
    """Which times (n,) are plainly a time or nothing, and which of those are a time without a time zone.

    Text, timestamps, or dictionaries of text.
    """
    plain, naive = np.zeros(len(column), dtype=np.bool_), np.zeros(len(column), dtype=np.bool_)
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    there = ~np.asarray(column.is_null().to_numpy(zero_copy_only=False), dtype=np.bool_)
    if pa.types.is_timestamp(column.type):
        return ~plain, there & (column.type.tz is None)
    if not (pa.types.is_string(column.type) or pa.types.is_large_string(column.type)):
        return ~there, naive
    text, offsets = text_buffers(column)
    _read(offsets, text, plain, naive)
    return plain | ~there, naive & there
