"""The application on a small world, and callers from wherever a test likes."""

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import make_url

from api.app import create_app
from api.settings import Settings
from gis.store.engine import Store, open_store
from tests.api.small_world import make_world
from tests.fixtures.postgis import database
from tests.fixtures.stores import EITHER, copied, copy_files

HERE = "http://127.0.0.1:8000"
Call = Callable[..., httpx.Client]


class InProcess(httpx.BaseTransport):
    """Requests answered by the application itself, as from the address `host`."""

    def __init__(self, app: FastAPI, host: str) -> None:
        self.inner = httpx.ASGITransport(app, raise_app_exceptions=False, client=(host, 50_000))

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        async def ask() -> httpx.Response:
            response = await self.inner.handle_async_request(request)
            sent = b"".join([part async for part in response.aiter_raw()])
            return httpx.Response(response.status_code, headers=response.headers, content=sent)

        return asyncio.run(ask())


def client(app: FastAPI, host: str = "127.0.0.1", base: str = HERE, **headers: str) -> httpx.Client:
    """A client that calls `app` from `host`, with these headers ("_" for "-")."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return httpx.Client(transport=InProcess(app, host), base_url=base, headers=named)


@pytest.fixture(scope="session")
def small_world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a SQLite store of the small world; copy it."""
    folder = tmp_path_factory.mktemp("small_world")
    make_world(f"sqlite:///{folder / 'wangge.db'}", folder).close()
    return folder


@pytest.fixture(scope="session")
def small_world_on_postgis(
    postgis_server: str, postgis_template: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """Name of a PostGIS database of the small world; copy it."""
    with database(postgis_server, postgis_template) as url:
        make_world(url, tmp_path_factory.mktemp("small_world_on_postgis")).close()
        yield str(make_url(url).database)


@pytest.fixture
def store(small_world: Path, tmp_path: Path) -> Iterator[Store]:
    """The small world on SQLite, of this test alone."""
    store = open_store(copy_files(small_world, tmp_path))
    yield store
    store.close()


@pytest.fixture
def app(store: Store) -> FastAPI:
    return create_app(Settings(), store)


@pytest.fixture
def http(app: FastAPI) -> Iterator[httpx.Client]:
    """A caller on this machine."""
    with client(app) as caller:
        yield caller


@pytest.fixture(params=EITHER)
def store_of_either(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    """The small world, once on SQLite and once on PostGIS, of this test alone."""
    with copied(request, "small_world", "small_world_on_postgis", tmp_path) as url:
        store = open_store(url)
        yield store
        store.close()


@pytest.fixture
def url_of_either(store_of_either: Store) -> str:
    """SQLAlchemy URL of that store."""
    return store_of_either.world.url.render_as_string(hide_password=False)


@pytest.fixture
def either(store_of_either: Store) -> Iterator[httpx.Client]:
    """A caller on this machine, of an application on each kind of store."""
    with client(create_app(Settings(), store_of_either)) as caller:
        yield caller
