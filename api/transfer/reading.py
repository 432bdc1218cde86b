"""What is imported, as a table: a file, or components of several parts joined; its columns found by their heads."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from api.systems import read_systems
from api.transfer.fields import NONE, NOTHING, PLACES, find_fields, meant_by, recognised
from api.transfer.joining import named_alone, read_joined
from api.transfer.origins import Origin
from api.transfer.rejects import without_reasons
from components.surveys.contents import is_several
from gis.errors import refuse
from gis.formats import read
from gis.store.engine import Store, reading
from gis.tables import Table
from gis.texts import fill

if TYPE_CHECKING:
    from api.transfer.imports import Options


def knowing(store: Store, options: "Options") -> "Options":
    """The options with the local systems of the store known, also the one that they may name."""
    with reading(store.world) as connection:
        systems = read_systems(connection)
    return replace(options, systems=systems, crs=systems.find(options.crs))


def read_delivery(store: Store, layer: str, path: Path, options: "Options") -> tuple[Table, "Options", Origin]:
    """The delivery as a table, and the options with the columns of the profile that was named, else recognised.

    Components may come in several parts (`components.surveys.contents`), which are joined; the origin tells of which
    file a row is. What is mapped to x and y tells a CSV or a sheet where its points are. Errors: those of
    `gis.formats.read`, fields_unknown, delivery_empty.
    """
    if layer == "components" and options.layer is None and is_several(path):
        with reading(store.world) as connection:
            table, origin = read_joined(connection, path, options)
        return table, replace(options, mapping={}, texts={}, crs=None, class_code=None), origin
    table, options = _read_single(store, layer, path, options)
    if layer == "components":
        with reading(store.world) as connection:
            table, options = named_alone(connection, path, table, options)
    return table, options, Origin()


def _read_single(store: Store, layer: str, path: Path, options: "Options") -> tuple[Table, "Options"]:
    mapping, texts = options.mapping, options.texts
    with reading(store.world) as connection:
        named = None if options.fields in (None, NONE) else find_fields(connection, str(options.fields), layer)
        places = {name: head for name, head in (named.columns if named else {}).items() if name in PLACES}
        table = read_table(path, options, {**places, **mapping})
        if named is not None:
            meant = meant_by(named, table, own_first=False)
        else:
            meant, table = recognised(connection, table, layer) if options.fields is None else (NOTHING, table)
    meant = meant.under(mapping, texts)
    if named is None and not meant.columns.keys().isdisjoint(PLACES) and mapping.keys().isdisjoint(PLACES):
        table = replace(read_table(path, options, meant.columns), faults=table.faults)
    columns = {name: head for name, head in meant.columns.items() if name not in PLACES}
    return table, replace(options, mapping=columns, texts=meant.texts)


def filled(table: Table, options: "Options") -> tuple[Table, "Options"]:
    """The table with the columns that texts make, and the options with these columns mapped."""
    table, made = fill(table, options.texts)
    return table, replace(options, mapping={**options.mapping, **made}, texts={})


def read_table(path: Path, options: "Options", mapping: Mapping[str, str] | None = None) -> Table:
    """The file as a table; what is mapped to x and y, in the options or as given, tells a CSV where its points are."""
    mapping = options.mapping if mapping is None else mapping
    xy = {f"{axis}_column": mapping[name] for axis, name in zip("xy", PLACES, strict=True) if name in mapping}
    table = read(path, layer=options.layer, crs=options.crs, encoding=options.encoding, **xy)
    return without_reasons(replace(table, crs=options.systems.find(table.crs)))


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
