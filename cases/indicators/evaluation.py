"""Indicators of groups, and the score that the weighted ones make."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cases.indicators.formula import Undefined, evaluate
from cases.indicators.model import Indicator
from gis.metres import Floats


@dataclass(frozen=True, slots=True, eq=False)
class Evaluated:
    """Indicators of g groups: by code a value (g,), NaN for none, and for each such group why.

    `score` (g,) is the weighted mean of 0 to 100 over those that have a value, `weight` (g,) how much of `whole`, all
    the weight there is, these had; NaN where they had none.
    """

    values: Mapping[str, Floats]
    undefined: Mapping[str, Mapping[int, Undefined]]
    score: Floats
    weight: Floats
    whole: float


def evaluate_all(indicators: Sequence[Indicator], sums: Mapping[str, NDArray[Any]], count: int) -> Evaluated:
    """The indicators of `count` groups; `sums` are columns (count,) of all names."""
    values: dict[str, Floats] = {}
    undefined: dict[str, Mapping[int, Undefined]] = {}
    earned, weight = np.zeros(count), np.zeros(count)
    for each in indicators:
        value, missing = evaluate(each.formula, sums, count)
        values[each.code], undefined[each.code] = value, missing
        there = np.isfinite(value)
        share = np.clip(np.where(there, value, 0.0), 0.0, 1.0)
        earned += np.where(there, each.weight * (share if each.better == "high" else 1 - share), 0.0)
        weight += np.where(there, each.weight, 0.0)
    score = np.where(weight > 0, 100 * earned / np.where(weight > 0, weight, 1.0), np.nan)
    return Evaluated(values, undefined, score, weight, sum(each.weight for each in indicators))
