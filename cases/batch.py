"""Routing in columns: millions of cases, the very answers that `Desk.route_all` gives one by one.

Every case becomes a row of small integers (class, unit, set of areas that count in each layer, component's bodies); a
tree of decisions turns each row into its outcome. What lies beyond a boundary within the accuracy, or is meant when
another component is, becomes a row of its own with one integer replaced, and goes through the same tree: but only where
the decision looked at that column, and only near an edge at which it changes. Corners, where two come together, are
asked about (`cases.junctions`) only where the decision beyond the first looked at the second.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from cases.beside import areas_beside, offsets_of, units_beside
from cases.clerk import COMPONENT, ClassKey, Clerk
from cases.junctions import Standing, outcomes_at_corners
from cases.outcomes import NOBODY
from cases.tree import Ids
from gis.metres import Floats, Indices
from gis.names import UNKNOWN

FLAGS: Final = (
    "ambiguous",
    "assumed_accuracy",
    "assumed_edition",
    "assumed_timezone",
    "crs_assumed",
    "fallback",
    "gap",
    "named_gap",
    "near_boundary",
    "outside",
    "stale_component",
    "unknown_class",
    "unmapped_class",
)
"""The flags in alphabetical order; flag k is bit k of a mask."""
BIT: Final = {flag: 1 << number for number, flag in enumerate(FLAGS)}
ASSUMED: Final = (
    "assumed_accuracy",
    "assumed_edition",
    "assumed_timezone",
    "crs_assumed",
    "unknown_class",
    "unmapped_class",
)

STALE: Final = ("component_unknown", "component_gone", "component_class", "component_far")
"""What may be wrong with a component, in the order in which it is told; reason k is bit k of `Answers.stale`."""

Bits = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Batch:
    """n cases in columns. `lonlat` (n, 2) in EPSG:4490, finite; `accuracy_m` (n,); `classes[class_of[i]]` is the class.

    `component` (n,) is the component that the case names: its number in the inventory, NOT_NAMED, or UNKNOWN when the
    inventory has no such code. `assumed` (n,) is a mask of the flags ASSUMED.
    """

    lonlat: Floats
    accuracy_m: Floats
    classes: Sequence[ClassKey]
    class_of: Ids
    component: Indices
    assumed: Bits

    def __len__(self) -> int:
        return len(self.lonlat)


@dataclass(frozen=True, slots=True)
class Answers:
    """n answers in columns (n,).

    `unit` and `gap` are indices of the grid, -1 for none; `outcome` is a number of `Clerk.outcomes`; `flags` a mask of
    FLAGS; `component` a number of the inventory or -1, at `metres`; `others` tells whether more components are within
    reach. `stale` is a mask of STALE. `beyond` and `rivals` count the other departments beyond boundaries and by
    other components; `nobody` tells whether no department is responsible beyond one.
    """

    unit: Indices
    gap: Indices
    outcome: Ids
    flags: Bits
    component: Indices
    metres: Floats
    named: NDArray[np.bool_]
    others: NDArray[np.bool_]
    stale: Bits
    beyond: Indices
    rivals: Indices
    nobody: NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class _Assets:
    """The components meant (n,), and the pairs (k,) of a case and another component within its reach."""

    member: Indices
    metres: Floats
    named: NDArray[np.bool_]
    others: NDArray[np.bool_]
    stale: Bits
    usable: Ids
    pair_row: Indices
    pair_member: Indices


@dataclass(frozen=True, slots=True)
class _Held:
    """The areas of a layer that hold points, for some of the rows: place[row] is the number of its points, or -1."""

    place: Indices
    offsets: Indices
    areas: Indices


@dataclass(frozen=True, slots=True)
class _Doors:
    """Cases (k,) with one thing otherwise, the outcome there, and as bits which columns were looked at for it."""

    row: Indices
    outcome: Ids
    looked: Bits


def route_batch(clerk: Clerk, batch: Batch) -> Answers:
    """The answers to all cases of the batch, of the revision of the clerk's desk."""
    return _Work(clerk, batch).answers()


