"""A draft's own OGC API below `/ogc/drafts/ID`, and `?draft=` on items: the state that the draft would leave."""

import json
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import jsonschema
import pytest
import shapely
from fastapi import FastAPI
from httpx import Client
from owslib.ogcapi.features import Features

from api.app import create_app
from api.keys import create_key
from api.ogc import overlay, pygeoapi_app
from api.settings import Settings
from gis.store.engine import Store, writing
from tests.api.conftest import client as call
from tests.api.ogc.conftest import COMMUNITY, SOUTH, STEP, WEST, serving, unit_code
from tests.api.ogc.test_clients import READ
from tests.api.ogc.test_items import ids, link, walk

FIRST, SECOND = unit_code(0, 0), unit_code(1, 0)
NEW = (f"{COMMUNITY}013", f"{COMMUNITY}014")


def split() -> dict[str, Any]:
    x = WEST + STEP / 2
    return {"op": "split", "unit": FIRST, "line": [[x, SOUTH - 0.0001], [x, SOUTH + STEP * 1.0001]]}


def component(code: str, x: float, **values: Any) -> dict[str, Any]:
    values = {"class_code": "01001", "edition": "2026", **values}
    shape = {"type": "Point", "coordinates": [round(WEST + x, 9), SOUTH]}
    return {"op": "put", "layer": "components", "owner": "440305", "code": code, "values": values, "geometry": shape}


EDITS = (
    split(),
    {"op": "set", "unit": SECOND, "attributes": {"note": "改"}},
    {"op": "remove", "layer": "components", "code": "C0003"},
    {"op": "remove", "layer": "components", "code": "C0024"},
    component("B0000", 0.0),
    component("C0005X", 0.0001),
    component("D0000", 0.0002, name="新"),
    {"op": "put", "layer": "components", "code": "C0010", "values": {"name": "改名"}},
    {"op": "put", "layer": "area_layers", "code": "roads", "values": {"title": "道路", "overlap": "none"}},
)
AFTER = sorted(
    ["B0000", "C0005X", "D0000", *(f"C{n:04}" for n in range(1, 24) if n != 3)], key=lambda code: code.encode()
)


@pytest.fixture
def app(world: Store) -> FastAPI:
    return create_app(Settings(), world)


@pytest.fixture
def client(app: FastAPI) -> Iterator[Client]:
    with call(app) as caller:
        yield caller


def begin(client: Client, *edits: dict[str, Any], **members: Any) -> str:
    made = client.post("/v1/drafts", json={"title": "拆分", **members})
    assert made.status_code == 201, made.text
    found: str = made.json()["id"]
    if edits:
        done = client.post(f"/v1/drafts/{found}/edits", json=list(edits))
        assert done.status_code == 200, done.text
    return found


@pytest.fixture
def draft(client: Client) -> Iterator[str]:
    """A draft over the world, discarded in the end: other tests share it."""
    made = begin(client, *EDITS)
    yield made
    client.delete(f"/v1/drafts/{made}")


def test_every_address_answers_as_json_and_as_html_and_every_link_leads_somewhere(client: Client, draft: str) -> None:
    base = f"/ogc/drafts/{draft}"
    seen: set[str] = set()
    waiting = [f"http://127.0.0.1:8000{base}"]
    while waiting:
        address = waiting.pop()
        if address in seen:
            continue
        seen.add(address)
        answer = client.get(address)
        assert answer.status_code == 200, (address, answer.text)
        assert answer.headers["Cache-Control"] == ("no-cache" if "/v1/" in address else "private, no-cache")
        if "json" not in answer.headers["content-type"] or "/v1/" in address:
            continue
        document = answer.json()
        for each in [document, *document.get("collections", ())]:
            for found in each.get("links", ()):
                assert found["href"].startswith((f"http://127.0.0.1:8000{base}", "http://127.0.0.1:8000/v1/drafts/"))
                waiting.append(found["href"])
    assert len(seen) > 60
    page = client.get(base, params={"f": "json", "lang": "zh"}).json()
    assert page["title"].endswith("草稿: 拆分")
    found = {each["rel"]: each["type"] for each in page["links"]}
    assert found["service-desc"] == "application/vnd.oai.openapi+json;version=3.0"
    assert {"self", "alternate", "service-desc", "service-doc", "conformance", "data"} <= found.keys()


