"""Columns of keys as numbers into a short list, and the groups that several of them make together."""

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray

Indices = NDArray[np.int64]
Key = tuple[Any, ...]
NONE: Final = -1


@dataclass(frozen=True, slots=True, eq=False)
class Coded:
    """A column (n,) of keys: keys[number[i]], none where the number is negative. No key stands twice."""

    number: Indices
    keys: Sequence[Key]

    def mapped(self, change: Callable[[Key], Key | None]) -> Self:
        """The column in which every key is changed, or none any more; what becomes alike is one key."""
        known: dict[Key, int] = {}
        made = [change(key) for key in self.keys]
        numbers = [NONE if key is None else known.setdefault(key, len(known)) for key in made]
        return type(self)(np.array([*numbers, NONE], dtype=np.int64)[self.number], list(known))

    def part(self, which: NDArray[Any]) -> Self:
        """The rows that are wanted, by yes or no or by their places."""
        return type(self)(self.number[which], self.keys)


class Words:
    """Numbers for texts that come piece by piece, in the order in which they are met."""

    def __init__(self) -> None:
        self.known: dict[Hashable, int] = {}

    def number(self, values: Sequence[Any]) -> Indices:
        """The numbers (n,) of texts, NONE for None."""
        import pandas as pd

        column = np.fromiter(values, dtype=object, count=len(values))
        number, found = pd.factorize(column)
        mine = [self.known.setdefault(each, len(self.known)) for each in found.tolist()]
        return np.array([*mine, NONE], dtype=np.int64)[number]

    def coded(self, number: Indices) -> Coded:
        """A column of such numbers; each key is one text."""
        return Coded(number, [(each,) for each in self.known])


def group(columns: Sequence[Coded], count: int) -> tuple[Indices, list[tuple[Key | None, ...]]]:
    """The number (n,) of the group of each of `count` rows, and the keys of each group, one a column.

    Only groups that occur are there, in no stated order; without columns all rows are one group.
    """
    number = np.zeros(count, dtype=np.int64)
    members = np.zeros((1, 0), dtype=np.int64)
    for column in columns:
        size = len(column.keys) + 1
        number, found = _numbered(number * size + column.number + 1)
        members = np.column_stack([members[found // size], found % size - 1])
    return number, [
        tuple(None if each < 0 else column.keys[each] for column, each in zip(columns, row, strict=True))
        for row in members.tolist()
    ]


def together(columns: Sequence[Coded]) -> Coded:
    """Columns of one text each as one column of keys of several; none where all are none."""
    number, groups = group(columns, len(columns[0].number))
    keys: list[Key] = [tuple(None if each is None else each[0] for each in row) for row in groups]
    return Coded(number, keys).mapped(lambda key: None if all(each is None for each in key) else key)


def _numbered(values: Indices) -> tuple[Indices, Indices]:
    import pandas as pd

    number, found = pd.factorize(values)
    return number.astype(np.int64), np.asarray(found, dtype=np.int64)
