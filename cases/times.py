"""Times in columns: which are written as one usually writes them, which of those name no time zone, and when it was."""

from datetime import datetime, tzinfo
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numba import njit
from numpy.typing import NDArray

from cases.rules.calendar import EARLIEST, LATEST, NEVER
from gis.names import text_buffers

Flags = NDArray[np.bool_]


@njit(cache=True, nogil=True, inline="always")
def _two(text: NDArray[np.uint8], at: int) -> int:
    """The number that two digits make, -1 where they are none."""
    tens, ones = text[at] - 48, text[at + 1] - 48
    return tens * 10 + ones if 0 <= tens <= 9 and 0 <= ones <= 9 else -1


@njit(cache=True, nogil=True)
def _read(offsets: NDArray[np.int64], text: NDArray[np.uint8], plain: Flags, naive: Flags) -> None:
    """YYYY-MM-DD[T ]hh:mm:ss and then nothing, Z, or an offset +hh:mm, in the bounds of `read_instant`.

    Anything else is not plain.
    """
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
        if not (19 <= century <= 21) or year < 0 or not (1 <= month <= 12):
            continue
        days = 28 if month == 2 else 30 if month in (4, 6, 9, 11) else 31  # 29 February is for the closer look
        if not (1 <= day <= days and 0 <= hour <= 23 and 0 <= minute <= 59 and 0 <= second <= 59):
            continue
        if size == 20 and text[at + 19] != 90:
            continue
        if size == 25:
            sign, hours, minutes = text[at + 19], _two(text, at + 20), _two(text, at + 23)
            if sign not in (43, 45) or text[at + 22] != 58 or not (0 <= hours <= 13 and 0 <= minutes <= 59):
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
        seconds = _whole(column)
        known = (seconds >= EARLIEST) & (seconds < LATEST)
        return ~there | known, there & (column.type.tz is None)
    if not (pa.types.is_string(column.type) or pa.types.is_large_string(column.type)):
        return ~there, naive
    text, offsets = text_buffers(column)
    _read(offsets, text, plain, naive)
    return plain | ~there, naive & there


def seconds_of(column: pa.Array, plain: Flags, zone: tzinfo | None) -> NDArray[np.int64]:
    """The instants (n,) of the plain ones in seconds since 1970 UTC, NEVER for the others and where there is none.

    Times without a time zone are of `zone`; an hour that comes twice is the first, as in single reports.
    """
    if pa.types.is_dictionary(column.type):
        of = np.asarray(column.indices.fill_null(-1), dtype=np.int64)
        plain_texts = plain_times(column.dictionary)[0]
        return np.append(seconds_of(column.dictionary, plain_texts, zone), NEVER)[of]
    if pa.types.is_timestamp(column.type):
        naive = np.full(len(column), column.type.tz is None)
        seconds = _whole(column)
    elif pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
        naive = plain_times(column)[1]
        text, offsets = text_buffers(column)
        seconds = np.full(len(column), NEVER)
        _count(offsets, text, plain, seconds)
    else:
        return np.full(len(column), NEVER)
    local = np.flatnonzero(naive & plain & (seconds != NEVER))
    if len(local) and zone is not None:
        seconds[local] = _in_zone(seconds[local], zone)
    seconds[~plain] = NEVER
    return seconds


def _whole(column: pa.Array) -> NDArray[np.int64]:
    """The seconds (n,) of timestamps, NEVER where there is none."""
    seconds = column.cast(pa.timestamp("s", column.type.tz), safe=False).cast(pa.int64())
    return np.array(pc.fill_null(seconds, int(NEVER)).to_numpy(zero_copy_only=False), dtype=np.int64)


@njit(cache=True, nogil=True)
def _count(offsets: NDArray[np.int64], text: NDArray[np.uint8], plain: Flags, seconds: NDArray[np.int64]) -> None:
    """The seconds of times that `_read` took; days by the civil calendar (Hinnant, days_from_civil)."""
    for k in range(len(offsets) - 1):
        at, size = offsets[k], offsets[k + 1] - offsets[k]
        if not plain[k] or size < 19:
            continue
        year = _two(text, at) * 100 + _two(text, at + 2)
        month, day = _two(text, at + 5), _two(text, at + 8)
        begun = year - (1 if month <= 2 else 0)
        era = begun // 400
        of_era = begun - era * 400
        of_year = (153 * (month + (-3 if month > 2 else 9)) + 2) // 5 + day - 1
        days = era * 146097 + of_era * 365 + of_era // 4 - of_era // 100 + of_year - 719468
        clock = (_two(text, at + 11) * 60 + _two(text, at + 14)) * 60 + _two(text, at + 17)
        found = days * 86400 + clock
        if size == 25:
            offset = (_two(text, at + 20) * 60 + _two(text, at + 23)) * 60
            found -= offset if text[at + 19] == 43 else -offset
        seconds[k] = found


def _in_zone(local: NDArray[np.int64], zone: tzinfo) -> NDArray[np.int64]:
    """Instants of what the clocks of a zone show. Offsets change seldom: they are asked once for each quarter."""
    quarters, of = np.unique(local // 900, return_inverse=True)
    offsets = [_offset(int(each) * 900, zone) for each in quarters.tolist()]
    return np.asarray(local - np.array(offsets, dtype=np.int64)[of])


def _offset(local: int, zone: tzinfo) -> int:
    import pandas as pd

    shown = datetime(1970, 1, 1) + pd.Timedelta(seconds=local).to_pytimedelta()
    offset: Any = shown.replace(tzinfo=zone).utcoffset()
    return int(offset.total_seconds())
