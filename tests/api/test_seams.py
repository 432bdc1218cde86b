"""What became of cases, summed up, and the seams along which they are returned."""

import csv
import json
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
import shapely

from api.schemas.outcomes import SeamCollection
from cases.seams import Returned, Side, burdens, find_seams
from gis.formats import read
from gis.store.engine import Store
from tests.api.small_world import SIDE, SOUTH, WEST, bring, collection, square
from tests.api.test_cases import case
from tests.journeys.commands import Office

SEAM = WEST + 2 * SIDE
OF = ("2026", "component", "01002")


def box(west: float, east: float) -> Any:
    """A square degree's worth of nodes on the line between two neighbours."""
    return shapely.box(west, 22.5, east, 22.51)


SIDES = [Side("D-1", "西", "WATER"), Side("D-2", "东", "WATER2"), Side("D-3", "远", "WATER2")]


def test_neighbours_of_different_departments_share_a_seam() -> None:
    (seam,) = find_seams("drainage", SIDES, np.array([box(114, 114.01), box(114.01, 114.02), box(114.02, 114.03)]))
    assert (seam.first.code, seam.second.code) == ("D-1", "D-2")
    assert seam.line.equals(shapely.LineString([(114.01, 22.5), (114.01, 22.51)]))
    assert seam.metres == pytest.approx(1107.6, abs=0.5)


def test_of_areas_that_overlap_the_edges_within_each_other_are_the_seam() -> None:
    (seam,) = find_seams("sanitation", SIDES[:2], np.array([box(114, 114.011), box(114.01, 114.02)]))
    xs = {round(x, 9) for x in shapely.get_coordinates(seam.line)[:, 0].tolist()}
    assert {114.01, 114.011} <= xs


def test_a_returned_case_counts_at_the_nearest_seam_of_whoever_returned_it() -> None:
    polygons = np.array([box(114, 114.01), box(114.01, 114.0102), box(114.0102, 114.03)])
    sides = [SIDES[0], SIDES[1], Side("D-3", "远", "CITY")]
    seams = find_seams("drainage", sides, polygons)

    def back(lon: float, *by: str, of: tuple[str, str, str] = OF) -> Returned:
        return Returned(of, lon, 22.505, frozenset(by), 2.0)

    found = burdens(
        seams,
        [
            back(114.0101, "WATER"),  # between both seams: the western one
            back(114.0101, "CITY"),  # the eastern one
            back(114.0101, "LIGHT"),  # neither
            back(114.0106, "WATER2"),
            back(114.02, "WATER2"),  # too far
            back(114.0101, "WATER", of=("2026", "component", "01001")),
        ],
    )
    told = [(each.seam.first.code, each.seam.second.code, each.of[2], each.cases, each.share) for each in found]
    assert told == [
        ("D-2", "D-3", "01002", 2, 0.4),
        ("D-1", "D-2", "01001", 1, 1.0),
        ("D-1", "D-2", "01002", 1, 0.2),
    ]
    assert found[0].days_lost == 4


def fill(http: httpx.Client) -> None:
    """Three cases beside the seam of D-1 and D-2, two of which were returned, and one far from it."""
    for number, east in enumerate((-0.0001, 0.0001, 0.0002, -0.005)):
        place = {"lon": round(SEAM + east, 9), "lat": SOUTH + SIDE / 2}
        sent = case(source="12345", id=str(number), **place)
        assert http.post("/v1/cases", json=sent).status_code == 201
    tell(http, 0, "WATER:1:dispatched", "WATER:2:returned", "WATER2:4:dispatched", "WATER2:5:handled")
    tell(
        http,
        1,
        "WATER2:1:dispatched",
        "WATER2:2:returned",
        "WATER:3:dispatched",
        "WATER:3:returned",
        "WATER2:6:handled",
    )
    tell(http, 2, "WATER2:1:dispatched", "WATER2:2:handled", "WATER2:3:closed")
    tell(http, 3, "WATER:1:dispatched", "WATER:2:returned", "CITY:3:dispatched")


def tell(http: httpx.Client, number: int, *steps: str) -> None:
    parts = [each.split(":") for each in steps]
    sent = [{"department": who, "at": f"2026-05-0{day}T08:00:00+08:00", "result": what} for who, day, what in parts]
    response = http.put(f"/v1/cases/12345/{number}/outcome", json={"hand_offs": sent})
    assert response.status_code == 201, response.text


@pytest.fixture
def office(store_of_either: Store, tmp_path: Path) -> Office:
    url = store_of_either.world.url.render_as_string(hide_password=False)
    return Office(url, tmp_path)


def rows(file: Path) -> list[dict[str, str]]:
    with file.open(encoding="utf-8-sig", newline="") as held:
        return list(csv.DictReader(held))


