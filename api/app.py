"""The application: settings and store in, everything that speaks HTTP put together. No state but in `app.state`."""

import logging
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from functools import cache
from typing import Any

from fastapi import APIRouter, FastAPI
from fastapi.routing import iter_route_contexts
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.routing import BaseRoute
from starlette.types import Receive, Scope, Send

from api import ogc
from api.auth import KEY_MASK, Doorkeeper
from api.collector import calm
from api.drawn import DrawnLayers
from api.editing.drafting import DOORS, holders
from api.http.gathering import AT_ONCE, AnswerAtOnce
from api.http.middleware import Limits, StoreWord
from api.http.openapi import FAILURES, describe
from api.http.problems import add_handlers
from api.jobs.registry import KINDS
from api.jobs.runner import Runner
from api.lookups.hot import Hot
from api.migrations import check_schema
from api.open311 import routes as open311
from api.rasters.keeping import Files
from api.routers import (
    cases,
    catalogue,
    components,
    directory,
    drafts,
    health,
    history,
    jobs,
    layers,
    locate,
    outcomes,
    pages,
    proposals,
    rasters,
    reports,
    rulings,
    seams,
    search,
    statistics,
    systems,
    tiles,
    units,
    work,
)
from api.search.naming import Naming
from api.search.places import Toponymy
from api.settings import Settings
from api.shelf import Shelf
from api.systems import LiveSystems
from api.warm import warm
from api.watch import Watch
from api.webhooks.follower import Follower
from api.worlds import Worlds, folder_of
from cases.reports import Defaults, parse_zone
from gis.errors import Refusal
from gis.store.engine import Store, open_store
from grids.drafts.workbench import Workbench
from tiles.cache import TileCache

# One router for each concern; the OGC APIs are mounted beside them.
ROUTERS = (
    locate.router,
    outcomes.router,  # before what takes everything after a source for a case's id
    cases.router,
    drafts.router,
    catalogue.router,
    components.router,
    proposals.router,
    reports.router,
    rulings.router,
    seams.router,
    statistics.router,
    layers.router,
    directory.router,
    units.router,
    history.router,
    rasters.router,
    search.router,
    systems.router,
    work.router,
    jobs.router,
    tiles.router,
    open311.router,
    health.router,
    pages.router,
)
EXPOSED = (
    "Wangge-Revision",
    "Wangge-Store",
    "Content-Crs",
    "ETag",
    "Location",
    "Retry-After",
    "Link",
    "WWW-Authenticate",
)
LISTS = 256
SOURCES = 8
TILE_BYTES = 128 * 2**20
DRAFTED = 8


class Application(FastAPI):
    """FastAPI, where the hot questions are answered before anything of the framework looks at them."""

    hot: Hot

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Coroutine[Any, Any, None]:
        """What stands for itself needs no coroutine around it."""
        return self.hot(scope, receive, send)

    async def ordinary(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The way through the framework."""
        await super().__call__(scope, receive, send)


def create_app(settings: Settings, store: Store | None = None) -> FastAPI:
    """The application on a store; without one it opens that of the settings, and closes it at the end.

    Nothing is read yet: it can be made while the store is away.
    """
    own = store is None
    store = store or open_store(settings.store, settings.wait_s)
    worlds = Worlds(store, folder_of(settings.data, store))
    app = Application(
        title="网格 Wangge",
        version="1",
        docs_url=None,
        redoc_url=None,
        responses=FAILURES,
        lifespan=lambda app: _living(app, store, own),
        middleware=[
            Middleware(
                CORSMiddleware,
                allow_origins=settings.cors_origins,
                allow_methods=["*"],
                allow_headers=["*"],
                expose_headers=EXPOSED,
            ),
            Middleware(StoreWord, worlds=worlds),
            Middleware(Limits, max_body=int(settings.max_body_mb * 1e6), max_upload=int(settings.max_upload_mb * 1e6)),
        ],
        telemetry={"tracing": False, "metrics": False, "logs": False},
    )
    app.state.settings, app.state.store, app.state.worlds = settings, store, worlds
    app.state.door, app.state.shelf, app.state.tiles = Doorkeeper(store), Shelf(LISTS), TileCache(TILE_BYTES)
    app.state.sources, app.state.drawn = Shelf(SOURCES), DrawnLayers(store)
    app.state.systems = LiveSystems(store)
    app.state.drafts, app.state.drafted = Workbench(store, DOORS, holders), Shelf(DRAFTED)
    app.state.page_folder, app.state.watch = pages.APP, Watch(worlds)
    app.state.rasters = Files(settings.data)
    app.state.naming, app.state.toponymy = Naming(store), Toponymy(store)
    app.state.runner = Runner(store, settings, KINDS)
    app.state.follower = Follower(store, settings)
    add_handlers(app)
    logging.getLogger("uvicorn.access").addFilter(KEY_MASK)
    app.router.routes.extend(_common_routes())
    ogc.mount(app)
    _build(app.router.routes)
    _own_description(app)
    app.hot = Hot(app.ordinary, app.state, app.state.watch, Defaults(zone=parse_zone(settings.zone)))
    return app


@cache
def _common_routes() -> list[BaseRoute]:
    """The routes of ROUTERS, built once in a process: they hold nothing of the application that they answer for."""
    gathered = APIRouter(responses=FAILURES)
    for router in ROUTERS:
        gathered.include_router(router)
    _build(gathered.routes)
    return gathered.routes


def _build(routes: list[BaseRoute]) -> None:
    """What the framework would do at the first request: slow for it, and not safe where several come at once."""
    for _ in iter_route_contexts(routes):
        pass


def create_app_from_settings() -> FastAPI:
    """The application of the WANGGE_* settings: what a server starts in each of its processes."""
    calm()
    return create_app(Settings())


def _own_description(app: FastAPI) -> None:
    """Let /openapi.json be our own document, made once."""
    made: list[dict] = []

    def openapi() -> dict:
        if not made:
            made.append(describe(app))
        return made[0]

    app.openapi = openapi  # type: ignore[method-assign]


@asynccontextmanager
async def _living(app: Application, store: Store, own: bool) -> AsyncIterator[dict[str, AnswerAtOnce]]:
    """Make everything ready before the first request, kernels too.

    A store of another schema stops the start; one that is away does not, for it may come back.
    """
    watch: Watch = app.state.watch
    try:
        await run_in_threadpool(check_schema, store)
    except Refusal as refusal:
        if refusal.code != "store_down":
            raise
    await run_in_threadpool(warm)
    await run_in_threadpool(watch.start)
    runner: Runner = app.state.runner
    if app.state.settings.jobs:
        runner.start()
        app.state.follower.start()
    yield {AT_ONCE: app.hot.answer_at_once}
    await run_in_threadpool(app.state.follower.stop)
    await run_in_threadpool(runner.stop)
    await run_in_threadpool(watch.stop)
    if own:
        store.close()
