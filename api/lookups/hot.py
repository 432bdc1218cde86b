"""The questions that are asked for every case and every click, answered without the framework around them.

`GET /v1/locate` of one point, `POST /v1/locate` of a short Arrow stream of them (see `api.lookups.batches`) and
`POST /v1/cases/route` of one case are answered here when everything about them is ordinary: known parameters, a caller
who was let in a moment ago, the revision in force. Whatever is not goes on to the routes of the application, which also
describe them and refuse what is wrong: every answer here is one that they give. Nothing here waits for the store.
"""

import asyncio
import logging
import os
import re
from collections.abc import Hashable, Sequence, Set
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import unquote_plus

import orjson
from fastapi import Request
from starlette.concurrency import run_in_threadpool
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.auth import FORWARDED, Doorkeeper, authorize
from api.lookups.batches import answer_batch, batch_crs
from api.lookups.points import read_point
from api.lookups.spots import Spots
from api.watch import Watch
from cases.reports import WORST_ACCURACY_M, Case, Defaults, from_record
from gis import crs as gis_crs
from gis.errors import Refusal
from gis.store.scope import Scope as Seen

LOG = logging.getLogger("wangge.hot")
LOCATE, ROUTE = "/v1/locate", "/v1/cases/route"
ONE = b"/v1/locate?"

_NUMBER = re.compile(rb"-?[0-9]{1,15}(?:\.[0-9]{1,20})?").fullmatch
_USUAL = re.compile(
    rb"lon=(-?[0-9]{1,15}(?:\.[0-9]{1,20})?)&lat=(-?[0-9]{1,15}(?:\.[0-9]{1,20})?)&crs=([A-Za-z0-9:%-]{1,20})"
).fullmatch
_SYSTEM = re.compile(rb"(?:EPSG(?::|%3[aA]))?[0-9]{4,6}|CRS84|GCJ-?02|BD-?09").fullmatch
# What a caller is let in by, and what makes a request one for the ordinary way.
_MARKS = frozenset({b"host", b"authorization", b"x-api-key"})
_STRANGE = frozenset({b"origin", b"transfer-encoding", *(name.encode() for name in FORWARDED)})
_STRANGE_IN_GET = _STRANGE | {b"content-length"}
_PLAIN_JSON = frozenset({b"application/json", b"application/json; charset=utf-8"})
LONGEST_CASE = 64_000
"""Bodies longer than this are no single cases."""

Header = tuple[bytes, bytes]
Question = tuple[float, float, float | None]


class Hot:
    """Stands before the application `app`; needs a running watch to answer anything."""

    def __init__(self, app: ASGIApp, state: Any, watch: Watch, defaults: Defaults) -> None:
        self.app = app
        self.state = state
        self.watch = watch
        self.defaults = defaults
        self._threads = ThreadPoolExecutor(os.cpu_count(), "batches")
        self._renewals: set[asyncio.Task[None]] = set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        spots = self.watch.current()
        body = None
        if spots is not None and scope["type"] == "http":
            path = scope["path"]
            if path == LOCATE and scope["method"] == "GET":
                body = self._locate_one(spots, scope["query_string"], scope["headers"], scope["client"])
            elif path == LOCATE and scope["method"] == "POST" and (crs := batch_crs(scope)) is not None:
                body, receive = await self._locate_batch(spots, crs, scope, receive)
            elif path == ROUTE and scope["method"] == "POST" and not scope["query_string"] and is_short_json(scope):
                body, receive = await self._route(spots, scope, receive)
        if spots is None or body is None:
            return await self.app(scope, receive, send)
        shared = spots.arrow_headers if scope["method"] == "POST" and path == LOCATE else spots.headers
        headers = [*shared, (b"content-length", b"%d" % len(body))]
        if not self.watch.worlds.store_is_up:
            headers.append((b"wangge-store", b"down"))
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        return await send({"type": "http.response.body", "body": body})

    def answer_at_once(
        self, url: bytes, headers: Sequence[Header], client: tuple[str, int] | None
    ) -> tuple[bytes, bytes] | None:
        """The fields and the body of the answer to a GET, None where the application must be asked as usual."""
        spots = self.watch.current() if url.startswith(ONE) else None
        if spots is None:
            return None
        body = self._locate_one(spots, url[len(ONE) :], headers, client)
        if body is None:
            return None
        return spots.fields if self.watch.worlds.store_is_up else spots.fields + b"wangge-store: down\r\n", body

    def _locate_one(
        self, spots: Spots, query: bytes, headers: Sequence[Header], client: tuple[str, int] | None
    ) -> bytes | None:
        question = read_question(query)
        seen = None if question is None else self._let_in(headers, client, _STRANGE_IN_GET)
        return None if question is None or seen is None else spots.answer(*question, seen)

    async def _route(self, spots: Spots, scope: Scope, receive: Receive) -> tuple[bytes | None, Receive]:
        """The answer, None where the ordinary way must be taken, and what that then receives: the same body again."""
        seen = self._let_in(scope["headers"], scope["client"], _STRANGE)
        if seen is None:
            return None, receive
        sent, receive_again = await read_whole(receive)
        return self._routing(spots, sent, seen), receive_again

    async def _locate_batch(
        self, spots: Spots, crs: str, scope: Scope, receive: Receive
    ) -> tuple[bytes | None, Receive]:
        """As `_route`, of a short Arrow stream of points; in a thread, for it takes its time."""
        seen = self._let_in(scope["headers"], scope["client"], _STRANGE)
        if seen is None:
            return None, receive
        sent, receive_again = await read_whole(receive)
        largest = int(self.state.settings.max_body_mb * 1e6)
        made = asyncio.get_running_loop().run_in_executor(
            self._threads, answer_batch, spots.desk, self.state.shelf, sent, crs, seen, largest
        )
        return await made, receive_again

    def _routing(self, spots: Spots, body: bytes, seen: Seen) -> bytes | None:
        try:
            sent = orjson.loads(body)
        except orjson.JSONDecodeError:
            return None
        if type(sent) is not dict or b"\\u0000" in body:
            return None
        case = from_record(sent, spots.desk.defaults(self.defaults), strict=True)
        if not isinstance(case, Case):
            return None
        return orjson.dumps(spots.route(case, seen).to_dict(case), option=orjson.OPT_NON_STR_KEYS)

    def _let_in(self, headers: Sequence[Header], client: tuple[str, int] | None, strange: Set[bytes]) -> Seen | None:
        """What the caller may see; None for whom the ordinary way must look at. Who is new is looked up meanwhile."""
        mark = read_mark(headers, client, strange)
        if mark is None:
            return None
        door: Doorkeeper = self.state.door
        seen, renew = door.know(mark, self.watch.worlds.store_is_up)
        if renew:
            renewal = asyncio.create_task(self._renew(door, mark, list(headers), client))
            self._renewals.add(renewal)
            renewal.add_done_callback(self._renewals.discard)
        return seen

    async def _renew(
        self, door: Doorkeeper, mark: Hashable, headers: list[Header], client: tuple[str, int] | None
    ) -> None:
        # Of the application `authorize` asks the state alone, and what a mark is made of is all that it looks at.
        about = {"type": "http", "method": "GET", "path": LOCATE, "query_string": b"", "headers": headers}
        request = Request({**about, "client": client, "app": self})
        try:
            door.remember(mark, await run_in_threadpool(authorize, request, "viewer"))
        except Refusal:
            door.forget(mark)
        except Exception:  # nobody waits for a renewal; the ordinary way will meet the same and tell
            LOG.exception("a caller could not be looked up")
            door.forget(mark)


