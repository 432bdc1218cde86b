"""History over HTTP: lineage, versions, the feed, differences, the crosswalk; and `as_of` everywhere."""

import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import make_url

from api.app import create_app
from api.editing.undo import run_undo
from api.keys import create_key
from api.schemas import answers as schemas
from api.schemas import history as history_schemas
from api.settings import Settings
from gis.errors import Refusal
from gis.store.engine import Store, open_store, reading, writing
from gis.store.lineage import Descent
from gis.store.revisions import Publication, current_head, list_revisions, publish
from grids.tables import division, unit
from tests.api.conftest import client
from tests.api.small_world import UNITS, bring, collection, square
from tests.api.test_cases import case
from tests.fixtures.postgis import database
from tests.fixtures.stores import EITHER, copied, copy_files
from tests.gis.store.ledger import change, rows_at

MERGED = "440305001001009"


def merge(url: str, folder: Path) -> None:
    """Merge the first two units into one, by revision 7."""
    store = open_store(url)
    merged = collection([({"code": MERGED}, square(0, 2)), ({"code": UNITS[2], "note": "测试"}, square(2))])
    bring(store, folder, "units", "merged.geojson", merged, scope="440305001001")
    store.close()


@pytest.fixture(scope="module")
def merged_files(small_world: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("merged")
    merge(copy_files(small_world, folder), folder)
    return folder


@pytest.fixture(scope="module")
def merged_database(postgis_server: str, small_world_on_postgis: str, merged_files: Path) -> Iterator[str]:
    with database(postgis_server, small_world_on_postgis) as url:
        merge(url, merged_files)
        yield str(make_url(url).database)


@pytest.fixture(params=EITHER)
def merged(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    """The small world after its first two units were merged into one, of this test alone."""
    with copied(request, "merged_files", "merged_database", tmp_path) as url:
        store = open_store(url)
        yield store
        store.close()


@pytest.fixture
def caller(merged: Store) -> Iterator[httpx.Client]:
    with client(create_app(Settings(), merged)) as made:
        yield made


def walk(caller: httpx.Client, **asked: Any) -> list[dict[str, Any]]:
    """The feed, page by page."""
    items, since = [], "0"
    while True:
        page = caller.get("/v1/changes", params={"since": since, **asked})
        answer = page.json()
        history_schemas.ChangeList.model_validate(answer)
        assert page.headers["Wangge-Revision"] == "7"
        assert len(answer["items"]) <= asked.get("limit", 1000)
        items += answer["items"]
        since = answer["next"]
        if not answer["more"]:
            assert since == "7"
            return items


def test_the_feed_is_the_same_in_pages_of_any_size_and_as_lines(caller: httpx.Client) -> None:
    whole = walk(caller)
    for size in (1, 3, 7):
        assert walk(caller, limit=size) == whole
    lines = caller.get("/v1/changes?since=0", headers={"accept": "application/x-ndjson"})
    assert lines.headers["content-type"] == "application/x-ndjson"
    *said, end = [json.loads(line) for line in lines.text.splitlines()]
    assert said == whole
    assert end == {"end": True, "rows": len(whole), "next": "7", "revision": 7}
    assert [each["revision"] for each in whole] == sorted(each["revision"] for each in whole)
    assert {each["layer"] for each in whole} == {
        "departments", "divisions", "units", "area_layers", "areas.drainage", "components", "rules"
    }  # fmt: skip


def test_the_feed_goes_on_at_any_cursor(caller: httpx.Client) -> None:
    whole = walk(caller)
    for index, each in enumerate(whole):
        rest = caller.get("/v1/changes", params={"since": each["cursor"]}).json()["items"]
        assert rest == whole[index + 1 :]


def test_a_cursor_behind_the_end_asked_for_stays_where_it_is(caller: httpx.Client) -> None:
    cursor = walk(caller, layer="units")[1]["cursor"]
    asked = {"since": cursor, "until": "2", "layer": "units"}
    assert caller.get("/v1/changes", params=asked).json()["next"] == cursor
    lines = caller.get("/v1/changes", params=asked, headers={"accept": "application/x-ndjson"}).text.splitlines()
    assert [json.loads(line) for line in lines] == [{"end": True, "rows": 0, "next": cursor, "revision": 2}]


def test_a_stream_of_limited_length_tells_where_to_go_on(caller: httpx.Client) -> None:
    whole = walk(caller)
    asked = {"since": "0", "limit": 5}
    lines = caller.get("/v1/changes", params=asked, headers={"accept": "application/x-ndjson"}).text.splitlines()
    *said, end = [json.loads(line) for line in lines]
    assert said == whole[:5]
    rest = caller.get("/v1/changes", params={"since": end["next"]}).json()["items"]
    assert rest == whole[5:]


def test_the_feed_has_tombstones_with_codes_and_versions_with_everything(caller: httpx.Client) -> None:
    items = caller.get("/v1/changes?since=6&layer=units").json()["items"]
    told = [(each["change"], each["code"]) for each in items]
    assert sorted(told[:2]) == [("retired", UNITS[0]), ("retired", UNITS[1])]
    assert told[2:] == [("created", MERGED)]
    assert items[0]["properties"] is None
    assert items[0]["geometry"] is None
    assert items[2]["properties"]["code"] == MERGED
    assert items[2]["geometry"]["type"] == "Polygon"
    assert caller.get("/v1/changes?since=6&until=6").json() == {"revision": 6, "items": [], "next": "6", "more": False}
    assert [each["code"] for each in caller.get("/v1/changes?since=0&layer=areas.drainage").json()["items"]] == [
        "D-1",
        "D-2",
    ]


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("/v1/changes", 422, "parameter_missing"),
        ("/v1/changes?since=x", 422, "since_wrong"),
        ("/v1/changes?since=8", 404, "revision_unknown"),
        ("/v1/changes?since=3&until=8", 404, "revision_unknown"),
        ("/v1/changes?since=3&layer=nothing", 404, "layer_unknown"),
        ("/v1/changes?since=3&layer=areas.nothing", 404, "layer_unknown"),
        ("/v1/changes?since=3.rules-begun.1&layer=units", 422, "since_wrong"),
        ("/v1/changes?since=3&limit=0", 422, "parameter_wrong"),
        ("/v1/revisions/8", 404, "revision_unknown"),
        ("/v1/revisions/0", 404, "revision_unknown"),
        ("/v1/revisions/99999999999999999999999", 404, "revision_unknown"),
        ("/v1/revisions/1/diff/8", 404, "revision_unknown"),
        ("/v1/revisions/1/diff/7?after=1", 422, "since_wrong"),
        ("/v1/revisions/1/diff/7?after=x", 422, "since_wrong"),
        ("/v1/crosswalk?from=1", 422, "parameter_missing"),
        ("/v1/crosswalk?from=1&to=9", 404, "revision_unknown"),
        ("/v1/crosswalk?from=6&to=7&level=planet", 422, "level_unknown"),
        ("/v1/units/440305001001099", 404, "unit_unknown"),
        ("/v1/units/440305001001099/history", 404, "unit_unknown"),
        ("/v1/units/440305001001099/lineage", 404, "unit_unknown"),
        (f"/v1/units/{UNITS[0]}/neighbours", 410, "unit_retired"),
        (f"/v1/units/{MERGED}?as_of=6", 404, "unit_unknown"),
        ("/v1/divisions/45", 404, "division_unknown"),
        ("/v1/divisions/45/neighbours", 404, "division_unknown"),
    ],
)
def test_what_is_not_there_is_refused(caller: httpx.Client, path: str, status: int, code: str) -> None:
    response = caller.get(path)
    answer = schemas.Problem.model_validate(response.json())
    assert (response.status_code, answer.code) == (status, code)
    assert answer.detail_zh


