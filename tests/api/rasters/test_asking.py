"""GET and POST /v1/rasters…: metadata, values, statistics of zones as jobs."""

from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from api.jobs import zoning
from api.jobs.records import cancel_job
from api.rasters.shapes import RasterItem, RasterList, RasterValue, RasterValues
from gis import crs as reference
from gis.formats import read
from tests.api.conftest import client
from tests.api.jobs.work import ended, run_all
from tests.api.small_world import UNITS, centre


def test_what_there_is_is_told(asker: httpx.Client) -> None:
    (one,) = RasterList.model_validate(asker.get("/v1/rasters").json()).items
    assert one == RasterItem.model_validate(asker.get("/v1/rasters/heights").json())
    assert (one.name, one.title, one.width, one.height, one.crs) == ("heights", "高程", 20, 4, "EPSG:4490")
    assert one.bounds == pytest.approx([114.0, 22.5, 114.05, 22.51])
    assert (one.bands[0].dtype, one.bands[0].nodata) == ("int16", -1)
    missing = asker.get("/v1/rasters/nothing")
    assert (missing.status_code, missing.json()["code"]) == (404, "raster_unknown")


def test_a_value_is_that_of_the_pixel_in_any_crs(asker: httpx.Client) -> None:
    import numpy as np

    lon, lat = centre(2)
    for crs in ("CRS84", "EPSG:4547", "GCJ-02"):
        x, y = reference.from_store(np.array([[lon, lat]]), reference.parse(crs))[0]
        answer = asker.get("/v1/rasters/heights/value", params={"lon": x, "lat": y, "crs": crs})
        assert RasterValue.model_validate(answer.json()) == RasterValue(raster="heights", values=[3], outside=False)
        assert answer.text == '{"raster":"heights","values":[3],"outside":false}'
    for lon, outside in ((114.0499, False), (114.0501, True)):
        answer = asker.get("/v1/rasters/heights/value", params={"lon": lon, "lat": lat, "crs": "CRS84"})
        assert answer.json() == {"raster": "heights", "values": [None], "outside": outside}


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        ({"lon": 114, "lat": 22.5}, "crs_missing"),
        ({"lon": 22.5, "lat": 114, "crs": "CRS84"}, "swapped_axes"),
        ({"lon": "x", "lat": 22.5, "crs": "CRS84"}, "parameter_wrong"),
        ({"lat": 22.5, "crs": "CRS84"}, "parameter_missing"),
    ],
)
def test_a_point_that_is_none_is_refused(lite: FastAPI, asked: dict[str, Any], code: str) -> None:
    with client(lite) as caller:
        answer = caller.get("/v1/rasters/heights/value", params=asked)
    assert (answer.status_code, answer.json()["code"]) == (422, code)


def test_many_points_are_answered_in_their_order(asker: httpx.Client) -> None:
    points: list[Any] = [list(centre(index)) for index in (4, 0, 3)]
    question = {"points": [*points, {"lon": 1, "lat": 2}, ["a", 1]], "crs": "CRS84"}
    answer = asker.post("/v1/rasters/heights/value", json=question).json()
    RasterValues.model_validate(answer)
    assert [each.get("values") for each in answer["results"]] == [[5], [1], [4], [None], None]
    assert [each.get("outside") for each in answer["results"]] == [False, False, False, True, None]
    assert (answer["results"][4]["i"], answer["results"][4]["error"]["code"]) == (4, "point_wrong")


def test_a_file_that_is_gone_is_told_and_nothing_else_fails(lite: FastAPI, tmp_path: Path) -> None:
    for file in (tmp_path / "data" / "rasters").iterdir():
        file.unlink()
    with client(lite) as caller:
        answer = caller.get("/v1/rasters/heights/value", params={"lon": 114.01, "lat": 22.505, "crs": "CRS84"})
        assert (answer.status_code, answer.json()["code"]) == (503, "raster_gone")
        assert caller.get("/v1/rasters").status_code == 200
        job = ended(caller, lite, caller.post("/v1/rasters/heights/zonal", json={"by": "units"}))
        assert (job["state"], job["problem"]["code"]) == ("failed", "raster_gone")


def zonal(caller: httpx.Client, app: FastAPI, **question: Any) -> dict[str, Any]:
    return ended(caller, app, caller.post("/v1/rasters/heights/zonal", json=question))


