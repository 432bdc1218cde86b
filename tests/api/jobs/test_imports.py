"""POST /v1/imports: what may be sent, what comes of it, and that it is published once."""

import json
import time
import zipfile
from io import BytesIO
from pathlib import Path
from typing import Any

import httpx
import pytest
import shapely
from fastapi import FastAPI

from api.app import create_app
from api.jobs import folders
from api.jobs.claims import claim_job
from api.jobs.importing import IMPORT
from api.jobs.kinds import Signs
from api.jobs.records import list_jobs
from api.jobs.runner import Runner
from api.jobs.shapes import JobItem, JobList
from api.settings import Settings
from api.transfer.fields import add_fields
from api.transfer.imports import Options, run_import
from gis.formats import read, write
from gis.store.engine import Store, reading, writing
from gis.store.revisions import Publication, current_head, list_revisions, publish, revision_of_ticket
from tests.api.conftest import client
from tests.api.jobs.work import ended, run_all
from tests.api.small_world import UNITS, collection, square
from tests.gis.samples import table

NEW = "code,name\nNEW,新部门\n"
BAD = "code,name,parent\nNEW,新部门,NOBODY\n"


def send(caller: httpx.Client, text: str | bytes = NEW, name: str = "new.csv", **asked: Any) -> httpx.Response:
    asked = {"layer": "departments", "filename": name, **asked}
    return caller.post("/v1/imports", params=asked, content=text)


def form(caller: httpx.Client, data: dict[str, Any], **files: Any) -> httpx.Response:
    return caller.post("/v1/imports", data=data, files=files)


def test_a_delivery_is_checked_and_only_with_commit_published(here: httpx.Client, town: FastAPI) -> None:
    before = current_head(town.state.store)
    job = ended(here, town, send(here))
    JobItem.model_validate(job)
    assert (job["state"], job["kind"], job["problem"]) == ("done", "import", None)
    assert (job["result"]["new"], job["result"]["committed"], job["result"]["errors"]) == (1, False, 0)
    assert job["arguments"] | {"snap": 0} == {
        "layer": "departments",
        "file": "new.csv",
        "overlap": "none",
        "snap": 0,
        "edition": "2026",
    }
    assert current_head(town.state.store) == before
    job = ended(here, town, send(here, commit="true", note="a note"))
    assert (job["result"]["revision"], job["result"]["committed"]) == (before + 1, True)
    with reading(town.state.store.world) as connection:
        made = list_revisions(connection, before)[0]
    assert (made.author, made.note) == ("this machine", "a note")
    again = ended(here, town, send(here, commit="true"))
    assert (again["state"], again["result"]["same"], again["result"]["committed"]) == ("done", 1, False)
    assert current_head(town.state.store) == before + 1


def test_a_delivery_with_faults_fails_with_a_problem_in_both_languages(here: httpx.Client, town: FastAPI) -> None:
    before = current_head(town.state.store)
    looked = ended(here, town, send(here, BAD))
    assert (looked["state"], looked["result"]["acceptable"], looked["result"]["errors"]) == ("done", False, 1)
    job = ended(here, town, send(here, BAD, commit="1"))
    assert job["state"] == "failed"
    assert (job["problem"]["code"], job["problem"]["status"], job["problem"]["row"]) == ("department_unknown", 422, 1)
    assert "no department NOBODY" in job["problem"]["detail"]
    assert "部门 NOBODY 不存在" in job["problem"]["detail_zh"]
    chinese = here.get(job["links"]["self"], headers={"Accept-Language": "zh"}).json()["problem"]
    assert "部门 NOBODY 不存在" in chinese["detail"]
    assert "no department NOBODY" in chinese["detail_en"]
    report = here.get(job["links"]["report"]).json()
    assert [fault["code"] for fault in report["faults"]] == ["department_unknown"]
    assert report["source"] == "new.csv"
    assert current_head(town.state.store) == before


@pytest.mark.parametrize(
    ("text", "name", "code"),
    [
        ("PK not a zip", "x.zip", "file_unreadable"),
        ("a,b\n", "x.csv", "file_empty"),
        ("SQLite format 3\0 that ends", "x.gpkg", "file_unreadable"),
    ],
)
def test_a_file_that_cannot_be_read_fails_the_job_in_words(village: FastAPI, text: str, name: str, code: str) -> None:
    with client(village) as caller:
        job = ended(caller, village, send(caller, text, name))
        assert (job["state"], job["problem"]["code"]) == ("failed", code)
        assert "/given/" not in json.dumps(job)
        assert str(village.state.settings.data) not in json.dumps(job)


