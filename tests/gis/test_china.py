import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gis import china

# lat, lon of WGS 84 and of GCJ-02, as published by independent implementations
KNOWN = [
    ((22.543096, 114.057865), (22.54037871, 114.06297904)),
    ((39.908823, 116.39747), (39.91022652, 116.40371369)),
    ((31.230416, 121.473701), (31.22847371, 121.47822413)),
    ((43.825592, 87.616848), (43.82679746, 87.61969805)),
]
METRE = 1 / 111_320  # degrees of latitude
inside = st.tuples(st.floats(72.1, 137.7), st.floats(0.9, 55.7))
outside = st.one_of(
    st.tuples(st.floats(-180, 72), st.floats(-90, 90)), st.tuples(st.floats(-180, 180), st.floats(56, 90))
)


def lonlat(latlon: tuple[float, float]) -> np.ndarray:
    return np.array([latlon[::-1]])


@pytest.mark.parametrize(("wgs84", "gcj02"), KNOWN)
def test_gcj02_has_the_published_values(wgs84, gcj02):
    np.testing.assert_allclose(china.wgs84_to_gcj02(lonlat(wgs84)), lonlat(gcj02), rtol=0, atol=6e-9)
    np.testing.assert_allclose(china.gcj02_to_wgs84(lonlat(gcj02)), lonlat(wgs84), rtol=0, atol=1e-8)


def test_bd09_has_the_published_value():
    gcj02 = china.wgs84_to_gcj02(lonlat((22.543096, 114.057865)))
    np.testing.assert_allclose(china.gcj02_to_bd09(gcj02), [[114.06952905, 22.54603735]], rtol=0, atol=6e-9)


@given(st.lists(inside, min_size=1, max_size=20))
def test_the_way_to_gcj02_and_back_stays_below_a_millimetre(points):
    wgs84 = np.array(points)
    assert np.abs(china.gcj02_to_wgs84(china.wgs84_to_gcj02(wgs84)) - wgs84).max() < 1e-3 * METRE


@given(st.lists(inside, min_size=1, max_size=20))
def test_the_way_to_bd09_and_back_stays_below_a_millimetre(points):
    gcj02 = np.array(points)
    assert np.abs(china.bd09_to_gcj02(china.gcj02_to_bd09(gcj02)) - gcj02).max() < 1e-3 * METRE


@given(outside)
def test_outside_the_box_nothing_moves(point):
    there = np.array([point])
    for convert in (china.wgs84_to_gcj02, china.gcj02_to_wgs84, china.gcj02_to_bd09, china.bd09_to_gcj02):
        np.testing.assert_array_equal(convert(there), there)


def test_the_shift_inside_the_box_is_hundreds_of_metres():
    wgs84 = np.array([[114.05, 22.54], [116.4, 39.9], [87.6, 43.8]])
    metres = np.hypot(*(china.wgs84_to_gcj02(wgs84) - wgs84).T) / METRE
    assert ((metres > 200) & (metres < 800)).all()


def test_no_points_give_no_points():
    assert china.bd09_to_gcj02(np.empty((0, 2))).shape == (0, 2)
