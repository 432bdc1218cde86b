"""The moment that a lookup is asked as of: a revision's number, or a time."""

import re
from datetime import UTC, date, datetime, tzinfo

from cases.reports import parse_zone
from gis.errors import refuse

# A "+" that was not escaped in an address arrives as a blank.
_LOST_PLUS = re.compile(r"(?<=[T\d:.]) (?=\d\d:?\d\d$)")


def read_moment(text: str, zone: str | tzinfo) -> int | datetime:
    """A revision's number (at most 7 digits), or a time or date as ISO text; without an offset it is of `zone`.

    Errors: Refusal time_wrong.
    """
    if text.isascii() and text.isdigit() and len(text) < 8:
        return int(text)
    try:
        timed = "T" in text or ":" in text
        when = (
            datetime.fromisoformat(_LOST_PLUS.sub("+", text) if "T" in text else text)
            if timed
            else datetime.combine(date.fromisoformat(text), datetime.min.time())
        )
        when = (
            when
            if when.tzinfo is not None
            else when.replace(tzinfo=parse_zone(zone) if isinstance(zone, str) else zone)
        )
        return when.astimezone(UTC)  # the first and the last day of the calendar may leave it
    except (ValueError, OverflowError):
        shown = text if len(text) <= 60 else text[:59] + "…"
        raise refuse(
            "time_wrong",
            f"'{shown}' is neither a revision nor a time: write 7, 2026-07-01 or 2026-07-01T08:00:00+08:00.",
            f"“{shown}”既不是版本号也不是有效时间：请写 7、2026-07-01 或 2026-07-01T08:00:00+08:00。",
        ) from None


def read_time(text: str, zone: str) -> datetime:
    """A time or a date as ISO text; without an offset it is of `zone`. Errors: Refusal time_wrong."""
    moment = read_moment(text, zone)
    if isinstance(moment, int):
        raise refuse(
            "time_wrong",
            f"'{text}' is no time: write 2026-07-01 or 2026-07-01T08:00:00+08:00.",
            f"“{text}”不是有效时间：请写 2026-07-01 或 2026-07-01T08:00:00+08:00。",
        )
    return moment
