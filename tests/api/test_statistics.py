"""Statistics over HTTP: by places of then and now, classes, departments and periods; indicators; sheets; rights."""

import csv
import io
from pathlib import Path
from typing import Any

import httpx
import pytest
from openpyxl import load_workbook
from shapely.geometry import shape

from api.app import create_app
from api.keys import create_key
from api.schemas.statistics import StatisticsAnswer
from api.settings import Settings
from gis.store.engine import Store, writing
from tests.api.conftest import client
from tests.api.small_world import bring, centre, collection, square
from tests.api.test_cases import case
from tests.api.test_drafts import add, begin, publish

SENT = {"department": "WATER", "at": "2026-05-01T09:00:00+08:00", "result": "dispatched"}
BACK = {"department": "WATER", "at": "2026-05-01T21:00:00+08:00", "result": "returned"}
ON = {"department": "WATER2", "at": "2026-05-02T09:00:00+08:00", "result": "dispatched"}
DONE = {"department": "WATER2", "at": "2026-05-02T15:00:00+08:00", "result": "handled"}


def take(http: httpx.Client, name: str, unit: int, *hand_offs: Any, **members: Any) -> None:
    lon, lat = centre(unit)
    sent = case(source="hotline", id=name, lon=lon, lat=lat, **members)
    assert http.post("/v1/cases", json=sent).status_code == 201
    if hand_offs:
        told = http.put(f"/v1/cases/hotline/{name}/outcome", json={"hand_offs": hand_offs})
        assert told.status_code == 201, told.text


def ask(http: httpx.Client, **asked: Any) -> dict[str, Any]:
    response = http.get("/v1/statistics", params=asked)
    assert response.status_code == 200, response.text
    StatisticsAnswer.model_validate(response.json())
    return dict(response.json())


def rows(told: dict[str, Any], *names: str) -> list[tuple[Any, ...]]:
    return [tuple(each[name] for name in names) for each in told["items"]]


def code_of(response: httpx.Response) -> tuple[int, str]:
    return response.status_code, response.json()["code"]


@pytest.fixture
def filled(either: httpx.Client) -> httpx.Client:
    """Five cases of drains, the last in the other county and of the 2013 edition."""
    take(either, "1", 0, SENT, BACK, ON, DONE, reported_at="2026-05-01T00:30:00+08:00")
    take(either, "2", 1, SENT, reported_at="2026-04-30T23:30:00+08:00")
    take(either, "3", 2, reported_at="2026-07-01T08:00:00+08:00")
    take(either, "4", 3, reported_at="2026-05-01T08:00:00+08:00")
    take(either, "5", 4, edition="2013", class_code="0102", reported_at="2026-05-01T08:00:00+08:00")
    return either


def test_cases_are_summed_by_divisions_and_periods_of_the_zone(filled: httpx.Client) -> None:
    told = ask(filled, by="county", period="month")
    assert rows(told, "county", "county_name", "period", "received") == [
        ("440305", "南山区", "2026-04", 1),
        ("440305", "南山区", "2026-05", 2),
        ("440305", "南山区", "2026-07", 1),
        ("440306", "宝安区", "2026-05", 1),
    ]
    assert (told["totals"]["received"], told["totals"]["returned"], told["boundaries"]) == (5, 1, "then")
    assert ask(filled, **{"from": "2026-05-01", "to": "2026-06-01"})["totals"]["received"] == 3
    assert ask(filled, owner="440305001001")["totals"]["received"] == 3


def test_what_departments_did_is_summed_by_the_department_of_the_decision(filled: httpx.Client) -> None:
    told = ask(filled, by="department")
    found = rows(told, "department", "received", "fallback", "returned", "known", "right", "accuracy")
    assert found[-1] == ("WATER2", 1, 0, 0, 0, 0, None)
    assert ("WATER", 2, 0, 1, 1, 0, 0.0) in found
    assert {each["first"]: each["told"] for each in ask(filled, by="first")["items"]} == {"WATER": 2, None: 0}


