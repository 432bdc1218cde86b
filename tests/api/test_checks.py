"""Checks of a layer at a revision and as a draft would have it; the same from the command line and from a job."""

import json
from pathlib import Path
from typing import Any

import httpx
import pytest
import shapely
from fastapi import FastAPI
from sqlalchemy import update

from api.app import create_app
from api.editing.findings import Asked, look_over
from api.keys import create_key
from api.settings import Settings
from gis.errors import Refusal
from gis.formats import read
from gis.store.engine import Store, reading, writing
from gis.store.revisions import current_head, head
from gis.store.scope import Scope
from grids.tables import unit
from tests.api.conftest import client
from tests.api.jobs.work import ended
from tests.api.small_world import SIDE, UNITS, WEST, bring, square
from tests.api.test_drafts import add, begin, publish
from tests.journeys.commands import Office

LAYERS = ("units", "divisions", "areas", "areas.drainage", "departments", "components", "rules")
UNIT = UNITS[1]


def codes(store: Store, layer: str, **asked: Any) -> list[str]:
    """What is found, but for the size of the units: they are kilometres wide."""
    found = [each.code for each in look_over(store, Asked(layer, **asked)).faults]
    return [code for code in found if code != "area_off_target"]


def damage(store: Store, shape: Any) -> None:
    """Another shape for a unit, past all checks."""
    with writing(store.world) as connection:
        connection.execute(update(unit).where(unit.c.code == UNIT).values(geom=shape))


def nudged(metres: float) -> Any:
    """The unit with its eastern edge moved east."""
    by = metres / 102_000
    east = round(WEST + 2 * SIDE, 9)
    return shapely.transform(
        shapely.geometry.shape(square(1)), lambda xy: [[x + (by if x >= east - 1e-9 else 0), y] for x, y in xy.tolist()]
    )


def test_a_sound_layer_has_no_errors_at_any_revision(store_of_either: Store) -> None:
    for layer in LAYERS:
        for at in (None, current_head(store_of_either), 4):
            found = look_over(store_of_either, Asked(layer, at))
            assert not [each for each in found.faults if each.severity == "error"], found.faults


def test_an_earlier_revision_is_checked_against_what_held_then(store_of_either: Store, tmp_path: Path) -> None:
    """A division that came later does not save the units of before, and a rule is not held to what went later."""
    store = store_of_either
    before = current_head(store)
    bring(store, tmp_path, "rules", "none.yaml", "rules:\n  - {code: all, to: [{department: CITY}]}\n")
    assert codes(store, "rules") == []
    assert codes(store, "rules", at=before) == []
    assert look_over(store, Asked("rules", before)).checked.rows == 3
    assert look_over(store, Asked("rules")).checked.rows == 1
    assert codes(store, "units", at=before) == codes(store, "units")
    assert look_over(store, Asked("departments", 1)).checked.rows == 6
    assert look_over(store, Asked("areas", 2)).checked.rows == 0


def test_a_draft_is_checked_as_a_whole_with_the_layers_that_it_adds(
    either: httpx.Client, store_of_either: Store
) -> None:
    draft = begin(either)
    shape = {"type": "Polygon", "coordinates": square(3)["coordinates"]}
    add(
        either,
        draft,
        {"op": "put", "layer": "area_layers", "code": "roads", "values": {"title": "道路", "overlap": "none"}},
        {"op": "put", "layer": "areas.roads", "code": "R-1", "values": {"name": "x"}, "geometry": shape},
        {"op": "put", "layer": "areas.roads", "code": "R-2", "values": {"department": "CITY"}, "geometry": shape},
        {"op": "remove", "layer": "departments", "code": "WATER2"},
    )
    asked: dict[str, Any] = {"draft": draft["id"]}
    assert sorted(codes(store_of_either, "areas.roads", **asked)) == ["area_without_department", "overlap"]
    assert codes(store_of_either, "areas.drainage", **asked) == ["department_unknown"]
    assert sorted(codes(store_of_either, "areas", **asked)) == [
        "area_without_department",
        "department_unknown",
        "overlap",
    ]
    assert set(codes(store_of_either, "units", **asked)) >= {"area_without_department"}
    with pytest.raises(Refusal) as refused:
        codes(store_of_either, "areas.roads")
    assert refused.value.code == "layer_unknown"


def test_rules_and_keys_for_what_is_gone_are_named_and_keys_to_admins_alone(store: Store) -> None:
    with writing(store.world) as connection:
        create_key(connection, "old", "viewer", "440399")
    assert "prefix_gone" in codes(store, "units", keys=True)
    assert "prefix_gone" not in codes(store, "units")


def test_a_code_that_another_unit_had_is_told_unless_all_were_recoded(
    either: httpx.Client, store_of_either: Store
) -> None:
    def change(*edits: dict[str, Any]) -> None:
        draft = begin(either)
        add(either, draft, *edits)
        assert publish(either, draft).status_code == 200

    def recode(old: str, new: str) -> None:
        with writing(store_of_either.world) as connection:
            held = (unit.c.code == old, unit.c.to_revision.is_(None))
            connection.execute(update(unit).where(*held).values(code=new))

    change({"op": "merge", "units": [UNITS[0], UNITS[1]], "code": UNITS[1]})
    assert codes(store_of_either, "units") == []
    recode(UNITS[2], UNITS[0])  # past all checks
    assert codes(store_of_either, "units") == ["code_reused"]
    recode(UNITS[0], UNITS[2])
    change({"op": "renumber", "community": UNITS[0][:12], "reuse": True})
    assert codes(store_of_either, "units") == []


