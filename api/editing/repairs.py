"""The repair of a file of units that are no coverage: proposed as another file, which may be looked at and imported."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import shapely

from gis.errors import Fault, refuse
from gis.geometry import prepare
from gis.intake import map_fields
from gis.tables import Table
from grids.checks import Repair, Report, Subject, Targets, Units, repair, run
from grids.layers import UNITS
from grids.profiles import CodeProfile

STORED = "EPSG:4490"
WIDEST_CLOSE_M = 1000.0
TOLD = ("moved_m", "gained_m2", "lost_m2")
"""The columns that a proposal adds: how far, and how much ground."""


@dataclass(frozen=True, slots=True)
class Proposal:
    """What a file of units would be. `gaps` are ground to name, None when there is none; `before` is what was found."""

    units: Table
    gaps: Table | None
    before: Report
    repair: Repair
    faults: tuple[Fault, ...]

    def as_dict(self) -> dict[str, Any]:
        """What was found, what moves by how much, and what is left, as JSON members."""
        shifts = self.repair.shifts
        return {
            "rows": len(self.units),
            "found": self.before.as_dict(),
            "moved": len(shifts),
            "farthest_m": max((each.metres for each in shifts), default=0.0),
            "gained_m2": sum(each.gained_m2 for each in shifts),
            "lost_m2": sum(each.lost_m2 for each in shifts),
            "gaps_to_name": len(self.repair.gaps),
            "importable": not self.repair.unrepaired,
            "shifts": [each.as_dict() for each in shifts],
            "left": [each.fault.as_dict() for each in self.repair.left],
            "faults": [each.as_dict() for each in self.faults],
        }


def propose(
    table: Table, profile: CodeProfile, mapping: Mapping[str, str], crs: str | None, snap_m: float, close_m: float
) -> Proposal:
    """Propose polygons for a file of units that are a coverage, with what moves by how much. Nothing is applied.

    Gaps up to a mean width of `close_m` metres are closed, wider ones proposed as named gaps. Rows without a polygon
    are left out, with a fault. Errors: Refusal close_wrong, and those of fields and coordinates.
    """
    if not 0 <= close_m <= WIDEST_CLOSE_M:
        raise refuse(
            "close_wrong",
            f"--close must be from 0 to {WIDEST_CLOSE_M:g} metres, not {close_m:g}.",
            f"--close 必须在 0 至 {WIDEST_CLOSE_M:g} 米之间，现为 {close_m:g}。",
        )
    mapped = map_fields(table, UNITS.fields, mapping)
    geometries, faults = prepare(table, crs, "polygon")
    codes = np.array([code or "" for code in mapped.values["code"]], dtype=object)
    whole = _drawn(table, geometries, crs)
    drawn = np.flatnonzero(~shapely.is_missing(whole))
    subject = Subject(
        Units.of(table.rows[drawn], codes[drawn], whole[drawn]),
        profile=profile,
        targets=Targets.of_profile(profile),
        snap_m=snap_m,
    )
    made = repair(subject, close_m=close_m)
    shapes = whole[drawn].copy()
    for number, row in enumerate(subject.units.uids.tolist()):
        shapes[number] = made.polygons.get(row, shapes[number])
    shifts = {each.unit.uid: each for each in made.shifts}
    told = [shifts.get(row) for row in subject.units.uids.tolist()]
    columns = {name: column[drawn] for name, column in table.columns.items()}
    for name, values in zip(
        TOLD,
        (
            [0.0 if each is None else round(each.metres, 4) for each in told],
            [0.0 if each is None else round(each.gained_m2, 2) for each in told],
            [0.0 if each is None else round(each.lost_m2, 2) for each in told],
        ),
        strict=True,
    ):
        columns[name] = np.array(values, dtype=object)
    units = Table(columns, shapes, STORED, table.rows[drawn], table.source)
    left = [each for each in (*mapped.faults, *faults) if each.code != "invalid_geometry"]
    return Proposal(units, _gaps(made), run(subject), made, tuple(left))


def _drawn(table: Table, geometries: Any, crs: str | None) -> Any:
    """The polygons in the coordinates of the store, those that cross themselves too: a repair makes them valid."""
    crossing = np.flatnonzero(shapely.is_missing(geometries))
    if table.geometry is None or not len(crossing):
        return geometries
    found = geometries.copy()
    for number in crossing.tolist():
        shape = table.geometry[number]
        if shape is None or shapely.get_type_id(shape) not in (3, 6) or not np.isfinite(shapely.bounds(shape)).all():
            continue
        mended = shapely.make_valid(shape, method="structure", keep_collapsed=False)
        one = replace(table, columns={}, geometry=np.array([mended], dtype=object), rows=table.rows[[number]])
        found[number] = prepare(one, crs, "polygon")[0][0]
    return found


def _gaps(made: Repair) -> Table | None:
    if not made.gaps:
        return None
    names = np.array([f"gap {number}" for number in range(1, len(made.gaps) + 1)], dtype=object)
    notes = np.array([each.fault.zh for each in made.gaps], dtype=object)
    shapes: Any = np.array([shapely.geometry.shape(dict(each.where or {})) for each in made.gaps], dtype=object)
    return Table({"name": names, "note": notes}, shapes, STORED, np.arange(1, len(names) + 1))
