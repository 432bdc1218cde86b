"""Long straight edges, split in the plane they were drawn in."""

from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray


def split(geometries: NDArray[Any], longest: float) -> NDArray[Any]:
    """Lines and polygons (n,) with edges no longer than `longest`, in the unit of their plane; None and points stay.

    Every edge is split evenly, counted from its lower end (by x, then y): the same edge of two neighbours gets the very
    same points whichever way either runs, which `shapely.segmentize` does not promise.
    """
    result = geometries.copy()
    types = shapely.get_type_id(geometries)
    for kinds in ((1, 5), (3, 6)):
        found = np.flatnonzero(np.isin(types, kinds))
        long = found[_has_long_edge(geometries[found], longest)]
        if len(long):
            kind, coordinates, offsets = shapely.to_ragged_array(geometries[long], include_z=False)
            coordinates, rings = _split(coordinates, offsets[0], longest)
            offsets = (rings, *offsets[1:])
            result[long] = shapely.from_ragged_array(kind, coordinates, offsets)
    return result


def _has_long_edge(geometries: NDArray[Any], longest: float) -> NDArray[np.bool_]:
    xy, index = shapely.get_coordinates(geometries, return_index=True)
    long = (np.hypot(*np.diff(xy, axis=0).T) > longest) & (index[1:] == index[:-1])
    found = np.zeros(len(geometries), dtype=bool)
    found[index[1:][long]] = True  # also where only the step from ring to ring is long: splitting finds nothing to do
    return found


def _split(xy: NDArray[np.float64], rings: NDArray[Any], longest: float) -> tuple[NDArray[np.float64], NDArray[Any]]:
    """Coordinates and ring offsets with the points added."""
    here = xy
    there = np.vstack((xy[1:], xy[-1:]))
    pieces = np.ceil(np.hypot(*(there - here).T) / longest).astype(np.int64)
    pieces[rings[1:] - 1] = 1  # the last point of a ring begins no edge
    np.maximum(pieces, 1, out=pieces)
    starts = np.concatenate(([0], np.cumsum(pieces)))
    edge = np.repeat(np.arange(len(xy)), pieces)
    step = np.arange(starts[-1]) - starts[edge]
    turned = ((here[:, 0] > there[:, 0]) | ((here[:, 0] == there[:, 0]) & (here[:, 1] > there[:, 1])))[edge, None]
    low = np.where(turned, there[edge], here[edge])
    high = np.where(turned, here[edge], there[edge])
    share = np.where(turned[:, 0], pieces[edge] - step, step) / pieces[edge]
    added = low + share[:, None] * (high - low)
    added[step == 0] = xy
    return added, starts[rings]
