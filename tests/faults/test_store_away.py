"""While the store is away what was read goes on being answered, and every answer says so."""

import os
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from api.app import create_app
from api.settings import Settings
from gis.errors import refuse
from gis.store.engine import Store, open_store
from tests.api.conftest import client, small_world, store  # noqa: F401  (fixtures)
from tests.api.small_world import UNITS, centre
from tests.api.test_cases import case

WHERE = "/v1/locate?lon=114.005&lat=22.505&crs=CRS84"
TILE = "/tiles/units/14/13380/7140.mvt"


@pytest.fixture
def watched(store: Store) -> FastAPI:  # noqa: F811
    """An application with a watch that looks when the test says so."""
    app = create_app(Settings(), store)
    app.state.watch.look()
    app.state.worlds.watched = True
    app.state.worlds.poll_s = 0.0
    return app


def take_away(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every reading of the store fail, as it does when the database is gone."""

    def away(engine: object) -> Any:
        raise refuse("store_down", "away", "离线", kind="unavailable")

    for module in ("api.worlds", "api.auth", "api.layers", "api.routers.tiles"):
        monkeypatch.setattr(f"{module}.reading", away, raising=False)


def test_lookups_routing_and_tiles_go_on_and_say_that_the_store_is_away(
    watched: FastAPI, monkeypatch: pytest.MonkeyPatch
) -> None:
    caller = client(watched)
    asked = (
        lambda: caller.get(WHERE),
        lambda: caller.post("/v1/cases/route", json=case()),
        lambda: caller.post(
            "/v1/locate?crs=CRS84", content=b"[114.005,22.505]\n", headers={"Content-Type": "application/x-ndjson"}
        ),
        lambda: caller.get(TILE),
    )
    before = [ask() for ask in (*asked, *asked)][len(asked) :]
    assert [each.status_code for each in before] == [200] * 4
    assert not any("Wangge-Store" in each.headers for each in before)
    take_away(monkeypatch)
    watched.state.watch.look()
    for _ in range(2):
        for ask, was in zip(asked, before, strict=True):
            now = ask()
            assert (now.status_code, now.content) == (200, was.content)
            assert now.headers["Wangge-Store"] == "down"
            assert now.headers["Wangge-Revision"] == was.headers["Wangge-Revision"]
    ready = caller.get("/readyz")
    assert (ready.status_code, ready.json()["store"], ready.json()["revision"]) == (200, "down", 6)
    assert ready.json()["age_s"] >= 0


def test_the_hot_way_goes_on_for_callers_who_are_known(watched: FastAPI, monkeypatch: pytest.MonkeyPatch) -> None:
    caller = client(watched)
    while not watched.state.door._passes:  # the caller is looked up while the first answers are given
        caller.get(WHERE)
    take_away(monkeypatch)
    watched.state.watch.look()
    watched.state.door.kept_s = 0.0  # what was known is old by now
    spots, answers = watched.state.watch.spots, []
    answer = spots.answer
    monkeypatch.setattr(spots, "answer", lambda *asked: answers.append(answer(*asked)) or answers[-1])
    found = caller.get(WHERE)
    assert (found.json()["unit"], found.headers["Wangge-Store"]) == (UNITS[0], "down")
    assert len(answers) == 1


def test_it_is_said_no_more_when_the_store_is_back(watched: FastAPI) -> None:
    caller = client(watched)
    with pytest.MonkeyPatch.context() as away:
        take_away(away)
        watched.state.watch.look()
        assert caller.get("/readyz").json()["store"] == "down"
    watched.state.watch.look()
    assert caller.get("/readyz").json()["store"] == "up"
    assert "Wangge-Store" not in caller.get(WHERE).headers


def test_a_file_that_is_gone_is_a_store_that_is_away(watched: FastAPI, store: Store) -> None:  # noqa: F811
    caller = client(watched)
    caller.get(WHERE)
    file = Path(str(store.world.url.database))
    store.close()
    os.rename(file, file.with_suffix(".away"))
    file.mkdir()  # or SQLite would make a new one
    try:
        watched.state.watch.look()
        found = caller.get(WHERE)
        assert (found.status_code, found.headers.get("Wangge-Store")) == (200, "down")
    finally:
        file.rmdir()
        os.rename(file.with_suffix(".away"), file)


def test_a_server_that_starts_while_the_store_is_away_answers_when_it_is_there(tmp_path: Path) -> None:
    elsewhere = open_store(f"sqlite:///{tmp_path / 'none' / 'wangge.db'}")
    app = create_app(Settings(), elsewhere)
    app.state.watch.look()
    response = client(app).get(WHERE)
    assert (response.status_code, response.json()["code"]) == (503, "store_down")
    assert centre(0)[0] > 0
    elsewhere.close()


def test_no_look_ends_the_watch(watched: FastAPI, monkeypatch: pytest.MonkeyPatch) -> None:
    watch, looked = watched.state.watch, []

    def fail() -> Any:
        looked.append(1)
        raise RuntimeError("a fault of ours")

    monkeypatch.setattr(watch.worlds, "renew", fail)
    watch._thread = None
    watch._end.clear()
    import threading

    thread = threading.Thread(target=watch._go_on)
    thread.start()
    while len(looked) < 3:
        assert thread.is_alive()
    watch._end.set()
    thread.join(5)
    assert client(watched).get(WHERE).status_code == httpx.codes.OK
