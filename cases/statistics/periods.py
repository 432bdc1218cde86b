"""The days, weeks, months, quarters and years in which things happen, by the clocks of a zone."""

from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import Final

import numpy as np
from numpy.typing import NDArray

from cases.statistics.columns import Coded, Indices
from gis.errors import Refusal, refuse

Times = NDArray[np.datetime64]
PERIODS: Final = ("day", "week", "month", "quarter", "year")
DAY_S: Final = 86_400


def period_of(utc: Times, period: str, zone: tzinfo) -> Coded:
    """The period of each time (n,), datetime64[us] in UTC: 2026-05-01, 2026-W18 (ISO 8601), 2026-05, 2026-Q2, 2026.

    Errors: Refusal period_unknown.
    """
    import pandas as pd

    if period not in PERIODS:
        raise period_unknown(period)
    days = local_days(utc, zone)
    match period:
        case "week":
            steps = (days + 3) // 7  # 1970 began on a Thursday
        case "day":
            steps = days
        case _:
            months = days.astype("datetime64[D]").astype("datetime64[M]").astype(np.int64)
            steps = months // {"month": 1, "quarter": 3, "year": 12}[period]
    number, found = pd.factorize(steps)
    return Coded(number.astype(np.int64), [(_name(each, period),) for each in found.tolist()])


def local_days(utc: Times, zone: tzinfo) -> Indices:
    """The day (n,) of each time by the clocks of a zone, as days since 1970-01-01.

    A zone is asked once for each day of UTC; where its clocks are turned on that day, for each time.
    """
    seconds = utc.astype("datetime64[s]").astype(np.int64)
    days = seconds // DAY_S
    known, which = np.unique(days, return_inverse=True)
    begin = np.array([_offset_s(each * DAY_S, zone) for each in known.tolist()], dtype=np.int64)
    end = np.array([_offset_s(each * DAY_S + DAY_S - 1, zone) for each in known.tolist()], dtype=np.int64)
    offset = begin[which]
    turned = np.flatnonzero((begin != end)[which])
    offset[turned] = [_offset_s(each, zone) for each in seconds[turned].tolist()]
    return (seconds + offset) // DAY_S


def _offset_s(seconds: int, zone: tzinfo) -> int:
    try:
        local = (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)).astimezone(zone)
    except OverflowError:  # on the first and the last day of the calendar
        return 0
    return round((local.utcoffset() or timedelta()).total_seconds())


def _name(step: int, period: str) -> str:
    match period:
        case "day":
            return str(np.datetime64(step, "D"))
        case "week":
            year, week, _ = (date(1970, 1, 1) + timedelta(days=7 * step - 3)).isocalendar()
            return f"{year:04}-W{week:02}"
        case "month":
            return f"{1970 + step // 12:04}-{step % 12 + 1:02}"
        case "quarter":
            return f"{1970 + step // 4:04}-Q{step % 4 + 1}"
    return f"{1970 + step:04}"


def period_unknown(period: str) -> Refusal:
    """The refusal of a period that there is not."""
    names = ", ".join(PERIODS)
    return refuse("period_unknown", f"A period is one of {names}, not {period[:40]}.", f"统计周期只能是 {names} 之一。")
