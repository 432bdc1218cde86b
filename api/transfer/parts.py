"""The parts of a delivery of components as tables: the fields of each found in its own heads, in its own system."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import chain
from typing import TYPE_CHECKING

from sqlalchemy import Connection

from api.transfer.fields import LAYERS, NONE, NOTHING, PLACES, Meant, find_fields, meant_by, recognised
from api.transfer.pieces import axes_of
from api.transfer.rejects import without_reasons
from components.surveys.contents import Part
from components.surveys.naming import Named
from gis.errors import Fault
from gis.formats import PIECE, read_pieces
from gis.intake import renamed
from gis.tables import Table
from gis.texts import fill

if TYPE_CHECKING:
    from api.transfer.imports import Options


def read_part(
    connection: Connection, part: Part, named: Named, options: "Options", size: int = PIECE
) -> Iterator[Table] | None:
    """The rows of a part of components, in pieces, every field under its own name; None for what is no layer at all.

    Errors: those of `gis.formats.read`, also while it goes on; fields_unknown.
    """
    systems, mapping = options.systems, options.mapping
    crs, encoding = systems.find(named.crs) or options.crs, named.encoding or options.encoding

    def pieces(columns: Mapping[str, str]) -> Iterator[Table]:
        axes = axes_of(columns)
        return read_pieces(part.path, layer=part.layer, crs=crs, encoding=encoding, axes=axes, size=size)

    tables = pieces(mapping)
    first = next(tables)
    meant, told = _meant(connection, first, options.fields)
    meant = meant.under(mapping, options.texts)
    columns = meant.columns
    if not columns.keys().isdisjoint(PLACES) and mapping.keys().isdisjoint(PLACES):
        tables = pieces(columns)
        first = next(tables)
    first = replace(first, faults=(*first.faults, *told))
    columns = {name: head for name, head in columns.items() if name not in PLACES}

    def ready(table: Table) -> Table:
        table = without_reasons(replace(table, crs=systems.find(table.crs)))
        table, made = fill(table, meant.texts)
        return renamed(table, LAYERS["components"].fields, {**columns, **made})

    if part.may_be_none and first.geometry is None and "code" not in ready(first).columns:
        return None
    return map(ready, chain([first], tables))


def _meant(connection: Connection, table: Table, fields: str | None) -> tuple[Meant, tuple[Fault, ...]]:
    """What the profile means that was named, else recognised."""
    if fields == NONE:
        return NOTHING, ()
    if fields is None:
        meant, told = recognised(connection, replace(table, faults=()), "components")
        return meant, told.faults
    named = find_fields(connection, fields, "components")
    places = {name: head for name, head in named.columns.items() if name in PLACES}
    meant = meant_by(named, table, own_first=False)
    return replace(meant, columns={**places, **meant.columns}), ()
