"""Every failure is problem+json, says what to do in both languages, and is never the server's fault."""

import asyncio
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from hypothesis import given, settings
from hypothesis import strategies as st

from api.app import create_app
from api.http.problems import SENTENCES, TITLES, problem
from api.schemas.answers import Problem
from api.settings import Settings
from cases.reports import FIELDS
from gis.errors import Fault, Refusal, refuse
from gis.store.engine import Store, open_store
from tests.api.conftest import client

POSTS = ("/v1/locate", "/v1/cases/route", "/v1/cases")
MEMBERS = {"type", "title", "status", "detail", "detail_zh", "code"}


@pytest.fixture(scope="module")
def server(small_world: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """A caller of one application for the whole module, which may keep what it is sent."""
    folder = tmp_path_factory.mktemp("problems")
    for file in small_world.glob("wangge*.db*"):
        shutil.copy(file, folder / file.name)
    store = open_store(f"sqlite:///{folder / 'wangge.db'}")
    with client(create_app(Settings(), store)) as caller:
        yield caller
    store.close()


def check(response: httpx.Response) -> Problem:
    """The response is a problem, whole and the caller's own."""
    assert 400 <= response.status_code < 500, response.text
    assert response.headers["content-type"] == "application/problem+json"
    members = response.json()
    assert set(members) >= MEMBERS
    assert members["status"] == response.status_code
    assert members["type"] == f"/docs/errors#{members['code']}"
    assert members["detail"] != members["detail_zh"]
    return Problem.model_validate(members)


@pytest.mark.parametrize("path", POSTS)
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"not JSON",
        b'{"points": [[NaN, 1]], "crs": "CRS84"}',
        b'{"points": [[Infinity, 1]], "crs": "CRS84"}',
        b'{"lon": -Infinity}',
        b'{"lon": 1e999}',
        '{"crs": "坐标'.encode()[:-1] + b'"}',
        b"\xff\xfe{}",
        b'{"id": "\\ud800"}',
        b"[" * 100_000,
        b'{"a":' * 5_000 + b"1" + b"}" * 5_000,
    ],
)
def test_a_body_that_is_not_json_cannot_be_read(server: httpx.Client, path: str, body: bytes) -> None:
    response = server.post(path, content=body)
    assert (response.status_code, check(response).code) == (400, "json_wrong")


@pytest.mark.parametrize("path", POSTS)
@pytest.mark.parametrize("body", [None, True, 7, "text", {}, {"points": 7}, {"points": {}}])
def test_json_of_another_shape_is_refused(server: httpx.Client, path: str, body: Any) -> None:
    response = server.post(path, content=json.dumps(body).encode())
    assert response.status_code == 422
    check(response)


@pytest.mark.parametrize("path", POSTS)
def test_a_body_that_is_said_to_be_something_else_is_refused(server: httpx.Client, path: str) -> None:
    response = server.post(path, content=b"{}", headers={"content-type": "application/x-www-form-urlencoded"})
    assert (response.status_code, check(response).code) == (415, "content_type_wrong")


