"""`/v1/cases`: where would it go, taking in, and what was decided."""

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
from sqlalchemy import func, select

from api.app import create_app
from api.schemas.answers import BadElement, Problem, Routing
from api.schemas.outcomes import CaseDecision
from api.settings import Settings
from cases.tables import decision
from gis.store.engine import Store, open_store, reading
from tests.api.conftest import client
from tests.api.small_world import UNITS, centre


def case(index: int = 0, **members: Any) -> dict[str, Any]:
    """A case about a drain in the middle of a unit."""
    lon, lat = centre(index)
    usual = {
        "lon": lon,
        "lat": lat,
        "crs": "CRS84",
        "accuracy_m": 5,
        "reported_at": "2026-05-01T08:00:00+08:00",
        "edition": "2026",
        "kind": "component",
        "class_code": "01002",
    }
    return usual | members


def test_a_case_is_routed_with_every_member_of_the_contract(either: httpx.Client) -> None:
    response = either.post("/v1/cases/route", json=case())
    answer = response.json()
    assert response.status_code == 200
    assert response.headers["Wangge-Revision"] == "6"
    assert set(answer) == set(Routing.model_fields)
    Routing.model_validate(answer)
    assert answer["unit"] == UNITS[0]
    assert answer["department"] == {
        "code": "WATER",
        "name": "排水公司",
        "ids": {"12345": "007"},
        "path": [{"code": "CITY", "name": "市城管局"}],
    }
    assert (answer["advice"], answer["area"]["code"], answer["rule"]["code"]) == ("dispatch", "D-1", "drainage")
    assert answer["basis"]["number"] == "深府〔2020〕1号"


def test_an_array_is_answered_element_by_element(either: httpx.Client) -> None:
    sent = [case(0), 7, case(2), case(1, crs=None), case(3, colour="red"), []]
    response = either.post("/v1/cases/route", json=sent)
    answer = response.json()
    assert response.status_code == 200
    assert [each["department"]["code"] for each in (answer[0], answer[2])] == ["WATER", "WATER2"]
    bad = {index: BadElement.model_validate(answer[index]) for index in (1, 3, 4, 5)}
    assert [each.i for each in bad.values()] == list(bad)
    assert [each.error.code for each in bad.values()] == [
        "question_wrong",
        "crs_missing",
        "unknown_field",
        "question_wrong",
    ]
    one_by_one = [either.post("/v1/cases/route", json=sent[index]).json() for index in (0, 2)]
    assert one_by_one == [answer[0], answer[2]]


def test_an_empty_array_is_answered_with_none(http: httpx.Client) -> None:
    assert http.post("/v1/cases/route", json=[]).json() == []


def test_routing_can_be_asked_as_of_an_earlier_revision(http: httpx.Client) -> None:
    answer = http.post("/v1/cases/route?as_of=3", json=case()).json()
    assert (answer["revision"], answer["department"], answer["unit"]) == (3, None, UNITS[0])


def test_routing_keeps_nothing(http: httpx.Client, store: Store) -> None:
    http.post("/v1/cases/route", json=case(source="hotline", id="1"))
    assert http.get("/v1/cases/hotline/1").status_code == 404
    assert decisions(store) == 0


def test_everything_wrong_with_a_case_is_told_at_once(http: httpx.Client) -> None:
    response = http.post("/v1/cases/route", json=case(kind="animal", version=-1, edition=2026))
    answer = Problem.model_validate(response.json())
    assert response.status_code == 422
    assert {each["code"] for each in answer.errors or ()} == {
        "kind_invalid",
        "version_invalid",
        "wrong_type",
        "edition_missing",
    }


def test_a_case_taken_in_again_has_the_decision_it_had(either: httpx.Client) -> None:
    report = case(source="hotline", id="A/1 号", version=1)
    first = either.post("/v1/cases", json=report)
    CaseDecision.model_validate(first.json())
    assert first.status_code == 201
    assert first.json()["case"] == {"source": "hotline", "id": "A/1 号", "version": 1}
    again = either.post("/v1/cases", json=dict(reversed(report.items())))
    assert (again.status_code, again.json()) == (200, first.json())
    assert again.headers["Wangge-Revision"] == first.headers["Wangge-Revision"]
    found = either.get(first.headers["Location"])
    assert (found.status_code, found.json()) == (200, first.json())


