"""The application on a small world, and callers from wherever a test likes."""

import asyncio
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

from api.app import create_app
from api.settings import Settings
from gis.store.engine import Store, open_store
from tests.api.small_world import make_world

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


@pytest.fixture
def store(small_world: Path, tmp_path: Path) -> Iterator[Store]:
    """The small world on SQLite, of this test alone."""
    for file in small_world.glob("wangge*.db*"):
        shutil.copy(file, tmp_path / file.name)
    store = open_store(f"sqlite:///{tmp_path / 'wangge.db'}")
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


@pytest.fixture
def store_of_either(store_url: str, tmp_path: Path) -> Iterator[Store]:
    """The small world, once on SQLite and once on PostGIS."""
    folder = tmp_path / "files"
    folder.mkdir()
    store = make_world(store_url, folder)
    yield store
    store.close()


@pytest.fixture
def either(store_of_either: Store) -> Iterator[httpx.Client]:
    """A caller on this machine, of an application on each kind of store."""
    with client(create_app(Settings(), store_of_either)) as caller:
        yield caller
