"""The model city is what it says: checked with other means than it was made with, on its files alone."""

from collections import Counter

import numpy as np
import pyproj
import pytest
import shapely
import yaml

from examples.model_city import Manifest
from examples.model_city.departments import credit_code
from tests.examples.city_files import UNITS, areas, components, ground, river, rows, same_vertices, units


def test_the_city_is_about_as_large_as_asked_for(city: Manifest) -> None:
    assert abs(city.counts["units"] / UNITS - 1) < 0.05
    assert city.counts["units"] == len(units(city)["code"])
    assert city.counts["cases"] == len(rows(city, "cases.csv")) == 2 * city.counts["units"]
    assert abs(city.counts["components"] / city.counts["units"] - 4) < 0.5


def test_units_and_river_are_a_valid_coverage_without_a_hole(city: Manifest) -> None:
    polygons = np.concatenate([units(city)["geometry"], river(city)["geometry"]])
    assert shapely.is_valid(polygons).all()
    assert shapely.coverage_is_valid(polygons)
    whole = ground(city)
    assert whole.geom_type == "Polygon"
    assert len(whole.interiors) == 0


def test_the_middle_of_the_river_is_a_hole_of_the_units_alone(city: Manifest) -> None:
    alone = shapely.union_all(units(city)["geometry"])
    assert [shapely.Polygon(ring).equals(river(city)["geometry"][1]) for ring in alone.interiors] == [True]


def test_neighbours_share_their_edges_point_by_point(city: Manifest) -> None:
    assert same_vertices(np.concatenate([units(city)["geometry"], river(city)["geometry"]]))


def test_coordinates_are_rounded_to_a_billionth_of_a_degree(city: Manifest) -> None:
    for polygons in (units(city)["geometry"], river(city)["geometry"], *(a["geometry"] for a in areas(city).values())):
        points = shapely.get_coordinates(polygons)
        assert (points == points.round(9)).all()


def test_units_have_between_8_and_50_corners_and_about_a_hectare(city: Manifest) -> None:
    polygons = units(city)["geometry"]
    corners = shapely.get_num_coordinates(polygons) - 1
    assert corners.min() >= 8
    assert corners.max() <= 50
    geod = pyproj.Geod(ellps="GRS80")
    hectares = np.array([abs(geod.geometry_area_perimeter(polygon)[0]) for polygon in polygons]) / 10_000
    assert 0.9 < hectares.mean() < 1.15
    assert hectares.min() > 0.4
    assert hectares.max() < 3


def test_codes_nest_and_are_unique(city: Manifest) -> None:
    divisions = {row["code"] for row in rows(city, "divisions.csv")}
    codes = units(city)["code"].tolist()
    assert len(divisions) == city.counts["divisions"]
    assert len(set(codes)) == len(codes)
    assert Counter(map(len, divisions)).keys() == {2, 4, 6, 9, 12}
    above = {12: 9, 9: 6, 6: 4, 4: 2}
    assert all(code[: above[len(code)]] in divisions for code in divisions if len(code) > 2)
    assert {code[:12] for code in codes} == {code for code in divisions if len(code) == 12}
    assert all(len(code) == 15 and code.isdigit() for code in codes)


def test_units_are_numbered_without_a_break_from_west_to_east_and_row_after_row_to_the_south(city: Manifest) -> None:
    found = units(city)
    codes, middle = found["code"], shapely.get_coordinates(shapely.centroid(found["geometry"]))
    community = np.array([code[:12] for code in codes])
    for name in np.unique(community):
        numbers = [int(code[12:]) for code in codes[community == name]]
        assert numbers == list(range(1, len(numbers) + 1))
        east, north = np.diff(middle[community == name], axis=0).T
        assert ((east > 0) | (north < 0)).all()


@pytest.mark.parametrize("digits", [6, 9, 12])
def test_every_division_is_in_one_piece(city: Manifest, digits: int) -> None:
    found = units(city)
    division = np.array([code[:digits] for code in found["code"]])
    pieces = {name: shapely.union_all(found["geometry"][division == name]) for name in np.unique(division)}
    assert [name for name, piece in pieces.items() if piece.geom_type != "Polygon"] == []


def test_communities_and_streets_have_the_size_that_offices_are_used_to(city: Manifest) -> None:
    sizes = Counter(code[:12] for code in units(city)["code"]).values()
    assert 11 <= np.mean(list(sizes)) <= 13
    communities = Counter(code[:9] for code in {code[:12] for code in units(city)["code"]}).values()
    assert set(communities) <= {8, 9, 10}


