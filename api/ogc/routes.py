"""The routes below `/ogc`. Each runs in the thread pool: nearly all of their time is the store's."""

from collections.abc import Callable, Mapping
from typing import Any

import orjson
from fastapi import APIRouter, FastAPI, Request
from starlette.responses import Response

from api.editing.drafting import DOORS
from api.layers import layer_unknown
from api.ogc import drafts, pygeoapi_app
from api.ogc.conformance import CLASSES
from api.ogc.items import HTML, Answer, answer_item, answer_items, find_collection
from api.ogc.openapi import MEDIA_TYPE as OPENAPI
from api.ogc.openapi import write_openapi
from api.ogc.pages import render
from api.ogc.parameters import IN_DRAFT, ITEM, ITEMS, queryable_fields
from api.ogc.schema import MEDIA_TYPE as SCHEMA
from api.ogc.schema import features_schema, queryables_schema
from api.ogc.service import ROOT, Asked, Service
from gis.layer import Layer
from grids.drafts.workbench import Work, Workbench

JSON = "application/json"


def mount(app: FastAPI) -> None:
    """Add the routes to an application whose state has `store`, `settings` and `door`: of what is in force, and again
    below `/drafts/ID` of what a draft would leave.
    """
    bench: Workbench | None = getattr(app.state, "drafts", None)
    routes = Routes(Service(app.state.store, app.state.settings, bench or Workbench(app.state.store, DOORS)))
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
        for root in ("", "/drafts/{draft_id}"):
            router.add_api_route(root + path, handler, methods=["GET", "HEAD"], response_model=None)
    app.include_router(router)


class Routes:
    """The handlers, over one service."""

    def __init__(self, service: Service) -> None:
        self.service = service

    def landing_page(self, request: Request) -> Response:
        asked = self.service.ask(request)
        work = self.service.work(asked)
        if work is not None:
            page = drafts.landing_page(work.draft, asked.base, asked.root, asked.language)
            return _written(asked, page, JSON, "landing_page.html")
        api = self.service.describe(asked).api
        return _given(asked, pygeoapi_app.landing_page(api, asked.form, asked.language))

    def collections(self, request: Request) -> Response:
        asked = self.service.ask(request)
        work = self.service.work(asked)
        if work is not None:
            listed = drafts.all_collections(self.service.collections_of(asked, work), asked.base, asked.language)
            return _written(asked, listed, JSON, "collections/index.html")
        described = self.service.describe(asked)
        page = pygeoapi_app.all_collections(described.api, described.unbounded, asked.form, asked.language)
        return _given(asked, page)

    def collection(self, request: Request, layer_id: str) -> Response:
        asked = self.service.ask(request)
        work = self.service.work(asked)
        if work is not None:
            return self._drafted_collection(asked, work, layer_id)
        described = self.service.describe(asked)
        if all(layer.id != layer_id for layer in described.layers):
            raise layer_unknown(layer_id)
        unbounded = described.unbounded
        page = pygeoapi_app.one_collection(described.api, unbounded, layer_id, asked.form, asked.language)
        return _given(asked, page)

    def _drafted_collection(self, asked: Asked, work: Work, layer_id: str) -> Response:
        known = {each.layer.id: each for each in self.service.collections_of(asked, work)}
        if layer_id not in known:
            raise layer_unknown(layer_id)
        document = drafts.one_collection(known[layer_id], asked.base, asked.language)
        if asked.form == "html":
            shown, resources = drafts.page_of(document), drafts.resources(list(known.values()))
            page = render("collections/collection.html", asked.base, asked.language, shown, resources)
            return Response(page, 200, asked.headers, HTML)
        return _written(asked, document, JSON, "collections/collection.html")

    def conformance(self, request: Request) -> Response:
        asked = self.service.ask(request)
        self.service.work(asked)
        return _written(asked, {"conformsTo": CLASSES}, JSON, "conformance.html")

    def openapi(self, request: Request) -> Response:
        asked = self.service.ask(request)
        work = self.service.work(asked)
        if work is None:
            document = write_openapi(self.service.describe(asked).layers, asked.base, asked.language)
        else:
            layers = [each.layer for each in self.service.collections_of(asked, work)]
            title = drafts.title_of_draft(work.draft, asked.language)
            document = write_openapi(layers, asked.base, asked.language, IN_DRAFT, title)
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
        names = _without_draft(request, ITEMS) | {field.name for field in queryable_fields(layer)}
        return _response(answer_items(self.service, self.service.ask(request, names), layer))

    def item(self, request: Request, layer_id: str, code: str) -> Response:
        asked = self.service.ask(request, _without_draft(request, ITEM))
        return _response(answer_item(self.service, asked, layer_id, code))


def _without_draft(request: Request, names: frozenset[str]) -> frozenset[str]:
    """The parameters of a route, which in a draft's own API are fewer."""
    return names - IN_DRAFT if "draft_id" in request.path_params else names


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
