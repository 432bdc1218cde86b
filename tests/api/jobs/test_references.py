"""Replacing what a reference layer holds, as a job."""

from pathlib import Path

import httpx
from fastapi import FastAPI

from api.keys import create_key
from gis.store.engine import writing
from tests.api.conftest import client
from tests.api.jobs.work import ended
from tests.api.small_world import collection
from tests.api.test_references import EAST_WEST, FEATURES, ROADS, publish

NEW = collection([({**FEATURES[0][0], "RNAME": "长安街"}, EAST_WEST)])


def send(caller: httpx.Client, layer: str = "roads") -> httpx.Response:
    return caller.post("/v1/imports", params={"layer": layer, "filename": "r.geojson", "commit": "true"}, content=NEW)


def test_a_file_over_http_replaces_the_content_of_a_layer_that_is_there(
    here: httpx.Client, town: FastAPI, tmp_path: Path
) -> None:
    assert send(here).json()["code"] == "layer_unknown"
    assert publish(town.state.store, tmp_path, FEATURES, reference=ROADS).revision is not None
    job = ended(here, town, send(here))
    assert (job["state"], job["result"]["changed"], job["result"]["gone"]) == ("done", 1, 1)
    items = here.get("/ogc/collections/roads/items").json()["features"]
    assert [each["properties"]["name"] for each in items] == ["长安街"]


def test_a_publisher_of_a_part_of_the_city_cannot_replace_what_belongs_to_all(town: FastAPI, tmp_path: Path) -> None:
    store = town.state.store
    assert publish(store, tmp_path, FEATURES, reference=ROADS).revision is not None
    with writing(store.world) as connection:
        _, part = create_key(connection, "南山", "publisher", "440305")
    with client(town, x_api_key=part) as caller:
        job = ended(caller, town, send(caller))
        assert (job["state"], job["problem"]["code"]) == ("failed", "prefix_missing")
        assert caller.get("/ogc/collections/roads/items").json()["numberMatched"] == 2
