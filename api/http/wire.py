"""Streams in and out: which kind a request sends and wants, and its rows batch by batch, however many they are.

A stream is NDJSON or Arrow IPC; JSON is one document. A body that is short is read first and answered in one go; a long
one is answered while it is read, so that memory does not grow with it: such a caller reads while it sends.
"""

import io
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Literal

import anyio.from_thread
import pyarrow as pa
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

from gis.errors import Refusal, refuse

Kind = Literal["json", "ndjson", "arrow"]
MEDIA_TYPES: dict[Kind, str] = {
    "json": "application/json",
    "ndjson": "application/x-ndjson",
    "arrow": "application/vnd.apache.arrow.stream",
}
NAMES: dict[str, Kind] = {
    **{name: kind for kind, name in MEDIA_TYPES.items()},
    "application/ndjson": "ndjson",
    "application/jsonl": "ndjson",
    "application/x-jsonlines": "ndjson",
}
STREAMED = ("/v1/locate", "/v1/cases/route")
"""The addresses that take streams."""
ROWS = 20_000
"""Rows that are answered at once, at most."""
SHORT = 1_000_000
"""Bodies of so many bytes are answered in one piece."""


def sent_kind(headers: Headers) -> Kind:
    """What the body is said to be: NDJSON, Arrow, or else JSON."""
    return NAMES.get(headers.get("content-type", "").partition(";")[0].strip().lower(), "json")


def wanted_kind(headers: Headers, sent: Kind) -> Kind:
    """The kind that the caller likes best of those that there are; where it names none, that of the body."""
    best, chosen = 0.0, sent
    for part in headers.get("accept", "").lower().split(","):
        name, *parameters = [each.strip() for each in part.split(";")]
        weight = next((each[2:] for each in parameters if each.startswith("q=")), "1")
        try:
            liking = float(weight)
        except ValueError:
            continue
        kind = sent if name in ("*/*", "application/*") else NAMES.get(name)
        if kind is not None and liking > best:
            best, chosen = liking, kind
    return chosen


def is_stream(scope: Scope) -> bool:
    """Whether the body of a request is a stream, to which the limit of bodies does not apply as a whole."""
    return scope["path"] in STREAMED and scope["method"] == "POST" and sent_kind(Headers(scope=scope)) != "json"


Answers = Callable[[Iterator[bytes]], Iterator[bytes]]
"""Makes the parts of an answer from the parts of a body."""


async def flow(request: Request, answers: Answers, kind: Kind, revision: int, whole: int) -> Response:
    """The response with what `answers` makes of the body. Bodies up to `whole` bytes are read before it begins.

    What is refused before the first part of the answer is refused as a whole.
    """
    headers = {"Cache-Control": "no-cache", "Wangge-Revision": str(revision)}
    length = request.headers.get("content-length", "")
    announced = int(length) if length.isdigit() and len(length) < 16 else whole + 1
    parts: Iterator[bytes] = iter((await request.body(),)) if announced <= whole else _received(request)
    made = answers(parts)
    if announced <= SHORT:
        body = await run_in_threadpool(b"".join, made)
        return Response(body, 200, headers, MEDIA_TYPES[kind])
    first = await run_in_threadpool(next, made, b"")
    return _Poured(first, made, headers, MEDIA_TYPES[kind])


class _Poured(Response):
    """A response whose parts are made one by one in a thread, each when the one before was taken."""

    def __init__(self, first: bytes, rest: Iterator[bytes], headers: dict[str, str], media_type: str) -> None:
        self.first, self.rest = first, rest
        self.status_code, self.background, self.body = 200, None, b""
        self.media_type = media_type
        self.init_headers(headers)
        self.raw_headers = [each for each in self.raw_headers if each[0] != b"content-length"]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        part: bytes | None = self.first
        while part is not None:
            await send({"type": "http.response.body", "body": part, "more_body": True})
            try:
                part = await run_in_threadpool(next, self.rest, None)
            except ClientDisconnect:
                return  # nobody is there to be told the rest
        await send({"type": "http.response.body", "body": b""})


def _received(request: Request) -> Iterator[bytes]:
    """The parts of the body as they come; asked for from a thread that the event loop started."""
    while True:
        message: Message = anyio.from_thread.run(_next, request)
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        yield message.get("body", b"")
        if not message.get("more_body"):
            return


async def _next(request: Request) -> Message:
    return await request.receive()


def read_lines(parts: Iterable[bytes], longest: int) -> Iterator[list[bytes | None]]:
    """The lines that are not blank, in batches as they come; None for a line longer than `longest` bytes."""
    rest, skipping = b"", False
    for part in parts:
        *lines, rest = (rest + part).split(b"\n")
        batch: list[bytes | None] = []
        for line in lines:
            if skipping:
                skipping = False
            elif len(line) > longest:
                batch.append(None)
            elif line.strip():
                batch.append(line)
        if len(rest) > longest:
            if not skipping:
                batch.append(None)
            rest, skipping = b"", True
        elif skipping:
            rest = b""
        for start in range(0, len(batch), ROWS):
            yield batch[start : start + ROWS]
    if rest.strip() and not skipping:
        yield [rest]


def read_batches(parts: Iterator[bytes], largest: int) -> Iterator[pa.RecordBatch]:
    """The record batches of an Arrow stream, cut where they are long.

    Errors: Refusal arrow_wrong, body_too_large for a batch of more than `largest` bytes.
    """
    try:
        with pa.ipc.open_stream(pa.PythonFile(_Source(parts, largest), mode="r")) as stream:
            for batch in stream:
                for start in range(0, len(batch), ROWS):
                    yield batch.slice(start, ROWS)
    except (pa.ArrowException, OSError, EOFError) as error:
        raise refuse(
            "arrow_wrong",
            f"The body is no whole Arrow stream: {str(error)[:200]}.",
            f"请求体不是完整的 Arrow 流：{str(error)[:200]}。",
            kind="unreadable",
        ) from None


class _Source(io.RawIOBase):
    """Parts of a body as a file that is read from its beginning to its end."""

    def __init__(self, parts: Iterator[bytes], largest: int) -> None:
        self.parts, self.largest = parts, largest
        self.rest = memoryview(b"")

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes | memoryview:
        if size > self.largest:
            raise too_large(self.largest)
        while len(self.rest) < size or size < 0:
            part = next(self.parts, None)
            if part is None:
                break
            self.rest = memoryview(b"".join((self.rest, part))) if len(self.rest) else memoryview(part)
        size = len(self.rest) if size < 0 else size
        taken, self.rest = self.rest[:size], self.rest[size:]
        return taken


def too_large(bytes_: int) -> Refusal:
    """The refusal of a line or batch that is too large."""
    megabytes = f"{bytes_ / 1e6:g}"
    return refuse(
        "body_too_large",
        f"A line or batch of the stream is larger than {megabytes} MB: send smaller ones.",
        f"数据流中有一行或一批超过 {megabytes} MB：请分成更小的行或批次发送。",
    )


class ArrowWriter:
    """Record batches as the bytes of a stream, taken after each."""

    def __init__(self, schema: pa.Schema) -> None:
        self._sink = io.BytesIO()
        self.schema = schema
        self._writer = pa.ipc.new_stream(self._sink, schema)

    def write(self, columns: list[pa.Array]) -> bytes:
        self._writer.write_batch(pa.RecordBatch.from_arrays(columns, schema=self.schema))
        return self._take()

    def close(self) -> bytes:
        self._writer.close()
        return self._take()

    def _take(self) -> bytes:
        made: Any = self._sink.getvalue()
        self._sink.seek(0)
        self._sink.truncate()
        return bytes(made)
