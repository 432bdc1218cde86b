"""Empty and settled stores by the hundred: one is made with care, the others are copies of it."""

import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from api.migrations import migrate
from gis.store.engine import Store, open_store
from tests.fixtures.postgis import database

Make = Callable[[], AbstractContextManager[Store]]
Fill = Callable[[Store], None]


def nothing(store: Store) -> None:
    """What fills an empty store."""


@contextmanager
def copies_on_sqlite(folder: Path, fill: Fill = nothing) -> Iterator[Make]:
    """Makes stores, each a copy of one that is migrated and filled; they are gone when their block ends."""
    made = folder / "made"
    made.mkdir(parents=True)
    _fill(f"sqlite:///{made / 'wangge.db'}", fill)

    @contextmanager
    def make() -> Iterator[Store]:
        with tempfile.TemporaryDirectory(dir=folder) as own:
            for file in made.iterdir():
                shutil.copy(file, own)
            store = open_store(f"sqlite:///{own}/wangge.db")
            try:
                yield store
            finally:
                store.close()

    yield make


@contextmanager
def copies_on_postgis(server: str, template: str, fill: Fill = nothing) -> Iterator[Make]:
    """The same on PostGIS: databases made of one that is migrated and filled."""
    with database(server, template) as url:
        _fill(url, fill)
        name = url.rsplit("/", 1)[1]

        @contextmanager
        def make() -> Iterator[Store]:
            with database(server, name) as own:
                store = open_store(own)
                try:
                    yield store
                finally:
                    store.close()

        yield make


def _fill(url: str, fill: Fill) -> None:
    store = open_store(url)
    try:
        migrate(store)
        fill(store)
    finally:
        store.close()
