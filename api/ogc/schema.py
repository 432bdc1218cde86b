"""What a collection's features look like and what can be asked of them, as JSON Schema, from `Layer`."""

from collections.abc import Iterator
from typing import Any

from api.ogc.parameters import OWNER, has_owner
from gis.layer import Field, Layer

DIALECT = "https://json-schema.org/draft/2020-12/schema"
MEDIA_TYPE = "application/schema+json"

TYPES: dict[str, dict[str, str]] = {
    "text": {"type": "string"},
    "code": {"type": "string"},
    "integer": {"type": "integer"},
    "number": {"type": "number"},
    "date": {"type": "string", "format": "date"},
    "time": {"type": "string", "format": "date-time"},
}
GEOMETRIES = {
    "polygon": "geometry-polygon-or-multipolygon",
    "line": "geometry-linestring-or-multilinestring",
    "point": "geometry-point",
    "mixed": "geometry-any",
}


def features_schema(layer: Layer, base: str, language: str) -> dict[str, Any]:
    """The properties of a feature in the order of the layer; what was delivered beyond the fields may come too."""
    properties: dict[str, Any] = {}
    if layer.geometry != "none":
        properties["geometry"] = {"x-ogc-role": "primary-geometry", "format": GEOMETRIES[layer.geometry]}
    further = ((field, field_schema(field, language)) for field in layer.further)
    for place, (field, described) in enumerate((*_described(layer, language), *further), 1):
        role = {"x-ogc-role": "id"} if field.name == "code" else {}
        properties[field.name] = {**described, **role, "x-ogc-propertySeq": place}
    open_ended = any(field.type == "document" for field in layer.fields)
    return _schema(layer, f"{base}/collections/{layer.id}/schema", language, properties, open_ended)


def queryables_schema(layer: Layer, base: str, language: str) -> dict[str, Any]:
    """The properties that can be given as query parameters of the items."""
    properties = {field.name: described for field, described in _described(layer, language)}
    return _schema(layer, f"{base}/collections/{layer.id}/queryables", language, properties, open_ended=False)


def title_of(layer: Layer, language: str) -> str:
    """The layer's title in a language."""
    return layer.zh if language == "zh" else layer.en


def field_schema(field: Field, language: str) -> dict[str, Any]:
    """The schema of one field's value."""
    return {"title": field.zh if language == "zh" else field.en, **TYPES[field.type]}


def _described(layer: Layer, language: str) -> Iterator[tuple[Field, dict[str, Any]]]:
    for field in (*layer.shown, *((OWNER,) if has_owner(layer) else ())):
        yield field, field_schema(field, language)


def _schema(layer: Layer, uri: str, language: str, properties: dict[str, Any], open_ended: bool) -> dict[str, Any]:
    return {
        "$schema": DIALECT,
        "$id": uri,
        "type": "object",
        "title": title_of(layer, language),
        "properties": properties,
        "additionalProperties": open_ended,
    }
