"""Answers that the application has at hand are given when the request is read, and are those of the usual way."""

import socket
from typing import Any

import httpx
import pytest

from api.app import create_app
from api.http.gathering import AT_ONCE
from api.lookups.hot import Hot
from api.settings import Settings
from gis.store.engine import Store
from tests.api.conftest import client
from tests.api.test_gathering import MOST_BUFFERED, PLAIN, caller, serving
from tests.api.test_gathering import asked as said_by

LAST = b"connection: close\r\n"
GET = b"GET /%b HTTP/1.1\r\nhost: x\r\n%b\r\n"


class Prompt:
    """Knows the answer to every address with "now" in it; every other request takes the usual way."""

    def __init__(self) -> None:
        self.prompt: list[bytes] = []
        self.usual: list[str] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            assert (await receive())["type"] == "lifespan.startup"
            scope["state"][AT_ONCE] = self.answer
            await send({"type": "lifespan.startup.complete"})
            assert (await receive())["type"] == "lifespan.shutdown"
            await send({"type": "lifespan.shutdown.complete"})
            return
        self.usual.append(f"{scope['method']} {scope['path']}")
        body = b"usual %b" % scope["query_string"]
        length = (b"content-length", b"%d" % len(body))
        await send({"type": "http.response.start", "status": 200, "headers": [*PLAIN, length]})
        await send({"type": "http.response.body", "body": body})

    def answer(self, url: bytes, headers: list[tuple[bytes, bytes]], client: Any) -> tuple[bytes, bytes] | None:
        if b"broken" in url:
            raise ValueError("no answer")
        if b"now" not in url:
            return None
        self.prompt.append(url)
        body = url * 10_000 if b"long" in url else b"prompt %b" % url.partition(b"?")[2]
        return b"content-type: text/plain\r\n", body


@pytest.fixture
def application() -> Prompt:
    return Prompt()


def bodies(said: bytes) -> list[bytes]:
    return [part.partition(b"\r\n\r\n")[2] for part in said.split(b"HTTP/1.1 200 OK\r\n")[1:]]


def test_prompt_and_usual_answers_on_one_connection_keep_their_order(application: Prompt) -> None:
    asks = [GET % (b"%b?%d" % (b"now" if k % 3 else b"later", k), LAST if k == 29 else b"") for k in range(30)]
    with serving(application) as port:
        told = bodies(said_by(port, b"".join(asks)))
        one_by_one = [bodies(said_by(port, GET % (b"now?0", b"") + GET % (b"end", LAST)))[0] for _ in range(2)]
    assert [each.split()[1:] for each in told] == [[b"%d" % k] for k in range(30)]
    assert one_by_one == [b"prompt 0"] * 2


def test_a_prompt_answer_says_the_date_and_its_length_like_any_other(application: Prompt) -> None:
    with serving(application) as port, httpx.Client(base_url=f"http://127.0.0.1:{port}") as http:
        prompt, usual = http.get("/now?7"), http.get("/later?7")
    assert application.prompt == [b"/now?7"]
    assert (prompt.text, usual.text) == ("prompt 7", "usual 7")
    assert sorted(prompt.headers) == sorted(usual.headers)
    assert int(prompt.headers["content-length"]) == len(prompt.content)


@pytest.mark.parametrize(
    "request_",
    [
        b"HEAD /now HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n",
        b"POST /now HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 0\r\n\r\n",
        b"GET /now HTTP/1.0\r\nhost: x\r\n\r\n",
        b"GET /now HTTP/1.0\r\nhost: x\r\nconnection: keep-alive\r\n\r\nGET /x HTTP/1.0\r\nhost: x\r\n\r\n",
        b"GET /now HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n",
        b"GET /now HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\nconnection: close\r\n\r\n",
        b"GET /broken HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n",
    ],
)
def test_whatever_is_not_plain_takes_the_usual_way(application: Prompt, request_: bytes) -> None:
    with serving(application) as port:
        assert said_by(port, request_).startswith(b"HTTP/1.1 200 OK")
    assert application.prompt == []
    assert application.usual


def test_a_function_that_fails_is_logged_and_the_usual_way_answers(
    application: Prompt, caplog: pytest.LogCaptureFixture
) -> None:
    with serving(application) as port, httpx.Client(base_url=f"http://127.0.0.1:{port}") as http:
        assert [http.get(path).text for path in ("/broken?1", "/now?2")] == ["usual 1", "prompt 2"]
    assert "could not be answered at once" in caplog.text


def test_who_does_not_read_is_not_answered_without_end(application: Prompt) -> None:
    one = GET % (b"long-now", b"")
    with serving(application) as port, caller(port) as connection:
        connection.settimeout(0.2)
        try:
            for _ in range(20_000):
                connection.sendall(one)
        except TimeoutError:
            pass
        assert len(application.prompt) * 90_000 < MOST_BUFFERED


def test_a_caller_who_goes_away_meanwhile_harms_nobody(application: Prompt) -> None:
    with serving(application) as port:
        for _ in range(20):
            with socket.create_connection(("127.0.0.1", port)) as connection:
                connection.sendall(GET % (b"long-now", b""))
        assert bodies(said_by(port, GET % (b"now?1", b"") + GET % (b"end", LAST)))[0] == b"prompt 1"


def test_a_lookup_is_answered_at_once_and_as_the_application_answers_it(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    prompt: list[bytes] = []
    ask = Hot.answer_at_once

    def answer(self: Hot, url: bytes, *rest: Any) -> Any:
        found = ask(self, url, *rest)
        if found is not None:
            prompt.append(url)
        return found

    monkeypatch.setattr(Hot, "answer_at_once", answer)
    app = create_app(Settings(), store)
    questions = ["lon=114.005&lat=22.505&crs=CRS84", "lon=114.0049&lat=22.5051&crs=CRS84&accuracy_m=30"]
    with serving(app) as port, httpx.Client(base_url=f"http://127.0.0.1:{port}") as http:
        usual = client(app)
        for question in questions * 40:
            one, other = http.get(f"/v1/locate?{question}"), usual.get(f"/v1/locate?{question}")
            assert (one.status_code, one.json()) == (200, other.json())
            # Whoever is not known yet takes the way through the framework, which adds `vary`.
            beside = {"date", "server", "vary"}
            assert {*one.headers} - beside == {*other.headers} - beside
            assert one.headers["wangge-revision"] == other.headers["wangge-revision"]
        wrong = http.get("/v1/locate?lon=114.005&lat=22.505&crs=EPSG:1")
        assert (wrong.status_code, wrong.json()["code"]) == (422, "crs_unknown")
        foreign = http.get(f"/v1/locate?{questions[0]}", headers={"Host": "evil.example"})
        assert foreign.json()["code"] == "local_only"
    assert len(prompt) > 40
