"""HTTP as uvicorn speaks it, but what an answer writes at one go is given to the system at one go.

uvicorn hands the head and the body of an answer to the system one after the other. For a small answer that is two
calls, and twice the caller is woken, which together take as long as a lookup.
"""

import asyncio
import logging
from typing import Any
from weakref import WeakKeyDictionary

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

LOG = logging.getLogger("wangge.gathering")
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


class GatheringProtocol(HttpToolsProtocol):
    """uvicorn's protocol on such a transport."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        outbox = OUTBOXES.setdefault(self.loop, Outbox())
        super().connection_made(GatheringTransport(transport, self.loop, outbox))  # type: ignore[arg-type]

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
