"""The part of a subject that a run looks at, with what several checks need and one must work out."""

from collections.abc import Callable
from functools import cached_property
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from gis.cover import are_areal, are_usable
from gis.flaws import Flaw
from gis.flaws import find as find_flaws
from gis.metres import Indices
from grids.checks.findings import Finding, Thing, Touched
from grids.checks.subject import Subject

Flags = NDArray[np.bool_]
Found = list[Finding]


class View:
    """Everything, or what concerns the things touched. Checks may find more than that: `run` leaves it out."""

    def __init__(
        self, subject: Subject, touched: Touched | None = None, progress: Callable[[float], None] | None = None
    ) -> None:
        self.subject, self.touched, self._progress = subject, touched, progress

    @cached_property
    def chosen(self) -> Indices:
        """The units in view (k,)."""
        return self._choose(self.subject.units.uids)

    @cached_property
    def in_view(self) -> Flags:
        """Whether (n,) each unit is in view."""
        mask = np.zeros(len(self.subject.units.uids), dtype=np.bool_)
        mask[self.chosen] = True
        return mask

    @cached_property
    def chosen_gaps(self) -> Indices:
        return self._choose(self.subject.gaps.uids)

    def _choose(self, uids: Indices) -> Indices:
        if self.touched is None:
            return np.arange(len(uids))
        return np.flatnonzero(np.isin(uids, np.fromiter(self.touched.uids, dtype=np.int64)))

    @cached_property
    def drawn(self) -> Indices:
        """The units in view that have a polygon with finite coordinates, valid or not."""
        polygons = self.subject.units.polygons[self.chosen]
        shaped = are_areal(polygons) & np.isfinite(shapely.bounds(polygons)).all(axis=1)
        return self.chosen[shaped]

    @cached_property
    def tree(self) -> shapely.STRtree:
        """All units; those without finite coordinates are not in it."""
        polygons = self.subject.units.polygons.copy()
        polygons[~np.isfinite(shapely.bounds(polygons)).all(axis=1)] = None
        return shapely.STRtree(polygons)

    @cached_property
    def flaws(self) -> list[Flaw]:
        """What keeps the units in view from being a coverage."""
        units, gaps = self.subject.units, self.subject.gaps
        focus = None if self.touched is None else self.chosen
        named_focus = None if self.touched is None else self.chosen_gaps
        return find_flaws(
            units.polygons,
            units.codes,
            gaps.polygons,
            self.subject.snap_m,
            focus=focus,
            named_focus=named_focus,
            progress=self._progress,
        )

    @cached_property
    def community_length(self) -> int | None:
        """How many characters of a unit's code name its community; None in a profile without levels."""
        levels = self.subject.profile.levels
        return levels[-1].length if levels else None

    @cached_property
    def communities(self) -> dict[str, Indices]:
        """The units of each community that has a unit in view: all of them, whose code has its form."""
        length, codes = self.community_length, self.subject.units.codes
        if length is None:
            return {}
        fits = self.subject.profile.is_unit_code
        wanted = None if self.touched is None else {codes[k][:length] for k in self.chosen}
        members: dict[str, list[int]] = {}
        for k, code in enumerate(codes.tolist()):
            community = code[:length]
            if (wanted is None or community in wanted) and fits(code):
                members.setdefault(community, []).append(k)
        return {community: np.array(found) for community, found in members.items()}

    @cached_property
    def sound(self) -> Flags:
        """Whether (n,) a unit of a community in view has a valid polygon; False for the others."""
        members = np.concatenate([np.empty(0, dtype=np.int64), *self.communities.values()])
        mask = np.zeros(len(self.subject.units.uids), dtype=np.bool_)
        mask[members] = are_usable(self.subject.units.polygons[members])
        return mask

    def unit(self, number: int) -> Thing:
        units = self.subject.units
        return Thing("units", int(units.uids[number]), str(units.codes[number]))

    def gap(self, number: int) -> Thing:
        gaps = self.subject.gaps
        return Thing("gaps", int(gaps.uids[number]), str(gaps.names[number]))

    def division(self, code: str) -> Thing:
        """A division by its code, whether there is one or not."""
        return Thing("divisions", self._division_uids.get(code), code)

    @cached_property
    def _division_uids(self) -> dict[str, int]:
        divisions = self.subject.divisions
        return dict(zip(divisions.codes.tolist(), divisions.uids.tolist(), strict=True))

    def where(self, numbers: Any) -> dict[str, Any] | None:
        """A point on the first of some units that has a polygon, as GeoJSON."""
        for number in numbers:
            polygon = self.subject.units.polygons[number]
            if polygon is not None and not polygon.is_empty and np.isfinite(shapely.bounds(polygon)).all():
                return dict(shapely.geometry.mapping(shapely.point_on_surface(polygon)))
        return None