def test_a_zip_that_unpacks_to_too_much_is_refused(village: FastAPI, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gis.formats.archive.LARGEST", 1000)
    packed = BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as bomb:
        bomb.writestr("x.csv", "code,name\n" + "A,B\n" * 1000)
    with client(village) as caller:
        job = ended(caller, village, send(caller, packed.getvalue(), "x.zip"))
    assert (job["state"], job["problem"]["code"]) == ("failed", "file_unreadable")


def test_a_form_holds_the_file_its_gaps_and_the_options(here: httpx.Client, town: FastAPI) -> None:
    lake = [[114.004, 22.504], [114.006, 22.504], [114.006, 22.506], [114.004, 22.504]]
    shore = {"type": "Polygon", "coordinates": [*square(0)["coordinates"], lake]}
    units = collection([({"code": UNITS[0]}, shore), ({"code": UNITS[1]}, square(1)), ({"code": UNITS[2]}, square(2))])
    job = ended(here, town, form(here, {"layer": "units", "scope": "440305"}, file=("单元.geojson", units)))
    assert job["result"]["errors"] == 1, "a hole between units is a gap"
    hole = collection([({"name": "湖"}, {"type": "Polygon", "coordinates": [lake]})])
    data = {"layer": "units", "scope": "440305", "commit": "true", "note": "", "map": ["name=code"]}
    job = ended(here, town, form(here, data, file=("单元.geojson", units), gaps_file=("湖.geojson", hole)))
    assert job["state"] == "done", job
    assert (job["result"]["gone"], job["result"]["committed"]) == (1, True)
    assert (job["arguments"]["file"], job["arguments"]["gaps_file"]) == ("单元.geojson", "湖.geojson")
    assert job["result"]["source"] == "单元.geojson"


def test_options_mean_what_they_mean_on_the_command_line(village: FastAPI) -> None:
    with client(village) as caller:
        asked = {"layer": "areas", "area_layer": "green", "map": ["code=名", "department=管"], "title": "绿化"}
        text = json.dumps(json.loads(collection([({"名": "G-1", "管": "CITY"}, square(0))])), ensure_ascii=False)
        job = ended(
            caller, village, send(caller, text, "green.geojson", commit="true", effective="2099-01-01", **asked)
        )
        assert job["state"] == "done", job
        assert caller.get("/v1/areas/green").json()["items"][0]["department"] == "CITY"
        newest = caller.get("/v1/revisions").json()["items"][-1]
    assert newest["effective_at"] == "2098-12-31T16:00:00+00:00"


@pytest.mark.parametrize(
    ("asked", "status", "code"),
    [
        ({"layer": "towns"}, 422, "layer_unknown"),
        ({"layer": ""}, 422, "parameter_missing"),
        ({"layers": "x"}, 422, "parameter_wrong"),
        ({"commit": "perhaps"}, 422, "parameter_wrong"),
        ({"snap": "nan"}, 422, "parameter_wrong"),
        ({"map": "code"}, 422, "mapping_wrong"),
        ({"effective": "7"}, 422, "time_wrong"),
        ({"not_before": "soon"}, 422, "time_wrong"),
        ({"filename": ""}, 422, "upload_missing"),
    ],
)
def test_a_wrong_question_is_refused_and_leaves_nothing(
    village: FastAPI, asked: dict[str, str], status: int, code: str
) -> None:
    with client(village) as caller:
        answer = send(caller, **asked)
        assert (answer.status_code, answer.json()["code"]) == (status, code)
        assert "detail_zh" in answer.json()
        assert send(caller, b"").json()["code"] == "upload_missing"
        assert caller.get("/v1/jobs").json()["items"] == []
    assert kept_files(village) == []


def kept_files(app: FastAPI) -> list[Path]:
    folder = folders.jobs_folder(app.state.settings.data)
    return [each for each in folder.rglob("*") if each.name != "place"]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"--cut\r\n",
        b'--cut\r\nContent-Disposition: form-data; name="file"; filename="a.csv"\r\n\r\ncode',
        b'--cut\r\nContent-Disposition: form-data; name="other"; filename="a.csv"\r\n\r\nx\r\n--cut--',
        b"--cut\r\nContent-Type: text/csv\r\n\r\nx\r\n--cut--",
        b"--cut" + b"x" * 20_000,
    ],
)
def test_a_form_that_is_none_is_refused_and_leaves_nothing(village: FastAPI, body: bytes) -> None:
    with client(village) as caller:
        kind = {"Content-Type": "multipart/form-data; boundary=cut"}
        answer = caller.post("/v1/imports?layer=departments", content=body, headers=kind)
    assert answer.status_code in (400, 422)
    assert answer.json()["code"] in ("form_wrong", "field_unknown")
    assert kept_files(village) == []


