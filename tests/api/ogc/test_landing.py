"""The landing page, the collections and the pages for people: pygeoapi's, and fit for browsers without a network."""

import re
from pathlib import Path

import pytest
from httpx import Client

from api.ogc.axes import OFFERED, STORAGE
from api.ogc.conformance import CLASSES
from tests.api.ogc.conftest import COLUMNS, ROWS, SOUTH, STEP, WEST

PATHS = (
    "/ogc",
    "/ogc/",
    "/ogc/conformance",
    "/ogc/openapi",
    "/ogc/collections",
    "/ogc/collections/units",
    "/ogc/collections/departments",
    "/ogc/collections/areas.drainage/schema",
    "/ogc/collections/areas.drainage/queryables",
    "/ogc/collections/areas.drainage/items",
    "/ogc/collections/areas.drainage/items/D-01",
    "/ogc/collections/departments/items/A1",
)


def links(document: dict) -> dict[str, list[dict]]:
    found: dict[str, list[dict]] = {}
    for link in document["links"]:
        found.setdefault(link["rel"], []).append(link)
    return found


def test_every_address_answers_as_json_and_as_html_in_both_languages(client: Client) -> None:
    for path in PATHS:
        for language in ("zh", "en"):
            as_json = client.get(path, params={"f": "json", "lang": language})
            assert as_json.status_code == 200, as_json.text
            assert "json" in as_json.headers["content-type"]
            page = client.get(path, params={"f": "html", "lang": language})
            assert page.status_code == 200
            assert page.headers["content-type"].startswith("text/html")
            assert f'<html lang="{"zh-CN" if language == "zh" else "en"}">' in page.text
            assert page.headers["content-language"] == language


def test_no_page_calls_an_outside_host(client: Client) -> None:
    for path in PATHS:
        page = client.get(path, params={"f": "html"})
        tags = re.findall(r"<(?:script|link|img|iframe|source|video|audio|object|embed)\b[^>]*>", page.text)
        assert not [tag for tag in tags if re.search(r"""(src|href|data)\s*=\s*["']?\s*(\w+:)?//""", tag)], path
        assert not re.search(r"url\(|@import|XMLHttpRequest|fetch\(", page.text)
        assert page.headers["content-security-policy"].startswith("default-src 'none'")


def test_no_template_calls_an_outside_host(project_root: Path) -> None:
    templates = list((project_root / "api/ogc/templates").rglob("*.html"))
    assert templates
    assert not [each for each in templates if "//" in each.read_text(encoding="utf-8").replace("{#", "")]


def test_the_landing_page_names_only_what_is_there(client: Client) -> None:
    page = client.get("/ogc").json()
    found = links(page)
    assert found["service-desc"][0]["type"] == "application/vnd.oai.openapi+json;version=3.0"
    assert {"self", "alternate", "service-desc", "service-doc", "conformance", "data"} <= set(found)
    for link in page["links"]:
        answer = client.get(link["href"])
        assert answer.status_code == 200, link
        assert (
            answer.headers["content-type"].split("; ")[0].startswith(link["type"].split(";")[0])
            or link["rel"] == "about"
        )


def test_every_link_of_a_collection_leads_somewhere(client: Client) -> None:
    document = client.get("/ogc/collections").json()
    for collection in document["collections"]:
        for link in collection["links"]:
            answer = client.get(link["href"])
            assert answer.status_code == 200, link
            assert answer.headers["content-type"].startswith(link["type"]), link


def test_a_collection_tells_its_extent_crs_and_item_type(client: Client) -> None:
    units = client.get("/ogc/collections/units").json()
    box = [WEST, SOUTH, WEST + STEP * COLUMNS, SOUTH + STEP * ROWS]
    assert units["extent"]["spatial"]["bbox"] == [[round(each, 9) for each in box]]
    assert units["extent"]["temporal"]["interval"] == [["2024-01-01T00:00:00Z", None]]
    assert units["itemType"] == "feature"
    assert units["crs"] == list(OFFERED)
    assert units["storageCrs"] == STORAGE
    assert STORAGE in units["crs"]
    assert links(units)["items"][0]["type"] == "application/geo+json"
    assert not [link for link in units["links"] if "ld+json" in link["type"] or "tileset" in link["rel"]]


def test_collections_without_geometry_tell_no_extent(client: Client) -> None:
    assert "spatial" not in client.get("/ogc/collections/departments").json()["extent"]
    assert "spatial" not in client.get("/ogc/collections/gaps").json()["extent"]


def test_layers_of_areas_are_collections_once_they_are_published(client: Client) -> None:
    ids = [each["id"] for each in client.get("/ogc/collections").json()["collections"]]
    assert ids == ["units", "divisions", "gaps", "components", "departments", "areas.drainage"]


@pytest.mark.parametrize(
    ("accept", "media_type"),
    [
        ("text/html,application/xhtml+xml,*/*;q=0.8", "text/html"),
        ("*/*", "application/json"),
        ("application/json, text/html;q=0.9", "application/json"),
        ("application/json;q=0.5, text/html", "text/html"),
        ("text/html;q=0", "application/json"),
        (";;q=,", "application/json"),
    ],
)
def test_the_format_is_what_the_client_likes_best(client: Client, accept: str, media_type: str) -> None:
    assert client.get("/ogc", headers={"accept": accept}).headers["content-type"].startswith(media_type)
    assert client.get("/ogc?f=json", headers={"accept": accept}).headers["content-type"] == "application/json"


@pytest.mark.parametrize("path", [*PATHS, "/ogc/collections/units/items?limit=1"])
def test_an_unknown_parameter_is_told_everywhere(client: Client, path: str) -> None:
    answer = client.get(path, params={"bboxx": "1"})
    assert (answer.status_code, answer.json()["code"]) == (400, "parameter_unknown")
    assert answer.headers["content-type"] == "application/problem+json"
    answer = client.get(path, params={"f": "jsonld"})
    assert (answer.status_code, answer.json()["code"]) == (400, "parameter_wrong")


@pytest.mark.parametrize("end", ["", "/schema", "/queryables", "/items", "/items/1"])
def test_an_unknown_collection_is_not_found(client: Client, end: str) -> None:
    answer = client.get("/ogc/collections/nowhere" + end)
    assert (answer.status_code, answer.json()["code"]) == (404, "layer_unknown")


def test_the_conformance_list_names_features_core_and_crs(client: Client) -> None:
    declared = client.get("/ogc/conformance").json()["conformsTo"]
    assert declared == list(CLASSES)
    base = "http://www.opengis.net/spec/ogcapi-features-"
    assert {f"{base}1/1.0/conf/{each}" for each in ("core", "geojson", "html", "oas30")} <= set(declared)
    assert f"{base}2/1.0/conf/crs" in declared
    assert not [each for each in declared if "cql2" in each or "features-4" in each or "tiles" in each]


def test_head_is_answered_like_get_without_a_body(client: Client) -> None:
    answer = client.head("/ogc/collections/units/items")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/geo+json"
