"""An office follows, compares and takes back what was published, at a terminal."""

import csv
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import shapely

from gis.store.engine import Store
from grids.tables import division, unit
from tests.api.small_world import UNITS, bring, collection, make_world, square
from tests.gis.store.ledger import codes_at, rows_at
from tests.journeys.commands import Office

EAST, WEST = "440306001001002", "440305001001008"


@pytest.fixture
def store(store_url: str, tmp_path: Path) -> Iterator[Store]:
    """The small world, then a unit more in the east (revision 7) and one more in the west (revision 8)."""
    made = make_world(store_url, tmp_path)
    bring(made, tmp_path, "units", "east.geojson", collection([({"code": EAST}, square(5))]))
    bring(made, tmp_path, "units", "west.geojson", collection([({"code": WEST}, square(-1))]))
    yield made
    made.close()


@pytest.fixture
def desk(store: Store, store_url: str, tmp_path: Path) -> Office:
    return Office(store_url, tmp_path)


def outline(store: Store, code: str) -> shapely.Geometry:
    (row,) = rows_at(store, division, where={"code": code})
    return row["geom"]


def test_changes_are_told_in_lines_and_as_json(desk: Office) -> None:
    said = desk.do("changes", "--since", 6, "--until", 7, "--layer", "units")
    assert said.out == f"created\tunits\t{EAST}\n"
    assert "units: 1 created" in said.err
    lines = [json.loads(line) for line in desk.do("changes", "--since", 6, "--json").out.splitlines()]
    assert {each["code"] for each in lines if each["layer"] == "units"} == {EAST, WEST}
    assert {each["code"] for each in lines if each["geometry"]} == {
        "44", "4403", "440305", "440305001", "440305001001", "440306", "440306001", "440306001001"
    }  # fmt: skip
    assert desk.run("changes", "--since", 99).code == 5
    assert desk.run("changes", "--since", 1, "--layer", "nothing").code == 5


def test_a_crosswalk_is_written_as_csv_and_as_json(desk: Office) -> None:
    desk.do("crosswalk", 8, 6, desk.folder / "codes.csv")
    with (desk.folder / "codes.csv").open(newline="", encoding="utf-8") as file:
        rows = {row["from"]: (row["to"], row["area_share"], row["component_share"]) for row in csv.DictReader(file)}
    assert rows == {
        **{code: (code, "1.0", "1.0") for code in UNITS},
        EAST: ("", "1.0", "1.0"),
        WEST: ("", "1.0", "1.0"),
    }
    desk.do("crosswalk", 8, 6, desk.folder / "streets.json", "--level", "street", "--changed")
    told = json.loads((desk.folder / "streets.json").read_text())
    assert told["level"] == "street"
    shares = {(each["from"], each["to"]): (each["area_share"], each["component_share"]) for each in told["items"]}
    assert shares[("440305001", "440305001")] == (pytest.approx(4 / 5, abs=1e-9), 1.0)
    assert shares[("440305001", None)] == (pytest.approx(1 / 5, abs=1e-9), 0.0)
    assert shares[("440306001", None)] == (pytest.approx(1 / 2, abs=1e-9), None)
    assert desk.run("crosswalk", 6, 8, desk.folder / "codes.xlsx").code == 4
    assert desk.run("crosswalk", 6, 8, desk.folder / "no folder" / "codes.csv").code == 8
    assert desk.run("crosswalk", 6, 8, desk.folder / "codes.csv", "--level", "planet").code == 3


def test_an_undo_shows_first_and_then_publishes_and_divisions_follow_the_units(desk: Office, store: Store) -> None:
    before = outline(store, "44")
    shown = desk.do("undo", 7)
    assert shown.out == ""
    assert "Only checked" in shown.err
    assert EAST in codes_at(store, unit)
    assert desk.do("undo", 7, "--commit", "--note", "a mistake").out == "9\n"
    assert codes_at(store, unit) == sorted([*UNITS, WEST])
    left = shapely.union_all([row["geom"] for row in rows_at(store, unit)])
    assert shapely.equals(outline(store, "44"), left), "a later revision had changed the shape too: it is made anew"
    assert not shapely.equals(outline(store, "44"), before)
    assert shapely.equals(outline(store, "440306"), outline(store, "440306001001"))
    again = desk.run("undo", 7)
    assert again.code == 6
    assert "undo_touched" in again.err
    assert desk.do("undo", 9, "--commit").out == "10\n"
    assert sorted(codes_at(store, unit)) == sorted([*UNITS, WEST, EAST])
    assert shapely.equals(outline(store, "44"), before)
    assert desk.run("undo", 99).code == 5
