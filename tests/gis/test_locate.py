from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from pyproj import Geod

from gis.locate import PolygonIndex
from gis.metres import FLATTENING, SEMI_MAJOR_M
from tests.coverages import lattice

GEOD = Geod(a=SEMI_MAJOR_M, f=FLATTENING)


def covers_exactly(polygon: shapely.Polygon, x: float, y: float) -> bool:
    """Whether a polygon holds a point, boundary included, in rational arithmetic: crossings of a ray to the east."""
    px, py = Fraction(x), Fraction(y)
    inside = False
    for part in shapely.get_parts(polygon):
        for ring in shapely.get_rings(part):
            nodes = shapely.get_coordinates(ring)
            for (ax, ay), (bx, by) in pairwise(nodes):
                if max(ay, by) < y or min(ay, by) > y:
                    continue
                ax, ay, bx, by = Fraction(ax), Fraction(ay), Fraction(bx), Fraction(by)
                turn = (bx - ax) * (py - ay) - (by - ay) * (px - ax)
                if turn == 0 and min(ax, bx) <= px <= max(ax, bx):
                    return True
                if (ay > py) != (by > py) and (turn > 0) == (by > ay):
                    inside = not inside
    return inside


def lowest_by_looking_at_all(polygons, codes, lonlat) -> list[int]:
    order = sorted(range(len(codes)), key=lambda k: (str(codes[k]).encode(), k))
    found = np.full(len(lonlat), -1)
    points = shapely.points(lonlat)
    for k in reversed(order):
        shapely.prepare(polygons[k])
        found[shapely.covers(polygons[k], points)] = k
    return found.tolist()


def lowest_exactly(polygons, codes, lonlat) -> list[int]:
    order = sorted(range(len(codes)), key=lambda k: (str(codes[k]).encode(), k))
    bounds = shapely.bounds(polygons)
    found = []
    for x, y in lonlat:
        boxed = (bounds[:, 0] <= x) & (x <= bounds[:, 2]) & (bounds[:, 1] <= y) & (y <= bounds[:, 3])
        found.append(next((k for k in order if boxed[k] and covers_exactly(polygons[k], x, y)), -1))
    return found


def hard_points(polygons, seed: int, count: int) -> np.ndarray:
    """Nodes, middles of edges, and places one ulp beside both."""
    random = np.random.default_rng(seed)
    nodes = shapely.get_coordinates(polygons)
    nodes = nodes[random.integers(len(nodes) - 1, size=count)[:, None] + np.array([0, 1])]
    exact = np.concatenate([nodes[:, 0], nodes.mean(axis=1)])
    beside = exact.copy()
    axis = random.integers(2, size=len(beside))
    rows = np.arange(len(beside))
    beside[rows, axis] = np.nextafter(beside[rows, axis], random.choice([-np.inf, np.inf], len(beside)))
    return np.concatenate([exact, beside])


@st.composite
def untidy_coverages(draw):
    """A lattice with gaps, overlaps, islands in holes and multipolygons, under codes in any order."""
    polygons, codes = lattice(4, 3, draw(st.integers(0, 10_000)))
    deeds = draw(
        st.lists(st.sampled_from(["keep", "gap", "overlap", "island", "multi", "lake"]), min_size=12, max_size=12)
    )
    kept = []
    for polygon, deed in zip(polygons, deeds, strict=True):
        if deed == "overlap":
            kept.append(shapely.transform(polygon, lambda xy: np.round(xy + np.array([3e-4, -2e-4]), 9)))
        if deed in ("island", "lake"):
            core = shapely.transform(polygon, lambda xy: np.round(xy.mean(axis=0) + (xy - xy.mean(axis=0)) * 0.3, 9))
            kept.append(shapely.Polygon(polygon.exterior, [core.exterior]))
            kept += [core] if deed == "island" else []
        elif deed == "multi" and kept and kept[-1].geom_type == "Polygon" and shapely.disjoint(kept[-1], polygon):
            kept[-1] = shapely.MultiPolygon([kept[-1], polygon])
        elif deed != "gap":
            kept.append(polygon)
    kept = kept or [polygons[0]]
    names = draw(st.permutations([*codes[: len(kept)], *(f"乙{k}" for k in range(len(kept)))]))[: len(kept)]
    return np.array(kept, dtype=object), np.array(names)


