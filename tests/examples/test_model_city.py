"""The model city is what it says: checked with other means than it was made with, on its files alone."""

import csv
import filecmp
from collections import Counter
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyogrio.raw
import pyproj
import pytest
import shapely
import yaml
from numpy.typing import NDArray

from examples.model_city import Manifest, write
from examples.model_city.__main__ import main
from examples.model_city.departments import credit_code
from examples.model_city.positions import to_gcj02

UNITS = 1200


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory) -> Manifest:
    return write(tmp_path_factory.mktemp("city"), UNITS, seed=7)


def rows(city: Manifest, name: str) -> list[dict[str, str]]:
    with (city.folder / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def layer(path: Path, name: str | None = None, encoding: str | None = None) -> dict[str, NDArray[Any]]:
    meta, _, geometry, columns = pyogrio.raw.read(path, layer=name, encoding=encoding)
    return {**dict(zip(meta["fields"], columns, strict=True)), "geometry": shapely.from_wkb(geometry)}


def units(city: Manifest) -> dict[str, NDArray[Any]]:
    return layer(city.folder / "units.gpkg", "units")


def river(city: Manifest) -> dict[str, NDArray[Any]]:
    return layer(city.folder / "units.gpkg", "gaps")


def areas(city: Manifest) -> dict[str, dict[str, NDArray[Any]]]:
    names = ("enforcement", "drainage", "greening", "police")
    plain = {name: layer(city.folder / f"areas_{name}.gpkg", name) for name in names}
    return {**plain, "sanitation": layer(city.folder / "areas_sanitation.shp", encoding="GBK")}


def ground(city: Manifest) -> shapely.Geometry:
    """Units and river together."""
    return shapely.union_all(np.concatenate([units(city)["geometry"], river(city)["geometry"]]))


def components(city: Manifest) -> dict[str, NDArray[Any]]:
    return layer(city.folder / "components.gpkg", "components")


def cases_as(city: Manifest, lon: str, lat: str) -> NDArray[np.float64]:
    return np.array([[float(row[lon]), float(row[lat])] for row in rows(city, "cases.csv")])


def same_vertices(polygons: NDArray[Any]) -> bool:
    """Whether each edge of a polygon that is not on the outside of all of them is an edge of one other, reversed."""
    edges: Counter[tuple[bytes, bytes]] = Counter()
    for polygon in polygons:
        ends = [point.tobytes() for point in shapely.get_coordinates(shapely.orient_polygons(polygon))]
        edges.update(pairwise(ends))
    outside = shapely.boundary(shapely.union_all(polygons))
    lone = [a + b for a, b in edges if (b, a) not in edges]
    lines = shapely.linestrings(np.frombuffer(b"".join(lone)).reshape(-1, 2, 2))
    return max(edges.values()) == 1 and bool(shapely.covers(outside.buffer(1e-9), lines).all())


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


def test_components_lie_in_the_county_of_their_code(city: Manifest) -> None:
    inventory, found = components(city), units(city)
    codes = inventory["code"]
    assert len(set(codes)) == len(codes)
    assert all(len(code) == 17 and code.isdigit() for code in codes)
    assert (inventory["class_code"] == np.array([code[6:11] for code in codes])).all()
    point, unit = shapely.STRtree(found["geometry"]).query(inventory["geometry"], "within")
    assert (point == np.arange(len(codes))).all()
    assert [code[:6] for code in codes] == [code[:6] for code in found["code"][unit]]
    assert set(inventory["accuracy_m"]) == {0.5, 1.0, 10.0}
    assert {"完好", "破损"} <= set(inventory["state"])


def from_gcj02(lonlat: NDArray[np.float64]) -> NDArray[np.float64]:
    guess = lonlat.copy()
    for _ in range(8):
        guess -= to_gcj02(guess) - lonlat
    return guess


def test_no_case_is_further_from_its_true_position_than_its_accuracy(city: Manifest) -> None:
    found = rows(city, "cases.csv")
    given, true = cases_as(city, "lon", "lat"), cases_as(city, "true_lon", "true_lat")
    phone = np.array([row["crs"] == "GCJ-02" for row in found])
    assert {row["crs"] for row in found} == {"EPSG:4490", "GCJ-02"}
    assert 0.15 < phone.mean() < 0.35
    given[phone] = from_gcj02(given[phone])
    error = np.array(pyproj.Geod(ellps="GRS80").inv(*given.T, *true.T)[2])
    accuracy = np.array([float(row["accuracy_m"]) for row in found])
    assert (error <= accuracy).all()
    assert error.mean() > 0.5 * accuracy.mean()
    assert accuracy.min() >= 5
    assert accuracy.max() <= 30


def test_gcj02_agrees_with_known_values() -> None:
    shenzhen, beijing = [114.057865, 22.543096], [116.39747, 39.908823]
    there = [[114.06297904, 22.54037871], [116.40371369, 39.91022652]]
    # 2 cm: these values were made with an equatorial radius of 6378137 m, the algorithm as published has 6378245 m.
    assert np.abs(to_gcj02(np.array([shenzhen, beijing])) - there).max() < 2e-7


def test_cases_are_of_2026_before_november_in_order_and_say_their_offset(city: Manifest) -> None:
    times = [row["reported_at"] for row in rows(city, "cases.csv")]
    assert times == sorted(times)
    assert times[0] >= "2026-01-01"
    assert times[-1] < "2026-11"
    assert all(time.endswith("+08:00") for time in times)
    keys = {(row["source"], row["id"], row["version"]) for row in rows(city, "cases.csv")}
    assert len(keys) == len(times)


def test_most_cases_are_near_a_street_and_some_off_the_grid(city: Manifest) -> None:
    true = shapely.points(cases_as(city, "true_lon", "true_lat"))
    lines = shapely.boundary(units(city)["geometry"])
    near = shapely.STRtree(lines).query(true, "dwithin", distance=16 / 111_000)[0]
    assert 0.75 < len(np.unique(near)) / len(true) < 0.95
    why = np.array([row["right_why"] for row in rows(city, "cases.csv")])
    whole, wet = ground(city), shapely.union_all(river(city)["geometry"])
    shapely.prepare(whole)
    shapely.prepare(wet)
    assert ((why == "outside") == ~shapely.covers(whole, true)).all()
    assert ((why == "named_gap") == shapely.covers(wet, true)).all()
    assert (why == "outside").sum() > 10
    assert (why == "named_gap").sum() > 5


def trial_key(rule: dict[str, Any]) -> tuple[Any, ...]:
    return (
        -rule["priority"],
        "class" not in rule,
        -len(rule.get("class_prefix", "")),
        -len(rule.get("place", "")),
        "area_layer" not in rule,
        rule["code"],
    )


def test_the_book_has_every_kind_of_target_and_a_catch_all(city: Manifest) -> None:
    document = yaml.safe_load((city.folder / "rules.yaml").read_text(encoding="utf-8"))
    book = document["rules"]
    assert document["owner"] == "4499"
    assert len({rule["code"] for rule in book}) == len(book) == city.counts["rules"]
    kinds = {kind for rule in book for target in rule["to"] for kind in target}
    assert kinds == {"department", "area", "division", "component"}
    assert book[-1] == {**book[-1], "code": "catch-all", "fallback": True, "to": [{"division": "street"}]}
    assert all(rule["basis"]["text"] and rule["basis"]["number"] for rule in book)
    assert "class: 0" not in (city.folder / "rules.yaml").read_text(encoding="utf-8")


def test_the_right_department_is_what_the_files_say_case_by_case(city: Manifest) -> None:
    """Read the book as a clerk would: one case at a time, on the true position, in the order of the reference."""
    book = yaml.safe_load((city.folder / "rules.yaml").read_text(encoding="utf-8"))["rules"]
    book.sort(key=trial_key)
    found, cut, inventory = rows(city, "cases.csv"), areas(city), components(city)
    offices = {row["code"]: row["department"] for row in rows(city, "divisions.csv")}
    true = shapely.points(cases_as(city, "true_lon", "true_lat"))
    unit_of = dict(zip(*shapely.STRtree(units(city)["geometry"]).query(true, "within").tolist(), strict=True))
    trees = {name: shapely.STRtree(layer["geometry"]) for name, layer in cut.items()}
    known = dict(zip(inventory["code"], range(len(inventory["code"])), strict=True))
    at = {point.tobytes(): i for i, point in enumerate(shapely.get_coordinates(inventory["geometry"]))}

    def body(target: dict[str, str], index: int) -> str | None:
        ((kind, value),) = target.items()
        if kind == "department":
            return value
        if kind == "division":
            return offices[units_code[:9]]
        if kind == "area":
            held = trees[value].query(true[index], "intersects")
            best = min(held, key=lambda i: (-cut[value]["priority"][i], cut[value]["code"][i]), default=None)
            return None if best is None else str(cut[value]["department"][best])
        component = known.get(found[index]["component_code"], at.get(shapely.get_coordinates(true[index])[0].tobytes()))
        return None if component is None else inventory[f"{value}_code"][component]

    codes = units(city)["code"]
    for index, case in enumerate(found):
        if index not in unit_of:
            assert case["right_department"] == ""
            continue
        units_code = codes[unit_of[index]]
        answer = next(
            who
            for rule in book
            if rule.get("kind", case["kind"]) == case["kind"]
            and rule.get("class", case["class_code"]) == case["class_code"]
            and case["class_code"].startswith(rule.get("class_prefix", ""))
            and rule.get("condition", case["condition"]) == case["condition"]
            and units_code.startswith(rule.get("place", ""))
            and ("area_layer" not in rule or body({"area": rule["area_layer"]}, index))
            for target in rule["to"]
            if (who := body(target, index))
        )
        assert answer == case["right_department"], case


def test_every_rule_of_the_book_decides_some_case(tmp_path: Path) -> None:
    city = write(tmp_path, UNITS, cases=12_000, seed=3)
    book = yaml.safe_load((city.folder / "rules.yaml").read_text(encoding="utf-8"))["rules"]
    used = {row["right_why"].split(" -> ")[0] for row in rows(city, "cases.csv")}
    assert {rule["code"] for rule in book} - used == set()


def test_local_classes_are_in_the_range_left_to_cities(city: Manifest) -> None:
    found = rows(city, "local_classes.csv")
    assert len(found) == 3
    assert all(row["edition"] == "2026" and "080" <= row["code"][2:] <= "999" for row in found)


@pytest.mark.real
def test_classes_of_the_edition_are_named_as_in_the_catalogue(city: Manifest, shared_data: Path) -> None:
    with (shared_data / "catalogue.csv").open(encoding="utf-8-sig", newline="") as file:
        listed = {(r["kind"], r["code"]): r["name_zh"] for r in csv.DictReader(file) if r["edition"].endswith("-2026")}
    listed |= {(row["kind"], row["code"]): row["name_zh"] for row in rows(city, "local_classes.csv")}
    inventory = components(city)
    for code, name in set(zip(inventory["class_code"], inventory["name"], strict=True)):
        assert listed["component", code] == name
    assert {(row["kind"], row["class_code"]) for row in rows(city, "cases.csv")} <= listed.keys()


def test_the_manifest_lists_every_file_once_and_in_an_order_that_can_be_imported(city: Manifest) -> None:
    document = yaml.safe_load((city.folder / "city.yaml").read_text(encoding="utf-8"))
    assert document["import"] == city.commands
    assert [command[0] for command in city.commands] == [
        "departments", "divisions", "units", *["areas"] * 5, "catalogue", "components", "rules",
    ]  # fmt: skip
    files = {command[1] for command in city.commands} | {document["cases"], "city.yaml"}
    there = {path.name for path in city.folder.iterdir() if path.suffix not in (".shx", ".dbf", ".prj")}
    assert files == there


def test_the_same_seed_gives_the_same_files_and_another_seed_another_city(tmp_path: Path) -> None:
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        write(tmp_path / name, 300, seed=seed)
    names = sorted(path.name for path in (tmp_path / "a").iterdir())
    same, other, missing = filecmp.cmpfiles(tmp_path / "a", tmp_path / "b", names, shallow=False)
    assert (same, other, missing) == (names, [], [])
    assert not filecmp.cmp(tmp_path / "a" / "cases.csv", tmp_path / "c" / "cases.csv", shallow=False)


def test_writing_over_an_older_city_leaves_nothing_of_it(tmp_path: Path) -> None:
    write(tmp_path / "a", 600, seed=1)
    write(tmp_path / "a", 300, seed=2)
    write(tmp_path / "b", 300, seed=2)
    names = sorted(path.name for path in (tmp_path / "b").iterdir())
    assert filecmp.cmpfiles(tmp_path / "a", tmp_path / "b", names, shallow=False)[0] == names


def test_a_city_without_cases_has_a_file_without_rows(tmp_path: Path) -> None:
    assert write(tmp_path, 50, cases=0).counts["cases"] == 0
    assert rows(write(tmp_path, 50, cases=0), "cases.csv") == []


@pytest.mark.parametrize("units_asked", [50, 77, 130])
def test_a_small_city_is_a_city_too(tmp_path: Path, units_asked: int) -> None:
    small = write(tmp_path, units_asked, cases=200)
    polygons = np.concatenate([units(small)["geometry"], river(small)["geometry"]])
    assert shapely.coverage_is_valid(polygons)
    assert len(ground(small).interiors) == 0
    assert len(rows(small, "cases.csv")) == 200


def test_the_command_writes_a_city_and_refuses_one_too_small(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(tmp_path / "city"), "--units", "60", "--cases", "10", "--seed", "4"]) == 0
    assert "city.yaml" in capsys.readouterr().out
    assert len((tmp_path / "city" / "cases.csv").read_text(encoding="utf-8").splitlines()) == 11
    with pytest.raises(SystemExit):
        main([str(tmp_path / "none"), "--units", "10"])
    assert "at least 50" in capsys.readouterr().err
    with pytest.raises(ValueError, match="at least 50"):
        write(tmp_path / "none", 10)
