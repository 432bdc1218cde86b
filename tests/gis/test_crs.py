import numpy as np
import pyproj
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from gis import crs
from gis.errors import Refusal
from gis.formats import read

HERE = np.array([[114.057865, 22.543096], [113.9, 22.6]])
METRE = 1 / 111_320


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("EPSG:4547", "EPSG:4547"),
        (" 4547 ", "EPSG:4547"),
        ("epsg:4490", "EPSG:4490"),
        ("CRS84", "CRS84"),
        ("OGC:CRS84", "CRS84"),
        ("http://www.opengis.net/def/crs/OGC/1.3/CRS84", "CRS84"),
        ("urn:ogc:def:crs:OGC:1.3:CRS84", "CRS84"),
        ("http://www.opengis.net/def/crs/EPSG/0/4326", "EPSG:4326"),
        ("urn:ogc:def:crs:EPSG::4490", "EPSG:4490"),
        ("[EPSG:3857]", "EPSG:3857"),
        ("gcj02", "GCJ-02"),
        ("GCJ-02", "GCJ-02"),
        ("bd_09", "BD-09"),
        ("EPSG:4979", "EPSG:4326"),
    ],
)
def test_a_crs_has_one_name_however_it_is_written(text, name):
    assert crs.parse(text).name == name
    assert crs.parse(crs.parse(text).name) == crs.parse(text)


def test_the_wkt_of_a_prj_file_is_recognised():
    assert crs.parse(pyproj.CRS("EPSG:4547").to_wkt("WKT1_ESRI")).name == "EPSG:4547"


@pytest.mark.parametrize(
    "text", ["", "foo", "999999", "EPSG:4978", "EPSG:5773", "+proj=nothing", "EPSG:4490\0", "x" * 20_001]
)
def test_what_is_no_map_system_is_refused(text):
    with pytest.raises(Refusal) as refusal:
        crs.parse(text)
    assert refusal.value.code == "crs_unknown"


@pytest.mark.parametrize("part", ["Beijing", "WGS 8", "GCS_China_Geodetic", "Pseudo-Mercator"])
def test_a_part_of_a_name_is_no_name(part):
    with pytest.raises(Refusal):
        crs.parse(part)


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("New Beijing", "EPSG:4555"),
        ("WGS84", "EPSG:4326"),
        ("cgcs2000", "EPSG:4490"),
        ("GCS_China_Geodetic_Coordinate_System_2000", "EPSG:4490"),
        ("CGCS2000_3_Degree_GK_CM_114E", "EPSG:4547"),
        ("CGCS2000 / 3-degree Gauss-Kruger CM 114E", "EPSG:4547"),
    ],
)
def test_a_whole_name_is_one_in_any_of_its_spellings(name, meant):
    assert crs.parse(name).name == meant


@pytest.mark.parametrize(
    "grids", ["nadgrids=/etc/passwd", "nadgrids = local.gsb", "geoidgrids=x.gtx", "nadgrids=@x.gsb"]
)
def test_a_shift_that_stands_in_a_file_is_refused_since_without_the_file_nothing_would_be_shifted(grids):
    with pytest.raises(Refusal):
        crs.parse(f"+proj=longlat +ellps=GRS80 +{grids} +no_defs")
    assert crs.parse("+proj=merc +a=6378137 +b=6378137 +nadgrids=@null +wktext +no_defs").unit_m == 1.0


@pytest.mark.parametrize("name", ["EPSG:4490", "EPSG:4326", "CRS84", "EPSG:4979"])
def test_cgcs2000_and_wgs84_are_one_frame(name):
    np.testing.assert_array_equal(crs.to_store(HERE, crs.parse(name)), HERE)
    np.testing.assert_array_equal(crs.from_store(HERE, crs.parse(name)), HERE)
    assert crs.parse(name).same(crs.parse("EPSG:4490"))