@settings(max_examples=30, deadline=None)
@given(untidy_coverages(), st.integers(0, 1000))
def test_the_lowest_holder_is_that_of_rational_arithmetic_over_all_polygons(coverage, seed):
    polygons, codes = coverage
    west, south, east, north = shapely.total_bounds(polygons)
    loose = np.random.default_rng(seed).uniform([west, south], [east, north], (30, 2))
    lonlat = np.concatenate([hard_points(polygons, seed, 20), loose])
    assert PolygonIndex.build(polygons, codes).lowest(lonlat).tolist() == lowest_exactly(polygons, codes, lonlat)


@settings(max_examples=20, deadline=None)
@given(untidy_coverages(), st.integers(0, 1000))
def test_holders_are_all_polygons_that_cover_a_point_by_point_and_code(coverage, seed):
    polygons, codes = coverage
    lonlat = hard_points(polygons, seed, 20)
    points, held_by = PolygonIndex.build(polygons, codes).holders(lonlat)
    expected = [
        (p, k)
        for p, (x, y) in enumerate(lonlat)
        for k in sorted(range(len(codes)), key=lambda k: str(codes[k]).encode())
        if shapely.covers(polygons[k], shapely.Point(x, y))
    ]
    assert list(zip(points.tolist(), held_by.tolist(), strict=True)) == expected
    assert points.dtype == held_by.dtype == np.int64


def test_100_000_points_over_a_city_have_the_holders_that_a_look_at_all_polygons_gives():
    polygons, codes = lattice(20, 20, 7)
    codes = np.random.default_rng(7).permutation(codes)
    west, south, east, north = shapely.total_bounds(polygons)
    lonlat = np.random.default_rng(8).uniform([west, south], [east, north], (100_000, 2))
    assert PolygonIndex.build(polygons, codes).lowest(lonlat).tolist() == lowest_by_looking_at_all(
        polygons, codes, lonlat
    )


def test_a_point_on_a_shared_edge_belongs_to_the_lowest_code():
    left, right = shapely.box(114.0, 22.5, 114.25, 22.75), shapely.box(114.25, 22.5, 114.5, 22.75)
    lonlat = np.array([[114.25, 22.6], [np.nextafter(114.25, 0), 22.6], [np.nextafter(114.25, 200), 22.6]])
    polygons = np.array([left, right])
    assert PolygonIndex.build(polygons, np.array(["2", "1"])).lowest(lonlat).tolist() == [1, 0, 1]
    assert PolygonIndex.build(polygons, np.array(["1", "2"])).lowest(lonlat).tolist() == [0, 0, 1]


def test_codes_are_compared_in_utf8_byte_order():
    square = shapely.box(114, 22, 115, 23)
    codes = np.array(["网格", "z", "a", "Z", "10", "9", "😀", "\uffee"])
    index = PolygonIndex.build(np.array([square] * len(codes)), codes)
    held_by = index.holders(np.array([[114.5, 22.5]]))[1]
    assert codes[held_by].tolist() == sorted(codes.tolist(), key=str.encode)


def test_of_equal_codes_the_first_polygon_is_the_lowest():
    square = shapely.box(114, 22, 115, 23)
    assert PolygonIndex.build(np.array([square] * 3), np.array(["b", "a", "a"])).lowest(np.array([[114.5, 22.5]])) == [
        1
    ]


def test_a_point_that_is_not_finite_is_held_by_nothing_and_infinitely_far():
    index = PolygonIndex.build(*lattice(2, 2))
    lonlat = np.array([[np.nan, 22.54], [114.05, np.inf], [114.0505, 22.5405]])
    assert set(index.holders(lonlat)[0].tolist()) == {2}
    assert index.lowest(lonlat)[:2].tolist() == [-1, -1]
    assert set(index.near(lonlat, 1000)[0].tolist()) == {2}
    assert np.isinf(index.edge_distance(lonlat)).tolist() == [True, True, False]


def test_no_points_and_no_polygons_give_empty_answers():
    index = PolygonIndex.build(np.empty(0, dtype=object), np.empty(0, dtype="U1"))
    assert index.lowest(np.array([[114.0, 22.5]])).tolist() == [-1]
    assert index.edge_distance(np.array([[114.0, 22.5]])).tolist() == [np.inf]
    index = PolygonIndex.build(*lattice(2, 2))
    nowhere = np.empty((0, 2))
    assert [len(answer) for answer in (index.lowest(nowhere), *index.holders(nowhere), *index.near(nowhere, 5))] == [
        0
    ] * 6
    assert len(index.edge_distance(nowhere)) == 0


