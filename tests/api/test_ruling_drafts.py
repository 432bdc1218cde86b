"""Rulings over HTTP: a document, a case or a seam becomes a draft, which decides once it is published."""

from typing import Any

import httpx
import pytest
import yaml
from fastapi import FastAPI

from api.keys import create_key
from api.schemas.rulings import RulingsTaken
from cases.rulings import MEMBERS
from gis.store.engine import Store, writing
from gis.store.revisions import current_head
from tests.api.conftest import client
from tests.api.small_world import SIDE, SOUTH, UNITS, WEST
from tests.api.test_cases import case
from tests.api.test_drafts import publish
from tests.api.test_rulings import RULINGS, routed
from tests.api.test_seams import SEAM, fill

DOCUMENT = yaml.safe_load(RULINGS)
OF_CASE = {
    "case": {"source": "12345", "id": "c-1"}, "department": "CITY", "number": "14号", "date": "2026-08-03",
    "text": "现场确认",
}  # fmt: skip
OF_SEAM = {"layer": "drainage", "area_a": "D-2", "area_b": "D-1", "class_code": "01002", "department": "WATER2"}


def test_rulings_wait_in_a_draft_with_their_edits_and_then_decide(either: httpx.Client, store_of_either: Store) -> None:
    before = current_head(store_of_either)
    answer = either.post("/v1/rulings", json=DOCUMENT)
    told = answer.json()
    RulingsTaken.model_validate(told)
    draft = told["draft"]
    assert (answer.status_code, answer.headers["Location"]) == (201, f"/v1/drafts/{draft['id']}")
    assert current_head(store_of_either) == before
    assert [(each["layer"], each["ruling"]) for each in told["rulings"]] == [
        ("rules", "现场确权会议纪要 城管确〔2026〕12号 2026-08-01"),
        ("areas.drainage", "13号 2026-08-02"),
    ]
    assert [each["op"] for each in told["edits"]] == ["put", "put"]
    held = either.get(f"/v1/drafts/{draft['id']}")
    assert [each["edit"] for each in held.json()["edits"]] == told["edits"]
    assert held.headers["ETag"] == answer.headers["ETag"]
    would = [routed(either, at, draft=draft["id"])["department"]["code"] for at in (0, 1, 2)]
    assert would == ["LIGHT", "WATER", "WATER"]
    taken = either.post("/v1/cases", json=case(4, source="12345", id="c-1")).json()
    further = either.post("/v1/rulings", json=OF_CASE, params={"draft": draft["id"]})
    assert (further.status_code, further.json()["draft"]["id"]) == (200, draft["id"])
    assert further.json()["edits"][0]["values"]["place"] == taken["unit"] == UNITS[4]
    late = either.post(
        "/v1/rulings", json=OF_CASE, params={"draft": draft["id"]}, headers={"If-Match": answer.headers["ETag"]}
    )
    assert (late.status_code, late.json()["code"]) == (412, "draft_changed")
    assert publish(either, draft).status_code == 200
    assert [routed(either, at)["department"]["code"] for at in (0, 1, 2, 4)] == ["LIGHT", "WATER", "WATER", "CITY"]
    assert routed(either, 4)["basis"]["text"] == "现场确认"


def test_the_ruling_of_a_seam_is_drafted_and_replayed(either: httpx.Client) -> None:
    fill(either)
    seam = either.get("/v1/seams").json()["features"][0]["properties"]
    asked = {name: seam[name] for name in ("layer", "area_a", "area_b", "class_code", "edition", "kind")}
    answer = either.post("/v1/seams/rulings", json={**asked, "department": "WATER2", "basis": "第7次协调会纪要"})
    told = answer.json()
    assert answer.status_code == 201, told
    RulingsTaken.model_validate(told)
    assert [each["layer"] for each in told["rulings"]] == ["area_layers", "areas.rulings", "rules"]
    assert told["faults"] == []
    draft = told["draft"]["id"]
    job = either.post("/v1/replays", json={"draft": draft, "handled": True})
    assert job.status_code == 202
    assert either.get(f"/v1/drafts/{draft}/checks").json()["publishable"] is True
    assert publish(either, told["draft"]).status_code == 200
    sent = case(lon=round(SEAM - 0.0001, 9), lat=SOUTH + SIDE / 2)
    routing = either.post("/v1/cases/route", json=sent).json()
    assert (routing["department"]["code"], routing["basis"]["text"]) == ("WATER2", "第7次协调会纪要")
    beside = {**sent, "lon": WEST + SIDE / 2}
    assert either.post("/v1/cases/route", json=beside).json()["department"]["code"] == "WATER"


