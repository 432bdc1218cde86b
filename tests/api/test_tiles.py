"""Tiles, TileJSON and styles over HTTP."""

from pathlib import Path

import httpx
import mapbox_vector_tile
import morecantile
import pytest

from api.app import create_app
from api.settings import Settings
from gis.store.engine import Store
from tests.api.conftest import client
from tests.api.small_world import UNITS, bring, centre, collection, square

SET = morecantile.tms.get("WebMercatorQuad")


def address(layer: str, zoom: int = 12, index: int = 0) -> str:
    """The address of the tile that holds the middle of a unit."""
    tile = SET.tile(*centre(index), zoom)
    return f"/tiles/{layer}/{tile.z}/{tile.x}/{tile.y}.mvt"


def decode(response: httpx.Response) -> dict:
    return mapbox_vector_tile.decode(response.content)


def test_a_tile_holds_the_units_with_their_fields(either: httpx.Client) -> None:
    response = either.get(address("units"))
    assert response.status_code == 200
    assert response.headers["content-type"] == "application/vnd.mapbox-vector-tile"
    assert response.headers["Wangge-Revision"] == "6"
    features = decode(response)["units"]["features"]
    assert {each["properties"]["code"] for each in features} == set(UNITS)
    assert {each["properties"]["note"] for each in features} == {"测试"}
    assert len({each["id"] for each in features}) == 5


@pytest.mark.parametrize("layer", ["divisions", "components", "areas.drainage"])
def test_every_layer_with_shapes_has_tiles_called_like_it(either: httpx.Client, layer: str) -> None:
    assert list(decode(either.get(address(layer)))) == [layer]


def test_a_tile_where_nothing_is_has_no_content(http: httpx.Client) -> None:
    response = http.get("/tiles/units/12/0/0.mvt")
    assert (response.status_code, response.content) == (204, b"")
    assert http.get("/tiles/gaps/0/0/0.mvt").status_code == 204


def test_a_tile_is_compressed_for_those_who_take_it(http: httpx.Client) -> None:
    plain = http.get(address("units"), headers={"accept-encoding": "identity"})
    zipped = http.get(address("units"), headers={"accept-encoding": "br, gzip;q=0.5"})
    refused = http.get(address("units"), headers={"accept-encoding": "gzip;q=0"})
    assert "content-encoding" not in plain.headers
    assert zipped.headers["content-encoding"] == "gzip"
    assert "content-encoding" not in refused.headers
    assert plain.content == zipped.content == refused.content
    assert "Accept-Encoding" in zipped.headers["vary"]
    assert plain.headers["etag"] != zipped.headers["etag"]


def test_a_tile_that_the_caller_has_is_not_sent_again(http: httpx.Client) -> None:
    first = http.get(address("units"))
    tag = first.headers["etag"]
    for known in (tag, f'"other", W/{tag}', "*"):
        again = http.get(address("units"), headers={"if-none-match": known})
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
    assert http.get(address("units"), headers={"if-none-match": '"other"'}).status_code == 200


def test_tiles_follow_a_publication_and_keep_their_past(store: Store, tmp_path: Path) -> None:
    app = create_app(Settings(), store)
    app.state.worlds.poll_s = 0
    with client(app) as caller:
        before, areas = caller.get(address("units")), caller.get(address("areas.drainage"))
        bring(store, tmp_path, "units", "more.geojson", collection([({"code": "440306001001002"}, square(5))]))
        after = caller.get(address("units"))
        assert len(decode(after)["units"]["features"]) == 6
        assert caller.get(address("areas.drainage")).headers["etag"] == areas.headers["etag"]
        past = caller.get(address("units") + "?as_of=6")
    assert past.content == before.content
    assert past.headers["etag"] == before.headers["etag"]
    assert "immutable" in past.headers["cache-control"]
    assert "no-cache" in after.headers["cache-control"]


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("/tiles/nothing/0/0/0.mvt", 404, "layer_unknown"),
        ("/tiles/nothing.json", 404, "layer_unknown"),
        ("/tiles/departments/0/0/0.mvt", 404, "layer_without_shapes"),
        ("/tiles/units/25/0/0.mvt", 404, "tile_outside"),
        ("/tiles/units/3/8/0.mvt", 404, "tile_outside"),
        ("/tiles/units/3/-1/0.mvt", 404, "tile_outside"),
        (f"/tiles/units/{'9' * 5000}/0/0.mvt", 422, "parameter_wrong"),
        ("/tiles/units/z/x/y.mvt", 422, "parameter_wrong"),
        ("/tiles/units/0/0/0.mvt?as_of=77", 404, "revision_unknown"),
        ("/tiles/units/0/0/0.png", 404, "not_found"),
        ("/styles/nothing.json", 404, "style_unknown"),
    ],
)
def test_a_tile_that_does_not_exist_is_refused(http: httpx.Client, path: str, status: int, code: str) -> None:
    response = http.get(path)
    assert (response.status_code, response.json()["code"]) == (status, code)


def test_tilejson_leads_to_the_tiles(http: httpx.Client) -> None:
    document = http.get("/tiles/units.json").json()
    assert document["tilejson"] == "3.0.0"
    assert document["bounds"] == pytest.approx([114.0, 22.5, 114.05, 22.51])
    tile = SET.tile(*centre(0), 12)
    path = document["tiles"][0].replace("{z}", "12").replace("{x}", str(tile.x)).replace("{y}", str(tile.y))
    assert http.get(path).status_code == 200
    assert http.get("/tiles/units.json?lang=zh").json()["name"] == "单元网格"


def test_a_style_names_every_layer_that_has_shapes(http: httpx.Client) -> None:
    document = http.get("/styles/all.json").json()
    assert set(document["sources"]) == {"units", "divisions", "gaps", "components", "areas.drainage"}
    for source in document["sources"].values():
        assert http.get(source["url"]).status_code == 200
    assert set(http.get("/styles/areas.drainage.json").json()["sources"]) == {"areas.drainage"}


def test_addresses_begin_with_the_public_one_behind_a_proxy(store: Store) -> None:
    app = create_app(Settings(public_url="https://grid.example.cn/city/"), store)
    assert client(app).get("/tiles/units.json").json()["tiles"][0].startswith("https://grid.example.cn/city/tiles/")
