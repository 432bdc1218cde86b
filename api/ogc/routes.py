"""The routes below `/ogc`. Each runs in the thread pool: nearly all of their time is the store's."""

from collections.abc import Callable, Mapping
from typing import Any

import orjson
from fastapi import APIRouter, FastAPI, Request
from starlette.responses import Response

from api.ogc import pygeoapi_app
from api.ogc.conformance import CLASSES
from api.ogc.items import HTML, Answer, answer_item, answer_items, find_collection
from api.ogc.openapi import MEDIA_TYPE as OPENAPI
from api.ogc.openapi import write_openapi
from api.ogc.pages import render
from api.ogc.parameters import ITEM, ITEMS, queryable_fields
from api.ogc.schema import MEDIA_TYPE as SCHEMA
from api.ogc.schema import features_schema, queryables_schema
from api.ogc.service import ROOT, Asked, Service
from gis.errors import refuse
from gis.layer import Layer

JSON = "application/json"


def mount(app: FastAPI) -> None:
    """Add the routes to an application whose state has `store`, `settings` and `door`."""
    routes = Routes(Service(app.state.store, app.state.settings))
    router = APIRouter(prefix=ROOT, include_in_schema=False)
    table: Mapping[str, Callable[..., Response]] = {
        "": routes.landing_page,
        "/": routes.landing_page,
        "/conformance": routes.conformance,
        "/openapi": routes.openapi,
        "/collections": routes.collections,
        "/collections/{layer_id}": routes.collection,
        "/collections/{layer_id}/schema": routes.schema,
        "/collections/{layer_id}/queryables": routes.queryables,
        "/collections/{layer_id}/items": routes.items,
        "/collections/{layer_id}/items/{code:path}": routes.item,
    }
    for path, handler in table.items():
        router.add_api_route(path, handler, methods=["GET", "HEAD"], response_model=None)
    app.include_router(router)


class Routes:
    """The handlers, over one service."""

    def __init__(self, service: Service) -> None:
        self.service = service

    def landing_page(self, request: Request) -> Response:
        asked = self.service.ask(request)
        api = self.service.describe(asked).api
        return _given(asked, pygeoapi_app.landing_page(api, asked.form, asked.language))

    def collections(self, request: Request) -> Response:
        asked = self.service.ask(request)
        described = self.service.describe(asked)
        page = pygeoapi_app.all_collections(described.api, described.unbounded, asked.form, asked.language)
        return _given(asked, page)

    def collection(self, request: Request, layer_id: str) -> Response:
        asked = self.service.ask(request)
        described = self.service.describe(asked)
        if all(layer.id != layer_id for layer in described.layers):
            raise refuse("layer_unknown", f"There is no layer {layer_id}.", f"没有图层 {layer_id}。", kind="missing")
        unbounded = described.unbounded
        page = pygeoapi_app.one_collection(described.api, unbounded, layer_id, asked.form, asked.language)
        return _given(asked, page)

    def conformance(self, request: Request) -> Response:
        asked = self.service.ask(request)
        return _written(asked, {"conformsTo": CLASSES}, JSON, "conformance.html")

    def openapi(self, request: Request) -> Response:
        asked = self.service.ask(request)
        document = write_openapi(self.service.describe(asked).layers, asked.base, asked.language)
        return _written(asked, document, OPENAPI, "openapi.html")

    def schema(self, request: Request, layer_id: str) -> Response:
        return self._schema(request, layer_id, features_schema)

    def queryables(self, request: Request, layer_id: str) -> Response:
        return self._schema(request, layer_id, queryables_schema)

    def _schema(self, request: Request, layer_id: str, write: Callable[[Layer, str, str], dict[str, Any]]) -> Response:
        asked = self.service.ask(request)
        layer = find_collection(self.service, asked, layer_id)
        return _written(asked, write(layer, asked.base, asked.language), SCHEMA, "collections/schema.html")

    def items(self, request: Request, layer_id: str) -> Response:
        # Which parameters there are depends on the layer, which depends on who asks: so they are read twice.
        asked = self.service.ask(request, frozenset(request.query_params))
        layer = find_collection(self.service, asked, layer_id)
        names = ITEMS | {field.name for field in queryable_fields(layer)}
        return _response(answer_items(self.service, self.service.ask(request, names), layer))

    def item(self, request: Request, layer_id: str, code: str) -> Response:
        return _response(answer_item(self.service, self.service.ask(request, ITEM), layer_id, code))


def _response(answer: Answer) -> Response:
    headers = dict(answer.headers)
    if answer.body is None:
        return Response(status_code=answer.status, headers=headers)
    return Response(answer.body, answer.status, headers, answer.media_type)


def _given(asked: Asked, page: bytes) -> Response:
    """What pygeoapi wrote."""
    return Response(page, 200, asked.headers, HTML if asked.form == "html" else JSON)


def _written(asked: Asked, document: Mapping[str, Any], media_type: str, template: str) -> Response:
    """Our own document, or the page of it."""
    if asked.form == "html":
        return Response(render(template, asked.base, asked.language, document), 200, asked.headers, HTML)
    return Response(orjson.dumps(document), 200, asked.headers, media_type)
