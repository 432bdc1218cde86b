"""The tree of decisions: which verdict a situation has, looked up without Python once it was decided.

A situation is a row of small integers: the ids of what a verdict may depend on. A node of the tree asks for one of
these columns, an edge is one value of it, a leaf is an outcome. Only columns that the decision really looks at stand on
the way to a leaf, so that situations that differ elsewhere share it. The tree grows when a situation is met for the
first time; readers need no lock: a node is complete before the edge to it appears.
"""

import threading
from collections.abc import Callable
from typing import Any, Final

import numpy as np
from numba import njit
from numpy.typing import NDArray

Ids = NDArray[np.int32]
Longs = NDArray[np.int64]

EMPTY: Final = -1
LEAF: Final = -1
FEWEST_SLOTS: Final = 1 << 10

Ask = Callable[[dict[int, int]], tuple[bool, int]]
"""Given the columns known so far: (True, the outcome's number), or (False, the column to look at next)."""


@njit(cache=True, nogil=True, inline="always")
def find(keys: Longs, key: Any) -> Any:
    """The slot of `key`, or the empty one where it belongs. Linear probing; the table is never full."""
    mask = len(keys) - 1
    mixed = np.uint64(key) * np.uint64(0x9E3779B97F4A7C15)
    mixed ^= mixed >> np.uint64(29)
    mixed *= np.uint64(0xBF58476D1CE4E5B9)
    slot = np.int64(mixed >> np.uint64(24)) & mask
    while keys[slot] != EMPTY and keys[slot] != key:
        slot = (slot + 1) & mask
    return slot


@njit(cache=True, nogil=True)
def _rehash(keys: Longs, values: Ids, bigger: Longs, bigger_values: Ids) -> None:
    for slot in range(len(keys)):
        if keys[slot] != EMPTY:
            to = find(bigger, keys[slot])
            bigger_values[to] = values[slot]
            bigger[to] = keys[slot]


def doubled(keys: Longs, values: Ids) -> tuple[Longs, Ids]:
    """The same hash table with twice the room."""
    bigger, bigger_values = np.full(2 * len(keys), EMPTY), np.full(2 * len(keys), EMPTY, dtype=np.int32)
    _rehash(keys, values, bigger, bigger_values)
    return bigger, bigger_values


@njit(cache=True, nogil=True)
def _walk(keys: Longs, values: Ids, ask: Ids, roots: Ids, rows: Longs, columns: Ids, found: Ids) -> None:
    """The leaf of each row, or -1 - the node at which the way on is not known."""
    for row in rows:
        node = roots[row]
        while ask[node] != LEAF:
            slot = find(keys, (np.int64(node) << 32) | np.int64(columns[row, ask[node]]))
            if keys[slot] == EMPTY or values[slot] == EMPTY:
                node = -1 - node
                break
            node = values[slot]
        found[row] = node


class Tree:
    """Roots are given by the caller, each with its own way of asking; leaves hold an outcome's number."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        # Keys and values of the edges, and what each node asks. They are replaced together when the room ends: a reader
        # that holds the old ones meets no node that is not in them.
        self._read = (
            np.full(FEWEST_SLOTS, EMPTY),
            np.full(FEWEST_SLOTS, EMPTY, dtype=np.int32),
            np.full(FEWEST_SLOTS, LEAF, dtype=np.int32),
        )
        self._outcome = np.full(FEWEST_SLOTS, EMPTY, dtype=np.int32)
        self._looked = np.zeros(FEWEST_SLOTS, dtype=np.int64)
        self._asking: list[Ask] = []
        self._root_of: list[int] = []  # of each node

    def root(self, ask: Ask) -> int:
        """A new root, whose situations `ask` decides."""
        with self._lock:
            self._asking.append(ask)
            return self._settle({}, len(self._asking) - 1)

    def leaves(self, roots: Ids, columns: Ids) -> tuple[Ids, Longs]:
        """The outcome (m,) of each situation, and as bits which columns were looked at.

        roots (m,) as `root` gave them, columns (m, c) of ids that are not negative.
        """
        found = np.empty(len(roots), dtype=np.int32)
        rows = np.arange(len(roots))
        while len(rows):
            keys, values, ask = self._read
            _walk(keys, values, ask, roots, rows, columns, found)
            rows = rows[found[rows] < 0]
            if len(rows):
                node = -1 - found[rows].astype(np.int64)
                key = (node << 32) | columns[rows, ask[node]]
                for each in np.unique(key, return_index=True)[1].tolist():
                    self._grow(int(roots[rows[each]]), columns[rows[each]].tolist())
        return self._outcome[found], self._looked[found]

    def _grow(self, node: int, values: list[int]) -> None:
        """Make the way from the root `node` to the leaf of one situation."""
        known: dict[int, int] = {}
        with self._lock:
            while (column := int(self._read[2][node])) != LEAF:
                known[column] = values[column]
                key = (node << 32) | values[column]
                slot = find(self._read[0], key)
                if self._read[0][slot] == EMPTY:
                    child = self._settle(known, self._root_of[node])
                    slot = find(self._read[0], key)
                    self._read[1][slot] = child
                    self._read[0][slot] = key
                node = int(self._read[1][slot])

    def _settle(self, known: dict[int, int], root: int) -> int:
        """A new node with all that readers need of it, but no edge to it yet."""
        node = len(self._root_of)
        decided, number = self._asking[root](known)
        if 2 * (node + 1) >= len(self._read[0]):
            keys, values, ask = self._read
            self._outcome = np.concatenate([self._outcome, self._outcome])
            self._looked = np.concatenate([self._looked, self._looked])
            self._read = (*doubled(keys, values), np.concatenate([ask, ask]))
        self._outcome[node] = number if decided else EMPTY
        self._looked[node] = sum(1 << column for column in known)
        self._read[2][node] = LEAF if decided else number
        self._root_of.append(root)
        return node
