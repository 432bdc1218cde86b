"""Edges and their partners: of which polygons every edge is also, run the other way, an edge of exactly one other.

Such a polygon fits its neighbours. Only the others need the slower questions: whether an edge of theirs crosses,
covers or nearly meets another. A hash table of the edges by their two nodes answers that in one pass.
"""

from typing import Any

import numpy as np
import shapely
from numba import njit
from numpy.typing import NDArray

from gis.metres import Floats, Indices

Flags = NDArray[np.bool_]


def are_matched(polygons: NDArray[Any]) -> Flags:
    """Whether (n,) each edge of a valid polygon or multipolygon has exactly one equal edge, of the other direction.

    Directions are those with the inside on the left, however the rings are drawn. Repeated nodes make no edge.
    """
    parts, part_owner = shapely.get_parts(polygons, return_index=True)
    rings, ring_part = shapely.get_rings(parts, return_index=True)
    coords, ring = shapely.get_coordinates(rings, return_index=True)
    starts = np.searchsorted(ring, np.arange(len(rings) + 1)).astype(np.int64)
    shells = np.ones(len(rings), dtype=np.bool_)
    shells[1:] = ring_part[1:] != ring_part[:-1]  # the shell comes first
    slots = 1 << max(len(coords).bit_length(), 4)
    owner = part_owner[ring_part].astype(np.int64)
    return _matched(coords, starts, shells, owner, len(polygons), slots)


@njit(cache=True, nogil=True)
def _runs_left(coords: Floats, start: int, end: int) -> bool:
    """Whether a ring runs counterclockwise; about its first node, where numbers are small."""
    x, y, twice = coords[start, 0], coords[start, 1], 0.0
    for k in range(start, end - 1):
        ax, ay = coords[k, 0] - x, coords[k, 1] - y
        bx, by = coords[k + 1, 0] - x, coords[k + 1, 1] - y
        twice += ax * by - ay * bx
    return twice > 0.0


@njit(cache=True, nogil=True)
def _hash(ends: Floats) -> np.uint64:
    mixed = np.uint64(0)
    for bits in ends.view(np.uint64):
        mixed = (mixed ^ bits) * np.uint64(0x9E3779B97F4A7C15)
        mixed ^= mixed >> np.uint64(29)
    return mixed


@njit(cache=True, nogil=True)
def _matched(coords: Floats, starts: Indices, shells: Flags, owner: Indices, count: int, slots: int) -> Flags:
    table = np.full(slots, -1, dtype=np.int64)  # the number of an edge that has these nodes
    uses = np.zeros((len(coords), 2), dtype=np.uint8)  # by the number of that edge: up to two of each direction
    first = np.full(len(coords), -1, dtype=np.int64)
    ends = np.empty(4)
    mask = np.uint64(slots - 1)
    for ring in range(len(shells)):
        left = _runs_left(coords, starts[ring], starts[ring + 1]) == shells[ring]
        for k in range(starts[ring], starts[ring + 1] - 1):
            ax, ay, bx, by = coords[k, 0], coords[k, 1], coords[k + 1, 0], coords[k + 1, 1]
            if ax == bx and ay == by:
                continue
            forward = ax < bx or (ax == bx and ay < by)
            if not forward:
                ax, ay, bx, by = bx, by, ax, ay
            ends[0], ends[1], ends[2], ends[3] = ax + 0.0, ay + 0.0, bx + 0.0, by + 0.0  # -0.0 is 0.0
            slot = _hash(ends) & mask
            while table[slot] >= 0:
                e = table[slot]
                same = coords[e, 0] == ax and coords[e, 1] == ay and coords[e + 1, 0] == bx and coords[e + 1, 1] == by
                turned = coords[e, 0] == bx and coords[e, 1] == by and coords[e + 1, 0] == ax and coords[e + 1, 1] == ay
                if same or turned:
                    break
                slot = (slot + np.uint64(1)) & mask
            if table[slot] < 0:
                table[slot] = k
            first[k] = table[slot]
            way = 1 if forward == left else 0
            uses[first[k], way] = min(uses[first[k], way] + 1, 2)
    found = np.ones(count, dtype=np.bool_)
    for ring in range(len(shells)):
        for k in range(starts[ring], starts[ring + 1] - 1):
            if first[k] >= 0 and (uses[first[k], 0] != 1 or uses[first[k], 1] != 1):
                found[owner[ring]] = False
                break
    return found
