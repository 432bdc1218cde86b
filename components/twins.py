"""Near-duplicates: components of one class that lie nearer to each other than their surveys can tell apart."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from components.lookup import COLUMNS, Inventory, make_inventory
from gis.errors import Fault
from gis.geometry import place
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


def twins_fault(columns: Mapping[str, NDArray[Any]], pair: Twins, of: int) -> Fault:
    """The warning of a pair, told of the one of them that is `of`."""
    one, other = (columns["code"][each] for each in (of, pair.first + pair.second - of))
    return Fault(
        "component_twins",
        f"{one} and {other} are of one class and {pair.metres:.2f} m apart, less than their accuracies in sum: "
        "one thing may have been taken twice.",
        f"{one} 与 {other} 类别相同，相距 {pair.metres:.2f} 米，小于两者精度之和：可能重复登记。",
        severity="warning",
        thing=one,
        where=place(columns["geom"][of]),
        members={"other": other, "metres": round(pair.metres, 3)},
    )


def twins_of(row: Mapping[str, Any], around: Sequence[Mapping[str, Any]]) -> list[Fault]:
    """The warnings of one component among those around it."""
    alike = [each for each in around if (each["edition"], each["class_code"]) == (row["edition"], row["class_code"])]
    rows = [row, *(each for each in alike if (each["owner"], each["code"]) != (row["owner"], row["code"]))]
    columns = {name: np.fromiter((each[name] for each in rows), dtype=object, count=len(rows)) for name in COLUMNS}
    return [twins_fault(columns, each, 0) for each in find_twins(columns) if 0 in (each.first, each.second)]
