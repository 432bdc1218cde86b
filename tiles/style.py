"""MapLibre styles (style specification 8) that show layers plainly, with no glyphs, sprites or other hosts."""

import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

Geometry = Literal["polygon", "line", "point", "mixed", "none"]

_SHOWN: Final[dict[Geometry, tuple[str, ...]]] = {
    "polygon": ("fill", "outline"),
    "line": ("line",),
    "point": ("circle",),
    "mixed": ("fill", "outline", "line", "circle"),
    "none": (),
}
_DRAW_ORDER: Final = ("fill", "outline", "line", "circle")


@dataclass(frozen=True, slots=True)
class StyledLayer:
    """A layer to show: `source_url` is the address of its TileJSON."""

    id: str
    title: str
    geometry: Geometry
    source_url: str


def style(title: str, layers: Sequence[StyledLayer]) -> dict[str, Any]:
    """A style of one layer or of many; fills lie under outlines, these under lines, points on top.

    A style layer is called "<layer id>-<fill | outline | line | circle>". A layer has the same colour in every style.
    """
    return {
        "version": 8,
        "name": title,
        "sources": {layer.id: {"type": "vector", "url": layer.source_url} for layer in layers},
        "layers": [
            {"id": "background", "type": "background", "paint": {"background-color": "#f6f5f1"}},
            *_style_layers(layers),
        ],
    }


def colour(layer_id: str) -> str:
    """The colour of a layer, one of 24 hues, from its id alone."""
    return f"hsl({zlib.crc32(layer_id.encode()) % 24 * 15}, 60%, 42%)"


def _style_layers(layers: Sequence[StyledLayer]) -> Iterable[dict[str, Any]]:
    for look in _DRAW_ORDER:
        for layer in layers:
            if look in _SHOWN[layer.geometry]:
                yield _style_layer(layer, look)


def _style_layer(layer: StyledLayer, look: str) -> dict[str, Any]:
    hue = colour(layer.id)
    # "$type" is the one filter on geometry that means the same in every version of MapLibre, multi-part or not.
    kind, shape, paint = {
        "fill": ("fill", "Polygon", {"fill-color": hue, "fill-opacity": 0.18}),
        "outline": ("line", "Polygon", {"line-color": hue, "line-width": 1}),
        "line": ("line", "LineString", {"line-color": hue, "line-width": 2}),
        "circle": (
            "circle",
            "Point",
            {"circle-color": hue, "circle-radius": 4, "circle-stroke-color": "#ffffff", "circle-stroke-width": 1},
        ),
    }[look]
    return {
        "id": f"{layer.id}-{look}",
        "type": kind,
        "source": layer.id,
        "source-layer": layer.id,
        "filter": ["==", "$type", shape],
        "paint": paint,
        "metadata": {"wangge:title": layer.title},
    }
