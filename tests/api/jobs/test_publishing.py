"""Drafts published at a time: the clock is the test's, nobody waits."""

import os
import signal
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import httpx
import pytest
import shapely
from fastapi import FastAPI
from sqlalchemy import select, update

from api.jobs import runner as running
from api.jobs.registry import KINDS
from api.jobs.runner import Runner
from api.jobs.tables import job
from api.keys import create_key
from api.schemas import drafts as draft_schemas
from api.settings import Settings
from gis.store.engine import Store, open_store, reading, writing
from gis.store.revisions import current_head, list_revisions
from gis.store.tables import ticket
from grids.tables import unit
from tests.api.conftest import client
from tests.api.small_world import UNITS, square
from tests.api.test_drafts import add, begin, publish, split
from tests.journeys.commands import Office

AT = datetime.now(UTC).replace(microsecond=0) + timedelta(days=1)
LATER = AT + timedelta(seconds=1)


def worker(app: FastAPI, now: datetime, store: Store | None = None) -> Runner:
    """A worker whose clock stands still."""
    return Runner(store or app.state.store, app.state.settings, KINDS, clock=lambda: now, beat_s=0.05)


def note(index: int, text: str) -> dict[str, Any]:
    return {"op": "set", "unit": UNITS[index], "attributes": {"note": text}}


def scheduled(http: httpx.Client, *edits: dict[str, Any], **members: Any) -> tuple[dict[str, Any], httpx.Response]:
    draft = begin(http)
    assert add(http, draft, *edits).status_code == 200
    return draft, publish(http, draft, at=AT.isoformat(), **members)


def run_at(http: httpx.Client, app: FastAPI, answer: httpx.Response, now: datetime = LATER) -> dict[str, Any]:
    """The job after a worker looked for work at a time."""
    assert answer.status_code == 202, answer.text
    worker(app, now).run_one()
    found: dict[str, Any] = http.get(answer.headers["Location"]).json()
    return found


def test_a_draft_is_published_when_its_time_has_come_and_not_before(here: httpx.Client, town: FastAPI) -> None:
    before = current_head(town.state.store)
    draft, answer = scheduled(here, split(0), note="拆分", basis={"text": "通知"})
    assert (answer.json()["kind"], answer.json()["state"]) == ("publish", "waiting")
    assert datetime.fromisoformat(answer.json()["not_before"]) == AT
    told = here.get(f"/v1/drafts/{draft['id']}").json()
    draft_schemas.Draft.model_validate(told)
    assert (told["state"], told["scheduled"]["job"]) == ("open", answer.json()["id"])
    assert datetime.fromisoformat(told["scheduled"]["at"]) == AT
    assert run_at(here, town, answer, AT - timedelta(seconds=1))["state"] == "waiting"
    assert current_head(town.state.store) == before
    done = run_at(here, town, answer)
    assert (done["state"], done["result"]["revision"], done["result"]["published"]) == ("done", before + 1, True)
    told = here.get(f"/v1/drafts/{draft['id']}").json()
    assert (told["state"], told["revision"], told["scheduled"]) == ("published", before + 1, None)
    made = here.get(f"/v1/revisions/{before + 1}").json()
    assert (made["note"], made["basis"], made["author"]) == ("拆分", {"text": "通知"}, "this machine")
    report = here.get(done["links"]["report"]).json()
    assert report["made"]["number"] == before + 1
    assert not worker(town, LATER).run_one()


