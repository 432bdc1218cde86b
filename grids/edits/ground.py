"""What an edit reads: the units around, what follows their edges, and the codes that were ever given.

An edit needs only what is near, so a ground answers for a code, a prefix or a box. The store's layer gives one over a
revision; `Held` is one in memory; `after` is the ground as it will be once an edit holds, on which the next edit of a
draft works.
"""

from bisect import bisect_left
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import compress
from typing import Any, Protocol, Self

import numpy as np
import shapely
from numpy.typing import NDArray

from grids.edits.value import DIVISIONS, GAPS, UNITS, Edit, Feature
from grids.profiles import CodeProfile

Box = tuple[float, float, float, float]
Key = tuple[str, int]


class Ground(Protocol):
    """The world around an edit: one revision, or a draft over it."""

    @property
    def profile(self) -> CodeProfile:
        """How codes are built."""

    @property
    def placeholder(self) -> int:
        """The highest uid below 0 that no new thing of the draft has yet."""

    def unit(self, code: str) -> Feature | None:
        """The unit in force that has this code."""

    def units(self, box: Box) -> Sequence[Feature]:
        """The units in force whose own box meets `box` (west, south, east, north; its rim counts)."""

    def followers(self, box: Box) -> Sequence[Feature]:
        """What is no unit but keeps to the units' edges and meets `box`: named gaps, divisions, areas that follow."""

    def gaps(self, box: Box) -> Sequence[Feature]:
        """The named gaps in force whose own box meets `box`."""

    def units_below(self, prefix: str) -> Sequence[Feature]:
        """The units in force whose code begins with `prefix`, by code."""

    def division(self, code: str) -> Feature | None:
        """The division in force that has this code."""

    def divisions_below(self, prefix: str) -> Sequence[Feature]:
        """The divisions in force whose code begins with `prefix` (itself too), by code."""

    def taken(self, prefix: str) -> Collection[str]:
        """Every code of a unit or division, in force or retired, that begins with `prefix`."""


def bounds(polygon: Any) -> Box:
    """The box of a geometry."""
    west, south, east, north = polygon.bounds
    return west, south, east, north


def around(places: Iterable[tuple[float, float]]) -> Box:
    """The box of places, of which there is at least one."""
    xs, ys = zip(*places, strict=True)
    return min(xs), min(ys), max(xs), max(ys)


def enclosing(boxes: Sequence[Box]) -> Box:
    """The box of several boxes."""
    west, south, east, north = zip(*boxes, strict=True)
    return min(west), min(south), max(east), max(north)


def meet(one: Box, other: Box) -> bool:
    """Whether two boxes have a place in common."""
    return one[0] <= other[2] and other[0] <= one[2] and one[1] <= other[3] and other[1] <= one[3]


@dataclass(frozen=True, slots=True)
class Held:
    """A ground in memory."""

    profile: CodeProfile
    by_code: Mapping[str, Feature]
    division_by_code: Mapping[str, Feature]
    tree: shapely.STRtree
    members: Sequence[Feature]
    follower_tree: shapely.STRtree
    follower_members: Sequence[Feature]
    unit_codes: Sequence[str]
    division_codes: Sequence[str]
    given: Sequence[str]
    placeholder: int = -1

    @classmethod
    def of(
        cls,
        profile: CodeProfile,
        units: Iterable[Feature],
        followers: Iterable[Feature] = (),
        retired: Iterable[str] = (),
    ) -> Self:
        """A ground of units and followers in force and of codes that were in force once."""
        members, others = list(units), list(followers)
        divisions = {each.code: each for each in others if each.layer == DIVISIONS}
        followers = [each for each in others if each.polygon is not None]
        by_code = {each.code: each for each in members}
        return cls(
            profile,
            by_code,
            divisions,
            shapely.STRtree([each.shape for each in members]),
            members,
            shapely.STRtree([each.shape for each in followers]),
            followers,
            sorted(by_code),
            sorted(divisions),
            sorted({*by_code, *divisions, *retired}),
        )

    def unit(self, code: str) -> Feature | None:
        return self.by_code.get(code)

    def units(self, box: Box) -> Sequence[Feature]:
        return [self.members[index] for index in np.sort(self.tree.query(shapely.box(*box))).tolist()]

    def followers(self, box: Box) -> Sequence[Feature]:
        found = self.follower_tree.query(shapely.box(*box)).tolist()
        return [self.follower_members[index] for index in sorted(found)]

    def gaps(self, box: Box) -> Sequence[Feature]:
        return [each for each in self.followers(box) if each.layer == GAPS]

    def units_below(self, prefix: str) -> Sequence[Feature]:
        return [self.by_code[code] for code in beginning(self.unit_codes, prefix)]

    def division(self, code: str) -> Feature | None:
        return self.division_by_code.get(code)

    def divisions_below(self, prefix: str) -> Sequence[Feature]:
        return [self.division_by_code[code] for code in beginning(self.division_codes, prefix)]

    def taken(self, prefix: str) -> Collection[str]:
        return set(beginning(self.given, prefix))