def test_a_retired_code_names_its_successors_for_programs_too(caller: httpx.Client) -> None:
    response = caller.get(f"/v1/units/{UNITS[1]}", headers={"accept-language": "zh"})
    answer = schemas.Problem.model_validate(response.json())
    assert (response.status_code, answer.code, answer.successors) == (410, "unit_retired", [MERGED])
    assert MERGED in answer.detail
    assert MERGED in (answer.detail_en or "")


def test_a_retired_division_names_its_successors_of_the_same_level(store_of_either: Store) -> None:
    store = store_of_either
    old = next(row for row in rows_at(store, division) if row["code"] == "440306001001")
    publish(store, Publication((change(division, [], [old["uid"]]),), "t", base=current_head(store)))
    heir = {name: old[name] for name in ("level", "name", "department", "attributes", "geom")}
    heir |= {"uid": 10**6, "owner": "440306001002", "code": "440306001002"}
    publish(store, Publication((change(division, [heir]),), "t", base=current_head(store)))
    with client(create_app(Settings(), store)) as caller:
        for path in ("", "/neighbours"):
            gone = caller.get(f"/v1/divisions/440306001001{path}")
            problem = schemas.Problem.model_validate(gone.json())
            assert (gone.status_code, problem.code, problem.successors) == (410, "division_retired", ["440306001002"])
        assert caller.get("/v1/divisions/440306001001?as_of=7").json()["successors"] == []
        told = caller.get("/v1/divisions/440306001001/lineage").json()
        assert (told["in_force"], told["successors"], told["pairs"]) == (False, ["440306001002"], [])


