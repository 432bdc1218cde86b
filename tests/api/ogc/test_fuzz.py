"""Whatever is asked, the server answers: a page or a problem that can be acted on, and never a 500."""

from urllib.parse import quote

from httpx import Client
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from api.ogc.axes import OFFERED

LAYERS = ("units", "components", "departments", "areas.drainage", "gaps", "nowhere")
NAMES = (
    "f", "lang", "bbox", "bbox-crs", "crs", "datetime", "limit", "offset", "cursor", "code", "name", "priority",
    "accuracy_m", "area_m2", "owner", "bogus",
)  # fmt: skip
number = st.one_of(st.floats(), st.integers(-(10**25), 10**25), st.floats(-400, 400)).map(str)
value = st.one_of(
    st.text(max_size=30),
    number,
    st.lists(number, max_size=7).map(",".join),
    st.lists(st.floats(-200, 200).map(lambda x: f"{x:.6f}"), min_size=4, max_size=4).map(",".join),
    st.sampled_from(OFFERED),
    st.datetimes().map(lambda when: when.isoformat() + "Z"),
    st.tuples(st.dates(), st.dates()).map(lambda ends: f"{ends[0]}/{ends[1]}"),
    st.sampled_from(["..", "../..", "/", "json", "html", "zh", "WzEsIkMwMDAxIiwxXQ", "W10", "\x00", "%", "'", '"']),
)
QUIET = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]


def check(client: Client, path: str, parameters: dict[str, str]) -> None:
    answer = client.get(path, params=parameters)
    assert answer.status_code in (200, 400, 404, 410), (path, parameters, answer.text)
    if answer.status_code != 200:
        assert answer.headers["content-type"] == "application/problem+json"
        problem = answer.json()
        assert problem["detail"]
        assert problem["detail_zh"]


@settings(max_examples=150, deadline=None, suppress_health_check=QUIET, derandomize=True)
@given(st.sampled_from(LAYERS), st.dictionaries(st.sampled_from(NAMES), value, max_size=4))
def test_any_query_of_items_is_answered(client: Client, layer: str, parameters: dict[str, str]) -> None:
    check(client, f"/ogc/collections/{layer}/items", parameters)


@settings(max_examples=60, deadline=None, suppress_health_check=QUIET, derandomize=True)
@given(st.text(max_size=30), st.dictionaries(st.sampled_from(["crs", "datetime", "f", "lang"]), value, max_size=2))
def test_any_code_of_an_item_is_answered(client: Client, code: str, parameters: dict[str, str]) -> None:
    check(client, f"/ogc/collections/components/items/_{quote(code, safe='')}", parameters)


@settings(max_examples=60, deadline=None, suppress_health_check=QUIET, derandomize=True)
@given(
    st.sampled_from(["", "/collections", "/collections/units", "/conformance", "/openapi"]),
    st.dictionaries(st.sampled_from(["f", "lang", "key", "x"]), value, max_size=2),
)
def test_any_query_of_the_other_pages_is_answered(client: Client, path: str, parameters: dict[str, str]) -> None:
    check(client, f"/ogc{path}", parameters)


@settings(max_examples=40, deadline=None, suppress_health_check=QUIET, derandomize=True)
@given(st.text(alphabet=st.characters(min_codepoint=32, max_codepoint=126), max_size=40))
def test_any_header_is_answered(client: Client, text: str) -> None:
    for name in ("accept", "accept-language", "if-none-match"):
        answer = client.get("/ogc/collections/components/items/C0002", headers={name: text})
        assert answer.status_code in (200, 304)
        assert client.get("/ogc", headers={name: text}).status_code == 200
