"""Streams of points and cases: NDJSON, Arrow and JSON in and out, errors in their place, one revision, an end."""

import io
import socket
import threading
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import httpx
import orjson
import pyarrow as pa
import pytest
import uvicorn
from fastapi import FastAPI

from api.app import create_app
from api.keys import create_key
from api.schemas.answers import Problem
from api.server import configure, listen
from api.settings import Settings
from gis.store.engine import Store, writing
from tests.api.conftest import client
from tests.api.small_world import UNITS, centre
from tests.api.test_cases import case

NDJSON = {"Content-Type": "application/x-ndjson"}
ARROW = {"Content-Type": "application/vnd.apache.arrow.stream"}
WHERE = "/v1/locate?crs=CRS84"
ROUTE = "/v1/cases/route"


def lines(*values: Any) -> bytes:
    return b"".join(each if isinstance(each, bytes) else orjson.dumps(each) + b"\n" for each in values)


def told(response: httpx.Response) -> list[Any]:
    assert response.status_code == 200, response.text
    return [orjson.loads(line) for line in response.content.splitlines()]


def arrow(*batches: dict[str, Any]) -> bytes:
    sink = io.BytesIO()
    made = [pa.record_batch(each) for each in batches]
    with pa.ipc.new_stream(sink, made[0].schema) as stream:
        for each in made:
            stream.write_batch(each)
    return sink.getvalue()


def rows(response: httpx.Response) -> list[dict[str, Any]]:
    assert response.status_code == 200, response.text
    assert response.headers["content-type"] == ARROW["Content-Type"]
    found: list[dict[str, Any]] = pa.ipc.open_stream(response.content).read_all().to_pylist()
    return found


def test_lines_of_points_are_answered_line_by_line_and_the_last_says_how_it_went(http: httpx.Client) -> None:
    sent = lines(
        centre(0), {"lon": centre(2)[0], "lat": centre(2)[1], "accuracy_m": 5}, b"\n", "here", b"{\n", [1e9, 1]
    )
    response = http.post(WHERE, content=sent, headers=NDJSON)
    *answers, end = told(response)
    assert response.headers["content-type"] == NDJSON["Content-Type"]
    assert response.headers["Wangge-Revision"] == "6"
    assert [each.get("unit") for each in answers] == [UNITS[0], UNITS[2], None, None, None]
    assert [each["i"] for each in answers[2:]] == [2, 3, 4]
    assert [Problem.model_validate(each["error"]).code for each in answers[2:]] == [
        "point_wrong",
        "json_wrong",
        "coordinates_out_of_range",
    ]
    assert end == {"end": True, "rows": 5, "errors": 3, "revision": 6}


def test_every_kind_gives_the_same_places(http: httpx.Client) -> None:
    points = [centre(index) for index in (3, 0, 4)] + [(22.5, 114.0), (114.0, 22.5)]
    document = http.post("/v1/locate", json={"points": points, "crs": "CRS84"}).json()["results"]
    lon, lat = zip(*points, strict=True)
    bodies: list[tuple[str, bytes, dict[str, str]]] = [
        ("/v1/locate", orjson.dumps({"points": points, "crs": "CRS84"}), {"Content-Type": "application/json"}),
        (WHERE, lines(*points), NDJSON),
        (WHERE, arrow({"lon": lon, "lat": lat}), ARROW),
        (WHERE, arrow({"y": lat, "x": lon}), ARROW),
    ]
    for path, body, kind in bodies:
        as_lines = told(http.post(path, content=body, headers={**kind, "Accept": "application/x-ndjson"}))
        assert as_lines[:-1] == document
        as_json = http.post(path, content=body, headers={**kind, "Accept": "application/json"}).json()
        assert as_json == {"revision": 6, "results": document}
        columns = rows(http.post(path, content=body, headers={**kind, "Accept": ARROW["Content-Type"]}))
        assert [each["unit"] for each in columns] == [each.get("unit") for each in document]
        assert [each["boundary_distance_m"] for each in columns] == pytest.approx(
            [each.get("boundary_distance_m") for each in document], abs=1e-9
        )
        assert [each["flags"] for each in columns] == [
            None if "error" in each else ";".join(each["flags"]) for each in document
        ]
        assert [each["error"] and each["error"].split(":")[0] for each in columns] == [
            each.get("error", {}).get("code") for each in document
        ]


def test_an_arrow_stream_has_the_columns_of_the_command_line_when_they_are_asked_for(http: httpx.Client) -> None:
    lon, lat = zip(centre(0), centre(4), strict=True)
    first, second = rows(http.post(f"{WHERE}&columns=all", content=arrow({"lon": lon, "lat": lat}), headers=ARROW))
    assert list(first) == [
        "unit", "province", "city", "county", "street", "community", "area.drainage", "area.drainage.all",
        "boundary_distance_m", "flags", "error",
    ]  # fmt: skip
    assert (first["street"], first["area.drainage"], second["area.drainage"]) == ("440305001", "D-1", None)


