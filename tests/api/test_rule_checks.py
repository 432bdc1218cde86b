"""The rule book checked on the ground: in `wangge check rules`, in drafts, for those who see a part of it."""

import json
from typing import Any

import httpx

from api.editing.findings import Asked, look_over
from cases.rules.schema import rule_book_schema
from gis.store.engine import Store
from gis.store.scope import Scope
from tests.api.small_world import UNITS, bring, centre, square
from tests.api.test_drafts import add, begin, publish
from tests.journeys.commands import Office

BOOK = """rules:
  - {code: drainage, kind: matter, class_prefix: "06", to: [{area: drainage}]}
  - {code: lamps, edition: "2026", kind: component, class: "01037", to: [{department: LIGHT}]}
"""


def bring_book(store: Store, folder: Any) -> None:
    bring(store, folder, "rules", "book.yaml", BOOK)


def found(store: Store, **asked: Any) -> list[Any]:
    return list(look_over(store, Asked("rules", **asked)).faults)


def holes(faults: list[Any]) -> dict[str, list[str]]:
    """The units without a department, by the first class concerned."""
    return {each.members["classes"][0]: each.members["units"] for each in faults if each.code == "class_without_rule"}


def test_classes_and_places_without_a_rule_are_told_with_a_point(store_of_either: Store, tmp_path: Any) -> None:
    bring_book(store_of_either, tmp_path)
    faults = found(store_of_either)
    told = holes(faults)
    assert told["2026:matter:06001"] == [UNITS[3], UNITS[4]]  # no area of drainage there
    assert told["2026:component:01001"] == list(UNITS)
    assert {each.code for each in faults} == {"class_without_rule", "no_catch_all"}
    assert all(each.where["type"] == "Point" for each in faults)


def test_within_a_prefix_only_its_own_places_are_told(store_of_either: Store, tmp_path: Any) -> None:
    bring_book(store_of_either, tmp_path)
    told = holes(found(store_of_either, scope=Scope(("440306",))))
    assert {unit for units in told.values() for unit in units} == {UNITS[4]}


def test_a_retired_department_is_told_with_its_successor_where_its_rule_holds(
    either: httpx.Client, store_of_either: Store, tmp_path: Any
) -> None:
    bring_book(store_of_either, tmp_path)
    draft = begin(either)
    added = add(
        either,
        draft,
        {"op": "put", "layer": "departments", "code": "LIGHTS", "values": {"name": "照明中心", "parent": "CITY"}},
        {"op": "put", "layer": "departments", "code": "LIGHT", "values": {"ids": {"12345": "009"}}},
    )
    assert added.status_code == 200, added.text
    assert publish(either, draft).status_code == 200
    draft = begin(either)
    add(
        either,
        draft,
        {"op": "put", "layer": "departments", "code": "LIGHTS", "values": {"ids": {"12345": "009"}}},
        {"op": "remove", "layer": "departments", "code": "LIGHT"},
    )
    checked = either.get(f"/v1/drafts/{draft['id']}/checks").json()
    (told,) = [each for each in checked["rules"] if each["code"] == "department_retired"]
    assert (told["thing"], told["successors"], told["severity"]) == ("lamps", ["LIGHTS"], "error")
    assert told["where"] == {"type": "Point", "coordinates": list(centre(0))}
    assert "LIGHTS" in told["detail"]
    assert "LIGHTS" in told["detail_zh"]
    assert found(store_of_either, draft=draft["id"])[0].code == "department_retired"
    assert publish(either, draft).status_code == 200
    after = [each for each in found(store_of_either) if each.code == "department_retired"]
    assert [each.members for each in after] == [{"successors": ["LIGHTS"]}]


def test_who_took_over_the_areas_is_proposed(either: httpx.Client, store_of_either: Store, tmp_path: Any) -> None:
    bring_book(store_of_either, tmp_path)
    draft = begin(either)
    add(
        either,
        draft,
        {"op": "put", "layer": "rules", "code": "own", "values": {"to": [{"department": "WATER2"}], "place": "440306"}},
        {"op": "put", "layer": "areas.drainage", "code": "D-2", "values": {"department": "WATER"}},
        {"op": "remove", "layer": "departments", "code": "WATER2"},
    )
    assert publish(either, draft).status_code == 200
    (told,) = [each for each in found(store_of_either) if each.code == "department_retired"]
    assert (told.thing, told.members) == ("own", {"successors": ["WATER"]})
    assert told.where == {"type": "Point", "coordinates": list(centre(4))}


def test_a_draft_that_touches_nothing_of_the_rules_is_not_checked_for_them(either: httpx.Client) -> None:
    draft = begin(either)
    x = square(0)["coordinates"][0][0][0] + 0.005
    line = {"type": "LineString", "coordinates": [[x, 22.49], [x, 22.52]]}
    assert add(either, draft, {"op": "split", "unit": UNITS[0], "line": line}).status_code == 200
    assert either.get(f"/v1/drafts/{draft['id']}/checks").json()["rules"] == []


def test_the_schema_of_rule_books_is_the_same_over_http_and_from_the_command(http: httpx.Client, tmp_path: Any) -> None:
    said = Office(f"sqlite:///{tmp_path / 'wangge.db'}", tmp_path).do("rules", "schema")
    assert http.get("/v1/schemas/rule-book").json() == json.loads(said.out) == rule_book_schema()