def test_the_ogc_item_of_a_retired_unit_names_its_successors_too(caller: httpx.Client) -> None:
    gone = caller.get(f"/ogc/collections/units/items/{UNITS[0]}")
    assert (gone.status_code, gone.json()["successors"]) == (410, [MERGED])
    assert "successors" not in caller.get("/ogc/collections/units/items/nothing").json()


def test_the_history_of_a_unit_tells_who_did_what_when(caller: httpx.Client) -> None:
    answer = caller.get(f"/v1/units/{UNITS[0]}/history").json()
    history_schemas.HistoryList.model_validate(answer)
    assert [(each["revision"], each["change"], each["author"]) for each in answer["items"]] == [
        (3, "created", "tests"),
        (7, "retired", "tests"),
    ]
    assert [each["change"] for each in caller.get(f"/v1/units/{UNITS[0]}/history?as_of=6").json()["items"]] == [
        "created"
    ]
    street = caller.get("/v1/divisions/440305001001/history").json()
    history_schemas.HistoryList.model_validate(street)
    assert [(each["change"], each["fields"]) for each in street["items"]] == [
        ("created", []),
        ("changed", ["geometry"]),
    ]


def test_neighbours_tell_the_edge_they_share(caller: httpx.Client) -> None:
    answer = caller.get(f"/v1/units/{UNITS[1]}/neighbours?as_of=6").json()
    history_schemas.NeighbourList.model_validate(answer)
    assert [each["code"] for each in answer["items"]] == [UNITS[0], UNITS[2]]
    assert answer["items"][0]["shared_m"] == pytest.approx(1107.5, abs=1)  # a hundredth of a degree of latitude
    now = caller.get(f"/v1/units/{MERGED}/neighbours").json()["items"]
    assert [each["code"] for each in now] == [UNITS[2]]
    beside = caller.get("/v1/divisions/440305/neighbours").json()["items"]
    assert [(each["code"], each["name"]) for each in beside] == [("440306", "宝安区")]


def test_a_division_is_answered_with_its_shape_and_those_above(caller: httpx.Client) -> None:
    response = caller.get("/v1/divisions/440305001")
    history_schemas.Division.model_validate(response.json())
    assert response.json()["divisions"]["county"] == {"code": "440305", "name": "南山区"}
    tag = {"if-none-match": response.headers["etag"]}
    assert caller.get("/v1/divisions/440305001", headers=tag).status_code == 304


