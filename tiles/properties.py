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
from tiles.varints import member, varint


@dataclass(frozen=True, slots=True, eq=False)
class Properties:
    """n features with f fields. `codes` (n, f) int32 points into the table of values, -1 where there is none.

    Value i is `table[starts[i]:starts[i + 1]]`: the bytes of a layer's `values` member, tag and length included.
    """

    names: tuple[str, ...]
    codes: NDArray[np.int32]
    table: NDArray[np.uint8]
    starts: NDArray[np.int64]

    @classmethod
    def build(cls, columns: Mapping[str, NDArray[Any]], count: int) -> "Properties":
        """Take columns (count,) of str | int | float | bool | None; dates become ISO 8601 text.

        None and numbers that are not finite say nothing and are left out. ValueError: a column of another length;
        TypeError: a value of another type.
        """
        codes = np.full((count, len(columns)), -1, dtype=np.int32)
        known: dict[tuple[type, Any], int] = {}
        for place, (name, column) in enumerate(columns.items()):
            if len(column) != count:
                raise ValueError(f"column {name} has {len(column)} values for {count} features")
            codes[:, place] = [_code(value, known) for value in column.tolist()]
        values = [member(4, _value(value)) for _, value in known]
        starts = np.cumsum([0, *map(len, values)], dtype=np.int64)
        return cls(tuple(columns), codes, np.frombuffer(b"".join(values), dtype=np.uint8).copy(), starts)

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


def _code(value: Any, known: dict[tuple[type, Any], int]) -> int:
    """The value's number in the table; the type belongs to the key because 1, 1.0 and True are equal in Python."""
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return -1
    return known.setdefault((type(value), value), len(known))


def _value(value: Any) -> bytes:
    """A `Value` message (Mapbox Vector Tile 2.1, section 4.4). An integer beyond 64 bits is given as text."""
    if isinstance(value, bool):
        return b"\x38" + varint(value)
    if isinstance(value, int) and 0 <= value < 2**64:
        return b"\x28" + varint(value)
    if isinstance(value, int) and -(2**63) <= value < 0:
        return b"\x30" + varint(-2 * value - 1)
    if isinstance(value, float):
        return b"\x19" + struct.pack("<d", value)
    if isinstance(value, (datetime.date, datetime.time)):
        return member(1, value.isoformat().encode())
    if isinstance(value, (str, int)):
        return member(1, str(value).encode())
    raise TypeError(f"a property may be text, a number, true or false, or a date, not {type(value).__name__}")