def test_members_that_nobody_knows_are_named(server: httpx.Client) -> None:
    located = server.post("/v1/locate", json={"points": [], "crs": "CRS84", "colour": 1})
    routed = server.post("/v1/cases/route", json={"lon": 114, "lat": 22, "crs": "CRS84", "colour": 1})
    for response in (located, routed):
        found = check(response)
        assert (found.code, "colour" in found.detail) == ("unknown_field", True)


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
    | st.sampled_from(["CRS84", "GCJ-02", "BD-09", "EPSG:4547", "EPSG:32650", "2026", "component", "1e400", "nan"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=8,
)
CASES = st.dictionaries(st.sampled_from([*FIELDS, "colour"]), VALUES)
POINTS = st.fixed_dictionaries(
    {},
    optional={
        "points": VALUES | st.lists(VALUES | st.tuples(st.floats(-1e300, 1e300), st.floats(-1e300, 1e300)), max_size=5),
        "crs": VALUES,
        "accuracy_m": VALUES,
        "as_of": VALUES,
    },
)


@given(path=st.sampled_from(POSTS), sent=VALUES | CASES | st.lists(CASES | VALUES, max_size=4) | POINTS)
@settings(max_examples=150, deadline=None)
def test_whatever_json_is_sent_it_is_answered_or_refused_in_words(server: httpx.Client, path: str, sent: Any) -> None:
    response = server.post(path, content=json.dumps(sent).encode())
    if response.status_code >= 400:
        check(response)


@given(
    lon=st.floats() | st.integers() | st.text(max_size=9),
    lat=st.floats() | st.floats(-90, 90),
    crs=st.sampled_from(["CRS84", "GCJ-02", "BD-09", "EPSG:4547", "EPSG:4513", "EPSG:3857", "EPSG:2056"]),
    as_of=st.none() | st.text(max_size=20) | st.integers().map(str) | st.datetimes().map(str),
)
@settings(max_examples=100, deadline=None)
def test_whatever_is_asked_in_an_address_is_answered_or_refused_in_words(
    server: httpx.Client, lon: Any, lat: float, crs: str, as_of: str | None
) -> None:
    asked = {"lon": str(lon), "lat": str(lat), "crs": crs, **({"as_of": as_of} if as_of is not None else {})}
    response = server.get("/v1/locate", params=asked)
    if response.status_code >= 400:
        check(response)


@given(
    lon=st.floats(allow_nan=False, allow_infinity=False) | st.integers(),
    lat=st.floats(allow_nan=False, allow_infinity=False) | st.integers(),
    crs=st.sampled_from(["CRS84", "GCJ-02", "BD-09", "EPSG:4547", "EPSG:4513", "EPSG:3857", "EPSG:2056"]),
)
@settings(max_examples=80, deadline=None)
def test_numbers_of_any_size_are_places_or_are_refused(server: httpx.Client, lon: float, lat: float, crs: str) -> None:
    position = {"lon": lon, "lat": lat, "crs": crs}
    for path, sent in (("/v1/cases/route", position), ("/v1/locate", {"points": [[lon, lat]], "crs": crs})):
        response = server.post(path, content=json.dumps(sent).encode())
        if response.status_code >= 400:
            check(response)


@pytest.mark.parametrize("path", ["/nope", "/v1", "/v1/nope", "/ogcx", "/tiles", "/map/nope.js", "/map/../../app.py"])
def test_an_unknown_address_is_a_problem_too(server: httpx.Client, path: str) -> None:
    response = server.get(path)
    assert (response.status_code, check(response).code) == (404, "not_found")


def test_a_method_that_does_not_fit_is_a_problem_too(server: httpx.Client) -> None:
    response = server.delete("/v1/locate")
    assert (response.status_code, check(response).code) == (405, "method_not_allowed")
    assert "GET" in response.headers["allow"]


def test_a_body_beyond_the_limit_is_refused_announced_or_not(store: Store) -> None:
    app = create_app(Settings(max_body_mb=0.001), store)
    response = client(app).post("/v1/locate", content=b"x" * 1001)
    assert (response.status_code, check(response).code) == (413, "body_too_large")
    assert client(app).post("/v1/locate", content=b" " * 1000).status_code == 400
    assert asyncio.run(send_in_parts(app, [b"x" * 600, b"x" * 600])) == 413
    assert asyncio.run(send_in_parts(app, [b" " * 400, b" " * 400])) == 400


async def send_in_parts(app: FastAPI, parts: list[bytes]) -> int:
    """The status of a body that does not say how long it is."""

    async def body() -> Any:
        for part in parts:
            yield part

    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8000") as caller:
        return (await caller.post("/v1/locate", content=body())).status_code


def test_a_fault_of_the_server_is_told_without_its_insides(app: FastAPI, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("the insides")

    monkeypatch.setattr("api.routers.locate.locate_answers", fail)
    response = client(app).get("/v1/locate?lon=114&lat=22.5&crs=CRS84")
    assert (response.status_code, response.json()["code"]) == (500, "internal")
    assert response.headers["content-type"] == "application/problem+json"
    assert "insides" not in response.text
    assert "Traceback" not in response.text


def test_the_language_is_the_callers_and_both_are_there(server: httpx.Client) -> None:
    path = "/v1/locate?lon=114&lat=22.5"
    english = server.get(path).json()
    for response in (
        server.get(path, headers={"accept-language": "zh-CN,zh;q=0.9,en;q=0.8"}),
        server.get(path + "&lang=zh"),
    ):
        chinese = response.json()
        assert chinese["detail"] == chinese["detail_zh"] == english["detail_zh"]
        assert chinese["detail_en"] == english["detail"]
        assert chinese["title"] == TITLES[422][1]
    assert server.get(path, headers={"accept-language": "fr, en;q=0.5, zh;q=0.1"}).json() == english
    assert server.get(path + "&lang=en", headers={"accept-language": "zh"}).json() == english
    assert server.get(path, headers={"accept-language": ";q=x,zh;q=x,,"}).json() == english


def test_a_problem_names_the_place_and_lists_several_faults() -> None:
    where = {"type": "Point", "coordinates": [114.0, 22.5]}
    alone = problem(refuse("overlap", "Two units overlap.", "单元网格重叠。", where=where, row=3, thing="u"))
    assert set(alone) == MEMBERS | {"where", "row", "thing"}
    several = problem(Refusal([Fault("a", "A.", "甲。"), Fault("b", "B.", "乙。", row=2)]))
    assert [each["code"] for each in several["errors"]] == ["a", "b"]
    assert several["code"] == "a"


def test_every_sentence_is_there_in_both_languages() -> None:
    assert all(en and zh and en != zh for en, zh in [*TITLES.values(), *SENTENCES.values()])
