"""The landing page and the collections of a draft's OGC API: written here, no instance of pygeoapi is made for them."""

from collections.abc import Mapping, Sequence
from typing import Any

from api.ogc.axes import CRS84, OFFERED, STORAGE
from api.ogc.features import MEDIA_TYPE as GEOJSON
from api.ogc.openapi import MEDIA_TYPE as OPENAPI
from api.ogc.pygeoapi_app import DESCRIPTION, EARTH, TITLE, Collection
from api.ogc.schema import MEDIA_TYPE as SCHEMA
from api.ogc.schema import title_of
from grids.drafts.records import Draft

JSON, PAGE = "application/json", "text/html"
REL = "http://www.opengis.net/def/rel/ogc/1.0/"


def title_of_draft(draft: Draft, language: str) -> str:
    """The title of a draft's API."""
    return f"{TITLE[language]} · {'草稿' if language == 'zh' else 'draft'}: {draft.title}"


def landing_page(draft: Draft, base: str, root: str, language: str) -> dict[str, Any]:
    """The landing page of the API at `base`, of the server at `root`."""
    return {
        "title": title_of_draft(draft, language),
        "description": DESCRIPTION[language],
        "links": [
            _link(base, "self", JSON, "This document as JSON", "json"),
            _link(base, "alternate", PAGE, "This document as HTML", "html"),
            _link(f"{base}/openapi", "service-desc", OPENAPI, "The OpenAPI definition as JSON"),
            _link(f"{base}/openapi", "service-doc", PAGE, "The OpenAPI definition as HTML", "html"),
            _link(f"{base}/conformance", "conformance", JSON, "Conformance"),
            _link(f"{base}/collections", "data", JSON, "Collections"),
            _link(f"{root}/v1/drafts/{draft.id}", "related", JSON, "The draft with its edits"),
        ],
    }


def all_collections(collections: Sequence[Collection], base: str, language: str) -> dict[str, Any]:
    """Every collection of the API at `base`."""
    here = f"{base}/collections"
    return {
        "collections": [one_collection(each, base, language) for each in collections],
        "links": [
            _link(here, "self", JSON, "This document as JSON", "json"),
            _link(here, "alternate", PAGE, "This document as HTML", "html"),
        ],
    }


def one_collection(collection: Collection, base: str, language: str) -> dict[str, Any]:
    """A collection as pygeoapi tells those of `/ogc`; a draft holds since no time, so no temporal extent is told."""
    layer = collection.layer
    here, title = f"{base}/collections/{layer.id}", title_of(layer, language)
    told: dict[str, Any] = {"id": layer.id, "title": title, "description": title, "keywords": [title]}
    told["links"] = [
        _link(base, "root", JSON, "The landing page of this draft as JSON", "json"),
        _link(base, "root", PAGE, "The landing page of this draft as HTML", "html"),
        _link(here, "self", JSON, "This document as JSON", "json"),
        _link(here, "alternate", PAGE, "This document as HTML", "html"),
        _link(f"{here}/schema", f"{REL}schema", SCHEMA, "Schema of collection in JSON", "json"),
        _link(f"{here}/schema", f"{REL}schema", PAGE, "Schema of collection in HTML", "html"),
        _link(f"{here}/queryables", f"{REL}queryables", SCHEMA, "Queryables for this collection as JSON", "json"),
        _link(f"{here}/queryables", f"{REL}queryables", PAGE, "Queryables for this collection as HTML", "html"),
        _link(f"{here}/items", "items", GEOJSON, "Items as GeoJSON", "json"),
        _link(f"{here}/items", "items", PAGE, "Items as HTML", "html"),
    ]
    if collection.bounds is not None:
        told["extent"] = {"spatial": {"bbox": [list(collection.bounds)], "crs": CRS84}}
    return {**told, "itemType": "feature", "crs": list(OFFERED), "storageCrs": STORAGE}


def page_of(document: Mapping[str, Any]) -> dict[str, Any]:
    """A collection as its template wants it: pygeoapi always gives it an extent."""
    return {"extent": {"spatial": {"bbox": [list(EARTH)]}}, **document}


def resources(collections: Sequence[Collection]) -> dict[str, Any]:
    """What the template of a collection asks of its resources."""
    return {each.layer.id: {"unbounded": each.bounds is None} for each in collections}


def _link(href: str, rel: str, media_type: str, title: str, form: str | None = None) -> dict[str, str]:
    return {"rel": rel, "type": media_type, "title": title, "href": href + (f"?f={form}" if form else "")}
