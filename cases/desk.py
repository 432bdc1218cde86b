"""The dispatch desk of one revision: cases in, routings out, one or many."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, Self

import numpy as np
from sqlalchemy import Connection

from cases.books import load_book
from cases.reports import Case
from cases.routing import Memo, Routing, route
from cases.rules import RuleBook, from_row, to_row
from cases.situation import AreaHolder, Asset, Department, Division, Place, Variation
from cases.source_records import is_changed, load_sources
from cases.sources import Defaults, Sources
from cases.tables import rule
from components.lookup import FIELDS, Inventory, advance_inventory, class_name, load_inventory
from components.tables import component
from gis.heap.lines import Heap
from gis.heap.records import seal, unseal
from gis.locate import PolygonIndex
from gis.metres import Floats
from gis.store.revisions import changed_tables
from gis.store.scope import EVERYTHING, Scope
from grids.advance import advance_grid
from grids.lookup import AreaLayer, Grid, Located, load_grid

SAME_EDGE_M = 1e-3
"""Two polygons whose nearest edges are equally far, to a millimetre, meet at that edge."""

Nearby = Mapping[int, Sequence[tuple[int, float]]]
"""By point: the polygons with an edge within the point's accuracy, and how far it is."""


@dataclass(frozen=True, slots=True)
class Desk:
    """All that routing needs of one revision. Immutable but for the memo of verdicts; safe to share between threads."""

    grid: Grid
    inventory: Inventory
    book: RuleBook
    departments: Mapping[str, Department]
    sources: Sources = field(default_factory=Sources)
    memo: Memo = field(default_factory=dict)

    @classmethod
    def read(cls, heap: Heap, told: Mapping[str, Any], before: "tuple[Desk, Mapping[str, Any]] | None" = None) -> Self:
        """The desk that `tell` wrote, read where it lies.

        `before` is another desk in the same heap, with what was told of it: what is alike is taken from there.
        """
        desk, its = before or (None, {})
        grid = Grid.read(heap, told["grid"], None if desk is None else (desk.grid, its["grid"]))
        if desk is not None and told["inventory"] == its["inventory"]:
            inventory = desk.inventory
        else:
            inventory = Inventory.read(heap, told["inventory"])
        if desk is not None and told["rules"] == its["rules"]:
            book = desk.book
        else:
            book = RuleBook.compile(from_row(row) for row in unseal(heap, told["rules"]))
        if desk is not None and told["sources"] == its["sources"]:
            sources = desk.sources
        else:
            sources = Sources.read(unseal(heap, told["sources"]))
        same = desk is not None and grid.departments is desk.grid.departments
        departments = desk.departments if desk is not None and same else departments_of(grid)
        return cls(grid, inventory, book, departments, sources)

    def tell(self, heap: Heap) -> dict[str, Any]:
        """Write the desk to the heap in which the indexes of its grid lie; where it is, as JSON values for `read`."""
        rules = seal(heap, [to_row(each) for each in self.book.rules])
        sources = seal(heap, self.sources.tell())
        return {
            "grid": self.grid.tell(heap),
            "inventory": self.inventory.tell(heap),
            "rules": rules,
            "sources": sources,
        }

    def copied(self, heap: Heap) -> Self:
        """The same desk with the indexes of its grid in another heap, without what earlier changes left behind."""
        return replace(self, grid=self.grid.copied(heap), memo={})

    @property
    def revision(self) -> int:
        return self.grid.revision

    def defaults(self, said: Defaults) -> Defaults:
        """What cases take: what is said of all of them, and the sources of this revision."""
        return replace(said, sources=self.sources)

    def route_all(self, cases: Sequence[Case], scope: Scope = EVERYTHING) -> list[Routing]:
        """The routing of each case, in input order. Nothing is kept."""
        lonlat = np.array([(case.lon, case.lat) for case in cases], dtype=np.float64).reshape(-1, 2)
        accuracy = np.array([case.accuracy_m for case in cases], dtype=np.float64)
        places = Places(self.grid, self.grid.locate(lonlat), scope)
        near_units = near_polygons(self.grid.units, lonlat, accuracy)
        near_areas = {name: near_polygons(layer.index, lonlat, accuracy) for name, layer in self.grid.areas.items()}
        assets = self.assets(cases, lonlat, accuracy)
        return [
            self.decide(index, case, places, near_units, near_areas, assets.get(index))
            for index, case in enumerate(cases)
        ]

    def decide(
        self,
        index: int,
        case: Case,
        places: "Places",
        near_units: Nearby,
        near_areas: Mapping[str, Nearby],
        asset: Asset | None,
    ) -> Routing:
        """The routing of case number `index`, from where it lies, what is near it and the component that it means."""
        place = places.at(index)
        variations = [
            *places.across_units(index, place, near_units.get(index, ())),
            *self._into_gaps(case, place, near_units.get(index, ())),
            *(
                each
                for name, nearby in near_areas.items()
                if index in nearby
                for each in places.across_areas(index, place, self.grid.areas[name], nearby[index])
            ),
        ]
        return route(
            case,
            place,
            variations,
            asset,
            self.book,
            self.departments,
            self.revision,
            memo=self.memo,
            both=lambda first, second: places.across_both(index, place, first, second),
        )

    def _into_gaps(self, case: Case, place: Place, nearby: Sequence[tuple[int, float]]) -> Iterator[Variation]:
        """The place in each named gap within the accuracy of the case, be it beyond the next unit but one."""
        if place.unit is None or not nearby or not len(self.grid.gaps):
            return
        where, accuracy = np.array([[case.lon, case.lat]]), np.array([case.accuracy_m])
        for gap, metres in near_polygons(self.grid.gaps, where, accuracy).get(0, ()):
            yield Variation(metres, Place(None, (), place.areas, str(self.grid.gap_names[gap])))

    def assets(self, cases: Sequence[Case], lonlat: Floats, accuracy: Floats) -> dict[int, Asset]:
        """The component that each case means, where it means one: the named one, else the nearest within reach."""
        wanted = [i for i, case in enumerate(cases) if case.kind == "component" and case.class_code and case.edition]
        asked = np.array(wanted, dtype=np.int64)
        classes = np.array([class_name(cases[i].edition or "", cases[i].class_code or "") for i in wanted], dtype=str)
        found: dict[int, list[tuple[int, float]]] = {}
        if len(asked):
            for report, member, metres in zip(
                *self.inventory.within(lonlat[asked], classes, accuracy[asked]), strict=True
            ):
                found.setdefault(int(asked[report]), []).append((int(member), float(metres)))
        meant = {i: self._nearest(nearby, float(accuracy[i])) for i, nearby in found.items()}
        for index, case in enumerate(cases):
            member = self.inventory.names.number(case.component_code)
            if member >= 0:  # a code that the inventory lacks leaves the nearest one, with a flag
                metres = self.inventory.distance(lonlat[index], member)
                meant[index] = self._asset(member, metres, case.accuracy_m, named=True)
        return meant

    def _nearest(self, nearby: Sequence[tuple[int, float]], accuracy: float) -> Asset:
        (member, metres), *others = nearby
        rivals = tuple(self._asset(other, distance, accuracy) for other, distance in others)
        return self._asset(member, metres, accuracy, rivals=rivals)

    def _asset(
        self, member: int, metres: float, accuracy: float, *, named: bool = False, rivals: tuple[Asset, ...] = ()
    ) -> Asset:
        code, edition, class_code, state, supervisor, owner, maintainer = (
            self.inventory.text(name, member) for name in FIELDS
        )
        return Asset(
            code or "",
            class_code or "",
            edition or "",
            state,
            supervisor,
            owner,
            maintainer,
            distance_m=metres,
            named=named,
            second_distance_m=rivals[0].distance_m if rivals else None,
            rivals=rivals,
            reach_m=accuracy + float(self.inventory.accuracy_m[member]),
        )


