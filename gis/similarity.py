"""The similarity between two planes: a turn, one scale and a shift, four parameters, fitted to control points."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gis.errors import refuse

Points = NDArray[np.float64]

LEAST_SPREAD = 1.0
"""Control points that lie closer together than this, in their own unit, say nothing of turn and scale."""


@dataclass(frozen=True, slots=True, repr=False)
class Similarity:
    """x' = to_x + a (x - from_x) - b (y - from_y), y' = to_y + b (x - from_x) + a (y - from_y).

    `from_` and `to_` are the centres of the control points, so that large coordinates cost no digits. It has no
    representation that tells its numbers: a city's parameters are secret.
    """

    from_x: float
    from_y: float
    to_x: float
    to_y: float
    a: float
    b: float

    @property
    def scale(self) -> float:
        return float(np.hypot(self.a, self.b))

    def forward(self, xy: Points) -> Points:
        """Positions (n, 2) of the first plane in the second."""
        x, y = xy[:, 0] - self.from_x, xy[:, 1] - self.from_y
        return np.column_stack([self.to_x + self.a * x - self.b * y, self.to_y + self.b * x + self.a * y])

    def inverse(self, xy: Points) -> Points:
        """Positions (n, 2) of the second plane in the first."""
        x, y = xy[:, 0] - self.to_x, xy[:, 1] - self.to_y
        square = self.a * self.a + self.b * self.b
        return np.column_stack(
            [self.from_x + (self.a * x + self.b * y) / square, self.from_y + (self.a * y - self.b * x) / square]
        )


def fit(source: Points, target: Points) -> tuple[Similarity, Points]:
    """The similarity that takes `source` (n, 2) to `target` (n, 2) with the least sum of squares, and what is left.

    The residuals (n, 2) are target minus what the similarity gives. Errors: Refusal crs_points_few for fewer than two
    places.
    """
    spread = np.ptp(source, axis=0).max(initial=0.0) if len(source) else 0.0
    if spread < LEAST_SPREAD or np.ptp(target, axis=0).max(initial=0.0) < LEAST_SPREAD:
        raise refuse(
            "crs_points_few",
            "A local system needs control points at two places at least, and three to see how well they fit.",
            "地方坐标系至少需要两处控制点；要检验拟合精度，至少需要三处。",
        )
    centre, there = source.mean(axis=0), target.mean(axis=0)
    (x, y), (u, v) = (source - centre).T, (target - there).T
    square = float(x @ x + y @ y)
    a, b = float(x @ u + y @ v) / square, float(x @ v - y @ u) / square
    found = Similarity(float(centre[0]), float(centre[1]), float(there[0]), float(there[1]), a, b)
    return found, target - found.forward(source)
