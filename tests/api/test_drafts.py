"""Drafts over HTTP, on both stores."""

import time
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from api import draft_schemas
from api.app import create_app
from api.keys import create_key
from api.settings import Settings
from gis.store.engine import Store, writing
from tests.api.conftest import client
from tests.api.small_world import SIDE, SOUTH, UNITS, WEST
from tests.api.test_tiles import address, decode

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


def test_departments_areas_and_rules_are_drafted_with_the_units(either: httpx.Client) -> None:
    draft = begin(either)
    done = add(
        either,
        draft,
        {"op": "put", "layer": "departments", "code": "NIGHT", "values": {"name": "夜间队", "parent": "CITY"}},
        {"op": "put", "layer": "areas.drainage", "code": "D-2", "values": {"department": "NIGHT"}},
        {"op": "put", "layer": "rules", "code": "lamps", "values": {"to": [{"department": "NIGHT"}]}},
        {"op": "remove", "layer": "components", "code": "44030501037000001"},
    )
    assert done.status_code == 200, done.text
    made = publish(either, draft)
    assert made.status_code == 200, made.text
    assert {each["code"]: each["department"] for each in either.get("/v1/areas/drainage").json()["items"]} == {
        "D-1": "WATER",
        "D-2": "NIGHT",
    }
    case = {"lon": 114.015, "lat": 22.505, "crs": "CRS84", "accuracy_m": 1, "edition": "2026", "kind": "component"}
    routed = either.post("/v1/cases/route", json={**case, "class_code": "01037"}).json()
    assert routed["department"]["code"] == "NIGHT"
    assert routed["component"] is None


def test_a_new_layer_of_areas_and_its_first_area_are_drafted_together(either: httpx.Client) -> None:
    draft = begin(either)
    ring = [[WEST, SOUTH], [WEST + SIDE, SOUTH], [WEST + SIDE, SOUTH + SIDE], [WEST, SOUTH + SIDE], [WEST, SOUTH]]
    area = {
        "op": "put",
        "layer": "areas.green",
        "code": "G-1",
        "values": {"name": "绿地", "department": "CITY", "lot": 7},
    }
    area["geometry"] = {"type": "Polygon", "coordinates": [ring]}
    assert add(either, draft, area).json()["code"] == "area_layer_unknown"
    declared = {"op": "put", "layer": "area_layers", "code": "green", "values": {"title": "绿化"}}
    done = add(either, draft, declared, area)
    assert done.status_code == 200, done.text
    where = {"lon": WEST + SIDE / 2, "lat": SOUTH + SIDE / 2, "crs": "CRS84"}
    seen = either.get("/v1/locate", params={**where, "draft": draft["id"]}).json()["areas"]["green"]
    assert seen == [{"code": "G-1", "name": "绿地", "department": "CITY"}]
    assert publish(either, draft).status_code == 200
    assert either.get("/v1/locate", params=where).json()["areas"]["green"] == seen
    assert "areas.green" in {each["id"] for each in either.get("/v1/layers").json()["layers"]}


def test_a_row_that_an_import_would_refuse_is_refused_alike(http: httpx.Client) -> None:
    draft = begin(http)
    put = {"op": "put", "layer": "areas.drainage", "code": "D-2", "values": {"department": "NOBODY"}}
    refused = add(http, draft, put)
    assert (refused.status_code, refused.json()["code"]) == (422, "department_unknown")
    assert "Row" not in refused.json()["detail"]
    bow = [[114.0, 22.5], [114.01, 22.51], [114.01, 22.5], [114.0, 22.51], [114.0, 22.5]]
    crossed = {**put, "values": {}, "geometry": {"type": "Polygon", "coordinates": [bow]}}
    assert add(http, draft, crossed).json()["code"] == "invalid_geometry"
    assert add(http, draft, {"op": "put", "layer": "units", "code": FIRST}).json()["code"] == "layer_not_editable"
    assert add(http, draft, {"op": "remove", "layer": "rules", "code": "none"}).status_code == 404


def test_publishing_into_the_past_before_the_newest_revision_is_refused(http: httpx.Client) -> None:
    draft = begin(http)
    add(http, draft, split(0))
    refused = publish(http, draft, effective_at="2020-01-01")
    assert (refused.status_code, refused.json()["code"]) == (409, "effective_before_previous")
    assert http.get(f"/v1/drafts/{draft['id']}").json()["state"] == "open"


