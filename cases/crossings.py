"""The other sides of boundaries for many points at once: which sets of areas, and whether there is a way out.

The same as `cases.desk.Places.across_areas`, `across_units` and `across_both` for one point, in compiled loops.
"""

import numpy as np
from numba import njit
from numpy.typing import NDArray

from gis.metres import Floats, Indices

Flags = NDArray[np.bool_]


@njit(cache=True, nogil=True, inline="always")
def _meets(own: int, leaving: float, first: int, last: int, near: Indices, metres: Floats, same_edge: float) -> bool:
    """Whether another polygon is as near as the own edge, so that beyond it begins that other one."""
    for k in range(first, last):  # noqa: SIM110  # compiled
        if near[k] != own and metres[k] <= leaving + same_edge:
            return True
    return False


@njit(cache=True, nogil=True)
def ways_out(offsets: Indices, near: Indices, metres: Floats, own: Indices, same_edge: float) -> Floats:
    """How far (m,) the edge of the own polygon is if it leads to none, else inf; near[offsets[i] : offsets[i + 1]]."""
    found = np.full(len(own), np.inf)
    for point in range(len(own)):
        first, last = offsets[point], offsets[point + 1]
        for k in range(first, last):
            if near[k] == own[point]:
                if not _meets(near[k], metres[k], first, last, near, metres, same_edge):
                    found[point] = metres[k]
                break
    return found


@njit(cache=True, nogil=True)
def changed_sets(
    offsets: Indices,
    near: Indices,
    metres: Floats,
    held_offsets: Indices,
    held: Indices,
    apart: Flags,
    owner: NDArray[np.int32],
    same_edge: float,
) -> tuple[Indices, Indices, Indices, Indices]:
    """The areas beyond each boundary near: (point (v,), pair (v,), offsets (v + 1,), areas), one for each crossing.

    `pair` is the place in `near` of what is crossed. `apart` and `owner` (n,) are of the areas;
    held[held_offsets[i] : held_offsets[i + 1]] hold point i.
    """
    room, most = 0, 0
    for point in range(len(offsets) - 1):
        pairs = offsets[point + 1] - offsets[point]
        most += pairs
        room += pairs * (held_offsets[point + 1] - held_offsets[point] + 1)
    points, pairs_of = np.empty(most, dtype=np.int64), np.empty(most, dtype=np.int64)
    begins = np.zeros(most + 1, dtype=np.int64)
    areas = np.empty(room, dtype=np.int64)
    count, at = 0, 0
    for point in range(len(offsets) - 1):
        first, last = offsets[point], offsets[point + 1]
        for k in range(first, last):
            area = near[k]
            inside = False
            for h in range(held_offsets[point], held_offsets[point + 1]):
                inside |= held[h] == area
            if inside and apart[area] and _meets(area, metres[k], first, last, near, metres, same_edge):
                continue
            for h in range(held_offsets[point], held_offsets[point + 1]):
                each = held[h]
                if each == area or (not inside and apart[area] and owner[each] == owner[area]):
                    continue
                areas[at] = each
                at += 1
            if not inside:
                areas[at] = area
                at += 1
            points[count], pairs_of[count] = point, k
            count += 1
            begins[count] = at
    return points[:count], pairs_of[:count], begins[: count + 1], areas[:at]


@njit(cache=True, nogil=True)
def joined_sets(
    point: Indices,
    first: Indices,
    second: Indices,
    held_offsets: Indices,
    held: Indices,
    apart: Flags,
    owner: NDArray[np.int32],
) -> tuple[Indices, Indices]:
    """The areas beyond the boundaries of areas first[i] and second[i] (k,) of a layer, seen from point[i], at once.

    (offsets (k + 1,), areas); the rest as in `changed_sets`.
    """
    room = 0
    for k in range(len(point)):
        room += held_offsets[point[k] + 1] - held_offsets[point[k]] + 2
    offsets = np.zeros(len(point) + 1, dtype=np.int64)
    areas = np.empty(room, dtype=np.int64)
    at = 0
    for k in range(len(point)):
        begin, end = held_offsets[point[k]], held_offsets[point[k] + 1]
        one, other = first[k], second[k]
        in_one, in_other = False, False
        for h in range(begin, end):
            in_one |= held[h] == one
            in_other |= held[h] == other
        for h in range(begin, end):
            each = held[h]
            left = each == one or (not in_one and apart[one] and owner[each] == owner[one])
            if not (left or each == other or (not in_other and apart[other] and owner[each] == owner[other])):
                areas[at] = each
                at += 1
        if not in_one:
            areas[at] = one
            at += 1
        if not in_other:
            areas[at] = other
            at += 1
        offsets[k + 1] = at
    return offsets, areas[:at]
