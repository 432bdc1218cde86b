"""Where is this: one point or many."""

from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from api.answers import locate_answers
from api.auth import Viewer
from api.bodies import Body, answer, parse_json
from api.openapi import body_of
from api.points import read_point, read_points
from api.problems import problem
from api.routers.parameters import AsOf, Lang, desk_at
from api.schemas import LocateAnswer, LocateManyAnswer, LocateQuestion
from cases.reports import WORST_ACCURACY_M
from gis.errors import Refusal

router = APIRouter(prefix="/v1", tags=["lookups"])

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
    as_of: AsOf = None,
) -> Response:
    """The unit, the divisions and the areas that hold a point."""
    desk = desk_at(request, as_of)
    (place,) = locate_answers(desk, read_point(lon, lat, crs), [accuracy_m], key.scope)
    return answer({**place, "revision": desk.revision}, desk.revision)


@router.post(
    "/locate",
    response_model=LocateManyAnswer,
    summary="Locate many points 批量定位",
    openapi_extra=body_of(LocateQuestion),
)
def locate_many(request: Request, key: Viewer, body: Body, lang: Lang = "en") -> Response:
    """The same for many points, in their order. A point that is none gets `{"i", "error"}` in its place."""
    question = parse_json(body)
    points = read_points(question, request.app.state.settings.max_points)
    moment = question.get("as_of")
    desk = desk_at(request, None if moment is None else str(moment))
    good = [index for index in range(len(points.lonlat)) if index not in points.faults]
    places = locate_answers(desk, points.lonlat[good], [points.accuracy_m[index] for index in good], key.scope)
    results = [
        {"i": index, "error": problem(Refusal(points.faults[index]), lang)} if index in points.faults else None
        for index in range(len(points.lonlat))
    ]
    for index, place in zip(good, places, strict=True):
        results[index] = place
    return answer({"revision": desk.revision, "results": results}, desk.revision)
