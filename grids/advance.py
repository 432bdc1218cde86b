"""The grid of the next revision from the one before: only what changed is written to the heap in which it lies."""

from collections.abc import Collection, Mapping
from typing import Any

import numpy as np
import shapely
from sqlalchemy import Connection

from gis.heap.lines import Heap
from gis.heap.records import seal
from gis.locate import OutOfFrame, PolygonIndex, Turnover
from gis.metres import Indices
from gis.store.scope import EVERYTHING
from gis.store.versions import Columns, Query, read_changed, read_columns
from grids.lookup import DivisionName, Grid, load_areas, load_departments, tell_divisions
from grids.tables import area, area_layer, department, division, gap, unit

LARGE = 5_000
"""Units; of a revision that changes more the index is built anew, which is then faster."""


def advance_grid(
    connection: Connection, heap: Heap, grid: Grid, told: Mapping[str, Any], at: int, changed: Collection[str]
) -> dict[str, Any] | None:
    """What `Grid.read` takes to read the grid of revision `at`, from a grid in `heap` and what was told of it.

    `changed` are the tables that are otherwise than in that grid; what did not change is told as before. None when so
    much changed, or so far out, that all must be written anew.
    """
    since = grid.revision
    units: PolygonIndex | None = grid.units
    if unit.name in changed:
        units = _advance_units(connection, heap, grid.units, since, at)
    if units is None:
        return None
    new = {**told, "revision": at}
    if units is not grid.units:
        new["units"] = units.tell()
    if gap.name in changed:
        gaps = read_columns(connection, gap, Query(EVERYTHING, at=at), ("code", "name", "geom"))
        new["gaps"] = PolygonIndex.build(gaps["geom"], gaps["code"], heap=heap).tell()
        new["gap_names"] = seal(heap, gaps["name"].tolist())
    if {area.name, area_layer.name} & set(changed):
        new["areas"] = _advance_areas(connection, heap, told["areas"], since, at)
    if division.name in changed:
        divisions = _advance_divisions(connection, grid.divisions, since, at)
        if divisions != grid.divisions:
            new["divisions"] = tell_divisions(heap, divisions)
    if department.name in changed:
        new["departments"] = seal(heap, load_departments(connection, at))
    return new


def _advance_units(connection: Connection, heap: Heap, index: PolygonIndex, since: int, at: int) -> PolygonIndex | None:
    over, begun = read_changed(connection, unit, since, at, ("uid", "code", "geom"))
    if len(over["uid"]) + len(begun["uid"]) > LARGE or not len(index):
        return None
    left = slots_of(index, over)
    if left is None:
        return None
    turnover = turnover_of(index, dict(zip(over["uid"].tolist(), left.tolist(), strict=True)), begun)
    try:
        return index.update(turnover, heap)[0]
    except OutOfFrame:
        return None


def slots_of(index: PolygonIndex, units: Columns) -> Indices | None:
    """The slots of units that the index holds, None if it does not. Units do not overlap: a place inside tells."""
    places = shapely.get_coordinates(shapely.point_on_surface(units["geom"].astype(object)))
    slots = index.lowest(places)
    pairs = zip(slots.tolist(), units["code"].tolist(), strict=True)
    same = all(slot >= 0 and index.codes[slot] == code for slot, code in pairs)
    return slots if same and len(np.unique(slots)) == len(slots) else None


def turnover_of(index: PolygonIndex, left: dict[int, int], begun: Columns) -> Turnover:
    """What the change of units is to their index.

    A unit that goes on keeps its slot; a new one takes one that became free, or another behind all.
    """
    staying = set(begun["uid"].tolist())
    free = [slot for uid, slot in left.items() if uid not in staying]
    behind = len(index)
    slots = []
    for uid in begun["uid"].tolist():
        if uid in left:
            slots.append(left[uid])
        elif free:
            slots.append(free.pop())
        else:
            slots.append(behind)
            behind += 1
    return Turnover(tuple(free), tuple(slots), begun["geom"], tuple(begun["code"].tolist()))


def _advance_areas(connection: Connection, heap: Heap, told: Mapping[str, Any], since: int, at: int) -> dict[str, Any]:
    changed: set[str] = set()
    for table, column in ((area, "layer"), (area_layer, "code")):
        for part in read_changed(connection, table, since, at, (column,)):
            changed.update(part[column].tolist())
    if not changed:
        return dict(told)
    fresh = load_areas(connection, at, heap, changed)
    kept = {name: each for name, each in told.items() if name not in changed}
    return dict(sorted({**kept, **{name: layer.tell(heap) for name, layer in fresh.items()}}.items()))


def _advance_divisions(
    connection: Connection, divisions: Mapping[str, DivisionName], since: int, at: int
) -> dict[str, DivisionName]:
    over, begun = read_changed(connection, division, since, at, ("level", "code", "name", "department"))
    new = dict(divisions)
    for code in over["code"].tolist():
        new.pop(code, None)
    new |= {row[1]: DivisionName(*row) for row in zip(*begun.values(), strict=True)}
    return new
