"""Points in columns are read like points one by one."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.lookups.points import place_columns, place_points

NUMBERS = st.one_of(
    st.floats(-200, 200), st.floats(), st.sampled_from([-180.0, 180.0, -90.0, 73.0, 90.0, -0.0, 114.123456789012345])
)
ACCURACY = st.one_of(st.just(math.nan), st.floats(-1, 5000))


@pytest.mark.parametrize("crs", ["CRS84", "EPSG:4490", "GCJ-02"])
@given(st.lists(st.tuples(NUMBERS, NUMBERS, ACCURACY), max_size=6), st.booleans())
def test_points_in_columns_are_those_of_points_one_by_one(
    crs: str, sent: list[tuple[float, float, float]], sound: bool
) -> None:
    if sound:
        sent = [each for each in sent if abs(each[0]) <= 180 and -90 <= each[1] < 73 and 0 < each[2] <= 1000]
    xy = np.array([each[:2] for each in sent], dtype=np.float64).reshape(-1, 2)
    accuracy = np.array([each[2] for each in sent], dtype=np.float64)
    columns = place_columns(xy, accuracy, crs)
    asked = [{"lon": x, "lat": y, "accuracy_m": None if math.isnan(metres) else metres} for x, y, metres in sent]
    alone = place_points(asked, crs, None)
    assert np.array_equal(columns.lonlat, alone.lonlat, equal_nan=True)
    assert {at: fault.code for at, fault in columns.faults.items()} == {
        at: fault.code for at, fault in alone.faults.items()
    }
