"""After a publication open cases are routed anew, and the log tells both answers."""

from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import func, insert, select

from api.app import create_app
from api.editing import rerouting
from api.jobs.rerouting import REROUTE, Lookout, begin_mark
from api.jobs.runner import Runner
from api.jobs.tables import job
from api.settings import Settings
from cases.rerouting import read_mark
from cases.tables import decision, standing
from gis.store.engine import Store, reading, writing
from gis.store.revisions import current_head
from tests.api.conftest import client
from tests.api.small_world import SIDE, SOUTH, UNITS, WEST, bring
from tests.api.test_drafts import add, begin, publish
from tests.api.test_replays import TO_CITY, ZONE, take_in


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data=tmp_path / "data")


@pytest.fixture
def app(store_of_either: Store, settings: Settings) -> FastAPI:
    return create_app(settings, store_of_either)


def follow(app: FastAPI) -> dict[str, Any] | None:
    """What a server does by itself: look, and run the job; its result, None when there was nothing to do."""
    store, settings = app.state.store, app.state.settings
    made = Lookout(store, settings).look()
    if made is None:
        return None
    assert Runner(store, settings, {REROUTE.name: REROUTE}).run_one()
    with reading(store.log) as log:
        row = log.execute(select(job.c.state, job.c.result).where(job.c.id == made.id)).one()
    assert row.state == "done"
    return dict(row.result)


def give_to_city(http: httpx.Client) -> int:
    """Publish that the western drains belong to the city; the revision."""
    draft = begin(http)
    assert add(http, draft, TO_CITY).status_code == 200
    done = publish(http, draft)
    assert done.status_code == 200, done.text
    return int(done.json()["revision"]["number"])


def rows(store: Store) -> list[Any]:
    with reading(store.log) as log:
        return list(log.execute(select(decision).order_by(decision.c.position)).all())


def test_a_case_whose_department_a_revision_changes_is_decided_once_more_and_the_old_decision_stays(
    app: FastAPI, store_of_either: Store
) -> None:
    with client(app) as http:
        begin_mark(store_of_either)
        take_in(http, 1, 0.5, class_code="01002")
        take_in(http, 2, 4.5, class_code="01002")
        before = http.get("/v1/cases/12345/c1").json()
        number = give_to_city(http)
        assert rows(store_of_either)[-1].revision < number, "nothing is decided in the publication itself"
        result = follow(app)
        assert result is not None
        assert (result["revision"], result["rerouted"]) == (number, 1)
        after = http.get("/v1/cases/12345/c1").json()
        assert (before["department"]["code"], after["department"]["code"]) == ("WATER", "CITY")
        assert after["revision"] == number
        assert after["because"][-1]["code"] == "rerouted"
        assert f"revision {number}" in after["because"][-1]["en"]
        first, other, anew = rows(store_of_either)
        assert (first.routing, first.round, anew.round) == (before, 0, 1)
        assert (anew.report, anew.received_at, anew.digest) == (first.report, first.received_at, first.digest)
        assert other.department == http.get("/v1/cases/12345/c2").json()["department"]["code"]
        assert follow(app) is None, "it is done once"
        take_in(http, 1, 0.5, class_code="01002")  # sent again: the decision that it has
        assert len(rows(store_of_either)) == 3


def test_cases_of_a_unit_that_is_split_get_the_code_of_the_new_unit(app: FastAPI, store_of_either: Store) -> None:
    x, top = round(WEST + SIDE * 0.5, 9), SOUTH + SIDE
    split = {"op": "split", "unit": UNITS[0], "line": {"type": "LineString", "coordinates": [[x, SOUTH], [x, top]]}}
    with client(app) as http:
        begin_mark(store_of_either)
        take_in(http, 1, 0.25, class_code="01002")
        take_in(http, 2, 0.75, class_code="01002")
        draft = begin(http)
        assert add(http, draft, split).status_code == 200
        assert publish(http, draft).status_code == 200
        result = follow(app)
        assert result is not None
        assert result["rerouted"] >= 1
        units = [http.get(f"/v1/cases/12345/c{number}").json()["unit"] for number in (1, 2)]
        asked = {"crs": "CRS84", "accuracy_m": 1, "edition": "2026", "kind": "component", "class_code": "01002"}
        for number, place in enumerate((0.25, 0.75)):
            where = {"lon": round(WEST + SIDE * place, 9), "lat": SOUTH + SIDE / 2}
            assert units[number] == http.post("/v1/cases/route", json={**asked, **where}).json()["unit"]
        assert units[0] != units[1]


