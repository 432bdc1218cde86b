"""Versions written as GeoJSON features: exact coordinates, the layer's fields, a strong entity tag."""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import orjson
import shapely

from api.ogc.axes import Reference, to_authority
from api.ogc.parameters import has_owner
from gis.layer import Layer
from gis.store.versions import Columns

MEDIA_TYPE = "application/geo+json"
# Raised when the same version is written differently than before.
REPRESENTATION = "1"


def write_features(layer: Layer, columns: Columns, reference: Reference) -> list[dict[str, Any]]:
    """The features of versions, ready for orjson; geometry is a fragment that is JSON already, or None."""
    properties = read_properties(layer, columns)
    geometries = _geometries(columns, reference)
    return [
        {"type": "Feature", "id": code, "geometry": geometry, "properties": members}
        for code, geometry, members in zip(columns["code"], geometries, properties, strict=True)
    ]


def _geometries(columns: Columns, reference: Reference) -> Sequence[orjson.Fragment | None]:
    if "geom" not in columns:
        return [None] * len(columns["code"])
    texts = shapely.to_geojson(to_authority(columns["geom"], reference))
    return [None if text is None else orjson.Fragment(text) for text in texts]


def read_properties(layer: Layer, columns: Columns) -> list[dict[str, Any]]:
    """The shown fields of each version, its owner where that is not its code, and what was delivered beyond them."""
    names = [field.name for field in layer.shown] + (["owner"] if has_owner(layer) else [])
    rows = zip(*(columns[name] for name in names), strict=True)
    properties = [dict(zip(names, row, strict=True)) for row in rows]
    for name in (field.name for field in layer.fields if field.type == "document"):
        prefix = "id." if name == "ids" else ""
        for members, document in zip(properties, columns[name], strict=True):
            for key, value in (document or {}).items():
                members.setdefault(prefix + key, value)
    return properties


def entity_tag(columns: Columns, representation: Mapping[str, str]) -> str:
    """The strong tag of the first version in one representation (format, CRS, language, address)."""
    version = f"{columns['uid'][0]}-{columns['from_revision'][0]}"
    written = orjson.dumps([REPRESENTATION, sorted(representation.items())])
    return f'"{version}-{hashlib.sha256(written).hexdigest()[:12]}"'


def is_known(tag: str, if_none_match: str | None) -> bool:
    """Whether the caller holds this very version (weak comparison, RFC 9110 13.1.2)."""
    if if_none_match is None:
        return False
    held = [each.strip().removeprefix("W/") for each in if_none_match.split(",")]
    return tag in held or held == ["*"]
