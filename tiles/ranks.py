"""The order of a layer's features, by name and uid, kept as numbers while features come and go."""

from bisect import bisect_left, bisect_right
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tiles.piles import Pile

GAP: Final = 1 << 31
"""Between the ranks of two features when they are numbered; each feature that comes between halves it."""


class Ranks:
    """A number for every feature that ever was: of two features the first in order has the lower one."""

    def __init__(self, names: NDArray[Any], uids: NDArray[np.int64]) -> None:
        """Take text (n,) and uids (n,), ascending by the text's bytes, then by uid. ValueError for another order."""
        self._names = _as_bytes(names)
        self._uids = uids
        if not _is_ordered(self._names, uids):
            raise ValueError("features must come in the order of their names' bytes, then of uids")
        self._ranks = Pile(np.arange(len(names), dtype=np.int64) * GAP)
        self._later: list[tuple[bytes, int, int]] = []  # name, uid, place of the features that were added

    @property
    def view(self) -> NDArray[np.int64]:
        """The ranks (n,) of all features so far; those handed out before may be others, in the same order."""
        return self._ranks.view

    @property
    def added(self) -> int:
        """How many features were added."""
        return len(self._later)

    def add(self, names: NDArray[Any], uids: NDArray[np.int64]) -> None:
        """Put features behind the others, each with a rank between its neighbours in order."""
        for name, uid in zip(names.tolist(), uids.tolist(), strict=True):
            key = str(name).encode(), int(uid)
            rank = self._between(key)
            if rank is None:
                self._number_anew()
                rank = self._between(key)
                assert rank is not None
            place = len(self._ranks)
            self._ranks.add(np.array([rank], dtype=np.int64))
            self._later.insert(bisect_right(self._later, (*key, place)), (*key, place))

    def _between(self, key: tuple[bytes, int]) -> int | None:
        """A rank behind all that are not after `key` and before all that are; None when there is no number left."""
        ranks = self._ranks.view
        behind = self._place(key)
        at = bisect_left(self._later, (*key, len(ranks)))
        before = [ranks[behind - 1]] if behind else []
        after = [ranks[behind]] if behind < len(self._names) else []
        before += [ranks[self._later[at - 1][2]]] if at else []
        after += [ranks[self._later[at][2]]] if at < len(self._later) else []
        low = int(max(before)) if before else int(min(after, default=0)) - 2 * GAP
        high = int(min(after)) if after else low + 2 * GAP
        middle = (low + high) // 2
        return middle if low < middle < high else None

    def _place(self, key: tuple[bytes, int]) -> int:
        """How many of the first features are not after `key`."""
        name, uid = key
        if len(name) > self._names.dtype.itemsize:  # longer than any: a comparison would cut it
            sought = np.bytes_(name[: self._names.dtype.itemsize])
            return int(np.searchsorted(self._names, sought, side="right"))
        first, last = (int(np.searchsorted(self._names, np.bytes_(name), side=side)) for side in ("left", "right"))
        return first + int(np.searchsorted(self._uids[first:last], uid, side="right"))

    def _number_anew(self) -> None:
        ranks = self._ranks.view
        fresh = np.empty(len(ranks), dtype=np.int64)
        fresh[np.argsort(ranks, kind="stable")] = np.arange(len(ranks), dtype=np.int64) * GAP
        self._ranks = Pile(fresh)


def _as_bytes(names: NDArray[Any]) -> NDArray[np.bytes_]:
    if not len(names):
        return np.zeros(0, dtype="S1")
    return np.array([str(name).encode() for name in names.tolist()], dtype=np.bytes_)


def _is_ordered(names: NDArray[np.bytes_], uids: NDArray[np.int64]) -> bool:
    if len(names) < 2:
        return True
    before, after = names[:-1], names[1:]
    return bool(((before < after) | ((before == after) & (uids[:-1] < uids[1:]))).all())
