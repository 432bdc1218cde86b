"""Near-duplicates: components of one class that lie nearer to each other than their surveys can tell apart."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from components.lookup import Inventory, make_inventory
from gis.metres import Floats


@dataclass(frozen=True, slots=True)
class Twins:
    """Two components by their places in the table, the first before the second, and the metres between them."""

    first: int
    second: int
    metres: float


def find_twins(columns: dict[str, NDArray[Any]]) -> list[Twins]:
    """Pairs of one class within the sum of their accuracies; columns (n,) are `components.lookup.COLUMNS`.

    The distance is that from a point on the one to the other, the lesser of both ways.
    """
    if not len(columns["code"]):
        return []
    shapes = columns["geom"]
    inventory: Inventory = make_inventory(dict(columns))
    points = np.where(shapely.get_type_id(shapes) == 0, shapes, shapely.point_on_surface(shapes))
    lonlat: Floats = np.asarray(shapely.get_coordinates(points), dtype=np.float64)
    classes = np.array([f"{e} {c}" for e, c in zip(columns["edition"], columns["class_code"], strict=True)])
    one, other, metres = inventory.within(lonlat, classes, inventory.accuracy_m)
    apart = one != other
    pairs: dict[tuple[int, int], float] = {}
    for a, b, distance in zip(one[apart].tolist(), other[apart].tolist(), metres[apart].tolist(), strict=True):
        key = (a, b) if a < b else (b, a)
        pairs[key] = min(distance, pairs.get(key, distance))
    return [Twins(*key, distance) for key, distance in sorted(pairs.items())]
