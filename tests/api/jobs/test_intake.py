"""POST /v1/imports of cases and outcomes: the rows, counts and faults of the command, kept by a job."""

import time
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from api.jobs import folders
from api.jobs.claims import claim_job
from api.jobs.kinds import Signs
from api.jobs.registry import KINDS
from api.jobs.runner import Runner
from api.transfer import case_rows
from cases.filing import file_cases
from gis.store.engine import Store
from tests.api.conftest import client
from tests.api.jobs.work import As, ended, run_all
from tests.api.small_world import UNITS
from tests.api.test_case_files import counts, decided, report, rows_of, save
from tests.journeys.commands import Office

HAND_OFFS = (
    "source,id,department,at,result,reason\n"
    "12345,0000,WATER,2026-05-01T09:00,dispatched,\n"
    "12345,0000,WATER,2026-05-01T16:00,returned,不属我方\n"
    "12345,0000,WATER2,2026-05-02T09:00,handled,\n"
    "12345,0001,WATER,2026-05-03T09:00,dispatched,\n"
)
NAMES = ("rows", "new", "changed", "same", "late", "wrong", "acceptable", "committed", "faults", "further")


@pytest.fixture
def office(store_of_either: Store, tmp_path: Path) -> Office:
    return Office(store_of_either.world.url.render_as_string(hide_password=False), tmp_path)


def send(caller: httpx.Client, content: bytes | str, layer: str = "cases", **asked: Any) -> httpx.Response:
    return caller.post("/v1/imports", params={"layer": layer, "filename": f"{layer}.csv", **asked}, content=content)


def csv_of(folder: Path, rows: list[dict[str, Any]]) -> bytes:
    return save(folder / "sent.csv", rows).read_bytes()


def test_cases_and_outcomes_are_taken_in_as_the_command_does(
    here: httpx.Client, town: FastAPI, tmp_path: Path, office: Office
) -> None:
    file = csv_of(tmp_path, rows_of(20))
    looked = ended(here, town, send(here, file))
    assert (looked["state"], looked["kind"], counts(looked["result"])) == ("done", "intake", (20, 20, 0, 0, 0, 0))
    assert (looked["result"]["committed"], decided(town.state.store)) == (False, [])
    kept = ended(here, town, send(here, file, commit="true"))
    assert (kept["result"]["committed"], counts(kept["result"])) == (True, (20, 20, 0, 0, 0, 0))
    alone = here.get("/v1/cases/12345/0003").json()
    assert (alone["unit"], alone["case"]["id"]) == (UNITS[3], "0003")
    told = here.get(kept["links"]["report"]).json()
    by_command = report(office, "cases", tmp_path / "sent.csv")
    again = here.get(ended(here, town, send(here, file))["links"]["report"]).json()
    assert {name: again[name] for name in NAMES} == {name: by_command[name] for name in NAMES}
    assert (told["source"], told["layer"]) == ("cases.csv", "cases")
    told = ended(here, town, send(here, HAND_OFFS, "outcomes", commit="true"))
    assert (told["state"], counts(told["result"])) == ("done", (4, 2, 0, 0, 0, 0))
    assert here.get("/v1/cases/12345/0000/outcome").json()["measures"]["returns"] == 1
    assert counts(report(office, "outcomes", save_text(tmp_path, HAND_OFFS))) == (4, 0, 0, 2, 0, 0)


def save_text(folder: Path, text: str) -> Path:
    (folder / "outcomes.csv").write_text(text, encoding="utf-8")
    return folder / "outcomes.csv"


def test_wrong_rows_are_told_in_both_languages_and_nothing_is_kept(
    here: httpx.Client, town: FastAPI, tmp_path: Path, office: Office
) -> None:
    rows = rows_of(6)
    rows[1]["lon"], rows[2]["id"] = "east", ""
    rows[4] = {**rows[3], "class_code": "01001"}
    file = csv_of(tmp_path, rows)
    job = ended(here, town, send(here, file, commit="true"))
    assert (job["state"], job["problem"]["code"], job["problem"]["row"]) == ("failed", "not_a_number", 2)
    assert job["problem"]["detail"] != job["problem"]["detail_zh"]
    faults = here.get(job["links"]["report"]).json()["faults"]
    assert [(each["row"], each["code"]) for each in faults] == [
        (2, "not_a_number"), (3, "id_missing"), (5, "version_conflict"),
    ]  # fmt: skip
    assert faults == report(office, "cases", tmp_path / "sent.csv", "--commit", code=3)["faults"]
    assert decided(town.state.store) == []
    job = ended(here, town, send(here, file, commit="true", skip_rejected="true"))
    assert (job["state"], counts(job["result"]), len(decided(town.state.store))) == ("done", (6, 3, 0, 0, 0, 3), 3)
    wrong = HAND_OFFS + "12345,nowhere,WATER,2026-05-03T09:00,dispatched,\n"
    job = ended(here, town, send(here, wrong, "outcomes", commit="true"))
    assert (job["state"], job["problem"]["code"]) == ("failed", "case_unknown")


