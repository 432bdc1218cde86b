"""Orders of many things that have a number each."""

import numpy as np
from numba import njit
from numpy.typing import NDArray

Numbers = NDArray[np.int64]


@njit(cache=True, nogil=True)
def _group(numbers: Numbers, starts: Numbers, order: Numbers) -> None:
    for k in range(len(numbers)):
        starts[numbers[k] + 2] += 1
    for k in range(1, len(starts)):
        starts[k] += starts[k - 1]
    for k in range(len(numbers)):
        order[starts[numbers[k] + 1]] = k
        starts[numbers[k] + 1] += 1


def grouped(numbers: Numbers, count: int) -> Numbers:
    """The order (n,) that puts equal numbers, from -1 to count - 1, side by side, smallest first; a stable sort.

    Whoever then looks at what the numbers stand for finds it in the processor's cache.
    """
    order = np.empty(len(numbers), dtype=np.int64)
    _group(np.ascontiguousarray(numbers, dtype=np.int64), np.zeros(count + 2, dtype=np.int64), order)
    return order
