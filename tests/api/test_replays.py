"""Replays: cases of the log sent again, equal to the answers one by one, by command and as a job."""

import csv
import io
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pyarrow.parquet as pq
import pytest
from fastapi import FastAPI
from sqlalchemy import insert, select

from api.app import create_app
from api.bulk.moved import MOVED, MovedFiles
from api.editing import replays
from api.editing.replays import Against, replay
from api.jobs.kinds import Context, Halted, Signs
from api.jobs.registry import KINDS
from api.jobs.runner import Runner
from api.jobs.tables import job
from api.keys import create_key
from api.settings import Settings
from api.worlds import Worlds
from cases.replay import Which
from cases.reports import Defaults, from_records, parse_zone
from cases.tables import decision
from gis.store.engine import Store, reading, writing
from gis.store.revisions import current_head, list_revisions
from tests.api.conftest import client
from tests.api.jobs.work import ended
from tests.api.small_world import SIDE, SOUTH, WEST
from tests.api.test_drafts import add, begin, publish
from tests.journeys.commands import Office

ZONE = Defaults(zone=parse_zone("Asia/Shanghai"))
TO_CITY = {"op": "put", "layer": "areas.drainage", "code": "D-1", "values": {"department": "CITY"}}


def take_in(http: httpx.Client, number: int, x: float, **members: Any) -> None:
    """A case in the square at `x`, in steps of a side."""
    where = {"lon": round(WEST + SIDE * x, 9), "lat": SOUTH + SIDE / 2, "crs": "CRS84", "accuracy_m": 1}
    case = {"source": "12345", "id": f"c{number}", "edition": "2026", "kind": "component", **where, **members}
    done = http.post("/v1/cases", json=case)
    assert done.status_code in (200, 201), done.text


def fill(http: httpx.Client) -> int:
    """Cases of many kinds: of every class, beside boundaries, outside, as text and as numbers, in several versions."""
    count = 0
    for step in range(24):
        class_code = ("01002", "01037", "06010", None)[step % 4]
        members: dict[str, Any] = {"class_code": class_code, "kind": "matter" if class_code == "06010" else "component"}
        if step % 3 == 0:
            members["reported_at"] = f"2027-01-{1 + step:02}T08:00:00" + ("+08:00" if step % 2 else "")
        if step % 5 == 0:
            members |= {"lon": f"{WEST + SIDE * (0.21 * step + 0.01):.7f}", "source": "app"}
        if step % 7 == 0:
            members |= {"accuracy_m": None, "component_code": "44030501037000001"}
        members = {name: value for name, value in members.items() if value is not None or name != "class_code"}
        take_in(http, step, 0.21 * step + 0.01, **members)
        count += 1
    take_in(http, 3, 0.3, class_code="01002", version=2)  # the case again, at another place
    take_in(http, 900, -50, class_code="01002")
    take_in(http, 901, 0.5, class_code="01002", crs="GCJ-02", accuracy_m=30)
    take_in(http, 10**30, 1.5, class_code="01002", id=10**18)
    return count + 3


NOW, ALL = Against(), Which()


def again(store: Store, tmp_path: Path, against: Against = NOW, which: Which = ALL, **more: Any) -> Any:
    return replay(store, Worlds(store, tmp_path / "world"), which, against, ZONE, **more)


def one_by_one(store: Store, desk: Any) -> dict[tuple[str, str], str | None]:
    """What the single path answers to the newest version of every case."""
    with reading(store.log) as log:
        rows = log.execute(select(decision).order_by(decision.c.version)).mappings().all()
    newest = {(row["source"], row["case_id"]): row for row in rows}
    found = {}
    for name, row in newest.items():
        (case,) = from_records([row["report"]], ZONE).cases
        assert case is not None
        (routing,) = desk.route_all([case])
        found[name] = routing.department.code if routing.department else None
    return found


def decided(store: Store) -> dict[tuple[str, str], str | None]:
    with reading(store.log) as log:
        rows = log.execute(select(decision).order_by(decision.c.version)).mappings()
        return {(row["source"], row["case_id"]): row["department"] for row in rows}


