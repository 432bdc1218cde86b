"""An invented grid put into an empty store as its first revision, past the door through which imports come."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from gis.store.engine import Store
from gis.store.revisions import Change, Publication, allocate_uids, publish
from grids.edits.value import Feature
from grids.features import row_of, table_of
from grids.profiles import GBT
from grids.tables import area_layer


def found(store: Store, features: Sequence[Feature], *others: Change) -> None:
    """Publish units and what follows them, and with them the layer of areas `cleaning`, as revision 1."""
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
    publish(store, Publication((*changes, *others), "tests", settings={"profile": "gbt"}))
