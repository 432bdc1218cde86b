"""Rows of departments, areas, components and rules in drafts."""

from typing import Any

import httpx
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.api.small_world import SIDE, SOUTH, WEST
from tests.api.test_drafts import FIRST, add, begin, publish

PLAIN = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), st.text())
VALUES = st.one_of(PLAIN, st.lists(PLAIN, max_size=3), st.dictionaries(st.text(), PLAIN, max_size=3))
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


def test_a_published_draft_that_added_a_component_is_still_told(either: httpx.Client) -> None:
    draft = begin(either)
    lamp = {"op": "put", "layer": "components", "code": "44030501037000009", "values": {"class_code": "01037"}}
    place = {"type": "Point", "coordinates": [WEST + SIDE / 2, SOUTH + SIDE / 2]}
    assert add(either, draft, {**lamp, "geometry": place}).status_code == 200
    assert publish(either, draft).status_code == 200
    either.put("/v1/catalogue/policies", json={"schema": {"required": ["pole_m"]}})  # from now on
    told = either.get(f"/v1/drafts/{draft['id']}/diff").json()
    assert [each["properties"]["code"] for each in told["changes"]["features"]] == ["44030501037000009"]
    again = begin(either)
    assert add(either, again, {"op": "remove", "layer": "components", "code": "44030501037000009"}).status_code == 200
    assert publish(either, again).status_code == 200
    either.put("/v1/catalogue/policies", json={})
    refused = add(either, begin(either), {**lamp, "geometry": place})
    assert (refused.status_code, refused.json()["code"]) == (422, "code_reused")


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