def test_against_what_they_were_decided_by_all_agree(
    either: httpx.Client, store_of_either: Store, tmp_path: Path
) -> None:
    count = fill(either)
    for against in (Against(), Against(reported=True), Against(revision=current_head(store_of_either))):
        made = again(store_of_either, tmp_path, against)
        told = made.agreement.as_dict()
        early = told["before_history"]
        assert told["cases"] + early == count
        assert (told["moved"], told["unreadable"]) == (0, 0)
        assert told["agreement"] == 1.0


def test_a_replay_of_a_draft_answers_as_the_single_path_and_names_what_moves(
    either: httpx.Client, store_of_either: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replays, "PAGE", 5)  # several pages
    count = fill(either)
    draft = begin(either)
    add(
        either, draft, TO_CITY,
        {"op": "remove", "layer": "rules", "code": "lamps"},
        {"op": "split", "unit": "440305001002001",
         "line": [[WEST + SIDE * 3.5, SOUTH - 0.001], [WEST + SIDE * 3.5, SOUTH + SIDE + 0.001]]},
    )  # fmt: skip
    paths = [tmp_path / f"moved{suffix}" for suffix in (".csv", ".parquet", ".geojson")]
    heard: list[tuple[int, int]] = []
    with MovedFiles(*paths) as files:
        made = again(
            store_of_either, tmp_path, Against(draft=draft["id"]), files=files, told=lambda *each: heard.append(each)
        )
    assert heard[0] == (0, count)
    assert heard[-1] == (count, count)
    assert len(heard) > 4
    was = decided(store_of_either)
    work = create_app(Settings(data=tmp_path), store_of_either).state.drafts.look(draft["id"])
    worlds = Worlds(store_of_either, tmp_path / "other")
    with reading(store_of_either.world) as connection:
        desk = replays.drafted_desk(connection, worlds.at(work.sketch.at), work.sketch, None)
    would = one_by_one(store_of_either, desk)
    moved = {name: (was[name], would[name]) for name in was if was[name] != would[name]}
    assert len(moved) > 3
    table = pq.read_table(paths[1]).to_pylist()
    assert {(row["source"], row["id"]): (row["department_before"], row["department"]) for row in table} == moved
    assert len(table) == len(moved)
    rows = list(csv.DictReader(io.StringIO(paths[0].read_text(encoding="utf-8"))))
    assert [row["id"] for row in rows] == [row["id"] for row in table]
    features = json.loads(paths[2].read_text())["features"]
    assert [each["properties"]["id"] for each in features] == [row["id"] for row in table]
    assert features[0]["geometry"]["coordinates"] == [table[0]["lon"], table[0]["lat"]]
    told = made.as_dict()
    assert (told["cases"], told["moved"], told["same"]) == (count, len(moved), count - len(moved))
    pairs = {(each["before"], each["after"]): each["cases"] for each in told["departments"]}
    assert sum(pairs.values()) == count
    assert pairs["WATER", "CITY"] == sum(each == ("WATER", "CITY") for each in moved.values())
    assert sum(each["cases"] for each in told["classes"]) == count
    by_division = {each["division"]: each for each in told["divisions"]}
    inside = [row for row in by_division.values() if len(row["division"]) == 2]
    assert sum(row["cases"] for row in inside) == count - sum(unit is None for unit in units(store_of_either).values())
    assert by_division["440305"]["cases"] - by_division["440305"]["same"] <= len(moved)
    assert told["departments"][0]["before_name"] or told["departments"][0]["before"] is None


def units(store: Store) -> dict[tuple[str, str], str | None]:
    with reading(store.log) as log:
        rows = log.execute(select(decision).order_by(decision.c.version)).mappings()
        return {(row["source"], row["case_id"]): row["unit"] for row in rows}