class _Work:
    """One batch on its way: the rows of the cases, and further rows for what else they might be."""

    def __init__(self, clerk: Clerk, batch: Batch) -> None:
        self.clerk, self.batch, self.grid = clerk, batch, clerk.desk.grid
        self.units = self.grid.units.lowest(batch.lonlat)
        self.kinds = clerk.kinds(batch.classes)[batch.class_of]
        self.roots, self.asks = clerk.roots(self.kinds, self.units)
        self.columns = np.zeros((len(batch), len(clerk.columns)), dtype=np.int32)
        self.held: list[list[_Held]] = [[] for _ in clerk.layers]
        for number in range(len(clerk.layers)):
            self._hold(number, np.flatnonzero(self.asks >> number & 1))
        for at, level in enumerate(clerk.levels):
            self.columns[:, clerk.columns["division", level]] = clerk.unit_levels[self.units, at]
        self.assets = _assets(clerk, batch)
        self.columns[:, clerk.columns[COMPONENT]] = self.assets.usable
        self.outcome, self.looked = clerk.tree.leaves(self.roots, self.columns)

    def answers(self) -> Answers:
        batch, assets = self.batch, self.assets
        units, areas, others = self._across_units(), self._across_areas(), self._by_rivals()
        department = self._departments()
        row = np.concatenate([each.row for each in (units, *areas)])
        own = department[self.outcome[row]]
        other = department[np.concatenate([each.outcome for each in (units, *areas)])]
        nobody = np.zeros(len(batch), dtype=np.bool_)
        nobody[row[(own != NOBODY) & (other == NOBODY)]] = True
        beyond = self._count_others(row, own, other)
        rivals = self._count_others(others.row, department[self.outcome[others.row]], department[others.outcome])
        beyond += self._at_corners(units, areas, others, ~nobody & (beyond == 0))
        gaps = np.full(len(batch), -1, dtype=np.int64)
        out = np.flatnonzero(self.units < 0)
        gaps[out] = self.grid.gaps.lowest(batch.lonlat[out])
        outcomes = self.clerk.outcomes
        own_flags = np.array(
            [
                BIT["fallback"] * each.fallback + BIT["gap"] * each.gap + BIT["ambiguous"] * bool(each.doubts)
                for each in outcomes
            ],
            dtype=np.int64,
        )
        flags = batch.assumed | own_flags[self.outcome]
        flags |= BIT["near_boundary"] * (nobody | (beyond > 0)) | BIT["ambiguous"] * (rivals > 0)
        flags |= BIT["stale_component"] * (assets.stale > 0)
        flags |= BIT["named_gap"] * (gaps >= 0) | BIT["outside"] * ((self.units < 0) & (gaps < 0))
        return Answers(
            self.units, gaps, self.outcome, flags, assets.member, assets.metres, assets.named, assets.others,
            assets.stale, beyond, rivals, nobody,
        )  # fmt: skip

    def _count_others(self, row: Indices, own: Ids, other: Ids) -> Indices:
        """How many distinct departments (n,) `other` (k,) names for the cases `row` that are not their `own`."""
        differs = (other != own) & (other != NOBODY)
        pairs = np.unique((row[differs] << 32) | other[differs])
        return np.bincount(pairs >> 32, minlength=len(self.batch)).astype(np.int64)

    def _departments(self) -> NDArray[np.int32]:
        return np.array([each.department for each in self.clerk.outcomes], dtype=np.int32)

    def _hold(self, layer: int, rows: Indices) -> None:
        """Fill the layer's column for `rows`, which do not have it yet."""
        if not len(rows):
            return
        point, areas = self.grid.areas[self.clerk.layers[layer]].index.holders(self.batch.lonlat[rows])
        offsets = offsets_of(point, len(rows))
        place = np.full(len(self.batch), -1, dtype=np.int64)
        place[rows] = np.arange(len(rows))
        self.held[layer].append(_Held(place, offsets, areas))
        self.columns[rows, layer] = self.clerk.holdings[layer].number(offsets, areas, self.units[rows])

    def _across_units(self) -> _Doors:
        """The cases in each other unit near, and outside all units."""
        clerk, batch = self.clerk, self.batch
        everywhere = np.ones(len(batch), dtype=np.bool_)
        asked = clerk.place_frontier.may_reach(batch.lonlat, batch.accuracy_m, everywhere)
        by_level = ~asked & (self.looked & clerk.level_bits > 0)
        asked |= clerk.level_frontier.may_reach(batch.lonlat, batch.accuracy_m, by_level)
        rows = np.flatnonzero(asked)
        point, unit, _ = units_beside(clerk, batch.lonlat[rows], batch.accuracy_m[rows], self.units[rows])
        row = rows[point]
        roots, asks = clerk.roots(self.kinds[row], unit)
        for layer in range(len(clerk.layers)):  # the rules there may look at layers that those here do not
            new = np.unique(row[(asks & ~self.asks[row]) >> layer & 1 == 1])
            self._hold(layer, new)
        columns = self.columns[row]
        for at, level in enumerate(clerk.levels):
            columns[:, clerk.columns["division", level]] = clerk.unit_levels[unit, at]
        return _Doors(row, *clerk.tree.leaves(roots, columns))

    def _across_areas(self) -> list[_Doors]:
        """For each layer the cases with one area entered or left."""
        clerk, batch = self.clerk, self.batch
        found = []
        for number in range(len(clerk.layers)):
            looked = self.looked >> number & 1 == 1
            rows = np.flatnonzero(clerk.area_frontiers[number].may_reach(batch.lonlat, batch.accuracy_m, looked))
            if not len(rows):
                found.append(_Doors(rows, np.zeros(0, dtype=np.int32), rows))
                continue
            held = _slices(self.held[number][0], rows)
            point, there, *_ = areas_beside(
                clerk, number, batch.lonlat[rows], batch.accuracy_m[rows], self.units[rows], *held
            )
            changed = np.flatnonzero(there != self.columns[rows[point], number])
            row = rows[point[changed]]
            columns = self.columns[row]
            columns[:, number] = there[changed]
            found.append(_Doors(row, *clerk.tree.leaves(self.roots[row], columns)))
        return found

    def _by_rivals(self) -> _Doors:
        """The cases with another component meant that is within reach, where the decision looked at the component."""
        clerk, at = self.clerk, self.clerk.columns[COMPONENT]
        row, bodies = self._rivals()
        asked = np.flatnonzero(self.looked[row] >> at & 1 == 1)
        row = row[asked]
        columns = self.columns[row]
        columns[:, at] = bodies[asked]
        return _Doors(row, *clerk.tree.leaves(self.roots[row], columns))

    def _rivals(self) -> tuple[Indices, Ids]:
        """The other components that cases may mean and that have other bodies: (case (k,), bodies)."""
        row, bodies = self.assets.pair_row, self.clerk.bodies[self.assets.pair_member]
        other = bodies != self.columns[row, self.clerk.columns[COMPONENT]]
        return row[other], bodies[other]

    def _at_corners(self, units: _Doors, areas: Sequence[_Doors], others: _Doors, sure: NDArray[np.bool_]) -> Indices:
        """How many other departments (n,) are beyond two boundaries at once, of `sure` cases: where none is beyond one.

        A corner leads elsewhere than its two boundaries only if the decision beyond the one, at which it is not that of
        the case, looked at the other.
        """
        clerk, batch = self.clerk, self.batch
        component = 1 << clerk.columns[COMPONENT]
        wanted = np.zeros(len(batch), dtype=np.int64)
        crossed = np.zeros(len(batch), dtype=np.int64)
        found = np.zeros(len(batch), dtype=np.bool_)
        crossed[units.row] = clerk.level_bits
        _mark(wanted, units, ~clerk.level_bits)
        for number, doors in enumerate(areas):
            _mark(wanted, doors, ~(1 << number))
            crossed[doors.row] |= 1 << number
            found[doors.row[1:][doors.row[1:] == doors.row[:-1]]] = True
        _mark(wanted, others, ~component)
        rival, bodies = self._rivals()
        crossed[rival] |= component
        wanted[~sure] = 0
        areas_bits = (1 << len(areas)) - 1
        found |= wanted & crossed & (areas_bits | component) > 0
        asked = ~found & (wanted & ~crossed & clerk.level_bits > 0)
        rows = np.flatnonzero(clerk.level_frontier.may_reach(batch.lonlat, batch.accuracy_m, asked))
        found[rows[units_beside(clerk, batch.lonlat[rows], batch.accuracy_m[rows], self.units[rows])[0]]] = True
        for number, name in enumerate(clerk.layers):
            asked = ~found & ((wanted & ~self.looked) >> number & 1 == 1)
            rows = np.flatnonzero(clerk.area_frontiers[number].may_reach(batch.lonlat, batch.accuracy_m, asked))
            within = self.grid.areas[name].index.near(batch.lonlat[rows], batch.accuracy_m[rows])[0]
            found[rows[within]] = True
        return self._look_at_corners(np.flatnonzero(found & sure), rival, bodies)

    def _look_at_corners(self, rows: Indices, rival: Indices, bodies: Ids) -> Indices:
        """How many other departments (n,) there are at the corners of some cases; the pairs are as of `_rivals`."""
        if not len(rows):
            return np.zeros(len(self.batch), dtype=np.int64)
        batch = self.batch
        place = np.full(len(batch), -1, dtype=np.int64)
        place[rows] = np.arange(len(rows))
        which = np.flatnonzero(place[rival] >= 0)
        cases = Standing(
            batch.lonlat[rows], batch.accuracy_m[rows], self.kinds[rows], self.units[rows],
            self.columns[rows, self.clerk.columns[COMPONENT]], place[rival[which]], bodies[which],
        )  # fmt: skip
        case, outcome = outcomes_at_corners(self.clerk, cases)
        row, department = rows[case], self._departments()
        return self._count_others(row, department[self.outcome[row]], department[outcome])


