"""Which areas of a layer count for many points at once: every set of holders has a number, and is ordered once.

The same rule as `grids.lookup.AreaLayer.ordered`, for arrays: an area counts for a unit below its owner (outside every
unit all count); of the areas of an owner that may not overlap the one of the lowest code alone; longest owner first,
then the highest priority, then the lowest code.
"""

import threading
from collections.abc import Sequence

import numpy as np
from numba import njit
from numpy.typing import NDArray

from cases.tree import EMPTY, FEWEST_SLOTS, Ids, Longs, doubled, find
from gis.metres import Indices
from grids.lookup import AreaLayer

NONE = 0
"""The number of the empty set."""


@njit(cache=True, nogil=True)
def _intern(
    first: int,
    offsets: Longs,
    areas: Longs,
    units: Longs,
    unit_owners: Ids,
    length: Ids,
    owner: Ids,
    apart: NDArray[np.bool_],
    low: Longs,
    rank: Longs,
    keys: Longs,
    values: Ids,
    parent: Ids,
    last: Ids,
    count: int,
    found: Ids,
) -> tuple[int, int]:
    """Number the sets of the points from `first` on: (the point at which the room ended, how many sets there are)."""
    most = 0
    for point in range(len(offsets) - 1):
        most = max(most, offsets[point + 1] - offsets[point])
    kept = np.empty(most, dtype=np.int64)
    for point in range(first, len(offsets) - 1):
        held = 0
        for place in range(offsets[point], offsets[point + 1]):
            area = areas[place]
            if units[point] >= 0 and unit_owners[length[area], units[point]] != owner[area]:
                continue
            rival = -1
            if apart[area]:
                for k in range(held):
                    if apart[kept[k]] and owner[kept[k]] == owner[area]:
                        rival = k
            if rival >= 0:
                other = kept[rival]
                if low[other] < low[area] or (low[other] == low[area] and rank[other] <= rank[area]):
                    continue
                for k in range(rival, held - 1):
                    kept[k] = kept[k + 1]
                held -= 1
            k = held
            while k > 0 and rank[kept[k - 1]] > rank[area]:
                kept[k] = kept[k - 1]
                k -= 1
            kept[k] = area
            held += 1
        if 2 * (count + held) >= len(keys):
            return point, count
        node = 0
        for k in range(held):
            key = (np.int64(node) << 32) | kept[k]
            slot = find(keys, key)
            if keys[slot] == EMPTY:
                parent[count], last[count] = node, kept[k]
                keys[slot], values[slot] = key, count
                count += 1
            node = values[slot]
        found[point] = node
    return len(offsets) - 1, count


class Holdings:
    """The sets of areas of one layer that were met. Grows; safe to share between threads.

    Of each area (n,): `owner` is the number of its owner, `apart` whether this owner's areas may not overlap.
    """

    def __init__(self, layer: AreaLayer, unit_codes: NDArray[np.object_]) -> None:
        self.layer = layer
        self._lock = threading.Lock()
        n = len(layer.codes)
        codes, owners = np.asarray(layer.codes, dtype=object), np.asarray(layer.owners, dtype=object)
        numbers = {owner: number for number, owner in enumerate(dict.fromkeys(owners.tolist()))}
        lengths = {length: number for number, length in enumerate(sorted({len(owner) for owner in numbers}))}
        self.owner = np.array([numbers[owner] for owner in owners], dtype=np.int32)
        self._length = np.array([lengths[len(owner)] for owner in owners], dtype=np.int32)
        self.apart = np.array([layer.overlap.get(owner) == "none" for owner in owners], dtype=np.bool_)
        self._unit_owners = np.array(
            [[numbers.get(code[:length], -1) for code in unit_codes] for length in lengths], dtype=np.int32
        ).reshape(len(lengths), len(unit_codes))
        texts = {code: number for number, code in enumerate(sorted({str(code) for code in codes}))}
        self._low = np.array([texts[str(code)] for code in codes], dtype=np.int64)
        order = sorted(range(n), key=lambda each: (-len(owners[each]), -layer.priorities[each], codes[each]))
        self._rank = np.empty(n, dtype=np.int64)
        self._rank[order] = np.arange(n)
        self._keys = np.full(FEWEST_SLOTS, EMPTY)
        self._values = np.full(FEWEST_SLOTS, EMPTY, dtype=np.int32)
        self._parent = np.full(FEWEST_SLOTS // 2 + 1, EMPTY, dtype=np.int32)
        self._last = self._parent.copy()
        self._count = 1
        first: dict[tuple[object, ...], int] = {}
        shown = zip(codes, layer.names, layer.departments, layer.priorities, strict=True)
        twins = [
            first.setdefault((code, name or code, department, int(priority)), at)
            for at, (code, name, department, priority) in enumerate(shown)
        ]
        self._twins = None if len(first) == n else twins
        self._looks: dict[tuple[int, ...], int] = {}

    def number(self, offsets: Indices, areas: Indices, units: Indices) -> Ids:
        """The number (m,) of the ordered set of each point: those of areas[offsets[i] : offsets[i + 1]] that count.

        offsets (m + 1,); units (m,) are indices of the unit codes, -1 outside.
        """
        found = np.zeros(len(units), dtype=np.int32)
        point = 0
        with self._lock:
            while point < len(units):
                point, self._count = _intern(
                    point, offsets, areas, units, self._unit_owners, self._length, self.owner, self.apart, self._low,
                    self._rank, self._keys, self._values, self._parent, self._last, self._count, found,
                )  # fmt: skip
                if point < len(units):
                    self._keys, self._values = doubled(self._keys, self._values)
                    self._parent, self._last = (
                        np.concatenate([each, np.full_like(each, EMPTY)]) for each in (self._parent, self._last)
                    )
        return found

    def members(self, number: int) -> Sequence[int]:
        """The areas of the set, in their order."""
        members: list[int] = []
        while number != NONE:
            members.append(int(self._last[number]))
            number = int(self._parent[number])
        return members[::-1]

    def looks(self, numbers: Ids) -> Ids:
        """The sets (m,) as rules see them: equal numbers where codes, names, departments and priorities are equal."""
        if self._twins is None:
            return numbers
        found, place = np.unique(numbers, return_inverse=True)
        with self._lock:
            seen = [tuple(self._twins[each] for each in self.members(number)) for number in found.tolist()]
            return np.array([self._looks.setdefault(each, len(self._looks)) for each in seen], dtype=np.int32)[place]
