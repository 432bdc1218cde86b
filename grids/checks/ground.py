"""Checks of the ground that units share: they must be a valid coverage without gaps, but for the named ones."""

from gis.coverage import Names, tell
from gis.flaws import Flaw, Kind
from grids.checks.findings import Finding
from grids.checks.view import Found, View


def invalid_geometry(view: View) -> Found:
    return _told(view, "invalid_geometry")


def overlap(view: View) -> Found:
    return _told(view, "overlap")


def unmatched_edge(view: View) -> Found:
    return _told(view, "unmatched_edge")


def gap(view: View) -> Found:
    return _told(view, "gap", "slot")


def gap_overlaps_unit(view: View) -> Found:
    return _told(view, "gap_overlaps_unit")


def gap_without_hole(view: View) -> Found:
    return _told(view, "gap_without_hole")


def _told(view: View, *kinds: Kind) -> Found:
    names = Names(view.subject.units.codes, view.subject.gaps.names)
    return [_finding(view, flaw, names) for flaw in view.flaws if flaw.kind in kinds]


def _finding(view: View, flaw: Flaw, names: Names) -> Finding:
    things = (*map(view.unit, flaw.members), *map(view.gap, flaw.gaps))
    sizes = {"area_m2": flaw.area_m2, "width_m": flaw.width_m} if flaw.area_m2 else {}
    return Finding(tell(flaw, names, view.subject.snap_m), things, sizes)