@pytest.mark.parametrize(
    ("path", "body", "status", "code"),
    [
        ("rulings", [], 422, "rulings_missing"),
        ("rulings", {"rulings": []}, 422, "rulings_missing"),
        ("rulings", {"rulings": [{"department": "LIGHT", "class": "01002"}]}, 422, "ruling_incomplete"),
        ("rulings", {"rulings": [{**DOCUMENT["rulings"][0], "department": "NOBODY"}]}, 422, "department_unknown"),
        ("rulings", {"rulings": [{**DOCUMENT["rulings"][1], "area": "D-9"}]}, 404, "area_unknown"),
        ("rulings", OF_CASE, 404, "case_unknown"),
        ("rulings", {**OF_CASE, "case": "c-1"}, 422, "parameter_wrong"),
        ("rulings", {**OF_CASE, "colour": "red"}, 422, "parameter_wrong"),
        ("rulings?draft=none", DOCUMENT, 404, "draft_unknown"),
        ("seams/rulings", [], 422, "body_wrong"),
        ("seams/rulings", {**OF_SEAM, "width_m": 0}, 422, "parameter_wrong"),
        ("seams/rulings", {**OF_SEAM, "area_a": "D-9"}, 404, "area_unknown"),
        ("seams/rulings", {**OF_SEAM, "layer": "nothing"}, 404, "area_unknown"),
        ("seams/rulings", {**OF_SEAM, "area_a": "D-1"}, 404, "seam_unknown"),
        ("seams/rulings", {**OF_SEAM, "department": "NOBODY"}, 422, "department_unknown"),
    ],
)
def test_what_cannot_be_taken_in_is_told_and_leaves_no_draft(
    http: httpx.Client, path: str, body: Any, status: int, code: str
) -> None:
    answer = http.post(f"/v1/{path}", json=body)
    told = answer.json()
    assert (answer.status_code, told["code"]) == (status, code), told
    assert told["detail"]
    assert any("一" <= each <= "鿿" for each in told["detail_zh"])
    assert http.get("/v1/drafts").json()["items"] == []


def test_a_key_settles_what_lies_within_its_prefix(app: FastAPI, store: Store) -> None:
    def caller(role: str, prefix: str = "") -> httpx.Client:
        with writing(store.world) as connection:
            _, secret = create_key(connection, role, role, prefix)
        return client(app, Authorization=f"Bearer {secret}")

    assert caller("inspector").post("/v1/rulings", json=DOCUMENT).json()["code"] == "role_missing"
    editor, below = caller("editor"), caller("editor", "440305")
    (first, second) = DOCUMENT["rulings"]
    told = below.post("/v1/rulings", json={"rulings": [first]}).json()
    assert (told["draft"]["owner"], told["edits"][0]["owner"]) == ("440305", "440305")
    refused = below.post("/v1/rulings", json={"rulings": [first], "owner": "4403"})
    assert (refused.status_code, refused.json()["code"]) == (403, "edit_outside_draft")
    refused = below.post("/v1/rulings", json={"rulings": [second]})
    assert (refused.status_code, refused.json()["code"]) == (422, "area_layer_unknown"), "the city's, not the county's"
    refused = below.post("/v1/seams/rulings", json=OF_SEAM)
    assert (refused.status_code, refused.json()["code"]) == (403, "prefix_missing")
    assert editor.post("/v1/seams/rulings", json=OF_SEAM).status_code == 201
    theirs = editor.post("/v1/rulings", json=DOCUMENT).json()["draft"]["id"]
    assert below.post("/v1/rulings", json=DOCUMENT, params={"draft": theirs}).json()["code"] == "draft_unknown"
    editor.post("/v1/cases", json=case(4, source="12345", id="c-1"))
    caller("inspector").post("/v1/cases", json=case(4, source="12345", id="c-1"))
    assert below.post("/v1/rulings", json=OF_CASE).json()["code"] == "case_unknown"


def test_the_description_has_every_member_of_a_ruling(http: httpx.Client) -> None:
    described = http.get("/openapi.json").json()["components"]["schemas"]["RulingSaid"]["properties"]
    assert set(described) == set(MEMBERS)