def test_a_version_that_says_something_else_or_comes_late_is_a_conflict(either: httpx.Client) -> None:
    assert either.post("/v1/cases", json=case(source="s", id="1", version=5)).status_code == 201
    other = either.post("/v1/cases", json=case(2, source="s", id="1", version=5))
    assert (other.status_code, other.json()["code"]) == (409, "version_conflict")
    late = either.post("/v1/cases", json=case(source="s", id="1", version=4))
    assert (late.status_code, late.json()["code"]) == (409, "superseded")
    newer = either.post("/v1/cases", json=case(2, source="s", id="1", version=6))
    assert newer.status_code == 201
    assert either.get("/v1/cases/s/1").json() == newer.json()
    retry = either.post("/v1/cases", json=case(source="s", id="1", version=5))
    assert (retry.status_code, retry.json()["code"]) == (409, "superseded")


def test_the_same_id_of_two_sources_is_two_cases(http: httpx.Client) -> None:
    assert http.post("/v1/cases", json=case(0, source="a", id=7)).status_code == 201
    assert http.post("/v1/cases", json=case(2, source="b", id=7)).status_code == 201
    assert http.get("/v1/cases/a/7").json()["unit"] == UNITS[0]
    assert http.get("/v1/cases/b/7").json()["unit"] == UNITS[2]


def test_callers_who_send_the_same_case_at_once_through_two_workers_get_one_decision(store_of_either: Store) -> None:
    url = store_of_either.world.url.render_as_string(hide_password=False)
    other = open_store(url)
    workers = [create_app(Settings(), each) for each in (store_of_either, other)]
    start = threading.Barrier(8)

    def send(number: int) -> httpx.Response:
        start.wait()
        with client(workers[number % 2]) as caller:
            return caller.post("/v1/cases", json=case(source="s", id="1", version=1))

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(send, range(8)))
    other.close()
    assert sorted(each.status_code for each in answers) == [200] * 7 + [201]
    assert all(each.json() == answers[0].json() for each in answers)
    assert decisions(store_of_either) == 1


def test_two_reports_of_one_version_at_once_are_one_decision_and_one_conflict(store_of_either: Store) -> None:
    app = create_app(Settings(), store_of_either)
    start = threading.Barrier(2)

    def send(index: int) -> int:
        start.wait()
        with client(app) as caller:
            return caller.post("/v1/cases", json=case(index, source="s", id="1", version=1)).status_code

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(send, (0, 2))) == [201, 409]
    assert decisions(store_of_either) == 1


@pytest.mark.parametrize(
    ("members", "code"),
    [
        ({"id": "1"}, "source_missing"),
        ({"source": "s"}, "id_missing"),
        ({"source": "s", "id": "x" * 201}, "name_too_long"),
        ({"source": "a/b", "id": "1"}, "source_wrong"),
        ({"source": "s", "id": "1\0"}, "text_wrong"),
        ({"source": "s", "id": 1.5}, "wrong_type"),
        ({"source": "s", "id": "1", "version": 2**53}, "version_invalid"),
        ({"source": "s", "id": "1", "reported_at": "yesterday"}, "time_invalid"),
    ],
)
def test_a_case_that_cannot_be_named_or_kept_is_refused(
    either: httpx.Client, members: dict[str, Any], code: str
) -> None:
    response = either.post("/v1/cases", json=case(**members))
    assert (response.status_code, response.json()["code"]) == (422, code)


def test_only_one_case_is_taken_in_at_a_time(http: httpx.Client) -> None:
    assert http.post("/v1/cases", json=[case(source="s", id="1")]).json()["code"] == "question_wrong"


def decisions(store: Store) -> int:
    with reading(store.log) as connection:
        return int(connection.execute(select(func.count()).select_from(decision)).scalar_one())
