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


def test_the_hash_grid_finds_what_trying_every_point_finds():
    rng = np.random.default_rng(6)
    places = HERE + rng.uniform(-0.01, 0.01, (400, 2)) * [1, 0.5]
    names = np.array(["lamp", "bin", "tree"])
    of = rng.integers(0, 3, len(places))
    index = FeatureIndex.build(shapely.points(places), names[of])
    asked, classes = HERE + rng.uniform(-0.012, 0.012, (300, 2)), rng.integers(0, 3, 300)
    reach = rng.choice([0.0, 5.0, 40.0, 90.0, 400.0, 5_000.0, 1e7, np.inf], 300)
    found, first, second = index.nearest(asked, names[classes], reach)
    pairs = np.divmod(np.arange(300 * 400), 400)
    metres = index.paths.distances(asked, *pairs).reshape(300, 400)
    metres[classes[:, None] != of] = np.inf
    metres[metres > reach[:, None]] = np.inf
    two = np.sort(metres, axis=1)[:, :2]
    assert found.tolist() == np.where(np.isinf(two[:, 0]), -1, metres.argmin(axis=1)).tolist()
    np.testing.assert_allclose(first, two[:, 0], rtol=1e-12)
    np.testing.assert_allclose(second, two[:, 1], rtol=1e-12)
    numbers = index.nearest(asked, index.numbers(names[classes]), reach)
    assert all(np.array_equal(a, b) for a, b in zip(numbers, (found, first, second), strict=True))


def test_around_the_whole_world_the_hash_grid_finds_the_same():
    rng = np.random.default_rng(7)
    places = np.column_stack([rng.uniform(-180, 180, 500), rng.uniform(-90, 90, 500)])
    places[:4] = [(180, 0), (-180, 0), (0, 90), (0, -90)]
    index = FeatureIndex.build(shapely.points(places), np.full(500, "x"))
    asked = np.concatenate([places, places + rng.normal(0, 1e-4, places.shape)])
    found, first, _ = index.nearest(asked, np.full(1000, "x"), 50.0)
    assert found[:500].tolist() == list(range(500))
    assert (first[:500] == 0).all()
    point, feature, metres = index.within(asked, np.full(1000, "x"), np.full(1000, 50.0))
    assert (np.bincount(point, minlength=1000)[found >= 0] >= 1).all()
    assert (metres <= 50).all()
    assert len(feature) == len(point)
