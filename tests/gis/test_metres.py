import numpy as np
import pytest
import shapely
from pyproj import Geod

from gis.metres import FLATTENING, SEMI_MAJOR_M, Paths, boxes, checked_reach, per_degree, widest_degrees

GEOD = Geod(a=SEMI_MAJOR_M, f=FLATTENING)
AZIMUTHS = np.linspace(0, 360, 721)
ORIGIN = np.zeros(1, dtype=np.int64)


def around(lat: float, metres: float) -> np.ndarray:
    """Points (721, 2) at exactly `metres` from (114, lat), in every direction."""
    start = np.full(len(AZIMUTHS), 1.0)
    lon, lat_, _ = GEOD.fwd(114.0 * start, lat * start, AZIMUTHS, metres * start)
    return np.column_stack([lon, lat_])


def distances_from(lon: float, lat: float, geometries: np.ndarray) -> np.ndarray:
    count = np.arange(len(geometries))
    return Paths.of(geometries).distances(np.array([[lon, lat]]), np.zeros_like(count), count)


def distance(lon: float, lat: float, geometry: shapely.Geometry) -> float:
    return float(distances_from(lon, lat, np.array([geometry], dtype=object))[0])


@pytest.mark.parametrize("lat", [0, 10, 22.54, 30, 39.9, 45, 53.5, 60, 70, 85, -33, -54])
@pytest.mark.parametrize(("metres", "bound"), [(1, 1e-8), (10, 1.2e-8), (100, 8e-8), (1000, 8e-7)])
def test_the_distance_to_a_point_differs_from_the_geodesic_by_less_than_the_stated_bound(lat, metres, bound):
    found = distances_from(114.0, lat, shapely.points(around(lat, metres)))
    assert np.abs(found / metres - 1).max() < bound


@pytest.mark.parametrize("lat", [0, 22.54, 39.9, 60, -54])
@pytest.mark.parametrize(("metres", "bound"), [(10_000, 1.02e-5 * 0.8), (100_000, 8.2e-5)])
def test_far_distances_keep_the_stated_bound_up_to_latitude_60(lat, metres, bound):
    found = distances_from(114.0, lat, shapely.points(around(lat, metres)))
    assert np.abs(found / metres - 1).max() < bound


@pytest.mark.parametrize("lat", [0.5, 22.54, 39.9, 53.5, -54])
def test_the_distance_to_a_long_edge_is_that_to_the_nearest_of_the_places_along_it(lat):
    random = np.random.default_rng(5)
    for _ in range(20):
        near, far = around(lat, 600)[random.integers(721)], around(lat, 900)[random.integers(721)]
        share = np.linspace(0, 1, 20_001)[:, None]
        along = near + (far - near) * share  # straight in lon/lat, as edges are
        start = np.full(len(along), 1.0)
        least = GEOD.inv(114.0 * start, lat * start, along[:, 0], along[:, 1])[2].min()
        assert distance(114.0, lat, shapely.LineString([near, far])) == pytest.approx(least, rel=2e-6, abs=2e-4)


def test_the_lengths_of_a_degree_are_those_of_the_ellipsoid():
    for lat in (0.0, 22.54, 60.0):
        per_lon, per_lat = per_degree(lat)
        step = 1e-4
        assert per_lat * step == pytest.approx(GEOD.inv(114, lat - step / 2, 114, lat + step / 2)[2], rel=1e-7)
        assert per_lon * step == pytest.approx(GEOD.inv(114, lat, 114 + step, lat)[2], rel=1e-7)


@pytest.mark.parametrize("lat", [0, 22.54, -54, 75, 89.9])
@pytest.mark.parametrize("metres", [0.01, 50, 5_000, 300_000])
def test_a_box_holds_everything_measured_as_within_its_reach(lat, metres):
    random = np.random.default_rng(1)
    per_lon, per_lat = per_degree(lat)
    spread = np.array([3 * metres / per_lon, 3 * metres / per_lat])
    places = np.array([114.0, lat]) + random.uniform(-1, 1, (20_000, 2)) * spread
    places = places[(np.abs(places) <= [180, 90]).all(axis=1)]
    within = distances_from(114.0, lat, shapely.points(places)) <= metres
    box = boxes(np.array([[114.0, lat]]), metres)[0]
    assert within.any()
    assert shapely.intersects_xy(box, places[within, 0], places[within, 1]).all()


def test_an_infinite_reach_gives_a_box_around_the_world():
    assert shapely.covers(boxes(np.array([[114.0, 22.5]]), np.inf)[0], shapely.box(-180, -90, 180, 90))


def test_holes_and_all_parts_have_edges():
    shell = shapely.box(114.00, 22.50, 114.02, 22.52)
    holed = shapely.difference(shell, shapely.box(114.009, 22.509, 114.011, 22.511))
    assert distance(114.01, 22.51, holed) == pytest.approx(GEOD.inv(114.01, 22.51, 114.009, 22.51)[2], rel=1e-6)
    both = shapely.MultiPolygon([shapely.box(115, 22, 116, 23), shell])
    assert distance(114.01, 22.499, both) == pytest.approx(GEOD.inv(114.01, 22.499, 114.01, 22.5)[2], rel=1e-6)


def test_an_edge_of_no_length_is_as_near_as_its_node():
    node = shapely.LineString([(114.001, 22.5), (114.001, 22.5)])
    assert distance(114.0, 22.5, node) == distance(114.0, 22.5, shapely.Point(114.001, 22.5))


def test_points_lines_and_polygons_keep_their_places_in_one_set_of_paths():
    geometries = np.array(
        [
            shapely.box(114.0, 22.5, 114.1, 22.6),
            shapely.Point(114.2, 22.5),
            shapely.MultiPoint([(114.3, 22.5), (114.4, 22.5)]),
            shapely.LineString([(114.5, 22.5), (114.6, 22.5)]),
        ]
    )
    paths = Paths.of(geometries)
    assert paths.path_starts.tolist() == [0, 1, 2, 4, 5]
    assert paths.coord_starts.tolist() == [0, 5, 6, 7, 8, 10]
    assert paths.coords[5:, 0].tolist() == [114.2, 114.3, 114.4, 114.5, 114.6]


def test_a_collection_has_no_paths():
    with pytest.raises(ValueError, match="only points, lines, polygons"):
        Paths.of(np.array([shapely.GeometryCollection([shapely.Point(0, 0)])]))


@pytest.mark.parametrize("reach", [-1.0, np.nan, [1.0, -0.5]])
def test_a_reach_that_is_negative_or_no_number_is_refused(reach):
    with pytest.raises(ValueError, match="reach"):
        checked_reach(reach, 2)


def test_the_widest_degrees_cover_the_metres_where_degrees_are_shortest():
    polygons = np.array([shapely.box(114, 22, 115, 60)])
    assert widest_degrees(polygons, 10) * per_degree(60)[0] == pytest.approx(10)
    assert widest_degrees(polygons[:0], 10) == 0