def test_at_its_time_it_is_checked_anew_and_told_why_it_is_not_published(here: httpx.Client, town: FastAPI) -> None:
    """Another revision in the way, damage that the checks find, an edit after it was scheduled, a draft thrown away."""
    first, answers = scheduled(here, note(0, "mine"))
    answers = [answers]
    other = begin(here)
    add(here, other, note(0, "theirs"))
    assert publish(here, other).status_code == 200
    edited, answer = scheduled(here, note(2, "a"))
    answers.append(answer)
    add(here, edited, note(2, "b"))
    thrown, answer = scheduled(here, note(3, "x"))
    answers.append(answer)
    here.delete(f"/v1/drafts/{thrown['id']}")
    blocked, answer = scheduled(here, split(4))
    answers.append(answer)
    with writing(town.state.store.world) as connection:
        east = shapely.geometry.shape(square(3, 2))
        connection.execute(update(unit).where(unit.c.code == UNITS[3]).values(geom=east))
    before = current_head(town.state.store)
    jobs = [run_at(here, town, each) for each in answers]
    codes = [each["problem"]["code"] for each in jobs]
    assert codes[:3] == ["draft_conflict", "draft_changed", "draft_closed"]
    assert codes[3] in ("draft_blocked", "draft_conflict", "units_overlap")
    for each in jobs:
        assert each["state"] == "failed"
        report = here.get(each["links"]["report"]).json()
        assert (report["published"], report["faults"][0]["code"]) == (False, each["problem"]["code"])
        assert report["faults"][0]["detail_zh"]
    assert here.get(jobs[0]["links"]["report"]).json()["faults"][0]["thing"] == UNITS[0]
    assert current_head(town.state.store) == before
    for draft in (first, edited, blocked):
        told = here.get(f"/v1/drafts/{draft['id']}").json()
        assert (told["state"], told["scheduled"]) == ("open", None)


def test_a_schedule_is_cancelled_and_made_anew(here: httpx.Client, town: FastAPI) -> None:
    draft, answer = scheduled(here, note(0, "x"))
    again = publish(here, draft, at=LATER.isoformat())
    assert (again.status_code, again.json()["code"]) == (409, "draft_scheduled")
    assert here.delete(answer.headers["Location"]).json()["state"] == "cancelled"
    assert not worker(town, LATER).run_one()
    assert here.get(f"/v1/drafts/{draft['id']}").json()["scheduled"] is None
    second = publish(here, draft, at=LATER.isoformat())
    assert run_at(here, town, second)["state"] == "done"


def test_what_could_not_be_published_now_is_not_scheduled(village: FastAPI) -> None:
    with client(village) as http:
        empty = begin(http)
        told = publish(http, empty, at=AT.isoformat())
        assert (told.status_code, told.json()["code"]) == (409, "draft_empty")
        for at, code in (("2020-01-01T00:00:00Z", "time_past"), ("soon", "time_wrong"), ("7", "member_wrong")):
            told = publish(http, empty, at=at)
            assert (told.status_code, told.json()["code"]) == (422, code)
        add(http, empty, note(0, "x"))
        told = http.post(f"/v1/drafts/{empty['id']}/publish", json={"at": AT.isoformat()})
        assert told.json()["code"] == "if_match_missing"
        told = publish(http, empty, etag='"other"', at=AT.isoformat())
        assert told.json()["code"] == "draft_changed"
        assert http.get("/v1/jobs").json()["items"] == []


def test_a_key_that_was_revoked_meanwhile_publishes_nothing(village: FastAPI) -> None:
    with writing(village.state.store.world) as connection:
        secret = create_key(connection, "p", "publisher", "440305")[1]
    with client(village, x_api_key=secret) as http:
        draft = begin(http)
        add(http, draft, note(0, "x"))
        answer = publish(http, draft, at=AT.isoformat())
        assert answer.status_code == 202
        with writing(village.state.store.world) as connection:
            admin = create_key(connection, "a", "admin", "")[1]
            from api.keys import list_keys, revoke_key

            revoke_key(connection, next(each.id for each in list_keys(connection) if each.name == "p"))
    with client(village, x_api_key=admin) as http:
        assert run_at(http, village, answer)["problem"]["code"] == "job_author_gone"


