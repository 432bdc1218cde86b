"""Local coordinate systems: fitted to control points, exact both ways, and silent about their parameters."""

import json
import math
import pickle
from pathlib import Path

import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from gis import crs as reference
from gis import formats
from gis.control_points import check_fit, read_points
from gis.crs import Crs, Points
from gis.errors import Refusal
from gis.formats import geoarrow
from gis.similarity import Similarity, fit
from gis.systems import Systems, check_name, from_document, make_local, make_systems, name_in, to_document
from gis.tables import Table

TURN = math.radians(1.234567)
SECRET = Similarity(31234.5678, 21987.6543, 38505678.1234, 2494321.9876, 0.99998765 * math.cos(TURN), math.sin(TURN))
NAME = "网格市独立坐标系"
TELLING = ("31234", "21987", "38505678", "2494321", "4526", "0.9997", "Gauss", "CGCS2000", "China Geodetic")


def local() -> Crs:
    return make_local(NAME, "EPSG:4526", SECRET)


def places(count: int = 200) -> Points:
    """lon, lat around the origin of the local system."""
    random = np.random.default_rng(7)
    return np.column_stack([random.uniform(113.9, 114.3, count), random.uniform(22.45, 22.75, count)])


def control(count: int, noise_m: float = 0.0) -> tuple[Points, Points]:
    random = np.random.default_rng(3)
    plane = random.uniform((20_000, 10_000), (60_000, 40_000), (count, 2))
    return plane, SECRET.forward(plane) + random.normal(0, noise_m, (count, 2))


def test_a_fit_finds_the_similarity_that_the_points_were_made_with() -> None:
    found, residuals = fit(*control(5))
    there = control(50)
    assert np.abs(found.forward(there[0]) - there[1]).max() < 1e-7
    assert np.abs(residuals).max() < 1e-7
    assert found.scale == pytest.approx(SECRET.scale, abs=1e-12)


def test_the_residuals_of_noisy_points_are_those_of_least_squares() -> None:
    source, target = control(12, noise_m=0.02)
    found, residuals = fit(source, target)
    x, y = (source - source.mean(axis=0)).T
    design = np.block([[np.column_stack([x, -y, np.ones_like(x), np.zeros_like(x)])],
                       [np.column_stack([y, x, np.zeros_like(x), np.ones_like(x)])]])  # fmt: skip
    wanted = target - target.mean(axis=0)
    solved, *_ = np.linalg.lstsq(design, wanted.T.ravel(), rcond=None)
    assert (found.a, found.b) == pytest.approx(solved[:2], abs=1e-12)
    assert np.allclose(residuals.T.ravel(), wanted.T.ravel() - design @ solved, atol=1e-6)


@given(
    st.floats(-math.pi, math.pi), st.floats(0.3, 3.4), st.floats(-1e6, 1e6), st.floats(-1e6, 1e6), st.integers(0, 99)
)
def test_any_similarity_is_its_own_inverse_backwards(turn: float, scale: float, x: float, y: float, seed: int) -> None:
    known = Similarity(x, y, 5e5, 2.5e6, scale * math.cos(turn), scale * math.sin(turn))
    xy = np.random.default_rng(seed).uniform(-1e5, 1e5, (20, 2))
    assert np.abs(known.inverse(known.forward(xy)) - xy).max() < 1e-6


def test_a_local_system_round_trips_below_a_millimetre_and_agrees_with_the_national_plane() -> None:
    found, _ = fit(*control(4))
    made = make_local("invented", "EPSG:4526", found)
    lonlat = places()
    xy = reference.from_store(lonlat, made)
    again = reference.to_store(xy, made)
    metres = np.abs(again - lonlat) * 111_320
    assert metres.max() < 0.001
    truth = SECRET.inverse(reference.from_store(lonlat, reference.parse("EPSG:4526")))
    assert np.abs(xy - truth).max() < 0.001
    assert np.abs(xy).max() < 1e5  # local numbers, not national ones


def test_wkt_and_proj_text_may_be_a_local_system() -> None:
    text = "+proj=tmerc +lat_0=0 +lon_0=114.05 +k=1 +x_0=30000 +y_0=-2400000 +ellps=GRS80 +units=m"
    made = make_local("bureau", text)
    wkt = make_local("bureau2", "EPSG:4526")
    lonlat = places(5)
    assert np.allclose(reference.from_store(lonlat, made), reference.from_store(lonlat, reference.parse(text)))
    assert np.allclose(reference.from_store(lonlat, wkt), reference.from_store(lonlat, reference.parse("EPSG:4526")))


@pytest.mark.parametrize(
    ("definition", "similarity", "code"),
    [
        ("+proj=nonsense +secret=31234", None, "crs_definition_wrong"),
        ("GCJ-02", None, "crs_definition_wrong"),
        ("EPSG:4490", SECRET, "crs_not_plane"),
        ("EPSG:4610", None, "crs_definition_wrong"),  # Xian 1980, without public parameters
    ],
)
def test_a_definition_that_leads_nowhere_is_refused_without_being_repeated(
    definition: str, similarity: Similarity | None, code: str
) -> None:
    with pytest.raises(Refusal) as refused:
        make_local("x", definition, similarity)
    assert refused.value.code == code
    assert "nonsense" not in str(refused.value)
    assert "31234" not in str(refused.value)


@pytest.mark.parametrize("name", ["EPSG:4547", "4526", "12", "GCJ-02", "WGS 84", "a b", "", "x" * 61, 'a"b', "../x"])
def test_a_name_that_means_something_already_or_breaks_a_file_is_refused(name: str) -> None:
    with pytest.raises(Refusal) as refused:
        check_name(name)
    assert refused.value.code == "crs_name_wrong"