def test_two_revisions_are_compared_either_way(caller: httpx.Client) -> None:
    def told(path: str) -> set[tuple[str, str]]:
        answer = caller.get(path).json()
        history_schemas.DifferenceList.model_validate(answer)
        return {(each["change"], each["code"]) for each in answer["items"]}

    forward = told("/v1/revisions/6/diff/7?layer=units")
    assert forward == {("retired", UNITS[0]), ("retired", UNITS[1]), ("created", MERGED)}
    backward = told("/v1/revisions/7/diff/6?layer=units")
    assert backward == {("created", UNITS[0]), ("created", UNITS[1]), ("retired", MERGED)}
    assert told("/v1/revisions/7/diff/7") == set()
    whole = caller.get("/v1/revisions/1/diff/7?limit=1000").json()["items"]
    items, after = [], None
    while True:
        page = caller.get("/v1/revisions/1/diff/7", params={"limit": 2, **({"after": after} if after else {})}).json()
        items += page["items"]
        after = page["next"]
        if after is None:
            break
    assert items == whole


def test_one_revision_is_the_one_of_the_list(caller: httpx.Client) -> None:
    items = caller.get("/v1/revisions").json()["items"]
    for each in items:
        answer = caller.get(f"/v1/revisions/{each['number']}").json()
        schemas.RevisionItem.model_validate(answer)
        assert answer == each


def test_the_crosswalk_gives_each_old_code_to_its_new_one(caller: httpx.Client) -> None:
    answer = caller.get("/v1/crosswalk?from=6&to=7").json()
    history_schemas.Crosswalk.model_validate(answer)
    assert [(each["from"], each["to"], each["area_share"]) for each in answer["items"]] == [
        (UNITS[0], MERGED, 1.0),
        (UNITS[1], MERGED, 1.0),
        *((code, code, 1.0) for code in UNITS[2:]),
    ]
    changed = caller.get("/v1/crosswalk?from=6&to=7&changed=true").json()["items"]
    assert [each["from"] for each in changed] == list(UNITS[:2])
    text = caller.get("/v1/crosswalk?from=6&to=7", headers={"accept": "text/csv"})
    assert text.headers["content-type"].startswith("text/csv")
    rows = list(csv.DictReader(io.StringIO(text.text)))
    assert [(row["from"], row["to"]) for row in rows] == [(each["from"], each["to"]) for each in answer["items"]]
    assert caller.get("/v1/crosswalk?from=6&to=7&f=csv").text == text.text


def test_the_lineage_written_with_a_split_is_told_and_an_undo_leads_back(store_of_either: Store) -> None:
    store = store_of_either
    old = rows_at(store, unit, where={"code": UNITS[4]})[0]
    kept = {name: old[name] for name in ("owner", "name", "area_m2", "initial_date", "end_date", "note", "attributes")}
    code = "440306001001002"
    row = {**kept, "uid": 10**6, "owner": code, "code": code, "geom": old["geom"]}
    lineage = (Descent(old["uid"], 10**6, "renumber"),)
    publish(store, Publication((change(unit, [row], [old["uid"]]),), "t", base=current_head(store), lineage=lineage))
    with client(create_app(Settings(), store)) as caller:
        answer = caller.get(f"/v1/units/{UNITS[4]}/lineage").json()
        history_schemas.Lineage.model_validate(answer)
        assert (answer["in_force"], answer["successors"], answer["ancestors"]) == (False, [code], [])
        assert [(each["kind"], each["from"]["code"], each["to"]["code"]) for each in answer["pairs"]] == [
            ("renumber", UNITS[4], code)
        ]
        assert caller.get(f"/v1/units/{code}/lineage").json()["ancestors"] == [UNITS[4]]
        assert caller.get(f"/v1/units/{UNITS[4]}").json()["successors"] == [code]
        done = run_undo(store, 7, "t", commit=True)
        assert done.revision is not None
        with client(create_app(Settings(), store)) as later:
            back = later.get(f"/v1/units/{UNITS[4]}")
            assert (back.status_code, back.json()["from_revision"]) == (200, 8)
            assert later.get(f"/v1/units/{code}").json()["successors"] == [UNITS[4]]
            history = later.get(f"/v1/units/{UNITS[4]}/history").json()["items"]
            assert [(each["revision"], each["change"]) for each in history] == [
                (3, "created"),
                (7, "retired"),
                (8, "created"),
            ]


