"""pygeoapi as a library: the landing page and the collections of one revision, as JSON and as HTML.

It is given no data: where it would ask a provider our own routes answer. Only functions of `pygeoapi.api` are called;
its server modules and its environment variables are not. See docs/decisions/0011.
"""

import json
import logging
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pygeoapi.api import API, APIRequest, describe_collections
from pygeoapi.api import landing_page as pygeoapi_landing_page

from api.ogc.axes import CRS84, OFFERED, STORAGE
from gis.layer import Layer
from gis.store.versions import Box

TEMPLATES = Path(__file__).with_name("templates")
LOCALES = {"zh": "zh-CN", "en": "en-US"}
TITLE = {"zh": "网格 OGC API", "en": "Wangge OGC API"}
DESCRIPTION = {
    "zh": "单元网格、行政区划、责任片区、部件与部门",
    "en": "Unit grids, divisions, areas, components and departments",
}
# What its landing page names whether it is there or not.
SERVED = frozenset({"about", "self", "alternate", "service-desc", "service-doc", "conformance", "data"})
EARTH: Box = (-180.0, -90.0, 180.0, 90.0)

_configuring = threading.Lock()
# It takes the keys of its own configuration for names of languages, and warns that they are none.
logging.getLogger("pygeoapi").setLevel(logging.ERROR)


@dataclass(frozen=True, slots=True)
class Collection:
    """A layer with what a collection says beside it: bounds in lon/lat, None where there is nothing to bound."""

    layer: Layer
    bounds: Box | None


@dataclass(frozen=True, slots=True)
class Asked:
    """A request as pygeoapi reads it: everything was decided before, so it need not look at headers of callers.

    (`Accept: text/html;q=0` would divide by zero there.)
    """

    query_params: Mapping[str, str]
    scope: Mapping[str, str]
    headers: Mapping[str, str] = field(default_factory=dict)


def build_api(base: str, collections: Sequence[Collection], begins: str | None) -> API:
    """pygeoapi with these collections, at the address `base`. `begins` is the start of history as RFC 3339 text."""
    body = {"name": "Wangge", "url": base}
    config = {
        "server": {
            "bind": {"host": "127.0.0.1", "port": 0},
            "url": base,
            "mimetype": "application/json; charset=UTF-8",
            "encoding": "utf-8",
            "gzip": False,
            "languages": list(LOCALES.values()),
            "pretty_print": False,
            "limits": {"default_items": 10, "max_items": 10},
            "templates": {"path": str(TEMPLATES), "static": str(TEMPLATES)},
        },
        "logging": {"level": "CRITICAL"},
        "metadata": {
            "identification": {
                "title": TITLE,
                "description": DESCRIPTION,
                "keywords": {"zh": ["单元网格"], "en": ["unit grids"]},
                "keywords_type": "theme",
                "terms_of_service": "",
                "url": base,
            },
            "license": body,
            "provider": body,
            "contact": body,
        },
        "resources": {each.layer.id: _resource(each, begins) for each in collections},
    }
    with _configuring:
        return _without_its_logging(config)


def _without_its_logging(config: Mapping[str, Any]) -> API:
    """The instance; it would set up the root logger of the whole process."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    try:
        return API(config, {})
    finally:
        root.handlers[:] = handlers
        root.setLevel(level)


def _resource(collection: Collection, begins: str | None) -> dict[str, Any]:
    layer = collection.layer
    extents: dict[str, Any] = {"spatial": {"bbox": list(collection.bounds or EARTH), "crs": CRS84}}
    if begins is not None:
        extents["temporal"] = {"begin": begins, "end": None}
    title = {"zh": layer.zh, "en": layer.en}
    provider = {"type": "feature", "name": "none", "data": layer.id, "crs": list(OFFERED), "storage_crs": STORAGE}
    return {
        "type": "collection",
        "title": title,
        "description": {tongue: f"{name}: {layer.about}" if layer.about else name for tongue, name in title.items()},
        "keywords": {"zh": [layer.zh], "en": [layer.en]},
        "links": [],
        "extents": extents,
        "providers": [provider],
        "unbounded": collection.bounds is None,  # for our template
    }


def landing_page(api: API, form: str, language: str) -> bytes:
    """The landing page as json or html, without the links to what is not here (processes, jobs, tiling schemes)."""
    content = _ask(pygeoapi_landing_page, api, "ogc", form, language)
    if form == "html":
        return content.encode()
    page = json.loads(content)
    page["links"] = [link for link in _plain(page["links"]) if link["rel"] in SERVED]
    return _dump(page)


def all_collections(api: API, unbounded: frozenset[str], form: str, language: str) -> bytes:
    """Every collection, as json or html. `unbounded` are those without any geometry now."""
    content = _ask(describe_collections, api, "ogc/collections", form, language)
    if form == "html":
        return content.encode()
    page = json.loads(content)
    page["links"] = _plain(page["links"])
    page["collections"] = [_mend(each, unbounded) for each in page["collections"]]
    return _dump(page)


def one_collection(api: API, unbounded: frozenset[str], name: str, form: str, language: str) -> bytes:
    """One collection that is there, as json or html."""
    content = _ask(describe_collections, api, f"ogc/collections/{name}", form, language, name)
    return content.encode() if form == "html" else _dump(_mend(json.loads(content), unbounded))


def _ask(function: Any, api: API, path: str, form: str, language: str, *arguments: str) -> str:
    asked = Asked({"f": form, "lang": LOCALES[language]}, {"path": path})
    _, status, content = function(api, APIRequest(asked, api.locales), *arguments)
    if status != 200:
        raise RuntimeError(f"pygeoapi answered {status}: {content}")
    return str(content)


def _mend(collection: dict[str, Any], unbounded: frozenset[str]) -> dict[str, Any]:
    collection["links"] = _plain(collection["links"])
    if collection["id"] in unbounded:
        del collection["extent"]["spatial"]
    return collection


def _plain(links: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    return [link for link in links if link["type"] != "application/ld+json"]


def _dump(document: Any) -> bytes:
    return json.dumps(document, ensure_ascii=False).encode()
