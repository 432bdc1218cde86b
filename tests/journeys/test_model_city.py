"""The model city from its files to its answers, with the commands that everybody has."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyogrio
import pytest
import shapely
import yaml

from api.bulk.files import read_cases, spell_out
from api.worlds import Worlds
from cases.reports import Defaults
from examples.model_city import write
from gis.formats import read
from gis.store.engine import open_store
from gis.store.revisions import current_head
from tests.journeys import oracle
from tests.journeys.commands import Office
from tests.journeys.washington import Row, answers

UNITS = 600
AREAS = ("enforcement", "drainage", "sanitation", "greening", "police")
# Exports in the order in which they can be imported again.
LAYERS = (
    ("departments", "csv"), ("divisions", "geojson"), ("gaps", "geojson"), ("units", "geojson"),
    *((f"areas.{name}", "geojson") for name in AREAS), ("catalogue", "csv"), ("components", "geojson"),
    ("rules", "yaml"),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class City:
    """The office that ran the demonstration, and the folder of its files."""

    office: Office
    folder: Path

    def commands(self) -> list[list[object]]:
        """The arguments of every import, files with their folder."""
        manifest = yaml.safe_load((self.folder / "city.yaml").read_text(encoding="utf-8"))
        commands = []
        for layer, file, *rest in manifest["import"]:
            flags = [str(self.folder / each) if ":" in each else each for each in rest]
            commands.append([layer, self.folder / file, *flags])
        return commands


@pytest.fixture(scope="module")
def city(office: Office) -> City:
    folder = office.folder / "city"
    office.do("demo", "--no-serve", "--units", UNITS, "--folder", folder)
    return City(office, folder)


def head(office: Office) -> int:
    store = open_store(office.store)
    try:
        return current_head(store)
    finally:
        store.close()


def routed(city: City) -> list[Row]:
    return answers(city.folder / "cases_routed.csv")


def test_only_a_case_that_says_so_itself_goes_to_the_wrong_department(city: City) -> None:
    rows = routed(city)
    wrong = [row for row in rows if row["department"] != row["right_department"]]
    assert len(rows) == 2 * city_size(city)
    assert all({"near_boundary", "ambiguous"} & set((row["flags"] or "").split(";")) for row in wrong)
    assert 0 < len(wrong) < 0.05 * len(rows)


def city_size(city: City) -> int:
    return int(yaml.safe_load((city.folder / "city.yaml").read_text(encoding="utf-8"))["counts"]["units"])


def test_where_the_answer_is_wrong_the_right_department_is_among_the_alternatives(city: City) -> None:
    table = spell_out(read(city.folder / "cases.csv"), None)
    cases, faults = read_cases(table, {}, Defaults(source="test"), None)
    assert not faults
    store = open_store(city.office.store)
    try:
        routings = Worlds(store).newest().route_all([case for case in cases if case is not None])
    finally:
        store.close()
    for routing, right in zip(routings, table.columns["right_department"], strict=True):
        given = routing.department and routing.department.code
        if given != right and right is not None:
            assert right in {each.department.code for each in routing.alternatives}


def test_importing_everything_again_changes_nothing(city: City) -> None:
    before = head(city.office)
    for command in city.commands():
        said = city.office.publish(*command)
        assert "holds just this already" in said.err
    assert head(city.office) == before


@pytest.fixture(scope="module")
def points(city: City) -> np.ndarray:
    units = units_of(city)[0]
    return np.concatenate([oracle.vertices(units), oracle.scattered(units, 2_000, seed=5)])


@pytest.fixture(scope="module")
def located(city: City, points: np.ndarray) -> list[Row]:
    path = city.office.folder / "points.csv"
    lines = (f"{number},{x!r},{y!r}" for number, (x, y) in enumerate(points.tolist()))
    path.write_text("\n".join(("number,lon,lat", *lines)), encoding="utf-8")
    out = path.with_name("located.csv")
    city.office.do("locate", path, out, "--crs", "CRS84")
    return answers(out)


def units_of(city: City) -> tuple[np.ndarray, np.ndarray]:
    _, _, wkb, (codes,) = pyogrio.raw.read(city.folder / "units.gpkg", layer="units", columns=["code"])
    return shapely.from_wkb(wkb), codes


def test_every_vertex_and_many_points_lie_where_geos_says(city: City, points: np.ndarray, located: list[Row]) -> None:
    assert [row["unit"] for row in located] == oracle.lowest(*units_of(city), points)
    assert all(row["community"] == (row["unit"] and row["unit"][:12]) for row in located)


@pytest.mark.parametrize("layer", AREAS)
def test_all_areas_that_hold_a_point_are_told(city: City, points: np.ndarray, located: list[Row], layer: str) -> None:
    path = next(city.folder.glob(f"areas_{layer}.[gs][ph]*"))
    table = read(path)
    codes, priority = table.columns["code"], dict(zip(table.columns["code"], table.columns["priority"], strict=True))
    held = oracle.holders(table.geometry, codes, points)
    if layer == "sanitation":
        ordered = [sorted(each, key=lambda code: (-int(priority[code]), code)) for each in held]
        assert max(map(len, ordered)) > 1
    else:
        ordered = [each[:1] for each in held]  # areas that do not overlap: the tie rule
    assert [row[f"area.{layer}.all"] for row in located] == [";".join(each) or None for each in ordered]
    assert [row[f"area.{layer}"] for row in located] == [each[0] if each else None for each in ordered]


def export(office: Office, folder: Path, *options: object) -> dict[str, bytes]:
    """Every layer as a file, by its name, without what the file says of the revision it is of."""
    folder.mkdir(exist_ok=True)
    for layer, suffix in LAYERS:
        office.do("export", layer, folder / f"{layer}.{suffix}", *options)
    files = {layer: (folder / f"{layer}.{suffix}").read_bytes() for layer, suffix in LAYERS}
    return {layer: re.sub(rb',"wangge":\{[^}]*\}', b"", content) for layer, content in files.items()}


def test_what_is_exported_and_imported_elsewhere_is_exported_the_same(city: City, tmp_path: Path) -> None:
    first = export(city.office, tmp_path / "first")
    other = Office(f"sqlite:///{tmp_path / 'other.db'}", tmp_path)
    for layer, suffix in LAYERS:
        path = tmp_path / "first" / f"{layer}.{suffix}"
        name, _, area = layer.partition(".")
        if name == "areas":
            overlap = "allowed" if area == "sanitation" else "none"
            other.publish("areas", path, "--area-layer", area, "--overlap", overlap, "--owner", "4499")
        elif name == "units":
            other.publish("units", path, "--gaps", tmp_path / "first" / "gaps.geojson")
        elif name != "gaps":
            other.publish(name, path, *(["--owner", "4499"] if name in ("catalogue", "components") else []))
    assert export(other, tmp_path / "second") == first


def test_a_file_of_another_owner_is_not_taken_for_ones_own(city: City, tmp_path: Path) -> None:
    path = tmp_path / "greening.geojson"
    city.office.do("export", "areas.greening", path)
    said = city.office.run("import", "areas", path, "--area-layer", "greening", "--commit")
    assert said.code == 3
    assert "owner_differs" in said.err
    assert "--owner 4499" in said.err


def test_as_of_gives_the_old_state(city: City, tmp_path: Path) -> None:
    """Runs last: it changes the city."""
    before, old = head(city.office), export(city.office, tmp_path / "old")
    renamed = tmp_path / "departments.csv"
    text = (city.folder / "departments.csv").read_text(encoding="utf-8")
    renamed.write_text(text.replace("自来水", "供水"), encoding="utf-8")
    city.office.publish("departments", renamed)
    units = json.loads((tmp_path / "old" / "units.geojson").read_text(encoding="utf-8"))
    del units["features"][50:]
    for feature in units["features"]:
        feature["properties"]["name"] = "新名称"
    (tmp_path / "units.geojson").write_text(json.dumps(units), encoding="utf-8")
    city.office.publish("units", tmp_path / "units.geojson")
    assert head(city.office) == before + 2
    now = export(city.office, tmp_path / "now")
    assert {layer for layer in now if now[layer] != old[layer]} == {"departments", "units"}
    assert export(city.office, tmp_path / "then", "--as-of", before) == old
    out = tmp_path / "located.csv"
    city.office.do("locate", city.office.folder / "points.csv", out, "--crs", "CRS84", "--as-of", before)
    assert answers(out) == answers(city.office.folder / "located.csv")


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Worlds, np.ndarray, np.ndarray]]:
    """5,000 units on SQLite, and their polygons and codes from the file."""
    folder = tmp_path_factory.mktemp("large")
    write(folder, units=5_000, cases=0)
    office = Office(f"sqlite:///{folder / 'wangge.db'}", folder)
    city = City(office, folder)
    for command in city.commands()[:3]:
        office.publish(*command)
    store = open_store(office.store)
    yield Worlds(store), *units_of(city)
    store.close()


def test_a_hundred_thousand_points_lie_where_geos_says(large: tuple[Worlds, np.ndarray, np.ndarray]) -> None:
    worlds, polygons, codes = large
    grid = worlds.newest().grid
    points = np.concatenate([oracle.scattered(polygons, 100_000, seed=7), oracle.vertices(polygons)])
    found = [grid.unit_code(index) for index in grid.units.lowest(points).tolist()]
    assert found == oracle.lowest(polygons, codes, points)
    assert 0.02 < found.count(None) / len(found) < 0.2
