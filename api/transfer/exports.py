"""Exports: a layer as a file, as of any revision, in any CRS."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from numpy.typing import NDArray
from sqlalchemy import Connection, select

from api.layers import find_layer, query_of, table_of
from api.systems import read_systems
from api.transfer.dress import Dress, chosen, dressed, style_of
from api.transfer.places import placed
from cases.books import SHEETS, read_rules
from cases.rules import to_table, written
from components.catalogue import local_classes
from components.layers import CATALOGUE, COMPONENTS
from gis.errors import Fault, refuse
from gis.formats import write
from gis.formats.columns import named_once
from gis.layer import Layer
from gis.store.scope import EVERYTHING, Scope
from gis.store.tables import revision
from gis.store.versions import Columns, read_columns
from gis.tables import Table

STORED = "EPSG:4490"
PLAIN = Dress()


def export_layer(
    connection: Connection,
    layer_id: str,
    path: Path,
    *,
    at: int,
    scope: Scope = EVERYTHING,
    prefix: str = "",
    crs: str | None = None,
    encoding: str | None = None,
    dress: Dress = PLAIN,
    told: Callable[[str], None] = lambda step: None,
) -> tuple[int, tuple[Fault, ...]]:
    """Write a layer as it was at revision `at`; tell how many rows, and what the format could not take as it was.

    `told` hears of the steps "read" and "write", and may raise to stop.
    """
    told("read")
    if layer_id == "rules":
        if dress != PLAIN:
            raise refuse(
                "rules_as_they_are",
                "Rules are written whole and as they are imported: without heads, conditions, or a form for people.",
                "指挥手册只能按导入格式整体导出，不支持表头、筛选条件和人工阅读格式。",
            )
        return _export_rules(connection, path, at, scope, encoding), ()
    if layer_id == "catalogue":
        layer, table = CATALOGUE, _catalogue(connection, at, scope)
    else:
        layer = find_layer(connection, layer_id, scope, at)
        columns = read_columns(connection, table_of(layer), replace(query_of(layer, scope, at), prefix=prefix))
        table = feature_table(layer, columns)
    wanted = None if crs is None else read_systems(connection).parse(crs)
    table = chosen(table, dress.where)
    if layer is COMPONENTS:
        table = placed(connection, table, style_of(dress, path), at)
    table = dressed(table, layer, dress, path)
    encoding = encoding or ("utf-8-sig" if dress.for_people else None)
    told("write")
    notes = notes_of(connection, layer_id, at)
    return len(table), write(path, table, layer=layer_id, encoding=encoding, crs=wanted, notes=notes)


def notes_of(connection: Connection, layer_id: str, at: int) -> dict[str, Any]:
    """What an export says of itself: so an import can tell from which revision the file was begun."""
    recorded = connection.execute(select(revision.c.recorded_at).where(revision.c.number == at)).scalar()
    moment = None if recorded is None else recorded.isoformat()
    return {"layer": layer_id, "revision": at, "recorded_at": moment}


def feature_table(layer: Layer, columns: Columns) -> Table:
    """The shown fields and the geometry of versions, with what was delivered beyond the fields as further columns."""
    count = len(columns["code"])
    shown = {field.name: columns[field.name] for field in layer.shown}
    if "owner" in columns and layer.table not in ("unit", "division"):
        shown["owner"] = columns["owner"]
    documents = [field.name for field in layer.fields if field.type == "document"]
    for name in documents:
        prefix = "id." if name == "ids" else ""
        keys = dict.fromkeys(key for document in columns[name] for key in document or {})
        for key, head in zip(keys, named_once([*shown, *(prefix + key for key in keys)])[len(shown) :], strict=True):
            # A file may bring a column of its own beside the one mapped to a field of that name.
            shown[head] = _objects([(document or {}).get(key) for document in columns[name]])
    geometry = columns["geom"] if layer.geometry != "none" else None
    return Table(shown, geometry, STORED if geometry is not None else None, np.arange(1, count + 1), layer.id)


def _objects(values: list[Any]) -> NDArray[Any]:
    return np.fromiter(values, dtype=object, count=len(values))


def _catalogue(connection: Connection, at: int, scope: Scope) -> Table:
    """The local classes; the national ones ship with the product and are not imported."""
    classes = sorted(local_classes(connection, scope, at), key=lambda each: (each.owner, each.key))
    columns: dict[str, Any] = {}
    for name in (*(field.name for field in CATALOGUE.fields), "owner"):
        columns[name] = _objects([getattr(each, name) for each in classes])
    return Table(columns, None, None, np.arange(1, len(classes) + 1), "catalogue")


def _export_rules(connection: Connection, path: Path, at: int, scope: Scope, encoding: str | None) -> int:
    """The rule book as YAML or, where the suffix says so, a table: as it is imported; `owner` stands at each rule."""
    rules = [written(rule) for rule in read_rules(connection, scope, at)]
    if path.suffix.lower() in SHEETS:
        write(path, to_table(rules), layer="rules", encoding=encoding, notes=notes_of(connection, "rules", at))
        return len(rules)
    owners = {rule.get("owner") for rule in rules}
    if len(owners) > 1 or None in owners:
        document: dict[str, Any] = {"rules": rules}
    else:
        document = {"owner": owners.pop()} if owners else {}
        document["rules"] = [{k: v for k, v in rule.items() if k != "owner"} for rule in rules]
    text = yaml.safe_dump(document, allow_unicode=True, sort_keys=False)
    scratch = path.with_name(f".{path.name}.part")
    try:
        scratch.write_text(text, encoding="utf-8")
        scratch.replace(path)
    except OSError as error:
        raise refuse(
            "file_unwritable",
            f"{path} cannot be written: {error.strerror or error}.",
            f"无法写入 {path}：{error.strerror or error}。",
            kind="unavailable",
        ) from error
    return len(rules)
