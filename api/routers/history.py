"""History: one revision, the feed of changes, the difference of two revisions, the crosswalk of codes."""

from collections.abc import Iterator
from itertools import islice
from typing import Annotated, Any, Literal

import orjson
from fastapi import APIRouter, Query, Request
from sqlalchemy import Connection
from starlette.responses import Response, StreamingResponse

from api.auth import Viewer
from api.editing.told import CSV, crosswalk_lines, told_change, told_difference
from api.http.bodies import answer
from api.http.problems import language_of, problem
from api.http.wire import MEDIA_TYPES, wanted_kind
from api.keys import Key
from api.layers import revisioned_layers
from api.routers.layers import told_revision
from api.routers.parameters import Limit, number_at
from api.schemas.answers import RevisionItem
from api.schemas.history import ChangeList, Crosswalk, DifferenceList
from api.shelf import Shelf
from components.places import component_points
from gis.errors import Refusal
from gis.store.engine import Store, reading
from gis.store.revisions import head, list_revisions, revision_at
from grids.crosswalk import Crosswalk as Walk
from grids.crosswalk import crosswalk as make_crosswalk
from grids.history import Entry, Place, changes, differences, read_place

router = APIRouter(prefix="/v1", tags=["history"])

InLayer = Annotated[
    str | None, Query(alias="layer", max_length=120, description="Only this layer: units, areas.NAME, rules …")
]
STREAMED = 500
"""Changes that are written at once into a stream."""


@router.get("/revisions/{number}", response_model=RevisionItem, summary="One revision 一个数据版本")
def one_revision(request: Request, key: Viewer, number: int) -> Response:
    """Who published it, when, since when it holds, why, and how much it changed."""
    with reading(request.app.state.store.world) as connection:
        revision_at(connection, number)
        (found,) = list_revisions(connection, number - 1, 1)
    return answer(told_revision(found), number)


@router.get(
    "/changes",
    response_model=ChangeList,
    responses={200: {"content": {MEDIA_TYPES["ndjson"]: {"schema": {"type": "string"}}}}},
    summary="What changed since 增量变更",
)
def list_changes(
    request: Request,
    key: Viewer,
    since: Annotated[str, Query(max_length=200, description="A revision's number, or `next` of the answer before")],
    until: Annotated[int | None, Query(ge=0, le=2**53, description="A revision's number; default: the newest")] = None,
    layer: InLayer = None,
    limit: Annotated[int | None, Query(ge=1, le=1000, description="Most changes in a page; default 1000")] = None,
) -> Response:
    """Every version that began and every tombstone, by revision; nothing is skipped, nothing comes twice.

    A page ends with a whole revision where it can. As NDJSON all pages at once, without a `limit`; the last line is
    `{"end": true, "rows", "next", "revision"}`, and a stream without it was cut off: go on from the last `cursor`.
    """
    store: Store = request.app.state.store
    begin = read_place(since)
    with reading(store.world) as connection:
        newest = head(connection)
        for number in (begin.revision, until):
            if number:
                revision_at(connection, number)
        revisioned_layers(connection, layer, key.scope)
        last = newest if until is None else until
        if wanted_kind(request.headers, "json") != "ndjson":
            content = _page(connection, key, layer, begin, last, limit or 1000)
            return answer({"revision": last, **content}, last)
    lines = _lines(store, key, layer, begin, last, limit, language_of(request.scope))
    headers = {"Cache-Control": "no-cache", "Wangge-Revision": str(last)}
    return StreamingResponse(lines, 200, headers, MEDIA_TYPES["ndjson"])


def _page(connection: Connection, key: Key, layer: str | None, since: Place, until: int, limit: int) -> dict[str, Any]:
    layers = revisioned_layers(connection, layer, key.scope)
    every = changes(connection, layers, key.scope, since, until, min(limit + 1, 1000))
    found, following = whole(list(islice(every, limit + 1)), limit)
    items = [told_change(layers, each) for each in found]
    return {"items": items, "next": str(following or _end(since, until)), "more": following is not None}


def whole(found: list[Entry], limit: int) -> tuple[list[Entry], Place | None]:
    """At most `limit` of the changes found, and where they end when there are more.

    They end with a revision; only of one that is larger than the page a part is taken.
    """
    if len(found) <= limit:
        return found, None
    cut = found[limit].place.revision
    kept = [each for each in found if each.place.revision < cut]
    if kept:
        return kept, Place(cut - 1)
    return found[:limit], found[limit - 1].place


