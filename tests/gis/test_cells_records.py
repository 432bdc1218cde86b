from fractions import Fraction

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from numba import njit

from gis.cells.records import (
    BESIDE_EDGE,
    BESIDE_WAY,
    CUT,
    QUANTA,
    REFERENCE_X,
    REFERENCE_Y,
    REFERENCES,
    reference_x,
    reference_y,
    write_fast,
)
from gis.cells.vectors import cross_line
from gis.heap.lines import frozen

FRAME = frozen(np.array([116.0, 39.6, 1 / 3e-4, 1 / 2e-4, 3e-4, 2e-4, 4.0, 4.0]))
COLUMN, ROW = 37, 101
PLACE = st.floats(-3, 4)
WITHIN = st.floats(0, 1)


def corner(number: int) -> tuple[float, float]:
    return reference_x(number, COLUMN, FRAME), reference_y(number, ROW, FRAME)


def place(u: float, v: float) -> tuple[float, float]:
    """A point of the plane from a place in the cell, in cells."""
    return FRAME[0] + (COLUMN + u) * FRAME[4], FRAME[1] + (ROW + v) * FRAME[5]


def crosses_in_rationals(p, r, a, b) -> bool:
    (px, py), (rx, ry), (ax, ay), (bx, by) = (tuple(map(Fraction, each)) for each in (p, r, a, b))

    def side(ax, ay, bx, by, cx, cy):
        return (ax - cx) * (by - cy) - (ay - cy) * (bx - cx)

    apart = (side(px, py, rx, ry, ax, ay) > 0) != (side(px, py, rx, ry, bx, by) > 0)
    return apart and (side(ax, ay, bx, by, px, py) > 0) != (side(ax, ay, bx, by, rx, ry) > 0)


@njit
def cross(lines, word, px, py):
    return cross_line(lines, word, px, py)


def cross_one_by_one(lines, word, px, py) -> tuple[int, bool]:
    """The formulas of a line in plain float32."""
    halves = lines.view(np.int16)[word * 2 + 2 : word * 2 + 22].astype(np.float32)
    changes, unsure = 0, False
    for k, (ax, bx, ay, by) in enumerate(zip(halves[:5], halves[5:10], halves[10:15], halves[15:], strict=True)):
        way_a, way_b, edge_r = px * ay - py * ax, px * by - py * bx, ax * by - ay * bx
        edge_p = way_a - way_b + edge_r
        apart, between = (way_a > 0) != (way_b > 0), (edge_p > 0) != (edge_r > 0)
        doubt_apart = abs(way_a) < BESIDE_WAY or abs(way_b) < BESIDE_WAY
        doubt_between = abs(edge_p) < BESIDE_EDGE or abs(edge_r) < BESIDE_EDGE
        unsure |= (doubt_between and (apart or doubt_apart)) or (doubt_apart and (between or doubt_between))
        changes ^= int(lines[word + 11 + k]) if apart and between else 0
    return changes, bool(unsure)


def write(ends, words, number):
    lines = np.zeros(8 * 16, dtype=np.int32)
    numbers, owners = np.arange(len(ends), dtype=np.int32), np.array(words, dtype=np.int32)
    taken = write_fast(lines, 0, 7, number, numbers, np.array(ends), owners, corner(number), FRAME)
    return frozen(lines), taken


def read(lines, point, number) -> tuple[int, bool]:
    rx, ry = corner(number)
    px = np.float32((point[0] - rx) * FRAME[2] * QUANTA)
    py = np.float32((point[1] - ry) * FRAME[3] * QUANTA)
    return cross(lines, 0, px, py)


def comes_near(a, b) -> bool:
    """Whether an edge given in cells comes within a tenth of the cell, by trying places along it."""
    t = np.linspace(0, 1, 2001)[:, None]
    along = np.array(a) * (1 - t) + np.array(b) * t
    return bool(((along > -0.1) & (along < 1.1)).all(axis=1).any())


@settings(max_examples=500, deadline=None)
@given(st.tuples(PLACE, PLACE), st.tuples(PLACE, PLACE), st.tuples(WITHIN, WITHIN), st.integers(0, REFERENCES - 1))
def test_what_a_line_is_sure_of_is_what_rational_arithmetic_says(a, b, p, number):
    if not comes_near(a, b):
        return
    lines, _ = write([[*place(*a), *place(*b)]], [5], number)
    changes, unsure = read(lines, place(*p), number)
    if not unsure:
        assert (changes == 5) == crosses_in_rationals(place(*p), corner(number), place(*a), place(*b))


@settings(max_examples=200, deadline=None)
@given(st.tuples(PLACE, PLACE), st.tuples(PLACE, PLACE), WITHIN, st.integers(0, REFERENCES - 1))
def test_a_point_on_an_edge_is_never_sure(a, b, t, number):
    u, v = a[0] + t * (b[0] - a[0]), a[1] + t * (b[1] - a[1])
    if 0 <= u <= 1 and 0 <= v <= 1 and a != b:
        lines, _ = write([[*place(*a), *place(*b)]], [5], number)
        assert read(lines, place(u, v), number)[1]


def test_errors_stay_below_the_bounds_that_the_text_derives():
    random = np.random.default_rng(5)
    number = random.integers(REFERENCES, size=200_000)
    middle = np.column_stack([REFERENCE_X[number], REFERENCE_Y[number]])
    extreme = random.random((200_000, 6)) < 0.3  # many at the rim, where errors are greatest
    share = np.where(extreme, random.integers(0, 2, (200_000, 6)), random.random((200_000, 6)))
    a, b, p = (
        (share[:, :2] * (1 + 2 * CUT) - CUT - middle) * QUANTA,
        (share[:, 2:4] * (1 + 2 * CUT) - CUT - middle) * QUANTA,
        (share[:, 4:] - middle) * QUANTA,
    )

    def signs(a, b, p):
        way_a, way_b = p[:, 0] * a[:, 1] - p[:, 1] * a[:, 0], p[:, 0] * b[:, 1] - p[:, 1] * b[:, 0]
        edge_r = a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]
        return way_a, edge_r, way_a - way_b + edge_r

    exact = signs(a, b, p)
    read_as = signs(np.round(a).astype(np.float32), np.round(b).astype(np.float32), p.astype(np.float32))
    worst = [float(np.abs(one - other).max()) for one, other in zip(exact, read_as, strict=True)]
    assert worst[0] < BESIDE_WAY
    assert max(worst[1:]) < BESIDE_EDGE
    assert np.abs(np.round(np.concatenate([a, b]))).max() < 2**15


def test_more_than_five_edges_take_lines_that_follow_each_other():
    edges = [[*place(0.1 * k, -1.0), *place(0.1 * k, 2.0)] for k in range(1, 8)]
    lines, taken = write(edges, [1 << k for k in range(7)], 0)
    assert taken == 2
    assert lines[0] < 0 <= lines[16]
    assert lines[11:16].tolist() == [1, 2, 4, 8, 16]
    assert lines[27:32].tolist() == [32, 64, 0, 0, 0]


def test_lanes_read_a_line_as_plain_code_does():
    random = np.random.default_rng(9)
    lines = np.zeros(2 * 16, dtype=np.int32)
    for _ in range(500):
        lines[:] = random.integers(-(2**31), 2**31, len(lines))
        lines.view(np.int16)[2:22] = random.integers(-600, 600, 20) * random.choice([1, 40])
        for px, py in (random.random((8, 2)) * random.choice([500, 20_000]) - 10_000).astype(np.float32):
            assert cross(lines, 0, px, py) == cross_one_by_one(lines, 0, px, py)
