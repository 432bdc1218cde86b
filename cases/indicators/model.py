"""What an indicator is, and a set of them."""

from dataclasses import dataclass
from typing import Final

from cases.indicators.formula import Formula
from cases.statistics.periods import PERIODS
from cases.statistics.sums import SUMS

VIEWS: Final = ("region", "department", "post")
BETTER: Final = ("high", "low")
NAMES: Final = tuple(name for name in SUMS if name != "accuracy")
"""The sums that formulas are made of; `accuracy` is one itself, right / known."""


@dataclass(frozen=True, slots=True)
class Indicator:
    """A formula with its names. `period` is the shortest over which it is told, None for any.

    With a `weight` it counts in the score: as it is where a high value is `better`, as 1 - value where a low one is,
    cut to 0..1.
    """

    code: str
    name: str
    name_en: str
    formula: Formula
    views: tuple[str, ...]
    period: str | None
    weight: float
    better: str
    note: str

    def is_told(self, view: str, period: str | None) -> bool:
        """Whether it is told in a view by a period; None is the whole span."""
        long = self.period is None or period is None or PERIODS.index(period) >= PERIODS.index(self.period)
        return view in self.views and long


@dataclass(frozen=True, slots=True)
class IndicatorSet:
    """Indicators under one code. `after` says what they follow and how far."""

    code: str
    name: str
    name_en: str
    after: str
    indicators: tuple[Indicator, ...]
