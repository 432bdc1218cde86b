"""The exact answers against rational arithmetic."""

from fractions import Fraction

from hypothesis import given, settings
from hypothesis import strategies as st

from grids.edits.exact import clockwise_first, meetings, rounded, turn

NEAR = st.integers(-20, 20).map(lambda k: round(114 + k * 1e-11, 11))
COORDINATE = NEAR | st.floats(-180, 180).map(lambda x: round(x, 11)) | st.sampled_from([0.0, 1e-11, -1e-11, 0.1, 0.3])
PLACE = st.tuples(COORDINATE, COORDINATE)


def side(a, b, c):
    (ax, ay), (bx, by), (cx, cy) = ((Fraction(x), Fraction(y)) for x, y in (a, b, c))
    found = (ax - cx) * (by - cy) - (ay - cy) * (bx - cx)
    return (found > 0) - (found < 0)


@settings(max_examples=500)
@given(PLACE, PLACE, PLACE)
def test_a_turn_is_that_of_rational_arithmetic(a, b, c):
    assert turn(a, b, c) == side(a, b, c)


@settings(max_examples=300)
@given(PLACE, PLACE, PLACE, PLACE)
def test_two_edges_meet_where_rational_arithmetic_says(a, b, p, q):
    if a == b or p == q:
        return
    found = meetings([a, b], [(p, q)])
    sides = side(a, b, p) * side(a, b, q), side(p, q, a) * side(p, q, b)
    if max(sides) > 0:
        assert found == []
    elif sides == (-1, -1):
        (ax, ay), (bx, by), (px, py), (qx, qy) = ((Fraction(x), Fraction(y)) for x, y in (a, b, p, q))
        share = ((px - ax) * (qy - py) - (py - ay) * (qx - px)) / ((bx - ax) * (qy - py) - (by - ay) * (qx - px))
        (meeting,) = found
        assert meeting.share == share
        exact = float(ax + share * (bx - ax)), float(ay + share * (by - ay))
        assert meeting.place == rounded(*exact)
    else:
        for meeting in found:
            assert meeting.place in (a, b, p, q)


@settings(max_examples=300)
@given(PLACE, PLACE, st.lists(PLACE, min_size=2, max_size=6, unique=True))
def test_the_first_edge_clockwise_has_no_other_before_it(at, start, ends):
    ends = [end for end in ends if end != at]
    if start == at or not ends:
        return
    first = clockwise_first(at, start, ends)
    assert first in ends

    def before(one, other):
        """Whether `one` is met strictly before `other` when turning clockwise from `start`."""
        half = [{-1: 0, 1: 2}.get(side(at, start, each), 3 if ahead(each) else 1) for each in (one, other)]
        return half[0] < half[1] or (half[0] == half[1] and side(at, one, other) < 0)

    def ahead(each):
        towards = [(Fraction(x) - Fraction(at[0]), Fraction(y) - Fraction(at[1])) for x, y in (start, each)]
        return towards[0][0] * towards[1][0] + towards[0][1] * towards[1][1] > 0

    assert not any(before(other, first) for other in ends)
