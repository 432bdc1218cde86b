"""How departments dealt with cases: what hand-offs come to, case by case, and summed up.

The measures (docs/reference/measures.md says the same in words):

- the **first** department is the one of the first hand-off; the **handler** the one of the last `handled`, or of a
  closed case that nobody calls handled the one that had it last and did not return it;
- dispatch accuracy (派遣准确率): of the cases whose handler is known, those whose first department is the handler;
- returns (回退): hand-offs `returned`;
- buck-passing (推诿): a case that two departments returned, or that its handler had returned;
- rework (返工): a `dispatched` or `accepted` right after `handled` or `closed`;
- days lost: from the first hand-off to the one after the last return, or to that return when nothing follows.

A void case counts nowhere.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray

from cases.handoffs import RESULTS, HandOff

Indices = NDArray[np.int64]
NOBODY: Final = -1
DAY_US: Final = 86_400_000_000
STATES: Final = ("open", "handled", "closed", "void")
_DISPATCHED, _RETURNED, _ACCEPTED, _HANDLED, _CLOSED, _VOID = range(len(RESULTS))
_STATE_OF: Final = np.array([0, 0, 0, 1, 2, 3])


@dataclass(frozen=True, slots=True)
class HandOffs:
    """The hand-offs of n cases: those of case i are offsets[i] : offsets[i + 1], in the order of time.

    `departments` (k,) are numbers, NOBODY for none; `at_us` (k,) microseconds since 1970; `results` (k,) numbers of
    RESULTS.
    """

    offsets: Indices
    departments: Indices
    at_us: Indices
    results: Indices

    @classmethod
    def of(cls, lists: Sequence[Sequence[HandOff]], numbers: dict[str, int]) -> Self:
        """Lists of hand-offs as columns; `numbers` are those of departments, new ones are added."""
        offsets = np.zeros(len(lists) + 1, dtype=np.int64)
        np.cumsum([len(each) for each in lists], out=offsets[1:])
        flat = [each for hand_offs in lists for each in hand_offs]
        departments = [
            NOBODY if each.department is None else numbers.setdefault(each.department, len(numbers)) for each in flat
        ]
        return cls(
            offsets,
            np.array(departments, dtype=np.int64),
            np.array([round(each.at.timestamp() * 1e6) for each in flat], dtype=np.int64),
            np.array([RESULTS.index(each.result) for each in flat], dtype=np.int64),
        )


@dataclass(frozen=True, slots=True)
class Handlings:
    """What became of n cases. `state` (n,) are numbers of STATES, `first` and `handler` (n,) those of departments.

    `returns` and `reworks` (n,) are counts, `passed` (n,) whether the buck was passed, `days_lost` (n,) days.
    """

    state: Indices
    first: Indices
    handler: Indices
    returns: Indices
    passed: NDArray[np.bool_]
    reworks: Indices
    days_lost: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.state)


def measure(given: HandOffs) -> Handlings:
    """What the hand-offs of each case come to."""
    count, total = len(given.offsets) - 1, len(given.results)
    case = np.repeat(np.arange(count), np.diff(given.offsets))
    at, result, department = np.arange(total), given.results, given.departments
    some = np.flatnonzero(np.diff(given.offsets) > 0)
    start, last = given.offsets[:-1][some], given.offsets[1:][some] - 1

    state = np.zeros(count, dtype=np.int64)
    state[some] = _STATE_OF[result[last]]
    first = np.full(count, NOBODY, dtype=np.int64)
    first[some] = department[start]
    handler = _handler(count, case, at, given, state)

    back = result == _RETURNED
    returns = np.bincount(case[back], minlength=count)
    most, least = np.full(count, NOBODY, dtype=np.int64), np.full(count, np.iinfo(np.int64).max)
    np.maximum.at(most, case[back], department[back])
    np.minimum.at(least, case[back], department[back])
    own = np.zeros(count, dtype=np.bool_)
    own[case[back & (department == handler[case])]] = True
    passed = ((returns > 1) & (most != least)) | own

    again = np.zeros(total, dtype=np.bool_)
    again[1:] = (
        (case[1:] == case[:-1])
        & np.isin(result[1:], (_DISPATCHED, _ACCEPTED))
        & np.isin(result[:-1], (_HANDLED, _CLOSED))
    )
    reworks = np.bincount(case[again], minlength=count)

    days_lost = np.zeros(count)
    final = _last(count, case[back], at[back])
    turned = np.flatnonzero(final >= 0)
    until = np.minimum(final[turned] + 1, given.offsets[1:][turned] - 1)
    days_lost[turned] = (given.at_us[until] - given.at_us[given.offsets[:-1][turned]]) / DAY_US
    return Handlings(state, first, handler, returns, passed, reworks, days_lost)


def _last(count: int, case: Indices, at: Indices) -> Indices:
    """For each case (count,) the last of these places, -1 for none."""
    found = np.full(count, -1, dtype=np.int64)
    np.maximum.at(found, case, at)
    return found


def _handler(count: int, case: Indices, at: Indices, given: HandOffs, state: Indices) -> Indices:
    result = given.results
    worked = _last(count, case[result == _HANDLED], at[result == _HANDLED])
    held = np.isin(result, (_DISPATCHED, _ACCEPTED, _RETURNED))
    holding = _last(count, case[held], at[held])
    kept = (state == STATES.index("closed")) & (holding >= 0)
    kept[kept] = result[holding[kept]] != _RETURNED
    place = np.where(worked >= 0, worked, np.where(kept, holding, -1))
    handler = np.full(count, NOBODY, dtype=np.int64)
    handler[place >= 0] = given.departments[place[place >= 0]]
    return handler


def tally(handlings: Handlings, groups: Indices, count: int) -> dict[str, NDArray[Any]]:
    """The measures of each of `count` groups; `groups` (n,) are their numbers, negative for none. Columns (count,).

    `cases` that are not void; `known` of these with a known handler, `right` of these with the right first department,
    `accuracy` right / known (NaN for none); `returned` cases and `returns`; `passed` cases; `reworked` cases and
    `reworks`; `days_lost`.
    """
    counted = (groups >= 0) & (handlings.state != STATES.index("void"))
    group = groups[counted]

    def sums(weights: NDArray[Any]) -> NDArray[Any]:
        return np.bincount(group, weights=weights[counted].astype(np.float64), minlength=count)

    def counts(which: NDArray[np.bool_]) -> NDArray[np.int64]:
        return np.bincount(group[which[counted]], minlength=count)

    known = handlings.handler >= 0
    columns: dict[str, NDArray[Any]] = {
        "cases": np.bincount(group, minlength=count),
        "known": counts(known),
        "right": counts(known & (handlings.first == handlings.handler)),
    }
    with np.errstate(invalid="ignore"):
        columns["accuracy"] = np.where(columns["known"] > 0, columns["right"] / np.maximum(columns["known"], 1), np.nan)
    return columns | {
        "returned": counts(handlings.returns > 0),
        "returns": sums(handlings.returns).astype(np.int64),
        "passed": counts(handlings.passed),
        "reworked": counts(handlings.reworks > 0),
        "reworks": sums(handlings.reworks).astype(np.int64),
        "days_lost": sums(handlings.days_lost),
    }


MEASURES: Final[Mapping[str, str]] = {
    "cases": "案件数",
    "known": "已知处置部门",
    "right": "派遣正确",
    "accuracy": "派遣准确率",
    "returned": "回退案件",
    "returns": "回退次数",
    "passed": "推诿案件",
    "reworked": "返工案件",
    "reworks": "返工次数",
    "days_lost": "延误天数",
}
