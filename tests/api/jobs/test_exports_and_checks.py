"""POST /v1/exports and /v1/checks."""

import json
import zipfile
from io import BytesIO
from pathlib import Path
from typing import Any

import httpx
import pytest
import shapely
import yaml
from fastapi import FastAPI
from sqlalchemy import update

from cases.tables import rule
from gis.formats import read
from gis.store.engine import writing
from grids.tables import area, unit
from tests.api.conftest import client
from tests.api.jobs.test_imports import send
from tests.api.jobs.work import ended
from tests.api.small_world import UNITS, bring, square


def ask(caller: httpx.Client, app: FastAPI, path: str, **question: Any) -> dict[str, Any]:
    return ended(caller, app, caller.post(path, json=question))


def test_an_export_is_a_file_to_fetch(here: httpx.Client, town: FastAPI, tmp_path: Path) -> None:
    job = ask(here, town, "/v1/exports", layer="units", format="geojson")
    assert (job["state"], job["result"]["rows"], job["result"]["name"]) == ("done", 5, "units.geojson")
    answer = here.get(job["links"]["result"])
    assert "units.geojson" in answer.headers["Content-Disposition"]
    assert len(answer.content) == job["result"]["bytes"]
    assert [each["properties"]["code"] for each in answer.json()["features"]] == list(UNITS)
    assert here.get(job["links"]["report"]).json()["faults"] == []


@pytest.mark.parametrize("form", ["gpkg", "csv", "shp", "fgb", "parquet", "xlsx"])
def test_every_format_holds_the_layer_in_the_crs_asked_for(village: FastAPI, tmp_path: Path, form: str) -> None:
    with client(village) as caller:
        question = {"layer": "areas.drainage", "format": form, "crs": "EPSG:4547"}
        job = ask(caller, village, "/v1/exports", **question)
        content = caller.get(job["links"]["result"]).content
    if form == "shp":
        with zipfile.ZipFile(BytesIO(content)) as packed:
            assert {Path(name).suffix for name in packed.namelist()} >= {".shp", ".dbf", ".shx", ".prj"}
    path = tmp_path / job["result"]["name"]
    path.write_bytes(content)
    table = read(path)
    assert (len(table), table.crs) == (2, "EPSG:4547")
    assert sorted(table.columns["code"].tolist()) == ["D-1", "D-2"]


def test_an_export_is_chosen_and_headed_as_asked_for(village: FastAPI, tmp_path: Path) -> None:
    with client(village) as caller:
        question = {"layer": "departments", "format": "csv", "where": ["parent=CITY", "code=WATER*"], "heads": "zh"}
        job = ask(caller, village, "/v1/exports", **question, for_people=True)
        content = caller.get(job["links"]["result"]).content.decode("utf-8")
        unknown = ask(caller, village, "/v1/exports", layer="departments", format="csv", where=["colour=red"])
    assert content.splitlines() == [
        "\ufeff编码,名称,上级部门,owner,id.12345",
        "WATER,排水公司,CITY,,\t007",
        "WATER2,第二排水公司,CITY,,",
    ]
    assert (unknown["state"], unknown["problem"]["code"]) == ("failed", "field_unknown")


def test_an_export_is_of_the_revision_in_force_when_it_was_asked_for(village: FastAPI, tmp_path: Path) -> None:
    with client(village) as caller:
        answer = caller.post("/v1/exports", json={"layer": "departments", "format": "csv"})
        bring(village.state.store, tmp_path, "departments", "more.csv", "code,name\nNEW,新部门\n")
        assert ended(caller, village, answer)["result"]["rows"] == 6
        assert ask(caller, village, "/v1/exports", layer="departments", prefix="STREET")["result"]["rows"] == 2
        assert ask(caller, village, "/v1/exports", layer="units", as_of=2)["result"]["rows"] == 0


def test_rules_of_several_owners_are_exported_as_yaml_that_is_imported_again(village: FastAPI, tmp_path: Path) -> None:
    own = "rules:\n  - {code: mine, fallback: true, owner: '440305', to: [{division: street}]}\n"
    bring(village.state.store, tmp_path, "rules", "own.yaml", own)
    with client(village) as caller:
        job = ask(caller, village, "/v1/exports", layer="rules")
        assert job["result"]["name"] == "rules.yaml"
        text = caller.get(job["links"]["result"]).content
        assert [each.get("owner") for each in yaml.safe_load(text)["rules"]].count("440305") == 1
        again = ended(caller, village, send(caller, text, "rules.yaml", layer="rules"))
        assert (again["result"]["same"], again["result"]["errors"]) == (4, 0)
        assert ask(caller, village, "/v1/checks", layer="rules")["result"]["errors"] == 0


