"""Reports: what became of the inventory in a year."""

import tempfile
from pathlib import Path
from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from api.auth import Viewer
from api.editing.yearly import LEVEL, UNTOUCHED, report_year, write_year
from api.http.bodies import answer
from api.routers.parameters import Lang
from api.schemas.components import YearReport

router = APIRouter(prefix="/v1/reports", tags=["components"])

SHEETS = {
    "csv": "text/csv; charset=utf-8",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}


@router.get(
    "/components",
    response_model=YearReport,
    responses={
        200: {"content": {each: {"schema": {"type": "string", "format": "binary"}} for each in SHEETS.values()}}
    },
    summary="The year of the inventory 部件年度更新",
)
def components_of_year(
    request: Request,
    key: Viewer,
    year: Annotated[int, Query(description="2026")],
    level: Annotated[str, Query(max_length=60, description="The level of divisions to sum by")] = LEVEL,
    untouched: Annotated[int, Query(description="Years without a change")] = UNTOUCHED,
    f: Annotated[Literal["json", "csv", "xlsx"], Query(description="Also a sheet")] = "json",
    lang: Lang = "en",
) -> Response:
    """How many components there are, and were new, changed, moved or retired, by division and class."""
    state = request.app.state
    told = report_year(state.store, state.worlds, year, level, untouched, state.settings.zone, key.scope)
    if f == "json":
        return answer(told, told["revision"])
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"components-{year}.{f}"
        write_year(path, told, lang)
        content = path.read_bytes()
    shown = {"Content-Disposition": f'attachment; filename="{path.name}"', "Wangge-Revision": str(told["revision"])}
    return Response(content, 200, {"Cache-Control": "no-cache", **shown}, SHEETS[f])
