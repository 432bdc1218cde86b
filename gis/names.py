"""Codes in columns to the numbers that they stand for, without making a Python text of each."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Self

import numpy as np
import pyarrow as pa
from numba import njit
from numpy.typing import NDArray

from gis.heap.lines import Heap, frozen
from gis.heap.records import Told, get_arrays, put_arrays

NOT_NAMED: Final = -1
UNKNOWN: Final = -2

Bytes = NDArray[np.uint8]
Longs = NDArray[np.int64]


@njit(cache=True, nogil=True, inline="always")
def _hash(text: Bytes, first: int, last: int) -> Any:
    """FNV-1a of 64 bits, mixed once more."""
    found = np.uint64(0xCBF29CE484222325)
    for k in range(first, last):
        found = (found ^ np.uint64(text[k])) * np.uint64(0x100000001B3)
    return found ^ (found >> np.uint64(29))


@njit(cache=True, nogil=True, inline="always")
def _slot(slots: NDArray[np.int32], known: Bytes, known_offsets: Longs, text: Bytes, first: int, last: int) -> Any:
    """Where the text stands, or the empty slot where it belongs."""
    mask = len(slots) - 1
    slot = np.int64(_hash(text, first, last) & np.uint64(mask))
    while slots[slot] >= 0:
        begin = known_offsets[slots[slot]]
        same = known_offsets[slots[slot] + 1] - begin == last - first
        if same:
            for k in range(last - first):
                if known[begin + k] != text[first + k]:
                    same = False
                    break
        if same:
            return slot
        slot = (slot + 1) & mask
    return slot


@njit(cache=True, nogil=True)
def _fill(slots: NDArray[np.int32], known: Bytes, offsets: Longs) -> None:
    for k in range(len(offsets) - 1):
        slots[_slot(slots, known, offsets, known, offsets[k], offsets[k + 1])] = k


@njit(cache=True, nogil=True)
def _look(
    slots: NDArray[np.int32],
    known: Bytes,
    known_offsets: Longs,
    text: Bytes,
    offsets: Longs,
    absent: NDArray[np.bool_],
    found: Longs,
) -> None:
    for k in range(len(found)):
        if absent[k] or offsets[k] == offsets[k + 1]:
            found[k] = -1
        else:
            found[k] = slots[_slot(slots, known, known_offsets, text, offsets[k], offsets[k + 1])]
            if found[k] < 0:
                found[k] = -2


@dataclass(frozen=True, slots=True)
class Names:
    """Codes and their numbers; of equal codes the last counts."""

    slots: NDArray[np.int32]
    text: Bytes
    offsets: Longs

    @classmethod
    def of(cls, codes: Sequence[str] | pa.Array) -> Self:
        """The code at place k has the number k."""
        text, offsets = text_buffers(pa.array(codes, pa.string()))
        slots = np.full(1 << max(4, (2 * len(codes)).bit_length()), -1, dtype=np.int32)
        _fill(slots, text, offsets)
        return cls(*(frozen(each) for each in (slots, text, offsets)))

    @classmethod
    def read(cls, heap: Heap, told: Told) -> Self:
        """Those that `tell` wrote."""
        return cls(**get_arrays(heap, told))

    def tell(self, heap: Heap) -> Told:
        """Write them to a heap; where they are, for `read`."""
        return put_arrays(heap, {"slots": self.slots, "text": self.text, "offsets": self.offsets})

    def number(self, code: str | None) -> int:
        """The number of one code, NOT_NAMED for None and the empty text, UNKNOWN for one that is not here."""
        return NOT_NAMED if not code else int(self.numbers(pa.array([code], pa.string()))[0])

    def numbers(self, column: pa.Array) -> Longs:
        """The numbers (n,) of a column of text, empty text standing for none. Blanks around a code make it unknown."""
        text, offsets = text_buffers(column)
        found = np.empty(len(column), dtype=np.int64)
        absent = np.asarray(column.is_null().to_numpy(zero_copy_only=False), dtype=np.bool_)
        _look(self.slots, self.text, self.offsets, text, offsets, absent, found)
        return found


def text_buffers(column: pa.Array) -> tuple[Bytes, Longs]:
    """The bytes of a column of text, and where each of its n texts begins in them, with the end appended."""
    wide = np.int64 if pa.types.is_large_string(column.type) else np.int32
    _, bounds, data = column.buffers()
    text = np.frombuffer(data, dtype=np.uint8) if data is not None and data.size else np.zeros(1, dtype=np.uint8)
    if bounds is None or not len(column):
        return text, np.zeros(1, dtype=np.int64)
    return text, np.frombuffer(bounds, dtype=wide)[column.offset : column.offset + len(column) + 1].astype(np.int64)
