"""Components one by one over HTTP, on both stores."""

from pathlib import Path

import httpx
import pytest

from api.schemas import components as shapes
from components.tables import component
from gis.store.engine import Store
from gis.store.revisions import current_head
from tests.api.delivering import bring_in, counts, export, held, publish
from tests.api.registry import HERE, LAMP, change, look, new_lamp
from tests.api.small_world import COMPONENTS, UNITS, bring, centre

LAST = "44030501037999999"


def test_a_component_is_told_with_the_unit_in_which_it_stands(either: httpx.Client) -> None:
    found, _ = look(either)
    shapes.ComponentItem.model_validate(found)
    assert (found["unit"], found["owner_code"], found["owner"]) == (UNITS[1], "LIGHT", "")
    assert found["divisions"]["street"] == {"code": "440305001", "name": "南头街道"}
    again = either.get(
        f"/v1/components/{LAMP}", headers={"If-None-Match": either.get(f"/v1/components/{LAMP}").headers["ETag"]}
    )
    assert again.status_code == 304
    assert either.get("/v1/components/none").json()["code"] == "component_unknown"


def test_a_component_without_a_code_gets_the_next_free_one_of_its_county_and_class(either: httpx.Client) -> None:
    params = {"county": "440305", "class_code": "01037"}
    assert either.get("/v1/components/next-code", params=params).json() == {"code": "44030501037000002"}
    made = either.post("/v1/components", json=new_lamp())
    assert made.status_code == 201, made.text
    shapes.ComponentMade.model_validate(made.json())
    assert made.json()["code"] == "44030501037000002"
    assert made.headers["Location"] == "/v1/components/44030501037000002"
    assert made.json()["unit"] == UNITS[0]
    assert made.json()["initial_date"] is not None
    elsewhere = either.post("/v1/components", json=new_lamp(point=list(centre(4))))
    assert elsewhere.json()["code"] == "44030601037000001"
    assert either.get("/v1/components/next-code", params=params).json() == {"code": "44030501037000003"}


def test_a_code_that_was_given_once_is_never_given_again(either: httpx.Client) -> None:
    code = either.post("/v1/components", json=new_lamp()).json()["code"]
    ended = either.post(f"/v1/components/{code}/retire", json={"reason": "拆除"}, headers=look(either, code)[1])
    assert ended.status_code == 200, ended.text
    gone = either.get(f"/v1/components/{code}")
    assert (gone.status_code, gone.json()["code"]) == (410, "component_retired")
    assert either.post("/v1/components", json=new_lamp()).json()["code"] == "44030501037000003"
    again = either.post("/v1/components", json=new_lamp(code=code))
    assert (again.status_code, again.json()["code"]) == (409, "code_reused")
    told = either.get(f"/v1/components/{code}/history").json()
    assert [each["change"] for each in told["items"]] == ["created", "retired"]
    assert told["items"][1]["note"] == "拆除"


def test_when_the_numbers_are_at_their_end_the_lowest_never_given_is_next(http: httpx.Client) -> None:
    assert http.post("/v1/components", json=new_lamp(code=LAST)).status_code == 201
    assert http.post("/v1/components", json=new_lamp()).json()["code"] == "44030501037000002"


def test_a_component_is_changed_and_moved_by_revisions_of_their_own(either: httpx.Client) -> None:
    changed = change(either, state="破损", attributes={"pole": "9 m"}, reason="巡查")
    assert changed.status_code == 200, changed.text
    assert (changed.json()["state"], changed.json()["attributes"]) == ("破损", {"pole": "9 m"})
    assert changed.json()["change_date"] is not None
    moved = change(either, point=list(centre(2)), crs="CRS84")
    assert (moved.json()["unit"], moved.json()["state"]) == (UNITS[2], "破损")
    assert (
        either.get("/v1/locate", params={"lon": centre(2)[0], "lat": centre(2)[1], "crs": "CRS84"}).json()["unit"]
        == UNITS[2]
    )
    assert change(either, attributes={"pole": None}).json()["attributes"] is None
    steps = either.get(f"/v1/components/{LAMP}/history").json()["items"]
    assert [each["fields"] for each in steps][1:3] == [
        ["state", "change_date", "attributes"],
        ["geometry"],
    ]
    assert change(either, state="破损").json()["code"] == "nothing_changes"


