"""Edits that cannot be: each is refused in a sentence of both languages, with its place, and changes nothing."""

import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from gis.store.engine import Store, reading
from gis.store.revisions import current_head
from grids.drafts.records import list_drafts, list_edits
from tests.api.small_world import SIDE, SOUTH, UNITS, WEST, bring, collection, square
from tests.api.test_drafts import add, begin, publish, split

FIRST, SECOND, THIRD, FOURTH, FIFTH = UNITS
NORTH, MIDDLE = round(SOUTH + SIDE, 9), SOUTH + SIDE / 2
FREE = "440305001001050"


def x(sides: float) -> float:
    """So many squares east of the western edge."""
    return round(WEST + SIDE * sides, 9)


def across(sides: float) -> list[list[float]]:
    return [[x(sides), SOUTH - 0.001], [x(sides), NORTH + 0.001]]


BAD: dict[str, tuple[dict[str, Any], str]] = {
    "a line that misses": ({"op": "split", "unit": FIRST, "line": across(1.5)}, "line_misses_unit"),
    "a line that touches a corner": (
        {"op": "split", "unit": FIRST, "line": [[x(-0.5), MIDDLE], [x(0), NORTH], [x(0.5), NORTH + SIDE / 2]]},
        "line_touches_only",
    ),
    "a line along an edge": ({"op": "split", "unit": FIRST, "line": across(1)}, "line_along_edge"),
    "a line that ends inside": (
        {"op": "split", "unit": FIRST, "line": [[x(0.5), SOUTH - 0.001], [x(0.5), MIDDLE]]},
        "line_ends_inside",
    ),
    "a line that crosses itself": (
        {
            "op": "split",
            "unit": FIRST,
            "line": [[x(0.2), SOUTH - 0.001], [x(0.6), MIDDLE], [x(0.6), SOUTH + 0.001], [x(0.2), NORTH + 0.001]],
        },
        "line_crosses_itself",
    ),
    "a line of one place": ({"op": "split", "unit": FIRST, "line": [[x(0.5), MIDDLE]]}, "line_too_short"),
    "a sliver": ({"op": "split", "unit": FIRST, "line": across(1e-7)}, "part_too_thin"),
    "units that are no neighbours": ({"op": "merge", "units": [FIRST, THIRD]}, "units_apart"),
    "units of two communities": ({"op": "merge", "units": [THIRD, FOURTH]}, "communities_differ"),
    "one unit alone": ({"op": "merge", "units": [FIRST]}, "units_too_few"),
    "a vertex over an edge": (
        {"op": "move_vertex", "from": [x(1), NORTH], "to": [x(1), SOUTH - 0.001]},
        "vertex_over_edge",
    ),
    "a vertex upon another": ({"op": "move_vertex", "from": [x(1), NORTH], "to": [x(1), SOUTH]}, "vertex_on_node"),
    "a vertex that is not there": (
        {"op": "move_vertex", "from": [x(0.3), MIDDLE], "to": [x(1), NORTH]},
        "vertex_unknown",
    ),
    "codes given twice": ({"op": "split", "unit": FIRST, "line": across(0.5), "codes": [FREE, FREE]}, "code_repeated"),
    "the code of another unit": (
        {"op": "split", "unit": FIRST, "line": across(0.5), "codes": [FREE, SECOND]},
        "code_taken",
    ),
    "a code of another community": (
        {"op": "split", "unit": FIRST, "line": across(0.5), "codes": [FREE, "440305001002050"]},
        "code_form",
    ),
    "a reshape that swallows the neighbour": (
        {
            "op": "reshape",
            "units": [FIRST, SECOND],
            "line": [[x(1), SOUTH], [x(2.5), SOUTH - 0.001], [x(2.5), NORTH + 0.001], [x(1), NORTH]],
        },
        "line_crosses_units",
    ),
    "a unit upon others": ({"op": "add", "geometry": square(1), "code": FREE}, "units_overlap"),
    "a unit that nobody has": ({"op": "split", "unit": "440305001001999", "line": across(0.5)}, "unit_unknown"),
    "swapped axes": (
        {"op": "split", "unit": FIRST, "line": [[each[1], each[0]] for each in across(0.5)]},
        "swapped_axes",
    ),
    "metres for degrees": (
        {"op": "split", "unit": FIRST, "line": [[500_000, 2_490_000], [500_000, 2_500_000]]},
        "coordinates_out_of_range",
    ),
    "coordinates beyond any number": (
        {"op": "split", "unit": FIRST, "line": [[1e308, 0], [-1e308, 0]]},
        "coordinates_out_of_range",
    ),
    "a unit of metres": (
        {
            "op": "add",
            "code": FREE,
            "geometry": {"type": "Polygon", "coordinates": [[[1e7, 0], [1e7, 9], [9e6, 9], [1e7, 0]]]},
        },
        "coordinates_out_of_range",
    ),
    "a vertex to the other side of the world": (
        {"op": "move_vertex", "from": [x(1), NORTH], "to": [-900, 0]},
        "coordinates_out_of_range",
    ),
}