def test_a_department_that_ended_counts_as_the_one_that_took_its_place_where_asked(filled: httpx.Client) -> None:
    draft = begin(filled)
    edits: list[dict[str, Any]] = [
        {"op": "put", "layer": "areas.drainage", "code": "D-2", "values": {"department": "WATER"}},
        {"op": "remove", "layer": "departments", "code": "WATER2"},
    ]
    assert add(filled, draft, *edits).status_code == 200
    assert publish(filled, draft).status_code == 200
    then, now = (ask(filled, by="department,handler", departments=each) for each in ("then", "now"))
    assert ("WATER2", None, 1) in rows(then, "department", "handler", "received")
    assert ("WATER", "WATER2", 1) in rows(then, "department", "handler", "received")
    assert {("WATER", None, 2), ("WATER", "WATER", 1)} <= set(rows(now, "department", "handler", "received"))
    assert (now["departments"], now["totals"]) == ("now", then["totals"])
    assert now["items"][0]["department_name"]


def test_classes_of_an_older_edition_are_told_as_those_of_the_newer_one(filled: httpx.Client) -> None:
    apart = ask(filled, by="class")
    assert rows(apart, "edition", "class_code", "received") == [("2013", "0102", 1), ("2026", "01002", 4)]
    whole = ask(filled, by="class", edition="GB/T 47678.5-2026")
    assert rows(whole, "edition", "class_code", "received") == [("2026", "01002", 5)]


def test_areas_are_those_of_then_of_now_or_of_a_revision(
    filled: httpx.Client, store_of_either: Store, tmp_path: Path
) -> None:
    then = rows(ask(filled, by="area.drainage"), "area.drainage", "received")
    assert then == [("D-1", 2), ("D-2", 1), (None, 2)]
    before = ask(filled)["revision"]
    moved = [({"code": "D-9", "name": "全片", "department": "WATER2", "priority": 0}, square(0, 3))]
    bring(store_of_either, tmp_path, "areas", "moved.geojson", collection(moved), area_layer="drainage")
    with client(create_app(Settings(), store_of_either)) as later:  # which knows the newest revision at once
        take(later, "6", 0)
        found = {
            name: rows(ask(later, by="area.drainage", boundaries=name), "area.drainage", "received")
            for name in ("then", "now", str(before))
        }
        gone = ask(later, by="area.drainage")["items"][0]
    assert found["then"] == [("D-1", 2), ("D-2", 1), ("D-9", 1), (None, 2)]
    assert found["now"] == [("D-9", 4), (None, 2)]
    assert found[str(before)] == [("D-1", 3), ("D-2", 1), (None, 2)]
    assert (gone["area.drainage.name"], gone["area.drainage.owner"]) == ("西片", "")


def test_components_are_counted_by_class_state_and_place(either: httpx.Client) -> None:
    told = ask(either, what="components", by="street,class,state,owner")
    assert rows(told, "street", "class_code", "class_name", "state", "owner", "owner_name", "components") == [
        ("440305001", "01037", "路灯", "完好", "LIGHT", "路灯所", 1)
    ]
    assert (told["totals"], told["boundaries"]) == ({"components": 1}, "now")


def test_indicators_are_told_with_what_was_zero_and_never_as_a_silent_zero(filled: httpx.Client) -> None:
    told = ask(filled, indicators="cjt292", view="region", by="county")
    nanshan, baoan = told["items"]
    assert nanshan["indicators"]["closing"] == 0.0
    assert baoan["indicators"]["rework"] is None
    assert baoan["undefined"] == {
        "rework": "handled + closed",
        "returning": "told",
        "passing": "told",
        "days-lost": "returned",
    }
    assert baoan["score_weight"] < baoan["whole_weight"]
    assert "read second-hand" in told["indicators"]["after"]
    posts = ask(filled, indicators="cjt292", view="post")["items"]
    assert [(each["source"], each["indicators"]["accuracy"]) for each in posts] == [("hotline", 0.0)]
    by_day = ask(filled, indicators="cjt292", view="post", period="day")
    assert by_day["items"][0]["indicators"] == {}
    assert by_day["by"] == ["source"]


