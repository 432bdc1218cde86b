"""The layers that the service shows, read from one place: for OGC, tiles, export and the page's list."""

from collections.abc import Iterator
from dataclasses import replace

from sqlalchemy import Connection, Table, func, select

from components.layers import CATALOGUE, COMPONENTS
from gis.errors import Refusal, refuse
from gis.layer import Field, Layer
from gis.store.scope import Scope
from gis.store.tables import WORLD
from gis.store.versions import Query, read_rows
from grids.layers import (
    AREA_FIELDS,
    ATTRIBUTES,
    CODE,
    DEPARTMENTS,
    DIVISIONS,
    GAPS,
    NAME,
    NAME_EN,
    UNITS,
    area_layer,
    reference_layer,
)
from grids.tables import area_layer as area_layer_table
from grids.tables import reference_layer as reference_layer_table

FIXED = (UNITS, DIVISIONS, GAPS, COMPONENTS, DEPARTMENTS)
AREA_LAYERS = Layer(
    "area_layers",
    "Layers of areas",
    "责任片区图层",
    "area_layer",
    "none",
    (CODE, Field("title", "text", "title", "名称"), Field("overlap", "text", "overlap", "重叠")),
)
AREAS = Layer("areas", "Areas", "责任片区", "area", "polygon", AREA_FIELDS)
REFERENCE_LAYERS = Layer(
    "reference_layers",
    "Reference layers",
    "参考图层",
    "reference_layer",
    "none",
    (CODE, Field("title", "text", "title", "名称"), Field("license", "text", "licence", "许可")),
)
REFERENCES = Layer(
    "references", "Features of reference layers", "参考要素", "reference", "mixed", (CODE, NAME, NAME_EN, ATTRIBUTES)
)
RULES = Layer("rules", "Rules", "指挥手册", "rule", "none", (CODE, Field("document", "document", "rule", "规则")))
SOURCES = Layer(
    "sources",
    "Sources of cases",
    "案件来源",
    "case_source",
    "none",
    (CODE, Field("document", "document", "settings", "设置")),
)
# All that is revisioned, whoever is named by others before those who name them.
REVISIONED = (
    DEPARTMENTS,
    DIVISIONS,
    UNITS,
    GAPS,
    AREA_LAYERS,
    AREAS,
    CATALOGUE,
    COMPONENTS,
    RULES,
    SOURCES,
    REFERENCE_LAYERS,
    REFERENCES,
)


def list_layers(connection: Connection, scope: Scope, at: int | None = None) -> Iterator[Layer]:
    """Every layer in scope: the fixed ones, one for each layer of areas, the reference layers."""
    yield from (layer for layer in FIXED if scope.allows_layer(layer.id))
    seen = set()
    for row in read_rows(connection, area_layer_table, Query(scope, at=at)):
        layer = area_layer(row["code"], row["title"])
        if layer.id not in seen and scope.allows_layer(layer.id):
            seen.add(layer.id)
            yield layer
    yield from reference_layers(connection, scope, at)


def reference_layers(connection: Connection, scope: Scope, at: int | None = None) -> Iterator[Layer]:
    """The reference layers in scope, by name."""
    for row in read_rows(connection, reference_layer_table, Query(scope, at=at)):
        if scope.allows_layer(row["code"]):
            yield reference_layer(row)


def find_layer(connection: Connection, layer_id: str, scope: Scope, at: int | None = None) -> Layer:
    """The layer of this id. Errors: Refusal layer_unknown (missing)."""
    for layer in list_layers(connection, scope, at):
        if layer.id == layer_id:
            return layer
    raise layer_unknown(layer_id)


def revisioned_layers(connection: Connection, layer_id: str | None, scope: Scope) -> list[Layer]:
    """All revisioned layers in scope, or the one of this id: also `areas.NAME`, of any time. Errors: layer_unknown."""
    if layer_id is None:
        allowed = scope.layers or ()
        of_areas = any(name.startswith("areas.") for name in allowed)
        return [each for each in REVISIONED if scope.allows_layer(each.id) or (each is AREAS and of_areas)]
    if scope.allows_layer(layer_id):
        for each in REVISIONED:
            if each.id == layer_id:
                return [each]
        name = layer_id.removeprefix("areas.")
        known = select(area_layer_table.c.uid).where(
            area_layer_table.c.code == name, scope.clause(area_layer_table.c.owner)
        )
        if name != layer_id and connection.execute(known.limit(1)).first() is not None:
            return [replace(AREAS, id=layer_id, where={"layer": name})]
        declared = select(reference_layer_table.c.uid).where(
            reference_layer_table.c.code == layer_id, scope.clause(reference_layer_table.c.owner)
        )
        if connection.execute(declared.limit(1)).first() is not None:
            return [replace(REFERENCES, id=layer_id, where={"layer": layer_id})]
    raise layer_unknown(layer_id)


def layer_unknown(layer_id: str) -> Refusal:
    shown = layer_id[:80]
    return refuse("layer_unknown", f"There is no layer {shown}.", f"没有图层 {shown}。", kind="missing")


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
    found = [select(func.max(end)).where(end <= at, *meant).scalar_subquery() for end in ends]
    return max(number or 0 for number in connection.execute(select(*found)).one())
