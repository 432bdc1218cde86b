"""The checks of a grid (质检): named rules over units, named gaps, divisions, areas, components and prefixes.

Pure: a `Subject` in, findings out, each with its place, the things concerned and what to do. `run` looks at
everything or only at what concerns the things touched by an edit, and finds the same there; `repair` proposes, and
changes nothing.
"""

from grids.checks.findings import Check, Finding, Thing, Touched
from grids.checks.registry import CHECKS
from grids.checks.repair import Repair, Shift, propose, repair, with_repair
from grids.checks.running import Report, as_dict, run, with_neighbours
from grids.checks.subject import Areas, Components, Divisions, Gaps, Reference, Subject, Targets, Units

__all__ = [
    "CHECKS",
    "Areas",
    "Check",
    "Components",
    "Divisions",
    "Finding",
    "Gaps",
    "Reference",
    "Repair",
    "Report",
    "Shift",
    "Subject",
    "Targets",
    "Thing",
    "Touched",
    "Units",
    "as_dict",
    "propose",
    "repair",
    "run",
    "with_neighbours",
    "with_repair",
]
