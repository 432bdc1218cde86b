"""Near-duplicates, against a comparison of all with all."""

import numpy as np
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from pyproj import Geod

from components.twins import find_twins

GEOD = Geod(ellps="GRS80")
PLACE = st.tuples(st.integers(0, 12), st.integers(0, 12)).map(lambda at: (114 + at[0] * 7e-6, 22.5 + at[1] * 7e-6))
ROWS = st.lists(st.tuples(PLACE, st.sampled_from(("01037", "01038")), st.sampled_from((None, 0.3, 1.5))), max_size=14)


@settings(deadline=None)
@given(rows=ROWS)
def test_twins_are_the_pairs_of_a_class_within_the_sum_of_their_accuracies(rows: list) -> None:  # type: ignore[type-arg]
    count = len(rows)
    columns = {
        name: np.array([None if value is None else str(value) for value in values] + [None], dtype=object)[:-1]
        for name, values in {
            "code": [f"{number:03}" for number in range(count)],
            "edition": ["2026"] * count,
            "class_code": [kind for _, kind, _ in rows],
            **{name: [None] * count for name in ("state", "supervisor_code", "owner_code", "maintainer_code")},
        }.items()
    }
    columns["accuracy_m"] = np.array([each for _, _, each in rows] + [None], dtype=object)[:-1]
    columns["geom"] = np.array([shapely.Point(place) for place, _, _ in rows] + [None], dtype=object)[:-1]
    expected = {}
    for one in range(count):
        for other in range(one + 1, count):
            (a, kind, near), (b, its, far) = rows[one], rows[other]
            metres = GEOD.inv(*a, *b)[2]
            if kind == its and metres <= (near or 1.0) + (far or 1.0):
                expected[one, other] = metres
    found = {(each.first, each.second): each.metres for each in find_twins(columns)}
    assert found.keys() == expected.keys()
    assert all(abs(found[pair] - expected[pair]) < 1e-4 for pair in expected)
