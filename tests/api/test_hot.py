"""The hot way gives the answers of the ordinary way, and leaves to it whatever it does not know."""

import random
from typing import Any
from urllib.parse import urlencode

import httpx
import orjson
import pyarrow as pa
import pytest
from fastapi import FastAPI
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from api.app import create_app
from api.auth import Doorkeeper
from api.keys import create_key, revoke_key
from api.lookups.batches import answer_batch
from api.lookups.hot import read_question
from api.settings import Settings
from gis import crs
from gis.store.engine import Store, writing
from tests.api.conftest import client
from tests.api.small_world import SIDE, SOUTH, UNITS, WEST, bring, centre, collection, square
from tests.api.test_cases import case


class Told:
    """Two applications on one store, one of them with a watch, and what the hot way answered."""

    def __init__(self, store: Store) -> None:
        self.hot, self.plain = create_app(Settings(), store), create_app(Settings(), store)
        self.hot.state.door = Doorkeeper(store, kept_s=600)  # whoever was let in stays so, however slow the machine
        self.hot.state.watch.look()
        self.here, self.there = client(self.hot), client(self.plain)
        self.answered = 0
        spots = self.hot.state.watch.spots
        for name in ("answer", "route"):
            setattr(spots, name, self._counted(getattr(spots, name)))
        self.enter()

    def _counted(self, ask: Any) -> Any:
        def counted(*given: Any) -> Any:
            found = ask(*given)
            self.answered += found is not None
            return found

        return counted

    def enter(self, **headers: str) -> None:
        """Ask until the caller is known: the first time goes the ordinary way, while the caller is looked up."""
        before, tries = self.answered, 0
        while self.answered == before:
            assert (tries := tries + 1) < 100
            self.here.get("/v1/locate?lon=114.005&lat=22.505&crs=CRS84", headers=headers)

    def is_hot(self, ask: Any) -> bool:
        """Whether both give the same answer, and whether the hot way gave it."""
        before = self.answered
        one, other = ask(self.here), ask(self.there)
        assert (one.status_code, one.content) == (other.status_code, other.content)
        kept = ("cache-control", "wangge-revision", "content-type", "content-length")
        assert [one.headers.get(name) for name in kept] == [other.headers.get(name) for name in kept]
        return self.answered > before


@pytest.fixture
def told(store: Store) -> Told:
    for index, name in enumerate(("police", "greening")):
        x, y = WEST + SIDE * 0.4 + index * 0.007, SOUTH + SIDE * 0.3
        ring = [[x, y], [x + 0.02, y], [x + 0.02, y + 0.01], [x, y + 0.01], [x, y]]
        shape = {"type": "Polygon", "coordinates": [ring]}
        areas = [({"code": f"{name}-1", "name": name, "department": "LIGHT"}, shape)]
        areas += [({"code": f"{name}-2", "name": "", "department": "CITY"}, square(1, 2))]
        file = f"{name}.geojson"
        bring(store, _folder(store), "areas", file, collection(areas), area_layer=name, overlap="allowed")
    return Told(store)


def _folder(store: Store) -> Any:
    from pathlib import Path

    return Path(str(store.world.url.database)).parent


def locate(**asked: object) -> Any:
    query = urlencode({name: str(value) for name, value in asked.items()})
    return lambda caller: caller.get(f"/v1/locate?{query}")


def test_many_points_are_answered_alike(told: Told) -> None:
    rng = random.Random(3)
    edges = [WEST + SIDE * k for k in range(6)] + [WEST + SIDE * 0.4, WEST + SIDE * 0.4 + 0.02]
    heights = [SOUTH, SOUTH + SIDE / 2, SOUTH + SIDE, SOUTH + SIDE * 0.3]
    hot = 0
    for number in range(600):
        x = rng.choice(edges) if number % 3 == 0 else round(rng.uniform(WEST - 0.001, WEST + 0.051), rng.randint(3, 14))
        y = rng.choice(heights) if number % 5 == 0 else round(rng.uniform(SOUTH - 0.001, SOUTH + 0.011), 13)
        nudge = rng.choice([0.0, 1e-11, -1e-11, 1e-9, 5e-8])
        asked = {"lon": x + nudge, "lat": y, "crs": rng.choice(["CRS84", "EPSG:4490"])}
        if number % 2:
            asked["accuracy_m"] = rng.choice([0.5, 5, 30])
        hot += told.is_hot(locate(**{name: repr(value).strip("'") for name, value in asked.items()}))
    assert hot > 450