def test_as_of_when_each_was_reported_every_case_has_its_own_revision(
    either: httpx.Client, store_of_either: Store, tmp_path: Path
) -> None:
    take_in(either, 1, 0.5, class_code="01002", reported_at="2020-01-01T00:00:00Z")  # before history
    take_in(either, 2, 0.5, class_code="01002")
    draft = begin(either)
    add(either, draft, TO_CITY)
    assert publish(either, draft).status_code == 200
    take_in(either, 3, 0.5, class_code="01002")
    now, then = (again(store_of_either, tmp_path, Against(reported=each)).agreement.as_dict() for each in (False, True))
    assert (now["cases"], now["moved"], now["before_history"]) == (3, 2, 0)
    assert (then["cases"], then["moved"], then["before_history"]) == (2, 0, 1)


def test_a_source_a_period_and_a_prefix_choose_the_cases(
    either: httpx.Client, store_of_either: Store, tmp_path: Path
) -> None:
    take_in(either, 1, 0.5, class_code="01002", reported_at="2027-01-01T08:00:00+08:00")
    take_in(either, 2, 0.5, class_code="01002", reported_at="2027-02-01T00:00:00")  # of the zone: the day before in UTC
    take_in(either, 3, 4.5, class_code="01002", source="app", reported_at="2027-03-01T00:00:00Z")
    take_in(either, 4, 0.5, class_code="01002")

    def count(**which: Any) -> int:
        cases: int = again(store_of_either, tmp_path, which=Which(**which)).agreement.cases
        return cases

    assert count() == 4
    assert count(source="app") == 1
    assert count(source="none") == 0
    assert count(since=datetime(2027, 1, 1, tzinfo=UTC)) == 3
    assert count(since=datetime(2027, 1, 1, tzinfo=UTC), until=datetime(2027, 2, 1, tzinfo=UTC)) == 2
    assert count(until=datetime(2027, 1, 1, tzinfo=UTC)) == 1
    assert (count(prefix="440305"), count(prefix="440306"), count(prefix="44")) == (3, 1, 4)


def test_against_who_really_handled_a_case_the_agreement_is_the_dispatch_accuracy(
    either: httpx.Client, store_of_either: Store, tmp_path: Path
) -> None:
    for number in range(4):
        take_in(either, number, 0.5, class_code="01002")
    for number, who, what in ((0, "WATER", "handled"), (1, "CITY", "handled"), (2, "CITY", "void")):
        told = {"hand_offs": [{"department": who, "at": "2026-05-01T08:00:00Z", "result": what}]}
        assert either.put(f"/v1/cases/12345/c{number}/outcome", json=told).status_code == 201
    which = Which(handled=True)
    now = again(store_of_either, tmp_path, which=which).as_dict()
    assert (now["cases"], now["agreement"]) == (2, 0.5)
    draft = begin(either)
    add(either, draft, TO_CITY)
    with MovedFiles(tmp_path / "moved.csv") as files:
        then = again(store_of_either, tmp_path, Against(draft=draft["id"]), which, files=files)
    assert then.agreement.as_dict()["agreement"] == 0.5
    (row,) = csv.DictReader(io.StringIO((tmp_path / "moved.csv").read_text(encoding="utf-8")))
    assert (row["id"], row["department_before"], row["department"]) == ("c0", "WATER", "CITY")
    office = Office(store_of_either.world.url.render_as_string(hide_password=False), tmp_path)
    assert "2 cases: 1 agree (50.0 %), 1 move" in office.do("replay", "--handled").err


BOOK = {
    "rules": [{"code": "all", "fallback": True, "edition": "2026", "kind": "component", "to": [{"department": "CITY"}]}]
}


