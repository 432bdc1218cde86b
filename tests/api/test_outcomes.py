"""What became of cases, told over HTTP: hand-offs, similar cases, texts and their erasure."""

import json
import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import delete, select, text

from api.app import create_app
from api.keys import create_key
from api.schemas.answers import Problem
from api.schemas.outcomes import CaseDecision, OutcomeAnswer, OutcomeHistory, SimilarList, TextsAnswer
from api.settings import Settings
from cases import filing, followups, log
from cases.backfill import fill_standings
from cases.handoffs import HandOff
from cases.reports import Defaults, from_record
from cases.standing import find_similar
from cases.tables import outcome, standing
from cases.texts import erase_texts
from gis.store.engine import Store, reading, writing
from tests.api.conftest import client
from tests.api.test_cases import case

SENT = {"department": "WATER", "at": "2026-05-01T09:00:00+08:00", "result": "dispatched"}
BACK = {"department": "WATER", "at": "2026-05-01T11:00:00+08:00", "result": "returned", "reason": "不属我方管养"}
ON = {"department": "WATER2", "at": "2026-05-02T11:00:00+08:00", "result": "dispatched"}
DONE = {"department": "WATER2", "at": "2026-05-02T15:00:00+08:00", "result": "handled", "by": "王五 13900000000"}
CLOSED = {"at": "2026-05-03T08:00:00+08:00", "result": "closed"}
ALL = [SENT, BACK, ON, DONE, CLOSED]
PLACE = "/v1/cases/hotline/1"


def take_in(http: httpx.Client, **members: Any) -> dict[str, Any]:
    response = http.post("/v1/cases", json=case(**({"source": "hotline", "id": "1"} | members)))
    assert response.status_code == 201, response.text
    CaseDecision.model_validate(response.json())
    return dict(response.json())


def put(http: httpx.Client, *hand_offs: Any, **headers: str) -> httpx.Response:
    return http.put(f"{PLACE}/outcome", json={"hand_offs": hand_offs}, headers=headers)


def test_the_hand_offs_of_a_case_come_back_with_what_they_come_to(either: httpx.Client) -> None:
    take_in(either)
    empty = either.get(f"{PLACE}/outcome").json()
    assert (OutcomeAnswer.model_validate(empty).number, empty["hand_offs"]) == (0, [])
    first = put(either, *ALL)
    assert first.status_code == 201, first.text
    told = OutcomeAnswer.model_validate(first.json())
    assert told.measures.model_dump() == {
        "state": "closed",
        "first": "WATER",
        "handler": "WATER2",
        "returns": 1,
        "passed": False,
        "reworks": 0,
        "days_lost": pytest.approx(26 / 24),
    }
    assert told.notes == []
    found = either.get(f"{PLACE}/outcome")
    assert found.headers["ETag"] == first.headers["ETag"]
    assert found.json() == first.json()


def test_the_same_list_again_changes_nothing_and_one_that_adds_needs_no_tag(either: httpx.Client) -> None:
    take_in(either)
    first = put(either, SENT, BACK)
    again = put(either, {**SENT, "at": "2026-05-01T01:00:00Z"}, BACK)
    assert (again.status_code, again.headers["ETag"]) == (200, first.headers["ETag"])
    added = put(either, SENT, BACK, ON)
    assert (added.status_code, added.json()["number"]) == (200, 2)


def test_replacing_needs_the_tag_of_what_is_there_and_keeps_it_in_the_history(either: httpx.Client) -> None:
    take_in(either)
    tag = put(either, *ALL).headers["ETag"]
    blind = put(either, SENT)
    assert (blind.status_code, blind.json()["code"]) == (428, "if_match_missing")
    stale = put(either, SENT, **{"If-Match": '"0"'})
    assert (stale.status_code, stale.json()["code"]) == (412, "outcome_changed")
    done = put(either, SENT, **{"If-Match": tag})
    assert (done.status_code, done.json()["number"], done.json()["measures"]["state"]) == (200, 2, "open")
    history = OutcomeHistory.model_validate(either.get(f"{PLACE}/outcome/history").json())
    assert [(each.number, len(each.hand_offs)) for each in history.items] == [(2, 1), (1, 5)]


def test_a_list_that_cannot_have_been_is_refused_whole(http: httpx.Client, store: Store) -> None:
    take_in(http)
    bad = put(http, SENT, {**BACK, "department": "NOBODY"}, {**DONE, "at": "2026-04-01T08:00:00Z"})
    told = Problem.model_validate(bad.json())
    assert bad.status_code == 422
    assert [each["code"] for each in told.errors or ()] == ["department_unknown", "hand_offs_backwards"]
    assert "Hand-off 2" in told.detail
    with reading(store.log) as log:
        assert log.execute(select(outcome)).all() == []
    assert http.put(f"{PLACE}/outcome", json=[SENT]).json()["code"] == "hand_offs_wrong"
    unknown = http.put("/v1/cases/hotline/2/outcome", json={"hand_offs": []})
    assert (unknown.status_code, unknown.json()["code"]) == (404, "case_unknown")