def test_the_same_comes_as_a_sheet_in_either_language(filled: httpx.Client) -> None:
    asked = {"by": "county,class", "indicators": "cjt292", "view": "region"}
    sheet = filled.get("/v1/statistics", params={**asked, "format": "csv", "lang": "zh"})
    table = list(csv.DictReader(io.StringIO(sheet.content.decode("utf-8-sig"))))
    assert [(each["county名称"], each["类别代码"], each["受理"]) for each in table] == [
        ("南山区", "01002", "4"),
        ("宝安区", "0102", "1"),
    ]
    assert (table[1]["指标.返工率（rework）"], table[1]["指标.返工率（rework）.除数为零"]) == ("", "handled + closed")
    book = filled.get("/v1/statistics", params={**asked, "format": "xlsx"})
    cells = list(load_workbook(io.BytesIO(book.content)).active.values)  # type: ignore[union-attr]
    assert (cells[0][0], cells[1][0], cells[2][0]) == ("county", "440305", "440306")


def test_a_map_has_the_shapes_of_its_groups(filled: httpx.Client) -> None:
    told = filled.get("/v1/statistics", params={"by": "class,community", "format": "geojson"})
    assert told.headers["content-type"] == "application/geo+json"
    found = {each["properties"]["community"]: each for each in told.json()["features"]}
    assert {code: each["properties"]["received"] for code, each in found.items()} == {
        "440305001001": 3,
        "440305001002": 1,
        "440306001001": 1,
    }
    assert shape(found["440305001002"]["geometry"]).equals(shape(square(3)))
    areas = filled.get("/v1/statistics", params={"by": "area.drainage", "format": "geojson"}).json()["features"]
    assert [each["properties"]["area.drainage"] for each in areas] == ["D-1", "D-2"]
    assert code_of(filled.get("/v1/statistics", params={"by": "class", "format": "geojson"})) == (
        422,
        "statistics_wrong",
    )


def test_what_makes_no_sense_is_refused_in_words(http: httpx.Client) -> None:
    wrong: list[dict[str, str]] = [
        {"what": "trees"},
        {"by": "village"},
        {"by": "street,street"},
        {"view": "region"},
        {"indicators": "cjt292"},
        {"indicators": "cjt292", "view": "world"},
        {"edition": "dc"},
        {"departments": "soon"},
        {"what": "components", "period": "month"},
        {"what": "components", "boundaries": "then"},
    ]
    for asked in wrong:
        assert code_of(http.get("/v1/statistics", params=asked)) == (422, "statistics_wrong"), asked
    for owner in ("%", "44030", "4403０5", "x", "4403050010010011"):
        assert code_of(http.get("/v1/statistics", params={"owner": owner})) == (422, "owner_wrong"), owner
    assert code_of(http.get("/v1/statistics", params={"period": "decade"})) == (422, "period_unknown")
    assert code_of(http.get("/v1/statistics", params={"by": "area.x"})) == (404, "area_layer_unknown")
    assert code_of(http.get("/v1/statistics", params={"indicators": "x", "view": "post"})) == (
        404,
        "indicator_set_unknown",
    )
    assert code_of(http.get("/v1/statistics", params={"boundaries": "99"})) == (404, "revision_unknown")


def test_nothing_taken_in_is_told_as_nothing(either: httpx.Client) -> None:
    told = ask(either, by="street,area.drainage,class,department", period="week", indicators="cjt292", view="region")
    assert (told["items"], told["totals"]["received"], told["totals"]["score"]) == ([], 0, None)


def test_a_key_sums_what_lies_below_its_prefix(filled: httpx.Client, store_of_either: Store) -> None:
    with writing(store_of_either.world) as connection:
        _, secret = create_key(connection, "baoan", "viewer", "440306")
    with client(create_app(Settings(), store_of_either), "10.0.0.9", authorization=f"Bearer {secret}") as caller:
        assert ask(caller)["totals"]["received"] == 1
        assert ask(caller, boundaries="now", owner="440306001")["totals"]["received"] == 1
        assert caller.get("/v1/statistics", params={"owner": "440305"}).status_code == 403


def test_a_set_of_ones_own_is_asked_for_by_its_code(store: Store, tmp_path: Path) -> None:
    file = tmp_path / "own.yaml"
    file.write_text("code: mine\nindicators: [{code: double, name: 两倍, formula: 2 * received}]\n", encoding="utf-8")
    with client(create_app(Settings(indicators=str(file)), store)) as caller:
        take(caller, "1", 0)
        told = ask(caller, indicators="mine", view="department")
        assert told["items"][0]["indicators"] == {"double": 2.0}
        assert told["items"][0]["score"] is None
