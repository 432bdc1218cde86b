"""Many names searched at once by what people type: characters, pinyin in full or by initials, Latin letters.

Method: all names stand in one text, each on a line, and so do their spellings in pinyin; to look for a whole line, the
beginning of one or a part of one is a search in a text, which for 200,000 names takes a few milliseconds.
"""

from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice, product
from typing import Self

from gis import pinyin

EXACT, PREFIX, SPELT, INITIALS, PART = range(5)
"""How close a name is: it is what was typed, begins so, is spelt so (to its end or not), in initials, or holds it."""
MOST_SPELLINGS = 8
"""A name of characters that have several readings is found by so many of them."""
MOST_LOOKED_AT = 20_000
"""Places that are looked at for one word, so that one that is everywhere takes no longer than others."""

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
class _Lines:
    """Lines of one text, and of which name each is."""

    text: str
    starts: Sequence[int]
    numbers: Sequence[int]

    @classmethod
    def of(cls, lines: Sequence[tuple[str, int]]) -> Self:
        starts, at = list[int](), 0
        for line, _ in lines:
            starts.append(at)
            at += len(line) + 1
        return cls("\n" + "\n".join(line for line, _ in lines) + "\n", starts, [number for _, number in lines])

    def find(self, wanted: str, most: int, allowed: Allowed) -> dict[int, int]:
        """The names of up to `most` lines that hold `wanted`, with what the shortest such line has beyond it."""
        found: dict[int, int] = {}
        at, looked = self.text.find(wanted), 0
        long = len(wanted.strip("\n"))
        while at >= 0 and len(found) < most and looked < MOST_LOOKED_AT:
            looked += 1
            # The text begins with a break, so a line begins one later than it is said to.
            line = bisect_right(self.starts, at - (0 if wanted.startswith("\n") else 1)) - 1
            end = self.text.find("\n", at + 1)
            number = self.numbers[line]
            if allowed(number):
                rest = end - self.starts[line] - 1 - long if not wanted.endswith("\n") else 0
                found[number] = min(rest, found.get(number, rest))
            at = self.text.find(wanted, max(end, at + 1))
        return found


@dataclass(frozen=True, slots=True)
class WordList:
    """n names. Immutable, safe to share between threads."""

    names: _Lines
    spelt: _Lines
    initials: _Lines

    @classmethod
    def build(cls, names: Sequence[Sequence[str | None]]) -> Self:
        """Of things (n,) that each have some names; what is no name is passed over."""
        held = [
            (folded, number) for number, each in enumerate(names) for name in each if name and (folded := fold(name))
        ]
        spelt = [(letters, number) for name, number in held for letters in spellings(name)[0]]
        initials = [(letters, number) for name, number in held for letters in spellings(name)[1]]
        return cls(_Lines.of(held), _Lines.of(spelt), _Lines.of(initials))

    def find(self, typed: str, most: int, allowed: Allowed = lambda number: True) -> list[Found]:
        """The names that are meant, the closest first: for each way of being close up to `most` that are `allowed`."""
        wanted = fold(typed)
        if not wanted:
            return []
        ways = [(EXACT, self.names, f"\n{wanted}\n"), (PREFIX, self.names, f"\n{wanted}")]
        if wanted.isascii() and any(each.isalpha() for each in wanted):
            ways += [(SPELT, self.spelt, f"\n{wanted}"), (INITIALS, self.initials, f"\n{wanted}")]
        ways.append((PART, self.names, wanted))
        best: dict[int, Found] = {}
        for rank, lines, line in ways:
            for number, rest in lines.find(line, most, allowed).items():
                best.setdefault(number, Found(number, rank, rest))
        return sorted(best.values(), key=lambda each: each.order)


def fold(text: str) -> str:
    """A name as it is compared."""
    return pinyin.fold(text)


@lru_cache(maxsize=2**17)
def spellings(name: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The ways in which a folded name is spelt in full and in initials; none for one without Chinese characters."""
    parts = [pinyin.readings(character) or (character,) for character in name if character.isalnum()]
    if all(part == (character,) for part, character in zip(parts, filter(str.isalnum, name), strict=True)):
        return (), ()
    whole = list(islice(product(*parts), MOST_SPELLINGS))
    full = dict.fromkeys("".join(each) for each in whole)
    short = dict.fromkeys("".join(part[:1] for part in each) for each in whole)
    return tuple(full), tuple(short)