@pytest.mark.parametrize("system", ["GCJ-02", "gcj02", "BD-09", "EPSG:4547", "4547", "EPSG:4490", "4490", "EPSG:4326"])
def test_every_system_is_answered_alike(told: Told, system: str) -> None:
    import numpy as np

    for index in range(5):
        ((x, y),) = crs.from_store(np.array([centre(index)]), crs.parse(system)).tolist()
        hot = told.is_hot(locate(lon=round(x, 9), lat=round(y, 9), crs=system))
        assert hot == (system != "gcj02")


BAD = [
    "", "lon=114.005", "lon=114.005&lat=22.505", "lon=114.005&lat=22.505&crs=", "lon=a&lat=b&crs=CRS84",
    "lon=114.005&lat=22.505&crs=nothing", "lon=22.5&lat=114.0&crs=CRS84", "lon=300&lat=95&crs=CRS84",
    "lon=30&lat=80&crs=CRS84", "lon=nan&lat=1&crs=CRS84", "lon=1e300&lat=1&crs=CRS84", "lon=1_1&lat=1&crs=CRS84",
    "lon=114.005&lat=22.505&crs=CRS84&accuracy_m=0", "lon=114.005&lat=22.505&crs=CRS84&accuracy_m=-1",
    "lon=114.005&lat=22.505&crs=CRS84&accuracy_m=99999", "lon=114.005&lat=22.505&crs=CRS84&accuracy_m=x",
    "lon=114.005&lat=22.505&crs=CRS84&as_of=99", "lon=114.005&lat=22.505&crs=CRS84&as_of=3",
    "lon=114.005&lat=22.505&crs=EPSG:9999", "lon=1&lat=1&crs=EPSG:4547", "lon=%00&lat=1&crs=CRS84",
    "lon=114.005&lat=22.505&lat=1&crs=CRS84", "lon=0&lat=0&crs=CRS84", "lon=-0.0&lat=-0.0&crs=CRS84",
]  # fmt: skip


@pytest.mark.parametrize("query", BAD)
def test_what_is_wrong_or_unusual_is_left_to_the_ordinary_way(told: Told, query: str) -> None:
    assert not told.is_hot(lambda caller: caller.get(f"/v1/locate?{query}"))


def test_parameters_may_come_in_any_order_and_unknown_ones_are_passed_over(told: Told) -> None:
    assert told.is_hot(lambda caller: caller.get("/v1/locate?accuracy_m=3&crs=EPSG%3A4490&lat=22.505&lon=114.005"))
    assert not told.is_hot(lambda caller: caller.get("/v1/locate?crs=CRS84&lat=22.505&lon=114.005&colour=red"))
    assert not told.is_hot(lambda caller: caller.get("/v1/locate?crs=CRS84&lat=22.505&lon=114.005&lang=zh"))


def test_many_cases_are_routed_alike(told: Told) -> None:
    rng = random.Random(5)
    hot = 0
    for number in range(200):
        members: dict[str, Any] = {
            "lon": rng.uniform(WEST, WEST + 0.05),
            "lat": rng.uniform(SOUTH, SOUTH + 0.01),
            "accuracy_m": rng.choice([1, 5, 100, 2000]),
            "class_code": rng.choice(["01002", "01037", "09001"]),
        }
        if number % 7 == 0:
            members["component_code"] = rng.choice(["44030501037000001", "none"])
        sent = case(**members)
        hot += told.is_hot(lambda caller, sent=sent: caller.post("/v1/cases/route", json=sent))
    assert hot == 200


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b"7", b'{"lon": 1}', b'{"lon": 114, "lat": 22.5, "crs": "CRS84", "colour": 1}',
     b'{"lon": 114.005, "lat": 22.505, "crs": "CRS84", "condition": "\\u0000"}', b"\xff", b"[1, {}]"],
)  # fmt: skip
def test_bodies_that_are_no_case_are_refused_alike(told: Told, body: bytes) -> None:
    kind = {"Content-Type": "application/json"}
    assert not told.is_hot(lambda caller: caller.post("/v1/cases/route", content=body, headers=kind))


