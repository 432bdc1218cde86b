"""Cases, hand-offs and forms as nobody should send them: refused in words, on either store; nothing of them stays."""

import gzip
import json
from typing import Any

import httpx
import pytest
from sqlalchemy import func, select

from cases.tables import case_text, decision, outcome, standing
from gis.store.engine import Store, reading
from tests.api.test_cases import case
from tests.api.test_open311 import DRAIN, error_of, form

MEGABYTE = "x" * 1_000_000
DEEP = "[" * 300 + "]" * 300

CASES: list[tuple[dict[str, Any], str]] = [
    *(({"source": each}, "source_wrong") for each in ("a/b", "..", ".", "a\nb", "a\tb", "\u202eb", "\ufeff")),
    *(({"source": each}, "wrong_type") for each in (1, True, [], {})),
    ({"source": " "}, "source_missing"),
    *(({"id": each}, "id_wrong") for each in ("..", ".", "a/../b", "1/outcome", "1/outcome/history", "1/similar")),
    *(({"id": each}, "id_wrong") for each in ("1/texts", "a\nb", "a\r\nX: 1", "a\u2028b", "\U0010ffff")),
    *(({"id": each}, "wrong_type") for each in (1.5, True, [], {})),
    ({"id": ""}, "id_missing"),
    ({"id": "x" * 201}, "name_too_long"),
    *(({"version": each}, "version_invalid") for each in (-1, 1.5, 2**53, "1e300")),
    *(({"version": each}, "not_a_number") for each in ("1_0", "0x10", "NaN", True, [])),
    *(({"lon": each}, "not_a_number") for each in ("nan", "inf", "1e999", "114,005", "1_14", "114°", True, {})),
    ({"lon": case()["lat"], "lat": case()["lon"]}, "swapped_axes"),
    *(({"lon": each}, "coordinates_out_of_range") for each in (-181, 200, 1e308)),
    *(({"crs": each}, "crs_unknown") for each in ("EPSG:0", "Beijing", "WGS 8", MEGABYTE, "/etc/passwd")),
    *(({"crs": f"+proj=longlat +{each}"}, "crs_unknown") for each in ("nadgrids=/etc/passwd", "geoidgrids=x")),
    *(({"accuracy_m": each}, "accuracy_invalid") for each in (0, -1, 1e9)),
    *(({"reported_at": each}, "time_invalid") for each in ("0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59Z")),
    *(({"reported_at": each}, "time_invalid") for each in ("2026-05-01T08:00:60Z", "1" * 5000, 1, True)),
    *(({name: MEGABYTE}, "text_too_long") for name in ("edition", "class_code", "component_code", "condition")),
    *(({name: 1002}, "wrong_type") for name in ("edition", "class_code", "component_code", "condition", "contact")),
    ({"description": "x" * 2001}, "text_too_long"),
    ({"nope": 1}, "unknown_field"),
]
RAW: list[tuple[bytes, str]] = [
    (b"", "json_wrong"),
    (b"[" * 10_000 + b"]" * 10_000, "json_wrong"),
    (b'{"a":' * 10_000 + b"1" + b"}" * 10_000, "json_wrong"),
    (b'{"x":' + b"[" * 1000 + b"]" * 1000 + b"}", "json_wrong"),
    (b'{"id": "\\ud800"}', "json_wrong"),
    (b'{"id": "a\\u0000b"}', "text_wrong"),
    (b'{"lon": NaN}', "json_wrong"),
    (b'{"lon": 1e400}', "json_wrong"),
    (b"\xef\xbb\xbf{}", "json_wrong"),
    ('{"id": "案"}'.encode("gbk"), "json_wrong"),
    (json.dumps(case(source="s", id="1"))[:-1].encode() + b', "lon": 114.015}', "json_wrong"),
]
SENT = {"department": "WATER", "at": "2026-05-01T09:00:00+08:00", "result": "dispatched"}
HAND_OFFS: list[tuple[Any, str]] = [
    *(([{**SENT, "at": each}], "time_invalid") for each in ("0001-01-01T00:00:00+23:59", "9999-12-31", "1" * 5000, 5)),
    *(([{**SENT, "at": each}], "time_invalid") for each in ("2026-W18-5", "2026-05-01T08:00:60Z", MEGABYTE)),
    ([{**SENT, "at": "2199-01-01"}], "time_future"),
    *(([{**SENT, "department": each}], "department_unknown") for each in ("water", MEGABYTE)),
    *(([{**SENT, "department": each}], "wrong_type") for each in (1, [], {}, True)),
    *(([{**SENT, "result": each}], "result_unknown") for each in ("DISPATCHED", "已派遣", MEGABYTE)),
    ([{**SENT, "reason": "x" * 2001}], "text_too_long"),
    ([{**SENT, "extra": 1}], "unknown_field"),
    ([SENT] * 501, "hand_offs_many"),
    *((each, "hand_offs_wrong") for each in ("x", {}, None, [1], [None], [[]])),
]


def rows(store: Store) -> list[int]:
    with reading(store.log) as log:
        tables = (decision, standing, case_text, outcome)
        return [log.execute(select(func.count()).select_from(each)).scalar_one() for each in tables]


def check(answer: httpx.Response, code: str, sent: Any) -> None:
    assert 400 <= answer.status_code < 500, (sent, answer.text)
    problem = answer.json()
    assert answer.headers["content-type"] == "application/problem+json"
    codes = {each["code"] for each in problem.get("errors", ())} | {problem["code"]}
    assert code in codes, (str(sent)[:200], problem)
    assert problem["detail"]
    assert problem["detail_zh"]
    assert len(answer.content) < 5000