def test_outcomes_are_summed_by_department_class_division_and_month(
    office: Office, either: httpx.Client, tmp_path: Path
) -> None:
    assert "No outcome was told." in office.do("outcomes", "measure").err
    fill(either)
    file = tmp_path / "measures.csv"
    said = office.do("outcomes", "measure", file)
    assert "4 cases: dispatch accuracy 66.7 %, 3 returned, 1 passed from body to body, 0 reworked." in said.err
    by_department = {row["department"]: row for row in rows(file)}
    water2 = by_department["WATER2"]
    assert {name: water2[name] for name in ("cases", "known", "right", "returned", "returns", "passed")} == {
        "cases": "2",
        "known": "2",
        "right": "2",
        "returned": "1",
        "returns": "2",
        "passed": "1",
    }
    assert (float(by_department["WATER"]["accuracy"]), float(water2["days_lost"])) == (0, 5)
    for by, name, keys in (
        ("class", "class_code", ["01002"]),
        ("division", "division", ["440305001"]),
        ("month", "month", ["2026-05"]),
    ):
        office.do("outcomes", "measure", file, "--by", by)
        assert [row[name] for row in rows(file)] == keys
    office.do("outcomes", "measure", file, "--until", "2026-04-01")
    assert rows(file) == []
    assert "accuracy" in office.do("outcomes", "measure").out
    assert office.run("outcomes", "measure", "--by", "colour").code == 3
    assert office.run("outcomes", "measure", "--by", "division", "--level", "galaxy").code == 3


def test_seams_are_written_with_their_edge_and_what_gathers_there(
    office: Office, either: httpx.Client, tmp_path: Path
) -> None:
    fill(either)
    for ending in (".gpkg", ".csv", ".geojson"):
        file = tmp_path / f"seams{ending}"
        said = office.do("seams", file)
        assert "3 returned cases, 1 seams." in said.err
        table = read(file)
        assert len(table) == 1
        row = {name: column[0] for name, column in table.columns.items()}
        assert [str(row[name]) for name in ("area_a", "area_b", "body_a", "class_code")] == [
            *("D-1", "D-2", "排水公司", "01002")
        ]
        assert int(row["cases"]) == 2
        assert float(row["share"]) == pytest.approx(2 / 3, abs=1e-3)
        assert float(row["metres"]) == pytest.approx(1107.6, abs=0.5)
        assert float(row["days_lost"]) == 8
    assert table.geometry is not None
    assert json.loads(shapely.to_geojson(table.geometry[0]))["coordinates"] in (
        [[SEAM, SOUTH], [SEAM, SOUTH + SIDE]],
        [[SEAM, SOUTH + SIDE], [SEAM, SOUTH]],
    )
    layer = either.get("/v1/seams", params={"area_layer": "drainage", "since": "2026-01-01"}).json()
    SeamCollection.model_validate(layer)
    assert (layer["returned"], layer["features"][0]["properties"]["cases"]) == (3, 2)
    assert layer["features"][0]["geometry"]["type"] == "LineString"
    assert layer["features"][0]["properties"]["code"] == "drainage:D-1:D-2:2026:component:01002"
    sheet = either.get("/v1/seams", params={"format": "csv"})
    assert sheet.headers["content-type"].startswith("text/csv")
    assert sheet.content.removeprefix(b"\xef\xbb\xbf") == office.folder.joinpath("seams.csv").read_bytes()
    assert either.get("/v1/seams", params={"class_code": "99999"}).json()["features"] == []
    nothing = either.get("/v1/seams", params={"class_code": "99999", "format": "csv"}).text
    assert nothing.strip().removeprefix("\ufeff").startswith("code,layer,area_a")
    assert either.get("/v1/seams", params={"format": "xlsx", "class_code": "99999"}).content.startswith(b"PK")
    assert "No file was written." in office.do("seams", tmp_path / "none.gpkg", "--class", "99999").err
    assert office.run("seams", tmp_path / "none.gpkg", "--area-layer", "nothing").code == 5


def test_seams_are_a_layer_with_a_collection_and_tiles(office: Office, either: httpx.Client, tmp_path: Path) -> None:
    fill(either)
    office.do("seams", tmp_path / "seams.gpkg")
    office.do("layers", "add", "hotspots", tmp_path / "seams.gpkg", "--code", "code", "--title", "推诿热点边界")
    (told,) = either.get("/v1/seams").json()["features"]
    (item,) = either.get("/ogc/collections/hotspots/items").json()["features"]
    assert item["id"] == told["properties"]["code"]
    assert {name: str(item["properties"][name]) for name in ("area_a", "department_b", "cases", "days_lost")} == {
        "area_a": "D-1", "department_b": "WATER2", "cases": "2", "days_lost": "8.0",
    }  # fmt: skip
    assert either.get(f"/ogc/collections/hotspots/items/{item['id']}").status_code == 200
    assert either.get("/tiles/hotspots.json").json()["vector_layers"][0]["id"] == "hotspots"
    assert "hotspots" in [each["id"] for each in either.get("/v1/layers").json()["layers"]]