def test_a_new_case_is_told_the_open_cases_like_it(either: httpx.Client) -> None:
    lon, lat = case()["lon"], case()["lat"]
    assert take_in(either, id="1")["similar"] == []
    take_in(either, id="far", lat=lat + 0.0004)  # 44 m
    take_in(either, id="late", reported_at="2026-05-09T08:00:00+08:00")
    take_in(either, id="other", class_code="01001")
    take_in(either, id="matter", kind="matter")
    take_in(either, id="closed")
    assert either.put("/v1/cases/hotline/closed/outcome", json={"hand_offs": [CLOSED]}).status_code == 201
    told = take_in(either, id="new", lon=lon + 0.0001)
    assert [(each["id"], each["distance_m"]) for each in told["similar"]] == [("1", pytest.approx(10.3, abs=0.1))]
    assert told["similar"][0]["department"] == "WATER"
    assert either.get("/v1/cases/hotline/new").json() == told
    wide = take_in(either, id="wide", accuracy_m=20)
    assert {each["id"] for each in wide["similar"]} == {"1", "new", "far"}
    now = SimilarList.model_validate(either.get(f"{PLACE}/similar").json())
    assert [each.id for each in now.items] == ["wide", "new"]


def test_cases_of_one_component_are_similar_whatever_their_class(either: httpx.Client) -> None:
    lamp = {"lon": 114.0150, "lat": 22.5050, "component_code": "44030501037000001"}
    take_in(either, id="1", class_code="01037", **lamp)
    told = take_in(either, id="2", class_code=None, kind=None, edition=None, **lamp)
    assert [each["id"] for each in told["similar"]] == ["1"]


