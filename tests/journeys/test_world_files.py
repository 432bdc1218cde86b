"""World files answer what the store answers: mapped, moved, and alone without a store."""

import shutil
import subprocess
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from api.bulk.files import read_cases, spell_out
from api.lookups.spots import Spots
from api.worlds import Worlds, find_folder
from cases.clerk import Clerk
from cases.desk import Desk, load_desk
from cases.reports import Case, Defaults
from gis.formats import read
from gis.heap.folder import Folder
from gis.store.engine import open_store, reading
from gis.store.revisions import head
from gis.store.scope import EVERYTHING
from tests.cases.columnar import in_columns
from tests.journeys.commands import Office

UNITS = 300


@dataclass(frozen=True, slots=True)
class City:
    """A routed model city: its office, its files, and its desk read from the store into memory."""

    office: Office
    folder: Path
    memory: Desk
    cases: list[Case]

    @property
    def data(self) -> Path:
        return self.office.folder / "data"

    @property
    def alone(self) -> Office:
        """The same terminal, with a store that there is not."""
        return replace(self.office, store=f"sqlite:///{self.office.folder}/nowhere/wangge.db")


def copy(city: City, to: Path) -> Path:
    """A copy of the world files, holes and all: a file is much longer than what it holds."""
    to.parent.mkdir(exist_ok=True)
    subprocess.run(["cp", "-r", "--sparse=always", find_folder(city.data), to], check=True)
    return to


@pytest.fixture(scope="module")
def city(office: Office) -> City:
    folder = office.folder / "city"
    office.do("demo", "--no-serve", "--units", UNITS, "--folder", folder)
    table = spell_out(read(folder / "cases.csv"), None)
    cases, faults = read_cases(table, {}, Defaults(source="test"), None)
    assert not faults
    store = open_store(office.store)
    try:
        with reading(store.world) as connection:
            memory = load_desk(connection, head(connection))
    finally:
        store.close()
    return City(office, folder, memory, [case for case in cases if case is not None])


@pytest.fixture(scope="module", params=["mapped", "moved"])
def filed(request: pytest.FixtureRequest, city: City, tmp_path_factory: pytest.TempPathFactory) -> Desk:
    """The desk from the world files, as they were written or after everything alive has moved."""
    folder = copy(city, tmp_path_factory.mktemp("files") / "world")
    worlds = Worlds(None, folder)
    if request.param == "moved":
        worlds.compact()
        assert [each.name for each in folder.glob("world-*.heap")] != [
            each.name for each in find_folder(city.data).glob("world-*.heap")
        ]
    desk = worlds.newest()
    assert desk is not city.memory
    assert not desk.grid.units.cells.kernel[3].flags.owndata
    return desk


@pytest.fixture(scope="module")
def places(city: City) -> np.ndarray:
    """Where cases are, and anywhere in and around the city."""
    random = np.random.default_rng(4)
    cases = np.array([(case.lon, case.lat) for case in city.cases])
    low, high = cases.min(axis=0), cases.max(axis=0)
    return np.concatenate([cases, random.uniform(low - 0.01, high + 0.01, (2_000, 2))])


def test_every_case_is_routed_the_same(city: City, filed: Desk) -> None:
    assert len(city.cases) > UNITS
    assert filed.route_all(city.cases) == city.memory.route_all(city.cases)


def test_cases_in_columns_are_routed_the_same(city: City, filed: Desk) -> None:
    assert in_columns(Clerk(filed), city.cases) == in_columns(Clerk(city.memory), city.cases)


def test_every_place_is_in_the_same_units_gaps_and_areas(city: City, filed: Desk, places: np.ndarray) -> None:
    one, other = city.memory.grid.locate(places), filed.grid.locate(places)
    assert (one.units >= 0).any()
    assert (one.units < 0).any()
    assert one.units.tolist() == other.units.tolist()
    assert one.gaps.tolist() == other.gaps.tolist()
    assert list(one.held) == list(other.held)
    for name, (offsets, areas) in one.held.items():
        assert [offsets.tolist(), areas.tolist()] == [each.tolist() for each in other.held[name]]
        mine, theirs = city.memory.grid.areas[name], filed.grid.areas[name]
        for column in ("codes", "names", "owners", "departments", "priorities"):
            assert getattr(mine, column).tolist() == getattr(theirs, column).tolist()
        assert dict(mine.overlap) == dict(theirs.overlap)
    for name in ("profile", "divisions", "departments", "revision"):
        assert getattr(city.memory.grid, name) == getattr(filed.grid, name)
    assert city.memory.grid.gap_names.tolist() == filed.grid.gap_names.tolist()


def test_every_edge_is_as_far(city: City, filed: Desk, places: np.ndarray) -> None:
    one, other = city.memory.grid, filed.grid
    units = one.locate(places).units
    assert one.boundary_distance(places, units).tolist() == other.boundary_distance(places, units).tolist()
    for mine, theirs in zip(one.units.near(places, 30.0), other.units.near(places, 30.0), strict=True):
        assert mine.tolist() == theirs.tolist()


