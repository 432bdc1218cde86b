"""What happens in the model city: its components, cases, rules and files, checked on the files alone."""

import csv
import filecmp
from pathlib import Path
from typing import Any

import numpy as np
import pyproj
import pytest
import shapely
import yaml
from numpy.typing import NDArray

from examples.model_city import Manifest, write
from examples.model_city.__main__ import main
from examples.model_city.positions import to_gcj02
from tests.examples.city_files import UNITS, areas, cases_as, components, ground, river, rows, units


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
