"""Drafts over HTTP, on both stores."""

from collections.abc import Callable
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from api.keys import create_key
from api.schemas import drafts as draft_schemas
from gis.store.engine import Store, writing
from tests.api.conftest import client
from tests.api.small_world import SIDE, SOUTH, UNITS, WEST

FIRST, SECOND, THIRD = UNITS[:3]


def split(index: int, at: float = 0.5) -> dict[str, Any]:
    """A split of the unit of a square, from south to north."""
    x = WEST + SIDE * (index + at)
    return {"op": "split", "unit": UNITS[index], "line": [[x, SOUTH - 0.001], [x, SOUTH + SIDE + 0.001]]}


def begin(http: httpx.Client, **members: Any) -> dict[str, Any]:
    made = http.post("/v1/drafts", json={"title": "拆分", **members})
    assert made.status_code == 201, made.text
    draft_schemas.Draft.model_validate(made.json())
    assert made.headers["Location"] == f"/v1/drafts/{made.json()['id']}"
    return made.json()


def add(http: httpx.Client, draft: dict[str, Any], *edits: dict[str, Any], **asked: Any) -> httpx.Response:
    return http.post(f"/v1/drafts/{draft['id']}/edits", json=edits[0] if len(edits) == 1 else list(edits), **asked)


def publish(http: httpx.Client, draft: dict[str, Any], etag: str | None = None, **members: Any) -> httpx.Response:
    tag = etag or http.get(f"/v1/drafts/{draft['id']}").headers["ETag"]
    return http.post(f"/v1/drafts/{draft['id']}/publish", json=members, headers={"If-Match": tag})


def unit_at(http: httpx.Client, x: float) -> str | None:
    answer = http.get("/v1/locate", params={"lon": x, "lat": SOUTH + SIDE / 2, "crs": "CRS84"}).json()
    return answer["unit"]


def test_a_split_goes_from_draft_to_lookup(either: httpx.Client) -> None:
    draft = begin(either)
    tried = add(either, draft, split(0), params={"dry_run": True}).json()
    draft_schemas.Edited.model_validate(tried)
    assert tried["dry_run"]
    assert either.get(f"/v1/drafts/{draft['id']}").json()["edits"] == []
    done = add(either, draft, split(0))
    assert done.status_code == 200, done.text
    assert done.json()["changes"] == tried["changes"]
    features = [each["properties"] for each in done.json()["changes"]["features"]]
    assert {(each["code"], each["change"]) for each in features if each["layer"] == "units"} >= {
        (FIRST, "retired"),
        ("440305001001004", "created"),
        ("440305001001005", "created"),
    }
    parts = [each["area_m2"] for each in features if each["change"] == "created"]
    (whole,) = [each["area_m2_before"] for each in features if each["code"] == FIRST]
    assert sum(parts) == pytest.approx(whole, abs=0.05)
    diff = either.get(f"/v1/drafts/{draft['id']}/diff").json()
    draft_schemas.Diff.model_validate(diff)
    assert {each["from"] for each in diff["changes"]["lineage"]} == {FIRST}
    checked = either.get(f"/v1/drafts/{draft['id']}/checks").json()
    draft_schemas.Checked.model_validate(checked)
    assert checked["publishable"]
    assert unit_at(either, WEST + SIDE * 0.25) == FIRST
    made = publish(either, draft, note="拆分一号", basis={"document": "通知", "number": "1"})
    assert made.status_code == 200, made.text
    draft_schemas.DraftPublished.model_validate(made.json())
    assert made.json()["revision"]["note"] == "拆分一号"
    assert unit_at(either, WEST + SIDE * 0.25) == "440305001001004"
    assert unit_at(either, WEST + SIDE * 0.75) == "440305001001005"
    assert either.get(f"/v1/units/{FIRST}").status_code == 410


