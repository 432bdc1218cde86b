"""Signs of a delivery that is wrong as a whole: much of a class gone, or moved by one and the same way."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

SHARE = 0.1
LEAST_M = 0.001
TURN = np.pi / 18
"""Ten degrees: ways within about one and a half of it are alike, and lengths within about a fifth of each other."""
WARPED = 0.1
FEWEST = 2
"""One row alone moves like no other."""
STRETCH = np.log(1.1)
METRES_A_DEGREE = 111_195.0


@dataclass(frozen=True, slots=True)
class Mass:
    """`count` of the `total` rows of a class that a delivery speaks of are gone, or moved alike."""

    kind: str
    what: str
    count: int
    total: int


def moved_alike(before: NDArray[Any], after: NDArray[Any]) -> tuple[NDArray[np.bool_], float]:
    """Which of the shapes (n,) moved the same way as the most of them did, (n,) bool, and how far that is, in metres.

    A wrong coordinate system moves everything by nearly one vector: by exactly one (another datum), or by one that
    changes slowly over a city (GCJ-02). Ways are told apart by direction and length; the largest group counts.
    """
    boxes = shapely.bounds(before)
    ways = (shapely.bounds(after) - boxes) * METRES_A_DEGREE
    ways[:, ::2] *= np.cos(np.radians(boxes[:, 1]))[:, None]
    east, north = (ways[:, :2] + ways[:, 2:]).T / 2
    length = np.hypot(east, north)
    # One that was drawn anew, so that its sides moved each its own way, was not moved as a whole.
    whole = np.hypot(*(ways[:, :2] - ways[:, 2:]).T) <= WARPED * length
    moved = np.flatnonzero((length >= LEAST_M) & whole)
    group = np.zeros(len(length), dtype=bool)
    if not len(moved):
        return group, 0.0
    turns = round(2 * np.pi / TURN)
    direction = np.floor((np.arctan2(north[moved], east[moved]) + np.pi) / TURN).astype(int) % turns
    reach = np.floor(np.log(length[moved] / LEAST_M) / STRETCH).astype(int)
    cells = Counter(zip(direction.tolist(), reach.tolist(), strict=True))

    def around(cell: tuple[int, int]) -> list[tuple[int, int]]:
        return [((cell[0] + turn) % turns, cell[1] + step) for turn in (-1, 0, 1) for step in (-1, 0, 1)]

    sums = {cell: sum(cells[each] for each in around(cell)) for cell in cells}
    best = around(max(sums, key=lambda cell: (sums[cell], cell)))
    if max(sums.values()) < FEWEST:
        return group, 0.0
    inside = [cell in best for cell in zip(direction.tolist(), reach.tolist(), strict=True)]
    group[moved[inside]] = True
    return group, float(np.median(length[group]))


def find_masses(spoken: Mapping[str, int], gone: Mapping[str, int], alike: Mapping[str, int]) -> list[Mass]:
    """The classes of which more than a tenth is gone, or moved alike: of the rows of each that are spoken of."""
    counted = (("gone", gone), ("moved", alike))
    return [
        Mass(kind, what, counts[what], spoken.get(what, 0))
        for kind, counts in counted
        for what in sorted(counts)
        if counts[what] > SHARE * spoken.get(what, 0)
    ]


def alike_by_class(pairs: Iterable[tuple[str, Any, Any]]) -> dict[str, tuple[int, float]]:
    """Of (class, shape before, shape after): how many of each class moved alike, and how far."""
    held: dict[str, list[tuple[Any, Any]]] = {}
    for what, before, after in pairs:
        if before is not None and after is not None:
            held.setdefault(what, []).append((before, after))
    found = {}
    for what, shapes in held.items():
        before, after = (np.fromiter(side, dtype=object, count=len(shapes)) for side in zip(*shapes, strict=True))
        group, metres = moved_alike(before, after)
        if group.any():
            found[what] = int(group.sum()), metres
    return found
