"""Pages and the OpenAPI document: complete, and without any other host."""

import re
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from jsonschema import Draft202012Validator

from api.http.pages import error_codes
from tests.api.conftest import client


@pytest.fixture
def document(http: httpx.Client) -> dict[str, Any]:
    return http.get("/openapi.json").json()


def references(value: Any) -> list[str]:
    if isinstance(value, dict):
        own = [each for key, each in value.items() if key == "$ref"]
        return own + [each for inner in value.values() for each in references(inner)]
    return [each for inner in value for each in references(inner)] if isinstance(value, list) else []


def test_the_document_of_operations_resolves_within_itself(document: dict[str, Any]) -> None:
    assert document["openapi"].startswith("3.1")
    found = references(document)
    assert found
    for reference in found:
        assert reference.startswith("#/")
        place: Any = document
        for part in reference[2:].split("/"):
            place = place[part]
    for schema in document["components"]["schemas"].values():
        Draft202012Validator.check_schema(schema)


def test_every_operation_has_its_summary_its_answers_and_a_name_of_its_own(document: dict[str, Any]) -> None:
    operations = [
        operation for verbs in document["paths"].values() for verb, operation in verbs.items() if verb != "parameters"
    ]
    assert len({each["operationId"] for each in operations}) == len(operations)
    for operation in operations:
        assert operation["summary"]
        assert any(status.startswith(("2", "default")) for status in operation["responses"])


def test_the_document_names_the_operations_of_the_contract(document: dict[str, Any]) -> None:
    paths = document["paths"]
    assert {"get", "post"} <= set(paths["/v1/locate"])
    assert "requestBody" in paths["/v1/locate"]["post"]
    for path in (
        "/v1/cases/route",
        "/v1/cases",
        "/v1/cases/{source}/{case_id}",
        "/v1/layers",
        "/v1/catalogue",
        "/v1/revisions",
        "/v1/divisions",
        "/v1/departments",
        "/v1/units/{code}",
        "/v1/areas/{layer}",
        "/tiles/{layer}/{z}/{x}/{y}.mvt",
        "/tiles/{layer}.json",
        "/styles/{style_id}.json",
        "/healthz",
        "/readyz",
    ):
        assert path in paths
    failure = paths["/v1/locate"]["get"]["responses"]["4XX"]["content"]
    assert failure == {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    assert "HTTPValidationError" not in document["components"]["schemas"]


def test_no_page_names_another_host(http: httpx.Client, document: dict[str, Any]) -> None:
    pages = [http.get(path).text for path in ("/map/", "/docs", "/docs/errors", "/openapi.json")]
    for page in pages:
        assert not re.search(r"(?:src|href|url\(|@import|\"url\":)[\"'=: (]*(?:https?:)?//", page)
        assert "cdn" not in page.lower()
    for path in ("/map/", "/docs", "/docs/errors"):
        assert http.get(path).headers["content-security-policy"].startswith("default-src 'self'")


def test_the_list_of_operations_shows_each_of_them(http: httpx.Client, document: dict[str, Any]) -> None:
    page = http.get("/docs").text
    for path, operations in document["paths"].items():
        assert f"<code>{path}</code>" in page
        assert all(operation.get("summary", "") in page for operation in operations.values())


def test_the_list_of_errors_has_the_place_that_a_problem_leads_to(http: httpx.Client) -> None:
    page = http.get("/docs/errors").text
    for path in ("/v1/locate?lon=1&lat=2", "/v1/units/x", "/nope", "/v1/locate?lon=200&lat=95&crs=CRS84"):
        kind = http.get(path).json()["type"]
        assert f"id='{kind.partition('#')[2]}'" in page
    assert len(error_codes()) > 60


def test_the_root_leads_to_the_map(http: httpx.Client) -> None:
    for path in ("/", "/map"):
        response = http.get(path)
        assert (response.status_code, response.headers["location"]) == (307, "/map/")


@pytest.fixture
def built(app: FastAPI, tmp_path: Path) -> httpx.Client:
    """A caller of a server whose page has one module and a hidden file."""
    folder = tmp_path / "app"
    (folder / "assets").mkdir(parents=True)
    (folder / "index.html").write_text("<!doctype html><title>page</title>")
    (folder / "assets" / "index-abc.mjs").write_text("export {};")
    (folder / ".built").write_text("")
    (tmp_path / "secret.txt").write_text("secret")
    app.state.page_folder = folder
    return client(app)


def test_the_map_page_is_served_with_assets_that_may_be_kept(built: httpx.Client) -> None:
    page = built.get("/map/")
    assert (page.status_code, page.headers["cache-control"]) == (200, "no-cache")
    asset = built.get("/map/assets/index-abc.mjs")
    assert asset.headers["content-type"].startswith("text/javascript")
    assert "immutable" in asset.headers["cache-control"]
    again = built.get("/map/assets/index-abc.mjs", headers={"if-none-match": asset.headers["etag"]})
    assert again.status_code == 304


@pytest.mark.parametrize("path", ["/map/.built", "/map/..%2fsecret.txt", "/map/assets", "/map/%2e%2e/secret.txt"])
def test_nothing_but_the_page_is_served_under_it(built: httpx.Client, path: str) -> None:
    assert built.get(path).status_code == 404


def test_a_page_that_was_not_built_says_how_to_build_it(app: FastAPI, tmp_path: Path) -> None:
    app.state.page_folder = tmp_path
    response = client(app).get("/map/")
    assert (response.status_code, "make setup" in response.text) == (503, True)
