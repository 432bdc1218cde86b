"""The ground on which a rule book is checked: units, divisions, areas, and what areas leave of units."""

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from cases.rules.model import Rule
from grids.profiles import CodeProfile

SPECK_DEG2 = 1e-11
"""Ground below about a tenth of a square metre is a slip of drawing and no place without a rule."""

Objects = NDArray[Any]
Flags = NDArray[np.bool_]
Region = tuple[str, str | None, bool]
"""The areas of a layer, or the one with a code; with True only those whose department is in force."""


@dataclass(frozen=True, slots=True)
class AreaShapes:
    """The areas of one layer, of all owners; arrays (n,) in one order."""

    codes: Objects
    owners: Objects
    departments: Objects
    polygons: Objects


@dataclass(frozen=True, slots=True, eq=False)
class Ground:
    """Units by code with their polygons, (n,) each; departments of divisions by code; areas by layer; `departments` in
    force. What was once asked about areas is remembered.
    """

    profile: CodeProfile
    codes: Objects
    polygons: Objects
    divisions: Mapping[str, str | None]
    areas: Mapping[str, AreaShapes]
    departments: AbstractSet[str]
    _bare: dict[tuple[Region, ...], dict[int, Any]] = field(default_factory=dict)
    _levels: dict[str, Flags] = field(default_factory=dict)

    def led_by_level(self, level: str) -> Flags:
        """Which units (n,) lie in a division of the level whose department is in force."""
        if level not in self._levels:
            able = {code for code, body in self.divisions.items() if body in self.departments}
            known: dict[tuple[int, str], bool] = {}
            found = np.zeros(len(self.codes), dtype=np.bool_)
            longest = max((each.length for each in self.profile.levels), default=0)
            for at, code in enumerate(self.codes.tolist()):
                key = len(code), code[:longest]
                if key not in known:
                    above = self.profile.ancestors(code)
                    known[key] = any(each.id == level and division in able for each, division in above)
                found[at] = known[key]
            self._levels[level] = found
        return self._levels[level]

    def left(self, regions: tuple[Region, ...], units: NDArray[np.int64]) -> dict[int, Any]:
        """What remains of the units where not all of the regions are, by unit, specks apart."""
        known = self._bare.setdefault(regions, {})
        new = np.array([each for each in units.tolist() if each not in known], dtype=np.int64)
        if len(new):
            whole: dict[int, Any] = {}
            for region in regions:
                for unit, rest in self._rest(region, new).items():
                    whole[unit] = shapely.union(whole[unit], rest) if unit in whole else rest
            known.update({unit: whole.get(unit) for unit in new.tolist()})
        return {unit: known[unit] for unit in units.tolist() if known[unit] is not None}

    def _rest(self, region: Region, units: NDArray[np.int64]) -> dict[int, Any]:
        layer, code, led = region
        polygons = self.polygons[units]
        held = self.areas.get(layer)
        if held is None:
            return dict(zip(units.tolist(), polygons, strict=True))
        meant = np.ones(len(held.codes), dtype=np.bool_) if code is None else held.codes == code
        if led:
            meant &= np.array([each in self.departments for each in held.departments.tolist()], dtype=np.bool_)
        shapes, owners = held.polygons[meant], held.owners[meant]
        unit, area = shapely.STRtree(shapes).query(polygons, "intersects")
        pairs = zip(self.codes[units[unit]].tolist(), owners[area].tolist(), strict=True)
        below = np.array([mine.startswith(owner) for mine, owner in pairs], dtype=np.bool_)
        unit, area = unit[below], area[below]
        shapely.prepare(shapes)
        covered = np.zeros(len(units), dtype=np.bool_)
        covered[unit[shapely.covers(shapes[area], polygons[unit])]] = True
        rest = {int(units[at]): polygons[at] for at in np.flatnonzero(~covered).tolist()}
        for at in np.unique(unit[~covered[unit]]).tolist():
            there = shapely.union_all(shapes[area[unit == at]])
            left = shapely.difference(polygons[at], there)
            rest[int(units[at])] = left
        return {at: left for at, left in rest.items() if shapely.area(left) > SPECK_DEG2}

    def example(self, rule: Rule) -> dict[str, Any] | None:
        """A point at which the rule may hold, as GeoJSON; None where there is none."""
        narrow = max(rule.owner, rule.place or "", key=len)
        found = np.flatnonzero([code.startswith(narrow) for code in self.codes.tolist()])
        if not len(found):
            return None
        if rule.area_layer is None:
            return point_in(self.polygons[found[0]])
        held = self.areas.get(rule.area_layer)
        for at in range(0 if held is None else len(held.codes)):
            assert held is not None
            if rule.area not in (None, held.codes[at]):
                continue
            polygon = held.polygons[at]
            for unit in found[shapely.STRtree(self.polygons[found]).query(polygon, "intersects")].tolist():
                both = shapely.intersection(self.polygons[unit], polygon)
                if str(self.codes[unit]).startswith(held.owners[at]) and shapely.area(both) > SPECK_DEG2:
                    return point_in(both)
        return None


def point_in(shape: Any) -> dict[str, Any]:
    """A point well inside the largest part of a shape, as GeoJSON."""
    parts = shapely.get_parts(shape)
    largest = parts[int(np.argmax(shapely.area(parts)))]
    point = shapely.point_on_surface(largest)
    return {"type": "Point", "coordinates": [round(float(point.x), 9), round(float(point.y), 9)]}
