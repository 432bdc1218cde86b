"""The small world with a raster over its units."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import numpy as np
import pytest
from fastapi import FastAPI

from api.app import create_app
from api.rasters.keeping import Files, Order, add_raster
from api.settings import Settings
from gis.store.engine import Store
from tests.api.conftest import client
from tests.api.small_world import SIDE, SOUTH, WEST
from tests.gis.rasters.samples import write

STEP = SIDE / 4
MOST = 10**9


def cells() -> np.ndarray:
    """Four rows of pixels over the five units, four columns of each unit's number; the last column is empty."""
    found = np.repeat(np.arange(1, 6), 4)[None].repeat(4, axis=0).astype(np.int16)
    found[:, -1] = -1
    return found


def heights(folder: Path) -> Path:
    place = (STEP, 0, WEST, 0, -STEP, SOUTH + SIDE)
    return write(folder / "heights.tif", cells(), nodata=-1, crs="EPSG:4490", transform=place)


def put(store: Store, data: Path, file: Path, name: str = "heights", **more: str) -> Files:
    files = Files(data)
    add_raster(store, files, Order(name, file, **more), MOST)
    return files


@pytest.fixture
def place(store_of_either: Store, tmp_path: Path) -> FastAPI:
    """The application on the small world and its raster, on each kind of store."""
    put(store_of_either, tmp_path / "data", heights(tmp_path), title="高程")
    return create_app(Settings(data=tmp_path / "data"), store_of_either)


@pytest.fixture
def asker(place: FastAPI) -> Iterator[httpx.Client]:
    with client(place) as caller:
        yield caller


@pytest.fixture
def lite(store: Store, tmp_path: Path) -> FastAPI:
    """The same on SQLite, for what does not depend on the store."""
    put(store, tmp_path / "data", heights(tmp_path), title="高程")
    return create_app(Settings(data=tmp_path / "data"), store)