def test_similar_cases_are_found_by_index(store_of_either: Store, either: httpx.Client) -> None:
    take_in(either)
    with writing(store_of_either.log) as log:
        row = dict(log.execute(select(standing)).mappings().one())
        many = [
            {**row, "case_id": f"m{at}", "lon": row["lon"] + 1 + at * 1e-4, "cell": row["cell"] + 500 + at // 20}
            for at in range(3000)
        ]
        log.execute(standing.insert(), many)
    with reading(store_of_either.log) as log:
        plan = explained(store_of_either, log)
    assert "standing_place" in plan, plan


def explained(store: Store, log: Any) -> str:
    """The plan of the first statement of a search."""
    said = []
    real = log.execute

    class Watched:
        def execute(self, statement: Any) -> Any:
            sql = str(statement.compile(dialect=store.log.dialect, compile_kwargs={"literal_binds": True}))
            how = "EXPLAIN QUERY PLAN " if store.dialect == "sqlite" else "EXPLAIN "
            said.extend(str(row) for row in real(text(how + sql.replace(":", r"\:"))))
            return real(statement)

    made = from_record(case(source="x", id="1"), Defaults())
    assert not isinstance(made, tuple)
    if store.dialect == "postgresql":
        real(text("SET LOCAL enable_seqscan = off"))
    find_similar(Watched(), made, None, datetime(2026, 5, 1, tzinfo=UTC))  # type: ignore[arg-type]
    return "\n".join(said)


def test_how_cases_stand_can_be_made_anew_of_the_log(either: httpx.Client, store_of_either: Store) -> None:
    take_in(either, id="1")
    take_in(either, id="1", version=2, lat=case()["lat"] + 0.001)
    take_in(either, id="2", class_code="01037")
    with writing(store_of_either.log) as log:
        rows = select(*(each for each in standing.c if each.name != "component")).order_by(standing.c.case_id)
        before = log.execute(rows).all()
        log.execute(delete(standing))
        fill_standings(log)
        assert log.execute(rows).all() == before


SECRETS = ("李四 13800138000", "井盖破损，住户投诉", "幸福路8号二单元", "不属我方管养", "王五 13900000000")


def with_texts(http: httpx.Client, version: int = 1) -> None:
    contact, description, address = SECRETS[:3]
    take_in(http, version=version, contact=contact, description=description, address=address)


def test_texts_are_kept_apart_from_the_decision(either: httpx.Client) -> None:
    with_texts(either)
    told = TextsAnswer.model_validate(either.get(f"{PLACE}/texts").json())
    assert set(told.texts.values()) == set(SECRETS[:3])
    assert not any(secret in either.get(PLACE).text for secret in SECRETS)
    again = case(source="hotline", id="1", version=1, contact="another")
    assert either.post("/v1/cases", json=again).json()["code"] == "version_conflict"
    assert either.post("/v1/cases/route", json=case(contact="x")).json()["code"] == "unknown_field"


def test_erased_texts_are_gone_from_the_file_and_the_decision_stays(
    http: httpx.Client, store: Store, tmp_path: Path
) -> None:
    for version in range(1, 40):
        with_texts(http, version)
        take_in(http, id=f"n{version}", contact="neighbour " * 40)
    put(http, *ALL)
    files = sorted(tmp_path.glob("wangge-cases.db*"))
    assert all(any(holds(file, secret) for file in files) for secret in SECRETS)
    decided, measures = http.get(PLACE).json(), http.get(f"{PLACE}/outcome").json()["measures"]
    erased = http.delete(f"{PLACE}/texts?reason=当事人申请")
    told = TextsAnswer.model_validate(erased.json())
    assert erased.status_code == 200
    assert told.texts == {}
    assert told.erased is not None
    assert (told.erased.author, told.erased.reason) == ("this machine", "当事人申请")
    for file in sorted(tmp_path.glob("wangge*.db*")):
        assert not any(holds(file, secret) for secret in SECRETS), file
    assert http.get(PLACE).json() == decided
    assert http.get(f"{PLACE}/outcome").json()["measures"] == measures
    assert http.get("/v1/cases/hotline/n1/texts").json()["texts"] != {}


def holds(file: Path, secret: str) -> bool:
    """Whether a text stands in the bytes of a file; JSON writes Chinese as it is or escaped."""
    raw = file.read_bytes()
    return secret.encode() in raw or json.dumps(secret).strip('"').encode() in raw


def test_after_an_erasure_a_case_takes_no_texts_any_more(either: httpx.Client) -> None:
    with_texts(either)
    put(either, SENT, BACK)
    either.delete(f"{PLACE}/texts")
    with_texts_again = case(source="hotline", id="1", version=1, contact=SECRETS[0])
    assert either.post("/v1/cases", json=with_texts_again).status_code == 200
    assert put(either, SENT, BACK).status_code == 200
    with_texts(either, version=2)
    assert either.get(f"{PLACE}/texts").json()["texts"] == {}
    assert not any(secret in either.get(f"{PLACE}/outcome/history").text for secret in SECRETS)


@pytest.mark.parametrize("told", ["hand-offs", "case", "file"])
def test_an_erasure_reaches_what_is_just_being_told(
    either: httpx.Client, store_of_either: Store, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    take_in(either)
    erasing = threading.Thread(target=erase_texts, args=(store_of_either, "hotline", "1", "anna", ""))

    def erase_before(module: Any, name: str) -> None:
        inner = getattr(module, name)

        def append(*given: Any, **more: Any) -> Any:
            erasing.start()
            erasing.join(0.5)  # it must wait for whoever is writing
            return inner(*given, **more)

        monkeypatch.setattr(module, name, append)

    if told == "hand-offs":
        erase_before(followups, "append_follow_ups")
        assert put(either, SENT, BACK).status_code == 201
    elif told == "case":
        erase_before(log, "_append")
        version = {"source": "hotline", "id": "1", "version": 2, "description": "不属我方管养"}
        assert either.post("/v1/cases", json=case(**version)).status_code == 201
    else:
        erase_before(filing, "append_follow_ups")
        hand_offs = [HandOff.read(SENT), HandOff.read(BACK)]
        filing.file_outcomes(store_of_either, [filing.Told(1, ("hotline", "1"), hand_offs)], "anna")
    erasing.join()
    assert either.get(f"{PLACE}/texts").json()["texts"] == {}
    assert "不属我方管养" not in either.get(f"{PLACE}/outcome/history").text


def test_who_only_looks_may_neither_tell_nor_read_texts_nor_erase(store: Store) -> None:
    with writing(store.world) as connection:
        roles = ("viewer", "inspector", "editor")
        keys = {role: create_key(connection, role, role, "440305")[1] for role in roles}
    app = create_app(Settings(), store)
    callers = {role: client(app, "10.0.0.9", Authorization=f"Bearer {key}") for role, key in keys.items()}
    take_in(callers["inspector"])
    assert put(callers["viewer"], SENT).status_code == 403
    assert callers["viewer"].get(f"{PLACE}/texts").status_code == 403
    assert put(callers["inspector"], SENT).status_code == 201
    assert callers["inspector"].delete(f"{PLACE}/texts").status_code == 403
    assert callers["editor"].delete(f"{PLACE}/texts").status_code == 200
