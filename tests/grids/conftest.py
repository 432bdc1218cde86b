"""A store with its tables, on SQLite and on PostGIS."""

from collections.abc import Iterator

import pytest

from api.migrations import migrate
from gis.store.engine import Store, open_store


@pytest.fixture
def store(store_url: str) -> Iterator[Store]:
    """An empty store that was just made, closed in the end."""
    opened = open_store(store_url)
    try:
        migrate(opened)
        yield opened
    finally:
        opened.close()
