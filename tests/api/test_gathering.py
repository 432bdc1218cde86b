"""What goes over the wire when answers are gathered: the same bytes in the same order, in fewer calls."""

import asyncio
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import httpx
import pytest
import uvicorn

from api.http.gathering import MOST_KEPT, MOST_UNREAD, GatheringTransport, Outbox
from api.server import configure, listen
from api.settings import Settings

PLAIN = [(b"content-type", b"text/plain")]
BIG = bytes(range(256)) * 20_000
MOST_BUFFERED = 16 * 2**20
"""No system keeps so many bytes for a caller who does not read."""


class Application:
    """Answers by path; what it met on the way is kept."""

    def __init__(self) -> None:
        self.written = 0
        self.ended = threading.Event()
        self.received: list[str] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            await getattr(self, scope["path"].strip("/"))(scope, receive, send)

    async def small(self, scope: Any, receive: Any, send: Any) -> None:
        body = scope["query_string"] or b"small"
        length = (b"content-length", b"%d" % len(body))
        await send({"type": "http.response.start", "status": 200, "headers": [*PLAIN, length]})
        await send({"type": "http.response.body", "body": body})

    async def big(self, scope: Any, receive: Any, send: Any) -> None:
        length = (b"content-length", b"%d" % len(BIG))
        await send({"type": "http.response.start", "status": 200, "headers": [*PLAIN, length]})
        await send({"type": "http.response.body", "body": BIG})

    async def echo(self, scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": PLAIN})
        more = True
        while more:
            message = await receive()
            more = message.get("more_body", False)
            await send({"type": "http.response.body", "body": message.get("body", b""), "more_body": more})

    async def collect(self, scope: Any, receive: Any, send: Any) -> None:
        body, more = b"", True
        while more:
            message = await receive()
            more, body = message["more_body"], body + message["body"]
        await send({"type": "http.response.start", "status": 200, "headers": PLAIN})
        await send({"type": "http.response.body", "body": body})

    async def slow(self, scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": PLAIN})
        for part in (b"one", b"two"):
            await send({"type": "http.response.body", "body": part, "more_body": True})
            assert (await receive())["type"] == "http.request"
        await send({"type": "http.response.body", "body": b""})

    async def endless(self, scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": PLAIN})
        try:
            while (await asyncio.wait_for(receive(), 0.001))["type"] == "http.request":
                pass
        except TimeoutError:
            pass
        gone = asyncio.create_task(receive())
        while not gone.done():
            await send({"type": "http.response.body", "body": b"x" * 10_000, "more_body": True})
            self.written += 10_000
            if self.written % 1_000_000 == 0:
                await asyncio.sleep(0)
        self.received.append(gone.result()["type"])
        self.ended.set()

    async def broken(self, scope: Any, receive: Any, send: Any) -> None:
        raise ValueError("before the head")

    async def torn(self, scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": PLAIN})
        await send({"type": "http.response.body", "body": b"begun", "more_body": True})
        raise ValueError("after the head")


@contextmanager
def serving(app: Any) -> Iterator[int]:
    listener = listen("127.0.0.1", 0)
    server = uvicorn.Server(configure(Settings(), app))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    try:
        while not server.started:
            assert thread.is_alive()
            time.sleep(0.001)
        yield int(listener.getsockname()[1])
    finally:
        server.should_exit = True
        thread.join()


@pytest.fixture
def application() -> Application:
    return Application()


@pytest.fixture
def port(application: Application) -> Iterator[int]:
    with serving(application) as port:
        yield port


@contextmanager
def caller(port: int) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        yield connection


def asked(port: int, request: bytes) -> bytes:
    """All that a server says until it closes."""
    with caller(port) as connection:
        connection.sendall(request)
        return b"".join(iter(lambda: connection.recv(65_536), b""))


def until(connection: socket.socket, end: bytes) -> bytes:
    said = b""
    while not said.endswith(end):
        part = connection.recv(65_536)
        assert part, said
        said += part
    return said


def test_answers_on_one_connection_come_whole_and_in_order(port: int) -> None:
    with httpx.Client(base_url=f"http://127.0.0.1:{port}") as client:
        for number in range(20):
            assert client.get(f"/small?{number}").content == b"%d" % number
            assert client.get("/big").content == BIG
            assert client.post("/echo", content=BIG).content == BIG


def test_requests_sent_at_once_are_answered_one_after_another(port: int) -> None:
    head = b"GET /small?%d HTTP/1.1\r\nhost: x\r\n%b\r\n"
    many = b"".join(head % (number, b"connection: close\r\n" if number == 9 else b"") for number in range(10))
    bodies = [part[-1:] for part in asked(port, many).split(b"HTTP/1.1 200 OK")[1:]]
    assert bodies == [b"%d" % number for number in range(10)]


def test_a_head_has_no_body_and_the_connection_goes_on(port: int) -> None:
    said = asked(
        port, b"HEAD /big HTTP/1.1\r\nhost: x\r\n\r\nGET /small HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"
    )
    first, second = said.split(b"HTTP/1.1 200 OK")[1:]
    assert first.endswith(b"\r\n\r\n")
    assert b"content-length: %d\r\n" % len(BIG) in first
    assert second.endswith(b"small")


@pytest.mark.parametrize("path", [b"small", b"big"])
def test_the_older_http_is_answered_whole_and_closed(port: int, path: bytes) -> None:
    said = asked(port, b"GET /%b HTTP/1.0\r\n\r\n" % path)
    assert b"connection: close" in said
    assert said.endswith(b"\r\n\r\n" + (b"small" if path == b"small" else BIG))


def test_a_part_is_sent_before_the_next_is_made(port: int) -> None:
    with caller(port) as connection:
        connection.sendall(b"POST /slow HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\nconnection: close\r\n\r\n")
        assert until(connection, b"3\r\none\r\n").startswith(b"HTTP/1.1 200 OK")
        connection.sendall(b"a")
        until(connection, b"3\r\ntwo\r\n")
        connection.sendall(b"b")
        until(connection, b"0\r\n\r\n")


def test_who_waits_to_be_told_to_go_on_is_told(port: int) -> None:
    with caller(port) as connection:
        connection.sendall(b"POST /collect HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\ncontent-length: 4\r\n\r\n")
        assert until(connection, b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.sendall(b"body")
        assert until(connection, b"4\r\nbody\r\n0\r\n\r\n").startswith(b"HTTP/1.1 200 OK")


def test_a_body_longer_than_may_wait_arrives_whole(port: int) -> None:
    body = BIG + BIG
    assert len(body) > MOST_UNREAD
    assert httpx.post(f"http://127.0.0.1:{port}/collect", content=body).content == body


def test_what_is_no_http_is_refused_and_closed(port: int) -> None:
    assert asked(port, b"nonsense\r\n\r\n").startswith(b"HTTP/1.1 400 ")


UPGRADE = b"GET /small HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: %b\r\n"


def test_a_web_socket_is_refused(port: int) -> None:
    key = b"sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\nsec-websocket-version: 13\r\n\r\n"
    assert asked(port, UPGRADE % b"websocket" + key).split(b" ")[1] in (b"400", b"403", b"500")


@pytest.mark.parametrize("length", [0, 4])
def test_an_offer_of_another_protocol_is_passed_over(port: int, length: int) -> None:
    with caller(port) as connection:
        connection.sendall(UPGRADE % b"h2c" + b"content-length: %d\r\n\r\n" % length + b"x" * length)
        assert until(connection, b"small").startswith(b"HTTP/1.1 200 OK")


def test_a_failure_is_told_and_a_torn_answer_ends_without_its_end(port: int) -> None:
    failed = asked(port, b"GET /broken HTTP/1.1\r\nhost: x\r\n\r\n")
    assert failed.startswith(b"HTTP/1.1 500 ")
    assert failed.endswith(b"Internal Server Error")
    torn = asked(port, b"GET /torn HTTP/1.1\r\nhost: x\r\n\r\n")
    assert torn.endswith(b"5\r\nbegun\r\n")


def test_a_caller_who_does_not_read_stops_the_application_and_may_leave(port: int, application: Application) -> None:
    with caller(port) as connection:
        connection.sendall(b"GET /endless HTTP/1.1\r\nhost: x\r\n\r\n")
        before = -1
        while before != application.written or not before:
            before = application.written
            assert before < MOST_BUFFERED
            time.sleep(0.2)
        assert connection.recv(1)
    assert application.ended.wait(20)
    assert application.received == ["http.disconnect"]


def test_callers_who_leave_at_any_moment_do_no_harm(port: int) -> None:
    for number in range(50):
        with caller(port) as connection:
            connection.sendall(b"GET /%b HTTP/1.1\r\nhost: x\r\n\r\n" % (b"big" if number % 2 else b"small"))
            with suppress(OSError):
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    assert httpx.get(f"http://127.0.0.1:{port}/small").content == b"small"


class Wire:
    """A transport that notes what it is told."""

    def __init__(self) -> None:
        self.calls: list[Any] = []
        self.closed = False

    def is_closing(self) -> bool:
        return self.closed

    def write(self, data: bytes) -> None:
        self.calls.append(data)

    def writelines(self, parts: list[bytes]) -> None:
        self.calls.append(list(parts))

    def close(self) -> None:
        self.closed = True
        self.calls.append("close")

    def abort(self) -> None:
        self.closed = True
        self.calls.append("abort")


class Broken(Wire):
    def write(self, data: bytes) -> None:
        raise RuntimeError("the connection is broken")


def test_head_and_body_are_one_write_and_large_parts_are_not_copied() -> None:
    wire, part = Wire(), b"x" * MOST_KEPT

    async def run() -> None:
        transport = GatheringTransport(wire, asyncio.get_running_loop(), Outbox())
        transport.write(b"head")
        transport.write(b"body")
        assert wire.calls == []
        await asyncio.sleep(0)
        transport.write(b"head")
        transport.write(part)
        assert wire.calls[1][1] is part
        transport.write(b"last")
        transport.close()
        await asyncio.sleep(0)

    asyncio.run(run())
    assert wire.calls == [b"headbody", [b"head", part], b"last", "close"]


def test_nothing_is_written_once_the_connection_is_gone() -> None:
    wire, lost = Wire(), Wire()

    async def run() -> None:
        outbox = Outbox()
        one, other = (GatheringTransport(each, asyncio.get_running_loop(), outbox) for each in (wire, lost))
        one.write(b"kept")
        one.abort()
        other.write(b"kept")
        lost.closed = True
        await asyncio.sleep(0)

    asyncio.run(run())
    assert (wire.calls, lost.calls) == (["abort"], [])


def test_a_broken_connection_does_not_keep_the_others_waiting() -> None:
    broken, wire = Broken(), Wire()

    async def run() -> None:
        outbox = Outbox()
        for each in (broken, wire):
            GatheringTransport(each, asyncio.get_running_loop(), outbox).write(b"answer")
        await asyncio.sleep(0)

    asyncio.run(run())
    assert (broken.calls, wire.calls) == (["abort"], [b"answer"])
