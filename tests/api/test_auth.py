"""Who may call, and what."""

import base64
import logging
from collections.abc import Callable
from typing import Any

import pytest
from fastapi import FastAPI

from api.app import create_app
from api.auth import KEY_MASK, Doorkeeper, mask_keys
from api.keys import create_key, revoke_key
from api.settings import Settings
from gis.errors import Refusal
from gis.store.engine import Store, writing
from tests.api.conftest import client
from tests.api.small_world import UNITS, centre
from tests.api.test_cases import case

WHERE = "/v1/locate?lon=114.005&lat=22.505&crs=CRS84"
TILE = "/tiles/units/0/0/0.mvt"
OPEN = ("/healthz", "/readyz", "/map/", "/docs", "/docs/errors", "/openapi.json")
Issue = Callable[..., str]


@pytest.fixture
def issue(app: FastAPI, store: Store) -> Issue:
    """Make a key and tell its secret; what was remembered of keys is forgotten."""

    def make(role: str = "viewer", prefix: str = "") -> str:
        with writing(store.world) as connection:
            _, secret = create_key(connection, f"{role} {prefix}", role, prefix)
        app.state.door = Doorkeeper(store)
        return secret

    return make


def test_without_any_key_only_this_machine_may_call(app: FastAPI) -> None:
    for host in ("127.0.0.1", "127.0.0.9", "::1", "::ffff:127.0.0.1"):
        assert client(app, host).get(WHERE).status_code == 200
    for host in ("10.0.0.7", "192.168.1.5", "2001:db8::1"):
        response = client(app, host).get(WHERE)
        assert (response.status_code, response.json()["code"]) == (403, "local_only")
        assert "wangge keys create" in response.json()["detail"]


def test_without_any_key_neither_a_proxy_nor_another_site_counts_as_this_machine(app: FastAPI) -> None:
    assert client(app, x_forwarded_for="127.0.0.1").get(WHERE).status_code == 403
    assert client(app, origin="https://evil.example").get(WHERE).status_code == 403
    assert client(app, base="http://rebound.example:8000").get(WHERE).status_code == 403
    assert client(app, origin="http://localhost:5173").get(WHERE).status_code == 200
    assert client(app, base="http://localhost:8000").get(WHERE).status_code == 200


def test_an_own_public_address_counts_as_this_machine(store: Store) -> None:
    app = create_app(Settings(public_url="https://grid.example.cn"), store)
    assert client(app, base="https://grid.example.cn").get(WHERE).status_code == 200


@pytest.mark.parametrize("path", OPEN)
def test_some_pages_are_open_to_everybody(app: FastAPI, issue: Issue, path: str) -> None:
    assert client(app, "10.0.0.7").get(path).status_code == 200
    issue()
    assert client(app, "10.0.0.7").get(path).status_code == 200


def test_with_a_key_in_the_store_every_caller_needs_one(app: FastAPI, issue: Issue) -> None:
    issue()
    for host in ("127.0.0.1", "10.0.0.7"):
        for sent in ({}, {"x_api_key": "wg_wrong"}, {"authorization": "Bearer wg_wrong"}):
            response = client(app, host, **sent).get(WHERE)
            assert response.status_code == 401
            assert response.headers["WWW-Authenticate"].startswith("Bearer")
            assert response.json()["code"] == ("key_wrong" if sent else "key_missing")


def test_a_key_may_be_sent_in_every_usual_way(app: FastAPI, issue: Issue) -> None:
    secret = issue()
    basic = base64.b64encode(f"qgis:{secret}".encode()).decode()
    for sent in (
        {"authorization": f"Bearer {secret}"},
        {"authorization": f"bearer {secret}"},
        {"x_api_key": secret},
        {"authorization": f"Basic {basic}"},
    ):
        assert client(app, "10.0.0.7", **sent).get(WHERE).status_code == 200
    for wrong in ("Basic", "Basic !!!", "Basic " + base64.b64encode(b"\xff").decode(), "Digest x", "Bearer"):
        assert client(app, authorization=wrong).get(WHERE).status_code == 401


def test_a_key_in_the_address_opens_tiles_and_styles_only(app: FastAPI, issue: Issue) -> None:
    secret = issue("admin")
    caller = client(app, "10.0.0.7")
    for path in (TILE, "/tiles/units.json", "/styles/all.json"):
        assert caller.get(path).status_code == 401
        assert caller.get(path, params={"key": secret}).status_code in (200, 204)
    assert caller.get(WHERE + f"&key={secret}").status_code == 401
    assert caller.post(f"/v1/cases?key={secret}", json=case(source="s", id="1")).status_code == 401


def test_addresses_that_lead_on_keep_the_key_and_the_moment(app: FastAPI, issue: Issue) -> None:
    secret = issue()
    asked = {"key": secret, "as_of": "6"}
    document = client(app, "10.0.0.7").get("/tiles/units.json", params=asked).json()
    assert document["tiles"][0].endswith(f".mvt?as_of=6&key={secret}")