def test_components_are_found_the_same_by_name_and_by_place(city: City, filed: Desk, places: np.ndarray) -> None:
    one, other = city.memory.inventory, filed.inventory
    assert len(one) == len(other) > 100
    for name in one.columns:
        assert one.texts(name).tolist() == other.texts(name).tolist()
    assert one.accuracy_m.tolist() == other.accuracy_m.tolist()
    codes = pa.array([*one.texts("code").tolist(), "none such", None, ""])
    assert one.names.numbers(codes).tolist() == other.names.numbers(codes).tolist()
    classes = sorted(one.index.classes)
    asked = np.array([classes[k % len(classes)] for k in range(len(places))])
    reach = np.where(np.arange(len(places)) % 3 == 0, 800.0, 60.0)  # beyond what is written to files too
    found = one.within(places, asked, reach)
    assert len(found[0]) > 100
    for mine, theirs in zip(found, other.within(places, asked, reach), strict=True):
        assert mine.tolist() == theirs.tolist()
    assert one.distance(places[0], 3) == other.distance(places[0], 3)


def test_single_lookups_give_the_same_bytes(city: City, filed: Desk, places: np.ndarray) -> None:
    one, other = Spots(city.memory), Spots(filed)
    for lon, lat in places[::20].tolist():
        assert one.answer(lon, lat, 25.0, EVERYTHING) == other.answer(lon, lat, 25.0, EVERYTHING)


def test_route_and_locate_need_no_store_and_write_the_same_bytes(city: City, tmp_path: Path) -> None:
    cases = city.folder / "cases.csv"
    shutil.copy(cases, tmp_path / "points.csv")
    ways: tuple[tuple[object, ...], ...] = (
        ("route", cases),
        ("route", cases, "--because", "codes"),
        ("locate", tmp_path / "points.csv", "--crs", "CRS84"),
    )
    index = find_folder(city.data)
    for number, (command, file, *flags) in enumerate(ways):
        for where in (city.data, city.data / "world", index):
            out = [tmp_path / f"{number}-{each}.csv" for each in ("with", "without")]
            with_store = city.office.do(command, file, out[0], *flags)
            without = city.alone.do(command, file, out[1], *flags, "--index", where)
            assert out[0].read_bytes() == out[1].read_bytes()
            assert len(out[0].read_bytes()) > 10_000
            assert with_store.out.replace("-with.", "-without.") == without.out
    assert not (city.office.folder / "nowhere").exists()


def test_without_world_files_there_the_sentence_says_where_and_what_to_do(city: City, tmp_path: Path) -> None:
    said = city.alone.run("route", city.folder / "cases.csv", tmp_path / "out.csv", "--index", tmp_path)
    assert (said.code, "world_missing" in said.err, str(tmp_path) in said.err) == (8, True, True)
    assert "Traceback" not in said.err
    with Folder(tmp_path / "world" / "x").writing(wait=True) as writer:
        assert writer is not None
        writer.forget()  # what is there tells of nothing
    said = city.alone.run("route", city.folder / "cases.csv", tmp_path / "out.csv", "--index", tmp_path)
    assert (said.code, "world_missing" in said.err, str(tmp_path) in said.err) == (8, True, True)
    chinese = city.alone.run(
        "route", city.folder / "cases.csv", tmp_path / "out.csv", "--index", tmp_path, language="zh"
    )
    assert "没有可用的索引文件" in chinese.err
    assert not (tmp_path / "out.csv").exists()


def test_damaged_world_files_alone_are_no_answer(city: City, tmp_path: Path) -> None:
    index = copy(city, tmp_path / "world")
    (file,) = index.glob("world-*.heap")
    with file.open("r+b") as held:
        held.seek(5_000)
        byte = held.read(1)[0]
        held.seek(5_000)
        held.write(bytes([byte ^ 4]))
    said = city.alone.run("route", city.folder / "cases.csv", tmp_path / "out.csv", "--index", index)
    assert (said.code, "world_missing" in said.err) == (8, True)


def test_of_several_world_files_one_must_be_named(city: City, tmp_path: Path) -> None:
    for name in ("a", "b"):
        copy(city, tmp_path / "world" / name)
    out = tmp_path / "out.csv"
    said = city.alone.run("route", city.folder / "cases.csv", out, "--index", tmp_path)
    assert (said.code, "world_several" in said.err) == (3, True)
    named = "".join(said.err.split())
    assert all(str(tmp_path / "world" / name) in named for name in ("a", "b"))
    city.alone.do("route", city.folder / "cases.csv", out, "--index", tmp_path / "world" / "b")


def test_world_files_alone_know_one_revision(city: City, tmp_path: Path) -> None:
    number, out = city.memory.revision, tmp_path / "out.csv"
    city.alone.do("route", city.folder / "cases.csv", out, "--index", city.data, "--as-of", number)
    for other in (number - 1, "2020-01-01"):
        said = city.alone.run("route", city.folder / "cases.csv", out, "--index", city.data, "--as-of", other)
        assert (said.code != 0, "world_alone" in said.err, str(number) in said.err) == (True, True, True)
        assert "Traceback" not in said.err
