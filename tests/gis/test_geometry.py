import numpy as np
import pyproj
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from gis import crs as reference
from gis import edges
from gis.geometry import geodesic_area, place, prepare
from gis.tables import Table

SQUARE = "POLYGON ((114 22, 114.01 22, 114.01 22.01, 114 22.01, 114 22))"


def table(*shapes: str | shapely.Geometry | None, crs: str | None = "EPSG:4490") -> Table:
    geometry = np.empty(len(shapes), dtype=object)
    geometry[:] = [shapely.from_wkt(shape) if isinstance(shape, str) else shape for shape in shapes]
    return Table({}, geometry, crs, np.arange(11, 11 + len(shapes)))


def codes(faults):
    return [(fault.code, fault.severity, fault.row) for fault in faults]


@pytest.mark.parametrize("crs", [None, "nonsense", "EPSG:2327"])
def test_without_a_usable_crs_nothing_is_guessed(crs):
    geometries, (fault,) = prepare(table("POINT (114 22)", crs=crs), None, "point")
    assert geometries.tolist() == [None]
    assert fault.code == {None: "crs_missing", "nonsense": "crs_unknown"}.get(crs, "crs_no_transformation")
    assert fault.severity == "error"


def test_the_crs_that_is_said_overrides_the_one_declared():
    geometries, faults = prepare(table("POINT (114 22)"), "GCJ-02", "point")
    assert codes(faults) == [("crs_overridden", "warning", None)]
    assert 300 < pyproj.Geod(ellps="GRS80").inv(114, 22, geometries[0].x, geometries[0].y)[2] < 800


def test_every_bad_row_is_named_and_the_good_ones_go_on():
    geometries, faults = prepare(
        table(SQUARE, None, "POLYGON EMPTY", shapely.Point(np.nan, 1), "LINESTRING (114 22, 115 22)", "POINT (1 1)"),
        None,
        "polygon",
    )
    assert [geometry is not None for geometry in geometries] == [True, False, False, False, False, False]
    assert sorted(codes(faults)) == [
        ("coordinate_not_finite", "error", 14),
        ("missing_geometry", "error", 12),
        ("missing_geometry", "error", 13),
        ("wrong_geometry_type", "error", 15),
        ("wrong_geometry_type", "error", 16),
    ]
    assert all(fault.en and fault.zh for fault in faults)


def test_heights_are_dropped_with_one_note():
    geometries, faults = prepare(table("POINT Z (114 22 5)", "POINT Z (114 22 6)"), None, "point")
    assert not shapely.has_z(geometries).any()
    assert codes(faults) == [("z_dropped", "note", None)]


def test_swapped_degrees_are_refused_as_a_whole():
    geometries, faults = prepare(table("POINT (22 114)", "POINT (23 115)"), None, "point")
    assert geometries.tolist() == [None, None]
    assert codes(faults) == [("swapped_axes", "error", None)]


def test_swapped_northings_and_eastings_are_refused_as_a_whole():
    geometries, faults = prepare(table("POINT (2500000 500000)", crs="EPSG:4547"), None, "point")
    assert geometries.tolist() == [None]
    assert codes(faults) == [("swapped_axes", "error", None)]


def test_metres_declared_as_degrees_are_refused_with_a_hint():
    _, (fault,) = prepare(table("POINT (500000 2500000)"), None, "point")
    assert fault.code == "coordinates_out_of_range"
    assert "metres" in fault.en


def test_a_single_row_out_of_range_is_named():
    geometries, faults = prepare(table("POINT (114 22)", "POINT (214 22)", "POINT (115 22)"), None, "point")
    assert codes(faults) == [("coordinates_out_of_range", "error", 12)]
    assert geometries[1] is None


def test_a_row_in_another_zone_form_is_named_not_infinite():
    _, faults = prepare(
        table("POINT (38500000 2500000)", "POINT (500000 2500000)", "POINT (500100 2500000)", crs="EPSG:4547"),
        None,
        "point",
    )
    assert codes(faults) == [("coordinates_out_of_range", "error", 11)]


def test_a_self_intersection_is_named_with_its_place():
    _, (fault,) = prepare(table("POLYGON ((114 22, 114.01 22.01, 114.01 22, 114 22.01, 114 22))"), None, "polygon")
    assert (fault.code, fault.row) == ("invalid_geometry", 11)
    assert fault.where == {"type": "Point", "coordinates": [114.005, 22.005]}
    assert "自相交" in fault.zh


def test_a_polygon_across_the_antimeridian_is_refused():
    _, faults = prepare(table("POLYGON ((179 0, -179 0, -179 1, 179 1, 179 0))"), None, "polygon")
    assert codes(faults) == [("antimeridian_crossed", "error", 11)]


def test_form_is_made_normal_without_a_word():
    clockwise = "MULTIPOLYGON (((114 22, 114 22.01, 114 22.01, 114.01 22.01, 114.01 22, 114 22)))"
    (geometry,), faults = prepare(table(clockwise), None, "polygon")
    assert faults == ()
    assert geometry.geom_type == "Polygon"
    assert shapely.is_ccw(geometry.exterior)
    assert shapely.get_num_coordinates(geometry) == 5


