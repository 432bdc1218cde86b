"""Adding a reference layer, and replacing what it holds, as jobs."""

from pathlib import Path

import httpx
from fastapi import FastAPI

from api.keys import create_key
from gis.store.engine import writing
from tests.api.conftest import client
from tests.api.jobs.work import As, ended
from tests.api.small_world import SIDE, SOUTH, collection
from tests.api.test_cases import case
from tests.api.test_references import EAST_WEST, FEATURES, ROADS, publish
from tests.api.test_seams import SEAM, fill

NEW = collection([({**FEATURES[0][0], "RNAME": "长安街"}, EAST_WEST)])


ADD = {"reference": "true", "map": "name=RNAME", "title": "道路", "title_en": "Roads", "license": "CC BY 4.0"}


def send(caller: httpx.Client, layer: str = "roads", content: str = NEW, **asked: str) -> httpx.Response:
    asked = {"layer": layer, "filename": "r.geojson", "commit": "true", **asked}
    return caller.post("/v1/imports", params=asked, content=content)


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


def test_a_file_over_http_becomes_a_layer_with_a_collection_tiles_and_names(here: httpx.Client, town: FastAPI) -> None:
    looked = ended(here, town, send(here, **ADD, commit="false"))
    assert (looked["result"]["new"], looked["result"]["committed"]) == (1, False)
    job = ended(here, town, send(here, **ADD, source="survey 2026"))
    assert (job["state"], job["result"]["committed"]) == ("done", True)
    (item,) = here.get("/ogc/collections/roads/items").json()["features"]
    assert item["properties"]["name"] == "长安街"
    (layer,) = [each for each in here.get("/v1/layers").json()["layers"] if each["id"] == "roads"]
    assert layer["title"] == {"zh": "道路", "en": "Roads"}
    assert layer["about"] | {"updated": ""} == {
        "license": "CC BY 4.0", "source": "survey 2026", "note": "", "updated": "", "names": True,
    }  # fmt: skip
    assert here.get("/tiles/roads.json").status_code == 200
    again = send(here, **ADD)
    assert (again.status_code, again.json()["code"]) == (409, "layer_exists")
    wider = collection([({**FEATURES[0][0], "RNAME": "中山路"}, EAST_WEST)])
    assert ended(here, town, send(here, content=wider))["result"]["changed"] == 1


def test_what_cannot_become_a_layer_is_refused_at_once(town: FastAPI) -> None:
    with client(town) as caller:
        for asked, code in (
            ({"layer": "units"}, "layer_name_wrong"),
            ({"layer": "cases"}, "option_unfit"),
            ({"draft": "true"}, "option_unfit"),
            ({"reference": "false"}, "option_unfit"),
        ):
            answer = send(caller, **{**ADD, **asked})
            assert (answer.status_code, answer.json()["code"]) == (422, code), answer.text
            assert answer.json()["detail_zh"]
        assert caller.get("/v1/jobs").json()["items"] == []


def test_a_publisher_of_a_part_of_the_city_adds_layers_of_that_part(village: FastAPI, as_key: As) -> None:
    part = as_key("publisher", "440305")
    assert send(part, **ADD).json()["code"] == "prefix_missing"
    assert ended(part, village, send(part, **ADD, owner="440305"))["state"] == "done"
    assert part.get("/ogc/collections/roads/items").json()["numberMatched"] == 1


def test_seams_become_a_layer_over_http_alone(here: httpx.Client, town: FastAPI) -> None:
    fill(here)
    seams = here.get("/v1/seams")
    (told,) = seams.json()["features"]
    add = {"layer": "hotspots", "reference": "true", "map": "code=code", "title": "推诿热点边界"}
    job = ended(here, town, send(here, content=seams.text, **add))
    assert job["state"] == "done", job
    (item,) = here.get("/ogc/collections/hotspots/items").json()["features"]
    assert (item["id"], item["properties"]["cases"]) == (told["properties"]["code"], 2)
    assert item["geometry"]["type"] == "LineString"
    for number in (1, 2):
        tell_of(here, number)
    later = ended(here, town, send(here, content=here.get("/v1/seams").text, layer="hotspots"))
    assert (later["result"]["changed"], later["result"]["new"]) == (1, 0), "the code stays"


def tell_of(here: httpx.Client, number: int) -> None:
    """That a further case was returned beside the seam."""
    sent = case(source="12319", id=str(number), lon=SEAM + 0.0001, lat=SOUTH + SIDE / 2)
    assert here.post("/v1/cases", json=sent).status_code == 201
    steps = [{"department": "WATER2", "at": f"2026-05-0{day}T08:00:00+08:00", "result": what}
             for day, what in ((1, "dispatched"), (2, "returned"))]  # fmt: skip
    assert here.put(f"/v1/cases/12319/{number}/outcome", json={"hand_offs": steps}).status_code == 201
