"""GeoReport v2: what it answers, in JSON and XML, and that a case is the same case through either door."""

from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote
from xml.etree import ElementTree

import httpx
import pytest
from fastapi import FastAPI
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import insert, select, update

from api.keys import create_key
from api.open311.requests import id_of, name_of
from api.open311.services import code_of, key_of
from cases.tables import decision
from gis.store.engine import Store, reading, writing
from tests.api.conftest import client
from tests.api.small_world import SIDE, SOUTH, WEST, centre

DRAIN = code_of(("2026", "component", "01002"))
ROOT = "/open311/v2"


def form(index: int = 0, **members: str) -> dict[str, str]:
    lon, lat = centre(index)
    return {"service_code": DRAIN, "lat": str(lat), "long": str(lon), "description": "盖子坏了", **members}


def post(http: httpx.Client, **members: Any) -> str:
    done = http.post(f"{ROOT}/requests.json", data=form(**members))
    assert done.status_code == 201, done.text
    (told,) = done.json()
    return str(told["service_request_id"])


def error_of(answer: httpx.Response) -> tuple[int, str]:
    """The status of an error, which its body repeats, and our code for it."""
    (first, *_) = answer.json()
    assert set(first) == {"code", "description"}
    assert first["code"] == answer.status_code
    return answer.status_code, first["description"].partition(":")[0]


def test_a_request_is_taken_in_and_told_with_the_department(either: httpx.Client) -> None:
    name = post(either, first_name="张三", phone="13800000000")
    (told,) = either.get(f"{ROOT}/requests/{name}.json").json()
    assert told["agency_responsible"] == "排水公司"
    assert (told["service_code"], told["status"]) == (DRAIN, "open")
    assert (round(told["long"], 6), round(told["lat"], 6)) == tuple(round(each, 6) for each in centre(0))
    assert set(told) == {
        *("service_request_id", "status", "status_notes", "service_name", "service_code", "description"),
        *("agency_responsible", "service_notice", "requested_datetime", "updated_datetime", "expected_datetime"),
        *("address", "address_id", "zipcode", "lat", "long", "media_url"),
    }
    kept = either.get(f"/v1/cases/open311/{name}").json()
    assert kept["department"]["code"] == "WATER"
    texts = either.get(f"/v1/cases/open311/{name}/texts").text
    assert "盖子坏了" in texts
    assert "张三 13800000000" in texts


def test_xml_says_the_same_as_json(http: httpx.Client) -> None:
    done = http.post(f"{ROOT}/requests.xml", data=form())
    assert (done.status_code, done.headers["content-type"]) == (201, "text/xml; charset=utf-8")
    assert done.content.startswith(b"<?xml version='1.0' encoding='utf-8'?>")
    name = ElementTree.fromstring(done.content).findtext("request/service_request_id")
    for path, root, item in (
        (f"requests/{name}", "service_requests", "request"),
        ("requests", "service_requests", "request"),
        ("services", "services", "service"),
    ):
        tree = ElementTree.fromstring(http.get(f"{ROOT}/{path}.xml").content)
        rows = http.get(f"{ROOT}/{path}.json").json()
        assert tree.tag == root
        told = [{each.tag: each.text for each in row} for row in tree.findall(item)]
        texts = [{key: _text(value) for key, value in row.items()} for row in rows]
        assert told == texts
    definition = ElementTree.fromstring(http.get(f"{ROOT}/services/{DRAIN}.xml").content)
    assert definition.tag == "service_definition"
    assert [each.findtext("code") for each in definition.findall("attributes/attribute")] == [
        "component_code",
        "condition",
        "accuracy_m",
    ]
    found = ElementTree.fromstring(http.get(f"{ROOT}/discovery.xml").content)
    assert found.findtext("endpoints/endpoint/url") == "http://127.0.0.1:8000/open311/v2"
    assert [each.text for each in found.findall("endpoints/endpoint/formats/format")] == [
        "text/xml",
        "application/json",
    ]
    wrong = ElementTree.fromstring(http.get(f"{ROOT}/requests/none.xml").content)
    assert (wrong.tag, wrong.findtext("error/code")) == ("errors", "404")


