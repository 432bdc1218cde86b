"""Classes of several editions told as those of one, as far as the crosswalk knows."""

from collections import Counter
from functools import cache

from cases.statistics.columns import Coded, Key
from components.crosswalk import FROM, TO, lines


@cache
def _table(edition: str) -> dict[Key, Key]:
    """(edition, kind, code) -> the class of `edition` that it is."""
    pairs = [((FROM, each.kind, each.from_code), (TO, each.kind, each.to_code)) for each in lines() if each.to_code]
    if edition == TO:
        return dict(pairs)
    if edition != FROM:
        return {}
    times = Counter(new for _, new in pairs)  # what two classes went into is neither of them again
    return {new: old for old, new in pairs if times[new] == 1}


def folded(classes: Coded, edition: str) -> Coded:
    """The column (edition, kind, code) with each class as that of `edition`, "2026" or "2013".

    A class without a known counterpart stays what it is, under its own edition: nothing is guessed, nothing is lost.
    """
    table = _table(edition)
    return classes.mapped(lambda key: table.get(key, key))