def test_a_point_may_be_in_any_system(http: httpx.Client) -> None:
    moved = change(http, point=[113.9, 22.5], crs="GCJ-02").json()
    lon, lat = moved["geometry"]["coordinates"]
    assert (lon, lat) == pytest.approx((113.8950, 22.5028), abs=2e-3)
    assert moved["unit"] is None
    assert change(http, point=[114.005, 22.505]).json()["code"] == "crs_missing"
    assert change(http, point=[22.505, 114.005], crs="CRS84").json()["code"] == "swapped_axes"
    line = {"type": "LineString", "coordinates": [[114.001, 22.505], [114.002, 22.505]]}
    assert change(http, geometry=line).json()["unit"] == UNITS[0]


def test_who_has_not_seen_the_newest_version_changes_nothing_and_is_told_both(either: httpx.Client) -> None:
    seen, tag = look(either)
    change(either, state="破损")
    late = either.patch(f"/v1/components/{LAMP}", json={"state": "丢失"}, headers=tag)
    assert (late.status_code, late.json()["code"]) == (412, "component_changed")
    assert late.json()["before"]["state"] == seen["state"]
    assert late.json()["now"]["state"] == "破损"
    bare = either.patch(f"/v1/components/{LAMP}", json={"state": "丢失"})
    assert (bare.status_code, bare.json()["code"]) == (428, "if_match_missing")
    assert look(either)[0]["state"] == "破损"


def test_a_component_close_to_one_of_its_class_is_told_when_it_is_registered(either: httpx.Client) -> None:
    lon, lat = look(either)[0]["geometry"]["coordinates"]
    near = either.post("/v1/components", json=new_lamp(point=[lon, lat + 5e-6], owner_code="NOBODY")).json()
    told = {each["code"]: each for each in near["notes"]}
    assert set(told) == {"component_twins", "department_unknown"}
    assert (told["component_twins"]["thing"], told["component_twins"]["other"]) == (near["code"], LAMP)
    assert told["component_twins"]["metres"] == pytest.approx(0.554, abs=0.01)
    assert change(either, near["code"], owner_code="LIGHT").json()["notes"] == []
    assert change(either, near["code"], point=[lon, lat + 5e-5], crs="CRS84").json()["notes"] == []


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ([], "body_wrong"),
        ({"colour": "red"}, "unknown_field"),
        ({"class_code": "01037"}, "missing_geometry"),
        (new_lamp(point=[1]), "member_wrong"),
        (new_lamp(point=["a", 1]), "member_wrong"),
        (new_lamp(geometry={"type": "Point", "coordinates": [114, 22.5]}), "geometry_twice"),
        ({"class_code": "01037", "geometry": {"type": "Poin"}}, "member_wrong"),
        ({"class_code": "01037", "geometry": {"type": "Point", "coordinates": []}}, "missing_geometry"),
        (new_lamp(class_code="99999"), "class_unknown"),
        (new_lamp(edition="dc-311"), "code_needed"),
        (new_lamp(point=[113.0, 22.5]), "county_wrong"),
        (new_lamp(owner="44x"), "owner_wrong"),
        (new_lamp(attributes=[1]), "member_wrong"),
        (new_lamp(attributes={"state": "x"}), "member_wrong"),
        (new_lamp(attributes={"a": [1]}), "edit_wrong"),
        (new_lamp(name={"a": 1}), "edit_wrong"),
        (new_lamp(initial_date="soon"), "value_wrong"),
        (new_lamp(reason="x" * 3000), "text_too_long"),
        (new_lamp(edition=7), "member_wrong"),
        (new_lamp(accuracy_m="near"), "value_wrong"),
        (new_lamp(crs="Mars"), "crs_unknown"),
    ],
)
def test_what_is_no_component_is_refused_in_both_languages(http: httpx.Client, body: object, code: str) -> None:
    refused = http.post("/v1/components", json=body)
    assert refused.status_code in (409, 422), refused.text
    assert refused.json()["code"] == code
    assert refused.json()["detail_zh"]
    assert http.get("/v1/revisions", params={"limit": 1}).json()


def test_codes_of_an_owner_may_be_any_text_until_a_policy_wants_the_standard(http: httpx.Client) -> None:
    assert http.post("/v1/components", json=new_lamp(code="灯-7")).status_code == 201
    assert http.post("/v1/components", json=new_lamp(code="44030501038000009")).status_code == 201  # a warning at most
    put = http.put("/v1/catalogue/policies", json={"codes": "standard"})
    assert put.status_code == 200, put.text
    shapes.PolicyItem.model_validate(put.json())
    assert http.post("/v1/components", json=new_lamp(code="灯-8")).json()["code"] == "code_form"
    other = http.post("/v1/components", json=new_lamp(code="44030501038000010"))
    assert (other.status_code, other.json()["code"]) == (422, "code_class_differs")
    assert (
        http.post(
            "/v1/components", json=new_lamp(edition="2013", class_code="0101", code="4403050101000001")
        ).status_code
        == 201
    )


