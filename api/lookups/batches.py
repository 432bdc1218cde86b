"""Short Arrow streams of points, answered without the framework, as `api.lookups.hot` does it for single ones.

What is answered here has the bytes that `POST /v1/locate` gives. Whatever is unusual or wrong is not answered here.
"""

import re
from typing import Any
from urllib.parse import unquote_plus

from starlette.types import Scope

from api.http.wire import MEDIA_TYPES, SHORT
from api.lookups.flows import LocateFlow, written_in_arrow
from api.lookups.plain_places import unit_codes
from api.shelf import Shelf
from cases.desk import Desk
from gis import crs as gis_crs
from gis.errors import Refusal
from gis.store.scope import Scope as Seen

ARROW = MEDIA_TYPES["arrow"].encode()

_QUESTION = re.compile(rb"crs=([A-Za-z0-9:%-]{1,20})").fullmatch


def batch_crs(scope: Scope) -> str | None:
    """The CRS of a short Arrow stream of points that wants nothing but the plain columns in Arrow; else None."""
    asked = _QUESTION(scope["query_string"])
    if asked is None:
        return None
    kind, length = b"", 0
    for name, value in scope["headers"]:
        if name == b"content-type":
            kind = value
        elif name == b"accept" and value not in (b"*/*", ARROW):
            return None
        elif name == b"content-length":
            length = int(value) if value.isdigit() and len(value) < 16 else SHORT + 1
    if kind != ARROW or not 0 < length <= SHORT:
        return None
    name = unquote_plus(asked[1].decode())
    try:
        gis_crs.parse(name)
    except Refusal:
        return None
    return name


def answer_batch(desk: Desk, shelf: Shelf, body: bytes, crs: str, seen: Seen, largest: int) -> Any:
    """The bytes of the answer; None where a row is wrong or the body is, of which the ordinary way tells."""
    # Others are answered meanwhile: several threads for one batch would only stand in the way of theirs.
    flow = LocateFlow(desk, seen, "en", largest, crs=crs, units=unit_codes(shelf, desk.grid), threads=1)
    try:
        made = b"".join(written_in_arrow(flow, flow.columns(flow.points(iter((body,)), "arrow")), flow.schema))
    except Refusal:
        return None
    return None if flow.errors else made
