"""Codes given twice, and components in one place, against counting by hand."""

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from components.surveys.register import METRES_A_DEGREE, Entries, near_pairs, repeated_codes
from components.surveys.sampling import Draw, draw

SPOTS = st.tuples(st.integers(0, 30), st.integers(0, 30))
ROWS = st.lists(st.tuples(st.sampled_from("abcdefgh"), st.sampled_from(["2026 01", "2026 02"]), SPOTS), max_size=40)


def entries_of(rows: list[tuple[str, str, tuple[int, int]]], step_m: float = 0.1) -> Entries:
    """Rows of code, class and place on a lattice of `step_m` at the equator."""
    count = len(rows)
    codes, classes = (pa.array([row[at] for row in rows], pa.string()) for at in (0, 1))
    lonlat = np.array([row[2] for row in rows], dtype=np.float64).reshape(-1, 2) * step_m / METRES_A_DEGREE
    return Entries(np.zeros(count, np.int32), np.arange(1, count + 1), codes, classes.dictionary_encode(), lonlat)


@given(ROWS)
def test_every_code_that_came_before_is_found_with_its_first(rows: list[tuple[str, str, tuple[int, int]]]) -> None:
    first: dict[str, int] = {}
    wanted = set()
    for at, (code, _, _) in enumerate(rows):
        if code in first:
            wanted.add((at, first[code]))
        first.setdefault(code, at)
    assert {(pair.later, pair.earlier) for pair in repeated_codes(entries_of(rows))} == wanted


@given(ROWS, st.sampled_from([0.15, 0.35, 1.05]))
def test_what_lies_nearer_than_the_limit_to_an_earlier_one_of_its_class_is_found(
    rows: list[tuple[str, str, tuple[int, int]]], near_m: float
) -> None:
    named = [(f"{code}{at}", of, spot) for at, (code, of, spot) in enumerate(rows)]
    wanted = {
        at
        for at, (_, of, (x, y)) in enumerate(named)
        if any(of == other and np.hypot(x - u, y - v) * 0.1 < near_m for _, other, (u, v) in named[:at])
    }
    assert {pair.later for pair in near_pairs(entries_of(named), near_m)} == wanted


def test_a_row_without_a_place_and_a_limit_of_nothing_find_nothing() -> None:
    entries = entries_of([("a", "2026 01", (0, 0)), ("b", "2026 01", (0, 0))])
    assert list(near_pairs(entries, 0.0)) == []
    entries.lonlat[1] = np.nan
    assert list(near_pairs(entries, 1.0)) == []


@given(ROWS, st.integers(0, 5), st.floats(0.01, 1.0))
def test_a_sample_has_of_each_class_the_share_rounded_up_and_does_not_know_the_order(
    rows: list[tuple[str, str, tuple[int, int]]], seed: int, share: float
) -> None:
    unique = list({row[0]: row for row in rows}.values())
    entries = entries_of(unique)
    drawn = [entries.codes[at].as_py() for at in draw(entries, Draw(share, seed)).tolist()]
    for of in ("2026 01", "2026 02"):
        members = {code for code, other, _ in unique if other == of}
        assert len(members & set(drawn)) == int(np.ceil(share * len(members) - 1e-9))
    turned = entries_of(unique[::-1])
    assert [turned.codes[at].as_py() for at in draw(turned, Draw(share, seed)).tolist()] == drawn
