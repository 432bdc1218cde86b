"""The features of a collection: pages of them, and one."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote, urlencode

import orjson

from api.editing.drafted_rows import drafted_layer
from api.layers import find_layer
from api.ogc.features import MEDIA_TYPE, entity_tag, is_known, read_properties, write_features
from api.ogc.overlay import Overlay, drafted_feature
from api.ogc.pages import render
from api.ogc.parameters import (
    Cursor,
    Wanted,
    queryable_fields,
    read_crs,
    read_wanted,
    read_when,
    write_cursor,
)
from api.ogc.schema import field_schema, title_of
from api.ogc.selection import pick, read_feature, read_page, read_picked, select_features
from api.ogc.service import Asked, Service, is_before_history, revision_of
from gis.errors import Refusal
from gis.layer import Layer
from gis.store.engine import reading
from gis.store.revisions import head
from gis.store.versions import Columns
from grids.drafts.workbench import Work

HTML = "text/html; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Answer:
    """What a route answers; `body` None with status 304."""

    body: bytes | None
    media_type: str
    headers: Mapping[str, str]
    status: int = 200


@dataclass(frozen=True, slots=True)
class Page:
    """Versions of a page, how many there are in all, and where the next page begins, None on the last."""

    columns: Columns
    matched: int
    next: Cursor | None


NOTHING = Page({}, 0, None)


def answer_items(service: Service, asked: Asked, layer: Layer) -> Answer:
    """A page of features as GeoJSON or HTML. Errors: Refusals that name a parameter."""
    wanted = read_wanted(asked.parameters, layer, service.zone)
    page = read_items(service, asked, layer, wanted)
    headers = {**asked.headers, "Content-Crs": f"<{wanted.crs.uri}>"}
    if asked.form == "html":
        return Answer(_items_page(asked, layer, page), HTML, headers)
    features = write_features(layer, page.columns, wanted.crs) if page.columns else []
    document = {
        "type": "FeatureCollection",
        "features": features,
        "links": _page_links(asked, layer, page),
        "timeStamp": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "numberMatched": page.matched,
        "numberReturned": len(features),
    }
    return Answer(orjson.dumps(document), MEDIA_TYPE, headers)


def read_items(service: Service, asked: Asked, layer: Layer, wanted: Wanted) -> Page:
    """The page that is wanted. All pages reached by 'next' are of one revision, whatever is published meanwhile."""
    work = service.work(asked)
    if work is not None:
        return _drafted_page(service, work, asked, layer, wanted)
    with reading(service.store.world) as connection:
        newest = head(connection)
        try:
            at = revision_of(connection, wanted.moment)
        except Refusal as refusal:
            if is_before_history(refusal) and "as_of" not in asked.parameters:
                return NOTHING
            raise
        after, revision = None, newest if at is None else at
        if wanted.cursor is not None:
            after = (wanted.cursor.code, wanted.cursor.uid)
            revision = min(wanted.cursor.revision, newest)
            at = None if revision == newest else revision
        selection = select_features(layer, wanted, asked.scope, at)
        if selection.is_plain:
            matched = service.count(connection, selection, revision)
            found = wanted.offset < matched
            columns = read_page(connection, selection, after, wanted.offset, wanted.limit + 1) if found else {}
        else:
            picked = pick(connection, selection)
            matched = len(picked)
            columns = read_picked(connection, selection, picked, after, wanted.offset, wanted.limit + 1)
    return _page(columns, matched, wanted.limit, revision)


def _drafted_page(service: Service, work: Work, asked: Asked, layer: Layer, wanted: Wanted) -> Page:
    """A page of what a draft would leave. It would hold from now on: at times before there is nothing of it.

    Who edits while somebody pages changes what the pages behind the last one seen hold, as everywhere else.
    """
    if isinstance(wanted.moment, datetime) and wanted.moment < datetime.now(UTC):
        return NOTHING
    overlay = Overlay.of(work.sketch, layer, wanted, asked.scope)
    after = None if wanted.cursor is None else (wanted.cursor.code.encode(), wanted.cursor.uid)
    with reading(service.store.world) as connection:
        columns, matched = overlay.page(
            connection,
            lambda selection: service.count(connection, selection, work.sketch.at),
            after,
            wanted.offset,
            wanted.limit + 1,
        )
    return _page(columns, matched, wanted.limit, work.sketch.at)


def _page(columns: Columns, matched: int, limit: int, revision: int) -> Page:
    """A page of columns that hold one feature more than it, where there is one."""
    count = len(columns["uid"]) if columns else 0
    if count <= limit:
        return Page(columns if count else {}, matched, None)
    columns = {name: column[:limit] for name, column in columns.items()}
    return Page(columns, matched, Cursor(revision, columns["code"][-1], int(columns["uid"][-1])))


def _page_links(asked: Asked, layer: Layer, page: Page) -> list[dict[str, str]]:
    items = f"{asked.collection(layer)}/items"
    links = [
        _link(items, "self", MEDIA_TYPE, asked.parameters),
        _link(items, "alternate", "text/html", {**asked.parameters, "f": "html"}),
        _link(asked.collection(layer), "collection", "application/json", {}),
    ]
    if page.next is not None:
        links.append(_link(items, "next", MEDIA_TYPE, _next_parameters(asked, page.next)))
    return links


def _next_parameters(asked: Asked, cursor: Cursor) -> dict[str, str]:
    kept = {name: value for name, value in asked.parameters.items() if name not in ("offset", "cursor")}
    return {**kept, "cursor": write_cursor(cursor)}


def _link(href: str, rel: str, media_type: str, parameters: Mapping[str, str]) -> dict[str, str]:
    query = f"?{urlencode(parameters)}" if parameters else ""
    return {"href": href + query, "rel": rel, "type": media_type}


def _items_page(asked: Asked, layer: Layer, page: Page) -> bytes:
    fields = [{"name": field.name, **field_schema(field, asked.language)} for field in queryable_fields(layer)]
    features = read_properties(layer, page.columns) if page.columns else []
    for each in features:
        each["link"] = quote(each["code"], safe="")
    following = None
    if page.next is not None:
        following = f"{asked.collection(layer)}/items?{urlencode(_next_parameters(asked, page.next))}"
    data = {
        "id": layer.id,
        "title": title_of(layer, asked.language),
        "fields": fields,
        "features": features,
        "matched": page.matched,
        "returned": len(features),
        "next": following,
    }
    return render("collections/items/index.html", asked.base, asked.language, data)


def answer_item(service: Service, asked: Asked, layer_id: str, code: str) -> Answer:
    """One feature, by its code, as it is or as it was. Errors: feature_unknown, feature_retired, before_history."""
    crs = read_crs(asked.parameters)
    moment, work = read_when(asked.parameters, service.zone), service.work(asked)
    with reading(service.store.world) as connection:
        if work is None:
            layer = find_layer(connection, layer_id, asked.scope)
            columns = read_feature(connection, layer, code, asked.scope, revision_of(connection, moment))
        else:
            layer = drafted_layer(connection, work.sketch, layer_id, asked.scope)
            columns = drafted_feature(connection, work.sketch, layer, code, asked.scope)
    written = {"form": asked.form, "crs": crs.uri, "base": asked.base, "language": asked.language}
    tag = entity_tag(columns, {**written, **asked.parameters})
    headers = {**asked.headers, "Content-Crs": f"<{crs.uri}>", "ETag": tag}
    media_type = HTML if asked.form == "html" else MEDIA_TYPE
    if is_known(tag, asked.if_none_match):
        return Answer(None, media_type, headers, 304)
    (feature,) = write_features(layer, columns, crs)
    if asked.form == "html":
        return Answer(_item_page(asked, layer, feature), HTML, headers)
    own = f"{asked.collection(layer)}/items/{quote(code, safe='')}"
    feature["links"] = [
        _link(own, "self", MEDIA_TYPE, asked.parameters),
        _link(own, "alternate", "text/html", {**asked.parameters, "f": "html"}),
        _link(asked.collection(layer), "collection", "application/json", {}),
    ]
    return Answer(orjson.dumps(feature), MEDIA_TYPE, headers)


def _item_page(asked: Asked, layer: Layer, feature: Mapping[str, Any]) -> bytes:
    titles = {field.name: field_schema(field, asked.language)["title"] for field in queryable_fields(layer)}
    data = {
        "id": layer.id,
        "code": feature["id"],
        "title": title_of(layer, asked.language),
        "titles": titles,
        "properties": feature["properties"],
        "geometry": orjson.dumps(feature["geometry"]).decode(),
    }
    return render("collections/items/item.html", asked.base, asked.language, data)


def find_collection(service: Service, asked: Asked, layer_id: str) -> Layer:
    """The layer of a collection. Errors: Refusal layer_unknown (missing)."""
    work = service.work(asked)
    with reading(service.store.world) as connection:
        if work is not None:
            return drafted_layer(connection, work.sketch, layer_id, asked.scope)
        return find_layer(connection, layer_id, asked.scope)