def test_world_files_hold_the_revision_before_the_answer_is_sent(store: Store) -> None:
    app, other = create_app(Settings(), store), create_app(Settings(), store)
    with client(app) as http, client(other) as beside:
        assert unit_at(beside, WEST + SIDE * 0.25) == FIRST
        draft = begin(http)
        add(http, draft, split(0))
        assert publish(http, draft).status_code == 200
        assert unit_at(http, WEST + SIDE * 0.25) != FIRST
        assert other.state.worlds._files.root().content["revision"] == app.state.worlds.newest().revision


def test_lookups_and_routings_answer_as_the_draft_would_have_it(either: httpx.Client) -> None:
    draft = begin(either)
    add(
        either,
        draft,
        split(0),
        {"op": "put", "layer": "areas.drainage", "code": "D-1", "values": {"department": "CITY"}},
    )
    where = {"lon": WEST + SIDE * 0.25, "lat": SOUTH + SIDE / 2, "crs": "CRS84"}
    now = either.get("/v1/locate", params=where).json()
    then = either.get("/v1/locate", params={**where, "draft": draft["id"]}).json()
    assert (now["unit"], then["unit"]) == (FIRST, "440305001001004")
    assert (now["areas"]["drainage"][0]["department"], then["areas"]["drainage"][0]["department"]) == ("WATER", "CITY")
    many = either.post(
        "/v1/locate", params={"draft": draft["id"]}, json={"points": [[where["lon"], where["lat"]]], "crs": "CRS84"}
    )
    assert [each["unit"] for each in many.json()["results"]] == [then["unit"]]
    case = {**where, "accuracy_m": 1, "edition": "2026", "kind": "component", "class_code": "01002"}
    routed = either.post("/v1/cases/route", params={"draft": draft["id"]}, json=case).json()
    assert (routed["unit"], routed["department"]["code"]) == (then["unit"], "CITY")
    assert either.post("/v1/cases/route", json=case).json()["department"]["code"] == "WATER"
    twice = either.get("/v1/locate", params={**where, "draft": draft["id"], "as_of": "1"})
    assert twice.json()["code"] == "moment_twice"
    assert either.get("/v1/locate", params={**where, "draft": "none"}).status_code == 404
    either.post(f"/v1/drafts/{draft['id']}/undo")
    either.post(f"/v1/drafts/{draft['id']}/undo")
    assert either.get("/v1/locate", params={**where, "draft": draft["id"]}).json()["unit"] == FIRST


def take_in(http: httpx.Client, number: int, x: float, **members: Any) -> None:
    case = {"source": "12345", "id": f"c{number}", "lon": x, "lat": SOUTH + SIDE / 2, "crs": "CRS84", "accuracy_m": 1}
    done = http.post("/v1/cases", json={**case, "edition": "2026", "kind": "component", **members})
    assert done.status_code == 201, done.text


def test_the_impact_names_components_and_cases_that_a_draft_moves(either: httpx.Client) -> None:
    take_in(either, 1, WEST + SIDE * 0.5, class_code="01002")
    take_in(either, 2, WEST + SIDE * 4.5, class_code="01002")
    draft = begin(either)
    add(
        either,
        draft,
        split(1, 0.4),
        {"op": "put", "layer": "areas.drainage", "code": "D-1", "values": {"department": "CITY"}},
    )
    told = either.get(f"/v1/drafts/{draft['id']}/impact")
    assert told.status_code == 200, told.text
    draft_schemas.Impact.model_validate(told.json())
    impact = told.json()
    assert (impact["components_seen"], impact["components_moved"]) == (1, 1)
    assert impact["components"] == [{"code": "44030501037000001", "before": SECOND, "after": "440305001001005"}]
    areas = {each["code"]: each["area_m2"] or -each["area_m2_before"] for each in impact["units"]}
    assert set(areas) == {SECOND, "440305001001004", "440305001001005", FIRST, THIRD} - ({FIRST, THIRD} - set(areas))
    assert sum(areas[code] for code in (SECOND, "440305001001004", "440305001001005")) == pytest.approx(0, abs=0.05)
    assert impact["cases"] == [{"source": "12345", "id": "c1", "unit": FIRST, "before": "WATER", "after": "CITY"}]
    assert impact["cases_complete"]


