"""Seams as a layer for maps: where returned cases gather along the edges of areas."""

import tempfile
from pathlib import Path
from typing import Annotated, Literal

import orjson
import shapely
from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from api.auth import Viewer
from api.editing.seams import find_burdens, names_of, row_of, to_table
from api.http.bodies import answer
from api.lookups.moments import read_time
from api.routers.reports import SHEETS
from api.schemas.outcomes import SeamCollection
from cases.measured import Asked
from cases.seams import REACH_M
from gis.formats import write
from gis.store.engine import Store
from gis.tables import Table

router = APIRouter(prefix="/v1", tags=["cases"])


@router.get(
    "/seams",
    response_model=SeamCollection,
    responses={
        200: {"content": {each: {"schema": {"type": "string", "format": "binary"}} for each in SHEETS.values()}}
    },
    summary="Where cases are returned 推诿热点边界",
)
def seams(
    request: Request,
    key: Viewer,
    since: Annotated[str | None, Query(max_length=60, description="Only cases reported since")] = None,
    until: Annotated[str | None, Query(max_length=60, description="Only cases reported before")] = None,
    class_code: Annotated[str | None, Query(max_length=60)] = None,
    source: Annotated[str | None, Query(max_length=200)] = None,
    area_layer: Annotated[str | None, Query(max_length=200, description="Only seams of this layer")] = None,
    reach_m: Annotated[float, Query(gt=0, le=1000, description="Metres within which a case lies at a seam")] = REACH_M,
    format: Annotated[Literal["geojson", "csv", "xlsx"], Query(description="A map or a sheet")] = "geojson",
) -> Response:
    """GeoJSON of the edges that areas of different departments share, with the returned cases along them by class."""
    store: Store = request.app.state.store
    zone = request.app.state.settings.zone
    begin, end = (None if text is None else read_time(text, zone) for text in (since, until))
    asked = Asked(begin, end, source, key.prefix, class_code)
    found, returned = find_burdens(store, asked, area_layer, reach_m, key.scope)
    names = names_of(store, key.scope)
    if format != "geojson":
        return _sheet(to_table(found, *names), format)
    features = [
        {
            "type": "Feature",
            "geometry": orjson.loads(shapely.to_geojson(each.seam.line)),
            "properties": row_of(each, *names),
        }
        for each in found
    ]
    return answer({"type": "FeatureCollection", "returned": returned, "features": features})


def _sheet(table: Table, format: str) -> Response:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"seams.{format}"
        write(path, table, encoding="utf-8-sig" if format == "csv" else None)
        content = path.read_bytes()
    shown = {"Content-Disposition": f'attachment; filename="{path.name}"', "Cache-Control": "no-cache"}
    return Response(content, 200, shown, SHEETS[format])