def test_edits_of_a_list_come_all_or_none(http: httpx.Client) -> None:
    draft = begin(http)
    refused = add(http, draft, split(0), {"op": "split", "unit": UNITS[1], "line": [[0, 0], [1, 1]]})
    assert refused.status_code == 422
    assert refused.json()["row"] == 2
    assert http.get(f"/v1/drafts/{draft['id']}").json()["version"] == draft["version"]
    assert len(add(http, draft, split(0), split(1)).json()["changes"]["lineage"]) == 4


def test_undo_and_redo_go_back_and_forth_and_a_new_edit_forgets_what_was_undone(either: httpx.Client) -> None:
    draft = begin(either)
    place = f"/v1/drafts/{draft['id']}"
    add(either, draft, split(0))
    both = add(either, draft, split(1)).json()
    diffs = either.get(f"{place}/diff").json()["changes"]
    undone = either.post(f"{place}/undo").json()
    assert [each["undone"] for each in undone["edits"]] == [False, True]
    assert either.get(f"{place}/diff").json()["changes"] != diffs
    either.post(f"{place}/undo")
    assert either.get(f"{place}/diff").json()["changes"]["features"] == []
    assert either.post(f"{place}/undo").json()["code"] == "nothing_to_undo"
    either.post(f"{place}/redo")
    either.post(f"{place}/redo")
    assert either.get(f"{place}/diff").json()["changes"] == diffs
    assert either.post(f"{place}/redo").json()["code"] == "nothing_to_redo"
    assert both["draft"]["version"] == 3
    either.post(f"{place}/undo")
    add(either, draft, {"op": "set", "unit": THIRD, "attributes": {"note": "夜市"}})
    edits = either.get(place).json()["edits"]
    assert [each["edit"]["op"] for each in edits] == ["split", "set"]
    assert either.post(f"{place}/redo").status_code == 409


def test_of_two_drafts_the_one_whose_things_stayed_rebases_by_itself(either: httpx.Client) -> None:
    one, two = begin(either), begin(either)
    add(either, one, split(0))
    add(either, two, split(3))
    assert publish(either, one, note="first").status_code == 200
    before = either.get(f"/v1/drafts/{two['id']}").json()
    assert before["conflicts"] == []
    assert before["newest"] > before["base"]
    made = publish(either, two)
    assert made.status_code == 200, made.text
    assert unit_at(either, WEST + SIDE * 0.25) == "440305001001004"
    assert unit_at(either, WEST + SIDE * 3.25) == "440305001002002"


def test_of_two_drafts_of_the_same_unit_the_second_is_refused_with_the_other_change(either: httpx.Client) -> None:
    one, two = begin(either), begin(either)
    add(either, one, split(0))
    add(either, two, split(0, 0.3))
    number = publish(either, one, note="first cut").json()["revision"]["number"]
    refused = publish(either, two)
    assert refused.status_code == 412
    problem = refused.json()
    assert problem["code"] == "draft_conflict"
    assert problem["thing"] == FIRST
    assert f"revision {number} (this machine: first cut)" in problem["detail"]
    assert f"版本 {number}" in problem["detail_zh"]
    assert problem["where"]["type"] == "Point"
    assert either.post(f"/v1/drafts/{two['id']}/rebase").status_code == 412
    assert [each["code"] for each in either.get(f"/v1/drafts/{two['id']}").json()["conflicts"]] == ["draft_conflict"]
    either.post(f"/v1/drafts/{two['id']}/undo")
    rebased = either.post(f"/v1/drafts/{two['id']}/rebase").json()
    assert rebased["base"] == number


def test_publishing_needs_the_tag_of_the_draft_as_it_is(http: httpx.Client) -> None:
    draft = begin(http)
    stale = http.get(f"/v1/drafts/{draft['id']}").headers["ETag"]
    add(http, draft, split(0))
    assert publish(http, draft, stale).json()["code"] == "draft_changed"
    assert publish(http, draft, stale).status_code == 412
    without = http.post(f"/v1/drafts/{draft['id']}/publish", json={})
    assert (without.status_code, without.json()["code"]) == (428, "if_match_missing")
    assert add(http, draft, split(1), headers={"If-Match": stale}).status_code == 412
    fresh = http.get(f"/v1/drafts/{draft['id']}").headers["ETag"]
    assert publish(http, draft, fresh).status_code == 200