def beginning(codes: Sequence[str], prefix: str) -> Sequence[str]:
    """Those of sorted codes that begin with a prefix."""
    first = bisect_left(codes, prefix)
    return codes[first : bisect_left(codes, prefix + "\U0010ffff", first)]


@dataclass(frozen=True, slots=True)
class Drafted:
    """A ground with edits over it: `gone` are versions that no longer hold, `new` those that do.

    `drawn` are those of the new that have a shape, `boxes` (n, 4) theirs, in the same order.
    """

    base: Ground
    gone: frozenset[Key]
    new: Mapping[Key, Feature]
    given: Sequence[str]
    placeholder: int
    codes: Mapping[tuple[str, str], Feature] = field(default_factory=dict)
    drawn: Sequence[Key] = ()
    boxes: NDArray[np.float64] = field(default_factory=lambda: np.empty((0, 4)))

    @property
    def profile(self) -> CodeProfile:
        return self.base.profile

    def unit(self, code: str) -> Feature | None:
        return self._one(UNITS, code, self.base.unit(code))

    def units(self, box: Box) -> Sequence[Feature]:
        return self._with_new(self.base.units(box), box, lambda layer: layer == UNITS)

    def followers(self, box: Box) -> Sequence[Feature]:
        return self._with_new(self.base.followers(box), box, lambda layer: layer != UNITS)

    def gaps(self, box: Box) -> Sequence[Feature]:
        return self._with_new(self.base.gaps(box), box, lambda layer: layer == GAPS)

    def units_below(self, prefix: str) -> Sequence[Feature]:
        return self._coded(self.base.units_below(prefix), UNITS, prefix)

    def division(self, code: str) -> Feature | None:
        return self._one(DIVISIONS, code, self.base.division(code))

    def divisions_below(self, prefix: str) -> Sequence[Feature]:
        return self._coded(self.base.divisions_below(prefix), DIVISIONS, prefix)

    def taken(self, prefix: str) -> Collection[str]:
        return {*self.base.taken(prefix), *beginning(self.given, prefix)}

    def _one(self, layer: str, code: str, old: Feature | None) -> Feature | None:
        if (layer, code) in self.codes:
            return self.codes[layer, code]
        return None if old is None or old.key in self.gone else old

    def _with_new(self, old: Sequence[Feature], box: Box, is_meant: Callable[[str], bool]) -> Sequence[Feature]:
        stay = [each for each in old if each.key not in self.gone]
        west, south, east, north = self.boxes.T
        met = np.flatnonzero((west <= box[2]) & (east >= box[0]) & (south <= box[3]) & (north >= box[1]))
        keys = (self.drawn[index] for index in met.tolist())
        return [*stay, *(self.new[key] for key in keys if is_meant(key[0]))]

    def _coded(self, old: Sequence[Feature], layer: str, prefix: str) -> Sequence[Feature]:
        stay = [each for each in old if each.key not in self.gone]
        stay += [each for each in self.new.values() if each.layer == layer and each.code.startswith(prefix)]
        return sorted(stay, key=lambda each: each.code)


def after(ground: Ground, edit: Edit) -> Drafted:
    """The ground once an edit holds. Errors: ValueError when what it ends is not in force."""
    old = ground if isinstance(ground, Drafted) else Drafted(ground, frozenset(), {}, (), ground.placeholder)
    new = dict(old.new)
    gone = set(old.gone)
    for each in edit.ended:
        if new.pop(each.key, None) is None:
            if each.key in gone:
                raise ValueError(f"{each.layer} {each.code} is not in force")
            gone.add(each.key)
    new |= {each.key: each for each in edit.begun}
    lowest = min([old.placeholder + 1, *(each.uid for each in edit.begun)])
    codes = dict(old.codes)
    for each in edit.ended:
        codes.pop((each.layer, each.code), None)
    codes |= {(each.layer, each.code): each for each in edit.begun}
    touched = {each.key for each in (*edit.ended, *edit.begun)}
    shaped = [each for each in edit.begun if each.polygon is not None]
    stay = [key not in touched for key in old.drawn]
    drawn = [*compress(old.drawn, stay), *(each.key for each in shaped)]
    boxes = np.vstack(
        [old.boxes[np.array(stay, dtype=bool)], np.array([bounds(each.shape) for each in shaped]).reshape(-1, 4)]
    )
    return Drafted(old.base, frozenset(gone), new, _given(old, edit), lowest - 1, codes, drawn, boxes)


def _given(old: Drafted, edit: Edit) -> Sequence[str]:
    """All codes that a draft ever gave, sorted."""
    given = list(old.given)
    for code in {each.code for each in edit.begun if each.layer in (UNITS, DIVISIONS)}:
        place = bisect_left(given, code)
        if given[place : place + 1] != [code]:
            given.insert(place, code)
    return given
