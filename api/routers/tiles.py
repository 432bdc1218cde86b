"""Vector tiles, TileJSON and styles for map libraries."""

from collections.abc import Hashable
from dataclasses import replace
from typing import Annotated, Any
from urllib.parse import quote, urlencode

from fastapi import APIRouter, Path, Request
from starlette.responses import Response

from api.auth import Viewer
from api.drawn import DrawnLayers
from api.editing.drafted_rows import drafted_columns, is_touched
from api.http.bodies import answer
from api.http.tags import is_known, takes_gzip
from api.layers import find_layer, last_change, list_layers, query_of, table_of
from api.routers.parameters import AsOf, DraftId, Lang, number_at, shelf_of, work_of
from api.shelf import Shelf
from gis.errors import Refusal, refuse
from gis.layer import Layer
from gis.store.engine import Store, reading
from gis.store.scope import Scope
from gis.store.versions import bounds
from grids.drafts.workbench import Work
from tiles.cache import PackedTile, TileCache
from tiles.matrix import MAX_ZOOM, Box, check_tile
from tiles.matrix import bounds as tile_bounds
from tiles.style import StyledLayer, style
from tiles.tilejson import tilejson
from tiles.vector import TileSource

router = APIRouter(tags=["tiles"])

EVERYTHING = "all"
"""The id of the style of all layers."""
A_DAY = 86_400
NEAR_ZOOM = 13
"""From this zoom on a tile holds few enough features to read them for it alone."""
AROUND = 0.02
"""What a tile shows beyond its sides, 64 of 4096, and a little more."""

Place = tuple[int, int, int]
Number = Annotated[int, Path(description="Of the WebMercatorQuad matrix set")]


@router.get(
    "/tiles/{layer}/{z}/{x}/{y}.mvt",
    response_class=Response,
    responses={
        200: {"content": {"application/vnd.mapbox-vector-tile": {}}, "description": "The tile"},
        204: {"description": "Nothing is there"},
        304: {"description": "As the caller has it"},
    },
    summary="One vector tile 矢量瓦片",
)
def tile(
    request: Request,
    key: Viewer,
    layer: str,
    z: Number,
    x: Number,
    y: Number,
    as_of: AsOf = None,
    draft: DraftId = None,
) -> Response:
    """A Mapbox Vector Tile 2.1 of one layer, which is called like it."""
    check_tile(z, x, y)
    work = None if draft is None else work_of(request, key, as_of, draft)
    number = number_at(request, as_of) if work is None else work.sketch.at
    packed = _packed(request, key.scope, layer, number, work, (z, x, y))
    zipped = takes_gzip(request)
    headers = {
        "ETag": packed.etag if zipped else packed.plain_etag,
        "Vary": "Accept-Encoding, Authorization, X-API-Key",
        "Cache-Control": _keeping(request, as_of),
        "Wangge-Revision": str(number),
    }
    if is_known(request, headers["ETag"]):
        return Response(status_code=304, headers=headers)
    if not packed.body:
        return Response(status_code=204, headers=headers)
    if zipped:
        headers["Content-Encoding"] = "gzip"
    body = packed.body if zipped else packed.unpacked()
    return Response(body, headers=headers, media_type="application/vnd.mapbox-vector-tile")


def _keeping(request: Request, as_of: str | None) -> str:
    """How long a tile may be kept: that of a revision's number never changes, any other is asked about each time."""
    shared = "private" if request.app.state.door.has_keys() else "public"
    fixed = as_of is not None and as_of.isdigit() and len(as_of) < 8
    return f"{shared}, max-age={A_DAY}, immutable" if fixed else f"{shared}, no-cache"


def _drawn_layer(request: Request, layer_id: str, scope: Scope, number: int) -> tuple[Layer, int]:
    """The layer, and the last revision up to `number` that changed it: until the next one its tiles stay."""
    store: Store = request.app.state.store

    def find() -> tuple[Layer, int]:
        with reading(store.world) as connection:
            layer = find_layer(connection, layer_id, scope, number)
            if layer.geometry == "none":
                raise _without_shapes(layer)
            return layer, last_change(connection, layer, number)

    return shelf_of(request).get(("drawn", layer_id, number, scope), find)


def _packed(request: Request, scope: Scope, layer_id: str, number: int, work: Work | None, place: Place) -> PackedTile:
    """The tile at a place; one that is kept serves until something in it changes."""
    cache: TileCache = request.app.state.tiles
    layer, changed = _drawn_layer(request, layer_id, scope, number)
    if work is not None and is_touched(work.sketch, layer):
        name: Hashable = (layer_id, work.key, scope, place)
        packed = cache.get(name)
        if packed is None:
            packed = PackedTile.pack(_drafted_source(request, work, layer, scope, *place).encode(layer_id, *place))
            cache.put(name, packed)
        return packed
    layers: DrawnLayers = request.app.state.drawn
    drawn = layers.get(layer, scope, changed)
    name = (layer_id, None, scope, place, drawn.growth.number) if drawn.growth else (layer_id, changed, scope, place)
    packed = cache.get(name)
    if packed is None or not drawn.shows(packed.version, *place):
        packed = PackedTile.pack(drawn.source.encode(layer_id, *place), changed)
        cache.put(name, packed)
    elif packed.version < changed:
        packed = replace(packed, version=changed)  # so that the next one has less to look through
        cache.put(name, packed)
    return packed


