"""Chinese text by how it is spelt in Latin letters: `shangshuijinggai`, `ssjg` and `shangsjg` all find 上水井盖.

`data/pinyin.txt` lists for each syllable, without tones, the characters that can be read so: a character of several
readings is found by each of them. It is derived from pinyin-data (MIT, `data/pinyin.LICENSE`), characters U+4E00 to
U+9FFF and 〇; ü is written v.
"""

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

_TWO_LETTERS = ("zh", "ch", "sh")
_NOT_SPELT = "'·"


@dataclass(frozen=True, slots=True, order=True)
class Spelling:
    """Where letters spell a part of a text: from which character, and whether some stand for no whole syllable."""

    start: int
    is_short: bool


def fold(text: str) -> str:
    """The text as it is compared: without case, width, tones, blanks and apostrophes."""
    plain = unicodedata.normalize("NFD", unicodedata.normalize("NFKC", text).casefold().replace("ü", "v"))
    kept = "".join(each for each in plain if not unicodedata.combining(each) or each == "\u0308")
    return "".join(kept.replace("u\u0308", "v").split()).translate({ord(each): None for each in _NOT_SPELT})


def readings(character: str) -> tuple[str, ...]:
    """The syllables of a character, without tones; none for what is no Chinese character."""
    return table().get(character, ())


def find(text: str, letters: str) -> Spelling | None:
    """The first part of `text` that `letters` spell, else None.

    A character is spelt by itself, by a syllable, by its first letter or by zh, ch, sh; the last one also by the
    beginning of a syllable. What is neither a letter nor a digit is passed over.
    """
    wanted = fold(letters)
    if not wanted:
        return None
    characters = unicodedata.normalize("NFKC", text).casefold()
    found = [spelt for start in range(len(characters)) if (spelt := _from(characters, start, wanted)) is not None]
    return min(found, default=None)


def _from(characters: str, start: int, wanted: str) -> Spelling | None:
    """The part that begins at `start`. `reached` tells how much of `wanted` is spelt, and whether in short."""
    reached = {0: False}
    for character in characters[start:]:
        if not character.isalnum():
            if reached == {0: False}:
                return None
            continue
        steps: dict[int, bool] = {}
        for at, is_short in reached.items():
            for spelt, short in _spellings(character, wanted, at):
                there = at + len(spelt)
                steps[there] = steps.get(there, True) and (is_short or short)
        if len(wanted) in steps:
            return Spelling(start, steps[len(wanted)])
        if not steps:
            return None
        reached = steps
    return None


def _spellings(character: str, wanted: str, at: int) -> list[tuple[str, bool]]:
    """What of `wanted` from `at` can stand for the character, and whether it is less than a syllable."""
    rest = wanted[at:]
    found = [(character, False)] if rest.startswith(character) else []
    for syllable in readings(character):
        if rest.startswith(syllable):
            found.append((syllable, False))
        short = syllable[:2] if syllable.startswith(_TWO_LETTERS) else syllable[:1]
        found += [(part, True) for part in {short, syllable[:1]} if rest.startswith(part) and part != syllable]
        if syllable.startswith(rest) and syllable != rest:
            found.append((rest, True))
    return found


@cache
def table() -> Mapping[str, tuple[str, ...]]:
    """The syllables of every character that has some."""
    found: dict[str, tuple[str, ...]] = {}
    for line in files("gis").joinpath("data/pinyin.txt").read_text(encoding="utf-8").splitlines():
        syllable, characters = line.split(" ")
        for character in characters:
            found[character] = (*found.get(character, ()), syllable)
    return found
