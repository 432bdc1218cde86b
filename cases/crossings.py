"""The other sides of boundaries for many points at once: which sets of areas, and whether there is a way out.

The same as `cases.desk.Places.across_areas` and `across_units` for one point, in compiled loops.
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
def ways_out(offsets: Indices, near: Indices, metres: Floats, own: Indices, same_edge: float) -> Flags:
    """For which points (m,) the edge of the own polygon leads to none. near[offsets[i] : offsets[i + 1]] are near."""
    found = np.zeros(len(own), dtype=np.bool_)
    for point in range(len(own)):
        first, last = offsets[point], offsets[point + 1]
        for k in range(first, last):
            if near[k] == own[point]:
                found[point] = not _meets(near[k], metres[k], first, last, near, metres, same_edge)
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
) -> tuple[Indices, Indices, Indices]:
    """The areas beyond each boundary near: (point (v,), offsets (v + 1,), areas), one entry for each crossing.

    `apart` and `owner` (n,) are of the areas; held[held_offsets[i] : held_offsets[i + 1]] hold point i.
    """
    room, most = 0, 0
    for point in range(len(offsets) - 1):
        pairs = offsets[point + 1] - offsets[point]
        most += pairs
        room += pairs * (held_offsets[point + 1] - held_offsets[point] + 1)
    points = np.empty(most, dtype=np.int64)
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
            points[count] = point
            count += 1
            begins[count] = at
    return points[:count], begins[: count + 1], areas[:at]
