"""Somebody who asks every worker of a server the same questions, again and again, until each has the answer.

Each question has a connection of its own to a worker; which worker has a connection the system tells: the process that
holds its other end. All are asked side by side by one thread, with a pause after each answer.
"""

import heapq
import json
import os
import select
import socket
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic, perf_counter, time
from typing import Any, Self

PAUSE_S = 0.002
"""Between an answer and the same question again."""
PATIENCE_S = 30.0
MOST_TRIES = 400
"""Connections opened in search of a worker."""


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


class Connection:
    """A connection to one worker, kept open; one request at a time."""

    def __init__(self, port: int) -> None:
        self.port = port
        self._read = b""
        self._open()

    def _open(self) -> None:
        self.socket = socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE_S)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def revive(self, worker: int) -> None:
        """Ask something, so that the server does not close an idle connection; where it has, connect to the same worker
        again. Errors: RuntimeError when that is not there any more.
        """
        try:
            self.ask("GET", "/healthz")
            return
        except (OSError, RuntimeError):
            self.socket.close()
        for _ in range(MOST_TRIES):
            self._open()
            self.ask("GET", "/healthz")
            if self.worker() == worker:
                return
            self.socket.close()
        raise RuntimeError("a worker is not there any more")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self.socket.close()

    def send(self, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None) -> None:
        """Ask; the answer is awaited by `receive` or `take`."""
        told = {"Host": f"127.0.0.1:{self.port}", **(headers or {})}
        data = b"" if body is None else json.dumps(body).encode()
        if body is not None:
            told |= {"Content-Type": "application/json", "Content-Length": str(len(data))}
        head = "".join(f"{name}: {value}\r\n" for name, value in told.items())
        self.socket.sendall(f"{method} {path} HTTP/1.1\r\n{head}\r\n".encode() + data)

    def take(self) -> Answer | None:
        """What has come, read once; the answer when it is whole. Errors: RuntimeError when the server hung up."""
        piece = self.socket.recv(1 << 18)
        if not piece:
            raise RuntimeError("the server closed a connection")
        self._read += piece
        head, end, rest = self._read.partition(b"\r\n\r\n")
        if not end:
            return None
        first, *lines = head.decode("latin-1").split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        length = int(headers.get("content-length", 0))
        if len(rest) < length:
            return None
        self._read = b""
        return Answer(int(first.split()[1]), headers, rest[:length])

    def receive(self) -> Answer:
        """Wait for the answer."""
        while (answer := self.take()) is None:
            pass
        return answer

    def ask(self, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None) -> Answer:
        self.send(method, path, body, headers)
        return self.receive()

    def worker(self) -> int:
        """The process that holds the other end. Errors: RuntimeError when none is found."""
        own = self.socket.getsockname()[1]
        for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
            _, local, remote, *rest = line.split()
            if int(local.split(":")[1], 16) == self.port and int(remote.split(":")[1], 16) == own:
                return _holder(rest[6])
        raise RuntimeError("a connection is not in /proc/net/tcp")


def _holder(inode: str) -> int:
    for process in Path("/proc").iterdir():
        if process.name.isdigit():
            with suppress(OSError):
                for each in (process / "fd").iterdir():
                    with suppress(OSError):
                        if os.readlink(each) == f"socket:[{inode}]":
                            return int(process.name)
    raise RuntimeError("no process holds a connection")


def connect_each(port: int, workers: int, each: int, ready: str) -> dict[int, list[Connection]]:
    """`each` connections to every one of `workers` workers. Errors: RuntimeError when so many do not answer."""
    held: dict[int, list[Connection]] = {}
    for _ in range(MOST_TRIES):
        connection = Connection(port)
        connection.ask("GET", ready)  # by then it was accepted
        own = held.setdefault(connection.worker(), [])
        if len(own) < each:
            own.append(connection)
        else:
            connection.close()
        if len(held) == workers and all(len(own) == each for own in held.values()):
            return held
    raise RuntimeError(f"of {workers} workers only {len(held)} answered in {MOST_TRIES} connections")


@dataclass(slots=True)
class Question:
    """A path asked over a connection until `shows` says that its answer is the one waited for."""

    name: str
    connection: Connection
    path: str
    shows: Callable[[Answer], bool]
    seen: float | None = None
    asked: int = 0


@dataclass(frozen=True, slots=True)
class Seen:
    """Moments (`time()`): when the deed was asked for and answered, and by question when its answer came."""

    begun: float
    done: float
    answer: Answer
    seen: Mapping[str, float] = field(default_factory=dict)

    @property
    def last(self) -> float:
        return max(self.seen.values())


def watch(questions: Sequence[Question], by: Connection, path: str, body: Any, headers: Mapping[str, str]) -> Seen:
    """POST `body` and ask all the questions meanwhile, until each has its answer and the post too.

    Errors: RuntimeError when that takes too long.
    """
    poll = select.poll()
    who: dict[int, Question | None] = {by.socket.fileno(): None}
    waiting: list[tuple[float, int]] = []
    for each in questions:
        who[each.connection.socket.fileno()] = each
        _ask(each)
    for number in who:
        poll.register(number, select.POLLIN)
    begun, done, answer = time(), 0.0, None
    by.send("POST", path, body, headers)
    end = monotonic() + PATIENCE_S
    left = len(questions)
    while left or answer is None:
        if monotonic() > end:
            missing = [each.name for each in questions if each.seen is None]
            raise RuntimeError(f"not seen after {PATIENCE_S:g} s: {', '.join(missing) or 'the answer itself'}")
        pause = max(0.0, waiting[0][0] - perf_counter()) if waiting else 0.1
        for number, _ in poll.poll(pause * 1000):
            asked = who[number]
            found = (by if asked is None else asked.connection).take()
            if found is None:
                continue
            if asked is None:
                done, answer = time(), found
                if found.status != 200:
                    raise RuntimeError(f"POST {path} was answered with {found.status}: {found.body[:300]!r}")
            elif asked.shows(found):
                asked.seen = time()
                left -= 1
            else:
                heapq.heappush(waiting, (perf_counter() + PAUSE_S, number))
        while waiting and waiting[0][0] <= perf_counter():
            again = who[heapq.heappop(waiting)[1]]
            assert again is not None
            _ask(again)
    return Seen(begun, done, answer, {each.name: each.seen or 0.0 for each in questions})


def _ask(question: Question) -> None:
    question.connection.send("GET", question.path)
    question.asked += 1
