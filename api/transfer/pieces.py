"""A delivery that is read some rows at a time, as often as it takes: a file of any length takes the same memory."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from api.transfer.fields import PLACES
from api.transfer.origins import Origin
from api.transfer.rejects import without_reasons
from gis.errors import Fault
from gis.formats import count_rows, read_pieces
from gis.formats.delimited import Axes
from gis.tables import Table

if TYPE_CHECKING:
    from api.transfer.imports import Options


@dataclass(frozen=True, slots=True)
class Pieces:
    """The tables of a delivery, in order, of `size` rows at most (None: of all). `count` is about how many rows there
    are, where that is known; `told` are what was found of the file as a whole, `settle` what is done to every piece;
    `only` is the one piece of a short file, or all of a delivery of several files, of which `origin` tells.
    """

    path: Path
    options: "Options"
    axes: Axes
    size: int | None
    settle: Callable[[Table], Table]
    told: tuple[Fault, ...] = ()
    only: Table | None = None
    origin: Origin = field(default_factory=Origin)

    @property
    def count(self) -> int | None:
        return count_rows(self.path, self.options.layer) if self.only is None else len(self.only)

    def as_delivered(self) -> Iterator[Table]:
        """The tables before anything was done to them."""
        return iter([self.only]) if self.only is not None else opened(self.path, self.options, self.axes, self.size)

    def __iter__(self) -> Iterator[Table]:
        for number, table in enumerate(self.as_delivered()):
            told = self.told if number == 0 else ()
            yield self.settle(replace(table, faults=(*table.faults, *told)))


def axes_of(mapping: Mapping[str, str]) -> tuple[str | None, str | None]:
    """The columns of x and y in a mapping."""
    x, y = (mapping.get(name) for name in PLACES)
    return x, y


def opened(path: Path, options: "Options", axes: Axes, size: int | None) -> Iterator[Table]:
    """The tables of a file as the options say that it is to be read. Errors: those of `gis.formats.read_pieces`."""
    layer, crs, encoding = options.layer, options.crs, options.encoding
    for table in read_pieces(path, layer=layer, crs=crs, encoding=encoding, axes=axes, size=size):
        yield without_reasons(replace(table, crs=options.systems.find(table.crs)))