def test_a_rule_book_is_tried_before_it_is_imported(town: FastAPI, url_of_either: str, tmp_path: Path) -> None:
    with client(town) as http:
        for number, class_code in enumerate(("01002", "01002", "01037", "06010")):
            kind = "matter" if class_code == "06010" else "component"
            take_in(http, number, 0.5, class_code=class_code, kind=kind)
        before = http.get("/v1/revisions").json()["items"]
        done = ended(http, town, http.post("/v1/replays", json={"rules": BOOK}))
        assert done["state"] == "done", done
        assert done["arguments"] == {"rules": 1}
        told = http.get(done["links"]["report"]).json()
        assert (told["rules"], told["cases"], told["moved"]) == (True, 4, 4)
        assert {each["after"] for each in told["departments"]} == {"CITY", None}
        book = tmp_path / "book.yaml"
        book.write_text(json.dumps(BOOK), encoding="utf-8")
        office = Office(url_of_either, tmp_path)
        assert "4 cases: 0 agree (0.0 %), 4 move" in office.do("replay", "--rules", book).err
        assert office.run("replay", "--rules", book, "--as-of", "1").code == 3
        assert http.get("/v1/revisions").json()["items"] == before
        office.do("import", "rules", book, "--commit")
        assert "4 cases: 0 agree (0.0 %), 4 move" in office.do("replay").err


def test_a_case_that_cannot_be_read_any_more_is_counted_apart(store: Store, http: httpx.Client, tmp_path: Path) -> None:
    take_in(http, 1, 0.5, class_code="01002")
    with reading(store.log) as log:
        row = dict(log.execute(select(decision)).mappings().one())
    bad = {**row["report"], "id": "bad", "accuracy_m": -1}
    with writing(store.log) as log:
        del row["position"]
        log.execute(insert(decision).values({**row, "case_id": "bad", "report": bad}))
    told = again(store, tmp_path).agreement.as_dict()
    assert (told["cases"], told["same"], told["unreadable"]) == (1, 1, 1)


@pytest.fixture
def town(store_of_either: Store, tmp_path: Path) -> FastAPI:
    return create_app(Settings(data=tmp_path / "data"), store_of_either)


def test_the_job_gives_counts_a_report_and_the_cases_in_every_format(town: FastAPI) -> None:
    with client(town) as http:
        fill(http)
        draft = begin(http)
        add(http, draft, TO_CITY)
        done = ended(http, town, http.post("/v1/replays", json={"draft": draft["id"], "source": "12345"}))
        assert (done["kind"], done["state"]) == ("replay", "done"), done
        assert done["progress"]["done"] == done["progress"]["total"] == done["result"]["cases"]
        assert done["result"]["draft"] == draft["id"]
        report = http.get(done["links"]["report"]).json()
        assert report["moved"] == done["result"]["moved"] > 0
        lines = http.get(done["links"]["result"]).text.splitlines()
        assert lines[0].split(",") == MOVED.names
        assert len(lines) == 1 + report["moved"]
        layer = http.get(done["links"]["result"], params={"format": "geojson"}).json()
        assert {each["properties"]["department"] for each in layer["features"]} == {"CITY"}
        table = pq.read_table(io.BytesIO(http.get(done["links"]["result"], params={"format": "parquet"}).content))
        assert len(table) == report["moved"]
        told = http.get(done["links"]["result"], params={"format": "../../x"})
        assert (told.status_code, told.json()["code"]) == (422, "format_unknown")


def test_a_replay_is_cancelled_at_its_next_page_and_begun_anew_after_a_restart(
    town: FastAPI, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replays, "PAGE", 5)
    with client(town) as http:
        fill(http)
        answer = http.post("/v1/replays", json={})
        worker = Runner(town.state.store, town.state.settings, KINDS)
        progress = Context.progress
        pages = []

        def stop(self: Context, done: int = 0, total: int | None = None, step: str = "") -> None:
            progress(self, done, total, step)
            pages.append(done)
            if len(pages) == 3:
                raise Halted("stopping")

        monkeypatch.setattr(Context, "progress", stop)
        worker.run_one()
        waiting = http.get(answer.headers["Location"]).json()
        assert waiting["state"] == "running", "given back, to be begun anew"
        monkeypatch.setattr(Context, "progress", progress)
        done = ended(http, town, answer)
        assert (done["state"], done["attempt"], done["result"]["moved"]) == ("done", 2, 0)
        answer = http.post("/v1/replays", json={})
        signs = Signs.__init__

        def cancelled(self: Signs, *given: Any, **named: Any) -> None:
            signs(self, *given, **{**named, "cancelled": True})

        monkeypatch.setattr(Signs, "__init__", cancelled)
        assert ended(http, town, answer)["state"] == "cancelled"
        with reading(town.state.store.log) as log:
            assert log.execute(select(job.c.file).where(job.c.state == "cancelled")).scalar_one() is None


