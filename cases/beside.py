"""What lies beyond the boundaries near many points: the other units, and the other sets of areas of a layer."""

import numpy as np
from numpy.typing import NDArray

from cases.clerk import Clerk
from cases.crossings import changed_sets, ways_out
from cases.desk import SAME_EDGE_M
from cases.tree import Ids
from gis.metres import Floats, Indices


def offsets_of(point: Indices, count: int) -> Indices:
    """Where each of `count` points begins among pairs sorted by point, with the end appended."""
    return np.concatenate([[0], np.cumsum(np.bincount(point, minlength=count))]).astype(np.int64)


def units_beside(clerk: Clerk, lonlat: Floats, accuracy_m: Floats, own: Indices) -> tuple[Indices, Indices, Floats]:
    """Each other unit within the accuracy where rules or divisions are others: (point (k,), unit, metres).

    `own` (m,) are the units that hold the points; -1 is none, there as here. In the order of `Desk.decide`: a point's
    other units, the way out of its own, then named gaps.
    """
    point, near, metres = clerk.desk.grid.units.near(lonlat, accuracy_m)
    leaving = ways_out(offsets_of(point, len(own)), near, metres, own, SAME_EDGE_M)
    out = np.flatnonzero(np.isfinite(leaving))
    gap_point, gap_metres = _gaps_beside(clerk, lonlat, accuracy_m, np.bincount(point, minlength=len(own)) > 0, own)
    other = near != own[point]
    point = np.concatenate([point[other], out, gap_point])
    unit = np.concatenate([near[other], np.full(len(out) + len(gap_point), -1, dtype=np.int64)])
    here = own[point]
    changed = clerk.unit_place[unit] != clerk.unit_place[here]
    changed |= (clerk.unit_levels[unit] != clerk.unit_levels[here]).any(axis=1)
    return point[changed], unit[changed], np.concatenate([metres[other], leaving[out], gap_metres])[changed]


def _gaps_beside(
    clerk: Clerk, lonlat: Floats, accuracy_m: Floats, near_edge: NDArray[np.bool_], own: Indices
) -> tuple[Indices, Floats]:
    """The named gaps within the accuracy of points in a unit and near an edge: (point (k,), metres)."""
    asked = np.flatnonzero(near_edge & (own >= 0))
    gaps = clerk.desk.grid.gaps
    if not len(gaps) or not len(asked):
        return np.zeros(0, dtype=np.int64), np.zeros(0)
    point, _, metres = gaps.near(lonlat[asked], accuracy_m[asked])
    return asked[point], metres


def areas_beside(
    clerk: Clerk, layer: int, lonlat: Floats, accuracy_m: Floats, own: Indices, held_offsets: Indices, held: Indices
) -> tuple[Indices, Ids, Floats, Indices]:
    """The set of areas beyond each boundary of layer number `layer`: (point (k,), the set's number, metres, area).

    `area` is whose boundary it is; held[held_offsets[i] : held_offsets[i + 1]] are the areas that hold point i, which
    lies in unit own[i].
    """
    holdings = clerk.holdings[layer]
    point, near, metres = holdings.layer.index.near(lonlat, accuracy_m)
    at, pair, offsets, areas = changed_sets(
        offsets_of(point, len(own)), near, metres, held_offsets, held, holdings.apart, holdings.owner, SAME_EDGE_M
    )
    return at, holdings.number(offsets, areas, own[at]), metres[pair], near[pair]
