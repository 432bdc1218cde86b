"""Stores with a place for jobs."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

from api.app import create_app
from api.keys import create_key
from api.settings import Settings
from gis.store.engine import Store, open_store, writing
from tests.api.conftest import client
from tests.api.jobs.work import As, Yard, yard_of
from tests.fixtures.stores import copy_files


@pytest.fixture
def yard(made_url: str, tmp_path: Path) -> Iterator[Yard]:
    """An empty store, once on SQLite and once on PostGIS."""
    store = open_store(made_url)
    yield yard_of(store, tmp_path)
    store.close()


@pytest.fixture
def lite(made_files: Path, tmp_path: Path) -> Iterator[Yard]:
    """An empty store on SQLite, for what does not depend on the store."""
    store = open_store(copy_files(made_files, tmp_path))
    yield yard_of(store, tmp_path)
    store.close()


@pytest.fixture
def town(store_of_either: Store, tmp_path: Path) -> FastAPI:
    """The application on the small world, on each kind of store."""
    return create_app(Settings(data=tmp_path / "data"), store_of_either)


@pytest.fixture
def village(store: Store, tmp_path: Path) -> FastAPI:
    """The application on the small world, on SQLite."""
    return create_app(Settings(data=tmp_path / "data"), store)


@pytest.fixture
def here(town: FastAPI) -> Iterator[httpx.Client]:
    """A caller on this machine, of the application on each kind of store."""
    with client(town) as caller:
        yield caller


@pytest.fixture
def as_key(village: FastAPI) -> As:
    def caller(role: str, prefix: str = "", name: str = "") -> httpx.Client:
        with writing(village.state.store.world) as connection:
            key, secret = create_key(connection, name or role, role, prefix)
        found = client(village, Authorization=f"Bearer {secret}")
        found.key_id = key.id  # type: ignore[attr-defined]
        return found

    return caller
