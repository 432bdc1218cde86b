"""Exports: a layer as a file, as of any revision, in any CRS."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from numpy.typing import NDArray
from sqlalchemy import Connection, select

from api.layers import find_layer, query_of, table_of
from api.systems import read_systems
from api.transfer.dress import Dress, check_fields, chosen, dressed, style_of
from api.transfer.places import placing
from cases.books import SHEETS, read_rules
from cases.rules import to_table, written
from components.catalogue import local_classes
from components.layers import CATALOGUE, COMPONENTS
from gis.errors import Fault, refuse
from gis.formats import write
from gis.formats.columns import named_once
from gis.formats.outputs import refusing
from gis.formats.pages import spooling
from gis.layer import Layer
from gis.store.scope import EVERYTHING, Scope
from gis.store.tables import revision
from gis.store.versions import Columns, read_pages
from gis.tables import Table

STORED = "EPSG:4490"
PLAIN = Dress()
PAGE = 20_000
"""Rows that are read at once."""


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
    counted: Callable[[str, int], None] = lambda step, done: None,
) -> tuple[int, tuple[Fault, ...]]:
    """Write a layer as it was at revision `at`; tell how many rows, and what the format could not take as it was.

    It is read and written page by page. `told` hears of the steps "read" and "write", `counted` of the rows that each
    has done; both may raise to stop, and then no file is there that was not.
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
    wanted = None if crs is None else read_systems(connection).parse(crs)
    encoding = encoding or ("utf-8-sig" if dress.for_people else None)
    notes = notes_of(connection, layer_id, at)
    with spooling(path) as spool:
        if layer_id == "catalogue":
            layer = CATALOGUE
            spool.add(chosen(_catalogue(connection, at, scope), dress.where))
        else:
            layer = find_layer(connection, layer_id, scope, at)
            query = replace(query_of(layer, scope, at), prefix=prefix)
            heads = Heads(layer)
            place = placing(connection, style_of(dress, path), at) if layer is COMPONENTS else None
            named: dict[str, None] = {}
            done = 0
            for columns in read_pages(connection, table_of(layer), query, PAGE):
                table = heads.table(columns)
                named.update(dict.fromkeys(table.columns))
                kept = chosen(table, dress.where, is_part=True)
                spool.add(kept if place is None else place(kept))
                done += len(table)
                counted("read", done)
            check_fields(list(named), dress.where)
        told("write")
        pages = spool.pages(notes).through(partial(dressed, layer=layer, dress=dress, path=path))
        pages = replace(pages, tables=partial(_counting, pages.tables, partial(counted, "write")))
        return pages.count, write(path, pages, layer=layer_id, encoding=encoding, crs=wanted, notes=notes)


def _counting(tables: Callable[[], Iterator[Table]], counted: Callable[[int], None]) -> Iterator[Table]:
    done = 0
    for table in tables():
        yield table
        done += len(table)
        counted(done)


def notes_of(connection: Connection, layer_id: str, at: int) -> dict[str, Any]:
    """What an export says of itself: so an import can tell from which revision the file was begun."""
    recorded = connection.execute(select(revision.c.recorded_at).where(revision.c.number == at)).scalar()
    moment = None if recorded is None else recorded.isoformat()
    return {"layer": layer_id, "revision": at, "recorded_at": moment}


class Heads:
    """The columns of a layer's file: its fields, and what was delivered beyond them under its own names.

    These are known page by page, and keep the head that they got first.
    """

    def __init__(self, layer: Layer) -> None:
        self.layer = layer
        self.shown = [field.name for field in layer.shown]
        if layer.table not in ("unit", "division"):
            self.shown.append("owner")
        self.documents = [field.name for field in layer.fields if field.type == "document"]
        self.heads: dict[tuple[str, str], str] = {}

    def table(self, columns: Columns) -> Table:
        """The shown fields and the geometry of versions, with the columns that any page has had until now."""
        count = len(columns["code"])
        shown = {name: columns[name] for name in self.shown if name in columns}
        for name in self.documents:
            for key in dict.fromkeys(key for document in columns[name] for key in document or {}):
                self._head(name, key)
        for (name, key), head in self.heads.items():
            shown[head] = _objects([(document or {}).get(key) for document in columns[name]])
        geometry = columns["geom"] if self.layer.geometry != "none" else None
        crs = STORED if geometry is not None else None
        return Table(shown, geometry, crs, np.arange(1, count + 1), self.layer.id)

    def _head(self, document: str, key: str) -> None:
        """A file may bring a column of its own beside the one mapped to a field of that name."""
        if (document, key) not in self.heads:
            prefix = "id." if document == "ids" else ""
            self.heads[document, key] = named_once([*self.shown, *self.heads.values(), prefix + key])[-1]


def feature_table(layer: Layer, columns: Columns) -> Table:
    """The table of some versions by themselves."""
    return Heads(layer).table(columns)


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
    with refusing(path):
        scratch.write_text(text, encoding="utf-8")
        scratch.replace(path)
    return len(rules)
