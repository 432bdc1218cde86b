"""The inventory from the command line: proposals, policies, the yearly report."""

import json
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from click.testing import Result
from fastapi import FastAPI
from typer.testing import CliRunner

from api.cli.program import app as program
from gis.errors import Refusal
from gis.formats import read
from gis.store.engine import Store
from tests.api.registry import LAMP, caller, change, look, new_lamp

Run = Callable[..., Result]


@pytest.fixture
def run(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """A command on the store of this test."""
    monkeypatch.setenv("WANGGE_STORE", store.world.url.render_as_string(hide_password=False))
    monkeypatch.setenv("WANGGE_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("WANGGE_LANGUAGE", "en")
    monkeypatch.setenv("COLUMNS", "100")
    return lambda *words: CliRunner().invoke(program, [str(each) for each in words])


@pytest.fixture
def inspector(app: FastAPI, store: Store) -> httpx.Client:
    return caller(app, store, "inspector", name="巡查员七")


def code_of(done: Result) -> str:
    assert isinstance(done.exception, Refusal), done.output
    return done.exception.code


def test_proposals_are_listed_shown_accepted_and_rejected(run: Run, inspector: httpx.Client) -> None:
    ids = [change(inspector, state=state).json()["id"] for state in ("破损", "丢失")]
    ids.append(inspector.post("/v1/components", json=new_lamp()).json()["id"])
    listed = run("proposals", "list", "--author", "巡查员七", "--class", "01037", "--edition", "GB/T 47678")
    assert all(each in listed.output for each in ids), listed.output
    assert ids[0] not in run("proposals", "list", "--division", "440306").output
    shown = json.loads(run("proposals", "show", ids[0]).output)
    assert (shown["values"], shown["code"]) == ({"state": "破损"}, LAMP)
    for words in ((), ("--all", ids[0]), (ids[0], "--class", "01037")):
        assert code_of(run("proposals", "accept", *words)) == "decision_wrong"
    done = run("proposals", "accept", "--all", "--note", "十一月")
    assert done.exit_code == 6, done.output  # the second is in conflict with the first
    assert look(inspector)[0]["state"] == "破损"
    assert code_of(run("proposals", "reject", ids[1], "--reason", " ")) == "reason_missing"
    assert run("proposals", "reject", ids[1], "--reason", "重复").exit_code == 0
    assert "重复" in run("proposals", "list", "--state", "rejected").output
    assert run("proposals", "accept", ids[1]).exit_code == 6
    assert code_of(run("proposals", "show", "none")) == "proposal_unknown"


def test_a_policy_is_set_member_by_member_and_ends_when_nothing_is_said(run: Run, tmp_path: Path) -> None:
    schema = tmp_path / "schema.yaml"
    schema.write_text("properties: {pole_m: {type: number}}\n", encoding="utf-8")
    key = ("--owner", "4403", "--edition", "2026", "--class", "01037")
    assert "pole_m" in run("catalogue", "policy", *key, "--schema", schema).output
    said = run("catalogue", "policy", *key, "--review", "always").output
    assert "always" in said
    assert "pole_m" in said
    said = run("catalogue", "policy", *key, "--drop-schema").output
    assert "always" in said
    assert "pole_m" not in said
    assert "4403" not in run("catalogue", "policy", *key, "--review", "").output
    assert code_of(run("catalogue", "policy", "--review", "perhaps")) == "policy_wrong"
    assert code_of(run("catalogue", "policy", "--schema", tmp_path / "none")) == "file_missing"
    schema.write_text("a: [", encoding="utf-8")
    assert code_of(run("catalogue", "policy", "--schema", schema)) == "json_wrong"
    schema.write_text("- a\n", encoding="utf-8")
    assert code_of(run("catalogue", "policy", "--schema", schema)) == "schema_wrong"


def test_the_yearly_report_is_shown_and_written(run: Run, http: httpx.Client, tmp_path: Path) -> None:
    change(http, state="破损")
    http.post("/v1/components", json=new_lamp(owner_code=None))
    year = look(http)[0]["change_date"][:4]
    shown = run("report", "components", "--year", year, "--level", "county")
    assert shown.exit_code == 0, shown.output
    assert "440305" in shown.output
    for suffix in ("csv", "xlsx", "json"):
        file = tmp_path / f"year.{suffix}"
        assert run("report", "components", "--year", year, "--out", file).exit_code == 0
        if suffix == "json":
            assert json.loads(file.read_text(encoding="utf-8"))["totals"]["without_owner"] == 1
        else:
            assert [str(each) for each in read(file).columns["all"]] == ["2"]
    assert code_of(run("report", "components", "--year", "1066")) == "year_wrong"