def test_within_a_prefix_only_what_lies_there_is_looked_at(store: Store) -> None:
    damage(store, nudged(2.0))
    assert "overlap" in codes(store, "units", scope=Scope(("440305",)))
    assert "overlap" not in codes(store, "units", scope=Scope(("440306",)))


def test_a_repair_is_proposed_and_put_into_a_draft_when_asked(store_of_either: Store, tmp_path: Path) -> None:
    store = store_of_either
    damage(store, nudged(0.3))
    before = look_over(store, Asked("units"), propose=True)
    assert {each.code for each in before.faults if each.severity == "error"} == {"overlap"}
    assert before.proposal is not None
    farthest = max(before.proposal.shifts, key=lambda each: each.metres)
    assert farthest.metres == pytest.approx(0.3, rel=0.1)
    assert before.proposal.unrepaired == ()
    with reading(store.world) as connection:
        assert head(connection) == 6, "nothing was changed"


def test_a_repair_of_other_layers_is_refused(store: Store) -> None:
    with pytest.raises(Refusal) as refused:
        look_over(store, Asked("areas"), propose=True)
    assert refused.value.code == "nothing_to_propose"


@pytest.fixture
def office(store_of_either: Store, url_of_either: str, tmp_path: Path) -> Office:
    """Somebody at a terminal, on the small world."""
    return Office(url_of_either, tmp_path)


def test_the_command_finds_what_the_job_finds(store_of_either: Store, office: Office, tmp_path: Path) -> None:
    damage(store_of_either, nudged(0.3))
    app: FastAPI = create_app(Settings(data=tmp_path / "data"), store_of_either)
    with client(app) as http:
        answer = http.post("/v1/checks", json={"layer": "units", "propose": True, "format": "geojson"})
        job = ended(http, app, answer)
        report = http.get(job["links"]["report"]).json()
        layer = http.get(job["links"]["result"]).json()
    assert job["result"]["errors"] == 1
    assert [each["properties"]["code"] for each in layer["features"]] == [each["code"] for each in report["faults"]]
    told = office.run("check", "units", "--report", tmp_path / "out.json", "--propose")
    assert told.code == 3, told.err
    assert "overlap" in told.out
    assert ": moves by up to 0.30 m" in told.err
    assert "nothing was changed" in told.err
    assert json.loads((tmp_path / "out.json").read_text()) == report
    for suffix in ("gpkg", "geojson", "csv"):
        path = tmp_path / f"faults.{suffix}"
        assert office.run("check", "units", "--report", path).code == 3
        table = read(path, crs="CRS84") if suffix == "csv" else read(path)
        assert table.columns["code"].tolist() == [each["code"] for each in report["faults"]]
        assert not shapely.is_missing(table.geometry).all()


def test_a_proposal_becomes_a_draft_on_request_alone(store_of_either: Store, office: Office) -> None:
    damage(store_of_either, nudged(0.3))
    told = office.run("check", "units", "--apply", language="zh")
    assert told.code == 3
    assert "最大移动 0.30 米" in told.err
    draft = told.out.strip().splitlines()[-1]
    assert codes(store_of_either, "units", draft=draft) == []
    assert codes(store_of_either, "units") == ["overlap"]
    assert office.run("check", "units", "--draft", draft).code == 0
    assert office.run("draft", "publish", draft).code == 0
    assert codes(store_of_either, "units") == []
    again = office.run("check", "units", "--apply")
    assert (again.code, "nothing_to_repair" in again.err) == (6, True)


@pytest.mark.parametrize(
    ("arguments", "code", "fault"),
    [
        (["towns"], 5, "layer_unknown"),
        (["areas.towns"], 5, "layer_unknown"),
        (["units", "--as-of", "99"], 5, "revision_unknown"),
        (["units", "--as-of", "yesterday"], 3, "time_wrong"),
        (["units", "--draft", "none"], 5, "draft_unknown"),
        (["units", "--draft", "none", "--as-of", "1"], 3, "moment_twice"),
        (["units", "--apply", "--as-of", "1"], 3, "repair_of_the_past"),
        (["rules", "--propose"], 3, "nothing_to_propose"),
        (["units", "--report", "faults.docx"], 4, "format_unknown"),
        (["units", "--report", "/nowhere/faults.csv"], 8, "file_unwritable"),
    ],
)
def test_a_wrong_call_is_told_by_its_code(
    store: Store, tmp_path: Path, arguments: list[str], code: int, fault: str
) -> None:
    for language in ("en", "zh"):
        told = Office(f"sqlite:///{tmp_path / 'wangge.db'}", tmp_path).run("check", *arguments, language=language)
        assert (told.code, fault in told.err) == (code, True), told.err


@pytest.mark.parametrize(
    ("question", "status", "code"),
    [
        ({"layer": "units", "draft": "none"}, 404, "draft_unknown"),
        ({"layer": "units", "draft": "none", "as_of": 1}, 422, "moment_twice"),
        ({"layer": "units", "as_of": 99}, 404, "revision_unknown"),
        ({"layer": "units", "format": "docx"}, 422, "format_unknown"),
    ],
)
def test_a_wrong_question_makes_no_job(http: httpx.Client, question: Any, status: int, code: str) -> None:
    answer = http.post("/v1/checks", json=question)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert http.get("/v1/jobs").json()["items"] == []