def test_rows_without_a_source_take_the_one_that_is_said(here: httpx.Client, town: FastAPI, tmp_path: Path) -> None:
    rows = [{name: value for name, value in row.items() if name != "source"} for row in rows_of(3)]
    job = ended(here, town, send(here, csv_of(tmp_path, rows), commit="true", source="12319"))
    assert job["state"] == "done"
    assert here.get("/v1/cases/12319/0002").status_code == 200


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        ({"owner": "4403"}, "option_unfit"),
        ({"class": "01001"}, "option_unfit"),
        ({"draft": "true", "base": "1"}, "option_unfit"),
        ({"allow_changes": "3"}, "option_unfit"),
        ({"layer": "departments", "source": "12345"}, "option_unfit"),
        ({"map": "lon"}, "mapping_wrong"),
        ({"filename": "cases.doc"}, "format_unknown"),
        ({"colour": "red"}, "parameter_wrong"),
    ],
)
def test_what_means_nothing_for_cases_is_refused_at_once(village: FastAPI, asked: dict[str, str], code: str) -> None:
    with client(village) as caller:
        answer = caller.post("/v1/imports", params={"layer": "cases", "filename": "c.csv", **asked}, content=b"id\n1\n")
        assert (answer.status_code in (400, 422), answer.json()["code"]) == (True, code), answer.text
        assert {"detail", "detail_zh"} <= answer.json().keys()
        assert caller.get("/v1/jobs").json()["items"] == []


def test_a_key_takes_in_what_lies_within_its_prefix(
    village: FastAPI,
    as_key: As,
    tmp_path: Path,
) -> None:
    editor, below = as_key("editor"), as_key("editor", UNITS[0][:9])
    file = csv_of(tmp_path, rows_of(5))
    assert send(as_key("inspector"), file, commit="true").json()["code"] == "role_missing"
    mine = [unit.startswith(UNITS[0][:9]) for unit in UNITS[:5]]
    job = ended(below, village, send(below, file, commit="true"))
    assert (job["state"], job["problem"]["code"], job["result"]["wrong"]) == (
        "failed",
        "prefix_missing",
        mine.count(False),
    )
    assert decided(village.state.store) == []
    job = ended(below, village, send(below, file, commit="true", skip_rejected="true"))
    assert (job["state"], len(decided(village.state.store))) == ("done", mine.count(True))
    assert ended(editor, village, send(editor, file, commit="true"))["result"]["new"] == mine.count(False)
    other = mine.index(False)
    lines = f"source,id,department,at,result\n12345,{other:04},WATER,2026-05-01T09:00,dispatched\n"
    job = ended(below, village, send(below, lines, "outcomes", commit="true"))
    assert (job["state"], job["problem"]["code"]) == ("failed", "case_unknown")
    assert ended(editor, village, send(editor, lines, "outcomes", commit="true"))["result"]["new"] == 1


class Died(BaseException):
    """The end of a worker."""


@pytest.mark.parametrize("died", [True, False])
def test_a_file_that_was_cut_off_is_finished_by_the_next_attempt(
    here: httpx.Client, town: FastAPI, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, died: bool
) -> None:
    monkeypatch.setattr(case_rows, "PIECE", 4)
    answer = send(here, csv_of(tmp_path, rows_of(20)), commit="true")
    store, settings, kept = town.state.store, town.state.settings, 0
    runner = Runner(store, settings, KINDS, lapse_s=0.05)

    def keep(*asked: Any) -> Any:
        nonlocal kept
        if kept == 2 and died:
            raise Died
        kept += 1
        if kept == 2 and not died:
            runner.stop()
        return file_cases(*asked)

    monkeypatch.setattr("api.transfer.case_files.file_cases", keep)
    job = claim_job(store, "another", folders.place_of(settings.data), ["intake"], 0.05)
    assert job is not None
    with pytest.raises(Died) if died else nullcontext():
        assert runner._run(job, Signs(stopping=runner._stopping)) is None
    monkeypatch.setattr("api.transfer.case_files.file_cases", file_cases)
    assert len(decided(store)) == 8
    assert here.delete(answer.headers["Location"]).json()["code"] == "job_committing"
    time.sleep(0.1)
    run_all(town)
    told = here.get(answer.headers["Location"]).json()
    assert (told["state"], told["attempt"], counts(told["result"])) == ("done", 2, (20, 20, 0, 0, 0, 0))
    assert len(decided(store)) == 20
