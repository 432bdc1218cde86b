"""Which boxes does a window touch: a packed R-tree in flat arrays, built once and never changed."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numba import njit
from numpy.typing import NDArray

NODE: Final = 16
"""Boxes under one node."""


@dataclass(frozen=True, slots=True, eq=False)
class WindowIndex:
    """Boxes ordered along a Z-curve through their centres, then boxes of every `NODE` of them, up to a single root.

    `boxes` (b, 4) float64 holds the levels one after another, leaves first; level i begins at `starts[i]`.
    `order` (m,) int64 says which of the given boxes each leaf is. Flat arrays rather than a shapely STRtree because a
    query then costs about a microsecond, needs no lock, and the arrays can be mapped from a file.
    """

    boxes: NDArray[np.float64]
    starts: NDArray[np.int64]
    order: NDArray[np.int64]

    @classmethod
    def build(cls, boxes: NDArray[np.float64]) -> "WindowIndex":
        """Index (n, 4) boxes of least x, least y, greatest x, greatest y; a box that is not finite is never found."""
        known = np.flatnonzero(np.isfinite(boxes).all(axis=1)).astype(np.int64)
        order = known[np.argsort(_z_curve(boxes[known]), kind="stable")]
        levels = [np.ascontiguousarray(boxes[order], dtype=np.float64)]
        while len(levels[-1]) > 1:
            below = levels[-1]
            first = np.arange(0, len(below), NODE)
            least = np.minimum.reduceat(below[:, :2], first)
            levels.append(np.concatenate([least, np.maximum.reduceat(below[:, 2:], first)], axis=1))
        starts = np.cumsum([0, *(len(level) for level in levels)], dtype=np.int64)
        return cls(np.concatenate(levels), starts, order)

    def touching(self, west: float, south: float, east: float, north: float) -> NDArray[np.int64]:
        """Indices (k,) int64, ascending, of the boxes that share at least a point with the window."""
        return _touching(self.boxes, self.starts, self.order, west, south, east, north)


def _z_curve(boxes: NDArray[np.float64]) -> NDArray[np.uint64]:
    """The place (n,) of each box's centre along a Z-curve of 2^16 x 2^16 cells over all of them."""
    if not len(boxes):
        return np.zeros(0, dtype=np.uint64)
    centres = (boxes[:, :2] + boxes[:, 2:]) / 2
    low = centres.min(axis=0)
    reach = np.maximum(centres.max(axis=0) - low, np.finfo(np.float64).tiny)
    cells = ((centres - low) / reach * 65535).astype(np.uint64)
    for shift, mask in ((8, 0x00FF00FF), (4, 0x0F0F0F0F), (2, 0x33333333), (1, 0x55555555)):
        cells = (cells | (cells << np.uint64(shift))) & np.uint64(mask)
    place: NDArray[np.uint64] = cells[:, 0] | (cells[:, 1] << np.uint64(1))
    return place


@njit(cache=True, nogil=True)
def _touching(
    boxes: NDArray[np.float64],
    starts: NDArray[np.int64],
    order: NDArray[np.int64],
    west: float,
    south: float,
    east: float,
    north: float,
) -> NDArray[np.int64]:
    found = np.empty(256, np.int64)
    count = 0
    if len(order) == 0:
        return found[:0]
    top = len(starts) - 2
    # Depth first: each level leaves at most NODE entries waiting.
    levels = np.empty(NODE * (top + 1) + 1, np.int64)
    nodes = np.empty(NODE * (top + 1) + 1, np.int64)
    levels[0], nodes[0] = top, 0
    waiting = 1
    while waiting > 0:
        waiting -= 1
        level, node = levels[waiting], nodes[waiting]
        box = boxes[starts[level] + node]
        if not (box[0] <= east and box[2] >= west and box[1] <= north and box[3] >= south):
            continue
        if level == 0:
            if count == len(found):
                larger = np.empty(2 * count, np.int64)
                larger[:count] = found
                found = larger
            found[count] = order[node]
            count += 1
            continue
        width = starts[level] - starts[level - 1]
        for child in range(node * NODE, min((node + 1) * NODE, width)):
            levels[waiting], nodes[waiting] = level - 1, child
            waiting += 1
    found = found[:count].copy()
    found.sort()
    return found
