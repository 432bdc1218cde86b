"""One fault of a known kind in a sound grid: exactly that check tells it, at that place."""

from dataclasses import replace

import numpy as np
import pytest
import shapely
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from grids.checks import Components, Reference, Targets, run
from tests.grids.checks.worlds import (
    EAST,
    SIDE,
    WEST,
    found,
    places,
    redrawn,
    sound,
    spot,
    with_area,
    with_codes,
    with_gap,
    with_polygons,
    with_unit,
    without_unit,
)

SEEDS = st.integers(0, 5_000)
INNER = st.sampled_from([row * SIDE + column for row in range(1, SIDE - 1) for column in range(1, SIDE - 1)])
METRE = 1 / 111_000  # degrees, about
usually = settings(max_examples=25, deadline=None)


@usually
@given(SEEDS, st.booleans())
def test_a_sound_grid_has_no_finding(seed, outlines):
    assert found(sound(seed, outlines)) == {}


@usually
@given(SEEDS, INNER, st.integers(0, 200), st.floats(0.05, 3), st.floats(0, 6.3))
def test_a_node_moved_on_one_side_is_an_overlap_or_a_gap_around_that_node(seed, unit, node, metres, angle):
    subject = sound(seed)
    polygon = subject.units.polygons[unit]
    node %= shapely.get_num_coordinates(polygon) - 1
    step = metres * METRE * np.array([np.cos(angle), np.sin(angle)])

    def move(nodes):
        nodes[node] += step
        return nodes

    changed = redrawn(polygon, move)
    assume(changed.is_valid)
    report = run(with_polygons(subject, {unit: changed}))
    assert set(report.counts()) <= {"overlap", "gap"}
    assert report.blocks
    old = shapely.get_coordinates(polygon)[:-1]
    beside = shapely.MultiPoint([old[node - 1], old[node], old[(node + 1) % len(old)], old[node] + step]).convex_hull
    assert all(shapely.covers(shapely.buffer(beside, 1e-8), place) for place in places(report))
    assert all(subject.units.uids[unit] in finding.uids for finding in report.findings)


@usually
@given(SEEDS, INNER, st.integers(0, 200))
def test_a_node_lost_on_one_side_is_an_overlap_or_a_gap_of_that_corner(seed, unit, node):
    subject = sound(seed)
    polygon = subject.units.polygons[unit]
    nodes = shapely.get_coordinates(polygon)[:-1]
    node %= len(nodes)
    changed = redrawn(polygon, lambda nodes: np.delete(nodes, node, axis=0))
    corner = shapely.Polygon([nodes[node - 1], nodes[node], nodes[(node + 1) % len(nodes)]])
    assume(changed.is_valid and shapely.area(corner) > 1e-14)
    report = run(with_polygons(subject, {unit: changed}))
    assert set(report.counts()) <= {"overlap", "gap"}
    assert shapely.hausdorff_distance(shapely.union_all(places(report)), corner) < 1e-8