def test_an_edit_is_refused_with_its_place_in_both_languages(http: httpx.Client) -> None:
    draft = begin(http)
    x = WEST + SIDE / 2
    line = [[x, SOUTH - 0.001], [x, SOUTH + SIDE / 2]]
    refused = add(http, draft, {"op": "split", "unit": FIRST, "line": line})
    assert refused.status_code == 422
    assert refused.json()["code"] == "line_ends_inside"
    assert refused.json()["where"] == {"type": "Point", "coordinates": [x, SOUTH + SIDE / 2]}
    assert FIRST in refused.json()["detail_zh"]
    assert add(http, draft, {"op": "dance"}).json()["code"] == "edit_unknown"
    assert http.post(f"/v1/drafts/{draft['id']}/edits", json=[]).json()["code"] == "edit_wrong"
    assert http.get("/v1/drafts/none").status_code == 404


def test_a_discarded_draft_takes_no_edits(http: httpx.Client) -> None:
    draft = begin(http)
    assert http.delete(f"/v1/drafts/{draft['id']}").status_code == 204
    assert add(http, draft, split(0)).json()["code"] == "draft_closed"
    assert http.get("/v1/drafts").json()["items"] == []
    assert [each["id"] for each in http.get("/v1/drafts?state=discarded").json()["items"]] == [draft["id"]]


@pytest.fixture
def with_keys(app: FastAPI, store: Store) -> Callable[[str, str], httpx.Client]:
    def make(role: str, prefix: str) -> httpx.Client:
        with writing(store.world) as connection:
            _, secret = create_key(connection, f"{role} {prefix}", role, prefix)
        return client(app, authorization=f"Bearer {secret}")

    return make


def test_rights_end_at_the_prefix_and_at_the_role(with_keys: Callable[[str, str], httpx.Client]) -> None:
    editor, publisher = with_keys("editor", "440305"), with_keys("publisher", "440305")
    viewer, other = with_keys("viewer", "440305"), with_keys("publisher", "440306")
    assert viewer.post("/v1/drafts", json={"title": "x"}).json()["code"] == "role_missing"
    assert editor.post("/v1/drafts", json={"title": "x", "owner": "4403"}).json()["code"] == "prefix_missing"
    draft = begin(editor)
    assert draft["owner"] == "440305"
    place = f"/v1/drafts/{draft['id']}"
    assert add(editor, draft, split(0)).status_code == 200
    assert viewer.get(place).status_code == 200
    assert other.get(place).status_code == 404
    assert other.get("/v1/drafts").json()["items"] == []
    assert add(other, draft, split(1)).status_code == 404
    beyond = add(editor, draft, split(4))
    assert (beyond.status_code, beyond.json()["code"]) == (403, "edit_outside_draft")
    assert publish(editor, draft).json()["code"] == "role_missing"
    assert publish(publisher, draft).status_code == 200


def test_a_neighbour_beyond_the_prefix_gets_a_node_on_the_common_edge_and_no_more(
    with_keys: Callable[[str, str], httpx.Client],
) -> None:
    publisher = with_keys("publisher", "440305")
    draft = begin(publisher)
    y = SOUTH + SIDE / 2
    line = [[WEST + SIDE * 3 - 0.001, y], [WEST + SIDE * 4 + 0.001, y]]
    done = add(publisher, draft, {"op": "split", "unit": UNITS[3], "line": line})
    assert done.status_code == 200, done.text
    assert UNITS[4] in {each["properties"]["code"] for each in done.json()["changes"]["features"]}
    assert publish(publisher, draft).status_code == 200


def test_publishing_into_the_past_before_the_newest_revision_is_refused(http: httpx.Client) -> None:
    draft = begin(http)
    add(http, draft, split(0))
    refused = publish(http, draft, effective_at="2020-01-01")
    assert (refused.status_code, refused.json()["code"]) == (409, "effective_before_previous")
    assert http.get(f"/v1/drafts/{draft['id']}").json()["state"] == "open"