def test_further_attributes_are_held_to_the_schema_of_their_class(http: httpx.Client) -> None:
    schema = {
        "properties": {"pole_m": {"type": "number", "maximum": 30}, "lamp": {"enum": ["LED", "钠灯"]}},
        "required": ["pole_m"],
    }
    policy = {"edition": "2026", "class_code": "01037", "schema": schema}
    assert http.put("/v1/catalogue/policies", json=policy).status_code == 200
    shapes.PolicyList.model_validate(http.get("/v1/catalogue/policies").json())
    missing = http.post("/v1/components", json=new_lamp())
    assert (missing.json()["code"], missing.json()["attribute"]) == ("attribute_wrong", "pole_m")
    wrong = http.post("/v1/components", json=new_lamp(attributes={"pole_m": 90, "lamp": "LED"}))
    assert "30" in wrong.json()["detail"]
    made = http.post("/v1/components", json=new_lamp(attributes={"pole_m": "8.5", "lamp": "LED"}))
    assert made.json()["attributes"] == {"pole_m": 8.5, "lamp": "LED"}
    for bad in ({"type": "array"}, {"type": 7}, {"properties": {"a": {"$ref": "https://example.org/x"}}}):
        refused = http.put("/v1/catalogue/policies", json={**policy, "schema": bad})
        assert refused.json()["code"] == "schema_wrong"
    for bad in ({"review": "sometimes"}, {"owner": "x"}, {"class_code": "01037"}, {"colour": 1}, {"owner": 7}):
        assert http.put("/v1/catalogue/policies", json=bad).status_code == 422


def test_an_import_is_held_to_the_schema_with_row_and_attribute(
    http: httpx.Client, store: Store, tmp_path: Path
) -> None:
    schema = {"properties": {"pole_m": {"type": "number"}}, "additionalProperties": False}
    http.put("/v1/catalogue/policies", json={"edition": "2026", "class_code": "01037", "schema": schema})
    heading, row = COMPONENTS.splitlines()
    text = f"{heading},pole_m\n{row},8.5\n{row.replace('000001', '000002')},high\n"
    with pytest.raises(AssertionError) as refused:
        bring(store, tmp_path, "components", "more.csv", text, crs="CRS84")
    (fault,) = [each for each in refused.value.args[0] if each.severity == "error"]
    assert (fault.code, fault.row, fault.members) == ("attribute_wrong", 2, {"attribute": "pole_m"})
    bring(store, tmp_path, "components", "more.csv", text.replace("high", "12"), crs="CRS84")
    assert look(http, "44030501037000002")[0]["attributes"] == {"pole_m": 12.0}


def test_a_component_that_an_import_brings_back_is_itself(http: httpx.Client, store: Store, tmp_path: Path) -> None:
    before = http.get(f"/v1/components/{LAMP}/history").json()["uid"]
    http.post(f"/v1/components/{LAMP}/retire", json={}, headers=look(http)[1])
    made = bring(store, tmp_path, "components", "again.csv", COMPONENTS, crs="CRS84").revision
    told = http.get(f"/v1/components/{LAMP}/history", params={"as_of": made and made.number}).json()
    assert told["uid"] == before
    assert [each["change"] for each in told["items"]] == ["created", "retired", "created"]


def test_a_component_that_a_survey_brings_back_through_a_draft_is_itself(
    store_of_either: Store, tmp_path: Path
) -> None:
    store = store_of_either
    path = export(store, "components", tmp_path / "c.csv")
    before = held(store, component)[LAMP]["uid"]
    heading, row = COMPONENTS.splitlines()
    other = row.replace("000001", "000002").replace("114.0150", "114.0050")
    bring(store, tmp_path, "components", "other.csv", f"{heading}\n{other}\n", crs="CRS84", scope="44")
    assert LAMP not in held(store, component)
    found = bring_in(store, "components", path, base=current_head(store), draft=True)
    assert counts(found)["new"] == 1
    assert found.draft is not None
    publish(store, found.draft.id)
    assert held(store, component)[LAMP]["uid"] == before


def test_a_moved_component_is_the_one_that_a_case_means_at_its_new_place(http: httpx.Client) -> None:
    change(http, **{**HERE, "point": list(centre(3))})
    case = {"crs": "CRS84", "accuracy_m": 1, "edition": "2026", "kind": "component", "class_code": "01037"}
    there = http.post("/v1/cases/route", json={**case, "lon": centre(3)[0], "lat": centre(3)[1]}).json()
    assert there["component"]["code"] == LAMP
    was = http.post("/v1/cases/route", json={**case, "lon": 114.015, "lat": 22.505}).json()
    assert was["component"] is None
