"""The OpenAPI 3.0 document: self-contained, made from the layers, with the limits that the routes have."""

from collections.abc import Collection, Sequence
from typing import Any

from api.ogc.axes import OFFERED
from api.ogc.features import MEDIA_TYPE as GEOJSON
from api.ogc.parameters import DEFAULT_LIMIT, MOST_LIMIT, MOST_OFFSET, queryable_fields
from api.ogc.schema import MEDIA_TYPE as SCHEMA
from api.ogc.schema import TYPES, field_schema, title_of
from gis.layer import Layer

MEDIA_TYPE = "application/vnd.oai.openapi+json;version=3.0"
VERSION = "1.0.0"

Object = dict[str, Any]


def write_openapi(
    layers: Sequence[Layer], base: str, language: str, without: Collection[str] = (), title: str | None = None
) -> Object:
    """The document of a service at `base` with these layers, `without` some of the parameters."""
    paths: Object = {
        "/": _get("landingPage", "Landing page", [], {"application/json": {"type": "object"}}),
        "/conformance": _get("conformance", "Conformance classes", [], {"application/json": {"type": "object"}}),
        "/openapi": _get("openapi", "This document", [], {MEDIA_TYPE: {"type": "object"}}),
        "/collections": _get("collections", "Collections", [], {"application/json": {"type": "object"}}),
    }
    for layer in layers:
        paths |= _paths_of(layer, language, without)
    return {
        "openapi": "3.0.3",
        "info": {
            "title": title or ("网格 OGC API" if language == "zh" else "Wangge OGC API"),
            "description": "单元网格、责任片区与部件" if language == "zh" else "Unit grids, areas and components",
            "version": VERSION,
        },
        "servers": [{"url": base}],
        "paths": paths,
        "components": {"parameters": _parameters(), "responses": _responses(), "schemas": _schemas()},
    }


def _paths_of(layer: Layer, language: str, without: Collection[str]) -> Object:
    root, name, title = f"/collections/{layer.id}", layer.id, title_of(layer, language)
    by_field = [
        {"name": field.name, "in": "query", "required": False, "style": "form", "explode": False,
         "description": field.zh if language == "zh" else field.en,
         "schema": {"type": TYPES[field.type]["type"]}}
        for field in queryable_fields(layer)
    ]  # fmt: skip
    of_one = [_parameter(each) for each in ("crs", "datetime", "as_of", "draft") if each not in without]
    of_items = [
        *(_parameter(each) for each in ("bbox", "bbox-crs")),
        *of_one,
        *(_parameter(each) for each in ("limit", "offset", "cursor")),
    ]
    feature_id = {"name": "featureId", "in": "path", "required": True, "schema": {"type": "string"}}
    one: Object = {"$ref": "#/components/schemas/feature"}
    item = _get(
        f"{name}.item",
        title,
        [feature_id, *of_one],
        {GEOJSON: one},
        missing=True,
    )
    item["get"]["responses"]["304"] = {"description": "Not modified"}
    item["get"]["responses"]["410"] = {"$ref": "#/components/responses/problem"}
    return {
        root: _get(f"{name}.collection", title, [], {"application/json": {"type": "object"}}, missing=True),
        f"{root}/items": _get(
            f"{name}.items",
            title,
            [*of_items, *by_field],
            {GEOJSON: {"$ref": "#/components/schemas/features"}},
            missing=True,
        ),
        f"{root}/items/{{featureId}}": item,
        f"{root}/queryables": _get(
            f"{name}.queryables", title, [], {SCHEMA: _object_of(layer, language)}, missing=True
        ),
        f"{root}/schema": _get(f"{name}.schema", title, [], {SCHEMA: {"type": "object"}}, missing=True),
    }


def _object_of(layer: Layer, language: str) -> Object:
    """The queryables themselves, for whoever reads this document alone."""
    fields = {field.name: field_schema(field, language) for field in queryable_fields(layer)}
    return {"type": "object", "example": {"type": "object", "properties": fields}}