def test_accuracy_comes_with_the_point_or_for_the_whole_stream(http: httpx.Client) -> None:
    near = (114.00999, 22.505)
    body = arrow({"lon": [near[0]] * 3, "lat": [near[1]] * 3, "accuracy_m": [5.0, None, 0.5]})
    found = rows(http.post(f"{WHERE}&accuracy_m=5", content=body, headers=ARROW))
    assert [each["flags"] for each in found] == ["near_boundary", "near_boundary", ""]
    bad = rows(
        http.post(WHERE, content=arrow({"lon": [near[0]], "lat": [near[1]], "accuracy_m": [-1.0]}), headers=ARROW)
    )
    assert bad[0]["error"].startswith("accuracy_invalid")


@pytest.mark.parametrize(
    ("path", "headers", "body", "status", "code"),
    [
        ("/v1/locate", NDJSON, b"[1,2]\n", 422, "crs_missing"),
        ("/v1/locate?crs=nothing", NDJSON, b"[1,2]\n", 422, "crs_unknown"),
        (WHERE, ARROW, b"\xff\xff\xff\xff\x10\0\0\0no arrow", 400, "arrow_wrong"),
        (WHERE, ARROW, b"", 400, "arrow_wrong"),
        (WHERE, ARROW, arrow({"lon": [1.0]}), 422, "column_missing"),
        (WHERE, ARROW, arrow({"lon": ["a"], "lat": ["b"]}), 422, "column_wrong"),
        (ROUTE, ARROW, arrow({"colour": [1.0]}), 422, "column_missing"),
        (f"{WHERE}&as_of=99", NDJSON, b"[1,2]\n", 404, "revision_unknown"),
    ],
)
def test_a_stream_that_is_wrong_as_a_whole_is_refused(
    http: httpx.Client, path: str, headers: dict[str, str], body: bytes, status: int, code: str
) -> None:
    response = http.post(path, content=body, headers=headers)
    assert (response.status_code, response.json()["code"]) == (status, code)


def test_an_empty_stream_has_an_end_alone(http: httpx.Client) -> None:
    assert told(http.post(WHERE, content=b"", headers=NDJSON)) == [{"end": True, "rows": 0, "errors": 0, "revision": 6}]
    assert http.post(ROUTE, content=b"", headers={**NDJSON, "Accept": "application/json"}).json() == []
    empty = http.post(
        WHERE, content=arrow({"lon": pa.array([], pa.float64()), "lat": pa.array([], pa.float64())}), headers=ARROW
    )
    assert rows(empty) == []


def test_a_whole_stream_is_of_one_revision(http: httpx.Client) -> None:
    *answers, end = told(http.post(f"{WHERE}&as_of=2", content=lines(centre(0)), headers=NDJSON))
    assert (answers[0]["unit"], end["revision"]) == (None, 2)


def test_every_kind_gives_the_same_routings(http: httpx.Client) -> None:
    sent = [case(0, source="s", id="1"), case(2), case(1, crs=None), case(3, class_code="01037")]
    document = http.post(ROUTE, json=sent).json()
    *answers, end = told(http.post(ROUTE, content=lines(*sent), headers=NDJSON))
    assert answers == document
    assert end == {"end": True, "rows": 4, "errors": 1, "revision": 6}
    names = dict.fromkeys(name for each in sent for name in each)
    body = arrow({name: pa.array([each.get(name) for each in sent]) for name in names})
    for kind, content in ((NDJSON, lines(*sent)), (ARROW, body)):
        columns = rows(http.post(ROUTE, content=content, headers={**kind, "Accept": ARROW["Content-Type"]}))
        assert [each["department"] for each in columns] == [
            each.get("department") and each["department"]["code"] for each in document
        ]
        assert columns[0]["because"].startswith("The point lies")
        assert [each["error"] and each["error"].split(":")[0] for each in columns] == [None, None, "crs_missing", None]
    coded = rows(http.post(f"{ROUTE}?because=codes", content=body, headers=ARROW))
    for one, other in zip(coded, columns, strict=True):
        assert {**one, "because": None} == {**other, "because": None}
    assert coded[0]["because"].startswith("unit_within")


def test_a_stream_shows_no_more_than_the_prefix_of_the_key(app: FastAPI, store: Store) -> None:
    with writing(store.world) as connection:
        _, secret = create_key(connection, "part", "viewer", "440306")
    caller = client(app, x_api_key=secret)
    points = [centre(0), centre(4)]
    *answers, _ = told(caller.post(WHERE, content=lines(*points), headers=NDJSON))
    lon, lat = zip(*points, strict=True)
    columns = rows(caller.post(WHERE, content=arrow({"lon": lon, "lat": lat}), headers=ARROW))
    assert [each["unit"] for each in answers] == [each["unit"] for each in columns] == [None, UNITS[4]]
    assert [";".join(each["flags"]) for each in answers] == [each["flags"] for each in columns]