def test_systems_are_found_by_name_without_case_and_leave_the_rest_alone() -> None:
    systems = make_systems({"SZ-Local": local()})
    assert systems.find(" sz-local ") == local()
    assert systems.find("EPSG:4526") == "EPSG:4526"
    assert systems.find(None) is None
    assert systems.parse("CRS84").name == "CRS84"
    with pytest.raises(Refusal):
        Systems().parse("sz-local")


def test_a_system_comes_back_from_its_document() -> None:
    assert from_document(NAME, to_document(local())) == local()
    assert pickle.loads(pickle.dumps(local())) == local()


def test_the_value_shows_nothing_but_its_name() -> None:
    made = local()
    table = Table({}, None, made, np.zeros(0, dtype=np.int64))
    for text in (str(made), repr(made), f"{made}", repr(make_systems({NAME: made})), repr(table)):
        assert NAME in text
        assert not any(each in text for each in TELLING)


def test_control_points_are_read_fitted_and_judged(tmp_path: Path) -> None:
    source, target = control(4)
    path = tmp_path / "points.csv"
    lines = [f"K{i},{a},{b},{c},{d}" for i, (a, b, c, d) in enumerate(np.column_stack([source, target]).tolist())]
    path.write_text("name,local_x,local_y,national_x,national_y\n" + "\n".join(lines), encoding="utf-8")
    points = read_points(path)
    assert list(points.names) == ["K0", "K1", "K2", "K3"]
    check_fit(points, points.fit()[1])
    points.national[2, 0] += 0.5
    with pytest.raises(Refusal) as refused:
        check_fit(points, points.fit()[1])
    assert refused.value.code == "crs_residuals_large"
    assert "K2" in str(refused.value)


def test_exchanged_columns_are_recognised(tmp_path: Path) -> None:
    source, target = control(4)
    path = tmp_path / "points.csv"
    lines = [f"{b},{a},{c},{d}" for a, b, c, d in np.column_stack([source, target]).tolist()]
    path.write_text("local_x,local_y,national_x,national_y\n" + "\n".join(lines), encoding="utf-8")
    points = read_points(path)
    with pytest.raises(Refusal) as refused:
        check_fit(points, points.fit()[1])
    assert "exchanged" in str(refused.value)


def test_two_points_are_too_few_to_tell_and_one_place_is_no_fit(tmp_path: Path) -> None:
    source, target = control(2)
    path = tmp_path / "points.csv"
    lines = [f"{a},{b},{c},{d}" for a, b, c, d in np.column_stack([source, target]).tolist()]
    path.write_text("local_x,local_y,national_x,national_y\n" + "\n".join(lines), encoding="utf-8")
    points = read_points(path)
    with pytest.raises(Refusal) as refused:
        check_fit(points, points.fit()[1])
    assert refused.value.code == "crs_points_few"
    with pytest.raises(Refusal) as refused:
        fit(source[:1], target[:1])
    assert refused.value.code == "crs_points_few"


FILES = ("x.gpkg", "x.shp", "x.fgb", "x.parquet", "x.csv")


@pytest.mark.parametrize("name", FILES)
def test_a_file_in_a_local_system_holds_its_name_alone_and_comes_back(tmp_path: Path, name: str) -> None:
    lonlat = places(20)
    table = Table({"code": np.array([str(i) for i in range(20)], dtype=object)}, shapely.points(lonlat), "EPSG:4490",
                  np.arange(1, 21))  # fmt: skip
    formats.write(tmp_path / name, table, crs=local())
    for path in tmp_path.iterdir():
        data = path.read_bytes()
        for telling in TELLING:
            assert telling.encode() not in data, f"{path.name} tells {telling}"
    back = formats.read(tmp_path / name)
    assert back.crs == NAME
    found = make_systems({NAME: local()}).find(back.crs)
    assert found is not None
    stored = reference.to_store(shapely.get_coordinates(back.geometry), reference.parse(found))
    stored = stored[np.argsort(back.columns["code"].astype(int))]  # a FlatGeobuf is in an order of its own
    assert np.abs(stored - lonlat).max() * 111_320 < 0.001
    given = formats.read(tmp_path / name, crs=local())
    assert [fault.code for fault in given.faults] == []


def test_geojson_in_a_local_system_names_it_and_tells_no_more(tmp_path: Path) -> None:
    lonlat = places(3)
    table = Table({}, shapely.points(lonlat), "EPSG:4490", np.arange(1, 4))
    formats.write(tmp_path / "x.geojson", table, crs=local())
    document = json.loads((tmp_path / "x.geojson").read_text())
    assert document["crs"] == {"type": "name", "properties": {"name": NAME}}
    assert not any(telling in json.dumps(document) for telling in TELLING)
    back = formats.read(tmp_path / "x.geojson")
    stored = reference.to_store(shapely.get_coordinates(back.geometry), local())
    assert back.crs == NAME
    assert np.abs(stored - lonlat).max() * 111_320 < 0.001


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ('LOCAL_CS["abc",UNIT["metre",1]]', "abc"),
        ('ENGCRS["市",EDATUM["x"]]', "市"),
        ('{"type": "EngineeringCRS", "name": "abc"}', "abc"),
        ('LOCAL_CS["Undefined Cartesian SRS",UNIT["metre",1]]', None),
        ('LOCAL_CS["unnamed"]', None),
        ("EPSG:4526", None),
        ("{broken", None),
    ],
)
def test_the_name_of_a_system_that_is_only_a_name_is_read(text: str, name: str | None) -> None:
    assert name_in(text) == name
    if name and text.startswith("{"):
        assert geoarrow.name_of(text) == name