def test_areas_of_several_owners_with_the_same_codes_are_told_apart(
    office: Office, either: httpx.Client, store_of_either: Store, tmp_path: Path
) -> None:
    theirs = [
        ({"code": "D-1", "name": "丙", "department": "CITY"}, square(3)),
        ({"code": "D-2", "name": "丁", "department": "LIGHT"}, square(4)),
    ]
    bring(store_of_either, tmp_path, "areas", "b.geojson", collection(theirs), area_layer="drainage", owner="4403")
    at = {"lon": round(WEST + 4 * SIDE + 0.0001, 9), "lat": SOUTH + SIDE / 2}
    for number, place in ((1, {"lon": round(SEAM - 0.0001, 9), "lat": SOUTH + SIDE / 2}), (2, at)):
        assert either.post("/v1/cases", json=case(source="12345", id=str(number), **place)).status_code == 201
    tell(either, 1, "WATER:1:dispatched", "WATER:2:returned")
    tell(either, 2, "CITY:1:dispatched", "CITY:2:returned")
    told = [each["properties"] for each in either.get("/v1/seams").json()["features"]]
    assert sorted((each["code"], each["owner_a"], each["department_a"]) for each in told) == [
        ("drainage:4403.D-1:4403.D-2:2026:component:01002", "4403", "CITY"),
        ("drainage:D-1:D-2:2026:component:01002", "", "WATER"),
    ]
    asked = {"layer": "drainage", "area_a": "D-1", "area_b": "D-2", "class_code": "01002", "department": "WATER2"}
    refused = either.post("/v1/seams/rulings", json=asked)
    assert (refused.status_code, refused.json()["code"]) == (422, "area_ambiguous")
    taken = either.post("/v1/seams/rulings", json={**asked, "owner": "4403"})
    assert taken.status_code == 201, taken.text
    assert taken.json()["draft"]["owner"] == "4403"
    wrong = ("seams", "ruling", "drainage", "D-1", "D-2", "--class", "01002", "--to", "CITY", "--owner")
    assert office.run(*wrong, "4404").code == 5


def test_texts_are_erased_by_command(office: Office, either: httpx.Client) -> None:
    either.post("/v1/cases", json=case(source="12345", id="1", contact="李四 13800138000"))
    assert "1 texts erased" in office.do("cases", "erase", "12345", "1", "--reason", "当事人申请").err
    told = either.get("/v1/cases/12345/1/texts").json()
    assert (told["texts"], told["erased"]["reason"]) == ({}, "当事人申请")
    assert office.run("cases", "erase", "12345", "2").code == 5


def test_a_ruling_is_drafted_replayed_and_published(office: Office, either: httpx.Client) -> None:
    fill(either)
    asked = ("drainage", "D-1", "D-2", "--class", "01002", "--to", "WATER2")
    draft = office.do("seams", "ruling", *asked, "--basis", "2026年第7次协调会纪要").out.strip()
    before = office.do("replay", "--handled").err
    after = office.do("replay", "--handled", "--draft", draft).err
    assert "3 cases: 2 agree (66.7 %)" in before
    assert "3 cases: 3 agree (100.0 %)" in after
    assert office.do("draft", "publish", draft).code == 0
    sent = case(lon=round(SEAM - 0.0001, 9), lat=SOUTH + SIDE / 2)
    told = either.post("/v1/cases/route", json=sent).json()
    assert (told["department"]["code"], told["rule"]["code"]) == ("WATER2", "drainage-D-1-D-2-01002")
    assert told["basis"]["text"] == "2026年第7次协调会纪要"
    beside = either.post("/v1/cases/route", json={**sent, "lon": round(SEAM - 0.001, 9)}).json()
    assert beside["department"]["code"] == "WATER"
    second = office.do("seams", "ruling", "drainage", "D-2", "D-1", "--class", "01001", "--to", "CITY").out.strip()
    assert office.do("draft", "checks", second).code == 0
    for wrong in (("drainage", "D-1", "D-9"), ("drainage", "D-1", "D-1")):
        assert office.run("seams", "ruling", *wrong, *asked[3:]).code == 5
    refused = office.run("seams", "ruling", *asked[:5], "--to", "NOBODY")
    assert (refused.code, "department_unknown" in refused.err) == (3, True)
    assert refused.out == ""
    assert office.do("draft", "list").out.count("01002") == 0
    assert second in office.do("draft", "list").out
