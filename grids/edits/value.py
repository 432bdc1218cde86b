"""An edit as a value: what ends, what begins, what became of what, and what a person should know.

Identity. A uid in both `ended` and `begun` is changed, one in `ended` alone is retired, one in `begun` alone is new
and has a placeholder below 0 until it is published. A uid that stays keeps its history: a part of a split that keeps
the code keeps the uid too. A pair of `lineage` leads from a version that ends to one of another uid that begins. Within
one edit that has no cycle, and since every pair leads from an older version to a younger one, nor has the history of
versions, though a uid that comes back by an undo may be met again: follow pairs in the order of revisions.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from shapely import MultiPolygon, Polygon

from gis.errors import Fault

UNITS = "units"
GAPS = "gaps"
DIVISIONS = "divisions"


@dataclass(frozen=True, slots=True)
class Feature:
    """One version of a unit or of what follows units. `layer` is units, gaps, divisions or areas.<name>.

    `polygon` is lon/lat EPSG:4490 on the grid of the store; a division without units has none. `attributes` are all
    other columns, as they are; those that follow from the shape (area_m2) are computed where the edit is stored.
    """

    layer: str
    uid: int
    code: str
    polygon: Polygon | MultiPolygon | None
    attributes: Mapping[str, Any]

    @property
    def key(self) -> tuple[str, int]:
        """What it is through all its versions."""
        return self.layer, self.uid

    @property
    def shape(self) -> Polygon | MultiPolygon:
        """The polygon of what has one."""
        assert self.polygon is not None, f"{self.layer} {self.code} has no shape"
        return self.polygon


@dataclass(frozen=True, slots=True)
class Edit:
    """What an edit does. `notes` are faults of severity note or warning, each with its place."""

    ended: tuple[Feature, ...]
    begun: tuple[Feature, ...]
    lineage: tuple[tuple[int, int], ...] = ()
    notes: tuple[Fault, ...] = ()

    def inverse(self) -> "Edit":
        """The edit that undoes this one: the very same versions come back, under their own uids and codes."""
        return Edit(self.begun, self.ended, tuple((to, source) for source, to in self.lineage))