def _text(value: Any) -> str | None:
    return None if value in (None, "") else str(value).lower() if isinstance(value, bool) else str(value)


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    x=st.floats(-0.5, 5.5),
    y=st.floats(-0.2, 1.2),
    key=st.sampled_from([("2026", "component", "01002"), ("2026", "component", "01037"), ("2026", "matter", "06010")]),
    attributes=st.fixed_dictionaries(
        {},
        optional={
            "condition": st.sampled_from(["破损", "丢失 & <b>"]),
            "component_code": st.sampled_from(["44030501037000001", "none"]),
            "accuracy_m": st.sampled_from(["5", "30.5"]),
        },
    ),
    as_parts=st.booleans(),
)
def test_what_is_posted_here_is_the_same_case_as_posted_there(
    http: httpx.Client, store: Store, x: float, y: float, key: Any, attributes: dict[str, str], as_parts: bool
) -> None:
    lon, lat = f"{WEST + SIDE * x:.7f}", f"{SOUTH + SIDE * y:.7f}"
    fields = {"service_code": code_of(key), "lat": lat, "long": lon}
    fields |= {f"attribute[{name}]": value for name, value in attributes.items()}
    sent = {"files": {name: (None, value) for name, value in fields.items()}} if as_parts else {"data": fields}
    done = http.post(f"{ROOT}/requests.json", **sent)  # type: ignore[arg-type]
    assert done.status_code == 201, done.text
    name = done.json()[0]["service_request_id"]
    here = http.get(f"/v1/cases/open311/{name}").json()
    with reading(store.log) as log:
        report = log.execute(select(decision.c.report).where(decision.c.case_id == name)).scalar_one()
    edition, kind, class_code = key
    members = {"edition": edition, "kind": kind, "class_code": class_code, "reported_at": report["reported_at"]}
    case = {"source": "other", "id": name, "lon": lon, "lat": lat, "crs": "CRS84", **members, **attributes}
    there = http.post("/v1/cases", json=case).json()
    (alike, twin) = ([each["id"] for each in told["similar"]] for told in (here, there))
    assert set(twin) <= {name, *alike} or len(twin) == 20, "the one here may be like the one there"
    assert {**there, "case": None, "similar": None} == {**here, "case": None, "similar": None}
    (told,) = http.get(f"{ROOT}/requests/{name}.json").json()
    assert told["agency_responsible"] == (there["department"] and there["department"]["name"])


def test_requests_are_filtered_by_service_time_and_status(either: httpx.Client, request: Any) -> None:
    store: Store = request.getfixturevalue("store_of_either")
    names = [post(either, index=number % 3) for number in range(4)]
    lamp = code_of(("2026", "component", "01037"))
    other = post(either, service_code=lamp)
    old = datetime.now(UTC) - timedelta(days=100)
    with writing(store.log) as log:
        log.execute(update(decision).where(decision.c.case_id == names[0]).values(received_at=old))

    def asked(**query: str) -> list[str]:
        answer = either.get(f"{ROOT}/requests.json", params=query)
        assert answer.status_code == 200, answer.text
        return [each["service_request_id"] for each in answer.json()]

    assert asked() == [other, *reversed(names[1:])]
    assert asked(service_code=lamp) == [other]
    assert asked(service_code=f"{lamp},{DRAIN}") == asked()
    assert asked(status="closed") == []
    told = [{"department": "WATER", "at": datetime.now(UTC).isoformat(), "result": "closed"}]
    assert either.put(f"/v1/cases/open311/{names[3]}/outcome", json={"hand_offs": told}).status_code == 201
    assert asked(status="closed") == [names[3]]
    assert names[3] not in asked(status="open")
    assert either.get(f"{ROOT}/requests/{names[3]}.json").json()[0]["status"] == "closed"
    assert asked(status="open,closed") == asked()
    assert asked(service_request_id=f"{names[0]},{other}", status="closed") == [names[0], other]
    day = (old - timedelta(days=1)).isoformat()
    assert asked(start_date=day, end_date=(old + timedelta(days=1)).isoformat()) == [names[0]]
    (told,) = either.get(f"{ROOT}/requests/{other}.json").json()
    at = told["requested_datetime"]
    assert other in asked(start_date=at, end_date=at)
    for query, code in (
        ({"status": "lost"}, "status_wrong"),
        ({"start_date": "yesterday"}, "time_wrong"),
        ({"start_date": "2026-01-01", "end_date": "2026-06-01"}, "span_wrong"),
        ({"start_date": "2026-01-02", "end_date": "2026-01-01"}, "span_wrong"),
    ):
        assert error_of(either.get(f"{ROOT}/requests.json", params=query)) == (400, code)