@pytest.mark.parametrize(("code", "base"), [(4547, 4490), (4526, 4490), (32650, 4326), (3857, 4326)])
def test_a_projection_on_the_frame_is_only_unprojected(code, base):
    pure = pyproj.Transformer.from_crs(base, code, always_xy=True)
    projected = np.column_stack(pure.transform(HERE[:, 0], HERE[:, 1]))
    np.testing.assert_allclose(crs.from_store(HERE, crs.parse(str(code))), projected, rtol=0, atol=1e-9)
    np.testing.assert_allclose(crs.to_store(projected, crs.parse(str(code))), HERE, rtol=0, atol=1e-12)


systems = st.sampled_from(["EPSG:4547", "EPSG:4526", "EPSG:3857", "EPSG:32649", "GCJ-02", "BD-09", "EPSG:3826"])


@given(systems, st.lists(st.tuples(st.floats(112.6, 115.4), st.floats(21.6, 26)), min_size=1, max_size=10))
def test_the_way_out_and_back_stays_below_a_millimetre(name, points):
    lonlat = np.array(points)
    there = crs.parse(name)
    assert np.abs(crs.to_store(crs.from_store(lonlat, there), there) - lonlat).max() < 1e-3 * METRE


def test_a_position_out_of_reach_is_not_a_number():
    result = crs.to_store(np.array([[38_500_000.0, 2.5e6], [500_000.0, 2.5e6]]), crs.parse("EPSG:4547"))
    assert np.isnan(result[0]).all()
    assert np.isfinite(result[1]).all()


def test_a_datum_without_a_public_transformation_is_refused():
    with pytest.raises(Refusal) as refusal:
        crs.to_store(HERE, crs.parse("EPSG:2327"))
    assert refusal.value.code == "crs_no_transformation"


def test_a_local_system_may_be_given_as_proj_text():
    local = crs.parse("+proj=tmerc +lat_0=0 +lon_0=114 +k=1 +x_0=500000 +y_0=0 +ellps=GRS80 +units=m")
    np.testing.assert_allclose(
        crs.from_store(HERE, local), crs.from_store(HERE, crs.parse("EPSG:4547")), rtol=0, atol=1e-6
    )


def test_a_system_in_feet_knows_its_unit():
    assert crs.parse("EPSG:2263").unit_m == pytest.approx(0.3048006)


@pytest.mark.parametrize(
    "points", [[(22.5, 114.0)], [(43.8, 87.6), (39.5, 76.0)], [(39.9, 116.4), (116.4, 39.9), (40, 117)]]
)
def test_swapped_axes_are_seen(points):
    fault = crs.check_axes(np.array(points, dtype=float))
    assert fault is not None
    assert fault.code == "swapped_axes"


@pytest.mark.parametrize("point", [(114.0, 22.5), (87.6, 43.8), (-77.0, 38.9), (15.6, 78.2), (190.0, 22.0)])
def test_right_axes_are_left_alone(point):
    assert crs.check_axes(np.array([point])) is None


def test_what_a_person_says_goes_before_the_file_with_a_warning():
    assert crs.choose("EPSG:4326", None) == ("EPSG:4326", ())
    assert crs.choose(None, "GCJ-02") == ("GCJ-02", ())
    assert crs.choose("EPSG:4326", "EPSG:4490") == ("EPSG:4490", ())
    name, (fault,) = crs.choose("EPSG:4326", "GCJ-02")
    assert (name, fault.code, fault.severity) == ("GCJ-02", "crs_overridden", "warning")


@pytest.mark.real
@pytest.mark.parametrize("stem", ["2035年地铁线路_WGS84_2023-12-28_19-14-32", "c2035年地铁站点"])
def test_a_real_delivery_in_gauss_kruger_is_reproduced(shared_data, stem):
    folder = shared_data / "cn_cgcs2000_gk" / "data"
    geographic = read(folder / f"{stem}.shp")
    projected = read(folder / f"{stem}_CGCS2000投影_2023-12-28_21-05-15.shp")
    assert projected.crs == "EPSG:4547"
    lonlat = shapely.get_coordinates(geographic.geometry)
    xy = shapely.get_coordinates(projected.geometry)
    np.testing.assert_allclose(crs.from_store(lonlat, crs.parse("EPSG:4547")), xy, rtol=0, atol=1e-8)