def test_a_multipolygon_of_several_parts_is_a_warning():
    several = "MULTIPOLYGON (((0 0, 1 0, 1 1, 0 0)), ((5 5, 6 5, 6 6, 5 5)))"
    (geometry,), faults = prepare(table(several), None, "polygon")
    assert geometry.geom_type == "MultiPolygon"
    assert codes(faults) == [("multipart", "warning", 11)]


def test_coordinates_are_rounded_to_a_micrometre():
    (point,), _ = prepare(table("POINT (114.1234567891234 22.9876543219876)"), None, "point")
    assert (point.x, point.y) == (114.12345678912, 22.98765432199)


def test_the_table_that_was_given_stays_as_it_was():
    given_table = table(None, "POINT Z (114.1234567891234 22 1)")
    before = shapely.to_wkt(given_table.geometry[1], rounding_precision=-1)
    prepare(given_table, None, "point")
    assert shapely.to_wkt(given_table.geometry[1], rounding_precision=-1) == before


def test_a_long_straight_edge_stays_where_it_was_drawn():
    line = shapely.LineString([(480_000, 2_500_000), (483_000, 2_504_000)])  # 5 km
    (stored,), _ = prepare(table(line, crs="EPSG:4547"), None, "any")
    chords = shapely.get_coordinates(shapely.segmentize(stored, 1e-4))
    back = shapely.points(reference.from_store(chords, reference.parse("EPSG:4547")))
    assert shapely.distance(back, line).max() < 5e-4


plane = st.tuples(st.floats(-3000, 3000), st.floats(-3000, 3000))


@given(plane, plane, plane, plane)
def test_neighbours_split_their_common_edge_at_the_very_same_points(a, b, c, d):
    shapes = np.array([shapely.Polygon([a, b, c]), shapely.Polygon([d, b, a])])
    whole = edges.split(shapes, 100.0)
    corners = {tuple(point) for point in np.array([a, b, c, d]) + 0.0}
    sides = []
    for shape in whole:
        ring = [tuple(point) for point in np.array(shape.exterior.coords) + 0.0]
        sides.append(ring)
        assert max(np.hypot(*np.diff(np.array(ring), axis=0).T)) <= 100.0 + 1e-6
        assert corners & set(ring)
    start, end = np.array(a) + 0.0, np.array(b) + 0.0
    first = sides[0][: sides[0].index(tuple(end), 1) + 1] if tuple(start) != tuple(end) else []
    assert set(first) <= set(sides[1]) | {tuple(start), tuple(end)}


def test_holes_and_parts_survive_the_splitting():
    holed = shapely.from_wkt("POLYGON ((0 0, 900 0, 900 900, 0 900, 0 0), (10 10, 10 20, 20 20, 10 10))")
    multi = shapely.from_wkt("MULTIPOLYGON (((0 0, 300 0, 0 10, 0 0)), ((500 0, 510 0, 500 10, 500 0)))")
    shapes = np.array([holed, None, multi, shapely.Point(1, 1), shapely.LineString([(0, 0), (0, 250)])], dtype=object)
    result = edges.split(shapes, 100.0)
    assert shapely.equals(result[[0, 2, 3, 4]], shapes[[0, 2, 3, 4]]).all()
    assert result[1] is None
    assert shapely.get_num_coordinates(result).tolist() == [36 + 1 + 4, 0, 3 + 4 + 1 + 1 + 4, 1, 4]


def test_areas_are_those_of_the_ellipsoid_with_holes_taken_out():
    geod = pyproj.Geod(ellps="GRS80")
    holed = shapely.from_wkt(
        "POLYGON ((114 22, 115 22, 115 23, 114 23, 114 22), (114.2 22.2, 114.2 22.4, 114.4 22.4, 114.2 22.2))"
    )
    multi = shapely.MultiPolygon([shapely.box(0, 0, 1, 1), shapely.box(2, 2, 3, 3)])
    found = geodesic_area(np.array([holed, None, multi, shapely.Point(1, 1)], dtype=object))
    expected = [abs(geod.geometry_area_perimeter(shapely.orient_polygons(shape))[0]) for shape in (holed, multi)]
    np.testing.assert_allclose(found, [expected[0], 0, expected[1], 0], rtol=1e-12)


def test_the_place_of_a_shape_lies_on_it():
    shape = shapely.from_wkt("POLYGON ((0 0, 10 0, 10 1, 1 1, 1 9, 10 9, 10 10, 0 10, 0 0))")
    where = place(shape)
    assert where["type"] == "Point"
    assert shape.intersects(shapely.Point(where["coordinates"]))


def test_an_empty_table_gives_nothing_and_no_fault():
    geometries, faults = prepare(table(crs="EPSG:4547"), None, "polygon")
    assert (len(geometries), faults) == (0, ())
