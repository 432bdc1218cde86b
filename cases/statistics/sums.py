"""The sums of groups of cases: how many came in, where they went, and what became of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray

from cases.handling import MEASURES, NOBODY, STATES, Handlings, tally
from cases.statistics.columns import Coded, Indices
from cases.statistics.periods import Times
from gis.metres import Floats

ADVICE: Final = ("dispatch", "review", "fallback")
VOID: Final = STATES.index("void")
SUMS: Final[Mapping[str, str]] = {
    "received": "受理",
    "routed": "有派遣部门",
    "unrouted": "无派遣部门",
    **dict(zip(ADVICE, ("直接派遣", "人工复核", "属地兜底"), strict=True)),
    "open": "未处置",
    "handled": "已处置未结案",
    "closed": "已结案",
    "told": "有流转记录",
    **{name: zh for name, zh in MEASURES.items() if name != "cases"},
    "void": "作废",
}
"""What is summed, with its Chinese name; a void case counts in `void` alone."""


@dataclass(frozen=True, slots=True, eq=False)
class CaseFacts:
    """n cases. `advice` (n,) are numbers of ADVICE, `told` (n,) whether any hand-off was told.

    `lonlat` (n, 2) is NaN where a report had no place, `unit` as it was decided, in revision `revision` (n,).
    """

    handlings: Handlings
    advice: Indices
    told: NDArray[np.bool_]
    reported_at: Times
    revision: Indices
    lonlat: Floats
    unit: Coded
    department: Coded
    first: Coded
    handler: Coded
    source: Coded
    classes: Coded

    def __len__(self) -> int:
        return len(self.advice)

    def part(self, which: NDArray[np.bool_]) -> Self:
        """The cases that are wanted, (n,) yes or no."""
        made: dict[str, Any] = {}
        for each in fields(self):
            held = getattr(self, each.name)
            if isinstance(held, Handlings):
                made[each.name] = Handlings(**{name: getattr(held, name)[which] for name in Handlings.__slots__})
            else:
                made[each.name] = held.part(which) if isinstance(held, Coded) else held[which]
        return type(self)(**made)

    @property
    def state(self) -> Coded:
        """The state as a key."""
        return Coded(self.handlings.state, [(each,) for each in STATES])


def sum_cases(facts: CaseFacts, groups: Indices, count: int) -> dict[str, NDArray[Any]]:
    """Each of SUMS of each of `count` groups, columns (count,); `groups` (n,) are their numbers.

    `accuracy` is NaN where no handler is known.
    """
    state = facts.handlings.state
    there = state != VOID

    def counts(which: NDArray[np.bool_]) -> NDArray[np.int64]:
        return np.bincount(groups[which], minlength=count)

    routed = facts.department.number != NOBODY
    measures = tally(facts.handlings, groups, count)
    found = {
        "received": measures.pop("cases"),
        "routed": counts(there & routed),
        "unrouted": counts(there & ~routed),
        **{name: counts(there & (facts.advice == number)) for number, name in enumerate(ADVICE)},
        **{name: counts(state == number) for number, name in enumerate(STATES) if number != VOID},
        "told": counts(there & facts.told),
        **measures,
        "void": counts(~there),
    }
    return {name: found[name] for name in SUMS}


def count_rows(groups: Indices, count: int) -> dict[str, NDArray[Any]]:
    """How many things each of `count` groups has."""
    return {"components": np.bincount(groups, minlength=count)}


def plain(sums: Mapping[str, NDArray[Any]], at: int) -> dict[str, Any]:
    """The sums of one group as plain values; what is no number is None."""
    values: dict[str, Any] = {name: column[at].item() for name, column in sums.items()}
    return {name: None if value != value else value for name, value in values.items()}


def ordered(groups: Sequence[tuple[Any, ...]]) -> list[int]:
    """The places of groups in the order of their keys, none last."""

    def rank(key: Any) -> tuple[Any, ...]:
        return (key is None, *((each is None, each or "") for each in key or ()))

    return sorted(range(len(groups)), key=lambda at: [rank(key) for key in groups[at]])
