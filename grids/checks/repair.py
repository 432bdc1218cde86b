"""Proposed repairs of units, to be shown and, if somebody asks for it, published as a change. Never applied here."""

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from shapely.geometry import mapping
from shapely.geometry.base import BaseGeometry

from gis.repairs import Shift as Moved
from gis.repairs import mend
from grids.checks.findings import Finding, Thing, Touched
from grids.checks.registry import CHECKS
from grids.checks.running import run
from grids.checks.subject import Subject, Units

CLOSE_M = 0.5  # mean width up to which a gap is closed unasked
GROUND = ("invalid_geometry", "overlap", "unmatched_edge", "gap", "gap_overlaps_unit", "duplicate_node")


@dataclass(frozen=True, slots=True)
class Shift:
    """What a repair moves of one unit: `metres` is how far the node that moves farthest, which stands at `place`
    (lon, lat), is from the other outline; `ground` is what is gained or lost.
    """

    unit: Thing
    metres: float
    place: tuple[float, float]
    gained_m2: float
    lost_m2: float
    ground: BaseGeometry

    @property
    def en(self) -> str:
        return f"{self.unit.code}: moves by up to {_metres(self.metres)}, {_ground(self)}"

    @property
    def zh(self) -> str:
        metres = f"{self.metres * 1000:.1f} 毫米" if self.metres < 0.1 else f"{self.metres:,.2f} 米"
        return f"{self.unit.code}：最大移动 {metres}，增 {self.gained_m2:,.2f}、减 {self.lost_m2:,.2f} 平方米"

    def as_dict(self) -> dict[str, Any]:
        """The shift as JSON members."""
        return {
            "unit": self.unit.code,
            "uid": self.unit.uid,
            "detail": self.en,
            "detail_zh": self.zh,
            "metres": self.metres,
            "gained_m2": self.gained_m2,
            "lost_m2": self.lost_m2,
            "place": {"type": "Point", "coordinates": list(self.place)},
            "where": None if self.ground.is_empty else mapping(self.ground),
        }


@dataclass(frozen=True, slots=True)
class Repair:
    """A proposal: new polygons of the units that change, by uid, what that shifts, and ground to name as gaps.

    `left` are the findings that remain with the polygons alone; those of `gaps` are among them and go when the gaps
    are named.
    """

    polygons: Mapping[int, BaseGeometry]
    shifts: tuple[Shift, ...]
    gaps: tuple[Finding, ...]
    left: tuple[Finding, ...]

    @property
    def unrepaired(self) -> tuple[Finding, ...]:
        """What blocks publishing even when every gap of `gaps` is named."""
        named = {id(finding) for finding in self.gaps}
        return tuple(each for each in self.left if CHECKS[each.check].blocks and id(each) not in named)


def repair(
    subject: Subject, uids: AbstractSet[int] | None = None, *, snap_m: float | None = None, close_m: float = CLOSE_M
) -> Repair:
    """Propose polygons for the units of a broken coverage, all or only as far as it concerns the units of these uids.

    Edges within `snap_m` (default: the subject's) are made one, overlaps given to the neighbour with the longest edge
    along them, gaps up to a mean width of `close_m` metres closed; wider ones are proposed as named gaps.
    """
    units = subject.units
    focus = None if uids is None else np.flatnonzero(np.isin(units.uids, np.array(sorted(uids), dtype=np.int64)))
    width = subject.snap_m if snap_m is None else snap_m
    made = mend(units.polygons, units.codes, subject.gaps.polygons, snap_m=width, close_m=close_m, focus=focus)
    shifts = tuple(_shift(units, moved) for moved in made.shifts)
    polygons = {int(units.uids[moved.polygon]): made.polygons[moved.polygon] for moved in made.shifts}
    after = replace(subject, units=replace(units, polygons=made.polygons))
    concerned = None if uids is None else Touched(frozenset(uids) | polygons.keys())
    left = run(after, concerned, GROUND).findings
    gaps = tuple(finding for finding in left if finding.check == "gap" and _is_area(finding))
    return Repair(polygons, shifts, gaps, left)


def propose(subject: Subject, finding: Finding, *, close_m: float = CLOSE_M) -> Repair | None:
    """A proposal that mends one finding and little else; None where its check knows none."""
    if CHECKS[finding.check].remedy is None:
        return None
    uids = frozenset(thing.uid for thing in finding.things if thing.layer == "units" and thing.uid is not None)
    return repair(subject, uids, close_m=close_m)


def with_repair(subject: Subject, proposal: Repair) -> Subject:
    """The subject as it would be with the polygons of a proposal."""
    polygons = subject.units.polygons.copy()
    for number, uid in enumerate(subject.units.uids.tolist()):
        if uid in proposal.polygons:
            polygons[number] = proposal.polygons[uid]
    return replace(subject, units=replace(subject.units, polygons=polygons))


def _shift(units: Units, moved: Moved) -> Shift:
    k = moved.polygon
    thing = Thing("units", int(units.uids[k]), str(units.codes[k]))
    return Shift(thing, moved.metres, moved.place, moved.gained_m2, moved.lost_m2, moved.ground)


def _is_area(finding: Finding) -> bool:
    return finding.where is not None and finding.where["type"] in ("Polygon", "MultiPolygon")


def _metres(metres: float) -> str:
    return f"{metres * 1000:.1f} mm" if metres < 0.1 else f"{metres:,.2f} m"


def _ground(shift: Shift) -> str:
    return f"gains {shift.gained_m2:,.2f} m² and loses {shift.lost_m2:,.2f} m²"
