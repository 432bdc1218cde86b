"""Lines and polygons as they are given to an edit: on the grid of the store, and sound."""

import math
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np
import shapely

from gis.crs import swapped_axes
from gis.errors import Refusal, refuse
from grids.edits.exact import Place, meetings, rounded
from grids.edits.refusals import at

MOST_PLACES = 20_000
"""Of a line: some times more than the longest stretch of boundary that is changed at once."""


def place(x: float, y: float) -> Place:
    """A place on the grid of the store.

    Errors: Refusal coordinate_not_finite, swapped_axes, coordinates_out_of_range.
    """
    if not (math.isfinite(x) and math.isfinite(y)):
        raise refuse("coordinate_not_finite", "A coordinate is no number.", "坐标不是数值。")
    if abs(x) > 180 or abs(y) > 90:
        if abs(x) <= 90 and abs(y) <= 180:
            raise Refusal([replace(swapped_axes(np.array([x, y])), where=at((y, x)))])
        raise refuse(
            "coordinates_out_of_range",
            f"({x:.10g}, {y:.10g}) lies outside longitude -180 to 180, latitude -90 to 90; give lon, lat.",
            f"({x:.10g}, {y:.10g}) 超出经纬度范围；请按经度、纬度给出。",
        )
    return rounded(x, y)


def drawn(line: Sequence[Place]) -> list[Place]:
    """A line without repeated places. Errors: Refusal line_too_short, line_too_long, line_crosses_itself."""
    if len(line) > MOST_PLACES:
        raise refuse(
            "line_too_long",
            f"The line has {len(line):,} places, more than {MOST_PLACES:,}; draw what changes alone, or simplify it.",
            f"线有 {len(line):,} 个点，超过 {MOST_PLACES:,} 个；请只画需要更改的部分，或先行简化。",
            where=at(place(*line[0])),
        )
    given = [place(x, y) for x, y in line]
    way = [each for index, each in enumerate(given) if index == 0 or each != given[index - 1]]
    if len(way) < 2:
        raise refuse(
            "line_too_short",
            "The line has fewer than two different places; draw it again.",
            "线的不同点少于两个；请重画。",
            where=at(way[0]) if way else None,
        )
    if not shapely.LineString(way).is_simple:
        raise refuse(
            "line_crosses_itself",
            "The line crosses or touches itself here; draw it without a loop.",
            "线在此处自相交或自相接；请重画，不要绕圈。",
            where=at(_loop(way)),
        )
    return way


def _loop(way: Sequence[Place]) -> Place:
    """Where a line comes back to itself."""
    edges = list(pairwise(way))
    segments = np.array([shapely.LineString(edge) for edge in edges], dtype=object)
    pairs = shapely.STRtree(segments).query(segments, predicate="intersects").T
    for one, other in sorted(pairs[pairs[:, 0] < pairs[:, 1]].tolist()):
        for meeting in meetings(edges[one], [edges[other]]):
            if meeting.place != edges[one][1]:
                return meeting.place
    seen: set[Place] = set()
    for place in way:
        if place in seen:
            return place
        seen.add(place)
    return way[0]
