"""A small city in a store of either kind, and a bench to draft on it."""

from collections.abc import Callable, Iterator

import pytest

from cases.doors import RULE_DOORS
from components.doors import COMPONENT_DOORS
from gis.store.engine import Store, open_store, writing
from grids.drafts.doors import Doors
from grids.drafts.grid_doors import GRID_DOORS
from grids.drafts.records import Draft, create_draft
from grids.drafts.workbench import Workbench
from grids.edits.ground import Held
from tests.grids.edits.cities import around_all, city, everything
from tests.grids.founding import found

DOORS = Doors({**GRID_DOORS, **COMPONENT_DOORS, **RULE_DOORS})
Begin = Callable[..., Draft]


@pytest.fixture
def store(made_url: str) -> Iterator[Store]:
    """The invented city of the edits, published as revision 1."""
    yield from filled(made_url, city(1))


def filled(url: str, ground: Held) -> Iterator[Store]:
    """A store that holds a ground as revision 1."""
    store = open_store(url)
    found(store, [*everything(ground), *around_all(ground)])
    yield store
    store.close()


@pytest.fixture
def bench(store: Store) -> Workbench:
    return Workbench(store, DOORS)


@pytest.fixture
def begin(store: Store) -> Begin:
    """Makes drafts."""

    def make(owner: str = "", title: str = "draft", author: str = "anna") -> Draft:
        return drafted(store, owner, title, author)

    return make


def drafted(store: Store, owner: str = "", title: str = "draft", author: str = "anna") -> Draft:
    """A new draft."""
    with writing(store.world) as connection:
        return create_draft(connection, owner, title, author)
