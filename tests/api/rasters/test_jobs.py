"""Rasters registered and densities made over HTTP, as jobs."""

from pathlib import Path

import httpx
import numpy as np
import pytest
import rasterio
from fastapi import FastAPI

from api.app import create_app
from api.jobs.kinds import Context, Signs
from api.jobs.rastering import RASTER, RasterArguments
from api.keys import create_key
from api.settings import Settings
from gis.store.engine import Store, reading, writing
from tests.api.conftest import client
from tests.api.jobs.work import ended, run_all
from tests.api.rasters.conftest import cells, heights
from tests.api.small_world import UNITS, bring, centre
from tests.gis.rasters.samples import write


@pytest.fixture
def bare(store_of_either: Store, tmp_path: Path) -> FastAPI:
    """The small world without a raster, on each kind of store."""
    return create_app(Settings(data=tmp_path / "data"), store_of_either)


def send(caller: httpx.Client, file: Path, **asked: str) -> httpx.Response:
    return caller.post("/v1/rasters", params={"filename": file.name, **asked}, content=file.read_bytes())


def test_a_raster_is_sent_and_answers_like_one_of_the_command_line(bare: FastAPI, tmp_path: Path) -> None:
    with client(bare) as caller:
        job = ended(caller, bare, send(caller, heights(tmp_path), name="heights", title="高程"))
        assert (job["state"], job["kind"], job["problem"]) == ("done", "raster", None)
        assert (job["result"]["width"], job["result"]["height"]) == cells().T.shape
        assert caller.get("/v1/rasters/heights").json()["author"] == "this machine"
        lon, lat = centre(2)
        found = caller.get("/v1/rasters/heights/value", params={"lon": lon, "lat": lat, "crs": "CRS84"}).json()
        assert found["values"] == [3]
        again = send(caller, heights(tmp_path), name="heights")
        assert (again.status_code, again.json()["code"]) == (409, "raster_exists")
        form = {"file": ("h.tif", heights(tmp_path).read_bytes())}
        job = ended(caller, bare, caller.post("/v1/rasters", data={"name": "second"}, files=form))
        assert job["state"] == "done"
    assert not list((tmp_path / "data" / "jobs").glob("*/given"))


def test_a_raster_that_breaks_in_the_child_fails_the_job_with_a_sentence(bare: FastAPI, tmp_path: Path) -> None:
    file = write(tmp_path / "nowhere.tif", cells(), crs=None)
    with client(bare) as caller:
        job = ended(caller, bare, send(caller, file, name="nowhere"))
        assert (job["state"], job["problem"]["code"]) == ("failed", "crs_missing")
        assert job["problem"]["detail_zh"]
        assert caller.get("/v1/rasters").json()["items"] == []


def test_an_attempt_after_a_crash_finds_what_the_one_before_registered(store: Store, tmp_path: Path) -> None:
    app = create_app(Settings(data=tmp_path / "data"), store)
    with client(app) as caller:
        answer = send(caller, heights(tmp_path), name="heights")
        job = ended(caller, app, answer)
        runner = app.state.runner
        from api.jobs.records import find_job

        with reading(store.log) as connection:
            found = find_job(connection, job["id"])
        folder = tmp_path / "again"
        folder.mkdir()
        context = Context(found, store, app.state.settings, folder, Signs(), runner.lapse_s)
        outcome = RASTER.achieved(context, RasterArguments(name="heights", file="file/heights.tif"))
        assert outcome is not None
        assert outcome.result["digest"] == job["result"]["digest"]
        assert RASTER.achieved(context, RasterArguments(name="heights", file="file/other.tif")) is None
        assert RASTER.achieved(context, RasterArguments(name="others", file="file/heights.tif")) is None


def test_only_a_publisher_registers_and_only_within_its_prefix(store: Store, tmp_path: Path) -> None:
    app = create_app(Settings(data=tmp_path / "data"), store)
    with writing(store.world) as connection:
        _, editor = create_key(connection, "e", "editor", "")
        _, publisher = create_key(connection, "p", "publisher", "440305")
    with client(app, authorization=f"Bearer {editor}") as caller:
        assert send(caller, heights(tmp_path), name="h").status_code == 403
    with client(app, authorization=f"Bearer {publisher}") as caller:
        assert send(caller, heights(tmp_path), name="h").json()["code"] == "prefix_missing"
        assert send(caller, heights(tmp_path), name="h", owner="440305001").status_code == 202
        run_all(app)


def lamps(store: Store, folder: Path) -> None:
    """Two lamps in the first unit, one in the fourth and three in the last."""
    rows = [(0, 1), (0, 2), (3, 3), (4, 4), (4, 5), (4, 6)]
    text = "code,edition,class_code,lon,lat\n"
    for unit, number in rows:
        lon, lat = centre(unit)
        text += f"440305010370001{number:02},2026,01037,{lon},{lat}\n"
    bring(store, folder, "components", "lamps.csv", text, crs="CRS84", owner="440305")


def test_a_density_is_a_file_of_the_job_and_counts_everything(
    store_of_either: Store, bare: FastAPI, tmp_path: Path
) -> None:
    lamps(store_of_either, tmp_path)
    with client(bare) as caller:
        asked = {"what": "components", "class": "01037", "cell": 100}
        job = ended(caller, bare, caller.post("/v1/densities", json=asked))
        assert (job["state"], job["result"]["counted"], job["result"]["per"]) == ("done", 7, "cell")
        sent = caller.get(job["links"]["result"])
        assert "density-components.tif" in sent.headers["content-disposition"]
        (tmp_path / "d.tif").write_bytes(sent.content)
        with rasterio.open(tmp_path / "d.tif") as dataset:
            found = dataset.read(1, masked=True)
            assert dataset.crs.to_epsg() == 4547
        assert float(np.ma.filled(found, 0).sum()) == 7
        before = ended(caller, bare, caller.post("/v1/densities", json={**asked, "as_of": 5}))
        assert before["result"]["counted"] == 1
        nothing = ended(caller, bare, caller.post("/v1/densities", json={"what": "cases"}))
        assert (nothing["state"], nothing["problem"]["code"]) == ("failed", "density_empty")


def test_a_key_counts_what_it_may_read(store: Store, tmp_path: Path) -> None:
    app = create_app(Settings(data=tmp_path / "data"), store)
    lon, lat = centre(0)
    lamp = f"code,edition,class_code,lon,lat\nX1,2026,01037,{lon},{lat}\n"
    bring(store, tmp_path, "components", "a.csv", lamp, crs="CRS84", owner="440306")
    case = {"crs": "CRS84", "reported_at": "2026-07-02T08:30:00+08:00", "source": "s"}
    with client(app) as caller:
        for number, unit in enumerate((0, 1, 4)):
            lon, lat = centre(unit)
            assert caller.post("/v1/cases", json={**case, "id": str(number), "lon": lon, "lat": lat}).status_code == 201
    with writing(store.world) as connection:
        _, secret = create_key(connection, "v", "viewer", "440305")
    app = create_app(Settings(data=tmp_path / "data"), store)  # which has not seen the store without keys
    with client(app, authorization=f"Bearer {secret}") as caller:
        job = ended(caller, app, caller.post("/v1/densities", json={"what": "components"}))
        assert job["state"] == "done", job["problem"]
        assert job["result"]["counted"] == 1  # that of the whole store, not that of the other county
        job = ended(caller, app, caller.post("/v1/densities", json={"what": "cases"}))
        assert job["result"]["counted"] == 2
    assert UNITS[4].startswith("440306")
