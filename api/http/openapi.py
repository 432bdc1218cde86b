"""The OpenAPI document: complete, of this server alone, with one shape for every failure."""

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from api.http.problems import MEDIA_TYPE
from api.http.wire import MEDIA_TYPES
from api.jobs.shapes import CheckQuestion, DensityQuestion, ExportQuestion, ReplayQuestion, ZonalQuestion
from api.rasters.shapes import RasterPoints
from api.schemas import answers as schemas
from api.schemas import components as component_schemas
from api.schemas import drafts as draft_schemas
from api.schemas import outcomes as outcome_schemas
from api.schemas import rulings as ruling_schemas

REF = "#/components/schemas/{model}"
QUESTIONS = (
    schemas.Problem,
    schemas.LocateQuestion,
    schemas.CaseQuestion,
    schemas.CaseReport,
    ExportQuestion,
    CheckQuestion,
    ReplayQuestion,
    ZonalQuestion,
    DensityQuestion,
    RasterPoints,
    *draft_schemas.QUESTIONS,
    *outcome_schemas.QUESTIONS,
    *ruling_schemas.QUESTIONS,
    *component_schemas.QUESTIONS,
)
FAILURE: dict[str, Any] = {
    "description": "What was wrong, in words 错误说明",
    "content": {MEDIA_TYPE: {"schema": {"$ref": REF.format(model="Problem")}}},
}
FAILURES: dict[int | str, dict[str, Any]] = {"4XX": FAILURE, "5XX": FAILURE}
KEYS: dict[str, Any] = {
    "bearer": {"type": "http", "scheme": "bearer"},
    "header": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
    "basic": {"type": "http", "scheme": "basic", "description": "The key as password; any user name"},
}
DESCRIPTION = (
    "Where is this, who is responsible, and why: unit grids, components and routing of cases. "
    "Positions are x before y (lon, lat or easting, northing) and always name their CRS. "
    "Every failure is problem+json with a stable `code`.\n\n"
    "城市管理单元网格、部件与案件派遣接口。坐标一律先 x 后 y（先经度后纬度或先东后北），且必须注明坐标系；"
    "所有错误均为 problem+json，带稳定的 `code`。"
)


def body_of(
    model: type[BaseModel], *others: type[BaseModel], or_many: bool = False, streams: bool = False
) -> dict[str, Any]:
    """The description of a JSON body that the route reads itself, of one model or of `others`; with `streams` also as
    lines or Arrow.
    """
    one, *more = (dict[str, Any]({"$ref": REF.format(model=each.__name__)}) for each in (model, *others))
    more += [{"type": "array", "items": one}] if or_many else []
    schema = {"anyOf": [one, *more]} if more else one
    content: dict[str, Any] = {MEDIA_TYPES["json"]: {"schema": schema}}
    if streams:
        content[MEDIA_TYPES["ndjson"]] = {"schema": {"type": "string"}}
        content[MEDIA_TYPES["arrow"]] = {"schema": {"type": "string", "format": "binary"}}
    return {"requestBody": {"required": True, "content": content}}


def describe(app: FastAPI) -> dict[str, Any]:
    """The document of all routes of `app`."""
    document = get_openapi(
        title=app.title, version=app.version, description=DESCRIPTION, routes=app.routes, tags=app.openapi_tags
    )
    _, definitions = models_json_schema([(model, "validation") for model in QUESTIONS], ref_template=REF)
    components = document.setdefault("components", {})
    components["schemas"] = dict(sorted({**definitions["$defs"], **components.get("schemas", {})}.items()))
    components["securitySchemes"] = KEYS
    document["security"] = [{name: []} for name in KEYS]
    return document
