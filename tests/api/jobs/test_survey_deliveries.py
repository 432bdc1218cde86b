"""A survey delivery of several files, sent as a zip to `POST /v1/imports`."""

from pathlib import Path

import httpx
from fastapi import FastAPI
from openpyxl import load_workbook

from gis.store.revisions import current_head
from tests.api.jobs.work import ended
from tests.api.surveys.deliveries import deliver, packed, rows, whole


def send(caller: httpx.Client, path: Path, **asked: str) -> httpx.Response:
    return caller.post(
        "/v1/imports", params={"layer": "components", "filename": path.name, **asked}, content=path.read_bytes()
    )


def test_a_zip_of_several_files_is_published_as_one_revision(here: httpx.Client, town: FastAPI, tmp_path: Path) -> None:
    before = current_head(town.state.store)
    job = ended(here, town, send(here, packed(whole(tmp_path / "d"), tmp_path / "d.zip"), commit="true"))
    assert (job["state"], job["result"]["new"], job["result"]["committed"]) == ("done", 30, True)
    assert current_head(town.state.store) == before + 1
    report = here.get(job["links"]["report"]).json()
    assert [fault["code"] for fault in report["faults"] if fault["severity"] != "note"] == []


def test_a_fault_in_one_of_them_is_told_by_file_and_row(here: httpx.Client, town: FastAPI, tmp_path: Path) -> None:
    wells = rows("01001")
    wells[3]["CSRQ"] = "开春"
    deliver(whole(tmp_path / "d") / "01001供水井盖.shp", wells)
    job = ended(here, town, send(here, packed(tmp_path / "d", tmp_path / "d.zip"), commit="true"))
    assert job["state"] == "failed"
    told = {name: job["problem"][name] for name in ("code", "row", "file", "detail")}
    assert told == {
        "code": "value_wrong",
        "row": 4,
        "file": "成果/01001供水井盖.shp",
        "detail": "成果/01001供水井盖.shp: Row 4: '开春' is no date for initial date.",
    }


def test_a_zip_is_compared_with_a_base_and_put_into_a_draft(here: httpx.Client, town: FastAPI, tmp_path: Path) -> None:
    base = str(current_head(town.state.store))
    job = ended(here, town, send(here, packed(whole(tmp_path / "d"), tmp_path / "d.zip"), base=base, draft="true"))
    assert (job["state"], job["result"]["new"]) == ("done", 30)
    assert here.get(f"/v1/drafts/{job['result']['draft']}").status_code == 200


def test_a_delivery_is_checked_as_a_job(here: httpx.Client, town: FastAPI, tmp_path: Path) -> None:
    wells = rows("01001")
    wells[3]["CSRQ"] = "开春"
    deliver(whole(tmp_path / "d") / "01001供水井盖.shp", wells)
    sent = packed(tmp_path / "d", tmp_path / "d.zip").read_bytes()
    before = current_head(town.state.store)
    job = ended(here, town, here.post("/v1/deliveries", params={"filename": "d.zip"}, content=sent))
    assert (job["state"], job["kind"], job["result"]["passed"], job["result"]["rows"]) == ("done", "survey", False, 30)
    report = here.get(job["links"]["report"]).json()
    assert [(each["file"], each["row"], each["code"]) for each in report["faults"]] == [
        ("成果/01001供水井盖.shp", 4, "value_wrong")
    ]
    (tmp_path / "r.xlsx").write_bytes(here.get(job["links"]["result"]).content)
    assert load_workbook(tmp_path / "r.xlsx").sheetnames == ["汇总", "问题清单", "文件"]
    assert current_head(town.state.store) == before


def test_a_delivery_that_is_no_zip_fails_with_a_sentence(here: httpx.Client, town: FastAPI) -> None:
    job = ended(here, town, here.post("/v1/deliveries", params={"filename": "d.zip"}, content=b"PK no zip"))
    assert (job["state"], job["problem"]["code"]) == ("failed", "file_unreadable")
