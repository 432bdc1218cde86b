"""A delivery that is read some rows at a time, as often as it takes: a file of any length takes the same memory."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from api.transfer.fields import NONE, PLACES, find_fields, recognised
from api.transfer.rejects import without_reasons
from components.heads import mapping_of
from gis.errors import Fault
from gis.formats import PIECE, count_rows, read_pieces
from gis.formats.delimited import Axes
from gis.store.engine import Store, reading
from gis.tables import Table

if TYPE_CHECKING:
    from api.transfer.imports import Options


@dataclass(frozen=True, slots=True)
class Pieces:
    """The tables of a file, in order. `count` is about how many rows there are, where that is known; `told` are what
    was found of the file as a whole, `settle` what is done to every piece; `only` is the one piece of a short file.
    """

    path: Path
    options: "Options"
    axes: Axes
    settle: Callable[[Table], Table]
    told: tuple[Fault, ...] = ()
    only: Table | None = None

    @property
    def count(self) -> int | None:
        return count_rows(self.path, self.options.layer) if self.only is None else len(self.only)

    def as_delivered(self) -> Iterator[Table]:
        """The tables before anything was done to them."""
        return iter([self.only]) if self.only is not None else opened(self.path, self.options, self.axes)

    def __iter__(self) -> Iterator[Table]:
        for number, table in enumerate(self.as_delivered()):
            told = self.told if number == 0 else ()
            yield self.settle(replace(table, faults=(*table.faults, *told)))


def axes_of(mapping: Mapping[str, str]) -> tuple[str | None, str | None]:
    """The columns of x and y in a mapping."""
    x, y = (mapping.get(name) for name in PLACES)
    return x, y


def opened(path: Path, options: "Options", axes: Axes) -> Iterator[Table]:
    """The tables of a file as the options say that it is to be read. Errors: those of `gis.formats.read_pieces`."""
    layer, crs, encoding = options.layer, options.crs, options.encoding
    for table in read_pieces(path, layer=layer, crs=crs, encoding=encoding, axes=axes, size=PIECE):
        yield without_reasons(replace(table, crs=options.systems.find(table.crs)))


def open_pieces(
    store: Store, layer: str, path: Path, options: "Options", settle: Callable[[Table], Table]
) -> tuple[Pieces, "Options"]:
    """The file in pieces, and the options with the columns of the profile that was named, else recognised.

    The first piece tells the columns. Errors: those of `gis.formats.read_pieces`, fields_unknown.
    """
    alone = False

    def peek(named: Mapping[str, str]) -> Table:
        nonlocal alone
        tables = opened(path, options, axes_of(named))
        first = next(tables)
        alone = next(tables, None) is None
        return first

    first, mapping = mapped(store, layer, options, peek)
    settled = with_columns(options, mapping)
    if alone:
        return Pieces(path, settled, axes_of(mapping), settle, only=first), settled
    told = tuple(fault for fault in first.faults if fault.code.startswith("fields_"))
    return Pieces(path, settled, axes_of(mapping), settle, told), settled


def mapped(
    store: Store, layer: str, options: "Options", reader: Callable[[Mapping[str, str]], Table]
) -> tuple[Table, dict[str, str]]:
    """What the reader gives, and the column of every field that a profile or the caller names, of x and y too."""
    with reading(store.world) as connection:
        named = None if options.fields in (None, NONE) else find_fields(connection, str(options.fields), layer)
        places = {name: head for name, head in (named.columns if named else {}).items() if name in PLACES}
        table = reader({**places, **options.mapping})
        if named is not None:
            mapping = mapping_of(named, list(table.columns), own_first=False)
        else:
            mapping, table = recognised(connection, table, layer) if options.fields is None else ({}, table)
    mapping = {**mapping, **options.mapping}
    if named is None and not mapping.keys().isdisjoint(PLACES) and options.mapping.keys().isdisjoint(PLACES):
        table = replace(reader(mapping), faults=table.faults)
    return table, {**places, **mapping}


def with_columns(options: "Options", mapping: Mapping[str, str]) -> "Options":
    """The options with this mapping of the fields that are no coordinates."""
    return replace(options, mapping={name: head for name, head in mapping.items() if name not in PLACES})
