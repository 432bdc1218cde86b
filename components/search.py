"""Find classes by what people type: a code, a Chinese name, its pinyin in full or by initials, an English name."""

from collections.abc import Iterable, Sequence

from components.catalogue import Class
from gis import pinyin

Rank = tuple[int, int, int]


def search_classes(classes: Iterable[Class], words: str) -> list[Class]:
    """The classes that `words` mean, the closest first; of equally close ones the order stays. Without words all.

    Closest is a whole code or name, then the beginning of one, then a part; then pinyin, in full before short; then
    an English name of which every word begins one of its words; then the name of the major class. Of parts the
    earlier ones are closer, and those of shorter names.
    """
    words = " ".join(words.split()).casefold()
    if not words:
        return list(classes)
    ranked = [(rank, each) for each in classes if (rank := _rank(each, words)) is not None]
    return [each for _, each in sorted(ranked, key=lambda pair: pair[0])]


def _rank(known: Class, words: str) -> Rank | None:
    code, name, english = known.code.casefold(), known.name_zh.casefold(), known.name_en.casefold()
    if words in (code, name, english):
        return 0, 0, 0
    if name.startswith(words) or code.startswith(words):
        return 1, 0, len(name)
    if words in name:
        return 2, name.index(words), len(name)
    spelt = pinyin.find(name, words)
    if spelt is not None:
        return 3 + spelt.is_short, spelt.start, len(name)
    if _begins_words(english.replace("/", " ").replace("(", " ").split(), words.split()) or words in english:
        return 5, 0, 0
    return (6, 0, 0) if words in known.major_name_zh.casefold() else None


def _begins_words(there: Sequence[str], asked: Sequence[str]) -> bool:
    return all(any(each.startswith(word) for each in there) for word in asked)