def test_collections_are_told_as_those_in_force_without_an_instance_of_pygeoapi(
    client: Client, draft: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = client.get("/ogc/collections").json()["collections"]
    monkeypatch.setattr(pygeoapi_app, "API", None)  # whoever makes an instance now fails
    then = client.get(f"/ogc/drafts/{draft}/collections").json()["collections"]
    assert [each["id"] for each in then] == [*(each["id"] for each in now), "areas.roads"]
    for one, other in zip(now, then, strict=False):
        assert one.keys() - other.keys() <= {"extent"}
        assert other.keys() <= one.keys()
        alike = [
            sorted((found["rel"], found["type"], found["title"].replace("server", "draft")) for found in each["links"])
            for each in (one, other)
        ]
        assert alike[0] == alike[1]
        assert (one["crs"], one["itemType"], one["storageCrs"]) == (
            other["crs"],
            other["itemType"],
            other["storageCrs"],
        )
    assert client.get(f"/ogc/drafts/{draft}/collections/areas.roads").status_code == 200
    assert client.get("/ogc/collections/areas.roads/items").status_code == 404
    assert "extent" not in client.get(f"/ogc/drafts/{draft}/collections/departments").json()


@pytest.mark.parametrize("few", [1000, 1])
@pytest.mark.parametrize("form", ["/ogc/drafts/{}/collections/components/items", "/ogc/collections/components/items"])
def test_pages_hold_what_the_draft_leaves_in_order_by_links_and_by_offset(
    client: Client, draft: str, form: str, few: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(overlay, "FEW", few)
    address = form.format(draft)
    more = {} if draft in address else {"draft": draft}
    for limit in (1, 2, 3, 7, 100):
        page = client.get(address, params={"limit": limit, **more})
        assert page.json()["numberMatched"] == len(AFTER)
        assert walk(client, str(page.url)) == AFTER
        for offset in range(0, len(AFTER) + 3, max(1, limit // 3)):
            found = ids(client.get(address, params={"limit": limit, "offset": offset, **more}))
            assert found == AFTER[offset : offset + limit], (limit, offset)
    assert ids(client.get("/ogc/collections/components/items?limit=100")) == [f"C{n:04}" for n in range(1, 25)]


def test_filters_boxes_and_crs_hold_for_what_is_new(client: Client, draft: str) -> None:
    base = f"/ogc/drafts/{draft}/collections"
    assert ids(client.get(f"{base}/components/items", params={"name": "新"})) == ["D0000"]
    assert ids(client.get(f"{base}/components/items", params={"name": "改名"})) == ["C0010"]
    assert ids(client.get(f"{base}/components/items", params={"name": "井盖 10"})) == []
    box = [WEST + STEP * 0.1, SOUTH + STEP * 0.1, WEST + STEP * 0.9, SOUTH + STEP * 0.9]
    inside = {"bbox": ",".join(map(str, box))}
    assert ids(client.get(f"{base}/units/items", params=inside)) == list(NEW)
    assert ids(client.get("/ogc/collections/units/items", params=inside)) == [FIRST]
    half = {"bbox": f"{box[0]},{box[1]},{WEST + STEP * 0.4},{box[3]}"}
    assert len(ids(client.get(f"{base}/units/items", params=half))) == 1
    across = {"bbox": f"{box[0]},{box[1]},-170,{box[3]}"}  # two boxes, which the store alone does not answer
    assert ids(client.get(f"{base}/units/items", params={**across, "limit": 2})) == [SECOND, unit_code(2, 0)]
    swapped = client.get(f"{base}/units/items/{NEW[0]}", params={"crs": "http://www.opengis.net/def/crs/EPSG/0/4490"})
    shape = shapely.geometry.shape(swapped.json()["geometry"])
    assert shape.bounds[0] == pytest.approx(SOUTH)
    wide = {"bbox": "38534000,2480000,38540000,2520000"}
    assert client.get(f"{base}/units/items", params=wide).status_code in (200, 400)


def test_one_feature_has_a_strong_tag_of_its_own_content(client: Client, draft: str) -> None:
    base = f"/ogc/drafts/{draft}/collections/units/items"
    tags = {}
    for code in (NEW[0], SECOND, unit_code(3, 2)):
        answer = client.get(f"{base}/{code}")
        assert answer.json()["id"] == code
        tag = tags[code] = answer.headers["ETag"]
        assert tag.startswith('"')
        again = client.get(f"{base}/{code}", headers={"If-None-Match": tag})
        assert (again.status_code, again.content, again.headers["ETag"]) == (304, b"", tag)
    edit = {"op": "set", "unit": SECOND, "attributes": {"note": "再改"}}
    assert client.post(f"/v1/drafts/{draft}/edits", json=edit).status_code == 200
    later = {code: client.get(f"{base}/{code}").headers["ETag"] for code in tags}
    assert {code for code in tags if tags[code] != later[code]} == {SECOND}
    gone = client.get(f"{base}/{FIRST}")
    assert (gone.status_code, gone.json()["code"]) == (410, "feature_retired")
    assert gone.json()["successors"] == list(NEW)
    assert client.get(f"{base}/440305001001999").json()["code"] == "feature_unknown"
    assert client.get(f"/ogc/collections/units/items/{FIRST}").status_code == 200
    assert client.get(f"/ogc/collections/units/items/{FIRST}", params={"draft": draft}).status_code == 410


def test_a_draft_would_hold_from_now_on(client: Client, draft: str) -> None:
    items = f"/ogc/drafts/{draft}/collections/units/items"
    assert client.get(items, params={"datetime": "2024-06-01T00:00:00Z"}).json()["features"] == []
    for later in ("2124-06-01T00:00:00Z", "2024-06-01T00:00:00Z/..", "../2124-06-01"):
        assert client.get(items, params={"datetime": later}).json()["numberMatched"] == 13
    assert client.get(items, params={"datetime": "soon"}).json()["code"] == "time_wrong"
    for moment in ({"as_of": "1"}, {"datetime": "2024-06-01T00:00:00Z"}):
        told = client.get("/ogc/collections/units/items", params={"draft": draft, **moment})
        assert (told.status_code, told.json()["code"]) == (422, "moment_twice")
    for name in ("as_of", "draft", "bogus"):
        told = client.get(items, params={name: "1"})
        assert (told.status_code, told.json()["code"]) == (400, "parameter_unknown")


def test_a_draft_that_is_not_there_or_closed_is_told_everywhere(client: Client) -> None:
    made = begin(client)
    ends = ("", "/conformance", "/openapi", "/collections", "/collections/units", "/collections/units/schema",
            "/collections/units/queryables", "/collections/units/items", "/collections/units/items/1")  # fmt: skip
    for draft, status, code in (("none", 404, "draft_unknown"), (made, 410, "draft_closed")):
        client.delete(f"/v1/drafts/{made}")
        for end in ends:
            answer = client.get(f"/ogc/drafts/{draft}{end}")
            assert (answer.status_code, answer.json()["code"]) == (status, code), end
            assert answer.headers["content-type"] == "application/problem+json"
        told = client.get("/ogc/collections/units/items", params={"draft": draft})
        assert (told.status_code, told.json()["code"]) == (status, code)


def test_drafts_of_others_and_rows_of_others_are_not_seen(own_world: Store) -> None:
    with writing(own_world.world) as connection:
        whole, province = (
            create_key(connection, "all", "admin", "")[1],
            create_key(connection, "s", "viewer", "440305")[1],
        )
        other = create_key(connection, "o", "viewer", "440306")[1]
    app = create_app(Settings(), own_world)
    with call(app, x_api_key=whole) as admin, call(app, x_api_key=province) as near, call(app, x_api_key=other) as far:
        everywhere, mine = begin(admin, split()), begin(admin, split(), owner="440305")
        assert near.get(f"/ogc/drafts/{everywhere}").json()["code"] == "draft_unknown"
        items = f"/ogc/drafts/{mine}/collections/units/items"
        assert near.get(items).json()["numberMatched"] == 13
        assert far.get(items).json()["code"] == "draft_unknown"
        assert call(app).get(items).status_code == 401
        assert call(app).get(items, params={"key": province}).status_code == 200


def test_the_description_names_what_the_draft_has_and_no_moment(client: Client, draft: str) -> None:
    document = client.get(f"/ogc/drafts/{draft}/openapi").json()
    assert document["servers"] == [{"url": f"http://127.0.0.1:8000/ogc/drafts/{draft}"}]
    assert "/collections/areas.roads/items" in document["paths"]
    parameters = document["paths"]["/collections/units/items"]["get"]["parameters"]
    named = {each.get("$ref", "").rpartition("/")[2] for each in parameters}
    assert {"bbox", "datetime", "limit"} <= named
    assert not named & {"as_of", "draft"}
    for path, item in document["paths"].items():
        if "{" not in path:
            assert client.get(document["servers"][0]["url"] + path).status_code == 200, path
        assert item["get"]["responses"]["200"]
    schema = client.get(f"/ogc/drafts/{draft}/collections/units/schema").json()
    for each in client.get(f"/ogc/drafts/{draft}/collections/units/items?limit=100").json()["features"]:
        members = {name: value for name, value in each["properties"].items() if value is not None}
        jsonschema.validate(
            members, {**schema, "properties": {k: v for k, v in schema["properties"].items() if k != "geometry"}}
        )


def test_gdal_and_owslib_read_a_draft(app: FastAPI) -> None:
    with serving(app) as live, Client(base_url=live) as client:
        draft = begin(client, *EDITS)
        command = [sys.executable, "-c", READ, f"OAPIF:{live}/ogc/drafts/{draft}", "units"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, done.stderr
        read = json.loads(done.stdout)
        assert {*NEW, SECOND} <= set(read["codes"])
        assert FIRST not in read["codes"]
        assert "areas.roads" in read["layers"]
        service = Features(f"{live}/ogc/drafts/{draft}")
        assert "areas.roads" in service.feature_collections()
        assert service.collection_item("units", NEW[0])["id"] == NEW[0]
        found = [service.collection_items("components", limit=10, offset=at)["features"] for at in (0, 10, 20)]
        assert [each["id"] for page in found for each in page] == AFTER
        assert link(client.get(f"/ogc/drafts/{draft}/collections/units/items").json(), "next")
        client.delete(f"/v1/drafts/{draft}")