def _get(operation: str, summary: str, parameters: list[Object], content: Object, missing: bool = False) -> Object:
    shown = {media: {"schema": schema} for media, schema in content.items()}
    responses: Object = {
        "200": {"description": summary, "content": {**shown, "text/html": {"schema": {"type": "string"}}}},
        "400": {"$ref": "#/components/responses/problem"},
        **({"404": {"$ref": "#/components/responses/problem"}} if missing else {}),
        "500": {"$ref": "#/components/responses/problem"},
    }
    return {
        "get": {
            "operationId": operation,
            "summary": summary,
            "parameters": [*parameters, _parameter("f"), _parameter("lang"), _parameter("key")],
            "responses": responses,
        }
    }


def _parameter(name: str) -> Object:
    return {"$ref": f"#/components/parameters/{name}"}


def _parameters() -> Object:
    numbers = {"type": "number"}
    box = {"oneOf": [{"minItems": 4, "maxItems": 4}, {"minItems": 6, "maxItems": 6}]}
    text = {"type": "string"}
    crs = {"type": "string", "format": "uri", "enum": list(OFFERED), "default": OFFERED[0]}
    schemas: dict[str, tuple[Object, str]] = {
        "f": ({"type": "string", "enum": ["json", "html"]}, "Format of the answer"),
        "lang": ({"type": "string", "enum": ["zh", "en"]}, "Language of the answer"),
        "key": (text, "Key of the caller, with the rights of a viewer; a header is better where one can be sent"),
        "limit": (
            {"type": "integer", "minimum": 1, "maximum": MOST_LIMIT, "default": DEFAULT_LIMIT},
            "Features of a page",
        ),
        "offset": (
            {"type": "integer", "minimum": 0, "maximum": MOST_OFFSET, "default": 0},
            "Features to pass over; the link 'next' of a page is quicker",
        ),
        "cursor": (text, "Where the next page begins; as the link 'next' has it"),
        "bbox": ({"type": "array", "items": numbers, **box}, "Features that meet this box"),
        "bbox-crs": (crs, "CRS of bbox, with the axis order of its authority"),
        "crs": (crs, "CRS of the geometry, with the axis order of its authority"),
        "draft": (text, "As this draft would have it; not with datetime or as_of"),
        "as_of": (text, "The state at this revision's number or time; not with datetime"),
        "datetime": (text, "The state at this time, or at the end of this interval"),
    }
    described = {
        name: {"name": name, "in": "query", "required": False, "description": description, "schema": schema}
        for name, (schema, description) in schemas.items()
    }
    for name in ("bbox", "limit", "datetime"):
        described[name] |= {"style": "form", "explode": False}
    return described


def _responses() -> Object:
    schema = {"$ref": "#/components/schemas/problem"}
    return {
        "problem": {"description": "A problem (RFC 9457)", "content": {"application/problem+json": {"schema": schema}}}
    }


def _schemas() -> Object:
    text = {"type": "string"}
    link = {
        "type": "object",
        "required": ["href", "rel"],
        "properties": dict.fromkeys(("href", "rel", "type", "title"), text),
    }
    links = {"type": "array", "items": {"$ref": "#/components/schemas/link"}}
    geometry = {"type": "object", "nullable": True, "required": ["type"], "properties": {"type": text}}
    feature = {
        "type": "object",
        "required": ["type", "geometry", "properties"],
        "properties": {
            "type": {"type": "string", "enum": ["Feature"]},
            "id": text,
            "geometry": geometry,
            "properties": {"type": "object", "nullable": True},
            "links": links,
        },
    }
    counted = {"type": "integer", "minimum": 0}
    features = {
        "type": "object",
        "required": ["type", "features"],
        "properties": {
            "type": {"type": "string", "enum": ["FeatureCollection"]},
            "features": {"type": "array", "items": {"$ref": "#/components/schemas/feature"}},
            "links": links,
            "timeStamp": {"type": "string", "format": "date-time"},
            "numberMatched": counted,
            "numberReturned": counted,
        },
    }
    problem = {
        "type": "object",
        "required": ["type", "title", "status", "code"],
        "properties": {
            **dict.fromkeys(("type", "title", "detail", "detail_zh", "code"), text),
            "status": {"type": "integer"},
        },
    }
    return {"link": link, "feature": feature, "features": features, "problem": problem}