def test_a_viewer_routes_but_does_not_take_in(app: FastAPI, issue: Issue) -> None:
    viewer = client(app, x_api_key=issue("viewer"))
    inspector = client(app, x_api_key=issue("inspector"))
    assert viewer.post("/v1/cases/route", json=case()).status_code == 200
    refused = viewer.post("/v1/cases", json=case(source="s", id="1"))
    assert (refused.status_code, refused.json()["code"]) == (403, "role_missing")
    assert inspector.post("/v1/cases", json=case(source="s", id="1")).status_code == 201
    assert viewer.get("/v1/cases/s/1").status_code == 200


def test_a_key_sees_what_is_below_and_above_its_prefix(app: FastAPI, issue: Issue) -> None:
    caller = client(app, x_api_key=issue("viewer", "440306"))
    lon, lat = centre(0)
    assert caller.get(f"/v1/locate?lon={lon}&lat={lat}&crs=CRS84").json()["unit"] is None
    assert [each["code"] for each in caller.get("/v1/divisions").json()["items"]] == [
        "44",
        "4403",
        "440306",
        "440306001",
        "440306001001",
    ]
    assert caller.get(f"/v1/units/{UNITS[4]}").status_code == 200
    assert caller.get(f"/v1/units/{UNITS[0]}").status_code == 404
    units = next(each for each in caller.get("/v1/layers").json()["layers"] if each["id"] == "units")
    assert units["count"] == 1
    assert client(app, x_api_key=issue("viewer")).get(TILE).content != caller.get(TILE).content


def test_an_inspector_takes_in_cases_of_the_own_prefix_only(app: FastAPI, issue: Issue) -> None:
    everyone = client(app, x_api_key=issue("inspector"))
    caller = client(app, x_api_key=issue("inspector", "440306"))
    refused = caller.post("/v1/cases", json=case(0, source="s", id="1"))
    assert (refused.status_code, refused.json()["code"]) == (403, "prefix_missing")
    assert caller.post("/v1/cases", json=case(4, source="s", id="2")).status_code == 201
    assert everyone.post("/v1/cases", json=case(0, source="s", id="1")).status_code == 201
    assert caller.get("/v1/cases/s/1").status_code == 404
    assert caller.get("/v1/cases/s/2").status_code == 200


def test_a_revoked_key_is_refused_a_second_later_at_most(app: FastAPI, store: Store) -> None:
    with writing(store.world) as connection:
        create_key(connection, "another", "viewer", "")
        key, secret = create_key(connection, "to go", "viewer", "")
    app.state.door = Doorkeeper(store, kept_s=0)
    assert client(app, x_api_key=secret).get(WHERE).status_code == 200
    with writing(store.world) as connection:
        revoke_key(connection, key.id)
    assert client(app, x_api_key=secret).get(WHERE).status_code == 401


def test_a_hot_caller_costs_no_query_each_time(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    with writing(store.world) as connection:
        _, secret = create_key(connection, "hot", "viewer", "")
    door = Doorkeeper(store, kept_s=60)
    assert door.has_keys()
    assert door.find(secret) is not None
    asked: list[Any] = []
    monkeypatch.setattr("api.auth.reading", lambda engine: asked.append(engine))
    assert door.has_keys()
    assert door.find(secret) is not None
    assert not asked


def test_known_keys_go_on_while_the_store_is_away(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    with writing(store.world) as connection:
        _, secret = create_key(connection, "known", "viewer", "")
    door = Doorkeeper(store, kept_s=0)
    assert door.has_keys()
    known = door.find(secret)

    def away(engine: object) -> Any:
        from gis.errors import refuse

        raise refuse("store_down", "away", "离线", kind="unavailable")

    monkeypatch.setattr("api.auth.reading", away)
    assert door.has_keys()
    assert door.find(secret) == known
    with pytest.raises(Refusal, match="away"):
        door.find("wg_never_seen")


def test_keys_are_hidden_in_the_log_of_accesses() -> None:
    assert mask_keys("/tiles/a/1/1/1.mvt?key=wg_secret&as_of=3") == "/tiles/a/1/1/1.mvt?key=***&as_of=3"
    assert mask_keys("/x?as_of=3&KEY=wg_secret") == "/x?as_of=3&KEY=***"
    record = logging.LogRecord("uvicorn.access", 20, "", 0, "%s %s %d", ("1.2.3.4", "/x?key=wg_secret", 200), None)
    assert KEY_MASK.filter(record)
    assert record.getMessage() == "1.2.3.4 /x?key=*** 200"


def test_pages_of_other_origins_may_ask_first(app: FastAPI, issue: Issue) -> None:
    secret = issue()
    asked = {"origin": "https://maps.example", "access_control_request_method": "POST"}
    preflight = client(app, "10.0.0.7", **asked, access_control_request_headers="x-api-key").options("/v1/cases/route")
    assert preflight.status_code == 200
    answer = client(app, "10.0.0.7", origin="https://maps.example", x_api_key=secret).get(WHERE)
    assert answer.headers["access-control-allow-origin"] == "*"
    assert "Wangge-Revision" in answer.headers["access-control-expose-headers"]
