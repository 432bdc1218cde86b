"""Where revisions can have changed routings: what they touched, what lies beside that, and what their rules are for."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import shapely
from sqlalchemy import Connection

from cases.impact import EVERYWHERE, Reach
from gis.layer import Layer
from gis.store.scope import EVERYTHING
from gis.store.tables import BOX
from gis.store.versions import Box, Query, read_columns
from gis.store.vicinity import read_around
from grids.edits.value import DIVISIONS, UNITS
from grids.history import Difference, differences
from grids.tables import unit

FEW = 50
"""So many places are looked up one by one; of more the boxes of all units are looked through."""
AROUND_DEG = 0.005
"""How far a component reaches: more than 300 m in mainland China, in both directions. A report that is less accurate is
looked at only where its unit is so near."""
TOUCH_DEG = 1e-9
SOURCES = "sources"
NO_ROUTING = ("catalogue", "references", "reference_layers")
"""Layers that routing does not look at."""


def reach_between(connection: Connection, layers: Sequence[Layer], since: int, upto: int) -> Reach:
    """Where the revisions after `since` up to `upto` can have changed routings; `layers` are all that are revisioned.

    Units by their codes at either revision, and never less than those that matter.
    """
    codes: set[str] = set()
    prefixes: set[str] = set()
    boxes: list[Box] = []
    asked = [each for each in layers if each.id not in NO_ROUTING]
    for each in differences(connection, asked, EVERYTHING, since, upto):
        rows = [row for row in (each.before, each.after) if row is not None]
        if each.layer in EVERYWHERE:
            prefixes |= {str(row["owner"]) for row in rows}
        elif each.layer == SOURCES:
            prefixes.add("")  # what its cases say is read otherwise, wherever they are
        elif each.layer == DIVISIONS and each.fields != ("geometry",):
            prefixes |= {str(row["code"]) for row in rows}
        elif each.layer == UNITS:
            codes |= {str(row["code"]) for row in rows}
        boxes += [box for row in rows if (box := _box(row, each)) is not None]
    if boxes:
        for at in (since, upto):
            codes |= _units_in(connection, at, boxes)
    return Reach(frozenset(codes), tuple(sorted(prefixes)), bool(boxes or prefixes))


def _box(row: Mapping[Any, Any], each: Difference) -> Box | None:
    """What a version covers, with what lies beside it; None where it has no place, or its units tell."""
    if "west" not in row or row["west"] is None or (each.layer == DIVISIONS and each.fields == ("geometry",)):
        return None
    margin = AROUND_DEG if each.layer == "components" else TOUCH_DEG
    west, south, east, north = (float(row[side]) for side in BOX)
    return west - margin, south - margin, east + margin, north + margin


def _units_in(connection: Connection, at: int, boxes: Sequence[Box]) -> set[str]:
    """The codes of the units in force whose boxes meet any of these."""
    if at == 0:
        return set()
    if len(boxes) <= FEW:
        return {str(row["code"]) for box in boxes for row in read_around(connection, unit, at, box)}
    held = read_columns(connection, unit, Query(EVERYTHING, at=at), ("code", *BOX))
    west, south, east, north = (held[side].astype(np.float64) for side in BOX)
    units = shapely.box(west, south, east, north)
    west, south, east, north = np.array(boxes, dtype=np.float64).T
    drawn = shapely.box(west, south, east, north)
    _, found = shapely.STRtree(units).query(drawn, predicate="intersects")
    return set(held["code"][np.unique(found)].tolist())
