import json

import pytest

from tiles.style import Geometry, StyledLayer, colour, style
from tiles.tilejson import tilejson


def layer(name: str, geometry: Geometry) -> StyledLayer:
    return StyledLayer(name, name.title(), geometry, f"http://testserver/tiles/{name}.json")


def test_tilejson_names_the_layer_its_fields_and_its_tiles() -> None:
    url = "http://testserver/tiles/units/{z}/{x}/{y}.mvt"
    document = tilejson("units", "单元网格", (113.7, 22.4, 114.7, 22.9), url, {"code": "编码"}, 0, 16, 7)
    assert document["tilejson"] == "3.0.0"
    assert document["tiles"] == [url]
    assert document["bounds"] == [113.7, 22.4, 114.7, 22.9]
    assert document["version"] == "1.7.0"
    assert document["vector_layers"] == [
        {"id": "units", "description": "单元网格", "fields": {"code": "编码"}, "minzoom": 0, "maxzoom": 16}
    ]


def test_tilejson_of_a_layer_without_features_has_no_bounds() -> None:
    document = tilejson("units", "Unit grids", None, "{z}/{x}/{y}", {}, 0, 16, 1)
    assert "bounds" not in document
    assert "center" not in document


@pytest.mark.parametrize(
    ("geometry", "looks"),
    [
        ("polygon", ["fill", "outline"]),
        ("line", ["line"]),
        ("point", ["circle"]),
        ("mixed", ["fill", "outline", "line", "circle"]),
        ("none", []),
    ],
)
def test_a_layer_is_drawn_as_its_geometry_asks(geometry: Geometry, looks: list[str]) -> None:
    drawn = style("One", [layer("units", geometry)])["layers"]
    assert [item["id"] for item in drawn] == ["background", *(f"units-{look}" for look in looks)]
    assert all(item["source-layer"] == "units" for item in drawn[1:])


def test_points_of_all_layers_lie_above_every_fill() -> None:
    drawn = style("All", [layer("components", "point"), layer("units", "polygon"), layer("areas.a", "polygon")])
    kinds = [item["type"] for item in drawn["layers"]]
    assert kinds == ["background", "fill", "fill", "line", "line", "circle"]
    assert list(drawn["sources"]) == ["components", "units", "areas.a"]


def test_a_style_needs_no_glyphs_no_sprites_and_no_other_host() -> None:
    document = style("All", [layer("units", "mixed")])
    assert document["version"] == 8
    assert "glyphs" not in document
    assert "sprite" not in document
    text = json.dumps(document)
    assert text.count("://") == text.count("http://testserver/")


def test_a_layer_keeps_its_colour_from_style_to_style() -> None:
    alone = style("One", [layer("units", "polygon")])["layers"][1]
    among = style("All", [layer("areas.a", "polygon"), layer("units", "polygon")])["layers"][2]
    assert alone["paint"] == among["paint"]
    assert colour("units") != colour("divisions")
