from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gis.cells.predicates import crosses, is_on, orient, orient_exactly

PLAIN = st.floats(-1e3, 1e3)
ANY = st.one_of(
    PLAIN,
    st.sampled_from([0.0, 5e-324, -5e-324, 2.0**-1022, 1.0, -1.0, 180.0, 4e7, 1e100, 1e-200]),
    st.floats(-1e120, 1e120),
)


def sign_in_rationals(ax, ay, bx, by, cx, cy) -> int:
    ax, ay, bx, by, cx, cy = map(Fraction, (ax, ay, bx, by, cx, cy))
    turn = (ax - cx) * (by - cy) - (ay - cy) * (bx - cx)
    return (turn > 0) - (turn < 0)


@settings(max_examples=300, deadline=None)
@given(st.tuples(ANY, ANY, ANY, ANY, ANY, ANY))
def test_the_side_of_a_line_is_that_of_rational_arithmetic_for_numbers_of_any_size(points):
    assert orient(*points) == orient_exactly(*points) == sign_in_rationals(*points)


@settings(max_examples=300, deadline=None)
@given(PLAIN, PLAIN, PLAIN, PLAIN, st.floats(0, 1), st.integers(-2, 2), st.integers(-2, 2))
def test_the_side_is_exact_a_few_ulps_beside_the_line(ax, ay, bx, by, t, ulps_x, ulps_y):
    cx, cy = ax + t * (bx - ax), ay + t * (by - ay)
    cx, cy = cx + ulps_x * float(np.spacing(cx)), cy + ulps_y * float(np.spacing(cy))
    assert orient(ax, ay, bx, by, cx, cy) == sign_in_rationals(ax, ay, bx, by, cx, cy)


@pytest.mark.parametrize("shift", [0.0, 5e-324, 1e-310, 180.0, 38_500_000.0])
def test_ends_and_the_middle_are_on_an_edge_and_what_goes_on_beyond_is_not(shift):
    edge = (shift - 1.0, -1.0, shift + 1.0, 1.0)
    assert is_on(edge[0], edge[1], *edge)
    assert is_on(edge[2], edge[3], *edge)
    assert not is_on(shift + 2.0, 2.0, *edge)
    for y in (0.0, 5e-324, -5e-324, 1e-9):
        assert is_on(shift, y, *edge) == (sign_in_rationals(*edge, shift, y) == 0)


def test_the_way_through_a_node_crosses_edges_that_go_on_once_and_edges_that_turn_back_an_even_number_of_times():
    way = (-1.0, 0.0, 1.0, 0.0)  # through the node at 0, 0
    going_on = [(-0.5, 1.0, 0.0, 0.0), (0.0, 0.0, 0.5, -1.0)]
    for turned in ([(-0.5, 1.0, 0.0, 0.0), (0.0, 0.0, 0.5, 1.0)], [(-0.5, -1.0, 0.0, 0.0), (0.0, 0.0, 0.5, -1.0)]):
        assert sum(crosses(*way, *edge) for edge in turned) % 2 == 0
    assert sum(crosses(*way, *edge) for edge in going_on) == 1
    assert not crosses(*way, -0.5, 0.0, 0.5, 0.0)  # along the way
    assert not crosses(*way, 2.0, 1.0, 2.0, -1.0)  # beyond its end
