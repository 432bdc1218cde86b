"""Checks of what is in force: of the grid by the named checks, of other layers as if they were delivered anew."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import shapely
from sqlalchemy import Connection

from api.exports import feature_table
from api.imports import OWNED, Options, deliver
from api.layers import find_layer, query_of, table_of
from cases.books import read_rules
from cases.rules import to_row
from components.tables import component
from gis.errors import Fault, refuse
from gis.layer import Layer
from gis.store.revisions import read_settings
from gis.store.scope import Scope
from gis.store.versions import Columns, Query, read_columns
from grids import checks
from grids.profiles import GBT, read_profile
from grids.tables import division, gap, unit

CHECKABLE = ("divisions", "units", "components", "departments", "rules", "areas.NAME")
Found = tuple[int, list[dict[str, Any]]]
"""How many rows were looked at, and the faults as JSON members."""


def check_layer(
    connection: Connection, layer_id: str, scope: Scope, told: Callable[[float], None] = lambda share: None
) -> Found:
    """What is wrong with the rows of a layer that are in force within scope; `told` hears the share that is done.

    Rows are not those of any file, so the faults name codes and places. Errors: Refusal layer_unknown.
    """
    told(0.0)
    if layer_id == "units":
        return _check_grid(connection, scope, told)
    if layer_id == "rules":
        return _check_rules(connection, scope)
    base = layer_id.partition(".")[0]
    if base not in {name.partition(".")[0] for name in CHECKABLE}:
        raise refuse(
            "layer_unknown",
            f"There are no checks of {layer_id[:60]}; there are of {', '.join(CHECKABLE)}.",
            f"图层 {layer_id[:60]} 没有检查项；可检查：{'、'.join(CHECKABLE)}。",
            kind="missing",
        )
    layer = find_layer(connection, layer_id, scope)
    columns = read_columns(connection, table_of(layer), query_of(layer, scope))
    faults: list[Fault] = []
    for owner in sorted(set(columns["owner"].tolist())) if base in OWNED else [None]:
        faults += _check_rows(connection, base, layer, columns, owner)
    if base == "divisions":  # of others than those in scope nothing is told
        faults = [each for each in faults if each.thing is None or scope.allows_owner(each.thing)]
    return len(columns["code"]), [fault.as_dict() for fault in faults]


def _check_grid(connection: Connection, scope: Scope, told: Callable[[float], None]) -> Found:
    """The named checks over units, named gaps and divisions, and over how many components units have."""
    kept = read_settings(connection).get("profile")
    profile = read_profile(kept) if kept else GBT
    units = read_columns(connection, unit, Query(scope), ("uid", "code", "geom"))
    gaps = read_columns(connection, gap, Query(scope), ("uid", "name", "geom"))
    divisions = read_columns(connection, division, Query(scope), ("uid", "code"))
    things = read_columns(connection, component, Query(scope), ("class_code", "geom"))
    subject = checks.Subject(
        checks.Units.of(units["uid"], units["code"], units["geom"]),
        checks.Gaps.of(gaps["uid"], gaps["name"], gaps["geom"]),
        checks.Divisions.of(divisions["uid"], divisions["code"]),
        components=_places(things),
        profile=profile,
        targets=checks.Targets.of_profile(profile),
    )
    return len(units["code"]), checks.run(subject, progress=told).as_dict()["findings"]


def _places(things: Columns) -> checks.Components:
    there = ~shapely.is_missing(things["geom"]) & ~shapely.is_empty(things["geom"])
    places = shapely.point_on_surface(things["geom"][there])
    return checks.Components(shapely.get_coordinates(places), things["class_code"][there])


def _check_rows(
    connection: Connection, base: str, layer: Layer, columns: Columns, owner: str | None
) -> Iterable[Fault]:
    """The faults that a delivery of these rows would have."""
    kept = np.ones(len(columns["code"]), dtype=bool) if owner is None else columns["owner"] == owner
    table = feature_table(layer, {name: column[kept] for name, column in columns.items()})
    table = replace(table, columns={name: column for name, column in table.columns.items() if name != "owner"})
    options = Options(owner=owner or "", area_layer=layer.id.partition(".")[2] or None)
    return [replace(fault, row=None) for fault in deliver(connection, base, table, options).faults]


def _check_rules(connection: Connection, scope: Scope) -> Found:
    rules = [_written(to_row(rule)) for rule in read_rules(connection, scope)]
    if not rules:
        return 0, []
    delivery = deliver(connection, "rules", {"rules": rules}, Options())
    return len(rules), [replace(fault, row=None).as_dict() for fault in delivery.faults]


def _written(row: Mapping[str, Any]) -> dict[str, Any]:
    """A rule's members under the names of the file, without those that say nothing."""
    said = {name: value for name, value in row.items() if value not in (None, False, "")}
    return {{"class_code": "class"}.get(name, name): value for name, value in said.items()}