class Places:
    """Turns what was located into the places that routing reads; equal ones are made once."""

    def __init__(self, grid: Grid, located: Located, scope: Scope = EVERYTHING) -> None:
        self.grid, self.located, self.scope = grid, located, scope
        self._divisions: dict[str | None, tuple[Division, ...]] = {}
        self._holders: dict[tuple[str, int], AreaHolder] = {}
        self._ordered: dict[tuple[str, tuple[int, ...]], tuple[AreaHolder, ...]] = {}

    def at(self, index: int) -> Place:
        """The place of point number `index`."""
        unit = self.grid.unit_code(int(self.located.units[index]))
        if unit is not None and not self.scope.allows_owner(unit):
            unit = None
        areas = {name: self._areas(layer, self._held(index, name), unit) for name, layer in self.grid.areas.items()}
        gap = int(self.located.gaps[index])
        name = None if gap < 0 else str(self.grid.gap_names[gap])
        return Place(unit, self.divisions(unit), MappingProxyType(areas), name)

    def divisions(self, unit: str | None) -> tuple[Division, ...]:
        if unit not in self._divisions:
            above = self.grid.divisions_of(unit)
            self._divisions[unit] = tuple(Division(each.level, each.code, each.name, each.department) for each in above)
        return self._divisions[unit]

    def across_units(self, index: int, place: Place, nearby: Sequence[tuple[int, float]]) -> Iterator[Variation]:
        """The place in each neighbouring unit, and outside all units where the nearest edge has no other side."""
        own = int(self.located.units[index])
        for unit, metres in nearby:
            if unit != own:
                code = self.grid.unit_code(unit)
                yield Variation(metres, Place(code, self.divisions(code), place.areas))
        leaving = _way_out(own, nearby)
        if leaving is not None:
            yield Variation(leaving, Place(None, (), place.areas))

    def across_areas(
        self, index: int, place: Place, layer: AreaLayer, nearby: Sequence[tuple[int, float]]
    ) -> Iterator[Variation]:
        """The place with one area of the layer entered or left."""
        held = {int(each) for each in self._held(index, layer.name)}
        for area, metres in nearby:
            apart = layer.overlap.get(layer.owners[area]) == "none"
            if area not in held:
                left = {each for each in held if apart and layer.owners[each] == layer.owners[area]}
                yield self._with(place, layer, held, {area}, left, metres)
            elif not apart or _way_out(area, nearby) is not None:
                yield self._with(place, layer, held, set(), {area}, metres)

    def across_both(self, index: int, place: Place, first: Variation, second: Variation) -> Place | None:
        """The place beyond two boundaries at once; None beyond two of units, for no place is in both."""
        if first.layer is None and second.layer is None:
            return None
        moved = first if first.layer is None else second if second.layer is None else None
        areas = dict(place.areas)
        for each in (first, second):
            if each.layer is not None and first.layer != second.layer:
                areas[each.layer] = each.place.areas[each.layer]
        if first.layer is not None and first.layer == second.layer:
            held = {int(each) for each in self._held(index, first.layer)} | first.entered | second.entered
            layer = self.grid.areas[first.layer]
            areas[first.layer] = self._areas(layer, sorted(held - first.left - second.left), place.unit)
        there = place if moved is None else moved.place
        return Place(there.unit, there.divisions, MappingProxyType(areas), there.gap)

    def _with(
        self, place: Place, layer: AreaLayer, held: set[int], entered: set[int], left: set[int], metres: float
    ) -> Variation:
        holders = self._areas(layer, sorted((held | entered) - left), place.unit)
        areas = MappingProxyType({**place.areas, layer.name: holders})
        there = Place(place.unit, place.divisions, areas, place.gap)
        return Variation(metres, there, layer.name, frozenset(entered), frozenset(left))

    def _held(self, index: int, layer: str) -> Any:
        offsets, areas = self.located.held[layer]
        return areas[offsets[index] : offsets[index + 1]]

    def _areas(self, layer: AreaLayer, held: Any, unit: str | None) -> tuple[AreaHolder, ...]:
        owners = layer.owners
        able = tuple(each for each in map(int, held) if unit is None or unit.startswith(owners[each]))
        if not able:
            return ()
        key = (layer.name, able)
        if key not in self._ordered:
            ordered = layer.ordered(np.array(able, dtype=np.int64), None, self.scope)
            self._ordered[key] = tuple(self._holder(layer, int(each)) for each in ordered)
        return self._ordered[key]

    def _holder(self, layer: AreaLayer, area: int) -> AreaHolder:
        key = (layer.name, area)
        if key not in self._holders:
            name = layer.names[area] or layer.codes[area]
            self._holders[key] = AreaHolder(
                layer.codes[area], name, layer.departments[area], int(layer.priorities[area])
            )
        return self._holders[key]


