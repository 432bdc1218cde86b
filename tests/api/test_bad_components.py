"""Whatever is sent about components is done or is a problem, in both languages; nothing is done by halves."""

from typing import Any

import httpx
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from components.layers import COMPONENTS
from tests.api.registry import LAMP

PLAIN = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), st.text())
VALUES = st.one_of(PLAIN, st.lists(PLAIN, max_size=3), st.dictionaries(st.text(max_size=5), PLAIN, max_size=3))
LIKELY = st.one_of(
    st.sampled_from(["2026", "01037", LAMP, "CRS84", "GCJ-02", [114.005, 22.505], {"a": 1}, "4403", "", "完好", 0.5]),
    VALUES,
)
NAMES = (*(each.name for each in COMPONENTS.fields), "point", "geometry", "crs", "reason", "owner", "more")
BODIES = st.one_of(VALUES, st.dictionaries(st.sampled_from(NAMES), LIKELY, max_size=6))
GOOD = {"class_code": "01037", "point": [114.005, 22.505], "crs": "CRS84"}
SETTINGS = settings(
    max_examples=100, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def look_at(sent: httpx.Response, what: Any) -> None:
    assert sent.status_code in (200, 201, 400, 404, 409, 410, 412, 422), (what, sent.text)
    if sent.status_code >= 400:
        assert sent.json()["detail_zh"], what


@SETTINGS
@given(body=BODIES, like_a_good_one=st.booleans())
def test_whatever_is_registered_or_changed(http: httpx.Client, body: Any, like_a_good_one: bool) -> None:
    if like_a_good_one and isinstance(body, dict):
        body = {**GOOD, **body}
    look_at(http.post("/v1/components", json=body), body)
    tag = {"If-Match": "*"}
    look_at(http.patch(f"/v1/components/{LAMP}", json=body, headers=tag), body)


@SETTINGS
@given(body=BODIES, tag=st.sampled_from(["*", '"24-5"', '"24-99999999999999999999"', "x", '"24-"', '"-5"', ""]))
def test_whatever_is_said_to_know_it(http: httpx.Client, body: Any, tag: str) -> None:
    look_at(http.patch(f"/v1/components/{LAMP}", json=body, headers={"If-Match": tag}), (tag, body))


@SETTINGS
@given(body=st.one_of(VALUES, st.dictionaries(st.sampled_from(("ids", "filter", "reason")), VALUES, max_size=3)))
def test_whatever_is_decided(http: httpx.Client, body: Any) -> None:
    for deed in ("accept", "reject"):
        look_at(http.post(f"/v1/proposals/{deed}", json=body), body)


@SETTINGS
@given(
    body=st.dictionaries(
        st.sampled_from(("owner", "edition", "class_code", "review", "codes", "schema")), VALUES, max_size=4
    )
)
def test_whatever_is_wanted_of_a_class(http: httpx.Client, body: Any) -> None:
    look_at(http.put("/v1/catalogue/policies", json=body), body)
    assert http.get("/v1/catalogue/policies").status_code == 200


@SETTINGS
@given(
    asked=st.dictionaries(
        st.sampled_from(("year", "level", "untouched", "f", "county", "class_code", "edition", "after", "state")),
        st.one_of(st.text(max_size=8), st.integers(-(10**20), 10**20).map(str), st.sampled_from(["2026", "440305"])),
        max_size=4,
    )
)
def test_whatever_is_asked(http: httpx.Client, asked: dict[str, str]) -> None:
    for path in ("/v1/reports/components", "/v1/components/next-code", "/v1/proposals", "/v1/components/x"):
        look_at(http.get(path, params=asked), (path, asked))