def test_a_key_replays_the_cases_below_its_prefix_alone(store: Store, tmp_path: Path) -> None:
    app = create_app(Settings(data=tmp_path / "data"), store)
    with client(app) as http:
        take_in(http, 1, 0.5, class_code="01002")
        take_in(http, 2, 4.5, class_code="01002")
        take_in(http, 3, -9, class_code="01002")
        draft = begin(http)
    with writing(store.world) as connection:
        secret = create_key(connection, "v", "viewer", "440306")[1]
    app = create_app(Settings(data=tmp_path / "data"), store)  # which does not remember that there was no key
    with client(app, x_api_key=secret) as http:
        done = ended(http, app, http.post("/v1/replays", json={}))
        assert done["state"] == "done", done["problem"]
        assert done["result"]["cases"] == 1
        assert http.post("/v1/replays", json={"draft": draft["id"]}).json()["code"] == "draft_unknown"


@pytest.mark.parametrize(
    ("question", "status", "code"),
    [
        ({"draft": "none"}, 404, "draft_unknown"),
        ({"draft": "none", "as_of": 1}, 422, "moment_twice"),
        ({"as_of": 99}, 404, "revision_unknown"),
        ({"as_of": "2019-01-01"}, 404, "before_history"),
        ({"since": "once"}, 422, "time_wrong"),
        ({"rules": {"rules": []}, "as_of": 1}, 422, "option_unfit"),
        ({"rules": {"rules": []}}, 422, "rules_missing"),
        ({"rules": {"rules": 5}}, 422, "rules_missing"),
        ({"owner": "44"}, 422, "option_unfit"),
        ({"rules": {"rules": [{"code": "x", "to": [{"department": "NOBODY"}]}]}}, 422, "department_unknown"),
        ({"commit": True}, 422, "parameter_wrong"),
    ],
)
def test_a_wrong_question_makes_no_job(http: httpx.Client, question: Any, status: int, code: str) -> None:
    answer = http.post("/v1/replays", json=question)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert http.get("/v1/jobs").json()["items"] == []


def test_the_command_tells_the_agreement_and_writes_what_moves(
    town: FastAPI, url_of_either: str, tmp_path: Path
) -> None:
    office = Office(url_of_either, tmp_path)
    with client(town) as http:
        fill(http)
        draft = begin(http)
        add(http, draft, TO_CITY)
    told = office.run("replay", tmp_path / "out.geojson", "--draft", draft["id"], "--report", tmp_path / "all.json")
    assert told.code == 0, told.err
    report = json.loads((tmp_path / "all.json").read_text())
    assert f"{report['same']} agree" in told.err
    assert "WATER 排水公司" in told.out
    assert len(json.loads((tmp_path / "out.geojson").read_text())["features"]) == report["moved"]
    assert "件改派" in office.run("replay", "--as-of", "reported_at", language="zh").err
    assert office.run("replay", "--source", "nobody").code == 0
    for arguments, code in (
        ((tmp_path / "out.docx",), 4),
        (("--draft", "none"), 5),
        (("--as-of", "99"), 5),
        (("--draft", draft["id"], "--as-of", "1"), 3),
        ((Path("/nowhere/out.csv"),), 8),
        (("--since", "once"), 3),
    ):
        assert office.run("replay", *arguments).code == code, arguments
    assert not list(tmp_path.glob(".*.part"))
    with reading(town.state.store.world) as connection:
        assert len(list_revisions(connection)) == 6
