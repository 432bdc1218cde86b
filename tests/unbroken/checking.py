"""The checks of what is in force: nothing that blocks, and of what a draft touched the same as the draft was told."""

from typing import Any

import numpy as np
from sqlalchemy import Connection

from gis.coverage import check
from grids.checks import Divisions, Finding, Gaps, Subject, Targets, Units, run
from grids.drafts.publishing import Published
from grids.edits.value import UNITS
from grids.ground import store_profile
from tests.unbroken.oracle import State, codes, polygons


def assert_checks_agree(connection: Connection, state: State, made: Published | None) -> None:
    """The coverage has no flaw, no check blocks, and the checks of the draft found what those of everything find."""
    units, gaps, divisions = state["unit"], state["gap"], state["division"]
    names = [row["name"] for row in gaps.values()]
    named = (polygons(gaps), np.array(names)) if gaps else None
    faults = check(polygons(units), np.array(codes(units)), named)
    assert [each.en for each in faults if each.severity == "error"] == []
    profile = store_profile(connection)
    whole = run(
        Subject(
            units=Units.of(list(units), codes(units), list(polygons(units))),
            gaps=Gaps.of(list(gaps), names, list(polygons(gaps))),
            divisions=Divisions.of(list(divisions), codes(divisions)),
            profile=profile,
            targets=Targets.of_profile(profile),
        )
    )
    assert [each.fault.en for each in whole.blocks] == []
    if made is not None:
        begun = {each.code for each in made.edit.begun if each.layer == UNITS}
        local, of_all = told(made.report.findings, begun), told(whole.findings, begun)
        assert local == of_all, f"the draft was told {local}, and everything tells {of_all}"


def told(findings: Any, wanted: set[str]) -> list[Any]:
    """The findings that concern units of these codes: by check and by things."""
    found = [(each.check, sorted(thing.code for thing in each.things)) for each in findings if _concerns(each, wanted)]
    return sorted(found)


def _concerns(finding: Finding, wanted: set[str]) -> bool:
    return any(thing.layer == UNITS and thing.code in wanted for thing in finding.things)
