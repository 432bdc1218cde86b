"""Where is this: one point or many."""

from collections.abc import Iterator
from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from api.auth import Viewer
from api.http.bodies import answer, parse_json, read_body, told
from api.http.openapi import body_of
from api.http.wire import MEDIA_TYPES, Kind, sent_kind, wanted_kind
from api.http.wire import flow as answer_flow
from api.keys import Key
from api.lookups.answers import locate_answers
from api.lookups.flows import LocateFlow, written, written_in_arrow
from api.lookups.plain_places import unit_codes
from api.lookups.points import Points, read_crs, read_point, read_points
from api.routers.parameters import AsOf, DraftId, Lang, desk_of, shelf_of
from api.schemas.answers import LocateAnswer, LocateManyAnswer, LocateQuestion
from api.settings import Settings
from cases.desk import Desk
from cases.reports import WORST_ACCURACY_M

router = APIRouter(prefix="/v1", tags=["lookups"])

Names = Annotated[bool, Query(description="Also the place in words, by the layers of names")]
Coordinate = Query(allow_inf_nan=False, description="x (lon, easting) or y (lat, northing) of the CRS")


@router.get("/locate", response_model=LocateAnswer, summary="Locate one point 单点定位")
def locate_one(
    request: Request,
    key: Viewer,
    lon: Annotated[float, Coordinate],
    lat: Annotated[float, Coordinate],
    crs: Annotated[str | None, Query(description="Required: CRS84, EPSG:4547, GCJ-02, BD-09 …")] = None,
    accuracy_m: Annotated[
        float | None, Query(gt=0, le=WORST_ACCURACY_M, allow_inf_nan=False, description="Position error in metres")
    ] = None,
    names: Names = False,
    as_of: AsOf = None,
    draft: DraftId = None,
) -> Response:
    """The unit, the divisions and the areas that hold a point; with `names` also the place in words."""
    desk = desk_of(request, key, as_of, draft)
    lonlat = read_point(lon, lat, crs, request.app.state.systems)
    (place,) = locate_answers(desk, lonlat, [accuracy_m], key.scope)
    (words,) = request.app.state.toponymy.words(desk.revision, lonlat, key.scope) if names else (None,)
    named = {} if words is None else {"place": words.as_dict()}
    return answer({**place, **named, "revision": desk.revision}, desk.revision)


@router.post(
    "/locate",
    response_model=LocateManyAnswer,
    summary="Locate many points 批量定位",
    openapi_extra=body_of(LocateQuestion, streams=True),
)
async def locate_many(
    request: Request,
    key: Viewer,
    lang: Lang = "en",
    crs: Annotated[str | None, Query(max_length=4000, description="Of a stream, which needs it")] = None,
    accuracy_m: Annotated[
        float | None,
        Query(gt=0, le=WORST_ACCURACY_M, allow_inf_nan=False, description="Of the points of a stream that state none"),
    ] = None,
    as_of: AsOf = None,
    names: Names = False,
    columns: Annotated[
        Literal["plain", "all"], Query(description="Of Arrow: with divisions and areas, or not")
    ] = "plain",
    draft: DraftId = None,
) -> Response:
    """The same for many points, in their order. A point that is none gets `{"i", "error"}` in its place.

    With `names` each has its place in words, where something named is near; not in Arrow. JSON, or a stream (NDJSON,
    Arrow) of any length: then `crs`, `accuracy_m` and `as_of` stand in the address, all is answered of one revision,
    and the last line is `{"end": true, "rows", "errors", "revision"}`.
    """
    sent = sent_kind(request.headers)
    wanted = wanted_kind(request.headers, sent)
    if sent == "json":
        body = await read_body(request)
        return await run_in_threadpool(_locate_document, request, key, lang, body, wanted, columns, draft, names)

    def begin() -> LocateFlow:
        flow = _flow(request, key, desk_of(request, key, as_of, draft), lang, columns, names)
        flow.crs, flow.accuracy_m = read_crs(crs, request.app.state.systems), accuracy_m
        return flow

    flow = await run_in_threadpool(begin)
    revision = flow.desk.revision
    return await answer_flow(
        request, lambda parts: _answers(flow, flow.points(parts, sent), wanted), wanted, revision, flow.largest
    )


def _locate_document(
    request: Request, key: Key, lang: str, body: bytes, wanted: Kind, columns: str, draft: str | None, names: bool
) -> Response:
    question = parse_json(body)
    points = read_points(question, request.app.state.settings.max_points, request.app.state.systems)
    moment = question.get("as_of")
    desk = desk_of(request, key, None if moment is None else str(moment), draft)
    flow = _flow(request, key, desk, lang, columns, names)
    made = b"".join(_answers(flow, iter([points]), wanted))
    return told(made, desk.revision, MEDIA_TYPES[wanted])


def _flow(request: Request, key: Key, desk: Desk, lang: str, columns: str, names: bool) -> LocateFlow:
    settings: Settings = request.app.state.settings
    units = unit_codes(shelf_of(request), desk.grid)
    flow = LocateFlow(desk, key.scope, lang, int(settings.max_body_mb * 1e6), everything=columns == "all", units=units)
    if names:
        flow.words = lambda lonlat: request.app.state.toponymy.words(desk.revision, lonlat, key.scope)
    return flow


def _answers(flow: LocateFlow, points: Iterator[Points], wanted: Kind) -> Iterator[bytes]:
    if wanted == "arrow":
        return written_in_arrow(flow, flow.columns(points), flow.schema)
    opening = b'{"revision":%d,"results":[' % flow.desk.revision
    return written(flow, flow.elements(points), wanted, opening, b"]}")
