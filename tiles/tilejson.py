"""TileJSON 3.0.0 of a layer's tiles."""

from collections.abc import Mapping
from typing import Any

from tiles.matrix import Box


def tilejson(
    layer_id: str,
    title: str,
    bounds: Box | None,
    tile_url: str,
    fields: Mapping[str, str],
    minzoom: int,
    maxzoom: int,
    revision: int,
) -> dict[str, Any]:
    """Describe one vector layer, which is called like the layer.

    `tile_url` holds {z}, {x} and {y}; `bounds` are degrees, None for a layer without features; `fields` maps a name to
    what it says. The version is 1.revision.0: TileJSON asks for a change of the minor number when tiles change.
    """
    layer = {
        "id": layer_id,
        "description": title,
        "fields": dict(fields),
        "minzoom": minzoom,
        "maxzoom": maxzoom,
    }
    document: dict[str, Any] = {
        "tilejson": "3.0.0",
        "name": title,
        "version": f"1.{revision}.0",
        "scheme": "xyz",
        "tiles": [tile_url],
        "minzoom": minzoom,
        "maxzoom": maxzoom,
        "vector_layers": [layer],
    }
    if bounds is not None:
        west, south, east, north = bounds
        document["bounds"] = [west, south, east, north]
        document["center"] = [(west + east) / 2, (south + north) / 2, minzoom]
    return document
