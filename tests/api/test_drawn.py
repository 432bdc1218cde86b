"""Tiles of a revision that was published under a running server are those of one that reads all of it."""

from collections.abc import Iterator
from typing import Any

import httpx
import morecantile
import pytest
from fastapi import FastAPI

from api import drawn
from api.app import create_app
from api.settings import Settings
from gis.store.engine import Store
from gis.store.scope import EVERYTHING
from tests.api.conftest import client
from tests.api.small_world import UNITS, centre
from tests.api.test_drafts import add, begin, publish, split
from tiles.vector import TileSource

SET = morecantile.tms.get("WebMercatorQuad")
LAYERS = ("units", "divisions", "components", "areas.drainage")
ZOOMS = (5, 12, 14, 16)
EDITS: tuple[list[dict[str, Any]], ...] = (
    [split(0)],
    [{"op": "set", "unit": UNITS[1], "attributes": {"name": "新名", "note": "测试"}}],
    [{"op": "merge", "units": [UNITS[1], UNITS[2]]}],
    [split(3), split(4, 0.3)],
)


def address(layer: str, zoom: int, index: int) -> str:
    place = SET.tile(*centre(index), zoom)
    return f"/tiles/{layer}/{place.z}/{place.x}/{place.y}.mvt"


def tiles(http: httpx.Client, as_of: int | None = None) -> dict[str, tuple[int, bytes, str]]:
    """The tiles around all units, in the order in which they are asked for."""
    asked = {"as_of": str(as_of)} if as_of else {}
    found = {}
    for layer in LAYERS:
        for zoom in ZOOMS:
            for index in range(5):
                path = address(layer, zoom, index)
                told = http.get(path, params=asked)
                found[path] = told.status_code, told.content, told.headers["etag"]
    return found


@pytest.fixture
def app(store_of_either: Store) -> FastAPI:
    return create_app(Settings(), store_of_either)


@pytest.fixture
def http(app: FastAPI) -> Iterator[httpx.Client]:
    with client(app) as caller:
        yield caller


def test_tiles_follow_every_publication_and_equal_those_read_anew(
    app: FastAPI, http: httpx.Client, store_of_either: Store
) -> None:
    kept = {6: tiles(http)}
    for edits in EDITS:
        draft = begin(http)
        assert add(http, draft, *edits).status_code == 200
        made = publish(http, draft)
        assert made.status_code == 200, made.text
        number = made.json()["revision"]["number"]
        kept[number] = tiles(http)
        with client(create_app(Settings(), store_of_either)) as other:
            assert tiles(other) == kept[number]
        assert kept[number] != kept[number - 1]
    for number, before in kept.items():
        assert tiles(http, number) == before  # what was, is as it was


def test_only_tiles_in_which_something_changed_are_drawn_again(
    http: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    encode, drawn_again = TileSource.encode, []
    monkeypatch.setattr(TileSource, "encode", lambda self, *given: drawn_again.append(given) or encode(self, *given))
    near, far = address("units", 18, 0), address("units", 18, 4)
    before = http.get(near), http.get(far)
    assert len(drawn_again) == 2
    draft = begin(http)
    add(http, draft, split(0, 0.4))
    publish(http, draft)
    after = http.get(near), http.get(far)
    assert len(drawn_again) == 3
    assert after[1].headers["etag"] == before[1].headers["etag"]
    assert after[0].headers["etag"] != before[0].headers["etag"]
    assert {each.headers["wangge-revision"] for each in after} == {"7"}
    http.get(far)
    assert len(drawn_again) == 3


def test_a_publication_reads_no_layer_whole_again(http: httpx.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = []
    read = drawn._read
    monkeypatch.setattr(drawn, "_read", lambda *given: whole.append(given) or read(*given))
    http.get(address("units", 14, 0))
    draft = begin(http)
    add(http, draft, split(0))
    publish(http, draft)
    assert http.get(address("units", 14, 0)).status_code == 200
    assert len(whole) == 1


def test_an_older_version_is_read_for_itself_and_the_newest_stays(app: FastAPI, http: httpx.Client) -> None:
    draft = begin(http)
    add(http, draft, split(0))
    publish(http, draft)
    http.get(address("units", 14, 0))
    layers: drawn.DrawnLayers = app.state.drawn
    (growth,) = (place.growth for (name, scope, _), place in layers._places.items() if name == "units")
    assert growth is not None
    newest = growth.newest
    assert newest[0] == 7
    http.get(address("units", 14, 0), params={"as_of": "6"})
    assert growth.newest == newest
    assert {scope for _, scope, _ in layers._places} == {EVERYTHING}
