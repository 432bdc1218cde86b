"""A small world with a history, published by the importer, and the application that shows it."""

import json
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from fastapi import FastAPI
from httpx import Client

from api.auth import Doorkeeper
from api.http.problems import add_handlers
from api.migrations import check_schema
from api.ogc import mount
from api.settings import Settings
from api.transfer.imports import Options, run_import
from gis.store.engine import Store, open_store
from tests.api.conftest import client as call
from tests.fixtures.postgis import database

WEST, SOUTH, STEP = 114.05, 22.54, 0.001
COMMUNITY = "440305001001"
COLUMNS, ROWS = 4, 3
SINCE = datetime(2024, 1, 1, tzinfo=UTC)
LATER = datetime(2025, 6, 1, tzinfo=UTC)

Feature = dict[str, Any]


def corner(column: int, row: int) -> tuple[float, float]:
    return (round(WEST + STEP * column, 9), round(SOUTH + STEP * row, 9))


def cell(column: int, row: int, wide: int = 1, high: int = 1) -> dict[str, Any]:
    """A box of cells with a corner at every corner of a cell."""
    south = [corner(column + i, row) for i in range(wide)]
    east = [corner(column + wide, row + i) for i in range(high)]
    north = [corner(column + wide - i, row + high) for i in range(wide)]
    west = [corner(column, row + high - i) for i in range(high)]
    return {"type": "Polygon", "coordinates": [[*south, *east, *north, *west, south[0]]]}


def unit_code(column: int, row: int) -> str:
    return f"{COMMUNITY}{1 + column + COLUMNS * row:03}"


def feature(geometry: dict[str, Any] | None, **properties: Any) -> Feature:
    return {"type": "Feature", "geometry": geometry, "properties": properties}


def units() -> list[Feature]:
    return [
        feature(cell(column, row), code=unit_code(column, row), name=f"网格 {column}-{row}", remark="旧")
        for row in range(ROWS)
        for column in range(COLUMNS)
    ]


def areas() -> list[Feature]:
    return [
        feature(cell(0, 0, 2, 3), code="D-01", name="西片", department="A1", priority=1),
        feature(cell(2, 0, 2, 3), code="D/02 #东", name="东片", department="A2", priority=2),
    ]


def components(count: int = 25) -> list[Feature]:
    return [
        feature(
            {"type": "Point", "coordinates": [round(WEST + 0.00015 * index, 9), round(SOUTH + 0.0001 * index, 9)]},
            code=f"C{index:04}", class_code="01001", name=f"井盖 {index}", accuracy_m=0.5,
        )
        for index in range(count)
    ]  # fmt: skip


DEPARTMENTS = "code,name,parent,id.crm\nA1,水务局,,77\nA2,城管局,A1,\n"
DIVISIONS = (
    "code,name,department\n44,广东省,\n4403,深圳市,\n440305,南山区,\n440305001,南头街道,A1\n440305001001,第一社区,\n"
)


def write_world(store: Store, folder: Path) -> None:
    """Publish the world as of 2024, and on 2025-06-01 an inventory without the first component."""
    bring(store, folder, "divisions", "divisions.csv", DIVISIONS)
    bring(store, folder, "units", "units.geojson", units())
    bring(store, folder, "departments", "departments.csv", DEPARTMENTS, owner="440305")
    bring(store, folder, "areas", "drainage.geojson", areas(), owner="440305", area_layer="drainage")
    bring(store, folder, "components", "components.geojson", components(), owner="440305")
    left = components()[1:]
    left[0]["properties"]["name"] = "换过的井盖"
    bring(store, folder, "components", "later.geojson", left, LATER, owner="440305", scope="C")


def bring(
    store: Store, folder: Path, layer: str, name: str, content: Any, at: datetime = SINCE, **options: Any
) -> None:
    path = folder / name
    text = content if isinstance(content, str) else json.dumps({"type": "FeatureCollection", "features": content})
    path.write_text(text, encoding="utf-8")
    report = run_import(store, layer, path, Options(commit=True, effective_at=at, author="test", **options))
    assert report.revision is not None, report.as_dict()


@pytest.fixture(scope="session", params=["sqlite", pytest.param("postgis", marks=pytest.mark.postgis)])
def world(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """The small world, which no test changes, once on SQLite and once on PostGIS."""
    folder = tmp_path_factory.mktemp("ogc")
    with ExitStack() as stack:
        if request.param == "sqlite":
            url = f"sqlite:///{folder / 'wangge.db'}"
        else:
            server, template = request.getfixturevalue("postgis_server"), request.getfixturevalue("postgis_template")
            url = stack.enter_context(database(server, template))
        store = open_store(url)
        check_schema(store)
        write_world(store, folder)
        yield store
        store.close()


@pytest.fixture
def own_world(made_url: str, tmp_path: Path) -> Iterator[Store]:
    """The small world of this test alone."""
    store = open_store(made_url)
    write_world(store, tmp_path)
    yield store
    store.close()


def make_app(store: Store, settings: Settings | None = None) -> FastAPI:
    """The OGC routes alone, with the door and the problems of the whole application."""
    made = FastAPI()
    made.state.store, made.state.settings, made.state.door = store, settings or Settings(), Doorkeeper(store)
    add_handlers(made)
    mount(made)
    return made


@pytest.fixture
def app(world: Store) -> FastAPI:
    return make_app(world)


@pytest.fixture
def client(app: FastAPI) -> Iterator[Client]:
    """A caller on this machine."""
    with call(app) as caller:
        yield caller


@contextmanager
def serving(app: FastAPI) -> Iterator[str]:
    """The address of the application served on a free port of this machine."""
    server = uvicorn.Server(
        uvicorn.Config(app, host="127.0.0.1", port=0, log_level="critical", lifespan="off", interface="asgi3")
    )
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        while not server.started:
            assert thread.is_alive()
        port = server.servers[0].sockets[0].getsockname()[1]
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join()


@pytest.fixture
def live(app: FastAPI) -> Iterator[str]:
    with serving(app) as address:
        yield address
