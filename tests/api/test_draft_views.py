"""What a draft would mean: lookups, tiles and impact; and what is known once it is published."""

import csv
import io
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from api.app import create_app
from api.bulk.moved import MovedFiles
from api.editing import drafting
from api.editing.replays import Against, replay
from api.schemas import drafts as draft_schemas
from api.settings import Settings
from api.worlds import Worlds
from cases import impact
from cases.replay import Which
from cases.reports import Defaults, parse_zone
from gis.store.engine import Store
from tests.api.conftest import client
from tests.api.small_world import SIDE, SOUTH, WEST
from tests.api.test_drafts import FIRST, SECOND, THIRD, add, begin, publish, split, unit_at
from tests.api.test_tiles import address, decode

RING = ((0, 0), (1, 0), (1, 1), (0, 1), (0, 0))


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
    take_in(either, 3, WEST + SIDE * 0.5, class_code="01002")
    ended = {"hand_offs": [{"department": "WATER", "at": "2026-05-01T08:00:00Z", "result": "closed"}]}
    assert either.put("/v1/cases/12345/c3/outcome", json=ended).status_code == 201
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


def test_publishing_into_the_past_lists_the_decisions_since_that_would_differ(
    either: httpx.Client, store_of_either: Store, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(drafting, "NOW", timedelta(0))  # else a revision that holds since a moment ago is none
    since = either.get("/v1/revisions").json()["items"][-1]["effective_at"]
    take_in(either, 1, WEST + SIDE * 0.5, class_code="01002", reported_at="2027-01-01T08:00:00+08:00")
    take_in(either, 2, WEST + SIDE * 0.5, class_code="01002", reported_at="2020-01-01T08:00:00+08:00")
    take_in(either, 3, WEST + SIDE * 5.5, class_code="01037", component_code=None)  # outside every unit
    draft = begin(either)
    east = [[round(WEST + SIDE * (5 + x), 9), round(SOUTH + SIDE * y, 9)] for x, y in RING]
    shape = {"type": "Polygon", "coordinates": [east]}
    add(
        either,
        draft,
        {"op": "put", "layer": "areas.drainage", "code": "D-1", "values": {"department": "CITY"}},
        {"op": "add", "geometry": shape, "code": "440306001001002"},
    )
    made = publish(either, draft, effective_at=since)
    assert made.status_code == 200, made.text
    draft_schemas.DraftPublished.model_validate(made.json())
    told = {each["id"]: (each["before"], each["after"]) for each in made.json()["differing"]}
    assert told == {"c1": ("WATER", "CITY"), "c3": (None, "STREET2")}
    assert made.json()["differing_complete"]
    # A replay of what was reported since finds the same.
    path = tmp_path / "moved.csv"
    with MovedFiles(path) as files:
        defaults = Defaults(zone=parse_zone("Asia/Shanghai"))
        which = Which(since=datetime.fromisoformat(since))
        replay(store_of_either, Worlds(store_of_either, tmp_path / "world"), which, Against(), defaults, files)
    rows = csv.DictReader(io.StringIO(path.read_text(encoding="utf-8")))
    assert {row["id"]: (row["department_before"] or None, row["department"]) for row in rows} == told


def test_where_very_many_decisions_are_concerned_it_is_told_that_these_are_not_all(
    either: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(drafting, "NOW", timedelta(0))
    monkeypatch.setattr(impact, "MOST_CASES", 1)
    since = either.get("/v1/revisions").json()["items"][-1]["effective_at"]
    for number in (1, 2):
        take_in(either, number, WEST + SIDE * 0.5, class_code="01002")
    draft = begin(either)
    add(either, draft, {"op": "put", "layer": "areas.drainage", "code": "D-1", "values": {"department": "CITY"}})
    made = publish(either, draft, effective_at=since).json()
    assert ([each["id"] for each in made["differing"]], made["differing_complete"]) == (["c2"], False)


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


def test_of_two_components_equally_near_a_draft_means_the_one_that_is_meant_once_it_is_published(
    http: httpx.Client,
) -> None:
    draft = begin(http)
    where = {"type": "Point", "coordinates": [114.0150, 22.5050]}
    values = {"edition": "2026", "class_code": "01037"}
    twin = {"op": "put", "layer": "components", "code": "0", "owner": "", "values": values, "geometry": where}
    assert add(http, draft, twin).status_code == 200
    case = {"lon": 114.015, "lat": 22.505, "crs": "CRS84", "accuracy_m": 1, "edition": "2026", "kind": "component"}

    def meant(**asked: Any) -> Any:
        return http.post("/v1/cases/route", params=asked, json={**case, "class_code": "01037"}).json()["component"]

    drafted = meant(draft=draft["id"])
    assert publish(http, draft).status_code == 200
    assert drafted == meant()
    assert drafted["code"] == "0"


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


def test_world_files_hold_the_revision_before_the_answer_is_sent(store: Store) -> None:
    app, other = create_app(Settings(), store), create_app(Settings(), store)
    with client(app) as http, client(other) as beside:
        assert unit_at(beside, WEST + SIDE * 0.25) == FIRST
        draft = begin(http)
        add(http, draft, split(0))
        assert publish(http, draft).status_code == 200
        assert unit_at(http, WEST + SIDE * 0.25) != FIRST
        assert other.state.worlds._files.root().content["revision"] == app.state.worlds.newest().revision
