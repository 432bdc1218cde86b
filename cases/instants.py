"""Times as people and systems write them: one reading for reports, hand-offs and files of both."""

import re
from datetime import datetime, timedelta, tzinfo
from typing import Any, Final

FIRST_YEAR, LAST_YEAR = 1900, 2199
"""No case was reported or handled outside these years: such a time is a slip of the pen or a missing value."""
WIDEST: Final = timedelta(hours=14)
"""No clock on earth is further from UTC."""
LIKE: Final = "2026-05-01T08:30:00+08:00"

# Narrower than `fromisoformat`, which takes weeks, any character before the hours, and digits behind the end.
_WRITTEN = re.compile(
    r"\d{4}(?P<d>[-/]?)\d\d(?P=d)\d\d(?:[T ]\d\d(?::?\d\d(?::?\d\d(?:[.,]\d{1,9})?)?)?(?:Z|[+-]\d\d(?::?\d\d)?)?)?",
    re.ASCII | re.IGNORECASE,
)


def read_instant(value: Any) -> datetime | None:
    """The time that a text (ISO 8601, with "-", "/" or nothing in the date) or a datetime means; None for no time.

    With its offset if it says one, else naive. A time of no year from 1900 to 2199, or of no zone there is, is none.
    """
    moment = value if isinstance(value, datetime) else None
    if isinstance(value, str) and _WRITTEN.fullmatch(text := value.strip()):
        try:
            moment = datetime.fromisoformat(text.replace("/", "-"))
        except ValueError:
            return None
    if moment is None or not FIRST_YEAR <= moment.year <= LAST_YEAR:
        return None
    offset = moment.utcoffset()
    return moment if offset is None or abs(offset) <= WIDEST else None


def in_zone(moment: datetime, zone: tzinfo | None) -> datetime | None:
    """The time with its own offset, else in `zone`; None where there is neither."""
    if moment.utcoffset() is not None:
        return moment
    return None if zone is None else moment.replace(tzinfo=zone)
