"""Time windows of rules: on which dates, weekdays and hours of a zone's clocks a rule holds."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo
from functools import lru_cache
from typing import Any, Final

from cases.reports import parse_zone

MEMBERS: Final = ("dates", "weekdays", "hours")
WEEKDAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
DAY: Final = 24 * 60
ONE_DAY: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Window:
    """A part of time by the clocks of `zone`; what is empty asks nothing, all that is given must hold.

    `dates` are spans of days, both ends counted; `weekdays` numbers from Monday, 0; `hours` spans of minutes of the
    day, the end not counted. Hours that run past midnight (22:00-02:00) belong to the day on which they begin.
    """

    zone: str
    dates: tuple[tuple[date, date], ...] = ()
    weekdays: tuple[int, ...] = ()
    hours: tuple[tuple[int, int], ...] = ()

    @property
    def clock(self) -> tzinfo:
        """The zone itself."""
        return parse_zone(self.zone)

    def holds(self, moment: datetime) -> bool:
        """Whether an instant (with its zone) lies in the window."""
        # By way of UTC: a time of this very zone would be taken as it stands, also one that its clocks leap over.
        return self.holds_at(moment.astimezone(UTC).astimezone(self.clock))

    def holds_at(self, local: datetime) -> bool:
        """The same of what the clocks of the zone show."""
        today, minute = local.date(), local.hour * 60 + local.minute
        if not self.hours:
            return self._has_day(today)
        for begin, end in self.hours:
            if begin < end:
                held = begin <= minute < end and self._has_day(today)
            else:
                held = (minute >= begin and self._has_day(today)) or (minute < end and self._has_day(today - ONE_DAY))
            if held:
                return True
        return False

    def _has_day(self, day: date) -> bool:
        dated = not self.dates or any(first <= day <= last for first, last in self.dates)
        return dated and (not self.weekdays or day.weekday() in self.weekdays)

    def __str__(self) -> str:
        """The window in one line, in the words of `to_members`."""
        written = to_members(self)
        return " ".join([*(",".join(written[name]) for name in MEMBERS if name in written), self.zone])


def to_members(window: Window) -> dict[str, Any]:
    """The window as rule books write it; `from_members` reads it back."""
    dates = [str(first) if first == last else f"{first}/{last}" for first, last in window.dates]
    weekdays = [WEEKDAYS[each] for each in window.weekdays]
    hours = [f"{_clock(begin)}-{_clock(end)}" for begin, end in window.hours]
    given = {"dates": dates, "weekdays": weekdays, "hours": hours}
    return {name: texts for name, texts in given.items() if texts} | {"zone": window.zone}


def from_members(members: Mapping[str, Any]) -> Window:
    """The window that `to_members` wrote."""
    dates, weekdays, hours = (tuple(members.get(name, ())) for name in MEMBERS)
    return _window(members["zone"], dates, weekdays, hours)


@lru_cache(maxsize=1024)  # thousands of rules share a few windows
def _window(zone: str, dates: tuple[str, ...], weekdays: tuple[str, ...], hours: tuple[str, ...]) -> Window:
    days = tuple(day for each in weekdays for day in read_weekdays(each))
    return Window(zone, tuple(map(read_dates, dates)), days, tuple(map(read_hours, hours)))


def read_dates(text: str) -> tuple[date, date]:
    """The span that "2026-10-01/2026-10-07" or one day means. Errors: ValueError."""
    first, _, last = text.partition("/")
    span = date.fromisoformat(first.strip()), date.fromisoformat((last or first).strip())
    if span[1] < span[0]:
        raise ValueError(text)
    return span


def read_weekdays(text: str) -> list[int]:
    """The days that "mon-fri" or "sat" means; "fri-mon" runs over the weekend. Errors: ValueError."""
    first, _, last = text.partition("-")
    begin, end = WEEKDAYS.index(first.strip().lower()), WEEKDAYS.index((last or first).strip().lower())
    return [each % 7 for each in range(begin, begin + (end - begin) % 7 + 1)]


def read_hours(text: str) -> tuple[int, int]:
    """The minutes of the day that "22:00-02:00" means; 24:00 is the day's end. Errors: ValueError."""
    begin, dash, end = text.partition("-")
    span = _minutes(begin), _minutes(end)
    if not dash or span[0] == DAY or span[0] == span[1]:
        raise ValueError(text)
    return span


def _minutes(text: str) -> int:
    hours, colon, minutes = text.strip().partition(":")
    if not (colon and hours.isascii() and minutes.isascii() and hours.isdigit() and len(minutes) == 2):
        raise ValueError(text)
    found = int(hours) * 60 + int(minutes)
    if int(minutes) > 59 or found > DAY:
        raise ValueError(text)
    return found


def _clock(minute: int) -> str:
    return f"{minute // 60:02d}:{minute % 60:02d}"


def breaks_of(windows: Sequence[Window]) -> tuple[list[int], list[int]]:
    """Where a window of one zone may begin or end to hold: minutes of the week, and days as ordinals, both sorted."""
    minutes = {day * DAY + minute for day in range(7) for each in windows for span in each.hours for minute in span}
    minutes |= {day * DAY for day in range(7)}
    days = {end.toordinal() + more for each in windows for span in each.dates for end in span for more in (0, 1, 2)}
    return sorted(minutes), sorted(days)
