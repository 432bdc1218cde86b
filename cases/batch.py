"""Routing in columns: millions of cases, the very answers that `Desk.route_all` gives one by one.

Every case becomes a row of small integers (class, unit, set of areas that count in each layer, component's bodies); a
tree of decisions turns each row into its outcome. What lies beyond a boundary within the accuracy, or is meant when
another component is, becomes a row of its own with one integer replaced, and goes through the same tree: but only where
the decision looked at that column, and only near an edge at which it changes.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from cases.clerk import COMPONENT, ClassKey, Clerk
from cases.crossings import changed_sets, ways_out
from cases.desk import SAME_EDGE_M
from cases.outcomes import NOBODY
from cases.reports import Case
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


def route_batch(clerk: Clerk, batch: Batch) -> Answers:
    """The answers to all cases of the batch, of the revision of the clerk's desk."""
    return _Work(clerk, batch).answers()


class _Work:
    """One batch on its way: the rows of the cases, and further rows for what else they might be."""

    def __init__(self, clerk: Clerk, batch: Batch) -> None:
        self.clerk, self.batch, self.grid = clerk, batch, clerk.desk.grid
        self.units = self.grid.units.lowest(batch.lonlat)
        self.roots, self.asks = clerk.roots(batch.classes, batch.class_of, self.units)
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
        units, areas = self._across_units(), self._across_areas()
        department = self._departments()
        row, there = (np.concatenate(each) for each in zip(units, *areas, strict=True))
        own = department[self.outcome[row]]
        other = department[there]
        nobody = np.zeros(len(batch), dtype=np.bool_)
        nobody[row[(own != NOBODY) & (other == NOBODY)]] = True
        differs = (other != own) & (other != NOBODY)
        beyond = _distinct(row[differs], other[differs], len(batch))
        entries = [np.bincount(each[0], minlength=len(batch)) for each in (units, *areas)]
        beyond += self._at_corners(np.array(entries), ~nobody & (beyond == 0))
        rivals = self._by_rivals(department)
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

    def _departments(self) -> NDArray[np.int32]:
        return np.array([each.department for each in self.clerk.outcomes], dtype=np.int32)

    def _hold(self, layer: int, rows: Indices) -> None:
        """Fill the layer's column for `rows`, which do not have it yet."""
        if not len(rows):
            return
        point, areas = self.grid.areas[self.clerk.layers[layer]].index.holders(self.batch.lonlat[rows])
        offsets = _offsets(point, len(rows))
        place = np.full(len(self.batch), -1, dtype=np.int64)
        place[rows] = np.arange(len(rows))
        self.held[layer].append(_Held(place, offsets, areas))
        self.columns[rows, layer] = self.clerk.holdings[layer].number(offsets, areas, self.units[rows])

    def _across_units(self) -> tuple[Indices, Ids]:
        """The cases and their outcomes in each other unit near, and outside all units."""
        clerk, batch = self.clerk, self.batch
        everywhere = np.ones(len(batch), dtype=np.bool_)
        asked = clerk.place_frontier.may_reach(batch.lonlat, batch.accuracy_m, everywhere)
        by_level = ~asked & (self.looked & clerk.level_bits > 0)
        asked |= clerk.level_frontier.may_reach(batch.lonlat, batch.accuracy_m, by_level)
        row, unit = self._units_near(np.flatnonzero(asked))
        roots, asks = clerk.roots(batch.classes, batch.class_of[row], unit)
        for layer in range(len(clerk.layers)):  # the rules there may look at layers that those here do not
            new = np.unique(row[(asks & ~self.asks[row]) >> layer & 1 == 1])
            self._hold(layer, new)
        columns = self.columns[row]
        for at, level in enumerate(clerk.levels):
            columns[:, clerk.columns["division", level]] = clerk.unit_levels[unit, at]
        return row, clerk.tree.leaves(roots, columns)[0]

    def _units_near(self, rows: Indices) -> tuple[Indices, Indices]:
        """Pairs of a case and another unit within its accuracy, -1 for none, where rules or divisions are others."""
        clerk, batch = self.clerk, self.batch
        point, near, metres = self.grid.units.near(batch.lonlat[rows], batch.accuracy_m[rows])
        own = self.units[rows]
        way_out = np.flatnonzero(ways_out(_offsets(point, len(rows)), near, metres, own, SAME_EDGE_M))
        into_gap = self._near_gaps(rows, np.bincount(point, minlength=len(rows)) > 0)
        other = near != own[point]
        row = rows[np.concatenate([point[other], way_out, into_gap])]
        unit = np.concatenate([near[other], np.full(len(way_out) + len(into_gap), -1, dtype=np.int64)])
        here = self.units[row]
        changed = clerk.unit_place[unit] != clerk.unit_place[here]
        changed |= (clerk.unit_levels[unit] != clerk.unit_levels[here]).any(axis=1)
        return row[changed], unit[changed]

    def _near_gaps(self, rows: Indices, near_edge: NDArray[np.bool_]) -> Indices:
        """Which of the rows, of cases in a unit and near an edge, have a named gap within the accuracy."""
        asked = np.flatnonzero(near_edge & (self.units[rows] >= 0))
        if not len(self.grid.gaps) or not len(asked):
            return np.zeros(0, dtype=np.int64)
        where = rows[asked]
        return asked[np.unique(self.grid.gaps.near(self.batch.lonlat[where], self.batch.accuracy_m[where])[0])]

    def _across_areas(self) -> list[tuple[Indices, Ids]]:
        """For each layer the cases and their outcomes with one area entered or left."""
        clerk, batch = self.clerk, self.batch
        found = []
        for number, name in enumerate(clerk.layers):
            looked = self.looked >> number & 1 == 1
            rows = np.flatnonzero(clerk.area_frontiers[number].may_reach(batch.lonlat, batch.accuracy_m, looked))
            if not len(rows):
                found.append((rows, np.zeros(0, dtype=np.int32)))
                continue
            index, holdings = self.grid.areas[name].index, clerk.holdings[number]
            point, near, metres = index.near(batch.lonlat[rows], batch.accuracy_m[rows])
            held_offsets, held = _slices(self.held[number][0], rows)
            every = np.arange(len(holdings.layer.codes))
            at, offsets, areas = changed_sets(
                _offsets(point, len(rows)), near, metres, held_offsets, held, holdings.is_apart(every),
                holdings.owner_of(every), SAME_EDGE_M,
            )  # fmt: skip
            row = rows[at]
            numbers = holdings.number(offsets, areas, self.units[row])
            changed = np.flatnonzero(numbers != self.columns[row, number])
            row = row[changed]
            columns = self.columns[row]
            columns[:, number] = numbers[changed]
            found.append((row, clerk.tree.leaves(self.roots[row], columns)[0]))
        return found

    def _at_corners(self, entries: Indices, sure: NDArray[np.bool_]) -> Indices:
        """How many other departments (n,) are beyond two boundaries at once, where none is beyond one alone.

        `entries` (k, n) count the boundaries of units, and of each layer in turn, beyond which something that the
        decision looked at is otherwise; of `sure` cases no boundary alone changes the answer. For a corner one of the
        two must be such a boundary, or another component; few cases have a second, and those are routed one by one.
        """
        clerk, batch = self.clerk, self.batch
        found = np.zeros(len(batch), dtype=np.int64)
        total = entries.sum(axis=0)
        rival = self._has_rival(total > 0)
        maybe = sure & ((total > 0) | rival)
        second = (total > 1) | (rival & (total > 0))
        asked = maybe & ~second & (entries[0] == 0)
        near = clerk.place_frontier.may_reach(batch.lonlat, batch.accuracy_m, asked)
        asked &= self.asks & clerk.level_bits > 0
        near |= clerk.level_frontier.may_reach(batch.lonlat, batch.accuracy_m, asked)
        second[self._units_near(np.flatnonzero(near))[0]] = True
        for number, name in enumerate(clerk.layers):
            asked = maybe & ~second & (entries[number + 1] == 0)
            asked &= (self.asks >> number & 1 == 1) | (entries[0] > 0)
            some = np.flatnonzero(clerk.area_frontiers[number].may_reach(batch.lonlat, batch.accuracy_m, asked))
            within = self.grid.areas[name].index.near(batch.lonlat[some], batch.accuracy_m[some])[0]
            second[some[within]] = True
        rows = np.flatnonzero(maybe & second)
        if len(rows):
            classes = [batch.classes[batch.class_of[row]] for row in rows.tolist()]
            cases = [self._case(row, each) for row, each in zip(rows.tolist(), classes, strict=True)]
            routed = clerk.desk.route_all(cases, slots=[each[-1] for each in classes])
            found[rows] = [sum(why.code == "near_boundary" for why in each.because) for each in routed]
        return found

    def _has_rival(self, crosses: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Which cases (n,) may mean another component that other bodies have, if the decision may look at these."""
        at, assets = self.clerk.columns[COMPONENT], self.assets
        row = assets.pair_row
        other = self.clerk.bodies[assets.pair_member] != self.columns[row, at]
        found = np.zeros(len(self.batch), dtype=np.bool_)
        found[row[other & (crosses[row] | (self.looked[row] >> at & 1 == 1))]] = True
        return found

    def _case(self, row: int, of: ClassKey) -> Case:
        """The case of a row, as far as it decides; when it was reported is told by the slot alone."""
        member = int(self.batch.component[row])
        code = self.clerk.desk.inventory.text("code", member) if member >= 0 else "\0" if member == UNKNOWN else None
        lon, lat = self.batch.lonlat[row].tolist()
        return Case("", "", None, lon, lat, float(self.batch.accuracy_m[row]), None, *of[:-1], code)

    def _by_rivals(self, department: NDArray[np.int32]) -> Indices:
        """How many other departments the other components within reach lead to."""
        clerk, assets = self.clerk, self.assets
        at = clerk.columns[COMPONENT]
        row = assets.pair_row
        bodies = clerk.bodies[assets.pair_member]
        asked = (self.looked[row] >> at & 1 == 1) & (bodies != self.columns[row, at])
        row = row[asked]
        columns = self.columns[row]
        columns[:, at] = bodies[asked]
        there = clerk.tree.leaves(self.roots[row], columns)[0]
        department = self._departments() if len(clerk.outcomes) > len(department) else department
        other, own = department[there], department[self.outcome[row]]
        differs = (other != own) & (other != NOBODY)
        return _distinct(row[differs], other[differs], len(self.batch))


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


def _offsets(point: Indices, count: int) -> Indices:
    """Where each of `count` points begins among pairs sorted by point, with the end appended."""
    return np.concatenate([[0], np.cumsum(np.bincount(point, minlength=count))]).astype(np.int64)


def _slices(held: _Held, rows: Indices) -> tuple[Indices, Indices]:
    """The areas that hold some of the rows: offsets (m + 1,), areas."""
    place = held.place[rows]
    first, size = held.offsets[place], held.offsets[place + 1] - held.offsets[place]
    offsets = np.concatenate([[0], np.cumsum(size)]).astype(np.int64)
    taken = np.arange(offsets[-1]) + np.repeat(first - offsets[:-1], size)
    return offsets, held.areas[taken]


def _distinct(row: Indices, department: NDArray[np.int32], count: int) -> Indices:
    """How many distinct departments stand beside each of `count` rows."""
    pairs = np.unique((row << 32) | department)
    return np.bincount(pairs >> 32, minlength=count).astype(np.int64)
