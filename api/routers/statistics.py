"""Statistics of cases and components, as JSON, as a sheet or as a map."""

import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from api.auth import Viewer, authorize
from api.http.bodies import answer
from api.lookups.moments import read_time
from api.ogc.features import MEDIA_TYPE
from api.routers.parameters import Lang
from api.routers.reports import SHEETS
from api.schemas.statistics import StatisticsAnswer
from api.statistics.answering import answer_statistics
from api.statistics.asking import check, find_set
from api.statistics.sheets import write_sheet
from cases.reports import parse_zone

FILES = {**SHEETS, "geojson": MEDIA_TYPE}
router = APIRouter(prefix="/v1", tags=["cases"])


@router.get(
    "/statistics",
    response_model=StatisticsAnswer,
    responses={200: {"content": {each: {"schema": {"type": "string", "format": "binary"}} for each in FILES.values()}}},
    summary="Statistics and indicators 统计与考核指标",
)
def statistics(
    request: Request,
    key: Viewer,
    what: Annotated[str, Query(max_length=60, description="cases or components")] = "cases",
    by: Annotated[
        str | None, Query(max_length=600, description="Keys, with commas: street,class,area.drainage,department")
    ] = None,
    period: Annotated[str | None, Query(max_length=60, description="day, week, month, quarter or year")] = None,
    since: Annotated[str | None, Query(alias="from", max_length=60, description="Cases reported since")] = None,
    until: Annotated[str | None, Query(alias="to", max_length=60, description="Cases reported before")] = None,
    boundaries: Annotated[str | None, Query(max_length=60, description="then, now, or a revision or time")] = None,
    departments: Annotated[
        str | None, Query(max_length=60, description="then, or now: as those that took the place of what ended")
    ] = None,
    edition: Annotated[str | None, Query(max_length=60, description="Tell classes as those of 2026 or 2013")] = None,
    owner: Annotated[str, Query(max_length=60, description="Only what lies in this division")] = "",
    source: Annotated[str | None, Query(max_length=200, description="Only cases of this source")] = None,
    class_code: Annotated[str | None, Query(max_length=60, description="Only cases of this class, as reported")] = None,
    indicators: Annotated[str | None, Query(max_length=60, description="A set of indicators: cjt292")] = None,
    view: Annotated[str | None, Query(max_length=60, description="region, department or post")] = None,
    format: Annotated[Literal["json", "csv", "xlsx", "geojson"], Query(description="A sheet or a map")] = "json",
    lang: Lang = "en",
) -> Response:
    """Cases received, routed, returned, or components, summed by divisions, areas, departments, classes and periods."""
    state = request.app.state
    settings = state.settings
    if owner:
        authorize(request, "viewer", owner)
    asked = check(what, by, period, boundaries, edition, find_set(indicators, settings.indicators), view, departments)
    begin, end = (None if text is None else read_time(text, settings.zone) for text in (since, until))
    asked = replace(asked, since=begin, until=end, owner=owner, source=source, class_code=class_code)
    told = answer_statistics(state.store, state.worlds, asked, parse_zone(settings.zone), key.scope, key.prefix)
    if format == "json":
        return answer(told.as_dict(), told.revision)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"statistics-{asked.what}.{format}"
        write_sheet(path, told, lang, state.store)
        content = path.read_bytes()
    shown = {"Content-Disposition": f'attachment; filename="{path.name}"', "Wangge-Revision": str(told.revision)}
    return Response(content, 200, {"Cache-Control": "no-cache", **shown}, FILES[format])