def state(store: Store) -> Any:
    """All that an edit could have changed."""
    with reading(store.world) as connection:
        drafts = list_drafts(connection, state=None)
        return current_head(store), drafts, [list_edits(connection, each.id) for each in drafts]


def refused(answer: httpx.Response, code: str, *statuses: int) -> dict[str, Any]:
    """The problem of a refusal, which must be one."""
    assert answer.status_code in (statuses or (400, 404, 409, 422)), answer.text
    assert answer.headers["Content-Type"].startswith("application/problem+json")
    problem = answer.json()
    assert problem["code"] == code, problem
    assert problem["detail"]
    assert problem["detail_zh"]
    return dict(problem)


NOWHERE = {
    "coordinates_out_of_range",
    "units_too_few",
    "code_repeated",
    "code_taken",
    "code_form",
    "unit_unknown",
}
"""What is wrong before any place is looked at, or has none on this earth."""


@pytest.mark.parametrize("name", BAD)
def test_what_cannot_be_is_refused_with_its_place_and_changes_nothing(
    http: httpx.Client, store: Store, name: str
) -> None:
    edit, code = BAD[name]
    draft = begin(http)
    before = state(store)
    for asked in ({"dry_run": True}, {}):
        problem = refused(add(http, draft, edit, params=asked), code)
        if code not in NOWHERE:
            assert problem["where"]["type"], problem
    assert state(store) == before


def test_a_line_that_comes_back_to_itself_after_many_places_is_refused_where_it_does(http: httpx.Client) -> None:
    draft = begin(http)
    step = SIDE / 20_000
    way = [[x(0.1) + step * number, MIDDLE + (number % 2) * step] for number in range(18_000)]
    way += [[x(0.9), MIDDLE + SIDE / 4], [x(0.5), MIDDLE + SIDE / 4], [x(0.5), MIDDLE - SIDE / 4]]
    problem = refused(add(http, draft, {"op": "split", "unit": FIRST, "line": way}), "line_crosses_itself", 422)
    assert problem["where"]["coordinates"] == pytest.approx([x(0.5), MIDDLE], abs=1e-6)


def test_a_line_of_a_hundred_thousand_places_is_refused_at_once(http: httpx.Client, store: Store) -> None:
    draft = begin(http)
    way = [[x(number / 90_000), MIDDLE] for number in range(-5_000, 95_000)]
    before = state(store)
    for edit in ({"op": "split", "unit": FIRST}, {"op": "reshape", "units": [FIRST, SECOND]}):
        problem = refused(add(http, draft, {**edit, "line": way}), "line_too_long", 422)
        assert problem["where"]["type"] == "Point"
        assert "100,000" in problem["detail_zh"]
    assert state(store) == before


@pytest.mark.parametrize("value", ["NaN", "Infinity", "-Infinity", "1e999", "null", '"114.0"', "[114.0]", "true"])
def test_what_is_no_number_is_no_coordinate(http: httpx.Client, store: Store, value: str) -> None:
    draft = begin(http)
    before = state(store)
    bodies = (
        f'{{"op": "split", "unit": "{FIRST}", "line": [[{value}, 22.4], [114.005, 22.6]]}}',
        f'{{"op": "move_vertex", "from": [114.01, 22.5], "to": [{value}, 22.5]}}',
        f'{{"op": "add", "geometry": {{"type": "Polygon", "coordinates": [[[0, 0], [1, {value}], [1, 1], [0, 0]]]}}}}',
        f'{{"op": "put", "layer": "areas.drainage", "code": "D-1", "geometry": '
        f'{{"type": "Polygon", "coordinates": [[[0, 0], [1, {value}], [1, 1], [0, 0]]]}}}}',
    )
    for body in bodies:
        answer = http.post(f"/v1/drafts/{draft['id']}/edits", content=body)
        assert answer.json()["code"] in ("json_wrong", "edit_wrong", "coordinate_not_finite"), (body, answer.text)
        assert answer.status_code in (400, 422)
        assert answer.json()["detail_zh"]
    assert state(store) == before


