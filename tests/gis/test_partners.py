import itertools
from collections import Counter

import numpy as np
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from gis.coverage import dissolve
from gis.partners import are_matched, match
from tests.broken import broken
from tests.coverages import lattice


def directed_edges(polygon) -> list[tuple]:
    """The edges of a polygon with its inside on the left, repeated nodes left out."""
    if polygon is None or polygon.is_empty:
        return []
    rings = [ring for part in shapely.get_parts(shapely.orient_polygons(polygon)) for ring in shapely.get_rings(part)]
    found = []
    for ring in rings:
        nodes = list(ring.coords)
        found += [(a, b) for a, b in itertools.pairwise(nodes) if a != b]
    return found


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000))
def test_a_polygon_is_matched_when_each_edge_has_one_edge_the_other_way(seed):
    polygons = broken(lattice(5, 5, seed)[0], np.random.default_rng(seed))
    polygons = np.array([each if shapely.is_valid(each) else None for each in polygons], dtype=object)
    turned = np.array([shapely.reverse(each) if k % 2 else each for k, each in enumerate(polygons)], dtype=object)
    uses = Counter(edge for polygon in polygons for edge in directed_edges(polygon))
    for given_polygons in (polygons, turned):  # however the rings are drawn
        matched = are_matched(given_polygons)
        for polygon, told in zip(polygons, matched, strict=True):
            assert told == all(uses[edge] == uses[edge[::-1]] == 1 for edge in directed_edges(polygon))


def test_only_those_in_the_middle_of_a_coverage_are_matched_on_all_sides():
    polygons, _ = lattice(5, 4, 1)
    assert np.flatnonzero(are_matched(polygons)).tolist() == [6, 7, 8, 11, 12, 13]


def test_two_equal_polygons_are_no_partners():
    polygons, _ = lattice(1, 1, 1)
    assert are_matched(np.repeat(polygons, 2)).tolist() == [False, False]


def test_groups_do_not_see_each_other_and_match_their_own_outlines():
    polygons, _ = lattice(6, 4, 2)
    keys = np.arange(24) % 6 // 3
    outlines = dissolve(polygons, keys)[1]
    outlines[1] = shapely.buffer(outlines[1], 1e-6)
    whole, some = match(np.concatenate([polygons, outlines]), np.concatenate([keys, [0, 1]]), np.arange(26) >= 24)
    assert whole[:24][keys == 0].all()
    assert whole[24]
    assert not whole[25]
    assert some[:24].all()
    assert not some[25]


def test_nothing_matches_nothing():
    assert are_matched(np.empty(0, dtype=object)).tolist() == []
