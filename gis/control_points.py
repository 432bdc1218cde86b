"""Control points between a local plane and a national one: read from a file, fitted, and judged."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gis.errors import Fault, Refusal, refuse
from gis.formats import read
from gis.similarity import Points, Similarity, fit

COLUMNS = ("local_x", "local_y", "national_x", "national_y")
WORST_M = 0.05
"""A control point that is left farther away than this is refused."""
ENOUGH = 3


@dataclass(frozen=True, slots=True)
class ControlPoints:
    """n points by name, in the local plane (n, 2) and in the national one (n, 2), easting before northing."""

    names: Sequence[str]
    local: Points
    national: Points

    def fit(self) -> tuple[Similarity, Points]:
        """The similarity from the local plane to the national one, and the residuals (n, 2) in the latter."""
        return fit(self.local, self.national)


def read_points(path: Path) -> ControlPoints:
    """The points of a table with the columns local_x, local_y, national_x, national_y, and perhaps name.

    Errors: Refusal column_missing, value_wrong with the row; those of reading a file.
    """
    table = read(path)
    heads = {name.strip().lower(): column for name, column in table.columns.items()}
    missing = [name for name in COLUMNS if name not in heads]
    if missing:
        there = ", ".join(table.columns)
        raise refuse(
            "column_missing",
            f"Control points need the columns {', '.join(COLUMNS)}; {', '.join(missing)} not found among {there}.",
            f"控制点文件须含 {'、'.join(COLUMNS)} 列；缺少 {'、'.join(missing)}，现有：{there}。",
        )
    values = np.full((len(table), 4), np.nan)
    for at, name in enumerate(COLUMNS):
        values[:, at] = [_number(value) for value in heads[name].tolist()]
    bad = ~np.isfinite(values).all(axis=1)
    if bad.any():
        raise Refusal([_wrong(int(row)) for row in table.rows[bad]])
    labels = heads.get("name", table.rows)
    return ControlPoints([str(each) for each in labels.tolist()], values[:, :2], values[:, 2:])


def check_fit(points: ControlPoints, residuals: NDArray[np.float64]) -> None:
    """Errors: Refusal crs_residuals_large, crs_points_few."""
    if len(points.names) < ENOUGH:
        raise refuse(
            "crs_points_few",
            "Two control points always fit: give a third, by which an error would be seen, or --accept-residuals.",
            "两个控制点必然吻合，无法检验；请增加第三个控制点，或使用 --accept-residuals。",
        )
    metres = np.hypot(*residuals.T)
    worst = int(np.argmax(metres))
    if metres[worst] <= WORST_M:
        return
    _, left = fit(points.local[:, ::-1], points.national)
    swapped = bool(np.hypot(*left.T).max() <= WORST_M)
    why = " With x and y of the local columns exchanged they fit." if swapped else ""
    why_zh = "将地方坐标的 x、y 列互换后即可吻合。" if swapped else ""
    raise refuse(
        "crs_residuals_large",
        f"The control points do not fit: {points.names[worst]} is left {metres[worst]:.3f} m away, more than "
        f"{WORST_M:g} m.{why} Correct the points, or take it as it is with --accept-residuals.",
        f"控制点不吻合：{points.names[worst]} 残差 {metres[worst]:.3f} 米，超过 {WORST_M:g} 米。{why_zh}"
        "请更正控制点，或使用 --accept-residuals 接受。",
    )


def _number(value: object) -> float:
    try:
        return float(str(value))
    except ValueError:
        return np.nan


def _wrong(row: int) -> Fault:
    return Fault(
        "value_wrong",
        f"Row {row}: all four coordinates of a control point must be numbers.",
        f"第 {row} 行：控制点的四个坐标必须都是数字。",
        row=row,
    )
