"""The columns of `wangge locate` for millions of points: those of `api.lookups.answers.locate_columns`, spelled once.

What a unit or a set of areas tells is spelled once, as an Arrow dictionary; a point gets numbers.
"""

import threading
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from api.bulk.as_of import BEFORE
from api.bulk.coded import rounded
from cases.holders import Holdings
from gis.metres import Floats, Indices
from gis.orders import grouped
from gis.points import missing
from grids.lookup import AreaLayer, Grid

Added = dict[str, pa.Array]
PLACE = "place"
PlaceColumn = Callable[[int, Floats], pa.Array]
"""The places (n, 2) of a revision in words."""
FLAGS = ("", "outside", "named_gap", BEFORE)
DISTANCE_DECIMALS = 3
FEW = 5_000
"""Fewer points are not worth an order."""


@cache
def _spelled() -> pa.Array:
    """FLAGS as a dictionary of texts. Not made before it is needed, for Arrow loads pandas with its first array."""
    return pa.array(FLAGS, pa.string())


class Placer:
    """A grid with the texts of its units, divisions and areas as Arrow arrays. Safe to share between threads."""

    def __init__(self, grid: Grid) -> None:
        self.grid = grid
        codes = grid.units.codes.all()
        self.codes = pa.array(codes.tolist(), pa.string())
        self.levels = _levels(grid, codes)
        self.layers = {name: _Layer(layer, codes) for name, layer in grid.areas.items()}

    def answer(self, lonlat: Floats) -> Added:
        """The columns of points (n, 2) in EPSG:4490; all are null where a point is NaN."""
        grid = self.grid
        bad = missing(lonlat)
        units = grid.units.lowest(lonlat)
        nowhere = units < 0
        dictionary = 2 * len(lonlat) >= len(self.codes)
        added: Added = {"unit": _taken(units, self.codes) if dictionary else self.codes.take(_numbers(units))}
        for name, (number_of, texts) in self.levels.items():
            added[name] = _taken(number_of[units], texts)
        for name, layer in self.layers.items():
            added |= layer.answer(name, lonlat, units)
        metres = rounded(self._distances(lonlat, units), DISTANCE_DECIMALS)
        added["boundary_distance_m"] = _floats(metres)
        flags = np.zeros(len(lonlat), dtype=np.int8)
        out = np.flatnonzero(nowhere)
        if len(out):
            flags[out] = np.where(grid.gaps.lowest(lonlat[out]) >= 0, 2, 1)
        added["flags"] = pa.DictionaryArray.from_arrays(pa.array(flags, mask=bad if bad.any() else None), _spelled())
        return added

    def _distances(self, lonlat: Floats, units: Indices) -> Floats:
        if len(lonlat) < FEW:
            return self.grid.boundary_distance(lonlat, units)
        order = grouped(units, len(self.codes))
        found = np.empty(len(lonlat))
        found[order] = self.grid.boundary_distance(lonlat.take(order, axis=0), units.take(order))
        return found


def before_history(levels: Sequence[str], layers: Sequence[str], count: int) -> Added:
    """The columns of `count` points that are asked as of a time before history."""
    added: Added = {name: pa.nulls(count, pa.string()) for name in column_names(levels, layers)}
    flags = pa.array(np.full(count, FLAGS.index(BEFORE), dtype=np.int8))
    added["boundary_distance_m"] = pa.nulls(count, pa.float64())
    return added | {"flags": pa.DictionaryArray.from_arrays(flags, _spelled())}


def column_names(levels: Sequence[str], layers: Sequence[str]) -> list[str]:
    """The columns that `wangge locate` adds, in their order."""
    areas = [f"area.{name}{suffix}" for name in layers for suffix in ("", ".all")]
    return ["unit", *levels, *areas, "boundary_distance_m", "flags"]


class _Layer:
    """The areas of a layer: the sets of holders met so far, and their codes."""

    def __init__(self, layer: AreaLayer, unit_codes: NDArray[Any]) -> None:
        self.layer = layer
        self.holdings = Holdings(layer, unit_codes)
        self.codes = pa.array([str(each) for each in layer.codes], pa.string())
        self._lock = threading.Lock()
        self._first = np.full(1, -1, dtype=np.int32)
        self._told: list[str] = [""]
        self._all = pa.array(self._told, pa.string())

    def answer(self, name: str, lonlat: Floats, units: Indices) -> Added:
        """`area.NAME` and `area.NAME.all` of points."""
        point, areas = self.layer.index.holders(lonlat)
        offsets = np.concatenate([[0], np.cumsum(np.bincount(point, minlength=len(lonlat)))]).astype(np.int64)
        numbers = self.holdings.number(offsets, areas, units)
        first, texts = self._spelled(int(numbers.max(initial=0)))
        told = np.where(numbers == 0, -1, numbers)
        return {f"area.{name}": _taken(first[numbers], self.codes), f"area.{name}.all": _taken(told, texts)}

    def _spelled(self, most: int) -> tuple[NDArray[np.int32], pa.Array]:
        """For each set up to number `most` its first area, and the codes of all joined by ";"."""
        with self._lock:
            if most >= len(self._first):
                members = [self.holdings.members(number) for number in range(len(self._first), most + 1)]
                codes = self.layer.codes
                more = np.array([each[0] for each in members], dtype=np.int32)
                self._first = np.concatenate([self._first, more])
                self._told += [";".join(str(codes[area]) for area in each) for each in members]
                self._all = pa.array(self._told, pa.string())
            return self._first, self._all


def _levels(grid: Grid, codes: NDArray[Any]) -> dict[str, tuple[NDArray[np.int32], pa.Array]]:
    """For each level the number of each unit's division, and last -1 for no unit; and the codes that they number."""
    lengths = [level.length for level in grid.profile.levels]
    names = [level.id for level in grid.profile.levels]
    known: list[dict[str, int]] = [{} for _ in names]
    number_of = np.full((len(names), len(codes) + 1), -1, dtype=np.int32)
    stems: dict[tuple[int, str], list[int]] = {}
    for unit, code in enumerate(codes.tolist()):
        stem = len(code), code[: max((each for each in lengths if each < len(code)), default=0)]
        if stem not in stems:
            above: dict[str, str] = {}
            for each in grid.divisions_of(code):
                above.setdefault(each.level, each.code)
            stems[stem] = [
                known[at].setdefault(above[name], len(known[at])) if name in above else -1
                for at, name in enumerate(names)
            ]
        number_of[:, unit] = stems[stem]
    return {name: (number_of[at], pa.array(list(known[at]), pa.string())) for at, name in enumerate(names)}


def _taken(numbers: NDArray[Any], texts: pa.Array) -> pa.DictionaryArray:
    """A column of texts by their numbers, null for negative ones."""
    return pa.DictionaryArray.from_arrays(_numbers(numbers.astype(np.int32, copy=False)), texts)


def _numbers(numbers: NDArray[Any]) -> pa.Array:
    none = numbers < 0
    return pa.array(numbers, mask=none if none.any() else None)


def _floats(values: Floats) -> pa.Array:
    none = ~np.isfinite(values)
    return pa.array(values, mask=none if none.any() else None)
