"""What lies beside what, in metres on the plane around."""

from collections.abc import Sequence

import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

from gis.metres import per_degree
from grids.edits.exact import Edge, Place
from grids.edits.ground import Box


def widened(box: Box, metres: float) -> Box:
    """A box with so many metres around it."""
    per_lon, per_lat = (float(each) for each in per_degree(min(max(abs(box[1]), abs(box[3])), 89.0)))
    wide, high = metres / per_lon, metres / per_lat
    return box[0] - wide, box[1] - high, box[2] + wide, box[3] + high


def mean_width(shape: BaseGeometry) -> float:
    """Twice the area of a polygon over the length of its boundary, in metres: how wide a sliver is."""
    per_lon, per_lat = (float(each) for each in per_degree(shape.bounds[1]))
    x, y = shape.bounds[:2]
    flat = shapely.transform(shape, lambda xy: (xy - [x, y]) * [per_lon, per_lat])
    return float(2 * flat.area / flat.length)


def beside_edges(places: Sequence[Place], edges: Sequence[Edge], reach_m: float) -> list[tuple[Place, Edge, float]]:
    """The places that lie within reach of an edge, each with the nearest edge and its distance in metres."""
    if not edges or not places:
        return []
    ends = np.array(edges)
    scale = np.array([float(each) for each in per_degree(places[0][1])])
    p, way = ends[:, 0] * scale, (ends[:, 1] - ends[:, 0]) * scale
    squared = np.maximum((way * way).sum(axis=1), 1e-300)
    found = []
    for place in places:
        to = np.array(place) * scale - p
        share = np.clip((to * way).sum(axis=1) / squared, 0.0, 1.0)
        rest = to - share[:, None] * way
        far = np.hypot(rest[:, 0], rest[:, 1])
        index = int(far.argmin())
        if far[index] <= reach_m:
            found.append((place, edges[index], float(far[index])))
    return found
