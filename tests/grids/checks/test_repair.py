from dataclasses import replace

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from grids.checks import Gaps, propose, repair, run, with_repair
from tests.broken import broken
from tests.grids.checks.worlds import redrawn, sound, spot, with_gap, with_polygons

METRE = 1 / 111_000


def shifted(subject, unit: int, east_m: float):
    polygon = redrawn(subject.units.polygons[unit], lambda nodes: nodes + np.array([east_m * METRE, 0]))
    return with_polygons(subject, {unit: polygon})


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 100_000))
def test_what_a_repair_says_is_left_is_what_the_checks_find_of_its_result(seed):
    subject = sound(seed)
    random = np.random.default_rng(seed)
    subject = replace(subject, units=replace(subject.units, polygons=broken(subject.units.polygons, random, 3)))
    before = [shapely.to_wkb(polygon) for polygon in subject.units.polygons]
    proposal = repair(subject)
    after = with_repair(subject, proposal)
    left = [finding for finding in run(after).findings if finding.check in {each.check for each in proposal.left}]
    assert sorted(finding.fault.en for finding in left) == sorted(finding.fault.en for finding in proposal.left)
    assert {shift.unit.uid for shift in proposal.shifts} == proposal.polygons.keys()
    assert [shapely.to_wkb(polygon) for polygon in subject.units.polygons] == before, "nothing is applied"


def test_a_repaired_grid_whose_wide_gaps_are_named_can_be_published():
    subject = shifted(shifted(sound(4), 8, 1.5), 21, -0.3)
    hole = spot(subject.units.polygons[27], 20)
    subject = with_polygons(subject, {27: shapely.difference(subject.units.polygons[27], hole)})
    assert run(subject).blocks
    proposal = repair(subject, close_m=2)
    assert len(proposal.gaps) == 1
    assert proposal.unrepaired == ()
    named = [shapely.geometry.shape(finding.where) for finding in proposal.gaps]
    after = replace(with_repair(subject, proposal), gaps=Gaps.of([500], ["lake"], named))
    assert run(after).blocks == ()


def test_a_shift_says_in_both_languages_how_far_and_how_much():
    proposal = repair(shifted(sound(4), 8, 1.5), close_m=2)
    assert proposal.left == ()
    for shift in proposal.shifts:
        told = shift.as_dict()
        assert told["unit"] in told["detail"]
        assert told["unit"] in told["detail_zh"]
        assert "m² and loses" in told["detail"]
        assert "平方米" in told["detail_zh"]
        assert told["where"]["type"] == "MultiPolygon"
        assert told["place"]["coordinates"] == list(shift.place)
    assert max(shift.metres for shift in proposal.shifts) == pytest.approx(1.5, rel=0.5)


def test_a_shift_of_millimetres_is_told_in_millimetres():
    proposal = repair(shifted(sound(4), 8, 0.004))
    assert all(" mm, gains" in shift.en for shift in proposal.shifts)
    assert all("毫米" in shift.zh for shift in proposal.shifts)


def test_a_proposal_for_one_finding_leaves_the_others_for_later():
    subject = shifted(shifted(sound(4), 7, 1.0), 28, 1.0)
    findings = [each for each in run(subject).findings if each.check == "overlap"]
    near = next(each for each in findings if 8 in each.uids)
    proposal = propose(subject, near, close_m=2)
    assert proposal is not None
    assert {shift.unit.uid for shift in proposal.shifts} <= {k + 1 for k in (0, 1, 2, 6, 7, 8, 12, 13, 14)}
    left = run(with_repair(subject, proposal)).findings
    assert not [each for each in left if each.uids >= near.uids and each.check == "overlap"]
    assert [each for each in left if 29 in each.uids]


def test_a_check_without_a_remedy_has_no_proposal():
    subject = with_gap(sound(), spot(sound().units.polygons[7], 10))
    (finding,) = run(subject).findings
    assert finding.check == "gap_overlaps_unit"
    assert propose(subject, finding) is None


def test_a_unit_upon_another_is_named_as_beyond_repair():
    subject = sound(2)
    subject = with_polygons(subject, {14: subject.units.polygons[8]})
    proposal = repair(subject, close_m=2)
    assert {finding.check for finding in proposal.unrepaired} == {"overlap"}
    assert proposal.unrepaired[0].uids == {9, 15}
    assert [finding.check for finding in proposal.gaps] == ["gap"]


def test_a_node_twice_is_taken_out():
    subject = sound(2)
    twice = redrawn(subject.units.polygons[8], lambda nodes: np.insert(nodes, 2, nodes[2], axis=0))
    subject = with_polygons(subject, {8: twice})
    (finding,) = run(subject).findings
    proposal = propose(subject, finding)
    assert proposal is not None
    assert [(shift.unit.code, shift.metres) for shift in proposal.shifts] == [(subject.units.codes[8], 0.0)]
    assert run(with_repair(subject, proposal)).findings == ()
