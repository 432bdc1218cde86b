"""Checks of what is in force: a layer is looked at as if it were delivered anew, by the checks of its import."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import numpy as np
from sqlalchemy import Connection

from api.exports import feature_table
from api.imports import OWNED, Options, deliver
from api.layers import find_layer, query_of, table_of
from cases.books import read_rules
from cases.rules import to_row
from gis.errors import Fault, refuse
from gis.layer import Layer
from gis.store.scope import Scope
from gis.store.versions import Columns, read_columns

CHECKABLE = ("divisions", "units", "components", "departments", "rules", "areas.NAME")


def check_layer(connection: Connection, layer_id: str, scope: Scope) -> tuple[int, tuple[Fault, ...]]:
    """How many rows of a layer are in force within scope, and what is wrong with them. Errors: Refusal layer_unknown.

    Rows are not those of any file, so the faults name codes and places.
    """
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
    return len(columns["code"]), tuple(_within(faults, scope, base))


def _check_rows(
    connection: Connection, base: str, layer: Layer, columns: Columns, owner: str | None
) -> Iterable[Fault]:
    kept = np.ones(len(columns["code"]), dtype=bool) if owner is None else columns["owner"] == owner
    mine = {name: column[kept] for name, column in columns.items()}
    table = feature_table(layer, mine)
    table = replace(table, columns={name: column for name, column in table.columns.items() if name != "owner"})
    # Nothing is moved, and no class is taken from a code: what is there is looked at as it is.
    options = Options(owner=owner or "", area_layer=layer.id.partition(".")[2] or None, snap_m=0.0)
    delivery = deliver(connection, base, table, options)
    return [replace(fault, row=None) for fault in delivery.faults]


def _check_rules(connection: Connection, scope: Scope) -> tuple[int, tuple[Fault, ...]]:
    rules = read_rules(connection, scope)
    names = {"class_code": "class"}
    written: list[dict[str, Any]] = [
        {names.get(name, name): value for name, value in to_row(rule).items() if value not in (None, False, "")}
        for rule in rules
    ]
    if not rules:
        return 0, ()
    delivery = deliver(connection, "rules", {"rules": written}, Options())
    return len(rules), tuple(replace(fault, row=None) for fault in delivery.faults)


def _within(faults: Iterable[Fault], scope: Scope, base: str) -> Iterable[Fault]:
    """The faults of what lies in scope: of neighbours beyond it nothing is told."""
    coded = base in ("units", "divisions")
    return [each for each in faults if not coded or each.thing is None or scope.allows_owner(each.thing)]
