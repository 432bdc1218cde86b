"""POST /v1/imports with a base: one draft of one job, within the prefix of the key."""

from pathlib import Path

from fastapi import FastAPI

from api.keys import create_key
from gis.store.engine import writing
from grids.drafts.records import create_draft
from grids.tables import department
from tests.api.conftest import client
from tests.api.delivering import bring_in, export, held, publish, rewrite
from tests.api.jobs.work import ended
from tests.api.small_world import UNITS, collection, square


def test_a_job_compares_and_makes_one_draft(town: FastAPI, tmp_path: Path) -> None:
    store = town.state.store
    path = rewrite(export(store, "units", tmp_path / "u.geojson"), {UNITS[0]: {"note": "新"}, UNITS[4]: None})
    scope = collection([({}, square(4))]).encode()
    with client(town) as http:
        data = {"layer": "units", "draft": "true", "allow_changes": "1", "note": "普查"}
        files = {"file": ("u.geojson", path.read_bytes()), "scope_file": ("s.geojson", scope)}
        job = ended(http, town, http.post("/v1/imports", data=data, files=files))
        assert job["state"] == "done", job
        result = job["result"]
        assert {name: result[name] for name in ("same", "changed", "gone", "kept", "conflict", "committed")} == {
            "same": 3,
            "changed": 1,
            "gone": 1,
            "kept": 0,
            "conflict": 0,
            "committed": False,
        }
        assert result["draft"] == job["id"]
        draft = http.get(f"/v1/drafts/{job['id']}").json()
        assert (draft["title"], draft["state"], len(draft["edits"])) == ("普查", "open", 1)
        tag = http.get(f"/v1/drafts/{job['id']}").headers["ETag"]
        made = http.post(f"/v1/drafts/{job['id']}/publish", json={}, headers={"If-Match": tag})
        assert made.status_code == 200, made.text
        assert http.get(f"/v1/units/{UNITS[4]}").status_code == 410


def test_a_job_answers_what_is_wrong_with_it_at_once(town: FastAPI) -> None:
    with client(town) as http:
        asked = {"layer": "departments", "filename": "d.csv"}
        text = "code,name\nCITY,市城管局\n"

        def code(**more: str) -> str:
            answer = http.post("/v1/imports", params={**asked, **more}, content=text)
            found: str = answer.json().get("code") or ended(http, town, answer)["problem"]["code"]
            return found

        assert code(scope="POLYGON ((0 0, 1 0, 1 1, 0 0))") == "scope_without_base"
        assert code(scope="POLYGON ((0 0, 1", base="6") == "scope_wrong"
        assert code(draft="true") == "base_missing"
        assert code(base="99") == "revision_unknown"
        assert code(base="6", commit="true") == "option_with_base"


def test_a_job_that_died_after_its_draft_was_begun_makes_no_second_one(town: FastAPI, tmp_path: Path) -> None:
    store = town.state.store
    path = rewrite(export(store, "departments", tmp_path / "d.csv"), {"WATER": {"name": "水务"}})
    with writing(store.world) as connection:
        create_draft(connection, "", "begun", "anna", "job")
    found = bring_in(store, "departments", path, base=6, draft=True, draft_id="job")
    assert found.draft is not None
    assert found.draft.id == "job"
    publish(store, "job")
    assert held(store, department)["WATER"]["name"] == "水务"


def test_a_key_imports_into_a_draft_of_its_own_prefix_alone(town: FastAPI, tmp_path: Path) -> None:
    store = town.state.store
    path = rewrite(export(store, "units", tmp_path / "u.geojson"), {UNITS[0]: {"note": "一"}, UNITS[4]: {"note": "二"}})
    other = rewrite(export(store, "units", tmp_path / "o.geojson"), {UNITS[4]: {"note": "二"}})
    with writing(store.world) as connection:
        _, secret = create_key(connection, "b", "editor", "440306")
    with client(town, host="10.0.0.9", Authorization=f"Bearer {secret}") as http:
        asked = {"layer": "units", "filename": "u.geojson", "draft": "true"}
        refused = ended(http, town, http.post("/v1/imports", params=asked, content=path.read_bytes()))
        assert (refused["state"], refused["problem"]["code"]) == ("failed", "edit_outside_draft")
        done = ended(http, town, http.post("/v1/imports", params=asked, content=other.read_bytes()))
        assert (done["state"], done["result"]["changed"]) == ("done", 1)
        assert http.get(f"/v1/drafts/{done['id']}").json()["owner"] == "440306"