def test_rules_components_and_cases_outside_every_unit_count_too(app: FastAPI, store_of_either: Store) -> None:
    folder = Path(app.state.settings.data)
    folder.mkdir(parents=True, exist_ok=True)
    with client(app) as http:
        begin_mark(store_of_either)
        take_in(http, 1, 1.5, class_code="01037")
        take_in(http, 2, -50, class_code="01037")
        take_in(http, 3, 3.5, class_code="06010", kind="matter")
        lamp = "code,edition,class_code,name,state,owner_code,lon,lat,accuracy_m\n"
        lamp += "44030501037000001,2026,01037,路灯,完好,CITY,114.0150,22.5050,0.5\n"
        bring(store_of_either, folder, "components", "components.csv", lamp, crs="CRS84")
        result = follow(app)
        assert result is not None
        assert result["rerouted"] == 1
        assert http.get("/v1/cases/12345/c1").json()["department"]["code"] == "CITY"
        bring(store_of_either, folder, "rules", "rules.yaml", "rules: [{code: all, to: [{department: STREET2}]}]\n")
        result = follow(app)
        assert result is not None
        assert (result["looked"], result["rerouted"]) == (3, 3)
        assert {http.get(f"/v1/cases/12345/c{number}").json()["department"]["code"] for number in (1, 2, 3)} == {
            "STREET2"
        }
        assert sorted(row.round for row in rows(store_of_either)) == [0, 0, 0, 1, 1, 1, 2]


def test_several_revisions_at_once_are_one_job_and_one_that_changes_nothing_reroutes_nothing(
    app: FastAPI, store_of_either: Store
) -> None:
    folder = Path(app.state.settings.data)
    folder.mkdir(parents=True, exist_ok=True)
    with client(app) as http:
        begin_mark(store_of_either)
        take_in(http, 1, 0.5, class_code="01002")
        for name in ("A", "B"):
            bring(store_of_either, folder, "departments", "departments.csv", f"code,name\n{name},{name}\n")
        result = follow(app)
        assert result is not None
        assert result["revision"] == current_head(store_of_either)
        assert result["rerouted"] == 0
        assert follow(app) is None


def test_a_case_that_was_decided_on_an_older_revision_after_the_job_is_found_later(
    app: FastAPI, store_of_either: Store
) -> None:
    with client(app) as http:
        begin_mark(store_of_either)
        take_in(http, 1, 0.5, class_code="01002")
        old = rows(store_of_either)[0]
        give_to_city(http)
        assert follow(app) is not None
        # As a worker commits it that has not heard of the revision yet.
        late = {name: value for name, value in old._mapping.items() if name != "position"} | {"case_id": "late"}
        with writing(store_of_either.log) as connection:
            connection.execute(insert(decision).values(**late))
            stands = connection.execute(select(standing)).mappings().one()
            connection.execute(insert(standing).values({**stands, "case_id": "late"}))
        result = follow(app)
        assert result is not None
        assert result["rerouted"] == 1
        assert http.get("/v1/cases/12345/late").json()["department"]["code"] == "CITY"
        assert follow(app) is None


def test_a_case_that_is_closed_stays_with_whom_it_was_and_the_standing_of_an_open_one_follows(
    app: FastAPI, store_of_either: Store
) -> None:
    with client(app) as http:
        begin_mark(store_of_either)
        for number in (1, 2):
            take_in(http, number, 0.5, class_code="01002")
        told = [{"department": "WATER", "at": "2026-11-23T08:00:00+08:00", "result": "closed"}]
        done = http.put("/v1/cases/12345/c1/outcome", json={"hand_offs": told})
        assert done.status_code == 201, done.text
        give_to_city(http)
        result = follow(app)
        assert result is not None
        assert (result["looked"], result["rerouted"]) == (1, 1)
        with reading(store_of_either.log) as log:
            stands = log.execute(select(standing.c.case_id, standing.c.department, standing.c.decision)).all()
        assert {each.case_id: each.department for each in stands} == {"c1": "WATER", "c2": "CITY"}
        assert max(each.decision for each in stands) == rows(store_of_either)[-1].position


def test_what_was_decided_before_anybody_followed_is_left_as_it_is(app: FastAPI, store_of_either: Store) -> None:
    with client(app) as http:
        take_in(http, 1, 0.5, class_code="01002")
        give_to_city(http)
        assert follow(app) is None
        assert len(rows(store_of_either)) == 1
        with reading(store_of_either.log) as log:
            mark = read_mark(log)
        assert mark is not None
        assert mark.revision == current_head(store_of_either)


def test_a_job_that_was_cut_off_goes_on_and_reroutes_no_case_twice(
    app: FastAPI, store_of_either: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.editing.rerouting.PAGE", 2)
    with client(app) as http:
        begin_mark(store_of_either)
        for number in range(7):
            take_in(http, number, 0.1 + 0.1 * number, class_code="01002")
        number = give_to_city(http)
        store, settings = app.state.store, app.state.settings
        assert Lookout(store, settings).look() is not None
        assert Lookout(store, settings).look() is None, "one job at a time"
        pages = 0
        keep = rerouting.keep_rerouted

        def dies(*given: Any) -> int:
            nonlocal pages
            pages += 1
            if pages == 3:
                raise MemoryError
            return keep(*given)

        monkeypatch.setattr(rerouting, "keep_rerouted", dies)
        with pytest.raises(MemoryError):
            rerouting.reroute(store, app.state.worlds, ZONE)
        with reading(store.log) as log:
            assert 0 < log.execute(select(func.count()).where(decision.c.round == 1)).scalar_one() < 7
        assert Runner(store, settings, {REROUTE.name: REROUTE}).run_one()
        with reading(store.log) as log:
            counts = log.execute(select(decision.c.round, func.count()).group_by(decision.c.round)).all()
        assert sorted(map(tuple, counts)) == [(0, 7), (1, 7)]
        assert http.get("/v1/cases/12345/c3").json()["revision"] == number
