"""Our own pages: items, one item, conformance, schema and queryables, the API description; in pygeoapi's frame."""

from collections.abc import Mapping
from typing import Any

from jinja2 import Environment, FileSystemLoader

from api.ogc.pygeoapi_app import LOCALES, TEMPLATES, TITLE

# No page reaches an outside host, so no browser needs to let it.
POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src 'self'; base-uri 'none'; form-action 'self'"

_environment = Environment(loader=FileSystemLoader(TEMPLATES), autoescape=True)


def render(
    template: str, base: str, language: str, data: Mapping[str, Any], resources: Mapping[str, Any] | None = None
) -> bytes:
    """A page. Templates get what pygeoapi gives its own: config, data, locale."""
    identification = {"title": TITLE[language], "description": data.get("description", "")}
    config = {
        "server": {"url": base},
        "metadata": {"identification": identification},
        "resources": dict(resources or {}),
    }
    page = _environment.get_template(template).render(config=config, data=data, locale=LOCALES[language])
    return page.encode()