@pytest.mark.parametrize(("number", "code"), [(1, "undo_in_use"), (2, "undo_touched"), (4, "area_layer_unknown")])
def test_an_undo_on_which_others_rest_is_refused(store_of_either: Store, number: int, code: str) -> None:
    with pytest.raises(Refusal) as refused:
        run_undo(store_of_either, number, "t", commit=True)
    assert (refused.value.code, refused.value.kind) == (code, "conflict")
    assert current_head(store_of_either) == 6


def test_an_undo_is_a_revision_with_its_own_counts(store_of_either: Store) -> None:
    assert run_undo(store_of_either, 6, "t").revision is None
    assert current_head(store_of_either) == 6
    done = run_undo(store_of_either, 6, "t", commit=True)
    assert done.revision is not None
    assert done.revision.note == "undo of revision 6"
    assert done.revision.counts == {"rule": {"created": 0, "changed": 0, "retired": 3}}


def test_a_key_reads_only_its_own_part_of_history(caller: httpx.Client, merged: Store) -> None:
    with writing(merged.world) as connection:
        _, secret = create_key(connection, "west", "viewer", "440306")
    with client(create_app(Settings(), merged), authorization=f"Bearer {secret}") as narrow:
        units = narrow.get("/v1/changes?since=0&layer=units").json()["items"]
        assert [each["code"] for each in units] == [UNITS[4]]
        assert narrow.get(f"/v1/units/{UNITS[0]}").status_code == 404
        assert narrow.get(f"/v1/units/{UNITS[0]}/history").status_code == 404
        walked = narrow.get("/v1/crosswalk?from=6&to=7").json()["items"]
        assert [each["from"] for each in walked] == [UNITS[4]]
        assert narrow.get("/v1/revisions/6/diff/7?layer=units").json()["items"] == []


AS_OF = (
    "/v1/locate?lon=114.005&lat=22.505&crs=CRS84",
    f"/v1/units/{UNITS[0]}",
    f"/v1/units/{UNITS[1]}/neighbours",
    f"/v1/units/{UNITS[0]}/history",
    f"/v1/units/{UNITS[0]}/lineage",
    "/v1/divisions/440305001001",
    "/v1/divisions",
    "/v1/departments",
    "/v1/areas/drainage",
    "/v1/layers",
    "/v1/catalogue?q=01037",
    "/tiles/units/14/13380/7122.mvt",
    "/tiles/components.json",
    "/styles/all.json",
)


@pytest.mark.parametrize("path", AS_OF)
def test_a_revision_and_a_time_at_which_it_holds_are_answered_alike(
    caller: httpx.Client, merged: Store, path: str
) -> None:
    with reading(merged.world) as connection:
        moment = list_revisions(connection)[5].effective_at.isoformat()
    joint = "&" if "?" in path else "?"
    by_number = caller.get(f"{path}{joint}as_of=6")
    by_time = caller.get(path, params={**httpx.URL(path).params, "as_of": moment})
    assert by_number.status_code == by_time.status_code in (200, 204)
    assert by_number.headers["Wangge-Revision"] == by_time.headers["Wangge-Revision"] == "6"
    if "json" not in path:
        assert by_number.content == by_time.content
    early = caller.get(f"{path}{joint}as_of=1999-01-01")
    assert (early.status_code, early.json()["code"]) == (404, "before_history")


def test_routing_answers_a_revision_and_a_time_alike(caller: httpx.Client, merged: Store) -> None:
    with reading(merged.world) as connection:
        moment = list_revisions(connection)[5].effective_at.isoformat()
    by_number, by_time, now = (
        caller.post("/v1/cases/route", params=asked, json=case()).json()
        for asked in ({"as_of": "6"}, {"as_of": moment}, {})
    )
    assert by_number == by_time
    assert (by_number["revision"], now["revision"]) == (6, 7)
    assert (by_number["unit"], now["unit"]) == (UNITS[0], MERGED)
