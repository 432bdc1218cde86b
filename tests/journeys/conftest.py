"""Stores that a whole file of tests reads: filling one takes longer than asking it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fixtures.postgis import database
from tests.journeys.commands import Office


@pytest.fixture(scope="module", params=["sqlite", pytest.param("postgis", marks=pytest.mark.postgis)])
def office(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    """An empty store of this file of tests, once on SQLite and once on PostGIS, with a folder beside it."""
    folder: Path = tmp_path_factory.mktemp("office")
    if request.param == "sqlite":
        yield Office(f"sqlite:///{folder / 'wangge.db'}", folder)
        return
    server, template = request.getfixturevalue("postgis_server"), request.getfixturevalue("postgis_template")
    with database(server, template) as url:
        yield Office(url, folder)
