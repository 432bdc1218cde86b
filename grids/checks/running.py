"""Running checks over everything, or over what an edit touched."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from gis.cover import TOUCHING_DEG
from gis.metres import widest_degrees
from grids.checks.findings import Finding, Touched
from grids.checks.registry import CHECKS
from grids.checks.subject import Subject
from grids.checks.view import View

Progress = Callable[[float], None]
GROUND_SHARE = 0.4  # of the time, that the first of all checks takes for the coverage as a whole
_RANK = {"error": 0, "warning": 1, "note": 2}


@dataclass(frozen=True, slots=True)
class Report:
    """What the checks `ran` found: errors first, then in the order of the checks, then by code."""

    findings: tuple[Finding, ...]
    ran: tuple[str, ...]

    @property
    def blocks(self) -> tuple[Finding, ...]:
        """What must be mended before the grid can be published."""
        return tuple(finding for finding in self.findings if CHECKS[finding.check].blocks)

    def counts(self) -> dict[str, int]:
        """How many findings each check has, those without left out."""
        found: dict[str, int] = {}
        for finding in self.findings:
            found[finding.check] = found.get(finding.check, 0) + 1
        return found

    def as_dict(self) -> dict[str, Any]:
        """The report as JSON members."""
        return {
            "publishable": not self.blocks,
            "counts": self.counts(),
            "findings": [as_dict(finding) for finding in self.findings],
        }


def run(
    subject: Subject,
    touched: Touched | None = None,
    only: Iterable[str] | None = None,
    progress: Progress | None = None,
) -> Report:
    """Run the checks, all or `only` those of these ids, over the whole subject or what concerns the things touched.

    A local run finds exactly what a run over everything finds of it. What units do to their neighbours concerns both;
    to see all that an edit may change around it, touch the neighbours too (`with_neighbours`). `progress` hears the
    share that is done. KeyError for an id that there is not.
    """
    wanted = set(CHECKS) if only is None else set(only)
    ids = [id for id in CHECKS if id in wanted]
    if len(ids) < len(wanted):
        raise KeyError(f"there is no check {sorted(wanted - set(CHECKS))}")
    tell = progress or (lambda share: None)
    view = View(subject, touched, lambda share: tell(GROUND_SHARE * share))
    found: list[Finding] = []
    for number, id in enumerate(ids, 1):
        found += CHECKS[id].find(view)
        tell(GROUND_SHARE + (1 - GROUND_SHARE) * number / len(ids))
    kept = [finding for finding in found if touched is None or finding.concerns(touched)]
    order = {id: number for number, id in enumerate(ids)}
    kept.sort(key=lambda each: (_RANK[each.severity], order[each.check], each.fault.thing or ""))
    tell(1.0)
    return Report(tuple(kept), tuple(ids))


def with_neighbours(subject: Subject, touched: Touched) -> Touched:
    """The things touched, and the units that touch one of the units among them or lie within the snap width."""
    view = View(subject, touched)
    reach = max(widest_degrees(subject.units.polygons[view.drawn], subject.snap_m), TOUCHING_DEG)
    shapes = subject.units.polygons[view.drawn]
    near = view.tree.query(shapes, predicate="dwithin", distance=reach)[1]
    return replace(touched, uids=frozenset(touched.uids) | set(subject.units.uids[np.unique(near)].tolist()))


def as_dict(finding: Finding) -> dict[str, Any]:
    """A finding as JSON members: those of its fault, what to do about it, the things concerned, measures."""
    check = CHECKS[finding.check]
    return {
        **finding.fault.as_dict(),
        "title": check.title[0],
        "title_zh": check.title[1],
        "hint": check.hint[0],
        "hint_zh": check.hint[1],
        "blocks": check.blocks,
        "remedy": check.remedy,
        "things": [{"layer": thing.layer, "uid": thing.uid, "code": thing.code} for thing in finding.things],
        "sizes": dict(finding.sizes),
    }
