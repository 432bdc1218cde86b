"""Many Chinese names searched by pinyin at once, compiled: `zhongshanlu`, `zsl`, `zhongsl` and `shanlu` find 中山路.

The rules are those of `gis.pinyin.find`: a character is spelt by a syllable of any of its readings, by its first letter
or by zh, ch, sh; the last one also by the beginning of a syllable. Method: while a name is read, the bits of a number
say how much of what was typed may be spelt so far; a reading moves those bits that it can follow.
"""

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from gis import pinyin

LONGEST = 56
"""Letters; with more nothing is looked for, for the bits would not do."""
IN_FULL, IN_SHORT, INSIDE = 1, 2, 3
"""A name begins with what is spelt in whole syllables, or in short; or it is spelt so further on."""
OTHER = 0xFFFF
TWO_LETTERS = ("zh", "ch", "sh")
ALPHABET = "abcdefghijklmnopqrstuvwxyz0123456789"

Longs = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Readings:
    """The syllables, among them single letters; those of the character c are `ids[first[c]:first[c + 1]]`."""

    syllables: tuple[str, ...]
    first: NDArray[np.int32]
    ids: NDArray[np.int16]
    letters: NDArray[np.bool_]


@cache
def readings() -> Readings:
    """What is known of characters below U+FFFF, all others being letters that nothing spells."""
    table = pinyin.table()
    syllables = tuple(dict.fromkeys([*ALPHABET, *sorted({each for read in table.values() for each in read})]))
    number = {syllable: at for at, syllable in enumerate(syllables)}
    read = [
        [number[character]] if character in ALPHABET else [number[each] for each in table.get(character, ())]
        for character in map(chr, range(OTHER + 1))
    ]
    first = np.concatenate([[0], np.cumsum([len(each) for each in read])]).astype(np.int32)
    letters = np.array([chr(code).isalnum() for code in range(OTHER)] + [True])
    return Readings(syllables, first, np.array([each for one in read for each in one], dtype=np.int16), letters)


@cache
def beginners(letter: str) -> NDArray[np.bool_]:
    """Which characters (65536,) can be spelt by something that begins with a letter."""
    known = readings()
    begins = np.array([syllable[0] == letter for syllable in known.syllables])[known.ids]
    counts = np.concatenate([[0], np.cumsum(begins)])
    return np.asarray(counts[known.first[1:]] > counts[known.first[:-1]])


def encode(text: str) -> NDArray[np.uint16]:
    """The characters of a text (v,), as `search` reads them."""
    codes = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype=np.uint32)
    return np.minimum(codes, OTHER).astype(np.uint16)


def search(characters: NDArray[np.uint16], starts: Longs, typed: str) -> tuple[NDArray[np.int8], NDArray[np.int32]]:
    """For each line i, `characters[starts[i]:starts[i + 1] - 1]`, how `typed` (folded) spells it, 0 where it does not,
    and how many of its characters are not spelt.
    """
    ranks, rests = np.zeros(len(starts) - 1, dtype=np.int8), np.zeros(len(starts) - 1, dtype=np.int32)
    if 0 < len(typed) <= LONGEST and set(typed) <= set(ALPHABET):
        known = readings()
        moves = _moves(known.syllables, typed)
        end, begins = np.int64(1 << len(typed)), beginners(typed[0])
        _search(characters, starts, begins, known.first, known.ids, known.letters, moves, end, ranks, rests)
    return ranks, rests


def _moves(syllables: tuple[str, ...], typed: str) -> Longs:
    """For each syllable (s, 5): where in `typed` it stands, its length, where its first letter stands, where its zh, ch
    or sh does, and where the rest of `typed` is its beginning; places as bits.
    """
    moves = np.zeros((len(syllables), 5), dtype=np.int64)
    for number, syllable in enumerate(syllables):
        size = len(syllable)
        moves[number, 1] = size
        for at in range(len(typed)):
            if typed[at] != syllable[0]:
                continue
            if typed.startswith(syllable, at):
                moves[number, 0] |= 1 << at
            if size > 1:
                moves[number, 2] |= 1 << at
            if size > 2 and syllable[:2] in TWO_LETTERS and typed.startswith(syllable[:2], at):
                moves[number, 3] |= 1 << at
            if len(typed) - at < size and syllable.startswith(typed[at:]):
                moves[number, 4] |= 1 << at
    return moves


@njit(cache=True, nogil=True)
def _search(
    characters: Any,
    starts: Any,
    begins: Any,
    first: Any,
    ids: Any,
    letters: Any,
    moves: Any,
    end: Any,
    ranks: Any,
    rests: Any,
) -> None:
    for line in range(len(starts) - 1):
        low, high = starts[line], starts[line + 1] - 1
        for begin in range(low, high):
            if not begins[characters[begin]]:
                continue
            full, some = np.int64(1), np.int64(1)
            for at in range(begin, high):
                character = characters[at]
                if not letters[character]:
                    continue
                whole, short = np.int64(0), np.int64(0)
                for k in range(first[character], first[character + 1]):
                    move = moves[ids[k]]
                    whole |= (full & move[0]) << move[1]
                    short |= ((some & move[0]) << move[1]) | ((some & move[2]) << 1) | ((some & move[3]) << 2)
                    if full & move[4]:
                        whole |= end
                    if some & move[4]:
                        short |= end
                full, some = whole, short | whole
                if some & end:
                    rests[line] = high - at - 1 + begin - low
                    ranks[line] = INSIDE if begin > low else IN_FULL if full & end else IN_SHORT
                    break
                if some == 0:
                    break
            if ranks[line] != 0:
                break


def warm() -> None:
    """Have the kernel compiled."""
    search(encode("中\n"), np.array([0, 2]), "z")
