"""Proposals of inspectors over HTTP, on both stores."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from api.app import create_app
from api.schemas import components as shapes
from api.settings import Settings
from components import proposals
from gis.store.engine import Store
from tests.api.registry import LAMP, caller, change, look, new_lamp
from tests.api.small_world import UNITS, centre


@dataclass(frozen=True, slots=True)
class People:
    """Who works with the inventory."""

    app: FastAPI
    store: Store
    inspector: httpx.Client
    editor: httpx.Client
    admin: httpx.Client


@pytest.fixture
def people(store_of_either: Store) -> Iterator[People]:
    app = create_app(Settings(), store_of_either)
    made = [caller(app, store_of_either, role) for role in ("inspector", "editor", "admin")]
    yield People(app, store_of_either, *made)
    for each in made:
        each.close()


def propose(http: httpx.Client, **members: Any) -> dict[str, Any]:
    """Propose a change of the lamp."""
    made = change(http, **members)
    assert made.status_code == 202, made.text
    shapes.ProposalMade.model_validate(made.json())
    assert made.headers["Location"] == f"/v1/proposals/{made.json()['id']}"
    return made.json()


def test_the_change_of_an_inspector_waits_until_an_editor_accepts_it(people: People) -> None:
    made = propose(people.inspector, state="破损", reason="井盖破裂")
    assert (made["state"], made["code"], made["unit"]) == ("open", LAMP, UNITS[1])
    assert look(people.editor)[0]["state"] == "完好"
    listed = people.editor.get("/v1/proposals").json()
    shapes.ProposalList.model_validate(listed)
    assert [each["id"] for each in listed["items"]] == [made["id"]]
    refused = people.inspector.post(f"/v1/proposals/{made['id']}/accept", json={})
    assert (refused.status_code, refused.json()["code"]) == (403, "role_missing")
    done = people.editor.post(f"/v1/proposals/{made['id']}/accept", json={"reason": "核实"})
    assert done.status_code == 200, done.text
    assert (done.json()["state"], done.json()["revision"]) == ("accepted", int(done.headers["Wangge-Revision"]))
    assert look(people.editor)[0]["state"] == "破损"
    assert people.editor.get(f"/v1/revisions/{done.json()['revision']}").json()["note"] == "核实"
    again = people.editor.post(f"/v1/proposals/{made['id']}/accept", json={})
    assert (again.status_code, again.json()["code"]) == (409, "proposal_closed")


def test_proposals_are_accepted_together_as_one_revision_and_get_codes_of_their_own(people: People) -> None:
    made = [people.inspector.post("/v1/components", json=new_lamp(point=list(centre(at)))) for at in (0, 2, 4)]
    assert [each.status_code for each in made] == [202] * 3, made[0].text
    assert [each.json()["code"] for each in made] == [None] * 3
    where = people.editor.get("/v1/proposals", params={"f": "geojson"}).json()
    assert [each["geometry"]["coordinates"] for each in where["features"]] == [list(centre(at)) for at in (0, 2, 4)]
    before = people.editor.get("/v1/revisions").json()["items"]
    done = people.editor.post("/v1/proposals/accept", json={"filter": {"division": "440305"}, "reason": "六月"}).json()
    shapes.DecisionAnswer.model_validate(done)
    assert [each["code"] for each in done["items"]] == ["44030501037000002", "44030501037000003"]
    assert len(people.editor.get("/v1/revisions").json()["items"]) == len(before) + 1
    left = people.editor.get("/v1/proposals").json()["items"]
    assert [each["unit"] for each in left] == [UNITS[4]]
    accepted = people.editor.get("/v1/proposals", params={"state": "accepted", "class_code": "01037"}).json()["items"]
    assert [each["code"] for each in accepted] == ["44030501037000002", "44030501037000003"]


def test_a_proposal_on_what_was_changed_since_is_refused_with_both_versions(people: People) -> None:
    first, second = (propose(people.inspector, state=state) for state in ("破损", "丢失"))
    other = people.inspector.post("/v1/components", json=new_lamp()).json()
    ids = [first["id"], second["id"], other["id"]]
    done = people.editor.post("/v1/proposals/accept", json={"ids": ids}).json()
    assert done["decided"] == 2
    assert [each["id"] for each in done["items"] if "error" in each] == [second["id"]]
    late = people.editor.post(f"/v1/proposals/{second['id']}/accept", json={})
    assert (late.status_code, late.json()["code"]) == (409, "proposal_conflict")
    assert (late.json()["before"]["state"], late.json()["now"]["state"]) == ("完好", "破损")
    assert people.editor.get(f"/v1/proposals/{second['id']}").json()["state"] == "open"
    assert look(people.editor)[0]["state"] == "破损"


def test_a_rejection_has_a_reason_and_a_withdrawal_only_its_author(people: People) -> None:
    first, second = (propose(people.inspector, state=state) for state in ("破损", "丢失"))
    silent = people.editor.post(f"/v1/proposals/{first['id']}/reject", json={})
    assert silent.json()["code"] == "reason_missing"
    done = people.editor.post(f"/v1/proposals/{first['id']}/reject", json={"reason": "照片不清"}).json()
    assert (done["state"], done["answer"]) == ("rejected", "照片不清")
    foreign = people.editor.delete(f"/v1/proposals/{second['id']}")
    assert (foreign.status_code, foreign.json()["code"]) == (403, "proposal_of_another")
    assert people.inspector.delete(f"/v1/proposals/{second['id']}").json()["state"] == "withdrawn"
    assert people.inspector.delete(f"/v1/proposals/{second['id']}").json()["code"] == "proposal_closed"
    assert people.editor.get("/v1/proposals").json() == {"items": [], "next": None}
    assert people.editor.get("/v1/proposals/none").status_code == 404


def test_a_policy_says_whose_changes_are_reviewed(people: People) -> None:
    policy = {"edition": "2026", "class_code": "01037"}
    assert people.admin.put("/v1/catalogue/policies", json={**policy, "review": "never"}).status_code == 200
    assert change(people.inspector, state="破损").status_code == 200
    people.admin.put("/v1/catalogue/policies", json={**policy, "review": "always"})
    made = propose(people.editor, state="丢失")
    own = people.editor.post(f"/v1/proposals/{made['id']}/accept", json={})
    assert (own.status_code, own.json()["code"]) == (403, "proposal_own")
    assert people.admin.post(f"/v1/proposals/{made['id']}/accept", json={}).status_code == 200
    refused = people.editor.put("/v1/catalogue/policies", json={**policy, "review": "never"})
    assert (refused.status_code, refused.json()["code"]) == (403, "role_missing")


def test_an_inspector_proposes_where_it_stands_and_an_editor_decides_what_is_kept_within(people: People) -> None:
    near = caller(people.app, people.store, "inspector", "440305001")
    far = caller(people.app, people.store, "inspector", "440306")
    street = caller(people.app, people.store, "editor", "440305001")
    made = propose(near, state="破损")
    away = change(far, state="破损")
    assert (away.status_code, away.json()["code"]) == (403, "prefix_missing")
    assert change(near, point=list(centre(4)), crs="CRS84").json()["code"] == "prefix_missing"
    assert far.get("/v1/proposals").json()["items"] == []
    assert street.get("/v1/proposals").json()["items"][0]["id"] == made["id"]
    refused = street.post(f"/v1/proposals/{made['id']}/accept", json={})
    assert (refused.status_code, refused.json()["code"]) == (403, "prefix_missing")
    assert change(street, state="丢失").status_code == 202  # kept by the whole store: not theirs to change alone
    own = street.post("/v1/components", json=new_lamp())
    assert (own.status_code, own.json()["owner"]) == (201, "440305001")


def test_what_would_be_refused_is_refused_when_it_is_proposed(people: People) -> None:
    assert change(people.inspector, class_code="99999").json()["code"] == "class_unknown"
    assert people.inspector.post("/v1/components", json=new_lamp(code=LAMP)).json()["code"] == "code_reused"
    assert people.editor.get("/v1/proposals").json()["items"] == []
    assert change(caller(people.app, people.store, "viewer"), state="破损").status_code == 403


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({}, "decision_wrong"),
        ({"ids": ["x"], "filter": {}}, "decision_wrong"),
        ({"ids": "x"}, "decision_wrong"),
        ({"ids": [7]}, "decision_wrong"),
        ({"ids": ["x"]}, "proposal_unknown"),
        ({"filter": {"colour": "red"}}, "unknown_field"),
        ({"filter": {"division": 7}}, "decision_wrong"),
        ({"ids": ["x"], "reason": 7}, "member_wrong"),
        ([], "body_wrong"),
    ],
)
def test_a_decision_that_means_nothing_is_refused(http: httpx.Client, body: object, code: str) -> None:
    for deed in ("accept", "reject"):
        refused = http.post(f"/v1/proposals/{deed}", json=body)
        assert refused.status_code in (404, 422)
        assert refused.json()["code"] == code


def test_what_a_crash_left_open_in_the_log_is_settled_by_the_next_who_reads(
    people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = propose(people.inspector, state="破损")

    def die(*_: Any, **__: Any) -> None:
        raise RuntimeError("killed")

    with monkeypatch.context() as patch:
        patch.setattr(proposals, "accepted", die)
        assert people.editor.post(f"/v1/proposals/{made['id']}/accept", json={}).status_code == 500
    people.app.state.worlds.renew_to(look(people.editor)[0]["revision"] + 1)
    assert look(people.editor)[0]["state"] == "破损"
    seen = people.editor.get(f"/v1/proposals/{made['id']}").json()
    assert (seen["state"], seen["revision"]) == ("accepted", look(people.editor)[0]["from_revision"])
    assert people.editor.post(f"/v1/proposals/{made['id']}/accept", json={}).json()["code"] == "proposal_closed"


def test_pages_of_proposals_go_on_behind_the_last(people: People) -> None:
    made = [people.inspector.post("/v1/components", json=new_lamp()).json()["id"] for _ in range(3)]
    first = people.editor.get("/v1/proposals", params={"limit": 2}).json()
    rest = people.editor.get("/v1/proposals", params={"limit": 2, "after": first["next"]}).json()
    assert [each["id"] for each in (*first["items"], *rest["items"])] == made
    assert rest["next"] is None


def test_a_proposal_that_several_editors_accept_at_once_is_done_once(people: People) -> None:
    made = people.inspector.post("/v1/components", json=new_lamp()).json()
    before = people.editor.get("/v1/revisions").json()["items"]
    with ThreadPoolExecutor(4) as pool:
        asked = [pool.submit(people.editor.post, f"/v1/proposals/{made['id']}/accept", json={}) for _ in range(4)]
        answers = [each.result() for each in asked]
    assert sorted(each.status_code for each in answers) == [200, 409, 409, 409], [each.text for each in answers]
    assert {each.json()["code"] for each in answers if each.status_code == 409} == {"proposal_closed"}
    assert len(people.editor.get("/v1/revisions").json()["items"]) == len(before) + 1


def test_components_registered_at_once_get_codes_of_their_own(people: People) -> None:
    with ThreadPoolExecutor(4) as pool:
        asked = [pool.submit(people.editor.post, "/v1/components", json=new_lamp()) for _ in range(4)]
        answers = [each.result() for each in asked]
    assert {each.status_code for each in answers} <= {201, 503}, [each.text for each in answers]
    codes = [each.json()["code"] for each in answers if each.status_code == 201]
    assert codes
    assert len(set(codes)) == len(codes)