async def read_whole(receive: Receive) -> tuple[bytes, Receive]:
    """A body, and what receives it once more."""
    messages = [await receive()]
    while messages[-1].get("more_body"):
        messages.append(await receive())
    waiting = iter(messages)

    async def receive_again() -> Message:
        return next(waiting, None) or await receive()

    return b"".join([each.get("body", b"") for each in messages]), receive_again


def read_mark(headers: Sequence[Header], client: tuple[str, int] | None, strange: Set[bytes]) -> Hashable | None:
    """All that decides who calls and what they may do; None where the ordinary way should look at the request."""
    if client is None:
        return None
    mark: list[Any] = [client[0]]
    for header in headers:
        name = header[0]
        if name in _MARKS:
            mark.append(tuple(header))
        elif name in strange:
            return None
    return tuple(mark) if len(mark) > 1 else None  # without a Host nothing says whether it is this machine


def read_question(query: bytes) -> Question | None:
    """x, y in degrees of EPSG:4490 and the accuracy of a plain question for one point; None for any other."""
    if usual := _USUAL(query):
        lon, lat, system = usual.groups()
        x, y = float(lon), float(lat)
        if system in _IN_STORE:
            return (x, y, None) if -180.0 <= x <= 180.0 and -90.0 <= y < 73.0 else None
        place = _place(x, y, system)
        return None if place is None else (*place, None)
    given: dict[bytes, bytes] = {}
    for part in query.split(b"&"):
        name, _, value = part.partition(b"=")
        if name in given:
            return None
        given[name] = value
    lon, lat, system = given.pop(b"lon", b""), given.pop(b"lat", b""), given.pop(b"crs", b"")
    accuracy = given.pop(b"accuracy_m", None)
    if given or not (_NUMBER(lon) and _NUMBER(lat)):
        return None
    metres = None
    if accuracy is not None and (not _NUMBER(accuracy) or not 0 < (metres := float(accuracy)) <= WORST_ACCURACY_M):
        return None
    place = _place(float(lon), float(lat), system)
    return None if place is None else (*place, metres)


_IN_STORE: set[bytes] = {b"CRS84"}


def _place(x: float, y: float, system: bytes) -> tuple[float, float] | None:
    if system in _IN_STORE:
        # Beyond these the coordinates may be swapped or impossible.
        return (x, y) if -180.0 <= x <= 180.0 and -90.0 <= y < 73.0 else None
    if not _SYSTEM(system):
        return None
    name = unquote_plus(system.decode())
    try:
        if gis_crs.parse(name).is_store:
            _IN_STORE.add(system)
            return _place(x, y, system)
        ((lon, lat),) = read_point(x, y, name).tolist()
    except Refusal:
        return None
    return lon, lat


def is_short_json(scope: Scope) -> bool:
    """Whether the body is said to be JSON and short; the answer is JSON whatever is accepted."""
    length = 0
    for name, value in scope["headers"]:
        if name == b"content-type" and value.lower() not in _PLAIN_JSON:
            return False
        if name == b"accept" and value not in (b"*/*", b"application/json"):
            return False
        if name == b"content-length":
            length = int(value) if value.isdigit() else LONGEST_CASE + 1
    return 0 < length <= LONGEST_CASE