def test_at_most_a_thousand_requests_are_told(http: httpx.Client, store: Store) -> None:
    post(http)
    with writing(store.log) as log:
        (row,) = log.execute(select(decision)).mappings()
        same = {name: value for name, value in row.items() if name != "position"}
        log.execute(insert(decision), [{**same, "case_id": f"n{number}"} for number in range(1100)])
    assert len(http.get(f"{ROOT}/requests.json").json()) == 1000


def test_a_case_of_another_source_is_told_with_its_source_in_the_id(http: httpx.Client) -> None:
    lon, lat = centre(0)
    case = {"source": "a~热线.1", "id": "7/b,c.json~", "lon": lon, "lat": lat, "crs": "CRS84"}
    assert http.post("/v1/cases", json=case).status_code == 201
    (told,) = http.get(f"{ROOT}/requests.json").json()
    name = told["service_request_id"]
    assert told["service_code"] is None
    assert http.get(f"{ROOT}/requests/{quote(name, safe='')}.json").json() == [told]
    assert http.get(f"{ROOT}/requests.json", params={"service_request_id": name}).json() == [told]


@given(st.tuples(st.text(min_size=1), st.text(min_size=1), st.text(min_size=1)))
def test_every_class_and_every_case_has_a_code_that_means_it(texts: tuple[str, str, str]) -> None:
    if not any("\ud800" <= each <= "\udfff" or each == "\0" for text in texts for each in text):
        assert key_of(code_of(texts)) == texts
        assert not set(code_of(texts)) & set("/,. ")
        if texts[0] != "open311":
            assert name_of(id_of(*texts[:2])) == texts[:2]
        assert name_of(id_of("open311", texts[0])) == ("open311", texts[0])


@pytest.mark.parametrize(
    ("members", "wanted"),
    [
        ({"service_code": ""}, (400, "service_missing")),
        ({"service_code": "2026~component~99999"}, (404, "service_unknown")),
        ({"service_code": "x"}, (404, "service_unknown")),
        ({"lat": ""}, (400, "position_missing")),
        ({"lat": "north"}, (400, "not_a_number")),
        ({"lat": "114.5", "long": "22.5"}, (400, "swapped_axes")),
        ({"attribute[accuracy_m]": "0"}, (400, "accuracy_invalid")),
        ({"lat": "1\0"}, (400, "text_wrong")),
    ],
)
def test_what_is_wrong_with_a_request_is_told(
    http: httpx.Client, members: dict[str, str], wanted: tuple[int, str]
) -> None:
    assert error_of(http.post(f"{ROOT}/requests.json", data=form() | members)) == wanted


def test_bodies_and_formats_that_are_not_understood_are_refused(http: httpx.Client) -> None:
    assert error_of(http.post(f"{ROOT}/requests.json", json=form())) == (400, "content_type_wrong")
    kind = {"Content-Type": "application/x-www-form-urlencoded"}
    assert error_of(http.post(f"{ROOT}/requests.json", content=b"lat=%ff", headers=kind)) == (400, "form_wrong")
    assert http.get(f"{ROOT}/services.csv").status_code == 400


def test_keys_come_as_elsewhere_or_in_the_form_and_a_wrong_one_is_403(app: FastAPI, store: Store) -> None:
    with writing(store.world) as connection:
        _, secret = create_key(connection, "hotline", "inspector", "440305")
        _, reader = create_key(connection, "page", "viewer", "440305")
    with client(app, host="10.0.0.1") as http:
        assert error_of(http.post(f"{ROOT}/requests.json", data=form())) == (403, "key_missing")
        assert error_of(http.post(f"{ROOT}/requests.json", data=form(api_key="x"))) == (403, "key_wrong")
        assert error_of(http.post(f"{ROOT}/requests.json", data=form(api_key=reader))) == (403, "role_missing")
        assert error_of(http.post(f"{ROOT}/requests.json", data=form(4, api_key=secret))) == (403, "prefix_missing")
        assert error_of(http.get(f"{ROOT}/services.json")) == (403, "key_missing")
        name = post(http, api_key=secret)
        assert http.get(f"{ROOT}/discovery.json").status_code == 200
        assert http.get(f"{ROOT}/requests/{name}.json", params={"api_key": reader}).status_code == 200
        assert http.get(f"{ROOT}/requests/{name}.json", headers={"X-API-Key": reader}).status_code == 200
    with writing(store.world) as connection:
        _, elsewhere = create_key(connection, "other", "viewer", "440306")
    with client(app, host="10.0.0.1", X_API_Key=elsewhere) as http:
        assert http.get(f"{ROOT}/requests/{name}.json").status_code == 404
        assert http.get(f"{ROOT}/requests.json").json() == []
