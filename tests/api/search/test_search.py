"""Search over HTTP, in a small world with named roads, on both stores."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from api.app import create_app
from api.keys import create_key
from api.schemas.search import SearchAnswer
from api.settings import Settings
from gis.store.engine import Store, writing
from tests.api.conftest import client
from tests.api.small_world import SOUTH, UNITS, WEST
from tests.api.test_cases import case
from tests.api.test_references import FEATURES, ROADS, publish


@pytest.fixture
def roads(store_of_either: Store, tmp_path: Path) -> Store:
    assert publish(store_of_either, tmp_path, FEATURES, reference=ROADS).revision is not None
    return store_of_either


@pytest.fixture
def http(roads: Store) -> Iterator[httpx.Client]:
    app = create_app(Settings(), roads)
    app.state.worlds.poll_s = 0.0
    with client(app) as caller:
        yield caller


def hits(http: httpx.Client, q: str, **asked: Any) -> list[dict[str, Any]]:
    answer = http.get("/v1/search", params={"q": q, **asked})
    assert answer.status_code == 200, answer.text
    SearchAnswer.model_validate(answer.json())
    assert answer.json()["q"] == q
    found: list[dict[str, Any]] = answer.json()["hits"]
    return found


def first(http: httpx.Client, q: str, **asked: Any) -> tuple[str, str, str | None]:
    hit = hits(http, q, **asked)[0]
    return hit["kind"], hit["code"], hit["name"]


def test_a_name_is_found_in_chinese_pinyin_initials_and_english(http: httpx.Client) -> None:
    for typed in ("中山路", "中山", "zhongshanlu", "zhong shan lu", "zsl", "Zhongshan Rd", "ZHONGSHAN", "山路"):
        assert first(http, typed) == ("place", "1", "中山路"), typed


def test_a_hit_says_where_it_lies_and_in_which_divisions(http: httpx.Client) -> None:
    road = hits(http, "解放路")[0]
    assert road["layer"] == "roads"
    assert road["point"] == pytest.approx([WEST + 0.015, SOUTH + 0.005], abs=1e-6)
    assert road["bbox"] == pytest.approx([WEST + 0.015, SOUTH, WEST + 0.015, SOUTH + 0.01])
    assert road["in"] == ["广东省", "深圳市", "南山区", "南头街道", "第一社区"]
    unit = hits(http, UNITS[0])[0]
    assert unit["in"] == road["in"]


def test_codes_of_every_kind_are_found_whole_and_by_their_beginning(http: httpx.Client) -> None:
    assert first(http, UNITS[3])[:2] == ("unit", UNITS[3])
    assert first(http, "440305")[:2] == ("division", "440305")
    assert first(http, "D-1")[:2] == ("area", "D-1")
    assert first(http, "d-1")[:2] == ("area", "D-1")
    assert first(http, "WATER")[:2] == ("department", "WATER")
    assert first(http, "44030501037000001")[:2] == ("component", "44030501037000001")
    assert first(http, "01037")[:2] == ("class", "01037")
    begun = hits(http, UNITS[0][:12], limit=20)
    assert begun[0]["kind"] == "division"
    assert {each["code"] for each in begun if each["kind"] == "unit"} == set(UNITS[:3])
    scores = [each["score"] for each in begun]
    assert scores == sorted(scores, reverse=True)


def test_a_whole_code_goes_before_a_name_and_names_before_what_holds_them(http: httpx.Client) -> None:
    found = hits(http, "南头街道")
    assert (found[0]["kind"], found[0]["name"]) == ("division", "南头街道")
    assert (found[1]["kind"], found[1]["name"]) == ("department", "南头街道办")
    assert found[0]["score"] > found[1]["score"]


def test_coordinates_are_told_as_a_place_with_what_was_made_of_them(http: httpx.Client) -> None:
    (hit,) = hits(http, "114.005,22.505")
    assert (hit["kind"], hit["crs"], hit["in"][-1]) == ("coordinates", "CRS84", "第一社区")
    assert hit["point"] == [114.005, 22.505]
    assert "note" not in hit
    (turned,) = hits(http, "22.505,114.005")
    assert turned["point"] == [114.005, 22.505]
    assert "纬度" in turned["note"]["zh"]
    (shifted,) = hits(http, "114.005,22.505", crs="GCJ-02")
    assert shifted["point"] != [114.005, 22.505]


def test_only_the_kinds_that_are_asked_for_are_found(http: httpx.Client) -> None:
    assert {each["kind"] for each in hits(http, "南头街道", kinds="division")} == {"division"}
    assert hits(http, "114.005,22.505", kinds="unit") == []
    refused = http.get("/v1/search?q=a&kinds=animal")
    assert (refused.status_code, refused.json()["code"]) == (422, "search_kind_unknown")


def test_of_equally_close_hits_the_nearest_comes_first(http: httpx.Client) -> None:
    for near, code in ((f"{WEST},{SOUTH}", UNITS[0]), (f"{WEST + 0.029},{SOUTH}", UNITS[2])):
        found = hits(http, "440305001001", kinds="unit", near=near, limit=1)
        assert found[0]["code"] == code
    for near in ("x", "1,2,3", "500,500", "nan,nan", ""):
        assert http.get("/v1/search", params={"q": "a", "near": near}).json()["code"] == "near_wrong"


def test_cases_are_found_by_their_id_with_or_without_the_source(http: httpx.Client) -> None:
    assert http.post("/v1/cases", json=case(source="12345", id="A-7")).status_code == 201
    for typed in ("A-7", "12345/A-7"):
        hit = hits(http, typed)[0]
        assert (hit["kind"], hit["code"]) == ("case", "12345/A-7")
        assert hit["point"] is not None
    assert hits(http, "12345/A-8") == []


def test_a_key_finds_only_what_it_may_see(roads: Store) -> None:
    with writing(roads.world) as connection:
        _, secret = create_key(connection, "宝安", "viewer", "440306")
    app = create_app(Settings(), roads)
    with client(app, host="10.0.0.9", x_api_key=secret) as limited:
        assert {each["code"] for each in hits(limited, "44030", kinds="unit", limit=50)} == {UNITS[4]}
        assert hits(limited, "第一社区") == []
        assert first(limited, "第三社区")[:2] == ("division", "440306001001")
        assert first(limited, "中山路")[0] == "place"
        assert {each["code"] for each in hits(limited, "南山区")} == set()


HOSTILE = [
    *("%", "_", "%_%", "'", '"; DROP TABLE unit; --', "\\", "*", "?", "["),
    *("\x01\x02", "\u202e路", "𠀀", "🚧"),
]


@pytest.mark.parametrize("typed", HOSTILE)
def test_what_is_no_name_is_looked_for_as_it_stands(http: httpx.Client, typed: str) -> None:
    assert hits(http, typed) == []


def test_nothing_too_much_and_too_long_are_told(http: httpx.Client) -> None:
    assert hits(http, "") == hits(http, "  ") == []
    for asked, code in (
        ({"q": "路" * 1000}, "search_too_long"),
        ({"q": "a" * 10_000}, "search_too_long"),
        ({"q": "a\0b"}, "address_wrong"),
        ({"q": "a", "limit": 51}, None),
        ({}, None),
    ):
        answer = http.get("/v1/search", params=asked)
        assert answer.status_code in (422, 400)
        assert code in (None, answer.json()["code"])


def test_a_new_version_of_a_layer_is_found_at_once(roads: Store, http: httpx.Client, tmp_path: Path) -> None:
    assert hits(http, "长安街") == []
    renamed = [({**FEATURES[0][0], "RNAME": "长安街"}, FEATURES[0][1])]
    assert publish(roads, tmp_path, renamed).revision is not None
    assert first(http, "长安街")[0] == "place"
    assert hits(http, "解放路", kinds="place") == []


def test_a_located_point_is_told_in_words_when_that_is_asked_for(http: httpx.Client) -> None:
    where = {"lon": WEST + 0.0158, "lat": SOUTH + 0.005, "crs": "CRS84"}
    plain = http.get("/v1/locate", params=where).json()
    named = http.get("/v1/locate", params={**where, "names": "true"}).json()
    assert "place" not in plain
    assert {name: value for name, value in named.items() if name != "place"} == plain
    assert named["place"]["zh"] == "中山路与解放路口东80米"
    assert named["place"]["en"] == "80 m east of the crossing of Zhongshan Rd and Jiefang Rd"
    far = http.get("/v1/locate", params={**where, "lat": SOUTH + 0.2, "names": "true"}).json()
    assert "place" not in far


def test_many_points_are_told_in_words_too(http: httpx.Client) -> None:
    points = [[WEST + 0.015, SOUTH + 0.005], ["x"], [WEST + 0.03, SOUTH + 0.005]]
    body = {"points": points, "crs": "CRS84"}
    found = http.post("/v1/locate?names=true", json=body).json()["results"]
    assert [each.get("place", {}).get("zh") for each in found] == ["中山路与解放路口", None, "中山路上"]
    assert all("place" not in each for each in http.post("/v1/locate", json=body).json()["results"])
    lines = b"\n".join(b"[%f,%f]" % tuple(point) for point in (points[0], points[2]))
    streamed = http.post(
        "/v1/locate?names=true&crs=CRS84", content=lines, headers={"content-type": "application/x-ndjson"}
    )
    assert "中山路上" in streamed.text


def test_words_are_those_of_the_revision_that_is_asked_for(roads: Store, http: httpx.Client, tmp_path: Path) -> None:
    where = {"lon": WEST + 0.03, "lat": SOUTH + 0.005, "crs": "CRS84", "names": "true"}
    renamed = [({**FEATURES[0][0], "RNAME": "长安街"}, FEATURES[0][1])]
    assert publish(roads, tmp_path, renamed).revision is not None
    assert http.get("/v1/locate", params=where).json()["place"]["zh"] == "长安街上"
    assert http.get("/v1/locate", params={**where, "as_of": "7"}).json()["place"]["zh"] == "中山路上"
    assert "place" not in http.get("/v1/locate", params={**where, "as_of": "6"}).json()
