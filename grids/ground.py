"""The ground of an edit, read from the store at one revision, piece by piece as it is asked for."""

from collections.abc import Collection, Sequence

import shapely
from sqlalchemy import Connection, Table

from gis.store.revisions import head, read_settings
from gis.store.vicinity import Row, codes_given, read_around, read_below, read_coded
from grids.edits.ground import Box, Key, bounds, meet
from grids.edits.value import DIVISIONS, GAPS, UNITS, Feature
from grids.features import feature_of
from grids.profiles import FREE, CodeProfile, read_profile
from grids.tables import area, division, gap, unit

ROOM = 1.3  # on each side, of a unit's box: a unit and its neighbours
MOST_ROOM_DEG = 0.001


class StoreGround:
    """The world around an edit at revision `at`; lives no longer than its connection.

    `named` gathers what was asked for by its code: with what it changes, that is what an edit depends on. What is read
    by a box is looked at anew wherever the edit is worked out again.
    """

    def __init__(self, connection: Connection, at: int, profile: CodeProfile | None = None) -> None:
        self.connection, self.at = connection, at
        self.profile = profile or store_profile(connection)
        self.placeholder = -1
        self._is_newest = head(connection) == at
        self.named: set[Key] = set()
        self._coded: dict[tuple[str, str], Feature | None] = {}
        self._around: dict[str, list[tuple[Box, list[Feature]]]] = {}
        self._given: dict[str, set[str]] = {}
        self._below: dict[tuple[str, str], list[Feature]] = {}

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
        known = next((codes for begun, codes in self._given.items() if prefix.startswith(begun)), None)
        if known is not None:
            return {code for code in known if code.startswith(prefix)}
        for table in (unit, division):
            self._given.setdefault(prefix, set()).update(codes_given(self.connection, table, self.at, prefix))
        return self._given[prefix]

    def _one(self, layer: str, table: Table, code: str) -> Feature | None:
        if (layer, code) not in self._coded:
            found = self._features(layer, read_coded(self.connection, table, self.at, code))
            self._coded[layer, code] = found[0] if found else None
        feature = self._coded[layer, code]
        if feature is not None:
            self.named.add(feature.key)
        return feature

    def _near(self, layer: str, table: Table, box: Box) -> list[Feature]:
        """What meets the box, from what was read of a larger one where it was: the first is read with room around."""
        read = self._around.setdefault(layer, [])
        held = next((found for whole, found in read if _is_within(box, whole)), None)
        if held is None:
            whole = _with_room(box)
            held = self._features(layer, read_around(self.connection, table, self.at, whole, self._is_newest))
            read.append((whole, held))
        return [each for each in held if each.polygon is not None and meet(bounds(each.polygon), box)]

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


def _with_room(box: Box) -> Box:
    """The box with half of it on each side, 100 m at most: an edit soon asks for what is beside its unit too."""
    x, y = (min((box[side + 2] - box[side]) * ROOM, MOST_ROOM_DEG) for side in (0, 1))
    return box[0] - x, box[1] - y, box[2] + x, box[3] + y


def _has_edge_in(feature: Feature, window: shapely.Polygon) -> bool:
    return feature.polygon is not None and bool(shapely.intersects(shapely.boundary(feature.polygon), window))
