"""A small city in a store of either kind, and a bench to draft on it."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from api.migrations import check_schema
from cases.doors import RULE_DOORS
from components.doors import COMPONENT_DOORS
from gis.store.engine import Store, open_store, writing
from gis.store.revisions import Change, Publication, allocate_uids, publish
from grids.drafts.doors import Doors
from grids.drafts.grid_doors import GRID_DOORS
from grids.drafts.records import Draft, create_draft
from grids.drafts.workbench import Workbench
from grids.edits.value import Feature
from grids.features import row_of, table_of
from grids.profiles import GBT
from grids.tables import area_layer
from tests.grids.edits.cities import around_all, city, everything

DOORS = Doors({**GRID_DOORS, **COMPONENT_DOORS, **RULE_DOORS})
Begin = Callable[..., Draft]


@pytest.fixture
def store(store_url: str) -> Iterator[Store]:
    """The invented city of the edits, published as revision 1."""
    store = open_store(store_url)
    check_schema(store)
    ground = city(1)
    features: list[Feature] = [*everything(ground), *around_all(ground)]
    tables: dict[str, list[dict[str, Any]]] = {}
    for uid, each in zip(allocate_uids(store, len(features)), features, strict=True):
        table = table_of(each.layer)
        row = row_of(each, table, GBT)
        extra = {"layer": "cleaning", "priority": 0, "owner": ""} if table.name == "area" else {}
        extra |= {"owner": ""} if table.name == "gap" else {}
        tables.setdefault(table.name, []).append({**row, **extra, "uid": uid})
    (uid,) = allocate_uids(store, 1)
    declared = {"uid": uid, "owner": "", "code": "cleaning", "title": "保洁", "overlap": "none"}
    none = np.array([], dtype=np.int64)
    changes = [Change(area_layer.metadata.tables[name], none, rows) for name, rows in tables.items()]
    changes.append(Change(area_layer, none, [declared]))
    publish(store, Publication(changes, "tests", settings={"profile": "gbt"}))
    yield store
    store.close()


@pytest.fixture
def bench(store: Store) -> Workbench:
    return Workbench(store, DOORS)


@pytest.fixture
def begin(store: Store) -> Begin:
    """Makes drafts."""

    def make(owner: str = "", title: str = "draft", author: str = "anna") -> Draft:
        with writing(store.world) as connection:
            return create_draft(connection, owner, title, author)

    return make
