"""Arrays that grow at their end, so that a layer's next version costs what changed and not what it holds."""

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

SPARE: Final = 8
"""One part in so many of an array is kept free behind it."""
LEAST: Final = 1024


class Pile:
    """An array to which rows are added behind. What lies there never changes: every `view` stays as it was taken."""

    def __init__(self, first: NDArray[Any]) -> None:
        self._held = _roomy(first, len(first))
        self._size = len(first)

    def __len__(self) -> int:
        return self._size

    @property
    def view(self) -> NDArray[Any]:
        """All rows so far."""
        return self._held[: self._size]

    def add(self, rows: NDArray[Any]) -> None:
        """Put rows behind; where no room is left, all moves, and the views that are out keep what they see."""
        size = self._size + len(rows)
        if size > len(self._held):
            self._held = _roomy(self.view, size)
        self._held[self._size : size] = rows
        self._size = size


def _roomy(rows: NDArray[Any], size: int) -> NDArray[Any]:
    held = np.empty((size + size // SPARE + LEAST, *rows.shape[1:]), rows.dtype)
    held[: len(rows)] = rows
    return held