def test_a_file_has_a_limit_of_its_own(store: Store, tmp_path: Path) -> None:
    app = create_app(Settings(data=tmp_path / "data", max_body_mb=0.001, max_upload_mb=0.01), store)
    with client(app) as caller:
        text = NEW + "".join(f"N{number},部门\n" for number in range(300))
        assert 1_000 < len(text.encode()) < 10_000
        assert ended(caller, app, send(caller, text))["result"]["new"] == 301
        for length in ("20000", "100"):
            where, told = "/v1/imports?layer=departments&filename=a.csv", {"Content-Length": length}
            answer = caller.post(where, content=b"x" * 20_000, headers=told)
            assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")
    assert list(folders.jobs_folder(tmp_path / "data").glob("*.part")) == []


def test_what_was_sent_is_removed_when_the_job_has_ended(village: FastAPI) -> None:
    with client(village) as caller:
        answer = send(caller)
        given = folders.given_folder(village.state.settings.data, answer.json()["id"])
        assert [each.name for each in given.rglob("*.csv")] == ["new.csv"]
        ended(caller, village, answer)
        assert not given.exists()
        later = send(caller, not_before="2099-01-01T00:00:00Z")
        given = folders.given_folder(village.state.settings.data, later.json()["id"])
        run_all(village)
        assert caller.get(later.headers["Location"]).json()["state"] == "waiting"
        assert given.exists()
        assert caller.delete(later.headers["Location"]).json()["state"] == "cancelled"
        assert not given.exists()


def test_a_name_of_a_file_leads_nowhere(village: FastAPI) -> None:
    with client(village) as caller:
        for name in ("../../../etc/new.csv", "C:\\deliveries\\new.csv", "/new.csv", "a\nb/new.csv"):
            job = ended(caller, village, send(caller, name=name))
            assert (job["state"], job["arguments"]["file"]) == ("done", "new.csv")
        long = ended(caller, village, send(caller, name="很长" * 200 + ".csv"))
        assert long["state"] == "done"
    data = village.state.settings.data
    assert {each.name for each in data.iterdir()} <= {"jobs", "world"}


