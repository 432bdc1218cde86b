import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from pyproj import Geod

from gis.metres import FLATTENING, SEMI_MAJOR_M
from gis.nearest import FeatureIndex

GEOD = Geod(a=SEMI_MAJOR_M, f=FLATTENING)
HERE = np.array([[114.05, 22.54]])


def at(azimuth: float, metres: float) -> tuple[float, float]:
    return GEOD.fwd(*HERE[0], azimuth, metres)[:2]


def ask(index: FeatureIndex, name: str, reach: float) -> tuple[int, float, float]:
    return tuple(answer[0].item() for answer in index.nearest(HERE, np.array([name]), reach))


def build(*features: tuple[object, str]) -> FeatureIndex:
    geometries = np.empty(len(features), dtype=object)
    geometries[:] = [geometry for geometry, _ in features]
    return FeatureIndex.build(geometries, np.array([name for _, name in features], dtype=str))


def test_the_nearest_of_the_class_and_the_distance_of_the_second_are_found():
    index = build(
        (shapely.Point(at(10, 3)), "bin"),
        (shapely.Point(at(80, 9)), "lamp"),
        (shapely.Point(at(200, 5)), "lamp"),
        (shapely.Point(at(300, 40)), "lamp"),
    )
    found, first, second = ask(index, "lamp", 30)
    assert (found, first, second) == (2, pytest.approx(5, rel=1e-7), pytest.approx(9, rel=1e-7))
    assert ask(index, "bin", 30)[0] == 0
    assert ask(index, "bin", 30)[2] == np.inf


def test_points_lines_and_polygons_of_a_class_compete():
    line = shapely.LineString([at(315, 20), at(45, 20)])  # passes 14 m to the north
    square = shapely.Polygon([at(170, 12), at(190, 12), at(185, 30), at(175, 30)])
    index = build((shapely.Point(at(90, 15)), "x"), (line, "x"), (square, "x"))
    found, first, second = ask(index, "x", 100)
    assert found == 2
    assert first == pytest.approx(12 * np.cos(np.radians(10)), abs=1e-3)
    assert second == pytest.approx(20 * np.cos(np.radians(45)), abs=1e-3)


def test_inside_or_on_a_polygon_the_distance_is_zero_but_not_in_its_hole():
    west, south, step = *HERE[0], 1e-4
    square = shapely.box(west - step, south - step, west + step, south + step)
    ring = shapely.difference(square, shapely.box(west - step / 2, south - step / 2, west + step / 2, south + step / 2))
    assert ask(build((square, "x")), "x", 0)[:2] == (0, 0.0)
    assert ask(build((shapely.box(west, south, west + step, south + step), "x")), "x", 0)[:2] == (0, 0.0)
    assert ask(build((ring, "x")), "x", 100)[1] == pytest.approx(5.1, abs=0.1)
    assert ask(build((shapely.MultiPolygon([shapely.box(0, 0, 1, 1), square]), "x")), "x", 0)[:2] == (0, 0.0)


def test_of_features_equally_near_the_first_in_build_order_wins():
    place = shapely.Point(at(90, 5))
    index = build((shapely.Point(at(0, 9)), "x"), (place, "x"), (place, "x"))
    found, first, second = ask(index, "x", 30)
    assert found == 1
    assert first == second


def test_the_reach_is_inclusive():
    index = build((shapely.Point(at(33, 7)), "x"))
    metres = ask(index, "x", 30)[1]
    assert ask(index, "x", metres)[0] == 0
    assert ask(index, "x", np.nextafter(metres, 0)) == (-1, np.inf, np.inf)
    assert ask(build((shapely.Point(HERE[0]), "x")), "x", 0)[:2] == (0, 0.0)


def test_a_second_beyond_the_reach_is_not_told():
    index = build((shapely.Point(at(0, 5)), "x"), (shapely.Point(at(0, 50)), "x"))
    assert ask(index, "x", 10)[2] == np.inf
    assert ask(index, "x", np.inf)[2] == pytest.approx(50, rel=1e-6)


def test_an_unknown_class_and_a_point_that_is_not_finite_have_no_nearest():
    index = build((shapely.Point(HERE[0]), "x"))
    lonlat = np.array([HERE[0], [np.nan, 22.54], HERE[0]])
    found, first, second = index.nearest(lonlat, np.array(["y", "x", "x"]), np.array([5.0, 5.0, 0.0]))
    assert found.tolist() == [-1, -1, 0]
    assert first.tolist() == [np.inf, np.inf, 0.0]
    assert np.isinf(second).all()


def test_no_features_and_no_points_give_empty_answers():
    assert ask(build(), "x", 5) == (-1, np.inf, np.inf)
    index = build((shapely.Point(HERE[0]), "x"))
    assert [len(a) for a in index.nearest(np.empty((0, 2)), np.empty(0, dtype=str), np.empty(0))] == [0, 0, 0]


@pytest.mark.parametrize("geometry", [None, shapely.Point(), shapely.GeometryCollection([shapely.Point(0, 0)])])
def test_a_geometry_that_is_missing_empty_or_mixed_is_refused(geometry):
    with pytest.raises(ValueError):
        build((geometry, "x"))


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1), st.floats(0, 400))
def test_the_answer_is_that_of_measuring_every_feature(seed, reach):
    random = np.random.default_rng(seed)
    places = HERE[0] + random.uniform(-2e-3, 2e-3, (60, 2))
    places[40:50] = places[:10]  # ties
    geometries = np.array([shapely.Point(place) for place in places], dtype=object)
    geometries[20:30] = [shapely.LineString([a, b]) for a, b in zip(places[20:30], places[30:40], strict=True)]
    geometries[30:35] = [shapely.Point(place).buffer(3e-4, quad_segs=2) for place in places[30:35]]
    names = random.choice(["01001", "02003", "99"], 60)
    lonlat, asked = HERE[0] + random.uniform(-2e-3, 2e-3, (40, 2)), random.choice(["01001", "02003", "99"], 40)
    index = FeatureIndex.build(geometries, names)
    found, first, second = index.nearest(lonlat, asked, reach)
    points, every = np.repeat(np.arange(40), 60), np.tile(np.arange(60), 40)
    metres = index.paths.distances(lonlat, points, every).reshape(40, 60)
    metres[shapely.covers(geometries[None, :], shapely.points(lonlat)[:, None])] = 0.0
    metres[(asked[:, None] != names[None, :]) | (metres > reach)] = np.inf
    order = np.argsort(metres, axis=1, kind="stable")
    least = np.take_along_axis(metres, order, axis=1)
    assert np.array_equal(first, least[:, 0])
    assert np.array_equal(second, least[:, 1])
    assert np.array_equal(found, np.where(np.isinf(first), -1, order[:, 0]))
