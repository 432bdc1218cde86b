from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
import shapely
from hypothesis import example, given, settings
from hypothesis import strategies as st

from grids.checks import (
    CHECKS,
    Components,
    Finding,
    Gaps,
    Reference,
    Subject,
    Touched,
    Units,
    as_dict,
    run,
    with_neighbours,
)
from tests.broken import broken
from tests.grids.checks.worlds import EAST, SIDE, WEST, sound, with_area, with_codes, with_polygons


def disturbed(seed: int) -> tuple[Subject, np.random.Generator]:
    """A grid broken at random in its ground, its codes and what points at it."""
    random = np.random.default_rng(seed)
    subject = sound(seed, outlines=bool(random.random() < 0.5))
    polygons = broken(subject.units.polygons, random, 4)
    units = replace(subject.units, polygons=polygons)
    if random.random() < 0.4:
        hole = int(random.integers(len(polygons)))
        keep = np.arange(len(polygons)) != hole
        ground = shapely.transform(subject.units.polygons[hole], lambda xy: xy + random.uniform(-1, 1, 2) * 1e-6)
        units = Units(units.uids[keep], units.codes[keep], units.polygons[keep])
        if random.random() < 0.7:
            subject = replace(subject, gaps=Gaps.of([500], ["lake"], [ground]))
    subject = replace(subject, units=units)
    for _ in range(random.integers(0, 3)):
        code = random.choice([f"{WEST}003", f"{EAST}805", "440305001999001", "440399001001001", "4403", ""])
        subject = with_codes(subject, {int(random.integers(len(units.uids))): str(code)})
    each = np.array([[114.05, 22.54]]) + random.uniform(0, 6e-3, (80, 2))
    lonlat = np.vstack([each, np.repeat(each[:1], 60, axis=0)])
    return replace(
        with_area(subject, None),
        components=Components(lonlat, np.full(140, "01001", dtype=object)),
        references=(Reference("rules", "R-1", "440305001003", 700), Reference("keys", "K-1", EAST)),
        retired={str(units.codes[3]): 999},
    ), random


def what(finding: Finding) -> tuple:
    sizes = tuple((name, round(size, 3)) for name, size in sorted(finding.sizes.items()))
    return finding.fault.en, finding.fault.zh, finding.severity, finding.things, sizes


def places_of(told: tuple, findings: Sequence[Finding]) -> list[shapely.Geometry]:
    alike = (finding.where for finding in findings if what(finding) == told)
    return [shapely.geometry.shape(where) for where in alike if where is not None]


@settings(max_examples=60, deadline=None)
@example(4235)
@given(st.integers(0, 100_000))
def test_a_local_run_finds_just_what_the_whole_one_finds_of_what_was_touched(seed):
    subject, random = disturbed(seed)
    uids = set(random.choice([*subject.units.uids.tolist(), 500, 600, 700, 999], random.integers(1, 5)).tolist())
    touched = Touched(frozenset(uids), frozenset({"440305001003007"} if random.random() < 0.5 else ()))
    whole = run(subject)
    mine = [finding for finding in whole.findings if finding.concerns(touched)]
    local = run(subject, touched)
    assert Counter(map(what, local.findings)) == Counter(map(what, mine))
    for told in map(what, mine):  # two gaps between the same units may be told alike: each has its place among them
        here, there = (places_of(told, findings) for findings in (local.findings, mine))
        for one in here:
            assert min(shapely.hausdorff_distance(one, other) for other in there) < 1e-9
        for other in there:
            assert min(shapely.hausdorff_distance(one, other) for one in here) < 1e-9


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 100_000))
def test_every_finding_can_be_told_and_shown(seed):
    report = run(disturbed(seed)[0])
    for finding in report.findings:
        check = CHECKS[finding.check]
        assert finding.severity == check.severity
        assert finding.fault.en != finding.fault.zh
        assert finding.things
        told = as_dict(finding)
        assert told["hint_zh"] == check.hint[1]
        assert ("where" in told) == (finding.where is not None)
    severities = [finding.severity for finding in report.findings]
    assert severities == sorted(severities, key=["error", "warning", "note"].index)
    assert report.as_dict()["publishable"] == (not any(CHECKS[each.check].blocks for each in report.findings))


def test_what_must_never_be_published_blocks_and_nothing_else():
    assert {id for id, check in CHECKS.items() if check.blocks} == {
        id for id, check in CHECKS.items() if check.severity == "error"
    }
    assert {"invalid_geometry", "overlap", "unmatched_edge", "gap", "code_duplicate"} <= {
        id for id, check in CHECKS.items() if check.blocks
    }


def test_every_check_speaks_both_languages():
    for id, check in CHECKS.items():
        assert check.id == id
        for en, zh in (check.title, check.explanation, check.hint):
            assert en.isascii() or "²" in en
            assert any("\u4e00" <= letter <= "\u9fff" for letter in zh)


def test_an_empty_world_has_no_finding():
    assert run(Subject()).findings == ()
    assert run(Subject(), Touched(frozenset({1}))).findings == ()


def test_only_some_checks_can_be_run_and_unknown_ones_are_refused():
    subject = with_codes(with_polygons(sound(), {7: None}), {7: "1"})
    assert run(subject, only=["code_form"]).counts() == {"code_form": 1}
    with pytest.raises(KeyError, match="code_from"):
        run(subject, only=["code_from"])


def test_progress_is_told_from_little_to_all():
    shares: list[float] = []
    run(disturbed(3)[0], progress=shares.append)
    assert shares == sorted(shares)
    assert shares[-1] == 1.0


def test_a_neighbour_that_an_edit_leaves_alone_is_seen_when_neighbours_are_touched_too():
    subject = sound(1)
    corner = SIDE * SIDE - 1
    beside = {corner - 1: f"{WEST}701", corner - SIDE: f"{WEST}702", corner - SIDE - 1: f"{WEST}703"}
    taken = Touched(frozenset(k + 1 for k in beside))
    recoded = with_codes(subject, beside | {k: f"{WEST}8{k}" for k in (33, 27, 21, 22)})  # all way to the west
    assert corner + 1 not in {uid for finding in run(recoded, taken).findings for uid in finding.uids}
    wider = with_neighbours(recoded, taken)
    assert wider.uids >= {*taken.uids, corner + 1}
    report = run(recoded, wider, only=["outside_community"])
    assert corner + 1 in {uid for finding in report.findings for uid in finding.uids}


def test_the_neighbours_of_a_unit_are_the_eight_around_it():
    assert with_neighbours(sound(3), Touched(frozenset({8, 500}))).uids == {500, 1, 2, 3, 7, 8, 9, 13, 14, 15}


def test_a_unit_without_a_code_is_told_and_not_stumbled_over():
    subject = sound()
    units = Units.of(subject.units.uids, [None, *subject.units.codes[1:]], subject.units.polygons)
    assert run(replace(subject, units=units)).counts() == {"code_form": 1}


def test_a_prefix_whose_last_unit_goes_is_found_by_that_units_code():
    subject = replace(sound(), references=(Reference("keys", "K-1", "440305001003", None),))
    assert run(subject, Touched(frozenset({1}))).counts() == {}
    assert run(subject, Touched(frozenset({1}), frozenset({"440305001003001"}))).counts() == {"prefix_gone": 1}