def _way_out(own: int, nearby: Sequence[tuple[int, float]]) -> float | None:
    """How far the own edge is when nothing else meets it where it is nearest: beyond it there is no polygon."""
    leaving = next((metres for polygon, metres in nearby if polygon == own), None)
    if leaving is None or any(polygon != own and metres <= leaving + SAME_EDGE_M for polygon, metres in nearby):
        return None
    return leaving


def near_polygons(index: PolygonIndex, lonlat: Floats, accuracy: Floats) -> Nearby:
    """The polygons with an edge within `accuracy` (n,) metres of each point (n, 2)."""
    found: dict[int, list[tuple[int, float]]] = {}
    for point, polygon, metres in zip(*(part.tolist() for part in index.near(lonlat, accuracy)), strict=True):
        found.setdefault(point, []).append((polygon, metres))
    return found


def load_desk(connection: Connection, at: int, heap: Heap | None = None) -> Desk:
    """Read everything that routing needs of revision `at`; the indexes of its grid are written to `heap`, if given."""
    grid = load_grid(connection, at, heap)
    book, sources = load_book(connection, at), load_sources(connection, at)
    return Desk(grid, load_inventory(connection, at), book, departments_of(grid), sources)


def advance_desk(
    connection: Connection, heap: Heap, desk: Desk, told: Mapping[str, Any], at: int
) -> dict[str, Any] | None:
    """What `Desk.read` takes to read the desk of revision `at`, from one in `heap` and what was told of it.

    Only what changed is written to the heap. None when all must be written anew.
    """
    changed = changed_tables(connection, desk.revision, at)
    grid = advance_grid(connection, heap, desk.grid, told["grid"], at, changed)
    if grid is None:
        return None
    new = {**told, "grid": grid}
    if component.name in changed:
        new["inventory"] = advance_inventory(connection, desk.inventory, desk.revision, at).tell(heap)
    if rule.name in changed:
        new["rules"] = seal(heap, [to_row(each) for each in load_book(connection, at).rules])
    if is_changed(changed):
        new["sources"] = seal(heap, load_sources(connection, at).tell())
    return new


def departments_of(grid: Grid) -> dict[str, Department]:
    """The departments of a grid as routing knows them, by code."""
    return {
        code: Department(code, row["name"], row["parent"], row["ids"] or {}) for code, row in grid.departments.items()
    }