@pytest.mark.parametrize(
    "polygon", [None, shapely.Polygon(), shapely.Point(114, 22), shapely.LineString([(0, 0), (1, 1)])]
)
def test_what_is_not_a_polygon_is_refused(polygon):
    with pytest.raises(ValueError, match="number 1"):
        PolygonIndex.build(np.array([shapely.box(0, 0, 1, 1), polygon], dtype=object), np.array(["a", "b"]))


def test_polygons_and_codes_of_different_length_are_refused():
    with pytest.raises(ValueError, match="same length"):
        PolygonIndex.build(np.array([shapely.box(0, 0, 1, 1)]), np.array(["a", "b"]))


def test_near_gives_every_polygon_with_an_edge_within_reach_even_the_one_that_holds_the_point():
    polygons = np.array([shapely.box(114.0, 22.5, 114.01, 22.51), shapely.box(114.01, 22.5, 114.02, 22.51)])
    index = PolygonIndex.build(polygons, np.array(["b", "a"]))
    lonlat = np.array([[114.009, 22.505], [114.005, 22.505]])
    to_edge = GEOD.inv(114.009, 22.505, 114.01, 22.505)[2]
    point, polygon, metres = index.near(lonlat, 200)
    assert (point.tolist(), polygon.tolist()) == ([0, 0], [1, 0])  # by code
    assert metres == pytest.approx([to_edge, to_edge], rel=1e-6)
    assert len(index.near(lonlat, metres[0])[0]) == 2  # inclusive
    assert len(index.near(lonlat, np.nextafter(metres[0], 0))[0]) == 0
    assert index.near(lonlat, np.array([0.0, 600.0]))[0].tolist() == [1, 1]


def test_the_distance_to_a_hole_counts_as_one_to_an_edge():
    lake = shapely.box(114.004, 22.504, 114.006, 22.506)
    holed = shapely.difference(shapely.box(114.0, 22.5, 114.01, 22.51), lake)
    index = PolygonIndex.build(np.array([holed]), np.array(["a"]))
    expected = GEOD.inv(114.0039, 22.505, 114.004, 22.505)[2]
    assert index.edge_distance(np.array([[114.0039, 22.505]]))[0] == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("shift", [(0.0, 0.0), (0.01, -0.004), (0.9, 0.4), (-30.0, 20.0)])
def test_without_a_limit_the_edge_distance_is_the_least_over_all_polygons(shift):
    polygons, codes = lattice(8, 8, 3)
    index = PolygonIndex.build(polygons, codes)
    west, south, east, north = shapely.total_bounds(polygons)
    lonlat = np.random.default_rng(4).uniform([west, south], [east, north], (300, 2)) + shift
    points, every = np.repeat(np.arange(300), 64), np.tile(np.arange(64), 300)
    least = index.distances(lonlat, points, every).reshape(300, 64).min(axis=1)
    assert np.array_equal(index.edge_distance(lonlat), least)
    reach = np.median(least)
    assert np.array_equal(index.edge_distance(lonlat, reach), np.where(least <= reach, least, np.inf))


def test_a_point_on_an_edge_is_at_distance_zero():
    polygons, codes = lattice(3, 3)
    nodes = shapely.get_coordinates(polygons)
    assert not PolygonIndex.build(polygons, codes).edge_distance(nodes, 0.0).any()


@pytest.mark.real
def test_census_block_groups_hold_random_points_and_all_nodes_as_geos_says(shared_data):
    import geopandas

    table = geopandas.read_file(shared_data / "dc_311/boundaries/census-block-groups-2010.geojson")
    polygons, codes = np.asarray(table.geometry.values), table["GEOID"].to_numpy(dtype=str)
    west, south, east, north = shapely.total_bounds(polygons)
    loose = np.random.default_rng(11).uniform([west, south], [east, north], (100_000, 2))
    lonlat = np.concatenate([loose, shapely.get_coordinates(polygons)])
    for names in (codes, codes[::-1]):
        assert PolygonIndex.build(polygons, names).lowest(lonlat).tolist() == lowest_by_looking_at_all(
            polygons, names, lonlat
        )
