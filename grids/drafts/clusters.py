"""Clusters of a scattered draft: what is read around each of them is little, around all of them the city."""

from collections.abc import Sequence

import numpy as np

from gis.metres import Floats
from grids.edits.ground import bounds
from grids.edits.value import Feature

ROOMY = 4.0
"""How many times the boxes of its members the box of a cluster may be."""
LEAST_DEG2 = 1e-8
"""About a hundred metres square: what so small a box holds is read at once."""


def clusters(features: Sequence[Feature]) -> list[list[Feature]]:
    """The features, which have shapes, in groups that lie near each other: halved until none is mostly empty ground.

    A box around each group meets not much more than lies at its members.
    """
    if not features:
        return []
    boxes = np.array([bounds(each.shape) for each in features])
    return [[features[index] for index in group] for group in _halved(boxes, np.arange(len(features)))]


def _halved(boxes: Floats, group: "np.ndarray[tuple[int], np.dtype[np.intp]]") -> list[list[int]]:
    own = boxes[group]
    west, south = own[:, :2].min(axis=0)
    east, north = own[:, 2:].max(axis=0)
    sides = own[:, 2:] - own[:, :2]
    whole = (east - west) * (north - south)
    if len(group) == 1 or whole <= max(LEAST_DEG2, ROOMY * float((sides[:, 0] * sides[:, 1]).sum())):
        return [group.tolist()]
    axis = 0 if east - west >= north - south else 1
    middles = (own[:, axis] + own[:, axis + 2]) / 2
    before = middles < (middles.min() + middles.max()) / 2
    if not before.any():
        return [group.tolist()]
    return [*_halved(boxes, group[before]), *_halved(boxes, group[~before])]
