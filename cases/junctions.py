"""What it might be where two boundaries come together, for many cases at once: `cases.corners` in columns.

A case has steps: the boundaries within its accuracy beyond which something is otherwise that its rules look at. Every
two of the nearest become a row for the tree of decisions, and so does every step with every other component.
"""

from dataclasses import dataclass

import numpy as np

from cases.beside import areas_beside, offsets_of, units_beside
from cases.clerk import COMPONENT, Clerk
from cases.corners import MOST_STEPS
from cases.crossings import joined_sets
from cases.tree import Ids
from gis.metres import Floats, Indices

UNITS = -1
"""Stands for the column of a step to another unit."""


@dataclass(frozen=True, slots=True)
class Standing:
    """m cases where they stand: what `Clerk.kinds` says of the class, unit or -1, the bodies of the component meant.

    Case rival_row[k] may mean another component, with the bodies rival_bodies[k].
    """

    lonlat: Floats
    accuracy_m: Floats
    kinds: Ids
    units: Indices
    bodies: Ids
    rival_row: Indices
    rival_bodies: Ids


@dataclass(frozen=True, slots=True)
class _Steps:
    """Boundaries (k,): whose step it is and how far; `column` is the layer's or UNITS, `there` the set or the unit.

    `area` is the area whose boundary it is. Steps of a case with the same column and `key` lead to the same.
    """

    row: Indices
    metres: Floats
    column: Indices
    there: Indices
    area: Indices
    key: Indices

    def take(self, which: Indices) -> "_Steps":
        return _Steps(*(getattr(self, name)[which] for name in self.__slots__))

    def nearest(self) -> "_Steps":
        """By case, then by distance: the nearest that lead to the same, and of these MOST_STEPS."""
        import pandas as pd  # a fifth of a second that a command need not wait for

        steps = self.take(np.lexsort((self.metres, self.row)))
        of = pd.factorize((steps.row << 8) | (steps.column + 1))[0].astype(np.int64)
        steps = steps.take(np.sort(np.unique((of << 32) | steps.key, return_index=True)[1]))
        rank = np.arange(len(steps.row)) - np.searchsorted(steps.row, steps.row)
        return steps.take(np.flatnonzero(rank < MOST_STEPS))


def outcomes_at_corners(clerk: Clerk, cases: Standing) -> tuple[Indices, Ids]:
    """Pairs (k,) of a case and an outcome beyond two boundaries, or beyond one if another component is meant."""
    corners = _Corners(clerk, cases)
    pairs, rivals = corners.beyond_two(), corners.by_rivals()
    return np.concatenate([pairs[0], rivals[0]]), np.concatenate([pairs[1], rivals[1]])


