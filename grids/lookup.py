"""The grid of one revision, ready to be asked where a point lies: units, divisions, named gaps and areas."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any, Self, TypeVar

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection

from gis.heap.lines import Heap
from gis.heap.records import seal, unseal
from gis.locate import PolygonIndex
from gis.metres import Floats, Indices
from gis.store.revisions import read_settings
from gis.store.scope import EVERYTHING, Scope
from gis.store.versions import Query, read_columns
from grids.profiles import FREE, CodeProfile, read_profile
from grids.tables import area, area_layer, department, division, gap, unit

Part = TypeVar("Part")


@dataclass(frozen=True, slots=True)
class DivisionName:
    """A division without its shape."""

    level: str
    code: str
    name: str
    department: str | None


@dataclass(frozen=True, slots=True, eq=False)
class AreaLayer:
    """The areas of one layer, of all its owners. Arrays (n,) in one order; `overlap` is none or allowed, by owner."""

    name: str
    index: PolygonIndex
    codes: NDArray[Any]
    names: NDArray[Any]
    owners: NDArray[Any]
    departments: NDArray[Any]
    priorities: NDArray[np.int64]
    overlap: Mapping[str, str]

    @classmethod
    def read(cls, heap: Heap, told: Mapping[str, Any]) -> Self:
        """The layer that `tell` wrote, read where it lies."""
        held = unseal(heap, told["table"])
        return cls(
            held["name"],
            PolygonIndex.read(heap, told["index"]),
            _objects(held["codes"]),
            _objects(held["names"]),
            _objects(held["owners"]),
            _objects(held["departments"]),
            np.array(held["priorities"], dtype=np.int64),
            held["overlap"],
        )

    def tell(self, heap: Heap) -> dict[str, Any]:
        """Write the layer to the heap in which its index lies; where it is, as JSON values for `read`."""
        held = {
            "name": self.name,
            "codes": self.codes.tolist(),
            "names": self.names.tolist(),
            "owners": self.owners.tolist(),
            "departments": self.departments.tolist(),
            "priorities": self.priorities.tolist(),
            "overlap": dict(self.overlap),
        }
        return {"index": self.index.tell(), "table": seal(heap, held)}

    def ordered(self, held: Indices, unit_code: str | None, scope: Scope = EVERYTHING) -> Indices:
        """Those of the areas `held` that count, in the stated order: longest owner, highest priority, lowest code.

        An area counts for a unit below its owner; outside every unit all count. Where an owner's areas do not overlap
        only the one of the lowest code counts.
        """
        able = [
            int(each)
            for each in held
            if (unit_code is None or unit_code.startswith(self.owners[each])) and scope.allows_owner(self.owners[each])
        ]
        able.sort(key=lambda each: (-len(self.owners[each]), -self.priorities[each], self.codes[each]))
        alone: dict[str, int] = {}
        for each in sorted(able, key=lambda each: str(self.codes[each])):
            if self.overlap.get(self.owners[each]) == "none":
                alone.setdefault(self.owners[each], each)
        return np.array([each for each in able if alone.get(self.owners[each], each) == each], dtype=np.int64)


@dataclass(frozen=True, slots=True)
class Located:
    """Where n points lie: the unit's index or -1, the named gap's index or -1, and by layer the areas that hold them.

    `held[layer]` is (offsets (n + 1,), areas (k,)): point i is in areas[offsets[i] : offsets[i + 1]], not yet ordered.
    """

    units: Indices
    gaps: Indices
    held: Mapping[str, tuple[Indices, Indices]]


@dataclass(frozen=True, slots=True)
class Grid:
    """Everything that a point can be in at one revision. Immutable; safe to share between threads."""

    revision: int
    profile: CodeProfile
    units: PolygonIndex
    divisions: Mapping[str, DivisionName]
    gaps: PolygonIndex
    gap_names: NDArray[Any]
    areas: Mapping[str, AreaLayer]
    departments: Mapping[str, Mapping[str, Any]]

    @classmethod
    def read(cls, heap: Heap, told: Mapping[str, Any], before: "tuple[Grid, Mapping[str, Any]] | None" = None) -> Self:
        """The grid that `tell` wrote, read where it lies.

        `before` is another grid in the same heap, with what was told of it: what is alike is taken from there.
        """
        grid, its = before or (None, {})

        def part(name: str, held: Callable[["Grid"], Part], read: Callable[[Any], Part]) -> Part:
            return held(grid) if grid is not None and told[name] == its[name] else read(told[name])

        def layer(name: str, where: Mapping[str, Any]) -> AreaLayer:
            alike = grid is not None and where == its["areas"].get(name)
            return grid.areas[name] if grid is not None and alike else AreaLayer.read(heap, where)

        return cls(
            told["revision"],
            read_profile(told["profile"]),
            part("units", lambda grid: grid.units, lambda where: PolygonIndex.read(heap, where)),
            part("divisions", lambda grid: grid.divisions, lambda line: _read_divisions(heap, line)),
            part("gaps", lambda grid: grid.gaps, lambda where: PolygonIndex.read(heap, where)),
            part("gap_names", lambda grid: grid.gap_names, lambda line: _objects(unseal(heap, line))),
            {name: layer(name, where) for name, where in told["areas"].items()},
            part("departments", lambda grid: grid.departments, lambda line: unseal(heap, line)),
        )

    def tell(self, heap: Heap) -> dict[str, Any]:
        """Write the grid to the heap in which its indexes lie; where it is, as JSON values for `read`."""
        return {
            "revision": self.revision,
            "profile": self.profile.name,
            "units": self.units.tell(),
            "gaps": self.gaps.tell(),
            "gap_names": seal(heap, self.gap_names.tolist()),
            "areas": {name: layer.tell(heap) for name, layer in self.areas.items()},
            "divisions": tell_divisions(heap, self.divisions),
            "departments": seal(heap, self.departments),
        }

    def copied(self, heap: Heap) -> Self:
        """The same grid with its indexes in another heap, without what earlier changes left behind."""
        layers = {name: replace(layer, index=layer.index.copied(heap)) for name, layer in self.areas.items()}
        return replace(self, units=self.units.copied(heap), gaps=self.gaps.copied(heap), areas=layers)

    def locate(self, lonlat: Floats) -> Located:
        """Unit by the tie rule, named gap where there is no unit, and the areas of every layer, of points (n, 2)."""
        units = self.units.lowest(lonlat)
        gaps = np.full(len(lonlat), -1, dtype=np.int64)
        outside = np.flatnonzero(units < 0)
        gaps[outside] = self.gaps.lowest(lonlat[outside])
        return Located(units, gaps, {name: _held(layer.index, lonlat) for name, layer in self.areas.items()})

    def unit_code(self, unit_index: int) -> str | None:
        return None if unit_index < 0 else self.units.codes[unit_index]

    def divisions_of(self, code: str | None) -> tuple[DivisionName, ...]:
        """The divisions that hold the unit, widest first."""
        if code is None:
            return ()
        above = (self.divisions.get(ancestor) for _, ancestor in self.profile.ancestors(code))
        return tuple(each for each in above if each is not None)

    def boundary_distance(self, lonlat: Floats, units: Indices, threads: int | None = None) -> Floats:
        """Metres (n,) to the nearest edge of any unit; inf where there are no units at all.

        `units` (n,) are those of `locate`. Units do not overlap, so whoever leaves a unit crosses its own edge first:
        inside, the nearest edge is one of the unit itself. `threads` as in `PolygonIndex.distances`.
        """
        found = np.full(len(lonlat), np.inf)
        inside, outside = np.flatnonzero(units >= 0), np.flatnonzero(units < 0)
        found[inside] = self.units.distances(lonlat, inside, units[inside], threads)
        if len(outside) and len(self.units):
            found[outside] = self.units.edge_distance(lonlat[outside])
        return found


def load_grid(connection: Connection, at: int, heap: Heap | None = None) -> Grid:
    """Read the grid of revision `at`; its indexes are written to `heap`, or each to one of its own."""
    everything = Query(EVERYTHING, at=at)
    profile = read_profile(read_settings(connection).get("profile", FREE.name))
    units = read_columns(connection, unit, everything, ("code", "geom"))
    gaps = read_columns(connection, gap, everything, ("code", "name", "geom"))
    named = read_columns(connection, division, everything, ("level", "code", "name", "department"))
    return Grid(
        at,
        profile,
        PolygonIndex.build(units["geom"], units["code"], trusted=True, heap=heap),  # what is published is a coverage
        {row[1]: DivisionName(*row) for row in zip(*named.values(), strict=True)},
        PolygonIndex.build(gaps["geom"], gaps["code"], heap=heap),
        gaps["name"],
        load_areas(connection, at, heap),
        load_departments(connection, at),
    )


def tell_divisions(heap: Heap, divisions: Mapping[str, DivisionName]) -> int:
    """Write divisions without their shapes to a heap; the line of the record."""
    return seal(heap, [[each.level, each.code, each.name, each.department] for each in divisions.values()])


def _read_divisions(heap: Heap, line: int) -> Mapping[str, DivisionName]:
    return {row[1]: DivisionName(*row) for row in unseal(heap, line)}


def load_departments(connection: Connection, at: int) -> dict[str, dict[str, Any]]:
    """Code, name, parent and ids of every department in force, by code."""
    columns = read_columns(connection, department, Query(EVERYTHING, at=at), ("code", "name", "parent", "ids"))
    return {row[0]: dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)}


def load_areas(
    connection: Connection, at: int, heap: Heap | None = None, only: Collection[str] | None = None
) -> dict[str, AreaLayer]:
    """The layers of areas at revision `at`, all or some, by name; their indexes in `heap`, or each in its own."""
    declared = read_columns(connection, area_layer, Query(EVERYTHING, at=at), ("code", "owner", "overlap"))
    names = sorted(set(declared["code"].tolist()) if only is None else set(declared["code"].tolist()) & set(only))
    columns = ("owner", "code", "name", "department", "priority", "geom")
    layers = {}
    for name in names:
        part = read_columns(connection, area, Query(EVERYTHING, at=at, where={"layer": name}), columns)
        overlap = {owner: how for code, owner, how in zip(*declared.values(), strict=True) if code == name}
        layers[name] = AreaLayer(
            name,
            PolygonIndex.build(part["geom"], part["code"], heap=heap),
            part["code"],
            part["name"],
            part["owner"],
            part["department"],
            part["priority"].astype(np.int64),
            overlap,
        )
    return layers


def _held(index: PolygonIndex, lonlat: Floats) -> tuple[Indices, Indices]:
    point, polygon = index.holders(lonlat)
    return np.searchsorted(point, np.arange(len(lonlat) + 1)).astype(np.int64), polygon


def _objects(values: list[Any]) -> NDArray[Any]:
    column = np.empty(len(values), dtype=object)
    column[:] = values
    return column