@usually
@given(st.integers(0, 34), st.floats(0.1, 0.9))
def test_a_node_on_one_side_of_a_straight_edge_alone_is_an_unmatched_edge(unit, share):
    subject = sound()
    squares = {
        k: shapely.box(
            *np.round(
                [114 + k % SIDE / 1e3, 22 + k // SIDE / 1e3, 114.001 + k % SIDE / 1e3, 22.001 + k // SIDE / 1e3], 9
            )
        )
        for k in range(SIDE * SIDE)
    }
    west, south, east, north = shapely.bounds(squares[unit]).tolist()
    assume(unit % SIDE < SIDE - 1)  # the edge in the east is shared
    node = (east, south + share * (north - south))
    squares[unit] = redrawn(
        squares[unit], lambda _: np.array([(west, south), (east, south), node, (east, north), (west, north)])
    )
    report = run(with_polygons(subject, squares))
    assert report.counts() == {"unmatched_edge": 1}
    assert {thing.uid for thing in report.findings[0].things} == {unit + 1, unit + 2}
    assert shapely.dwithin(places(report)[0], shapely.Point(np.round(node, 11)), 1e-12)


@usually
@given(SEEDS, INNER, st.floats(2, 10))
def test_ground_taken_from_another_is_an_overlap_of_that_ground(seed, unit, metres):
    subject = sound(seed)
    other = subject.units.polygons[unit + 1]
    corner = shapely.Point(*shapely.get_coordinates(shapely.intersection(subject.units.polygons[unit], other))[0])
    taken = shapely.intersection(shapely.buffer(corner, metres * METRE), other)
    grown = shapely.union(subject.units.polygons[unit], taken)
    assume(grown.geom_type == "Polygon" and taken.geom_type == "Polygon" and not grown.interiors)
    changed = redrawn(grown, lambda nodes: nodes)
    assume(changed.is_valid)  # rounding may cross what all but touches
    report = run(with_polygons(subject, {unit: changed}))
    big = [finding for finding in report.findings if finding.sizes.get("area_m2", 0) > 1e-3]
    assert [finding.check for finding in big] == ["overlap"]
    assert big[0].uids == {unit + 1, unit + 2}
    place = shapely.geometry.shape(big[0].where)
    assert shapely.area(shapely.symmetric_difference(place, taken)) < 1e-14  # its new nodes are rounded
    assert big[0].sizes["area_m2"] == pytest.approx(shapely.area(taken) * 111_000**2 * 0.9236, rel=0.02)


@usually
@given(SEEDS, INNER, st.floats(0.1, 30))
def test_ground_that_nobody_has_is_a_gap_of_that_ground(seed, unit, metres):
    subject = sound(seed)
    polygon = subject.units.polygons[unit]
    hole = spot(polygon, metres)
    assume(shapely.contains_properly(polygon, hole))
    holed = with_polygons(subject, {unit: shapely.difference(polygon, hole)})
    report = run(holed)
    assert report.counts() == {"gap": 1}
    assert shapely.equals(places(report)[0], hole)
    assert report.findings[0].uids == {unit + 1}
    assert found(with_gap(holed, hole)) == {}


@usually
@given(SEEDS, INNER)
def test_a_named_gap_over_a_unit_is_told_with_the_ground(seed, unit):
    subject = sound(seed)
    hole = spot(subject.units.polygons[unit], 10)
    assume(shapely.contains_properly(subject.units.polygons[unit], hole))
    report = run(with_gap(subject, hole))
    assert report.counts() == {"gap_overlaps_unit": 1}
    assert shapely.equals(places(report)[0], hole)
    assert {thing.layer for thing in report.findings[0].things} == {"units", "gaps"}


def test_a_named_gap_far_from_everything_is_a_warning():
    report = run(with_gap(sound(), shapely.box(100, 30, 100.001, 30.001)))
    assert report.counts() == {"gap_without_hole": 1}
    assert report.blocks == ()


@usually
@given(SEEDS, INNER, st.floats(0.1, 0.8))
def test_a_thin_unit_is_a_sliver_and_nothing_else(seed, unit, metres):
    subject = sound(seed)
    polygon = subject.units.polygons[unit]
    thin = spot(polygon, metres, share=0.02)
    assume(shapely.contains_properly(polygon, thin))
    report = run(with_unit(with_polygons(subject, {unit: shapely.difference(polygon, thin)}), thin, beside=unit))
    assert report.counts() == {"sliver": 1}
    assert report.findings[0].uids == {SIDE * SIDE + 1}
    assert shapely.equals(places(report)[0], thin)


@usually
@given(SEEDS, INNER, st.integers(0, 200), st.sampled_from([0.0, 2e-9]))
def test_a_node_twice_is_told_at_that_node_and_nothing_else(seed, unit, node, apart):
    subject = sound(seed)
    polygon = subject.units.polygons[unit]
    node %= shapely.get_num_coordinates(polygon) - 1
    at = shapely.get_coordinates(polygon)[node]
    beside = [k for k, each in enumerate(subject.units.polygons) if shapely.dwithin(each, shapely.Point(at), 0)]
    if apart and len(beside) != 2:
        return
    nodes = shapely.get_coordinates(polygon)[:-1]
    ahead = nodes[(node + 1) % len(nodes)] - at
    extra = np.round(at + apart * ahead / np.hypot(*ahead), 11)
    both = beside if apart else [unit]
    change = {k: _with_node(subject.units.polygons[k], at, nodes[(node + 1) % len(nodes)], extra) for k in both}
    counts = [
        shapely.get_num_coordinates(change[k]) - shapely.get_num_coordinates(old) for k, old in _of(subject, both)
    ]
    assume(counts == [1] * len(both))  # a first node that is the last one too only closes the ring
    report = run(with_polygons(subject, change))
    assert report.counts() == {"duplicate_node": len(both)}
    assert {uid for finding in report.findings for uid in finding.uids} == {k + 1 for k in both}
    assert all(shapely.dwithin(place, shapely.Point(at), 1e-8) for place in places(report))


def _of(subject, units):
    return [(k, subject.units.polygons[k]) for k in units]


def _with_node(polygon, first, second, extra):
    """The polygon with one more node on the edge of those ends."""
    nodes = shapely.get_coordinates(polygon)[:-1]
    ways = [np.vstack([first, second]), np.vstack([second, first])]
    at = [k for k in range(len(nodes)) if any(np.array_equal(nodes[[k - 1, k]], way) for way in ways)]
    return redrawn(polygon, lambda nodes: np.insert(nodes, at[0], extra, axis=0))


@usually
@given(SEEDS, st.integers(0, 35))
def test_a_unit_far_larger_or_smaller_than_the_target_is_a_warning(seed, unit):
    subject = sound(seed)
    report = run(replace(subject, targets=Targets(area_m2=100_000.0)))
    assert set(report.counts()) == {"area_off_target"}
    assert {*report.counts().values()} <= {*range(30, 37)}
    assert "merge" in report.findings[0].fault.en
    assert run(replace(subject, targets=Targets(area_m2=1_000.0))).counts() == {"area_off_target": 36}
    assert found(replace(subject, targets=Targets(area_m2=None))) == {}


@usually
@given(SEEDS, INNER)
def test_a_unit_in_two_parts_is_told_at_the_smaller(seed, unit):
    other = unit + 2 * SIDE
    assume(other < SIDE * SIDE)
    subject = sound(seed)
    parts = [subject.units.polygons[unit], subject.units.polygons[other]]
    report = run(without_unit(with_polygons(subject, {unit: shapely.MultiPolygon(parts)}), other))
    assert report.counts() == {"multipart": 1}
    assert shapely.equals(places(report)[0], min(parts, key=shapely.area))


@usually
@given(SEEDS, st.integers(0, 35), st.integers(0, 35))
def test_a_code_given_twice_names_both(seed, one, other):
    assume(one != other and one % SIDE // 3 == other % SIDE // 3)
    subject = sound(seed)
    report = run(with_codes(subject, {one: subject.units.codes[other]}))
    assert report.counts() == {"code_duplicate": 1}
    assert report.findings[0].uids == {one + 1, other + 1}
    assert report.blocks


@usually
@given(SEEDS, INNER, st.booleans())
def test_a_prefix_that_no_division_has_is_told_at_the_unit(seed, unit, outlines):
    subject = sound(seed, outlines)
    report = run(with_codes(subject, {unit: "440305001999001"}))
    assert report.counts() == {"division_unknown": 1}
    assert report.findings[0].fault.thing == "440305001999"
    assert shapely.within(places(report)[0], subject.units.polygons[unit])


@usually
@given(SEEDS, st.booleans(), st.sampled_from([(12, EAST), (18, EAST), (17, WEST), (23, WEST)]))
def test_a_code_of_another_community_is_told_at_the_unit(seed, outlines, which):
    unit, community = which  # in the column farthest from that community
    report = run(with_codes(sound(seed, outlines), {unit: f"{community}800"}))
    assert report.counts() == {"outside_community": 1}
    assert report.findings[0].uids >= {unit + 1}
    assert shapely.covers(sound(seed).units.polygons[unit], places(report)[0])


@pytest.mark.parametrize(
    "code", ["44030500100100", "4403050010010011", "44030500100100A", "", "４４０３０５００１００１００１"]
)
def test_a_code_of_another_form_is_told(code):
    report = run(with_codes(sound(), {7: code}))
    assert report.counts() == {"code_form": 1}
    assert report.findings[0].uids == {8}


def test_a_retired_code_is_not_given_again_but_by_recoding_its_community():
    subject = sound()
    code = subject.units.codes[4]
    assert found(replace(subject, retired={code: 5})) == {}  # an undo gives a unit its own code back
    reused = replace(subject, retired={code: 77})
    assert found(reused) == {"code_reused": 1}
    assert found(replace(reused, recoded={code[:12]})) == {}


def test_an_invalid_polygon_and_a_missing_one_are_told():
    bow = shapely.Polygon([(114, 22), (114.001, 22.001), (114.001, 22), (114, 22.001)])
    report = run(with_polygons(sound(), {5: bow, 0: None}), only=["invalid_geometry"])
    assert [finding.fault.thing for finding in report.findings] == [f"{WEST}001", f"{EAST}006"]
    assert [finding.where is None for finding in report.findings] == [True, False]


def test_an_area_without_a_department_or_with_one_that_is_gone_is_a_warning():
    assert found(with_area(sound(), None)) == {"area_without_department": 1}
    assert found(with_area(sound(), "")) == {"area_without_department": 1}
    assert found(with_area(sound(), "A")) == {}
    assert found(with_area(sound(), "A", frozenset({"A"}))) == {}
    assert found(with_area(sound(), "A", frozenset({"B"}))) == {"area_without_department": 1}


@pytest.mark.parametrize(
    ("prefix", "gone"),
    [("", False), ("4403", False), (WEST, False), (f"{WEST}001", False), ("440399", True), ("5", True)],
)
def test_a_rule_or_key_for_a_prefix_that_nothing_begins_with_is_a_warning(prefix, gone):
    for kind in ("rules", "keys"):
        report = run(replace(sound(), references=(Reference(kind, "R-1", prefix),)))
        assert report.counts() == ({"prefix_gone": 1} if gone else {})


@usually
@given(SEEDS, st.integers(0, 35), st.booleans())
def test_a_unit_with_far_more_components_than_its_community_is_noted(seed, unit, placed):
    subject = sound(seed)
    each = np.array([shapely.point_on_surface(p).coords[0] for p in subject.units.polygons])
    lonlat = np.vstack([each, each, np.repeat(each[[unit]], 60, axis=0)])
    uids = np.concatenate([np.arange(1, 37), np.arange(1, 37), np.full(60, unit + 1)])
    classes = np.array(["01001"] * 72 + ["01002"] * 60, dtype=object)
    report = run(replace(subject, components=Components(lonlat, classes, uids if placed else None)))
    assert report.counts() == {"components_unbalanced": 1}
    finding = report.findings[0]
    assert finding.severity == "note"
    assert "62 components (01002: 60)" in finding.fault.en
    assert unit + 1 in finding.uids
