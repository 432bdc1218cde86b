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
Bytes = NDArray[np.int8]


def are_matched(polygons: NDArray[Any]) -> Flags:
    """Whether (n,) each edge of a valid polygon or multipolygon has exactly one equal edge, of the other direction.

    Directions are those with the inside on the left, however the rings are drawn. Repeated nodes make no edge.
    """
    return match(polygons, np.zeros(len(polygons), dtype=np.int64))[0]


def match(polygons: NDArray[Any], groups: Indices, outlines: Flags | None = None) -> tuple[Flags, Flags]:
    """Whether (n,) all edges of a polygon, and whether any, have exactly one partner within the polygon's group (n,).

    Of the polygons marked as `outlines` the outside counts: those of a group that make up its outline match it.
    """
    parts, part_owner = shapely.get_parts(polygons, return_index=True)
    rings, ring_part = shapely.get_rings(parts, return_index=True)
    coords, ring = shapely.get_coordinates(rings, return_index=True)
    starts = np.searchsorted(ring, np.arange(len(rings) + 1)).astype(np.int64)
    owner = part_owner[ring_part].astype(np.int64)
    inside_left = np.ones(len(rings), dtype=np.bool_)
    inside_left[1:] = ring_part[1:] != ring_part[:-1]  # the shell comes first
    if outlines is not None:
        inside_left ^= outlines[owner]
    slots = 1 << max(len(coords).bit_length(), 4)
    ring_groups = groups.astype(np.int64)[owner]
    partners = _count_partners(coords, starts, inside_left, ring_groups, slots)
    edge_owner = owner[ring[:-1]] if len(ring) else owner
    edges = partners >= 0
    all_matched, any_matched = np.ones(len(polygons), dtype=np.bool_), np.zeros(len(polygons), dtype=np.bool_)
    all_matched[edge_owner[edges & (partners != 1)]] = False
    any_matched[edge_owner[edges & (partners == 1)]] = True
    return all_matched, any_matched


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
def _hash(ends: Floats, group: int) -> np.uint64:
    mixed = np.uint64(group)
    for bits in ends.view(np.uint64):
        mixed = (mixed ^ bits) * np.uint64(0x9E3779B97F4A7C15)
        mixed ^= mixed >> np.uint64(29)
    return mixed


@njit(cache=True, nogil=True)
def _count_partners(coords: Floats, starts: Indices, inside_left: Flags, groups: Indices, slots: int) -> Bytes:
    """For each coordinate but the last: 1 where the edge from it has one partner, 0 where not, -1 where none begins."""
    table = np.full(slots, -1, dtype=np.int64)  # the number of an edge that has these nodes
    table_group = np.empty(slots, dtype=np.int64)
    uses = np.zeros((len(coords), 2), dtype=np.uint8)  # by the number of that edge: up to two of each direction
    first = np.full(len(coords), -1, dtype=np.int64)
    ends = np.empty(4)
    mask = np.uint64(slots - 1)
    for ring in range(len(inside_left)):
        left = _runs_left(coords, starts[ring], starts[ring + 1]) == inside_left[ring]
        for k in range(starts[ring], starts[ring + 1] - 1):
            ax, ay, bx, by = coords[k, 0], coords[k, 1], coords[k + 1, 0], coords[k + 1, 1]
            if ax == bx and ay == by:
                continue
            forward = ax < bx or (ax == bx and ay < by)
            if not forward:
                ax, ay, bx, by = bx, by, ax, ay
            ends[0], ends[1], ends[2], ends[3] = ax + 0.0, ay + 0.0, bx + 0.0, by + 0.0  # -0.0 is 0.0
            slot = _hash(ends, groups[ring]) & mask
            while table[slot] >= 0:
                e = table[slot]
                same = coords[e, 0] == ax and coords[e, 1] == ay and coords[e + 1, 0] == bx and coords[e + 1, 1] == by
                turned = coords[e, 0] == bx and coords[e, 1] == by and coords[e + 1, 0] == ax and coords[e + 1, 1] == ay
                if (same or turned) and table_group[slot] == groups[ring]:
                    break
                slot = (slot + np.uint64(1)) & mask
            if table[slot] < 0:
                table[slot], table_group[slot] = k, groups[ring]
            first[k] = table[slot]
            way = 1 if forward == left else 0
            uses[first[k], way] = min(uses[first[k], way] + 1, 2)
    found = np.full(max(len(coords) - 1, 0), -1, dtype=np.int8)
    for k in range(len(found)):
        if first[k] >= 0:
            found[k] = 1 if uses[first[k], 0] == 1 and uses[first[k], 1] == 1 else 0
    return found
