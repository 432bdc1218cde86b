"""The layers that the service shows, read from one place: for OGC, tiles, export and the page's list."""

from collections.abc import Iterator

from sqlalchemy import Connection, Table, func, select

from components.layers import COMPONENTS
from gis.errors import refuse
from gis.layer import Layer
from gis.store.scope import Scope
from gis.store.tables import WORLD
from gis.store.versions import Query, read_rows
from grids.layers import DEPARTMENTS, DIVISIONS, GAPS, UNITS, area_layer
from grids.tables import area_layer as area_layer_table

FIXED = (UNITS, DIVISIONS, GAPS, COMPONENTS, DEPARTMENTS)


def list_layers(connection: Connection, scope: Scope, at: int | None = None) -> Iterator[Layer]:
    """Every layer in scope: the fixed ones, then one for each layer of areas."""
    yield from (layer for layer in FIXED if scope.allows_layer(layer.id))
    seen = set()
    for row in read_rows(connection, area_layer_table, Query(scope, at=at)):
        layer = area_layer(row["code"], row["title"])
        if layer.id not in seen and scope.allows_layer(layer.id):
            seen.add(layer.id)
            yield layer


def find_layer(connection: Connection, layer_id: str, scope: Scope, at: int | None = None) -> Layer:
    """The layer of this id. Errors: Refusal layer_unknown (missing)."""
    for layer in list_layers(connection, scope, at):
        if layer.id == layer_id:
            return layer
    raise refuse("layer_unknown", f"There is no layer {layer_id}.", f"没有图层 {layer_id}。", kind="missing")


def table_of(layer: Layer) -> Table:
    """The versioned table of a layer."""
    return WORLD.tables[layer.table]


def query_of(layer: Layer, scope: Scope, at: int | None = None) -> Query:
    """The query for all rows of a layer; narrow it with `dataclasses.replace`."""
    return Query(scope, at=at, where=layer.where)


def last_change(connection: Connection, layer: Layer, at: int) -> int:
    """The last revision up to `at` in which a row of the layer began or ended, 0 when none did."""
    table = table_of(layer)
    meant = [table.c[name] == value for name, value in (layer.where or {}).items()]
    ends = (table.c.from_revision, table.c.to_revision)
    found = [connection.execute(select(func.max(end)).where(end <= at, *meant)).scalar() for end in ends]
    return max(number or 0 for number in found)
