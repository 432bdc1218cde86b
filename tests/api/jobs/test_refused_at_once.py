"""What can be told before a job runs is told at once, and leaves no job behind."""

import httpx
import pytest
from fastapi import FastAPI

from api.app import create_app
from api.settings import Settings
from gis.store.engine import Store
from tests.api.conftest import client
from tests.api.jobs.work import ended


@pytest.fixture
def here(village: FastAPI) -> httpx.Client:
    return client(village)


def check_refused(caller: httpx.Client, answer: httpx.Response, status: int, code: str) -> None:
    problem = answer.json()
    assert (answer.status_code, problem["code"]) == (status, code), answer.text
    assert problem["detail"]
    assert problem["detail_zh"]
    assert caller.get("/v1/jobs").json()["items"] == []


@pytest.mark.parametrize(
    ("asked", "status", "code"),
    [
        ({"layer": "gaps"}, 404, "layer_unknown"),
        ({"layer": "catalogue"}, 404, "layer_unknown"),
        ({"layer": "areas.nobody"}, 404, "layer_unknown"),
        ({"layer": "rules", "propose": True}, 422, "nothing_to_propose"),
    ],
)
def test_a_check_of_what_has_no_checks(here: httpx.Client, asked: dict[str, object], status: int, code: str) -> None:
    check_refused(here, here.post("/v1/checks", json=asked), status, code)


def test_a_layer_of_areas_that_is_there_is_checked(here: httpx.Client, village: FastAPI) -> None:
    assert ended(here, village, here.post("/v1/checks", json={"layer": "areas.drainage"}))["state"] == "done"


@pytest.mark.parametrize(
    ("name", "content", "code"),
    [
        ("LICENSE", b"All rights", "format_unknown"),
        ("units.prj", b'GEOGCS["x"]', "format_unknown"),
        ("report.docx", b"PK", "format_unknown"),
        ("units.shp", b"\0\0\x27\x0a" + b"\0" * 96, "file_unreadable"),
        ("units.dbf", b"\x03", "file_unreadable"),
        ("units.gpkg", b"PK\3\4", "file_unreadable"),
        ("units.zip", b"Rar!", "file_unreadable"),
    ],
)
def test_a_file_that_is_no_delivery(here: httpx.Client, village: FastAPI, name: str, content: bytes, code: str) -> None:
    answer = here.post("/v1/imports", params={"layer": "units", "filename": name}, content=content)
    check_refused(here, answer, 400, code)
    assert [each.name for each in (village.state.settings.data / "jobs").iterdir() if each.is_dir()] == []


def test_a_raster_that_is_none_or_has_a_name_that_is_taken(store: Store, village: FastAPI, here: httpx.Client) -> None:
    def send(name: str, content: bytes) -> httpx.Response:
        return here.post("/v1/rasters", params={"name": name, "filename": "a.tif"}, content=content)

    check_refused(here, send("a", b"hello"), 400, "raster_not_tiff")
    check_refused(here, send("a b", b"hello"), 422, "raster_name_wrong")


def test_a_grid_of_a_density_that_is_none(here: httpx.Client) -> None:
    answer = here.post("/v1/densities", json={"what": "components", "cell": 0})
    check_refused(here, answer, 422, "density_wrong")
    answer = here.post("/v1/densities", json={"what": "components", "crs": "nobody"})
    check_refused(here, answer, 422, "crs_unknown")


def test_the_application_of_a_test_is_made_without_jobs(store: Store) -> None:
    with client(create_app(Settings(), store)) as caller:
        assert caller.get("/v1/crs").json() == {"items": []}
