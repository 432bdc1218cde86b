"""The tables of a desk by which many cases are routed at once: numbers for units, areas, components and classes."""

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cases.desk import Desk
from cases.frontiers import Frontier
from cases.holders import Holdings
from cases.outcomes import NOBODY, Column, Inquiry, Outcome, columns_of, outcome_of
from cases.rules.book import Key
from cases.rules.calendar import NO_TIME
from cases.situation import NOT_THERE, AreaHolder, Asset, Division, Place
from cases.tree import Ids, Tree
from cases.verdict import Verdict
from components.lookup import class_name
from gis.metres import Indices

ClassKey = tuple[str | None, str | None, str | None, str | None, int]
"""Edition, kind, class code and filing condition of a case, and the slot of the calendar in which it was reported."""

COMPONENT: Column = ("component", "")
MOST_COLUMNS = 62


@dataclass(frozen=True, slots=True)
class Told:
    """Something that every outcome tells: `texts[numbers[outcome]]`. `texts` may be longer than is needed."""

    numbers: NDArray[np.int64]
    texts: list[str | None]


class Clerk:
    """Everything that is made once for a desk. Grows with what it meets; safe to share between threads.

    The columns of a situation are those of `columns`: for an area layer the number of the set of holders, for a level
    the number of the division, for the component that of its bodies; 0 where there is none.
    """

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.departments = list(desk.departments.values())
        self._numbers = {each.code: number for number, each in enumerate(self.departments)}
        self.layers = list(desk.grid.areas)
        levels = sorted({target.value for rule in desk.book.rules for target in rule.to if target.kind == "division"})
        self.levels = [level for level in levels if level in {each.id for each in desk.grid.profile.levels}]
        self.columns: dict[Column, int] = {}
        for column in (*(("area", n) for n in self.layers), *(("division", n) for n in self.levels), COMPONENT):
            self.columns[column] = len(self.columns)
        if len(self.columns) > MOST_COLUMNS:
            raise ValueError(f"more than {MOST_COLUMNS} area layers and levels cannot be told apart")
        self.level_bits = sum(1 << self.columns["division", level] for level in self.levels)
        self.holdings = [Holdings(layer, desk.grid.units.codes.all()) for layer in desk.grid.areas.values()]
        self._read_units()
        self._read_inventory()
        self._draw_frontiers()
        self.tree = Tree()
        self.outcomes: list[Outcome] = []
        self._outcome_numbers: dict[Outcome, int] = {}
        self._lock = threading.RLock()
        self._told: dict[str, tuple[Told, dict[str | None, int]]] = {}
        self._class_keys: dict[Any, int] = {}
        self._roots: dict[Key, tuple[int, int]] = {}
        self._root_of = np.empty((0, len(self.places)), dtype=np.int32)
        self._layers_of = np.empty((0, len(self.places)), dtype=np.int64)

    def _read_units(self) -> None:
        """For each unit, and last for none: the place by which rules are chosen, and its divisions."""
        grid, book = self.desk.grid, self.desk.book
        places: dict[str, int] = {}
        numbers: list[dict[str, int]] = [{} for _ in self.levels]
        self._divisions: list[list[Division | None]] = [[None] for _ in self.levels]
        groups: dict[tuple[int, str], tuple[list[int], bool]] = {}
        lengths = [level.length for level in grid.profile.levels]
        count = len(grid.units)
        self.unit_place = np.zeros(count + 1, dtype=np.int32)
        self.unit_levels = np.zeros((count + 1, len(self.levels)), dtype=np.int32)
        self.unit_named = np.zeros(count + 1, dtype=np.bool_)
        for unit, code in enumerate((*grid.units.codes.all().tolist(), None)):
            self.unit_place[unit] = places.setdefault(book.key(None, None, None, None, NO_TIME, code)[-1], len(places))
            if code is None:
                break
            group = len(code), code[: max((each for each in lengths if each < len(code)), default=0)]
            if group not in groups:
                above = {each.level: each for each in grid.divisions_of(code)}
                own = [0] * len(self.levels)
                for at, level in enumerate(self.levels):
                    if (each := above.get(level)) is not None:
                        own[at] = numbers[at].setdefault(each.code, len(self._divisions[at]))
                        if own[at] == len(self._divisions[at]):
                            self._divisions[at].append(Division(level, each.code, each.name, each.department))
                groups[group] = own, any(each.name for each in above.values())
            self.unit_levels[unit], self.unit_named[unit] = groups[group]
        self.places = list(places)

    def _read_inventory(self) -> None:
        import pandas as pd

        inventory = self.desk.inventory
        bodies = [inventory.texts(name) for name in ("owner_code", "maintainer_code", "supervisor_code")]
        codes = [pd.factorize(each, use_na_sentinel=False) for each in bodies]
        number = np.zeros(len(inventory), dtype=np.int64)
        for each, _ in codes:
            number = pd.factorize((number << 32) | each)[0].astype(np.int64)
        _, first = np.unique(number, return_index=True)
        self.bodies = (number + 1).astype(np.int32)
        self._bodies = [None, *(tuple(each[at] for each in bodies) for at in first.tolist())]
        states, state_of = _numbered(inventory.texts("state"))
        gone = [number for state, number in states.items() if str(state).strip().lower() in NOT_THERE]
        self.gone = np.isin(state_of, gone)
        self.editions, self.edition_of = _numbered(inventory.texts("edition"))
        self.class_codes, self.class_of = _numbered(inventory.texts("class_code"))

    def _draw_frontiers(self) -> None:
        """The cells where another place of the rules, another division, or the end of the grid may be near."""
        import pandas as pd

        grid = self.desk.grid
        self.place_frontier = Frontier.of(*grid.units.edges_between(self.unit_place.astype(np.int64)))
        kinds = self.unit_place.astype(np.int64)
        for level in self.unit_levels.T:
            kinds = pd.factorize((kinds << 32) | level)[0].astype(np.int64)
        self.level_frontier = Frontier.of(*grid.units.edges_between(kinds))
        self.area_frontiers = [Frontier.of(*layer.index.edges()[:2]) for layer in grid.areas.values()]

    def kinds(self, classes: Sequence[ClassKey]) -> Ids:
        """A number for each class: equal where the rule book does not tell them apart."""
        keys = [self.desk.book.key(*each, None)[:-1] for each in classes]
        with self._lock:
            known = [self._class_keys.setdefault(key, len(self._class_keys)) for key in keys]
            short = len(self._class_keys) - len(self._root_of)
            if short > 0:
                more = np.full((max(short, len(self._root_of)), len(self.places)), -1, dtype=np.int32)
                self._root_of = np.concatenate([self._root_of, more])
                self._layers_of = np.concatenate([self._layers_of, np.zeros(more.shape, dtype=np.int64)])
        return np.array(known, dtype=np.int32)

    def roots(self, kinds: Ids, units: Indices) -> tuple[Ids, NDArray[np.int64]]:
        """The tree's root of each case, by the number of its class and its unit (n,), and as bits what it may ask."""
        place = self.unit_place[units]
        found = self._root_of[kinds, place]
        missing = np.flatnonzero(found < 0)
        if len(missing):
            with self._lock:
                names = list(self._class_keys)
                for pair in np.unique((kinds[missing].astype(np.int64) << 32) | place[missing]).tolist():
                    at = pair >> 32, pair & 0xFFFFFFFF
                    root, layers = self._root((*names[at[0]], self.places[at[1]]))
                    self._layers_of[at] = layers
                    self._root_of[at] = root
                found = self._root_of[kinds, place]
        return found, self._layers_of[kinds, place]

    def _root(self, key: Key) -> tuple[int, int]:
        if key not in self._roots:
            selection = self.desk.book.select(key)
            inquiry = Inquiry(selection, self.desk.departments)
            bits = sum(1 << self.columns[column] for column in columns_of(selection) if column in self.columns)
            self._roots[key] = self.tree.root(lambda known: self._ask(inquiry, known)), bits
        return self._roots[key]

    def _ask(self, inquiry: Inquiry, known: Mapping[int, int]) -> tuple[bool, int]:
        """What is known as the rules have it; what no column stands for is nowhere."""
        values: dict[Column, int] = {column: known[at] for column, at in self.columns.items() if at in known}
        while True:
            place, asset = self._place(values), self._asset(values.get(COMPONENT, 0))
            answer = inquiry.ask(values, place, asset)
            if isinstance(answer, Verdict):
                outcome = outcome_of(answer, place, self.desk.departments, self._numbers)
                number = self._outcome_numbers.setdefault(outcome, len(self.outcomes))
                if number == len(self.outcomes):
                    self.outcomes.append(outcome)
                return True, number
            if answer in self.columns:
                return False, self.columns[answer]
            values[answer] = 0

    def _place(self, values: Mapping[Column, int]) -> Place:
        areas = {}
        divisions = []
        for (kind, name), value in values.items():
            if kind == "area" and value:
                at = self.layers.index(name)
                areas[name] = tuple(self._holder(at, each) for each in self.holdings[at].members(value))
            elif (
                kind == "division" and value and (found := self._divisions[self.levels.index(name)][value]) is not None
            ):
                divisions.append(found)
        return Place(None, tuple(divisions), areas)

    def _holder(self, layer: int, area: int) -> AreaHolder:
        of = self.holdings[layer].layer
        return AreaHolder(
            of.codes[area], of.names[area] or of.codes[area], of.departments[area], int(of.priorities[area])
        )

    def _asset(self, number: int) -> Asset | None:
        bodies = self._bodies[number]
        if bodies is None:
            return None
        owner, maintainer, supervisor = bodies
        return Asset("", "", "", None, supervisor, owner, maintainer)

    def told(self, what: str) -> Told:
        """What the outcomes so far tell: department, name, rule, area, reasons ("decided|ties"), each joined by ";"."""
        with self._lock:
            told, known = self._told.get(what, (Told(np.zeros(0, dtype=np.int64), []), {}))
            done, outcomes = len(told.numbers), self.outcomes
            if done < (count := len(outcomes)):
                texts = [self._tell(what, outcomes[number]) for number in range(done, count)]
                more = [known.setdefault(text, len(known)) for text in texts]
                told = Told(np.append(told.numbers, np.array(more, dtype=np.int64)), list(known))
                self._told[what] = told, known
            return told

    def _tell(self, what: str, outcome: Outcome) -> str | None:
        body = None if outcome.department == NOBODY else self.departments[outcome.department]
        match what:
            case "department":
                return None if body is None else body.code
            case "name":
                return None if body is None else body.name
            case "reasons":
                return ";".join(outcome.reasons) + "|" + ";".join(outcome.doubts)
        return outcome.rule if what == "rule" else outcome.area

    def component_class(self, of: ClassKey) -> int:
        """The number by which the index of components knows the class of a case; -1 where the case means none."""
        edition, kind, class_code, *_ = of
        if kind != "component" or not class_code or not edition:
            return -1
        return self.desk.inventory.index.classes.get(class_name(edition, class_code), -1)


def _numbered(values: NDArray[Any]) -> tuple[dict[Any, int], NDArray[np.int32]]:
    """The numbers of distinct values, and the number of each."""
    import pandas as pd

    numbers, found = pd.factorize(np.asarray(values, dtype=object), use_na_sentinel=False)
    return {value: number for number, value in enumerate(found.tolist())}, numbers.astype(np.int32)
