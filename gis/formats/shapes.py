"""Geometry out of its encodings, with a fault for each row that cannot be made out."""

from collections.abc import Callable
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from gis.errors import Fault


def parse(
    parser: Callable[..., Any], values: NDArray[Any], rows: NDArray[np.int64]
) -> tuple[NDArray[Any], list[Fault]]:
    """The geometries (n,) that a parser of shapely, such as `shapely.from_wkb`, makes of the values; None stays None.

    Curves and surfaces, which shapely does not hold, and broken values become None with a fault geometry_unreadable.
    """
    try:
        geometry: NDArray[Any] = parser(values, on_invalid="ignore")
    except NotImplementedError:
        geometry = np.array([_one(parser, value) for value in values.tolist()] + [None], dtype=object)[:-1]
    lost = shapely.is_missing(geometry) & np.array([value is not None for value in values.tolist()], dtype=bool)
    return geometry, [unreadable(int(rows[index])) for index in np.flatnonzero(lost)]


def unreadable(row: int) -> Fault:
    """The fault of a geometry that cannot be made out."""
    return Fault(
        "geometry_unreadable",
        f"The geometry of row {row} cannot be read; it must be made of points, straight lines and polygons.",
        f"第 {row} 行的几何无法读取；只支持由点、直线段和面构成的几何。",
        row=row,
    )


def _one(parser: Callable[..., Any], value: Any) -> shapely.Geometry | None:
    try:
        found: shapely.Geometry | None = parser(value, on_invalid="ignore")
    except NotImplementedError:
        return None
    return found
