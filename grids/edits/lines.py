"""Lines and polygons as they are given to an edit: on the grid of the store, and sound."""

import math
from collections.abc import Sequence
from itertools import pairwise

import shapely

from gis.errors import refuse
from grids.edits.exact import Place, meetings, rounded
from grids.edits.refusals import at


def place(x: float, y: float) -> Place:
    """A place on the grid of the store. Errors: Refusal coordinate_not_finite, coordinates_out_of_range."""
    if not (math.isfinite(x) and math.isfinite(y)):
        raise refuse("coordinate_not_finite", "A coordinate is no number.", "坐标不是数值。")
    if abs(x) > 180 or abs(y) > 90:
        raise refuse(
            "coordinates_out_of_range",
            f"({x:.10g}, {y:.10g}) lies outside longitude -180 to 180, latitude -90 to 90; give lon, lat.",
            f"({x:.10g}, {y:.10g}) 超出经纬度范围；请按经度、纬度给出。",
        )
    return rounded(x, y)


def drawn(line: Sequence[Place]) -> list[Place]:
    """A line without repeated places. Errors: Refusal line_too_short, line_crosses_itself."""
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
    for index, edge in enumerate(edges):
        for meeting in meetings(edge, edges[index + 1 :]):
            if meeting.place != edge[1]:
                return meeting.place
    repeated = [each for index, each in enumerate(way) if each in way[:index]]
    return repeated[0] if repeated else way[0]