@pytest.mark.parametrize("after_publishing", [False, True])
def test_an_import_whose_worker_died_is_published_once(
    town: FastAPI, here: httpx.Client, after_publishing: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    store: Store = town.state.store
    before, answer = current_head(store), send(here, commit="true")
    die_while_importing(town, after_publishing, monkeypatch)
    assert current_head(store) == before + after_publishing
    assert here.get(answer.headers["Location"]).json()["state"] == "running"
    time.sleep(0.1)
    run_all(town)
    job = here.get(answer.headers["Location"]).json()
    assert (job["state"], job["attempt"]) == ("done", 2)
    assert (job["result"]["revision"], job["result"]["new"], job["result"]["committed"]) == (before + 1, 1, True)
    assert here.get(job["links"]["report"]).json()["revision"] == before + 1
    assert current_head(store) == before + 1


def test_a_later_change_is_not_undone_by_the_retry(
    town: FastAPI, here: httpx.Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file says NEW has one name; it was published, renamed by somebody, and only then the job is tried again."""
    store: Store = town.state.store
    before, answer = current_head(store), send(here, commit="true")
    die_while_importing(town, True, monkeypatch)
    (tmp_path / "renamed.csv").write_text("code,name\nNEW,又一个名字\n", encoding="utf-8")
    run_import(store, "departments", tmp_path / "renamed.csv", Options(commit=True))
    time.sleep(0.1)
    run_all(town)
    assert here.get(answer.headers["Location"]).json()["result"]["revision"] == before + 1
    assert current_head(store) == before + 2
    names = {each["code"]: each["name"] for each in here.get("/v1/departments").json()["items"]}
    assert names["NEW"] == "又一个名字"


def die_while_importing(app: FastAPI, after_publishing: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run the job as far as just before or after its publication, and say nothing of it."""
    store, settings = app.state.store, app.state.settings
    job = claim_job(store, "dies", folders.place_of(settings.data), ["import"], 0.05)
    assert job is not None
    runner = Runner(store, settings, {"import": IMPORT}, lapse_s=0.05)

    class Died(BaseException):
        pass

    def die(store: Store, publication: Publication, *heard: object) -> None:
        if after_publishing:
            publish(store, publication, *heard)  # type: ignore[arg-type]
        raise Died

    monkeypatch.setattr("api.transfer.imports.publish", die)
    with pytest.raises(Died):
        runner._run(job, Signs())
    monkeypatch.undo()
    with reading(store.world) as connection:
        assert (revision_of_ticket(connection, job.id) is not None) == after_publishing


def test_jobs_are_listed_newest_first_and_by_pages(village: FastAPI) -> None:
    with client(village) as caller:
        made = [send(caller).json()["id"] for _ in range(5)]
        ended(caller, village, send(caller))
        seen, after = [], None
        while True:
            page = caller.get("/v1/jobs", params={"limit": 2, **({"after": after} if after else {})}).json()
            JobList.model_validate(page)
            seen += [each["id"] for each in page["items"]]
            after = page["next"]
            if after is None:
                break
        assert seen[1:] == made[::-1]
        assert len(caller.get("/v1/jobs?state=done").json()["items"]) == 6
        assert caller.get("/v1/jobs?state=waiting").json()["items"] == []
        assert caller.get("/v1/jobs?after=nothing").json()["code"] == "job_unknown"
    with reading(village.state.store.log) as connection:
        assert len(list_jobs(connection)) == 6


def test_one_caller_cannot_fill_the_queue(village: FastAPI, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("api.jobs.records.MOST_OPEN", 2)
    with client(village) as caller:
        assert [send(caller).status_code for _ in range(3)] == [202, 202, 503]
        run_all(village)
        assert send(caller).status_code == 202
    assert len(kept_files(village)) > 0


def test_refused_rows_are_the_file_of_the_job_and_come_in_mended(here: httpx.Client, town: FastAPI) -> None:
    with writing(town.state.store.world) as connection:
        add_fields(connection, "firm", {"code": "NR", "name": "WAS"}, {})
    text = "NR,WAS,parent\nNEW,新部门,NOBODY\nNEW2,=新部门,\n"
    asked = {"skip_rejected": "true", "rejects": "true", "commit": "true", "fields": "firm"}
    job = ended(here, town, send(here, text, **asked))
    assert (job["state"], job["result"]["new"], job["result"]["rejected"]) == ("done", 1, 1)
    refused = here.get(job["links"]["result"])
    assert "rejected.csv" in refused.headers["content-disposition"]
    lines = refused.content.decode("utf-8-sig").splitlines()
    assert lines[0] == "NR,WAS,parent,rej_row,rej_code,rej_zh,rej_en"
    assert lines[1].startswith("NEW,新部门,NOBODY,1,department_unknown,")
    mended = refused.content.replace(b"NOBODY,1", b"CITY,1")
    job = ended(here, town, send(here, mended, "mended.csv", **asked))
    assert (job["result"]["new"], job["result"]["rejected"]) == (1, 0)
    assert here.get(job["links"]["result"]).json()["rejects"] is None
    job = ended(here, town, send(here, mended, fields="nobody"))
    assert (job["state"], job["problem"]["code"]) == ("failed", "fields_unknown")


def test_a_shapefile_sent_in_a_zip_comes_back_in_one(here: httpx.Client, town: FastAPI, tmp_path: Path) -> None:
    points = table({"code": ["A", "B"], "class_code": ["01037", "x"]}, [shapely.Point(114, 22.5)] * 2)
    write(tmp_path / "p.shp", points)
    sent = BytesIO()
    with zipfile.ZipFile(sent, "w") as packed:
        for part in tmp_path.glob("p.*"):
            packed.write(part, part.name)
    job = ended(here, town, send(here, sent.getvalue(), "p.zip", layer="components", rejects="true"))
    assert (job["state"], job["result"]["rejected"], job["result"]["acceptable"]) == ("done", 1, False)
    (tmp_path / "back.zip").write_bytes(here.get(job["links"]["result"]).content)
    assert read(tmp_path / "back.zip").columns["code"].tolist() == ["B"]


def test_texts_of_a_profile_are_said_over_http_too(village: FastAPI) -> None:
    asked = {"layer": "components", "crs": "CRS84", "filename": "c.csv"}
    given = [("set", "code=L{NR}"), ("set", "class_code=01037"), *asked.items()]
    with client(village) as caller:
        answer = caller.post("/v1/imports", params=given, content=b"NR,lon,lat\n1,114.005,22.505\n2,114.006,22.505\n")
        job = ended(caller, village, answer)
        assert (job["result"]["new"], job["result"]["acceptable"]) == (2, True)
        assert job["arguments"]["set"] == ["code=L{NR}", "class_code=01037"]
        wrong = caller.post("/v1/imports", params=[("set", "code={"), *asked.items()], content=b"NR\n1\n")
        assert (wrong.status_code, wrong.json()["code"]) == (422, "mapping_wrong")
