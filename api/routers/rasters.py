"""Rasters: which there are, and what they say at points."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from api.auth import Viewer
from api.http.bodies import Body, answer, parse_json
from api.http.openapi import body_of
from api.http.problems import problem
from api.keys import Key
from api.lookups.points import Points, read_point, read_points
from api.rasters.keeping import Files
from api.rasters.records import Raster, find_raster, list_rasters
from api.rasters.shapes import RasterItem, RasterList, RasterPoints, RasterValue, RasterValues
from api.routers.parameters import Lang
from gis.errors import Refusal
from gis.rasters.values import Values, values_at
from gis.store.engine import reading

router = APIRouter(prefix="/v1/rasters", tags=["rasters"])

Coordinate = Query(allow_inf_nan=False, description="x (lon, easting) or y (lat, northing) of the CRS")


@router.get("", response_model=RasterList, summary="The rasters 栅格列表")
def rasters(request: Request, key: Viewer) -> Response:
    """Every raster that the caller may read, by name."""
    with reading(request.app.state.store.world) as connection:
        found = list_rasters(connection, key.scope)
    return answer({"items": [each.as_dict(request.app.state.systems.find) for each in found]})


@router.get("/{name}", response_model=RasterItem, summary="One raster 栅格元数据")
def one_raster(request: Request, key: Viewer, name: str) -> Response:
    """Where it lies, its bands and pixels, and where it came from."""
    return answer(_raster(request, key, name).as_dict(request.app.state.systems.find))


@router.get("/{name}/value", response_model=RasterValue, summary="Its value at a point 点位取值")
def value(
    request: Request,
    key: Viewer,
    name: str,
    lon: Annotated[float, Coordinate],
    lat: Annotated[float, Coordinate],
    crs: Annotated[str | None, Query(description="Required: CRS84, EPSG:4547, GCJ-02, BD-09 …")] = None,
) -> Response:
    """The values of the pixel that holds the point, a band each: null where there is none, and `outside` beyond it."""
    raster = _raster(request, key, name)
    systems = request.app.state.systems
    lonlat = read_point(lon, lat, crs, systems)
    found = values_at(_files(request).path(raster), raster.describe(systems.find), lonlat)
    return answer({"raster": raster.name, **_told(found, 0)})


@router.post(
    "/{name}/value",
    response_model=RasterValues,
    summary="Its values at many points 批量取值",
    openapi_extra=body_of(RasterPoints),
)
def values(request: Request, key: Viewer, name: str, body: Body, lang: Lang = "en") -> Response:
    """The same for many points, in their order. A point that is none gets `{"i", "error"}` in its place."""
    raster = _raster(request, key, name)
    systems = request.app.state.systems
    points = read_points(parse_json(body), request.app.state.settings.max_points, systems)
    found = values_at(_files(request).path(raster), raster.describe(systems.find), points.lonlat)
    results = [_result(points, found, index, lang) for index in range(len(points.lonlat))]
    return answer({"raster": raster.name, "results": results})


def _raster(request: Request, key: Key, name: str) -> Raster:
    with reading(request.app.state.store.world) as connection:
        return find_raster(connection, name, key.scope)


def _files(request: Request) -> Files:
    files: Files = request.app.state.rasters
    return files


def _told(found: Values, index: int) -> dict[str, Any]:
    return {"values": found.of(index), "outside": bool(found.outside[index])}


def _result(points: Points, found: Values, index: int, lang: str) -> dict[str, Any]:
    fault = points.faults.get(index)
    return _told(found, index) if fault is None else {"i": index, "error": problem(Refusal(fault), lang)}
