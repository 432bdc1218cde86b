"""What is imported: a file, or components of several parts joined; its columns found by their heads."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from api.systems import read_systems
from api.transfer.fields import NONE, NOTHING, PLACES, Meant, find_fields, meant_by, recognised
from api.transfer.joining import named_alone, read_joined
from api.transfer.pieces import Pieces, axes_of, opened
from components.surveys.contents import is_several
from gis.errors import refuse
from gis.store.engine import Store, reading
from gis.tables import Table
from gis.texts import fill

if TYPE_CHECKING:
    from api.transfer.imports import Options

OWNED = frozenset({"areas", "departments", "components", "catalogue"})  # what --owner is for; rules name their own


def knowing(store: Store, options: "Options") -> "Options":
    """The options with the local systems of the store known, also the one that they may name."""
    with reading(store.world) as connection:
        systems = read_systems(connection)
    return replace(options, systems=systems, crs=systems.find(options.crs))


def open_delivery(
    store: Store, layer: str, path: Path, options: "Options", size: int | None
) -> tuple[Pieces, "Options"]:
    """The delivery in tables of at most `size` rows (None: of all), and the options as they then are: with the columns
    of the profile that was named, else recognised in the first table.

    Components may come in several parts (`components.surveys.contents`), which are joined. What is mapped to x and y
    tells a CSV or a sheet where its points are. Errors: those of `gis.formats.read_pieces`, fields_unknown,
    delivery_empty.
    """
    if layer == "components" and options.layer is None and is_several(path):
        with reading(store.world) as connection:
            table, origin = read_joined(connection, path, options)
        options = replace(options, mapping={}, texts={}, crs=None, class_code=None)
        return Pieces(path, options, (None, None), None, _settling(layer, options), only=table, origin=origin), options
    alone = False

    def peek(columns: Mapping[str, str]) -> Table:
        nonlocal alone
        tables = opened(path, options, axes_of(columns), size)
        first = next(tables)
        alone = next(tables, None) is None
        return first

    first, meant = _understood(store, layer, options, peek)
    _, made = fill(first.part(np.zeros(len(first), dtype=bool)), meant.texts)
    columns = {name: head for name, head in meant.columns.items() if name not in PLACES}
    settled = replace(options, mapping={**columns, **made}, texts={})
    held_against = None
    if layer == "components":
        with reading(store.world) as connection:
            settled, held_against = named_alone(connection, path, settled)
    settle = _settling(layer, settled, meant.texts, held_against)
    axes = axes_of(meant.columns)
    if alone:
        return Pieces(path, settled, axes, size, settle, only=first), settled
    told = tuple(fault for fault in first.faults if fault.code.startswith("fields_"))
    return Pieces(path, settled, axes, size, settle, told), settled


def _settling(
    layer: str,
    options: "Options",
    texts: Mapping[str, str] | None = None,
    held_against: Callable[[Table], Table] | None = None,
) -> Callable[[Table], Table]:
    """What is done to every table of a delivery."""

    def settle(table: Table) -> Table:
        table, _ = fill(table, texts or {})
        table = of_owner(table, options.owner) if layer in OWNED else table
        return table if held_against is None else held_against(table)

    return settle


def _understood(
    store: Store, layer: str, options: "Options", reader: Callable[[Mapping[str, str]], Table]
) -> tuple[Table, Meant]:
    """What the reader gives with these columns for x and y, and what a profile or the caller means of it."""
    mapping = options.mapping
    with reading(store.world) as connection:
        named = None if options.fields in (None, NONE) else find_fields(connection, str(options.fields), layer)
        places = {name: head for name, head in (named.columns if named else {}).items() if name in PLACES}
        table = reader({**places, **mapping})
        if named is not None:
            meant = meant_by(named, table, own_first=False)
        else:
            meant, table = recognised(connection, table, layer) if options.fields is None else (NOTHING, table)
    meant = replace(meant, columns={**places, **meant.columns}).under(mapping, options.texts)
    if named is None and not meant.columns.keys().isdisjoint(PLACES) and mapping.keys().isdisjoint(PLACES):
        table = replace(reader(meant.columns), faults=table.faults)
    return table, meant


def of_owner(table: Table, owner: str) -> Table:
    """The table without the column `owner` that an export writes, once it is sure that it means the same owner.

    A column of that name that holds no division codes is an attribute like any other. Errors: Refusal owner_differs.
    """
    if "owner" not in table.columns or not len(table):
        return table
    named = {"" if value is None else str(value) for value in table.columns["owner"].tolist()}
    if not all(not code or (code.isascii() and code.isdigit()) for code in named):
        return table
    if named != {owner}:
        shown = ", ".join(sorted(code or "''" for code in named))
        raise refuse(
            "owner_differs",
            f"The column owner names {shown}, the command {owner or 'no owner'}: say --owner {shown}, one owner a "
            "file, or give the column another name.",
            f"owner 列为 {shown}，而命令指定的归属为“{owner}”：请用 --owner {shown}（每个文件一个归属），"
            "或将该列改名。",
        )
    return replace(table, columns={name: column for name, column in table.columns.items() if name != "owner"})