def test_workers_that_race_publish_each_draft_once(here: httpx.Client, town: FastAPI) -> None:
    store: Store = town.state.store
    before = current_head(store)
    answers = [scheduled(here, note(index, f"draft {index}"))[1] for index in range(5)]
    assert all(each.status_code == 202 for each in answers)
    url, barrier = store.world.url.render_as_string(hide_password=False), threading.Barrier(3)

    def work(_: int) -> int:
        own = open_store(url)  # each worker is a process of its own as far as the store can see
        try:
            made = worker(town, LATER, own)
            barrier.wait()
            count = 0
            while made.run_one():
                count += 1
            return count
        finally:
            own.close()

    with ThreadPoolExecutor(3) as pool:
        assert sum(pool.map(work, range(3))) == 5
    states = [here.get(each.headers["Location"]).json() for each in answers]
    assert [each["state"] for each in states] == ["done"] * 5
    assert {each["attempt"] for each in states} == {1}
    with reading(store.world) as connection:
        numbers = [each.number for each in list_revisions(connection, before)]
    assert numbers == list(range(before + 1, before + 6))
    assert sorted(each["result"]["revision"] for each in states) == numbers


def die_at(url: str, data: Path, step: str) -> None:
    """A worker that is killed before it publishes, or after it and before anybody heard of it."""

    def die(*_: Any, **__: Any) -> Any:
        os.kill(os.getpid(), signal.SIGKILL)

    from api.jobs import publishing

    if step == "before":
        publishing.publish_draft = die
    else:
        publishing._published = die
    store = open_store(url)
    Runner(store, Settings(data=data), KINDS, clock=lambda: LATER).run_one()


@pytest.mark.parametrize("step", ["before", "after"])
def test_a_worker_that_is_killed_leaves_one_revision(
    here: httpx.Client, town: FastAPI, tmp_path: Path, step: str
) -> None:
    store: Store = town.state.store
    before = current_head(store)
    draft, answer = scheduled(here, split(0))
    url = store.world.url.render_as_string(hide_password=False)
    process = get_context("spawn").Process(target=die_at, args=(url, tmp_path / "data", step))
    process.start()
    process.join(60)
    assert process.exitcode == -signal.SIGKILL
    assert current_head(store) == before + (step == "after")
    assert not worker(town, LATER).run_one(), "the claim of the dead still holds"
    with writing(store.log) as connection:
        connection.execute(update(job).values(deadline=datetime.now(UTC) - timedelta(seconds=1)))
    done = run_at(here, town, answer)
    assert (done["state"], done["attempt"], done["result"]["revision"]) == ("done", 2, before + 1)
    assert current_head(store) == before + 1
    with reading(store.world) as connection:
        assert connection.execute(select(ticket.c.name)).scalars().all() == [done["id"]]
    assert here.get(f"/v1/drafts/{draft['id']}").json()["revision"] == before + 1


def test_the_command_schedules_and_the_server_publishes(
    town: FastAPI, here: httpx.Client, url_of_either: str, tmp_path: Path
) -> None:
    office = Office(url_of_either, tmp_path)
    draft = begin(here)
    add(here, draft, note(0, "x"))
    told = office.run("draft", "publish", draft["id"], "--at", AT.isoformat(), "--author", "anna")
    assert told.code == 0, told.err
    assert told.out.strip() in office.run("draft", "show", draft["id"]).out
    assert office.run("draft", "publish", draft["id"], "--at", AT.isoformat()).code == 6
    assert office.run("draft", "publish", draft["id"], "--at", "2020-01-01").code == 3
    with writing(town.state.store.world) as connection:
        create_key(connection, "somebody", "viewer", "")  # from now on callers need keys; who has the store does not
    assert worker(town, LATER).run_one()
    with reading(town.state.store.world) as connection:
        made = list_revisions(connection)[-1]
    assert (made.author, made.note) == ("anna", "拆分")


def test_a_server_runs_by_the_time_of_day() -> None:
    made = running.Runner(None, Settings(), KINDS)  # type: ignore[arg-type]
    assert abs((made.clock() - datetime.now(UTC)).total_seconds()) < 5
