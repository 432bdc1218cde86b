"""The columns of a table of answers as numbers into small dictionaries: flags, advice and the codes of the reasons."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cases.batch import ASSUMED, BIT, FLAGS, STALE, Answers
from cases.clerk import Clerk, Told
from cases.routing import advise

_COUNT_BITS = 24  # of a number of departments


@dataclass(frozen=True, slots=True)
class Worded:
    """A column (n,) of texts: `texts[number[i]]`, None for none."""

    number: NDArray[np.integer[Any]]
    texts: list[str | None]

    def spelled(self) -> NDArray[np.object_]:
        """The texts (n,)."""
        texts: NDArray[np.object_] = np.array([*self.texts, None], dtype=object)
        return np.asarray(texts[self.number])


def worded_flags(answers: Answers) -> Worded:
    """The flags in alphabetical order, joined by ";"."""
    return _worded(answers.flags, lambda mask: ";".join(flags_of(mask)))


def worded_advice(answers: Answers) -> Worded:
    """dispatch, review or fallback."""
    return _worded(answers.flags, lambda mask: advise(frozenset(flags_of(mask))))


def flags_of(mask: int) -> list[str]:
    """The flags of a mask."""
    return [flag for number, flag in enumerate(FLAGS) if mask >> number & 1]


def worded_outcome(answers: Answers, told: Told) -> Worded:
    """What is told of each outcome, as `Clerk.told` keeps it."""
    return Worded(told.numbers[answers.outcome], told.texts)


def worded_reasons(clerk: Clerk, answers: Answers) -> Worded:
    """The codes of the reasons, in the order in which they are told, joined by ";"."""
    where = np.where(answers.unit >= 0, 1 * clerk.unit_named[answers.unit], np.where(answers.gap >= 0, 2, 3))
    component = np.where(answers.component < 0, 0, np.where(answers.named, 1, 2 + answers.others))
    assumed = sum((answers.flags // BIT[flag] & 1) << number for number, flag in enumerate(ASSUMED))
    nobody = answers.nobody.astype(np.int64)
    shape = where | component << 2 | answers.stale << 4 | assumed << 8 | nobody << 8 + len(ASSUMED)
    doubts = answers.beyond | answers.rivals << _COUNT_BITS
    # Few of the many combinations occur: they are numbered step by step, and only those that do are spelled.
    told = clerk.told("reasons")
    shapes, shape_of = _numbered(shape)
    many, many_of = _numbered(doubts)
    sides, side_of = _numbered((shape_of << 32) | many_of)
    whole, number = _numbered((side_of << 32) | told.numbers[answers.outcome])
    texts: list[str | None] = []
    for each in whole.tolist():
        side = int(sides[each >> 32])
        own = told.texts[each & 0xFFFFFFFF] or ""
        texts.append(";".join(_reasons(int(shapes[side >> 32]), int(many[side & 0xFFFFFFFF]), own)))
    return _merged(texts, number)


def _reasons(shape: int, doubts: int, outcome: str) -> list[str]:
    decided, _, ties = outcome.partition("|")
    codes = [("unit", "unit_within", "named_gap", "outside")[shape & 3]]
    codes += [(), ("component_named",), ("component_nearest",), ("component_nearest", "component_next")][shape >> 2 & 3]
    codes += [code for number, code in enumerate(STALE) if shape >> 4 + number & 1]
    codes += decided.split(";") if decided else []
    codes += ["near_boundary"] * (doubts & (1 << _COUNT_BITS) - 1) + ["ambiguous_component"] * (doubts >> _COUNT_BITS)
    codes += ties.split(";") if ties else []
    codes += ["near_nobody"] * (shape >> 8 + len(ASSUMED) & 1)
    return codes + [code for number, code in enumerate(ASSUMED) if shape >> 8 + number & 1]


def _numbered(values: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The distinct values, and the number of each."""
    import pandas as pd

    number, found = pd.factorize(values)
    return found, number.astype(np.int64)


def _merged(texts: list[str | None], number: NDArray[np.int64]) -> Worded:
    """The same column with equal texts under one number."""
    once: dict[str | None, int] = {}
    same = np.array([once.setdefault(text, len(once)) for text in texts], dtype=np.int32)
    return Worded(same[number], list(once))


def _worded(mask: NDArray[np.int64], text: Callable[[int], str]) -> Worded:
    masks, number = _numbered(mask)
    return _merged([text(each) for each in masks.tolist()], number)