ARROW = "application/vnd.apache.arrow.stream"
BATCH = "/v1/locate?crs=CRS84"


def points(**columns: Any) -> bytes:
    sink = pa.BufferOutputStream()
    batch = pa.record_batch(columns)
    with pa.ipc.new_stream(sink, batch.schema) as stream:
        stream.write_batch(batch)
    return bytes(sink.getvalue())


@pytest.fixture
def batched(told: Told, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Whether a body is answered alike, and by the hot way."""
    monkeypatch.setattr("api.lookups.hot.answer_batch", told._counted(answer_batch))

    def ask(body: bytes, path: str = BATCH, **headers: str) -> bool:
        named = {"content-type": ARROW, **{name.replace("_", "-"): value for name, value in headers.items()}}
        return told.is_hot(lambda caller: caller.post(path, content=body, headers=named))

    return ask


def test_short_arrow_streams_are_answered_alike(batched: Any) -> None:
    rng = random.Random(7)
    lon = [rng.uniform(WEST - 0.005, WEST + 0.055) for _ in range(500)]
    lat = [rng.uniform(SOUTH - 0.001, SOUTH + 0.011) for _ in range(500)]
    assert batched(points(lon=lon, lat=lat))
    assert batched(points(x=lon, y=lat), accept=ARROW)
    assert batched(points(lon=lon, lat=lat, accuracy_m=[rng.choice([5.0, 300.0, None]) for _ in lon]), accept="*/*")
    assert batched(points(lon=lon, lat=lat), BATCH.replace("CRS84", "GCJ-02"))
    assert batched(points(lon=pa.array([], pa.float64()), lat=pa.array([], pa.float64())))


def test_arrow_streams_that_are_wrong_or_unusual_are_left_to_the_ordinary_way(batched: Any) -> None:
    one = points(lon=[114.005], lat=[22.505])
    assert batched(one)
    for query in ("", "crs=nothing", "crs=CRS84&columns=all", "crs=CRS84&accuracy_m=5", "crs=CRS84&as_of=6", "crs="):
        assert not batched(one, f"/v1/locate?{query}")
    for body in (b"", one[:-20], b"nonsense", points(lon=[1.0]), points(lon=["a"], lat=["b"])):
        assert not batched(body)
    for lon, lat in ((22.5, 114.0), (300.0, 0.0), (float("nan"), 1.0)):
        assert not batched(points(lon=[114.005, lon], lat=[22.505, lat]))
    for headers in ({"accept": "application/json"}, {"origin": "http://localhost"}, {"content_type": "text/plain"}):
        assert not batched(one, **headers)
    assert not batched(points(lon=[114.005] * 70_000, lat=[22.505] * 70_000))


def test_a_key_sees_in_a_stream_what_its_prefix_allows(keyed: tuple[Told, str, str], batched: Any) -> None:
    told, _, part = keyed
    told.enter(Authorization=f"Bearer {part}")
    lon, lat = zip(*[centre(index) for index in range(5)], strict=True)
    assert batched(points(lon=lon, lat=lat), authorization=f"Bearer {part}")
    assert not batched(points(lon=lon, lat=lat))


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=60) | st.text("lonat=&crs84.-+%0123456789_e", max_size=60).map(str.encode))
def test_no_query_at_all_breaks_the_reading_of_it(query: bytes) -> None:
    read_question(query)


@pytest.fixture
def keyed(told: Told, store: Store) -> tuple[Told, str, str]:
    with writing(store.world) as connection:
        _, whole = create_key(connection, "whole", "viewer", "")
        _, part = create_key(connection, "part", "viewer", "440305001001")
    for app in (told.hot, told.plain):
        app.state.door = Doorkeeper(store, kept_s=600)
    return told, whole, part


def test_a_key_sees_alike_what_its_prefix_allows(keyed: tuple[Told, str, str]) -> None:
    told, whole, part = keyed
    hot = []
    for secret in (whole, part):
        named = {"Authorization": f"Bearer {secret}"}
        told.enter(**named)
        for index in range(5):
            lon, lat = centre(index)
            path = f"/v1/locate?lon={lon}&lat={lat}&crs=CRS84"
            hot.append(told.is_hot(lambda caller, path=path, named=named: caller.get(path, headers=named)))
    assert hot == [True] * 8 + [False] * 2


def test_without_a_key_or_with_a_wrong_one_the_ordinary_way_refuses(keyed: tuple[Told, str, str]) -> None:
    told, _, _ = keyed
    for named in ({}, {"X-API-Key": "wg_wrong"}, {"Authorization": "Basic !!!"}):
        for _ in range(2):
            path = "/v1/locate?lon=114.005&lat=22.505&crs=CRS84"
            assert not told.is_hot(lambda caller, path=path, named=named: caller.get(path, headers=named))


def test_a_revoked_key_soon_ends(told: Told, store: Store) -> None:
    import time

    with writing(store.world) as connection:
        key, secret = create_key(connection, "k", "viewer", "")
        create_key(connection, "other", "viewer", "")
    told.hot.state.door = Doorkeeper(store)
    caller = client(told.hot, x_api_key=secret)
    path = "/v1/locate?lon=114.005&lat=22.505&crs=CRS84"
    assert [caller.get(path).status_code for _ in range(3)] == [200] * 3
    with writing(store.world) as connection:
        revoke_key(connection, key.id)
    end = time.monotonic() + 10.0  # half a second where the machine is not busy
    while caller.get(path).status_code == 200:
        assert time.monotonic() < end, "the key still opens"
        time.sleep(0.02)


def test_proxies_and_other_sites_are_left_to_the_ordinary_way(told: Told) -> None:
    path = "/v1/locate?lon=114.005&lat=22.505&crs=CRS84"
    for named in ({"X-Forwarded-For": "1.2.3.4"}, {"Origin": "https://evil.example"}, {"Forwarded": "for=1"}):
        assert not told.is_hot(lambda caller, named=named: caller.get(path, headers=named))


def test_a_new_revision_is_answered_once_it_was_looked_for(told: Told, store: Store) -> None:
    path = "/v1/locate?lon=114.005&lat=22.505&crs=CRS84"
    before = told.here.get(path).json()["revision"]
    bring(store, _folder(store), "departments", "departments.csv", "code,name\nCITY,新名\n")
    told.hot.state.worlds.poll_s = 0.0
    told.hot.state.watch.look()
    assert told.here.get(path).json()["revision"] == before + 1


def test_a_revision_that_this_process_published_is_answered_before_anybody_looks_for_it(
    told: Told, store: Store
) -> None:
    ask = locate(lon=114.005, lat=22.505, crs="CRS84")
    before = ask(told.here).json()["revision"]
    bring(store, _folder(store), "departments", "departments.csv", "code,name\nCITY,新名\n")
    told.hot.state.worlds.renew_to(before + 1)
    assert told.hot.state.watch.spots.desk.revision == before
    assert ask(told.here).json()["revision"] == before + 1


def test_the_hot_questions_are_described_like_all_others(app: FastAPI) -> None:
    paths = app.openapi()["paths"]
    assert {each["name"] for each in paths["/v1/locate"]["get"]["parameters"]} == {
        "lon", "lat", "crs", "accuracy_m", "as_of", "draft", "names",
    }  # fmt: skip
    answer = paths["/v1/cases/route"]["post"]["responses"]["200"]["content"]
    assert orjson.dumps(answer)


def test_without_a_watch_nothing_is_hot(http: httpx.Client, app: FastAPI) -> None:
    assert app.state.watch.spots is None
    assert http.get("/v1/locate?lon=114.005&lat=22.505&crs=CRS84").json()["unit"] == UNITS[0]
