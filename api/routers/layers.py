"""What there is: layers and revisions."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from api.auth import Viewer
from api.http.bodies import answer
from api.layers import list_layers, query_of, table_of
from api.routers.parameters import AsOf, Limit, number_at, shelf_of
from api.schemas.answers import LayerList, RevisionList
from api.transfer.references import described_references
from gis.layer import Layer
from gis.store.engine import Store, reading
from gis.store.revisions import Revision, list_revisions
from gis.store.scope import Scope
from gis.store.versions import bounds, count

router = APIRouter(prefix="/v1", tags=["content"])


@router.get("/layers", response_model=LayerList, summary="The layers 图层列表")
def layers(request: Request, key: Viewer, as_of: AsOf = None) -> Response:
    """Every layer that the caller may read: its fields, how many features it has, where they lie."""
    number, store = number_at(request, as_of), request.app.state.store
    found = shelf_of(request).get(("layers", number, key.scope), lambda: _layers(store, key.scope, number))
    return answer({"revision": number, "layers": found}, number)


def _layers(store: Store, scope: Scope, number: int) -> list[dict[str, Any]]:
    with reading(store.world) as connection:
        found = []
        for layer in list(list_layers(connection, scope, number)):
            table, query = table_of(layer), query_of(layer, scope, number)
            box = bounds(connection, table, query) if layer.geometry != "none" else None
            found.append(_described(layer) | {"bounds": box, "count": count(connection, table, query)})
        about = {each.name: each for each in described_references(connection, scope, number)}
        return [each | ({"about": about[each["id"]].about()} if each["id"] in about else {}) for each in found]


def _described(layer: Layer) -> dict[str, Any]:
    return {
        "id": layer.id,
        "title": {"zh": layer.zh, "en": layer.en},
        "geometry": layer.geometry,
        "fields": [
            {"name": field.name, "title": {"zh": field.zh, "en": field.en}, "type": field.type} for field in layer.told
        ],
    }


@router.get("/revisions", response_model=RevisionList, summary="What was published when 数据版本")
def revisions(
    request: Request,
    key: Viewer,
    after: Annotated[int, Query(ge=0, le=2**53, description="Only revisions after this number")] = 0,
    limit: Limit = 100,
) -> Response:
    """Revisions, oldest first."""
    with reading(request.app.state.store.world) as connection:
        found = list_revisions(connection, after, limit + 1)
    items = [told_revision(each) for each in found[:limit]]
    more = len(found) > limit
    return answer({"items": items, "next": str(items[-1]["number"]) if more else None})


def told_revision(each: Revision) -> dict[str, Any]:
    """A revision as JSON members."""
    return {name: getattr(each, name) for name in each.__slots__}
