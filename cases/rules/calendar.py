"""The calendar of a rule book: which of its windows hold at a time, as one small number."""

import threading
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cases.rules.windows import DAY, Window, breaks_of

Slots = NDArray[np.int32]
NO_TIME = 0
"""The slot of a case that does not say when it was reported: no window is known to hold."""
NEVER = np.iinfo(np.int64).min
"""The moment of such a case."""
EARLIEST, LATEST = -2_208_988_800, 7_258_118_400
"""1900 and 2200 in seconds since 1970 UTC: outside of these no window holds, and no calendar need be asked."""


@dataclass(frozen=True, slots=True)
class _Clock:
    """The windows of one zone, and where in the week and among the days one of them may begin or end."""

    zone: Any
    minutes: NDArray[np.int64]
    days: NDArray[np.int64]

    def parts(self, seconds: NDArray[np.int64]) -> NDArray[np.int64]:
        """A number (n,) for each instant; within equal numbers no window of the zone begins or ends."""
        import pandas as pd

        local = pd.to_datetime(seconds, unit="s", utc=True).tz_convert(self.zone).tz_localize(None)
        minutes = local.to_numpy().astype("datetime64[m]").astype(np.int64)
        day, minute = np.divmod(minutes, DAY)
        week = (day + 3) % 7 * DAY + minute  # 1970-01-01 was a Thursday
        since = np.searchsorted(self.days, day + _EPOCH, side="right")
        return np.asarray(since * (len(self.minutes) + 1) + np.searchsorted(self.minutes, week, side="right"))


_EPOCH = datetime(1970, 1, 1).toordinal()


@dataclass(frozen=True, slots=True, eq=False)
class Calendar:
    """The windows of a book. A slot is a number for a set of windows that hold together; 0 where there is no time.

    Slots are given as they are met and hold for this calendar alone. Safe to share between threads.
    """

    windows: tuple[Window, ...]
    _clocks: tuple[_Clock, ...]
    _slots: dict[frozenset[Window] | None, int] = field(default_factory=dict)
    _lock: Any = field(default_factory=threading.Lock)

    @classmethod
    def of(cls, windows: Iterable[Window]) -> "Calendar":
        """The calendar of some windows, one of them given as often as one likes."""
        distinct = tuple(dict.fromkeys(windows))
        by_zone: dict[str, list[Window]] = {}
        for each in distinct:
            by_zone.setdefault(each.zone, []).append(each)
        clocks = []
        for own in by_zone.values():
            minutes, days = breaks_of(own)
            clocks.append(_Clock(own[0].clock, np.array(minutes), np.array(days, dtype=np.int64)))
        return cls(distinct, tuple(clocks), {None: NO_TIME})

    def slot(self, moment: datetime | None) -> int:
        """The slot of an instant."""
        if moment is None or not self.windows:
            return NO_TIME
        if not EARLIEST <= moment.timestamp() < LATEST:
            return self._number(frozenset())
        return self._number(frozenset(each for each in self.windows if each.holds(moment)))

    def slots(self, seconds: NDArray[np.int64]) -> Slots:
        """The slots (n,) of instants in seconds since 1970 UTC, NEVER for none."""
        import pandas as pd

        found = np.zeros(len(seconds), dtype=np.int32)
        if not self.windows:
            return found
        found[seconds != NEVER] = self._number(frozenset())
        known = np.flatnonzero((seconds >= EARLIEST) & (seconds < LATEST))
        if not len(known):
            return found
        whole = np.zeros(len(known), dtype=np.int64)
        for clock in self._clocks:
            of = pd.factorize(whole << 32 | clock.parts(seconds[known]))[0]
            whole = np.asarray(of, dtype=np.int64)
        _, first = np.unique(whole, return_index=True)
        slots = [self.slot(datetime.fromtimestamp(int(seconds[known[at]]), UTC)) for at in first.tolist()]
        found[known] = np.array(slots, dtype=np.int32)[whole]
        return found

    def holding(self, slot: int) -> frozenset[Window]:
        """The windows that hold in a slot that was given."""
        with self._lock:
            held = next(windows for windows, number in self._slots.items() if number == slot)
        return frozenset() if held is None else held

    def _number(self, holding: frozenset[Window]) -> int:
        with self._lock:
            return self._slots.setdefault(holding, len(self._slots))