class _Corners:
    def __init__(self, clerk: Clerk, cases: Standing) -> None:
        self.clerk, self.cases = clerk, cases
        self.asks = clerk.roots(cases.kinds, cases.units)[1]
        self.columns = np.zeros((len(cases.units), len(clerk.columns)), dtype=np.int32)
        self.columns[:, clerk.columns[COMPONENT]] = cases.bodies
        self.held: dict[int, tuple[Indices, Indices]] = {}
        found = [self._across_units()]  # first, for beyond units the rules may look at further layers
        found += [self._across_areas(layer) for layer in self._asked_layers()]
        names = _Steps.__slots__
        self.steps = _Steps(*(np.concatenate([getattr(each, name) for each in found]) for name in names)).nearest()

    def _asked_layers(self) -> list[int]:
        every = int(np.bitwise_or.reduce(self.asks, initial=0))
        return [layer for layer in range(len(self.clerk.layers)) if every >> layer & 1]

    def _across_units(self) -> _Steps:
        import pandas as pd

        clerk, cases = self.clerk, self.cases
        row, unit, metres = units_beside(clerk, cases.lonlat, cases.accuracy_m, cases.units)
        here = cases.units[row]
        asks = clerk.roots(cases.kinds[row], unit)[1]
        np.bitwise_or.at(self.asks, row, asks)
        key = clerk.unit_place[unit].astype(np.int64)
        changed = key != clerk.unit_place[here]
        for at, level in enumerate(clerk.levels):
            asked = asks >> clerk.columns["division", level] & 1
            there = clerk.unit_levels[unit, at] * asked
            changed |= there != clerk.unit_levels[here, at] * asked
            key = pd.factorize((key << 32) | there)[0].astype(np.int64)
        none = np.full(len(row), -1, dtype=np.int64)
        column = np.full(len(row), UNITS, dtype=np.int64)
        return _Steps(row, metres, column, unit, none, key).take(np.flatnonzero(changed))

    def _across_areas(self, layer: int) -> _Steps:
        clerk, cases, holdings = self.clerk, self.cases, self.clerk.holdings[layer]
        point, areas = holdings.layer.index.holders(cases.lonlat)
        held = self.held[layer] = offsets_of(point, len(cases.units)), areas
        self.columns[:, layer] = holdings.number(*held, cases.units)
        row, number, metres, area = areas_beside(clerk, layer, cases.lonlat, cases.accuracy_m, cases.units, *held)
        looks = holdings.looks(np.concatenate([number, self.columns[row, layer]])).astype(np.int64)
        key, here = looks[: len(row)], looks[len(row) :]
        changed = np.flatnonzero((key != here) & (self.asks[row] >> layer & 1 == 1))
        column = np.full(len(row), layer, dtype=np.int64)
        return _Steps(row, metres, column, number.astype(np.int64), area, key).take(changed)

    def beyond_two(self) -> tuple[Indices, Ids]:
        """Each two steps of a case, but for those of units alone: no place is in two units."""
        steps = self.steps
        last = np.searchsorted(steps.row, steps.row, side="right")
        after = last - np.arange(len(last)) - 1
        first = np.repeat(np.arange(len(last)), after)
        second = np.arange(len(first)) - np.repeat(np.cumsum(after) - after, after) + first + 1
        able = (steps.column[first] != UNITS) | (steps.column[second] != UNITS)
        first, second = first[able], second[able]
        row = steps.row[first]
        columns, units = self.columns[row], self.cases.units[row]
        for step in (first, second):
            self._go(step, columns, units)
        for layer, held in self.held.items():
            same = np.flatnonzero((steps.column[first] == layer) & (steps.column[second] == layer))
            holdings = self.clerk.holdings[layer]
            one, other = steps.area[first[same]], steps.area[second[same]]
            joined = joined_sets(row[same], one, other, *held, holdings.apart, holdings.owner)
            columns[same, layer] = holdings.number(*joined, units[same])
        return row, self._decide(row, columns, units)

    def by_rivals(self) -> tuple[Indices, Ids]:
        """Each step of a case with each other component that it may mean."""
        cases, steps = self.cases, self.steps
        first = np.searchsorted(steps.row, cases.rival_row)
        count = np.searchsorted(steps.row, cases.rival_row, side="right") - first
        rival = np.repeat(np.arange(len(first)), count)
        step = np.arange(len(rival)) - np.repeat(np.cumsum(count) - count, count) + first[rival]
        row = cases.rival_row[rival]
        columns, units = self.columns[row], cases.units[row]
        self._go(step, columns, units)
        columns[:, self.clerk.columns[COMPONENT]] = cases.rival_bodies[rival]
        return row, self._decide(row, columns, units)

    def _go(self, step: Indices, columns: Ids, units: Indices) -> None:
        """Put what is beyond steps (k,) into the columns (k, c) and the units (k,)."""
        column, there = self.steps.column[step], self.steps.there[step]
        moved = np.flatnonzero(column == UNITS)
        units[moved] = there[moved]
        changed = np.flatnonzero(column != UNITS)
        columns[changed, column[changed]] = there[changed]

    def _decide(self, row: Indices, columns: Ids, units: Indices) -> Ids:
        clerk, cases = self.clerk, self.cases
        for at, level in enumerate(clerk.levels):
            columns[:, clerk.columns["division", level]] = clerk.unit_levels[units, at]
        roots = clerk.roots(cases.kinds[row], units)[0]
        return clerk.tree.leaves(roots, columns)[0]