def test_statistics_of_units_are_a_job_with_a_file(asker: httpx.Client, place: FastAPI, tmp_path: Path) -> None:
    pytest.importorskip("exactextract")
    job = zonal(asker, place, by="units")
    assert (job["state"], job["kind"], job["result"]["rows"]) == ("done", "zonal", 5)
    assert job["progress"] == {"step": "done", "done": 5, "total": 5}
    answer = asker.get(job["links"]["result"])
    path = tmp_path / job["result"]["name"]
    path.write_bytes(answer.content)
    table = read(path)
    assert table.columns["code"].tolist() == list(UNITS)
    assert [float(each) for each in table.columns["mean"]] == pytest.approx([1, 2, 3, 4, 5], rel=1e-6)
    assert [float(each) for each in table.columns["count"]] == pytest.approx([16, 16, 16, 16, 12], rel=1e-5)
    assert [float(each) for each in table.columns["sum"]] == pytest.approx([16, 32, 48, 64, 60], rel=1e-5)


@pytest.mark.parametrize(
    ("by", "stats", "wanted"),
    [
        ("community", ["max"], {"code": ["440305001001", "440305001002", "440306001001"], "max": [3, 4, 5]}),
        ("county", ["mean", "count"], {"code": ["440305", "440306"], "mean": [2.5, 5], "count": [64, 12]}),
        ("area.drainage", ["fractions"], {"code": ["D-1", "D-2"], "fraction.1": [0.5, 0], "fraction.3": [0, 1]}),
        ("areas.drainage", ["std"], {"code": ["D-1", "D-2"], "std": [0.5, 0]}),
    ],
)
def test_zones_are_units_levels_or_areas(
    lite: FastAPI, tmp_path: Path, by: str, stats: list[str], wanted: dict[str, list[Any]]
) -> None:
    pytest.importorskip("exactextract")
    with client(lite) as caller:
        job = zonal(caller, lite, by=by, stats=stats, format="gpkg")
        path = tmp_path / job["result"]["name"]
        path.write_bytes(caller.get(job["links"]["result"]).content)
    table = read(path)
    assert table.geometry is not None
    found = {name: [row for row in table.columns[name].tolist() if row is not None] for name in wanted}
    assert found["code"][: len(wanted["code"])] == wanted["code"]
    for name in wanted.keys() - {"code"}:
        assert found[name] == pytest.approx(wanted[name], abs=1e-5), name


@pytest.mark.parametrize(
    ("question", "status", "code"),
    [
        ({"by": "nothing"}, 404, "layer_unknown"),
        ({"by": "areas.nothing"}, 404, "layer_unknown"),
        ({"by": "components"}, 404, "layer_unknown"),
        ({"by": "units", "stats": ["median"]}, 422, "stats_unknown"),
        ({"by": "units", "stats": []}, 422, "stats_unknown"),
        ({"by": "units", "format": "docx"}, 422, "format_unknown"),
        ({"by": "units", "format": "../../x"}, 422, "format_unknown"),
        ({"by": "units", "as_of": 99}, 404, "revision_unknown"),
        ({}, 422, "parameter_missing"),
    ],
)
def test_what_is_asked_wrongly_makes_no_job(lite: FastAPI, question: dict[str, Any], status: int, code: str) -> None:
    with client(lite) as caller:
        answer = caller.post("/v1/rasters/heights/zonal", json=question)
        assert (answer.status_code, answer.json()["code"]) == (status, code)
        assert caller.get("/v1/jobs").json()["items"] == []


def test_a_band_that_there_is_not_fails_the_job(lite: FastAPI) -> None:
    pytest.importorskip("exactextract")
    with client(lite) as caller:
        job = zonal(caller, lite, by="units", band=7)
    assert (job["state"], job["problem"]["code"]) == ("failed", "raster_band")


def test_a_job_is_cancelled_while_it_reads(lite: FastAPI, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("exactextract")
    real = zoning.write_zonal

    def watched(store: Any, *args: Any) -> Any:
        told, seen = args[-1], []

        def tell(done: int, total: int) -> None:
            if not seen:
                seen.append(done)
                context.signs.cancelled = True
            told(done, total)

        context = told.__closure__[0].cell_contents
        return real(store, *args[:-1], tell)

    monkeypatch.setattr(zoning, "write_zonal", watched)
    with client(lite) as caller:
        job = zonal(caller, lite, by="units")
        assert job["state"] == "cancelled"
        waiting = caller.post("/v1/rasters/heights/zonal", json={"by": "units"}).json()
        cancel_job(lite.state.store, waiting["id"])
        run_all(lite)
        assert caller.get(waiting["links"]["self"]).json()["state"] == "cancelled"
