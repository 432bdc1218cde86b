"""Properties of features as numbers into one table of ready Mapbox Vector Tile values."""

import datetime
import math
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gis.errors import refuse
from tiles.features import gather
from tiles.piles import Pile
from tiles.values import ValueIndex
from tiles.varints import member, varint

Columns = Mapping[str, NDArray[Any]]


@dataclass(frozen=True, slots=True, eq=False)
class Properties:
    """n features with f fields. `codes` (n, f) int32 points into the table of values, -1 where there is none.

    Value i is `table[starts[i]:starts[i + 1]]`: the bytes of a layer's `values` member, tag and length included. No two
    values have the same bytes.
    """

    names: tuple[str, ...]
    codes: NDArray[np.int32]
    table: NDArray[np.uint8]
    starts: NDArray[np.int64]

    @classmethod
    def build(cls, columns: Columns, count: int) -> "Properties":
        """Take columns (count,) of str | int | float | bool | None; dates become ISO 8601 text.

        None and numbers that are not finite say nothing and are left out. ValueError: a column of another length;
        TypeError: a value of another type.
        """
        codes = np.full((count, len(columns)), -1, dtype=np.int32)
        known: dict[tuple[type, Any], int] = {}
        numbers: dict[bytes, int] = {}
        for place, (name, column) in enumerate(columns.items()):
            if len(column) != count:
                raise ValueError(f"column {name} has {len(column)} values for {count} features")
            codes[:, place] = [_code(value, known, numbers) for value in column.tolist()]
        starts = np.cumsum([0, *map(len, numbers)], dtype=np.int64)
        return cls(tuple(columns), codes, np.frombuffer(b"".join(numbers), dtype=np.uint8).copy(), starts)

    def places(self, fields: Sequence[str] | None) -> NDArray[np.int64]:
        """The columns of `codes` (k,) of the fields named, all when None. Refuses `unknown_field`."""
        if fields is None:
            return np.arange(len(self.names), dtype=np.int64)
        for field in fields:
            if field not in self.names:
                raise refuse(
                    "unknown_field",
                    f"There is no field {field} here: the fields are {', '.join(self.names) or 'none'}.",
                    f"没有字段 {field}：可用的字段为 {'、'.join(self.names) or '无'}。",
                )
        return np.array([self.names.index(field) for field in fields], dtype=np.int64)

    def values(self, used: NDArray[np.int64]) -> bytes:
        """The layer's `values` members of the values used, in their order."""
        return gather(self.table, self.starts, used).tobytes()


class PropertyPile:
    """Properties to which features are added behind. A value that is there already is not put down again."""

    def __init__(self, first: Properties) -> None:
        self.names = first.names
        self._codes, self._table, self._starts = Pile(first.codes), Pile(first.table), Pile(first.starts)
        self._index = ValueIndex(first.table, first.starts)

    @property
    def view(self) -> Properties:
        """The properties of all features so far."""
        return Properties(self.names, self._codes.view, self._table.view, self._starts.view)

    def add(self, columns: Columns, count: int) -> None:
        """The properties of `count` features more. Errors: those of `Properties.build`; ValueError: other fields."""
        more = Properties.build(columns, count)
        if more.names != self.names:
            raise ValueError(f"fields {', '.join(more.names)} cannot be added to {', '.join(self.names)}")
        numbers = self._index.find(self._table.view, self._starts.view, more.table, more.starts)
        new = np.flatnonzero(numbers < 0)
        numbers[new] = len(self._starts) - 1 + np.arange(len(new))
        self._starts.add(self._starts.view[-1] + np.cumsum(np.diff(more.starts)[new]))
        self._table.add(gather(more.table, more.starts, new))
        self._index.add(self._table.view, self._starts.view)
        self._codes.add(np.where(more.codes < 0, -1, numbers[more.codes]).astype(np.int32))


def _code(value: Any, known: dict[tuple[type, Any], int], numbers: dict[bytes, int]) -> int:
    """The value's number in the table; the type belongs to the key because 1, 1.0 and True are equal in Python."""
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return -1
    number = known.get((type(value), value))
    if number is None:
        number = known[type(value), value] = numbers.setdefault(member(4, _value(value)), len(numbers))
    return number


def _value(value: Any) -> bytes:
    """A `Value` message (Mapbox Vector Tile 2.1, section 4.4). An integer beyond 64 bits is given as text."""
    if isinstance(value, bool):
        return b"\x38" + varint(value)
    if isinstance(value, int) and 0 <= value < 2**64:
        return b"\x28" + varint(value)
    if isinstance(value, int) and -(2**63) <= value < 0:
        return b"\x30" + varint(-2 * value - 1)
    if isinstance(value, float):
        return b"\x19" + struct.pack("<d", value + 0.0)  # -0.0 is 0.0
    if isinstance(value, (datetime.date, datetime.time)):
        return member(1, value.isoformat().encode())
    if isinstance(value, (str, int)):
        return member(1, str(value).encode())
    raise TypeError(f"a property may be text, a number, true or false, or a date, not {type(value).__name__}")
