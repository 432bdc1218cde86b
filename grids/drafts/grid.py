"""The grid as a draft leaves it: that of its revision, with the parts that the draft changes made anew."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from sqlalchemy import Table

from gis.heap.lines import Heap, MemoryHeap
from gis.locate import OutOfFrame, PolygonIndex
from gis.store.versions import Columns
from grids.advance import slots_of, turnover_of
from grids.drafts.sketch import Sketch, Standing
from grids.edits.value import DIVISIONS, GAPS, UNITS, Feature
from grids.features import AREAS
from grids.lookup import AreaLayer, DivisionName, Grid
from grids.tables import area, area_layer, department, gap, unit


def drafted_grid(standing: Standing, sketch: Sketch, grid: Grid, heap: Heap | None) -> Grid:
    """The grid once the edits of a sketch hold, from that of its revision.

    `heap` continues the one in which the units of `grid` lie, for this caller alone; without it they are copied.
    """
    edit = sketch.edit
    layers = {each.layer for each in (*edit.ended, *edit.begun)}
    if UNITS in layers:
        grid = replace(grid, units=_units(standing, sketch, grid.units, heap))
    if GAPS in layers:
        gaps = columns_of(standing, GAPS, gap, ("name", "geom"))
        grid = replace(grid, gaps=PolygonIndex.build(gaps["geom"], gaps["code"]), gap_names=gaps["name"])
    if DIVISIONS in layers:
        grid = replace(grid, divisions=_divisions(sketch, grid))
    if "departments" in layers:
        rows = standing.rows("departments", department, ("name", "parent", "ids"))
        members = ("code", "name", "parent", "ids")
        grid = replace(grid, departments={row["code"]: {name: row[name] for name in members} for row in rows})
    named = {each.removeprefix(AREAS) for each in layers if each.startswith(AREAS)}
    named |= {each.code for each in (*edit.ended, *edit.begun) if each.layer == "area_layers"}
    if named:
        grid = replace(grid, areas=_areas(standing, grid.areas, named))
    return grid


def columns_of(standing: Standing, layer: str, table: Table, names: tuple[str, ...]) -> Columns:
    """The rows of a layer as a draft leaves it, one object array a column, in the order that they will have.

    That order decides which of two equally near components is meant. Uids that are given later are above all others.
    """
    rows = sorted(standing.rows(layer, table, names), key=lambda row: (row["code"], row["uid"] < 0, abs(row["uid"])))
    return {name: _objects([row[name] for row in rows]) for name in ("uid", "code", *names)}


def _units(standing: Standing, sketch: Sketch, index: PolygonIndex, heap: Heap | None) -> PolygonIndex:
    over = _columns([each for each in sketch.edit.ended if each.layer == UNITS])
    begun = _columns([each for each in sketch.edit.begun if each.layer == UNITS])
    slots = slots_of(index, over)
    if slots is not None:
        left = dict(zip(over["uid"].tolist(), slots.tolist(), strict=True))
        try:
            base = index if heap is not None else index.copied(MemoryHeap())
            return base.update(turnover_of(index, left, begun), heap)[0]
        except OutOfFrame:
            pass  # a unit far out: the cells do not reach there
    everything = columns_of(standing, UNITS, unit, ("geom",))
    return PolygonIndex.build(everything["geom"], everything["code"], trusted=True)


def _divisions(sketch: Sketch, grid: Grid) -> Mapping[str, DivisionName]:
    divisions = dict(grid.divisions)
    for each in sketch.edit.ended:
        if each.layer == DIVISIONS:
            divisions.pop(each.code, None)
    for each in sketch.edit.begun:
        if each.layer == DIVISIONS:
            level = grid.profile.level_of(each.code)
            name, department = each.attributes["name"], each.attributes.get("department")
            divisions[each.code] = DivisionName(level.id if level else "", each.code, name, department)
    return divisions


def _areas(standing: Standing, areas: Mapping[str, AreaLayer], named: set[str]) -> Mapping[str, AreaLayer]:
    declared = list(standing.rows("area_layers", area_layer, ("owner", "overlap")))
    made = {name: layer for name, layer in areas.items() if name not in named}
    for name in named & {row["code"] for row in declared}:
        part = columns_of(standing, f"{AREAS}{name}", area, ("name", "owner", "department", "priority", "geom"))
        made[name] = AreaLayer(
            name,
            PolygonIndex.build(part["geom"], part["code"]),
            part["code"],
            part["name"],
            part["owner"],
            part["department"],
            part["priority"].astype(np.int64),
            {row["owner"]: row["overlap"] for row in declared if row["code"] == name},
        )
    return dict(sorted(made.items()))


def _columns(features: list[Feature]) -> Columns:
    return {
        "uid": _objects([each.uid for each in features]),
        "code": _objects([each.code for each in features]),
        "geom": _objects([each.polygon for each in features]),
    }


def _objects(values: list[Any]) -> Any:
    return np.fromiter(values, dtype=object, count=len(values))
