"""Which number does a value have in a table of values: a hash table of numbers over the bytes of the table itself."""

import numpy as np
from numba import njit
from numpy.typing import NDArray

from tiles.varints import Bytes

Starts = NDArray[np.int64]
Slots = NDArray[np.int32]


class ValueIndex:
    """Finds values by their bytes. The table and where its values start are the caller's, and grow at their end."""

    def __init__(self, table: Bytes, starts: Starts) -> None:
        self._slots = _slots(len(starts) - 1)
        self._count = 0
        self.add(table, starts)

    def add(self, table: Bytes, starts: Starts) -> None:
        """Take in the values that came behind the ones known."""
        count = len(starts) - 1
        if 2 * count > len(self._slots):
            self._slots, self._count = _slots(2 * count), 0
        _fill(self._slots, table, starts, self._count)
        self._count = count

    def find(self, table: Bytes, starts: Starts, sought: Bytes, sought_starts: Starts) -> NDArray[np.int64]:
        """The number of each value of another table, -1 of one that is not there."""
        return _find(self._slots, table, starts, sought, sought_starts)


def _slots(count: int) -> Slots:
    """A power of two, at least half of it free."""
    return np.full(1 << max(4, int(2 * count).bit_length()), -1, np.int32)


@njit(cache=True, nogil=True)
def _hash(table: Bytes, start: int, stop: int) -> int:
    """FNV-1a (Fowler, Noll, Vo), 32 bits."""
    number = 2166136261
    for i in range(start, stop):
        number = ((number ^ table[i]) * 16777619) & 0xFFFFFFFF
    return number


@njit(cache=True, nogil=True)
def _fill(slots: Slots, table: Bytes, starts: Starts, first: int) -> None:
    mask = len(slots) - 1
    for number in range(first, len(starts) - 1):
        slot = _hash(table, starts[number], starts[number + 1]) & mask
        while slots[slot] >= 0:
            slot = (slot + 1) & mask
        slots[slot] = number


@njit(cache=True, nogil=True)
def _find(slots: Slots, table: Bytes, starts: Starts, sought: Bytes, sought_starts: Starts) -> NDArray[np.int64]:
    found = np.full(len(sought_starts) - 1, -1, np.int64)
    mask = len(slots) - 1
    for i in range(len(found)):
        begin, end = sought_starts[i], sought_starts[i + 1]
        slot = _hash(sought, begin, end) & mask
        while slots[slot] >= 0:
            number = slots[slot]
            if _is_same(table, starts[number], starts[number + 1], sought, begin, end):
                found[i] = number
                break
            slot = (slot + 1) & mask
    return found


@njit(cache=True, nogil=True)
def _is_same(one: Bytes, begin: int, end: int, other: Bytes, other_begin: int, other_end: int) -> bool:
    if end - begin != other_end - other_begin:
        return False
    for i in range(end - begin):  # noqa: SIM110 - a generator does not compile
        if one[begin + i] != other[other_begin + i]:
            return False
    return True
