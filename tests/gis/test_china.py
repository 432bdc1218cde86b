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


@pytest.fixture(autouse=True, scope="module")
def _kernels_are_loaded():
    china.warm()


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


WAYS = (china.wgs84_to_gcj02, china.gcj02_to_wgs84, china.gcj02_to_bd09, china.bd09_to_gcj02)


@pytest.mark.parametrize("way", WAYS)
def test_the_answer_to_a_point_does_not_depend_on_the_points_beside_it(way):
    rng = np.random.default_rng(1)
    points = np.column_stack([rng.uniform(71, 139, 2000), rng.uniform(0, 57, 2000)])
    points[::7] = np.nan
    alone = np.concatenate([way(point[None]) for point in points])
    np.testing.assert_array_equal(way(points), alone)


@pytest.mark.parametrize("way", WAYS)
def test_what_is_no_position_stays_so_and_the_argument_is_not_changed(way):
    points = np.array([[np.nan, 22.5], [np.inf, 22.5], [114.0, np.nan], [114.0, 22.5]])
    before = points.copy()
    found = way(np.asfortranarray(points))
    np.testing.assert_array_equal(points, before)
    np.testing.assert_array_equal(found[:3], points[:3])
    assert (found[3] != points[3]).all()


def test_the_compiled_formulas_are_those_of_the_text():
    def gcj02(lon, lat):
        x, y = lon - 105.0, lat - 35.0
        sin, pi = np.sin, np.pi
        both = 0.1 * x * y + (20 * sin(6 * x * pi) + 20 * sin(2 * x * pi)) * 2 / 3
        east = 300 + x + 2 * y + 0.1 * x * x + 0.1 * np.sqrt(abs(x)) + both
        east += (20 * sin(x * pi) + 40 * sin(x / 3 * pi)) * 2 / 3
        east += (150 * sin(x / 12 * pi) + 300 * sin(x / 30 * pi)) * 2 / 3
        north = -100 + 2 * x + 3 * y + 0.2 * y * y + 0.2 * np.sqrt(abs(x)) + both
        north += (20 * sin(y * pi) + 40 * sin(y / 3 * pi)) * 2 / 3
        north += (160 * sin(y / 12 * pi) + 320 * sin(y * pi / 30)) * 2 / 3
        w2 = 1 - 0.00669342162296594323 * sin(np.radians(lat)) ** 2
        east /= 6378137.0 / np.sqrt(w2) * np.cos(np.radians(lat))
        north /= 6378137.0 * (1 - 0.00669342162296594323) / w2**1.5
        return lon + np.degrees(east), lat + np.degrees(north)

    def bd09(lon, lat):
        radius = np.hypot(lon, lat) + 0.00002 * np.sin(lat * np.pi * 3000 / 180)
        angle = np.arctan2(lat, lon) + 0.000003 * np.cos(lon * np.pi * 3000 / 180)
        return radius * np.cos(angle) + 0.0065, radius * np.sin(angle) + 0.0060

    rng = np.random.default_rng(2)
    points = np.column_stack([rng.uniform(72.1, 137.7, 20_000), rng.uniform(0.9, 55.7, 20_000)])
    for way, formula in ((china.wgs84_to_gcj02, gcj02), (china.gcj02_to_bd09, bd09)):
        np.testing.assert_allclose(way(points), np.column_stack(formula(*points.T)), rtol=0, atol=1e-12)