def _mark(wanted: Bits, doors: _Doors, mask: int) -> None:
    """Add to each case the columns that were looked at beyond its doors."""
    np.bitwise_or.at(wanted, doors.row, doors.looked & mask)


def _assets(clerk: Clerk, batch: Batch) -> _Assets:
    """The component that each case means: the named one, else the nearest of its class within reach."""
    inventory = clerk.desk.inventory
    count = len(batch)
    named = batch.component >= 0
    member = np.where(named, batch.component, -1)
    metres = np.full(count, np.inf)
    rows = np.flatnonzero(named)
    metres[rows] = inventory.index.paths.distances(batch.lonlat, rows, member[rows])
    of_class = np.array([clerk.component_class(each) for each in batch.classes], dtype=np.int32)
    wanted = of_class[batch.class_of]
    asked = np.flatnonzero((wanted >= 0) & ~named)
    accuracy = batch.accuracy_m
    widest = float(inventory.accuracy_m.max(initial=0.0))
    point, found, distance = inventory.index.within(batch.lonlat[asked], wanted[asked], accuracy[asked] + widest)
    row = asked[point]
    meant = distance <= accuracy[row] + inventory.accuracy_m[found]
    row, found, distance = row[meant], found[meant], distance[meant]
    leads = np.concatenate([[True], row[1:] != row[:-1]]) if len(row) else np.zeros(0, dtype=np.bool_)
    member[row[leads]], metres[row[leads]] = found[leads], distance[leads]
    others = np.zeros(count, dtype=np.bool_)
    others[row[~leads]] = True
    other_class = np.zeros(count, dtype=np.bool_)
    editions = np.array([clerk.editions.get(each[0], -1) for each in batch.classes], dtype=np.int32)
    codes = np.array(
        [-1 if each[2] is None else clerk.class_codes.get(each[2], -2) for each in batch.classes], dtype=np.int32
    )
    here = member[rows]
    edition, code = editions[batch.class_of[rows]], codes[batch.class_of[rows]]
    other_class[rows] = (code != -1) & (clerk.edition_of[here] == edition) & (clerk.class_of[here] != code)
    there = member >= 0
    stale = (1 * (batch.component == UNKNOWN)) | (4 * other_class)
    stale[there] |= 2 * clerk.gone[member[there]]
    stale[rows] |= 8 * (metres[rows] > accuracy[rows] + inventory.accuracy_m[here])
    usable = np.zeros(count, dtype=np.int32)
    able = there & ~other_class
    usable[able] = clerk.bodies[member[able]]
    return _Assets(member, metres, named, others, stale, usable, row[~leads], found[~leads])


def _slices(held: _Held, rows: Indices) -> tuple[Indices, Indices]:
    """The areas that hold some of the rows: offsets (m + 1,), areas."""
    place = held.place[rows]
    first, size = held.offsets[place], held.offsets[place + 1] - held.offsets[place]
    offsets = np.concatenate([[0], np.cumsum(size)]).astype(np.int64)
    taken = np.arange(offsets[-1]) + np.repeat(first - offsets[:-1], size)
    return offsets, held.areas[taken]
