"""A store with its tables, on SQLite and on PostGIS."""

from collections.abc import Iterator

import pytest

from gis.store.engine import Store, open_store


@pytest.fixture
def store(made_url: str) -> Iterator[Store]:
    """An empty store that was just made, closed in the end."""
    opened = open_store(made_url)
    yield opened
    opened.close()