def _end(since: Place, until: int) -> Place:
    """Where all that was asked for ends."""
    return since if since.revision > until else Place(until)


def _lines(
    store: Store, key: Key, layer: str | None, since: Place, until: int, limit: int | None, language: str
) -> Iterator[bytes]:
    """The stream, a page after the other, each in a transaction of its own: versions do not change meanwhile."""
    rows, place, more = 0, since, True
    try:
        while more and (limit is None or rows < limit):
            wanted = STREAMED if limit is None else min(STREAMED, limit - rows)
            with reading(store.world) as connection:
                layers = revisioned_layers(connection, layer, key.scope)
                every = changes(connection, layers, key.scope, place, until, wanted + 1)
                found = list(islice(every, wanted + 1))
            more = len(found) > wanted
            found = found[:wanted]
            rows += len(found)
            place = found[-1].place if more else _end(since, until)
            yield b"".join(orjson.dumps(told_change(layers, each), option=orjson.OPT_APPEND_NEWLINE) for each in found)
        end = {"end": True, "rows": rows, "next": str(place), "revision": until}
        yield orjson.dumps(end, option=orjson.OPT_APPEND_NEWLINE)
    except Refusal as refusal:
        yield orjson.dumps({"end": False, "error": problem(refusal, language)}, option=orjson.OPT_APPEND_NEWLINE)


@router.get("/revisions/{a}/diff/{b}", response_model=DifferenceList, summary="Two revisions compared 版本对比")
def compare_revisions(
    request: Request,
    key: Viewer,
    a: int,
    b: int,
    layer: InLayer = None,
    after: Annotated[str | None, Query(max_length=200, description="`next` of the answer before")] = None,
    limit: Limit = 100,
) -> Response:
    """What is otherwise at revision `b` than at `a`: created, changed (which fields, the shape or not), retired."""
    with reading(request.app.state.store.world) as connection:
        for number in (a, b):
            revision_at(connection, number)
        layers = revisioned_layers(connection, layer, key.scope)
        since = None if after is None else read_place(after)
        found = list(islice(differences(connection, layers, key.scope, a, b, since), limit + 1))
    items = [told_difference(each) for each in found[:limit]]
    following = str(found[limit - 1].place) if len(found) > limit else None
    return answer({"from": a, "to": b, "items": items, "next": following}, b)


@router.get(
    "/crosswalk",
    response_model=Crosswalk,
    responses={200: {"content": {CSV: {"schema": {"type": "string"}}}}},
    summary="Old codes to new codes 编码对照表",
)
def show_crosswalk(
    request: Request,
    key: Viewer,
    old: Annotated[str, Query(alias="from", max_length=60, description="A revision's number, or a time")],
    new: Annotated[str, Query(alias="to", max_length=60, description="A revision's number, or a time")],
    level: Annotated[str, Query(max_length=60, description="unit, or a level of the code profile")] = "unit",
    changed: Annotated[bool, Query(description="Only codes that did not stay what they were")] = False,
    f: Annotated[Literal["json", "csv"], Query(description="Also by Accept: text/csv")] = "json",
) -> Response:
    """Which part of each old code's area and of its components each new code has; 1 where nothing changed."""
    store: Store = request.app.state.store
    a, b = number_at(request, old), number_at(request, new)

    def make() -> Walk:
        with reading(store.world) as connection:
            return make_crosswalk(
                connection, a, b, level, key.scope, lambda box: component_points(connection, a, box, key.scope)
            )

    shelf: Shelf = request.app.state.sources  # which keeps few, for they may be large
    walk = shelf.get(("crosswalk", a, b, level, key.scope), make)
    walk = walk.without_same() if changed else walk
    as_csv = f == "csv" or request.headers.get("accept", "").lower().startswith(CSV)
    headers = {"Cache-Control": "no-cache", "Wangge-Revision": str(b), "Vary": "Accept"}
    kind = f"{CSV}; charset=utf-8" if as_csv else MEDIA_TYPES["json"]
    return StreamingResponse(crosswalk_lines(walk, a, b, level, as_csv), 200, headers, kind)
