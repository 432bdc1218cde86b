"""HTTP as uvicorn speaks it, but what an answer writes at one go is given to the system at one go.

uvicorn hands the head and the body of an answer to the system one after the other. For a small answer that is two
calls, and twice the caller is woken, which together take as long as a lookup.

An application that has answers at hand can say so in its lifespan state, under AT_ONCE: a function of the address, the
headers and the caller of a GET, which gives the head's fields and the body, or None to be asked as usual. It is called
when a request is read, so that no task has to be made for the answer. That, too, takes as long as a lookup.
"""

import asyncio
import logging
from collections.abc import Callable
from typing import Any, cast
from weakref import WeakKeyDictionary

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

LOG = logging.getLogger("wangge.gathering")
AT_ONCE = "answer_at_once"
AnswerAtOnce = Callable[[bytes, list[tuple[bytes, bytes]], tuple[str, int] | None], tuple[bytes, bytes] | None]
MOST_KEPT = 65_536
"""Bytes from which on nothing is kept back, so that the system's word of a slow caller comes before the next write."""

MOST_UNREAD = 1_000_000
"""Bytes of a body that may wait for the application; beyond them the caller has to wait."""


class Outbox:
    """The connections of one event loop that have something to send when the loop has done what it is at."""

    __slots__ = ("__weakref__", "_waiting")

    def __init__(self) -> None:
        self._waiting: list[GatheringTransport] = []

    def put(self, transport: "GatheringTransport", loop: asyncio.AbstractEventLoop) -> None:
        """Have the transport flushed soon."""
        if not self._waiting:
            loop.call_soon(self._send)
        self._waiting.append(transport)

    def _send(self) -> None:
        waiting, self._waiting = self._waiting, []
        for each in waiting:
            try:
                each.flush()
            except Exception:  # one broken connection must not keep the others waiting
                LOG.exception("an answer could not be sent")
                each.abort()


class GatheringTransport:
    """A transport that keeps what is written for a moment, then writes it together and in order."""

    __slots__ = ("_kept", "_loop", "_outbox", "_parts", "_transport", "is_closing")

    def __init__(self, transport: Any, loop: asyncio.AbstractEventLoop, outbox: Outbox) -> None:
        self._transport, self._loop, self._outbox = transport, loop, outbox
        self._parts: list[bytes] = []
        self._kept = 0
        self.is_closing = transport.is_closing

    def write(self, data: bytes) -> None:
        """Keep the bytes; where they are many write them and all before them."""
        parts = self._parts
        if not parts:
            self._outbox.put(self, self._loop)
        parts.append(data)
        self._kept += len(data)
        if self._kept >= MOST_KEPT:
            self.flush()

    def flush(self) -> None:
        """Write what is kept, unless nobody can receive it any more."""
        parts = self._parts
        if not parts:
            return
        many, self._parts, self._kept = self._kept >= MOST_KEPT, [], 0
        if self.is_closing():
            return
        if many:
            self._transport.writelines(parts)  # without a copy of them all
        else:
            self._transport.write(parts[0] if len(parts) == 1 else b"".join(parts))

    def close(self) -> None:
        """Close once all that was written is sent."""
        self.flush()
        self._transport.close()

    def abort(self) -> None:
        """Close at once."""
        self.drop()
        self._transport.abort()

    def drop(self) -> None:
        """Forget what is kept."""
        self._parts, self._kept = [], 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)


class Answered:
    """Stands where uvicorn keeps the request that it is at, for one that is answered already."""

    response_complete = True

    def __init__(self) -> None:
        self.message_event = asyncio.Event()  # for which nobody waits


class GatheringProtocol(HttpToolsProtocol):
    """uvicorn's protocol on such a transport."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        outbox = OUTBOXES.setdefault(self.loop, Outbox())
        super().connection_made(GatheringTransport(transport, self.loop, outbox))  # type: ignore[arg-type]
        can = not (self.access_log or self.root_path or self.limit_concurrency)
        self._ask: AnswerAtOnce | None = self.app_state.get(AT_ONCE) if can else None
        self._answered: Any = Answered()
        self._defaults: tuple[list[tuple[bytes, bytes]], bytes] = [], b""

    def on_headers_complete(self) -> None:
        """As uvicorn's own, but first the application is asked whether it has the answer at hand."""
        if self._ask is None or not self._is_plain():
            super().on_headers_complete()
            return
        try:
            answer = self._ask(self.url, self.headers, self.client)
        except Exception:  # the usual way may do better, and tells the caller if it does not
            LOG.exception("a request could not be answered at once")
            answer = None
        if answer is None:
            super().on_headers_complete()
            return
        fields, body = answer
        head = b"HTTP/1.1 200 OK\r\n%b%bcontent-length: %d\r\n\r\n" % (self._default_fields(), fields, len(body))
        self.transport.write(head + body)
        self.cycle = self._answered
        self.on_response_complete()

    def on_message_complete(self) -> None:
        """As uvicorn's own; what is answered is not looked at."""
        if self.cycle is not self._answered:
            super().on_message_complete()

    def _is_plain(self) -> bool:
        """Whether the request is a GET like most: nothing before it waits, and more may follow it."""
        parser, before = self.parser, cast(RequestResponseCycle | None, self.cycle)  # None before the first
        return not (
            (before is not None and not before.response_complete)
            or self.flow.write_paused
            or self.expect_100_continue
            or parser.get_method() != b"GET"
            or parser.should_upgrade()
            or not parser.should_keep_alive()
            or parser.get_http_version() != "1.1"
        )

    def _default_fields(self) -> bytes:
        """The date and whatever else the server says with every answer; uvicorn makes another list every second."""
        defaults = self.server_state.default_headers
        if defaults is not self._defaults[0]:
            self._defaults = defaults, b"".join([b"%b: %b\r\n" % each for each in defaults])
        return self._defaults[1]

    def on_body(self, body: bytes) -> None:
        """As uvicorn's own, but a body that will be read whole is not stopped at every 64 kB."""
        if self.parser.should_upgrade() or self.cycle.response_complete:
            super().on_body(body)
            return
        self.cycle.body += body
        if len(self.cycle.body) > MOST_UNREAD:
            self.flow.pause_reading()
        self.cycle.message_event.set()

    def connection_lost(self, exc: Exception | None) -> None:
        """The caller is gone: what it was not sent yet is sent to nobody."""
        self.transport.drop()  # type: ignore[attr-defined]
        super().connection_lost(exc)


OUTBOXES: WeakKeyDictionary[asyncio.AbstractEventLoop, Outbox] = WeakKeyDictionary()