@pytest.fixture
def narrow(store: Store) -> Iterator[httpx.Client]:
    with client(create_app(Settings(max_body_mb=0.01), store)) as caller:
        yield caller


def test_limits_hold_for_each_line_and_batch_and_not_for_the_stream(narrow: httpx.Client) -> None:
    *answers, end = told(narrow.post(WHERE, content=lines(*[centre(0)] * 2_000), headers=NDJSON))
    assert (len(answers), end["errors"]) == (2_000, 0)
    *answers, end = told(narrow.post(WHERE, content=lines(centre(0), "x" * 20_000, centre(1)), headers=NDJSON))
    assert [each.get("unit") for each in answers] == [UNITS[0], None, UNITS[1]]
    assert answers[1]["error"]["code"] == "body_too_large"
    small = {"lon": [centre(0)[0]] * 300, "lat": [centre(0)[1]] * 300}
    assert len(rows(narrow.post(WHERE, content=arrow(*[small] * 10), headers=ARROW))) == 3_000
    large = {"lon": [114.0] * 3_000, "lat": [22.5] * 3_000}
    refused = narrow.post(WHERE, content=arrow(large), headers=ARROW)
    assert (refused.status_code, refused.json()["code"]) == (413, "body_too_large")
    refused = narrow.post("/v1/locate", content=b" " * 20_000, headers={"Content-Type": "application/json"})
    assert refused.status_code == 413


@pytest.fixture
def served(store: Store) -> Iterator[str]:
    """A server of its own, for what only a network shows."""
    listener = listen("127.0.0.1", 0)
    server = uvicorn.Server(configure(Settings(), create_app(Settings(), store)))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    while not server.started:
        assert thread.is_alive()
    yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    server.should_exit = True
    thread.join()


@pytest.mark.parametrize("head", [b"transfer-encoding: chunked", b"content-length: 900000"], ids=["stream", "whole"])
@pytest.mark.parametrize("batches", [0, 1, 400])
def test_a_caller_who_leaves_in_the_middle_of_a_body_is_no_fault(
    served: str, caplog: pytest.LogCaptureFixture, head: bytes, batches: int
) -> None:
    host, _, port = served.removeprefix("http://").partition(":")
    with socket.create_connection((host, int(port))) as caller:
        caller.sendall(b"POST %b HTTP/1.1\r\nhost: %b\r\n" % (WHERE.encode(), host.encode()))
        caller.sendall(b"content-type: application/x-ndjson\r\n%b\r\n\r\n" % head)
        batch = lines(*[centre(0)] * 20)
        for _ in range(batches):
            caller.sendall(b"%x\r\n%b\r\n" % (len(batch), batch) if b"chunked" in head else batch)
    assert httpx.get(f"{served}/healthz").status_code == 200
    assert not [each for each in caplog.records if each.levelname == "ERROR"]


def test_a_long_stream_is_answered_while_it_is_sent(served: str) -> None:
    import http.client

    batch = lines(*[centre(0)] * 200)
    connection = http.client.HTTPConnection(served.removeprefix("http://"), timeout=20)
    connection.putrequest("POST", WHERE)
    connection.putheader("Content-Type", NDJSON["Content-Type"])
    connection.putheader("Transfer-Encoding", "chunked")
    connection.endheaders()

    def send(part: bytes) -> None:
        connection.send(b"%x\r\n%b\r\n" % (len(part), part))

    send(batch)
    response = connection.getresponse()
    read = [response.readline() for _ in range(200)]
    for _ in range(20):
        send(batch)
        read += [response.readline() for _ in range(200)]
    connection.send(b"0\r\n\r\n")
    assert orjson.loads(response.readline()) == {"end": True, "rows": 4_200, "errors": 0, "revision": 6}
    assert all(one == other for one, other in pairwise(read))
    connection.close()


def test_a_server_answers_its_first_request_at_once(store: Store) -> None:
    import time

    listener = listen("127.0.0.1", 0)
    server = uvicorn.Server(configure(Settings(), create_app(Settings(), store)))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    try:
        while not server.started:
            time.sleep(0.001)
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/v1/locate?lon=114.005&lat=22.505&crs=CRS84"
        began = time.perf_counter()
        assert httpx.get(url).json()["unit"] == UNITS[0]
        assert time.perf_counter() - began < 1.0  # the bound of a busy machine; 0.05 is what is measured alone
    finally:
        server.should_exit = True
        thread.join()