def test_cases_that_nobody_could_keep_are_refused_and_nothing_of_them_stays(
    either: httpx.Client, store_of_either: Store
) -> None:
    for number, (members, code) in enumerate(CASES):
        sent = case(**({"source": "s", "id": f"n{number}", "description": "井盖"} | members))
        check(either.post("/v1/cases", json=sent), code, members)
    assert rows(store_of_either) == [0, 0, 0, 0]


def test_bodies_that_are_no_case_are_refused_and_nothing_of_them_stays(http: httpx.Client, store: Store) -> None:
    kind = {"content-type": "application/json"}
    for body, code in RAW:
        check(http.post("/v1/cases", content=body, headers=kind), code, body[:80])
        check(http.put("/v1/cases/s/1/outcome", content=body, headers=kind), "case_unknown", body[:80])
    assert rows(store) == [0, 0, 0, 0]


def test_a_body_that_is_packed_is_refused_and_not_taken_for_broken_json(http: httpx.Client, store: Store) -> None:
    packed = gzip.compress(json.dumps(case(source="s", id="1")).encode())
    for body in (packed, packed[:20]):
        for encoding in ("gzip", "br", "gzip, gzip"):
            headers = {"content-type": "application/json", "content-encoding": encoding}
            answer = http.post("/v1/cases", content=body, headers=headers)
            check(answer, "content_type_wrong", encoding)
            assert answer.status_code == 415
    assert rows(store) == [0, 0, 0, 0]


def test_hand_offs_that_cannot_have_been_are_refused_and_change_nothing(
    either: httpx.Client, store_of_either: Store
) -> None:
    assert either.post("/v1/cases", json=case(source="s", id="1")).status_code == 201
    for sent, code in HAND_OFFS:
        check(either.put("/v1/cases/s/1/outcome", json={"hand_offs": sent}), code, sent)
    twice = b'{"hand_offs": [], "hand_offs": [{"result": "void", "at": "2026-05-01", "at": "2026-05-02"}]}'
    check(either.put("/v1/cases/s/1/outcome", content=twice), "json_wrong", twice)
    assert rows(store_of_either) == [1, 1, 0, 0]


def test_ids_of_requests_that_no_store_can_look_up_are_refused(either: httpx.Client) -> None:
    for path in ("requests/a%2500b.json", "requests.json?service_request_id=a~b%2500", "requests/%2500~1.json"):
        assert error_of(either.get(f"/open311/v2/{path}")) == (400, "text_wrong"), path
    for path in ("requests.json?service_code=2026~component~01%2500", "services/2026~component~%2500.json"):
        assert error_of(either.get(f"/open311/v2/{path}")) == (400, "text_wrong"), path
    assert either.get("/open311/v2/requests/a%2500b.xml").status_code == 400
    assert error_of(either.get("/open311/v2/requests/%252e%252e.json")) == (404, "case_unknown")


def parts(*fields: tuple[str, bytes]) -> dict[str, Any]:
    made = b"".join(b'--B\r\nContent-Disposition: form-data; name="%b"\r\n\r\n%b\r\n' % (name.encode(), value)
                    for name, value in fields)  # fmt: skip
    return {"content": made + b"--B--\r\n", "headers": {"content-type": "multipart/form-data; boundary=B"}}


def test_forms_that_could_be_read_in_two_ways_are_refused(http: httpx.Client, store: Store) -> None:
    whole = [(name, value.encode()) for name, value in form().items()]
    kind = {"content-type": "application/x-www-form-urlencoded"}
    plain = f"service_code={DRAIN}&lat=22.505&long=114.005"
    for sent, code in (
        (parts(*whole, ("description", "案件".encode("gbk"))), "form_wrong"),
        (parts(*whole, ("description", b"\xed\xa0\x80")), "form_wrong"),
        (parts(*whole, ("description", b"a\0b")), "text_wrong"),
        (parts(*whole, ("lat", b"22.6")), "parameter_wrong"),
        (parts(*[(f"a{at}", b"1") for at in range(300)]), "form_wrong"),
        ({"content": f"{plain}&lat=22.6", "headers": kind}, "parameter_wrong"),
        ({"content": "&".join(f"a{at}=1" for at in range(300)), "headers": kind}, "form_wrong"),
        ({"content": f"{plain}&description=%ed%a0%80", "headers": kind}, "form_wrong"),
        ({"content": f"{plain}&attribute[condition]={'x' * 2001}", "headers": kind}, "text_too_long"),
    ):
        assert error_of(http.post("/open311/v2/requests.json", **sent)) == (400, code), str(sent)[:300]
    assert rows(store) == [0, 0, 0, 0]
    said = http.get("/open311/v2/requests.yaml", headers={"accept-language": "zh"})
    assert said.status_code == 400
    assert "参数" in said.text


@pytest.mark.parametrize("reach", ["nan", "inf", "-1", "0", "1e3 ", "１"])
def test_what_no_seam_can_be_asked_by_is_refused_or_read_as_it_stands(http: httpx.Client, reach: str) -> None:
    answer = http.get("/v1/seams", params={"reach_m": reach})
    assert answer.status_code in (200, 422)
    if answer.status_code == 422:
        check(answer, "parameter_wrong", reach)
