"""Layers and their rows as a draft would have them: what its tiles draw, its OGC API gives and its checks look at.

A sketch without edits stands for a revision as it is.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np
from sqlalchemy import Connection

from api.layers import AREA_LAYERS, FIXED, layer_unknown, query_of, table_of
from gis.layer import Layer
from gis.store.scope import Scope
from gis.store.versions import Box, Columns, read_columns, read_rows
from gis.store.vicinity import read_around
from grids.drafts.sketch import Sketch
from grids.features import row_of
from grids.layers import area_layer

FIRST_NEW = 2**53
"""New things have numbers below this one, downwards, until they are published: the last that JavaScript counts with."""


def is_touched(sketch: Sketch, layer: Layer) -> bool:
    """Whether a draft changes anything of a layer."""
    part = sketch.part(layer.id)
    return bool(part.gone or part.begun)


def drafted_layers(connection: Connection, sketch: Sketch, scope: Scope) -> Iterator[Layer]:
    """Every layer in scope: the fixed ones, then one for each layer of areas, those that the draft adds too."""
    yield from (layer for layer in FIXED if scope.allows_layer(layer.id))
    declared = drafted_columns(connection, sketch, AREA_LAYERS, scope, None, ("code", "title"))
    titles: dict[str, str] = {}
    for code, title in zip(declared["code"], declared["title"], strict=True):
        titles.setdefault(code, title)
    made = (area_layer(code, title) for code, title in titles.items())
    yield from (layer for layer in made if scope.allows_layer(layer.id))


def drafted_layer(connection: Connection, sketch: Sketch, layer_id: str, scope: Scope) -> Layer:
    """The layer of this id. Errors: Refusal layer_unknown (missing)."""
    for layer in drafted_layers(connection, sketch, scope):
        if layer.id == layer_id:
            return layer
    raise layer_unknown(layer_id)


def drafted_columns(
    connection: Connection, sketch: Sketch, layer: Layer, scope: Scope, box: Box | None, names: Iterable[str]
) -> Columns:
    """The named columns of the rows whose box meets `box`, or of all, by code and uid."""
    table = table_of(layer)
    if box is None and not is_touched(sketch, layer):
        return read_columns(connection, table, query_of(layer, scope, sketch.at), tuple(names))
    part = sketch.part(layer.id)
    stored: Iterable[Mapping[str, Any]]
    if box is None:
        stored = read_rows(connection, table, query_of(layer, scope, sketch.at))
    else:
        where = layer.where or {}
        near = read_around(connection, table, sketch.at, box)
        stored = (row for row in near if all(row[name] == value for name, value in where.items()))
    rows = [row for row in stored if row["uid"] not in part.gone and scope.allows_owner(row["owner"])]
    for each in part.begun if box is None else part.meeting(box):
        row = row_of(each, table, sketch.ground.profile)
        if scope.allows_owner(row["owner"]):
            rows.append({**row, "uid": row["uid"] if row["uid"] > 0 else FIRST_NEW + row["uid"]})
    rows.sort(key=lambda row: (row["code"], row["uid"]))
    return {name: np.fromiter((row[name] for row in rows), dtype=object, count=len(rows)) for name in names}