@pytest.mark.parametrize(
    ("question", "status", "code"),
    [
        ({"layer": "towns"}, 404, "layer_unknown"),
        ({"layer": "units", "format": "docx"}, 422, "format_unknown"),
        ({"layer": "rules", "format": "gpkg"}, 422, "format_unknown"),
        ({"layer": "units", "crs": "EPSG:1"}, 422, "crs_unknown"),
        ({"layer": "units", "heads": "fr"}, 422, "heads_unknown"),
        ({"layer": "units", "where": ["code"]}, 422, "where_wrong"),
        ({"layer": "units", "format": "gpkg", "for_people": True}, 422, "for_people_wrong"),
        ({"layer": "units", "as_of": 99}, 404, "revision_unknown"),
        ({"layer": "units", "file": "/etc/passwd"}, 422, "parameter_wrong"),
        ({}, 422, "parameter_missing"),
        (["units"], 422, "body_wrong"),
    ],
)
def test_a_wrong_question_makes_no_job(village: FastAPI, question: Any, status: int, code: str) -> None:
    with client(village) as caller:
        answer = caller.post("/v1/exports", json=question)
        assert (answer.status_code, answer.json()["code"]) == (status, code)
        assert caller.get("/v1/jobs").json()["items"] == []


def test_result_and_report_are_there_when_the_job_has_ended(village: FastAPI) -> None:
    with client(village) as caller:
        answer = caller.post("/v1/exports", json={"layer": "units"})
        here = answer.headers["Location"]
        assert answer.json()["links"] == {"self": here, "report": None, "result": None}
        early = [caller.get(f"{here}/{part}") for part in ("result", "report")]
        assert [(each.status_code, each.json()["code"]) for each in early] == [(409, "job_unfinished")] * 2
        assert caller.get(here).headers["Retry-After"] == "1"
        caller.delete(here)
        assert caller.get(f"{here}/result").json()["code"] == "job_gave_nothing"
        assert caller.delete(here).status_code == 200
        job = ask(caller, village, "/v1/exports", layer="units")
        again = caller.delete(job["links"]["self"])
        assert (again.status_code, again.json()["code"]) == (409, "job_ended")
        for file in (village.state.settings.data / "jobs" / job["id"]).rglob("*.gpkg"):
            file.unlink()
        assert caller.get(job["links"]["result"]).json()["code"] == "job_file_gone"
        assert caller.get("/v1/jobs/nothing").json()["code"] == "job_unknown"


@pytest.mark.parametrize("layer", ["units", "divisions", "departments", "areas.drainage", "components", "rules"])
def test_a_sound_layer_has_no_errors(here: httpx.Client, town: FastAPI, layer: str) -> None:
    job = ask(here, town, "/v1/checks", layer=layer)
    assert (job["state"], job["result"]["errors"]) == ("done", 0), here.get(job["links"]["report"]).text
    assert job["result"]["rows"] > 0
    assert here.get(job["links"]["result"]).json() == job["result"]


def test_a_check_finds_what_is_wrong_in_the_store(village: FastAPI) -> None:
    with writing(village.state.store.world) as connection:
        connection.execute(update(area).where(area.c.code == "D-1").values(department="GONE"))
        wide = shapely.geometry.shape(square(1, 2))
        connection.execute(update(unit).where(unit.c.code == UNITS[2]).values(geom=wide))
        document = {"code": "lamps", "owner": "", "to": [{"department": "GONE"}]}
        connection.execute(update(rule).where(rule.c.code == "lamps").values(document=document))

    def found(layer: str) -> list[str]:
        with client(village) as caller:
            job = ask(caller, village, "/v1/checks", layer=layer)
            assert job["state"] == "done", json.dumps(job)
            return [each["code"] for each in caller.get(job["links"]["report"]).json()["faults"]]

    assert found("areas.drainage") == ["department_unknown"]
    assert "overlap" in found("units")
    assert "department_unknown" in found("rules")
