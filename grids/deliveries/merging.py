"""Three-way merge of rows: the state a delivery was begun from, the delivery, and what holds now.

A row that is not there is None and is weighed like any other state, so that the rule is one: what the delivery left as
it was is ours to keep, what nobody changed here is the delivery's to change, what both changed is a conflict.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

Row = Mapping[str, Any]
SHAPE = "geom"
SAME_DEG = 1e-8
"""About a millimetre: what a projection and back, or a file of fewer decimals, may do to a coordinate."""


CODE_LIKE = re.compile(r"-?0\d")
"""A text with a leading zero is no number: the zero would be lost."""


class Outcome(StrEnum):
    """What becomes of a row."""

    same = "same"
    changed = "changed"
    new = "new"
    gone = "gone"
    kept = "kept"
    conflict = "conflict"


@dataclass(frozen=True, slots=True)
class Triple:
    """One row three times; None where it is not there. `delivered` None means that the delivery ends it."""

    name: str
    base: Row | None
    delivered: Row | None
    now: Row | None


@dataclass(frozen=True, slots=True)
class Verdict:
    """What becomes of a row. `delivered` has what is alike from here, so that nothing changes by a last digit.

    `fields` are those in which the delivery and what holds now differ, where both have the row.
    """

    outcome: Outcome
    row: Triple
    fields: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Spoken:
    """What a delivery says anything of: these fields, and of the document these keys. The rest stays as it is."""

    fields: frozenset[str]
    document: str | None = None
    keys: frozenset[str] = frozenset()

    def complete(self, delivered: Row, base: Row | None, now: Row | None) -> Row:
        """The delivered row with what the delivery does not speak of as it was at the base, else as it is now."""
        under = base if base is not None else now
        if under is None:
            return delivered
        row = {name: value if name in self.fields else under[name] for name, value in delivered.items()}
        if self.document is not None:
            mine = {key: value for key, value in (delivered[self.document] or {}).items() if key in self.keys}
            rest = {key: value for key, value in (under[self.document] or {}).items() if key not in self.keys}
            row[self.document] = {**rest, **mine}
        return row


def weigh(base: Any, delivered: Any, now: Any) -> Outcome:
    """What becomes of a thing of three states, each of which may be None; states are compared by ==."""
    if delivered == now:
        return Outcome.same
    if delivered == base:
        return Outcome.kept
    if now != base:
        return Outcome.conflict
    if delivered is None:
        return Outcome.gone
    return Outcome.new if base is None else Outcome.changed


def merge(triples: Sequence[Triple], fields: Iterable[str], document: str | None = None) -> list[Verdict]:
    """The verdict on each row, compared in `fields`; shapes are alike up to about a millimetre."""
    names = list(fields)
    shaped = SHAPE in names
    first = _same_shapes([each.delivered for each in triples], [each.now for each in triples], shaped)
    second = _same_shapes([each.delivered for each in triples], [each.base for each in triples], shaped)
    third = _same_shapes([each.now for each in triples], [each.base for each in triples], shaped)
    return [
        _judge(each, names, document, shapes)
        for each, *shapes in zip(triples, first.tolist(), second.tolist(), third.tolist(), strict=True)
    ]


def _judge(triple: Triple, names: Sequence[str], document: str | None, shapes: Sequence[bool]) -> Verdict:
    """States that are alike get the same number, and the numbers are weighed."""
    base, delivered, now = triple.base, triple.delivered, triple.now
    with_now = _differing(delivered, now, names, document, shapes[0])
    with_base = _differing(delivered, base, names, document, shapes[1])
    ours = None if now is None else 0
    theirs = None if delivered is None else 0 if now is not None and not with_now else 1
    before = None if base is None else 2
    if base is not None and now is not None and not _differing(now, base, names, document, shapes[2]):
        before = 0
    elif base is not None and delivered is not None and not with_base:
        before = theirs
    outcome = weigh(before, theirs, ours)
    if outcome not in (Outcome.changed, Outcome.new, Outcome.conflict) or delivered is None:
        return Verdict(outcome, triple)
    pattern, differs = (base, with_base) if now is None else (now, with_now)
    settled = _settled(delivered, pattern, differs, document)
    both = tuple(with_now) if now is not None else ()
    return Verdict(outcome, Triple(triple.name, base, settled, now), both)


def _differing(
    one: Row | None, other: Row | None, names: Sequence[str], document: str | None, shape: bool
) -> list[str]:
    """The fields in which two rows are not alike; none where one of them is not there."""
    if one is None or other is None or one is other:
        return []
    found = []
    for name in names:
        if name == SHAPE:
            alike = shape
        elif name == document:
            alike = documents_alike(one[name], other[name])
        else:
            alike = values_alike(one[name], other[name])
        if not alike:
            found.append(name)
    return found


def _settled(delivered: Row, pattern: Row | None, differs: Sequence[str], document: str | None) -> Row:
    """The delivered row with the very values of `pattern` where both are alike."""
    if pattern is None:
        return delivered
    row = {name: value if name in differs else pattern.get(name, value) for name, value in delivered.items()}
    if document is not None and document in differs:
        old, new = pattern[document] or {}, delivered[document] or {}
        row[document] = {key: old[key] if key in old and values_alike(old[key], new[key]) else new[key] for key in new}
    return row


def documents_alike(one: Mapping[str, Any] | None, other: Mapping[str, Any] | None) -> bool:
    """Whether two documents say the same: no document, an empty one and one of nulls are alike."""
    left, right = ({key: value for key, value in (each or {}).items() if value is not None} for each in (one, other))
    return left.keys() == right.keys() and all(values_alike(value, right[key]) for key, value in left.items())


def values_alike(one: Any, other: Any) -> bool:
    """Whether two values are the same, also where one of them went through a file that has only text."""
    if one == other:
        return True
    if isinstance(one, str) == isinstance(other, str) or one is None or other is None:
        return False
    text, value = (one, other) if isinstance(one, str) else (other, one)
    if isinstance(value, bool):
        return bool(text.lower() == str(value).lower())
    if CODE_LIKE.match(text):
        return False
    try:
        return bool((int if isinstance(value, int) else float)(text) == value)
    except (TypeError, ValueError):
        return False


def _same_shapes(ones: Sequence[Row | None], others: Sequence[Row | None], shaped: bool) -> NDArray[np.bool_]:
    """Whether the shapes of two rows are alike, for each pair."""
    same = np.ones(len(ones), dtype=bool)
    if not shaped:
        return same
    pairs = [
        (number, one[SHAPE], other[SHAPE])
        for number, (one, other) in enumerate(zip(ones, others, strict=True))
        if one is not None and other is not None and one[SHAPE] is not other[SHAPE]
    ]
    if pairs:
        numbers = np.array([pair[0] for pair in pairs])
        left, right = np.empty(len(pairs), dtype=object), np.empty(len(pairs), dtype=object)
        left[:], right[:] = [pair[1] for pair in pairs], [pair[2] for pair in pairs]
        same[numbers] = shapes_alike(left, right)
    return same


def shapes_alike(one: NDArray[Any], other: NDArray[Any]) -> NDArray[np.bool_]:
    """Whether geometries (n,) are the same up to SAME_DEG, wherever rings begin and whether or not they are multi."""
    found: NDArray[np.bool_] = shapely.is_missing(one) & shapely.is_missing(other)
    there = ~shapely.is_missing(one) & ~shapely.is_missing(other)
    found[there] = shapely.equals_exact(one[there], other[there], tolerance=0.0, normalize=True)
    rest = np.flatnonzero(there & ~found)
    if len(rest):
        boxes = np.abs(shapely.bounds(one[rest]) - shapely.bounds(other[rest])).max(axis=1) <= SAME_DEG
        rest = rest[boxes & (shapely.get_dimensions(one[rest]) == shapely.get_dimensions(other[rest]))]
        found[rest] = shapely.hausdorff_distance(one[rest], other[rest]) <= SAME_DEG
    return found
