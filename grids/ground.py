"""The ground of an edit, read from the store at one revision, piece by piece as it is asked for."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Self

import numpy as np
import shapely
from numpy.typing import NDArray
from sqlalchemy import Connection, Table

from gis.store.revisions import head, read_settings
from gis.store.vicinity import SLOTS, Row, codes_given, read_around, read_below, read_coded
from grids.edits.ground import Box, Key, meet
from grids.edits.value import DIVISIONS, GAPS, UNITS, Feature
from grids.features import feature_of
from grids.profiles import FREE, CodeProfile, read_profile
from grids.tables import area, division, gap, unit

ROOM = 3.5  # on each side, of a unit's box: its neighbours, what touches these, and what both are checked against
SECOND_ROOM = 0.1  # of a box of which a part was read before: it is seldom that a third is asked for
MOST_ROOM_DEG = 0.003
LARGE = 500  # coordinates of a shape that is worth holding


@dataclass(frozen=True, slots=True, eq=False)
class Reading:
    """What was read of one revision, which stays true: grounds may share it, one after another or at once."""

    coded: dict[tuple[str, str], Feature | None] = field(default_factory=dict)
    around: dict[str, list["Around"]] = field(default_factory=dict)
    given: dict[str, set[str]] = field(default_factory=dict)
    below: dict[tuple[str, str], list[Feature]] = field(default_factory=dict)
    profiles: dict[int, CodeProfile] = field(default_factory=dict)
    """By revision: the profile changes with a revision only."""
    large: dict[str, Mapping[int, shapely.Polygon]] = field(default_factory=dict)
    """By layer the largest shapes that were read, by row_id; replaced and never changed, as others may read it."""

    def __len__(self) -> int:
        """How many features and codes are held, one held twice counted twice."""
        boxed = [each.found for read in [*self.around.values()] for each in [*read]]
        return len(self.coded) + sum(map(len, (*boxed, *[*self.given.values()], *[*self.below.values()])))

    def clear(self) -> None:
        """Forget everything; who goes on reads it again."""
        for each in (self.coded, self.around, self.given, self.below):
            each.clear()


@dataclass(frozen=True, slots=True, eq=False)
class Around:
    """All that meets a box: the features that have a shape, and their boxes (n, 4)."""

    whole: Box
    found: list[Feature]
    boxes: NDArray[np.float64]

    @classmethod
    def of(cls, whole: Box, features: list[Feature]) -> Self:
        found = [each for each in features if each.polygon is not None]
        shapes = np.fromiter((each.polygon for each in found), dtype=object, count=len(found))
        return cls(whole, found, shapely.bounds(shapes).reshape(-1, 4))

    def meeting(self, box: Box) -> list[Feature]:
        """Those that meet a box within the whole."""
        west, south, east, north = self.boxes.T
        met = (west <= box[2]) & (east >= box[0]) & (south <= box[3]) & (north >= box[1])
        return [self.found[index] for index in np.flatnonzero(met).tolist()]


class StoreGround:
    """The world around an edit at revision `at`; lives no longer than its connection.

    `named` gathers what was asked for by its code: with what it changes, that is what an edit depends on. What is read
    by a box is looked at anew wherever the edit is worked out again.
    """

    def __init__(
        self, connection: Connection, at: int, profile: CodeProfile | None = None, reading: Reading | None = None
    ) -> None:
        """`reading` is what others have read of the same revision; what this one reads is added."""
        self.connection, self.at = connection, at
        self.placeholder = -1
        self.named: set[Key] = set()
        self.reading = Reading() if reading is None else reading
        self.profile = profile or self.reading.profiles.get(at) or store_profile(connection)
        self.reading.profiles[at] = self.profile
        self._head: int | None = None
        self._coded, self._around = self.reading.coded, self.reading.around
        self._given, self._below = self.reading.given, self.reading.below

    def unit(self, code: str) -> Feature | None:
        return self._one(UNITS, unit, code)

    def division(self, code: str) -> Feature | None:
        return self._one(DIVISIONS, division, code)

    def units(self, box: Box) -> Sequence[Feature]:
        return self._near(UNITS, unit, box)

    def followers(self, box: Box) -> Sequence[Feature]:
        """Named gaps, and the divisions and areas whose boundary comes into the box: others have no edge there."""
        found = list(self.gaps(box))
        window = shapely.box(*box)
        for layer, table in ((DIVISIONS, division), ("areas", area)):
            found += [each for each in self._near(layer, table, box) if _has_edge_in(each, window)]
        return found

    def gaps(self, box: Box) -> Sequence[Feature]:
        return self._near(GAPS, gap, box)

    def units_below(self, prefix: str) -> Sequence[Feature]:
        return self._all_below(UNITS, unit, prefix)

    def divisions_below(self, prefix: str) -> Sequence[Feature]:
        return self._all_below(DIVISIONS, division, prefix)

    def taken(self, prefix: str) -> Collection[str]:
        known = next((codes for begun, codes in [*self._given.items()] if prefix.startswith(begun)), None)
        if known is not None:
            return {code for code in known if code.startswith(prefix)}
        given = set(codes_given(self.connection, (unit, division), self.at, prefix))
        self._given[prefix] = given
        return given

    def _one(self, layer: str, table: Table, code: str) -> Feature | None:
        if (layer, code) not in self._coded:
            found = self._features(layer, read_coded(self.connection, table, self.at, code))
            self._coded[layer, code] = found[0] if found else None
        feature = self._coded[layer, code]
        if feature is not None:
            self.named.add(feature.key)
        return feature

    def _near(self, layer: str, table: Table, box: Box) -> list[Feature]:
        """What has a shape whose box meets the box, from what was read of a larger one where there is such."""
        read = self._around.setdefault(layer, [])
        held = next((each for each in reversed([*read]) if _is_within(box, each.whole)), None)
        if held is None:
            room = SECOND_ROOM if any(meet(each.whole, box) for each in [*read]) else ROOM
            whole = _with_room(box, room)
            large = self.reading.large.get(layer, {})
            rows = read_around(self.connection, table, self.at, whole, self._is_newest, large)
            if layer == DIVISIONS:
                self.reading.large[layer] = _largest(large, rows)
            held = Around.of(whole, self._features(layer, rows))
            read.append(held)
        return held.meeting(box)

    def _is_newest(self) -> bool:
        if self._head is None:
            self._head = head(self.connection)
        return self._head == self.at

    def _all_below(self, layer: str, table: Table, prefix: str) -> list[Feature]:
        if (layer, prefix) not in self._below:
            self._below[layer, prefix] = self._features(layer, read_below(self.connection, table, self.at, prefix))
        self.named |= {each.key for each in self._below[layer, prefix]}
        return self._below[layer, prefix]

    def _features(self, layer: str, rows: list[Row]) -> list[Feature]:
        return [feature_of(layer, row) for row in rows]


def store_profile(connection: Connection) -> CodeProfile:
    """The code profile of the store."""
    return read_profile(read_settings(connection).get("profile", FREE.name))


def _is_within(box: Box, whole: Box) -> bool:
    return whole[0] <= box[0] and whole[1] <= box[1] and box[2] <= whole[2] and box[3] <= whole[3]


def _with_room(box: Box, room: float) -> Box:
    """The box with room on each side, 300 m at most: an edit soon asks for what is beside its unit too."""
    x, y = (min((box[side + 2] - box[side]) * room, MOST_ROOM_DEG) for side in (0, 1))
    return box[0] - x, box[1] - y, box[2] + x, box[3] + y


def _largest(held: Mapping[int, shapely.Polygon], rows: Sequence[Row]) -> Mapping[int, shapely.Polygon]:
    """Of the shapes that are held and those of rows the largest."""
    shapes = {**held, **{row["row_id"]: row["geom"] for row in rows}}
    counts = shapely.get_num_coordinates(np.fromiter(shapes.values(), dtype=object, count=len(shapes)))
    large = {of: count for of, count in zip(shapes, counts.tolist(), strict=True) if count > LARGE}
    return {of: shapes[of] for of in sorted(large, key=lambda each: -large[each])[:SLOTS]}


def _has_edge_in(feature: Feature, window: shapely.Polygon) -> bool:
    return feature.polygon is not None and bool(shapely.intersects(shapely.boundary(feature.polygon), window))
