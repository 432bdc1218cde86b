"""What every OGC route needs: who asks for what, of which revision or draft, and what is kept between requests."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from urllib.parse import quote

from fastapi import Request
from pygeoapi.api import API
from sqlalchemy import Connection

from api.auth import authorize
from api.editing.drafted_rows import drafted_layers
from api.http.problems import language_of
from api.layers import list_layers, query_of, table_of
from api.ogc.pages import POLICY
from api.ogc.parameters import ALWAYS, choose_format, read_parameters
from api.ogc.pygeoapi_app import Collection, build_api
from api.ogc.selection import Selection, count_plain
from api.routers.parameters import check_alone
from api.settings import Settings
from api.shelf import Shelf
from cases.reports import parse_zone
from gis.errors import Refusal
from gis.layer import Layer
from gis.store.engine import Store, reading
from gis.store.revisions import head, list_revisions, revision_at
from gis.store.scope import Scope
from gis.store.versions import Box, bounds
from grids.drafts.records import check_open, draft_unknown, find_draft
from grids.drafts.sketch import Sketch
from grids.drafts.workbench import Work, Workbench
from grids.edits.ground import bounds as shape_bounds
from grids.edits.ground import enclosing

ROOT = "/ogc"


@dataclass(frozen=True, slots=True)
class Asked:
    """A request that was let in: `root` is the server's address, `base` that of the landing page, `form` json or html.

    `draft` is the id of a draft, which stands in the address or, with `?draft=`, behind it.
    """

    root: str
    base: str
    scope: Scope
    prefix: str
    draft: str | None
    form: str
    language: str
    parameters: Mapping[str, str]
    if_none_match: str | None

    @property
    def headers(self) -> dict[str, str]:
        """Headers of every answer to it."""
        fixed = {"Vary": "Accept, Accept-Language, Authorization, X-API-Key", "Cache-Control": "private, no-cache"}
        fixed["Content-Language"] = self.language
        return fixed | ({"Content-Security-Policy": POLICY} if self.form == "html" else {})

    def collection(self, layer: Layer) -> str:
        """The address of a collection."""
        return f"{self.base}/collections/{layer.id}"


@dataclass(frozen=True, slots=True)
class Described:
    """pygeoapi over the layers that one scope sees in one revision; `unbounded` have no geometry in it."""

    api: API
    layers: tuple[Layer, ...]
    unbounded: frozenset[str]


class Service:
    """The store behind `/ogc`, with what is kept of a revision: pygeoapi and counts of features."""

    def __init__(self, store: Store, settings: Settings, bench: Workbench) -> None:
        self.store, self.bench = store, bench
        self.public_url = settings.public_url.rstrip("/")
        self.zone: tzinfo = parse_zone(settings.zone)
        self._described = Shelf(16)
        self._counts = Shelf(4096)

    def ask(self, request: Request, allowed: frozenset[str] = ALWAYS) -> Asked:
        """The request, when its caller may read. Errors: Refusals of `authorize` and of the parameters."""
        key = authorize(request, "viewer")
        parameters = read_parameters(request, allowed)
        root, within = self.public_url or str(request.base_url).rstrip("/"), request.path_params.get("draft_id")
        draft = within or parameters.get("draft")
        if draft is not None and within is None:
            check_alone(parameters.get("as_of", parameters.get("datetime")))
        return Asked(
            root=root,
            base=root + ROOT + (f"/drafts/{quote(within, safe='')}" if within else ""),
            scope=key.scope,
            prefix=key.prefix,
            draft=draft,
            form=choose_format(parameters, request.headers.get("accept", "")),
            language=language_of(request.scope),
            parameters=parameters,
            if_none_match=request.headers.get("if-none-match"),
        )

    def work(self, asked: Asked) -> Work | None:
        """The draft that is asked for, on the newest revision or as far as it gets; None for what is in force.

        Errors: Refusal draft_unknown (missing), draft_closed (gone).
        """
        if asked.draft is None:
            return None
        with reading(self.store.world) as connection:
            draft = find_draft(connection, asked.draft)
            if not draft.owner.startswith(asked.prefix):
                raise draft_unknown(asked.draft)
            check_open(draft, "gone")
            return self.bench.work_out(connection, draft)

    def collections_of(self, asked: Asked, work: Work) -> list[Collection]:
        """The layers of a draft, with the bounds of what it leaves."""
        key = ("draft", work.key, asked.scope)
        made: list[Collection] = self._described.get(key, lambda: self._collections(work.sketch, asked.scope))
        return made

    def _collections(self, sketch: Sketch, scope: Scope) -> list[Collection]:
        with reading(self.store.world) as connection:
            layers = list(drafted_layers(connection, sketch, scope))
            return [Collection(each, _drafted_bounds(connection, sketch, each, scope)) for each in layers]

    def describe(self, asked: Asked) -> Described:
        """pygeoapi as the caller sees it now."""
        with reading(self.store.world) as connection:
            number = head(connection)
        return self._described.get((number, asked.scope, asked.base), lambda: self._describe(asked))

    def _describe(self, asked: Asked) -> Described:
        with reading(self.store.world) as connection:
            layers = tuple(list_layers(connection, asked.scope))
            collections = [Collection(layer, _bounds(connection, layer, asked.scope)) for layer in layers]
            first = list_revisions(connection, limit=1)
        begins = first[0].effective_at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if first else None
        unbounded = frozenset(each.layer.id for each in collections if each.bounds is None)
        return Described(build_api(asked.base, collections, begins), layers, unbounded)

    def count(self, connection: Connection, selection: Selection, revision: int) -> int:
        """How many versions a plain selection has; counted once a revision."""
        return self._counts.get((revision, selection.key), lambda: count_plain(connection, selection))


def _bounds(connection: Connection, layer: Layer, scope: Scope) -> tuple[float, float, float, float] | None:
    return None if layer.geometry == "none" else bounds(connection, table_of(layer), query_of(layer, scope))


def _drafted_bounds(connection: Connection, sketch: Sketch, layer: Layer, scope: Scope) -> Box | None:
    """The box of a layer in its revision, grown by what the draft adds; wide where the draft takes away at the rim."""
    if layer.geometry == "none":
        return None
    boxes = [bounds(connection, table_of(layer), query_of(layer, scope, sketch.at))]
    mine = (each for each in sketch.edit.begun if each.layer == layer.id and each.polygon is not None)
    boxes += [shape_bounds(each.shape) for each in mine]
    known = [each for each in boxes if each is not None]
    return enclosing(known) if known else None


def revision_of(connection: Connection, moment: int | datetime | None) -> int | None:
    """The revision in force at a moment, None when that is the newest. Errors: Refusal before_history,
    revision_unknown (both missing).
    """
    if moment is None:
        return None
    number = revision_at(connection, moment)
    return None if number == head(connection) else number


def is_before_history(refusal: Refusal) -> bool:
    return refusal.code == "before_history"
