"""Rounds in which everybody runs once, one after another: a machine that slows down slows down everybody.

Each round begins with another contender, so that nobody always runs after the same one.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from statistics import median
from time import monotonic
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from bench.progress import tell

OURS = "ours"


class Runner(Protocol):
    def run(self) -> dict[str, Any]: ...


@dataclass(frozen=True, slots=True)
class Rounds:
    """What each contender told of each of its runs, the first is ours."""

    told: Mapping[str, list[dict[str, Any]]]

    def __len__(self) -> int:
        return len(self.told[OURS])

    def of(self, name: str, figure: str = "seconds") -> list[float]:
        return [float(each[figure]) for each in self.told[name]]

    def median(self, name: str = OURS, figure: str = "seconds") -> float:
        return median(self.of(name, figure))

    def ratios(self, figure: str = "seconds", less_is_better: bool = True) -> dict[str, float]:
        """How many times better we are than each peer: the median over the rounds of the ratio within a round."""
        found = {}
        for name in self.told:
            if name != OURS:
                pairs = zip(self.of(OURS, figure), self.of(name, figure), strict=True)
                found[name] = median(theirs / ours if less_is_better else ours / theirs for ours, theirs in pairs)
        return found


def play(contenders: Mapping[str, Runner], rounds: int, budget_s: float) -> Rounds:
    """Up to `rounds` rounds; none is begun that would probably end after `budget_s`, but there is always one."""
    told: dict[str, list[dict[str, Any]]] = {name: [] for name in contenders}
    begin = monotonic()
    for number in range(rounds):
        if number and (monotonic() - begin) * (number + 1) / number > budget_s:
            break
        names = list(contenders)
        first = number % len(names)
        for name in names[first:] + names[:first]:
            tell(f"round {number + 1} of at most {rounds}: {name}")
            told[name].append(contenders[name].run())
    return Rounds(told)


def differences(ours: NDArray[Any], theirs: NDArray[Any]) -> int:
    """How many of their answers are not ours; they may have answered only the first of the questions."""
    return int(np.count_nonzero(ours[: len(theirs)] != theirs))
