"""Many names searched at once by what people type: characters, pinyin in full or by initials, Latin letters.

Method: all names stand in one text, each on a line; for a whole line, the beginning of one or a part of one the text is
looked through, for pinyin `gis.spelling` does that. For 200,000 names that takes a few milliseconds.
"""

from array import array
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from gis import pinyin, spelling

EXACT, PREFIX, SPELT, INITIALS, PART = range(5)
"""How close a name is: it is what was typed, begins so, is spelt so (to its end or not), in short, or holds it."""
MOST_LOOKED_AT = 5_000
"""Lines that are looked at for one word, so that one that is everywhere takes no longer than others."""

Allowed = Callable[[int], bool]


@dataclass(frozen=True, slots=True)
class Found:
    """A name by its number, how close it is, and the length of it that was not typed: the less the closer."""

    number: int
    rank: int
    rest: int

    @property
    def order(self) -> tuple[int, int, int]:
        return self.rank, self.rest, self.number


@dataclass(frozen=True, slots=True)
class WordList:
    """n names of things: line i is `text[starts[i] + 1:starts[i + 1]]`, of the thing `numbers[i]`.

    Immutable, safe to share between threads.
    """

    text: str
    starts: Sequence[int]
    numbers: Sequence[int]
    characters: NDArray[np.uint16]

    @classmethod
    def build(cls, names: Sequence[Sequence[str | None]]) -> Self:
        """Of things (n,) that each have some names; what is no name is passed over."""
        held = [
            (folded, number) for number, each in enumerate(names) for name in each if name and (folded := fold(name))
        ]
        text = "\n" + "".join(f"{line}\n" for line, _ in held)
        starts, at = array("q", [0]), 0
        for line, _ in held:
            at += len(line) + 1
            starts.append(at)
        return cls(text, starts, array("q", [number for _, number in held]), spelling.encode(text[1:]))

    def find(self, typed: str, most: int, allowed: Allowed = lambda number: True) -> list[Found]:
        """The names that are meant, the closest first: for each way of being close up to `most` that are `allowed`."""
        wanted = fold(typed)
        if not wanted:
            return []
        best: dict[int, Found] = {}

        def keep(rank: int, lines: Iterator[tuple[int, int]]) -> None:
            found, looked = 0, 0
            for line, rest in lines:
                number, looked = self.numbers[line], looked + 1
                if number not in best and allowed(number):
                    best[number] = Found(number, rank, rest)
                    found += 1
                if found == most or looked == MOST_LOOKED_AT:
                    break

        keep(EXACT, self._holding(f"\n{wanted}\n"))
        keep(PREFIX, self._holding(f"\n{wanted}"))
        if wanted.isascii() and any(each.isalpha() for each in wanted):
            ranks, rests = spelling.search(self.characters, np.asarray(self.starts, dtype=np.int64), wanted)
            for rank, spelt in ((SPELT, spelling.IN_FULL), (INITIALS, spelling.IN_SHORT), (PART, spelling.INSIDE)):
                lines: Any = np.flatnonzero(ranks == spelt)
                lines = lines[np.argsort(rests[lines], kind="stable")][:MOST_LOOKED_AT]
                keep(rank, zip(lines.tolist(), rests[lines].tolist(), strict=True))
        if len(best) < most:
            keep(PART, self._holding(wanted))
        return sorted(best.values(), key=lambda each: each.order)

    def _holding(self, wanted: str) -> Iterator[tuple[int, int]]:
        """The lines that hold a text, as they come, and how much each has beyond it."""
        size = len(wanted.strip("\n"))
        at = self.text.find(wanted)
        while at >= 0:
            line = bisect_right(self.starts, at if wanted[0] == "\n" else at - 1) - 1
            following = self.starts[line + 1]
            yield line, following - self.starts[line] - 1 - size
            at = self.text.find(wanted, following)


def fold(text: str) -> str:
    """A name as it is compared."""
    return pinyin.fold(text)