def test_a_retired_code_is_not_given_again(http: httpx.Client, store: Store) -> None:
    draft = begin(http)
    add(http, draft, split(0))
    assert publish(http, draft).status_code == 200
    again = begin(http)
    before = state(store)
    edit = {"op": "split", "unit": SECOND, "line": across(1.5), "codes": [FREE, FIRST]}
    problem = refused(add(http, again, edit), "code_taken", 409)
    assert problem["thing"] == FIRST
    refused(add(http, again, {"op": "set", "unit": FIRST, "attributes": {"note": "x"}}), "unit_retired", 410)
    assert state(store) == before


def test_an_edit_for_another_state_of_the_draft_and_one_of_a_published_draft_are_refused(
    http: httpx.Client, store: Store
) -> None:
    draft = begin(http)
    stale = http.get(f"/v1/drafts/{draft['id']}").headers["ETag"]
    add(http, draft, split(0))
    before = state(store)
    refused(add(http, draft, split(1), headers={"If-Match": stale}), "draft_changed", 412)
    refused(publish(http, draft, stale), "draft_changed", 412)
    assert state(store) == before
    assert publish(http, draft).status_code == 200
    before = state(store)
    for asked in ({"dry_run": True}, {}):
        refused(add(http, draft, split(1), params=asked), "draft_closed", 409)
    refused(http.post(f"/v1/drafts/{draft['id']}/undo"), "draft_closed", 409)
    assert state(store) == before


def test_ground_of_another_owner_is_not_changed(http: httpx.Client, store: Store) -> None:
    draft = begin(http, owner="440305")
    before = state(store)
    problem = refused(add(http, draft, split(4)), "edit_outside_draft", 403)
    assert problem["thing"] == FIFTH
    assert problem["where"]["type"] == "Polygon"
    drawn = {"op": "move_vertex", "from": [x(4), NORTH], "to": [x(4.1), NORTH]}
    refused(add(http, draft, drawn), "edit_outside_draft", 403)
    assert state(store) == before


@pytest.fixture
def full(store: Store, tmp_path: Path) -> Store:
    """The small world with a community that has 999 units."""
    width = SIDE / 100

    def strip(number: int) -> dict[str, Any]:
        west, east = (round(x(5) + width * each, 9) for each in (number, number + 1))
        ring = [[west, SOUTH], [east, SOUTH], [east, NORTH], [west, NORTH], [west, SOUTH]]
        return {"type": "Polygon", "coordinates": [ring]}

    strips = [({"code": f"440306001001{number + 2:03d}"}, strip(number)) for number in range(998)]
    bring(store, tmp_path, "units", "strips.geojson", collection(strips))
    return store


def test_a_community_without_free_numbers_says_so_and_that_it_may_be_renumbered(
    http: httpx.Client, full: Store
) -> None:
    draft = begin(http)
    before = state(full)
    problem = refused(add(http, draft, split(4)), "numbers_exhausted", 409)
    assert problem["thing"] == "440306001001"
    assert "reuse" in problem["detail_zh"]
    assert state(full) == before


def test_a_list_with_one_bad_edit_keeps_none_and_names_its_row(http: httpx.Client, store: Store) -> None:
    draft = begin(http)
    before = state(store)
    problem = refused(add(http, draft, split(3), BAD["units that are no neighbours"][0]), "units_apart", 422)
    assert problem["row"] == 2
    assert state(store) == before


def test_every_sentence_is_there_in_chinese(http: httpx.Client) -> None:
    draft = begin(http)
    for edit, _ in BAD.values():
        said = add(http, draft, edit).json()
        assert any("\u4e00" <= letter <= "\u9fff" for letter in said["detail_zh"]), json.dumps(said)
        assert not any("\u4e00" <= letter <= "\u9fff" for letter in said["detail"])