def _drafted_source(request: Request, work: Work, layer: Layer, scope: Scope, z: int, x: int, y: int) -> TileSource:
    """What a draft has around a tile; far out, where a tile holds most of it, all that it has, kept for other tiles."""
    store: Store = request.app.state.store
    fields = [field.name for field in layer.shown]

    def build(box: Box | None) -> TileSource:
        with reading(store.world) as connection:
            found = drafted_columns(connection, work.sketch, layer, scope, box, ("uid", *fields, "geom"))
        return TileSource.build(found.pop("geom"), found.pop("uid").astype("int64"), found)

    if z < NEAR_ZOOM:
        shelf: Shelf = request.app.state.sources
        return shelf.get(("draft", work.key, layer.id, scope), lambda: build(None))
    west, south, east, north = tile_bounds(z, x, y)
    wide, high = (east - west) * AROUND, (north - south) * AROUND
    return build((west - wide, south - high, east + wide, north + high))


def _without_shapes(layer: Layer) -> Refusal:
    return refuse(
        "layer_without_shapes",
        f"The layer {layer.id} has no shapes, so there are no tiles of it.",
        f"图层 {layer.id} 没有空间图形，因此没有瓦片。",
        kind="missing",
    )


@router.get("/tiles/{layer}.json", response_model=dict[str, Any], summary="TileJSON of a layer 瓦片描述")
def describe_tiles(
    request: Request, key: Viewer, layer: str, lang: Lang, as_of: AsOf = None, draft: DraftId = None
) -> Response:
    """TileJSON 3.0.0, which tells map libraries where the tiles are."""
    number, store = number_at(request, as_of), request.app.state.store
    described, changed = _drawn_layer(request, layer, key.scope, number)
    box = shelf_of(request).get(
        ("bounds", layer, changed, key.scope), lambda: _bounds(store, described, key.scope, changed)
    )
    title = described.zh if lang == "zh" else described.en
    fields = {field.name: field.zh if lang == "zh" else field.en for field in described.told}
    address = f"{_root(request)}/tiles/{quote(layer, safe='')}/{{z}}/{{x}}/{{y}}.mvt{_suffix(request, as_of, draft)}"
    return answer(tilejson(layer, title, box, address, fields, 0, MAX_ZOOM, changed), number)


def _bounds(store: Store, layer: Layer, scope: Scope, changed: int) -> Box | None:
    with reading(store.world) as connection:
        return bounds(connection, table_of(layer), query_of(layer, scope, changed))


@router.get("/styles/{style_id}.json", response_model=dict[str, Any], summary="A MapLibre style 地图样式")
def show_style(
    request: Request, key: Viewer, style_id: str, lang: Lang, as_of: AsOf = None, draft: DraftId = None
) -> Response:
    """A style of one layer, or of all of them (`all`), without glyphs, sprites or other hosts."""
    number, store = number_at(request, as_of), request.app.state.store
    layers = shelf_of(request).get(("styles", number, key.scope), lambda: _drawn(store, key.scope, number))
    chosen = layers if style_id == EVERYTHING else [each for each in layers if each.id == style_id]
    if not chosen and style_id != EVERYTHING:
        shown = style_id[:80]
        raise refuse("style_unknown", f"There is no style {shown}.", f"没有样式 {shown}。", kind="missing")
    styled = [
        StyledLayer(
            each.id,
            each.zh if lang == "zh" else each.en,
            each.geometry,
            f"{_root(request)}/tiles/{quote(each.id, safe='')}.json{_suffix(request, as_of, draft)}",
        )
        for each in chosen
    ]
    title = "Wangge" if style_id == EVERYTHING else styled[0].title
    return answer(style(title, styled), number)


def _drawn(store: Store, scope: Scope, number: int) -> list[Layer]:
    with reading(store.world) as connection:
        return [layer for layer in list_layers(connection, scope, number) if layer.geometry != "none"]


def _root(request: Request) -> str:
    """The address under which the caller reaches this server."""
    public: str = request.app.state.settings.public_url
    return (public or str(request.base_url)).rstrip("/")


def _suffix(request: Request, as_of: str | None, draft: str | None) -> str:
    """What must follow every address that leads on from here: the moment or draft, and the key where it stood in it."""
    kept = {"as_of": as_of, "draft": draft, "key": request.query_params.get("key")}
    query = urlencode({name: value for name, value in kept.items() if value})
    return f"?{query}" if query else ""
