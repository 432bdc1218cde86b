"""Rows of a versioned table held column by column: a million of them take some hundred megabytes, not gigabytes.

Geometry is kept as well-known binary and documents as JSON in UTF-8, which is what a store is given in the end.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, overload

import numpy as np
import shapely
from numpy.typing import NDArray
from sqlalchemy import JSON, Table

from gis.store.tables import BOX
from gis.store.types import Geom

Row = Mapping[str, Any]
Objects = NDArray[Any]
NOT_GIVEN = frozenset({"row_id", "from_revision", "to_revision", *BOX})
"""Columns that the store fills in itself."""
MOST_KEPT = 10_000
"""So many texts of a column are looked up to be held once; a column with more has hardly two rows alike."""


@dataclass(frozen=True, slots=True, eq=False)
class Split:
    """A column in the parts in which it came: putting these together would for a while take twice the memory."""

    parts: Sequence[Objects]
    starts: NDArray[np.int64]

    def __getitem__(self, indices: NDArray[np.intp]) -> Objects:
        """The values at (m,) indices."""
        found: Objects = np.empty(len(indices), dtype=object)
        of = np.searchsorted(self.starts, indices, side="right") - 1
        for part in np.unique(of).tolist():
            here = of == part
            found[here] = self.parts[part][indices[here] - self.starts[part]]
        return found


@dataclass(frozen=True, slots=True, eq=False)
class Packed(Sequence[Row]):
    """n rows that begin. `columns` are object arrays (n,), geometry as WKB, documents as JSON; `uids` (n,) are 0 for
    what is new until it gets one. `boxes` (n, 4) are west, south, east, north, NaN where there is no geometry.
    """

    table: Table
    columns: Mapping[str, Objects | Split]
    uids: NDArray[np.int64]
    boxes: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.uids)

    @overload
    def __getitem__(self, index: int) -> Row: ...
    @overload
    def __getitem__(self, index: slice) -> "Packed": ...
    def __getitem__(self, index: int | slice) -> "Row | Packed":
        if isinstance(index, slice):
            return self.part(np.arange(len(self))[index])
        if not -len(self) <= index < len(self):
            raise IndexError(index)
        at = np.array([index % len(self)])
        row: dict[str, Any] = {"uid": int(self.uids[index])}
        for name, column in self.columns.items():
            value = column[at][0]
            kind = self.table.c[name].type
            if value is not None and isinstance(kind, Geom):
                value = shapely.from_wkb(value)
            elif value is not None and isinstance(kind, JSON):
                value = json.loads(value.decode(errors="surrogatepass"))
            row[name] = value
        return row

    def part(self, indices: NDArray[np.intp]) -> "Packed":
        """Some of the rows, in the order of `indices`."""
        columns = {name: column[indices] for name, column in self.columns.items()}
        return Packed(self.table, columns, self.uids[indices], self.boxes[indices])

    def where(self, wanted: NDArray[np.bool_]) -> "Packed":
        """The rows that are wanted, (n,) yes or no."""
        return self if wanted.all() else self.part(np.flatnonzero(wanted))

    def with_uids(self, uids: NDArray[np.int64]) -> "Packed":
        """The same rows under these uids."""
        return replace(self, uids=uids)

    @property
    def has_geometry(self) -> NDArray[np.bool_]:
        """(n,) which rows lie somewhere."""
        there: NDArray[np.bool_] = ~np.isnan(self.boxes[:, 0])
        return there

    @property
    def middles(self) -> NDArray[np.float64]:
        """(n, 2) the middles of the boxes."""
        middles: NDArray[np.float64] = (self.boxes[:, :2] + self.boxes[:, 2:]) / 2
        return middles


@dataclass(slots=True)
class Packing:
    """Takes rows batch by batch and packs them."""

    table: Table
    parts: list[Packed] = field(default_factory=list)
    texts: dict[str, dict[str | bytes, str | bytes]] = field(default_factory=dict)

    def add(self, rows: Sequence[Row]) -> None:
        """Take further rows, each of which names every column but those of NOT_GIVEN."""
        if not len(rows):
            return
        columns, boxes = {}, np.full((len(rows), 4), np.nan)
        for column in self.table.c:
            if column.name in NOT_GIVEN or column.name == "uid":
                continue
            values = _column([row[column.name] for row in rows])
            if isinstance(column.type, Geom):
                boxes = shapely.bounds(values)
                values = shapely.to_wkb(values, include_srid=False)
            elif isinstance(column.type, JSON):
                values = self._shared(column.name, _column([_spelled(value) for value in values.tolist()]))
            else:
                values = self._shared(column.name, values)
            columns[column.name] = values
        uids = np.array([row["uid"] for row in rows], dtype=np.int64)
        self.parts.append(Packed(self.table, columns, uids, boxes))

    def done(self) -> Packed:
        """All rows that were taken, in their order."""
        if len(self.parts) == 1:
            return self.parts[0]
        parts, self.parts = self.parts, []
        uids = np.concatenate([np.empty(0, dtype=np.int64), *(part.uids for part in parts)])
        boxes = np.concatenate([np.empty((0, 4)), *(part.boxes for part in parts)])
        starts = np.cumsum([0, *(len(part) for part in parts[:-1])])
        names = [each.name for each in self.table.c if each.name not in NOT_GIVEN and each.name != "uid"]
        columns = {name: Split([_plain(part.columns[name]) for part in parts], starts) for name in names}
        return Packed(self.table, columns, uids, boxes)

    def _shared(self, name: str, values: Objects) -> Objects:
        """The values, texts that come again held once."""
        texts = self.texts.setdefault(name, {})
        if len(texts) > MOST_KEPT:
            return values
        return _column(
            [texts.setdefault(each, each) if isinstance(each, str | bytes) else each for each in values.tolist()]
        )


def pack(table: Table, rows: Sequence[Row]) -> Packed:
    """The rows packed, those that are already as they are."""
    if isinstance(rows, Packed):
        return rows
    packing = Packing(table)
    packing.add(rows)
    return packing.done()


def uids_of(rows: Sequence[Row]) -> NDArray[np.int64]:
    """The uids (n,) of rows, packed or not."""
    return rows.uids if isinstance(rows, Packed) else np.array([row["uid"] for row in rows], dtype=np.int64)


def _spelled(document: Any) -> bytes | None:
    return None if document is None else json.dumps(document, ensure_ascii=False).encode(errors="surrogatepass")


def _plain(column: Objects | Split) -> Objects:
    return column if isinstance(column, np.ndarray) else np.concatenate(column.parts)


def _column(values: Sequence[Any]) -> Objects:
    return np.fromiter(values, dtype=object, count=len(values))