def test_publishing_into_the_past_lists_the_decisions_since_that_would_differ(either: httpx.Client) -> None:
    since = either.get("/v1/revisions").json()["items"][-1]["effective_at"]
    take_in(either, 1, WEST + SIDE * 0.5, class_code="01002", reported_at="2027-01-01T08:00:00+08:00")
    take_in(either, 2, WEST + SIDE * 0.5, class_code="01002", reported_at="2020-01-01T08:00:00+08:00")
    draft = begin(either)
    add(either, draft, {"op": "put", "layer": "areas.drainage", "code": "D-1", "values": {"department": "CITY"}})
    time.sleep(5.1)  # a revision that holds since a moment ago is not one of the past
    made = publish(either, draft, effective_at=since)
    assert made.status_code == 200, made.text
    assert [(each["id"], each["before"], each["after"]) for each in made.json()["differing"]] == [
        ("c1", "WATER", "CITY")
    ]


def test_tiles_show_the_draft(either: httpx.Client) -> None:
    draft = begin(either)
    add(either, draft, split(0))
    place = address("units", 15)
    now, then = (either.get(place, params=asked) for asked in ({}, {"draft": draft["id"]}))
    assert then.headers["ETag"] != now.headers["ETag"]
    codes = {each["properties"]["code"] for each in decode(then)["units"]["features"]}
    assert FIRST not in codes
    assert {"440305001001004", "440305001001005"} & codes
    far = either.get(address("units", 9), params={"draft": draft["id"]})
    assert FIRST not in {each["properties"]["code"] for each in decode(far)["units"]["features"]}
    same = [either.get(address("components", 12, 1), params=asked).content for asked in ({}, {"draft": draft["id"]})]
    assert same[0] == same[1]
    described = either.get("/tiles/units.json", params={"draft": draft["id"]}).json()
    assert described["tiles"][0].endswith(f"?draft={draft['id']}")


def test_single_lookups_of_the_process_answer_of_the_new_revision_at_once(app: FastAPI, http: httpx.Client) -> None:
    watch = app.state.watch
    watch.start()
    try:
        draft = begin(http)
        add(http, draft, split(0))
        number = publish(http, draft).json()["revision"]["number"]
        assert watch.spots.desk.revision == number
        assert unit_at(http, WEST + SIDE * 0.25) == "440305001001004"
    finally:
        watch.stop()


VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), st.text()),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(), inner, max_size=3)),
    max_leaves=6,
)
LAYERS = ("departments", "areas.drainage", "area_layers", "components", "rules", "units", "areas.", "nowhere")
NAMES = (
    "code",
    "owner",
    "name",
    "parent",
    "ids",
    "department",
    "priority",
    "attributes",
    "to",
    "class",
    "edition",
    "title",
    "overlap",
)


@settings(
    max_examples=120, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    op=st.sampled_from(("put", "remove", "split", "set", None)),
    layer=st.one_of(st.sampled_from(LAYERS), VALUES),
    code=st.one_of(st.sampled_from(("D-1", "lamps", "CITY", "44030501037000001", FIRST)), VALUES),
    values=st.one_of(st.dictionaries(st.sampled_from(NAMES), VALUES, max_size=3), VALUES),
    further=st.dictionaries(st.sampled_from(("geometry", "owner", "unit", "attributes", "line")), VALUES, max_size=2),
)
def test_whatever_is_sent_as_an_edit_is_an_edit_or_a_problem_and_can_be_published_or_not(
    http: httpx.Client, op: Any, layer: Any, code: Any, values: Any, further: Any
) -> None:
    draft = begin(http)
    document = {"op": op, "layer": layer, "code": code, "values": values, **further}
    given = {name: value for name, value in document.items() if value is not None}
    done = add(http, draft, {"unit": code, **given} if op in ("split", "set") else given)
    assert done.status_code in (200, 400, 404, 409, 410, 422), (given, done.text)
    if done.status_code == 200:
        assert publish(http, draft).status_code in (200, 409, 422), given
    else:
        assert done.json()["detail_zh"]