def credit_code_is_right(code: str) -> bool:
    """GB 32100 told the other way round: with its check character the weighted sum is a multiple of 31."""
    alphabet = "0123456789ABCDEFGHJKLMNPQRTUWXY"
    weights = [1, 3, 9, 27, 19, 26, 16, 17, 20, 29, 25, 13, 8, 24, 10, 30, 28, 1]
    return len(code) == 18 and sum(alphabet.index(c) * w for c, w in zip(code, weights, strict=True)) % 31 == 0


def test_departments_have_credit_codes_whose_check_character_is_right(city: Manifest) -> None:
    found = rows(city, "departments.csv")
    codes = [row["code"] for row in found]
    assert len(set(codes)) == len(codes) == city.counts["departments"]
    assert all(map(credit_code_is_right, codes))
    assert len({row["name"] for row in found}) == len(found)
    assert {row["parent"] for row in found} - {""} <= set(codes)
    assert len({row["id.12345"] for row in found}) == len(found)


def test_the_check_character_is_that_of_a_real_code() -> None:
    assert credit_code_is_right("91350100M000100Y43")  # the example of the standard
    assert not credit_code_is_right("91350100M000100Y44")
    assert all(credit_code_is_right(credit_code("91", "449900", serial)) for serial in range(1, 500))


def test_every_department_that_a_file_names_exists(city: Manifest) -> None:
    known = {row["code"] for row in rows(city, "departments.csv")}
    named = {row["department"] for row in rows(city, "divisions.csv")}
    named |= {row["right_department"] for row in rows(city, "cases.csv")}
    for found in areas(city).values():
        assert None not in found["department"]
        named |= set(found["department"])
    inventory = components(city)
    for role in ("owner_code", "maintainer_code", "supervisor_code"):
        named |= set(inventory[role])
    for rule in yaml.safe_load((city.folder / "rules.yaml").read_text(encoding="utf-8"))["rules"]:
        named |= {target["department"] for target in rule["to"] if "department" in target}
    assert named - {"", None} <= known
    assert None not in inventory["supervisor_code"]


@pytest.mark.parametrize("name", ["enforcement", "drainage", "greening", "police"])
def test_areas_that_may_not_overlap_share_their_edges_point_by_point(city: Manifest, name: str) -> None:
    polygons = areas(city)[name]["geometry"]
    assert shapely.coverage_is_valid(polygons)
    assert same_vertices(polygons)


def test_enforcement_and_police_hold_all_of_the_city_and_drainage_leaves_one_small_hole(city: Manifest) -> None:
    whole, found = ground(city), areas(city)
    for name in ("enforcement", "police", "sanitation"):
        assert shapely.union_all(found[name]["geometry"]).covers(whole)
    left = whole.difference(shapely.union_all(found["drainage"]["geometry"]))
    assert left.geom_type == "Polygon"
    assert 500 < abs(pyproj.Geod(ellps="GRS80").geometry_area_perimeter(left)[0]) < 60_000
    assert not shapely.union_all(found["greening"]["geometry"]).covers(whole)


def test_sanitation_sections_overlap_along_their_seams_and_have_priorities(city: Manifest) -> None:
    found = areas(city)["sanitation"]
    assert shapely.is_valid(found["geometry"]).all()
    assert not shapely.coverage_is_valid(found["geometry"])
    share = shapely.area(found["geometry"]).sum() / shapely.area(shapely.union_all(found["geometry"]))
    assert 1.01 < share < 1.2
    assert set(found["priority"]) == {1, 2, 3}


def test_areas_do_not_follow_the_unit_grids(city: Manifest) -> None:
    for found in areas(city).values():
        unit, _ = shapely.STRtree(units(city)["geometry"]).query(shapely.boundary(found["geometry"]), "crosses")
        assert len(unit) > 50


def test_the_sanitation_file_is_gbk_and_does_not_say_so(city: Manifest) -> None:
    assert not (city.folder / "areas_sanitation.cpg").exists()
    raw = (city.folder / "areas_sanitation.dbf").read_bytes()
    with pytest.raises(UnicodeDecodeError):
        raw.decode("utf-8")
    assert "环卫标段" in raw[32:].decode("gbk", errors="ignore")
    assert all(name.endswith("环卫标段") for name in areas(city)["sanitation"]["name"])
