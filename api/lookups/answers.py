"""What a lookup answers: the members of the contract for one point, and columns for many."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cases.desk import Desk, Places
from cases.situation import Place
from gis.metres import Floats
from gis.store.scope import EVERYTHING, Scope
from grids.lookup import Grid

UNLOCATED = "before_history"


def locate_places(grid: Grid, lonlat: Floats, scope: Scope = EVERYTHING) -> tuple[list[Place], Floats]:
    """The place of each point (n, 2) and its distance to the nearest edge of a unit (n,), inf without units."""
    located = grid.locate(lonlat)
    places = Places(grid, located, scope)
    return [places.at(index) for index in range(len(lonlat))], grid.boundary_distance(lonlat, located.units)


def place_flags(place: Place, distance_m: float, accuracy_m: float | None) -> list[str]:
    """The flags of a lookup: outside, named_gap, near_boundary (an edge is nearer than the position error)."""
    flags = []
    if place.outside:
        flags.append("outside")
    if place.unit is None and place.gap is not None:
        flags.append("named_gap")
    if accuracy_m is not None and distance_m < accuracy_m:
        flags.append("near_boundary")
    return sorted(flags)


def locate_answers(
    desk: Desk, lonlat: Floats, accuracy_m: Sequence[float | None], scope: Scope = EVERYTHING
) -> list[dict[str, Any]]:
    """The answer to each point, as the contract of `/v1/locate` has it, without the revision."""
    places, distances = locate_places(desk.grid, lonlat, scope)
    return [
        {
            "point": [float(lonlat[index, 0]), float(lonlat[index, 1])],
            "unit": place.unit,
            "divisions": {each.level: {"code": each.code, "name": each.name} for each in place.divisions},
            "areas": {
                layer: [{"code": each.code, "name": each.name, "department": each.department} for each in holders]
                for layer, holders in place.areas.items()
            },
            "departments": list(_departments(desk, place)),
            "gap": place.gap,
            "boundary_distance_m": round(float(distances[index]), 3) if np.isfinite(distances[index]) else None,
            "flags": place_flags(place, float(distances[index]), accuracy_m[index]),
        }
        for index, place in enumerate(places)
    ]


def _departments(desk: Desk, place: Place) -> Any:
    named = [(each.department, "division", each.level) for each in place.divisions]
    named += [(each.department, "area", layer) for layer, holders in place.areas.items() for each in holders]
    for code, role, layer in named:
        if code is not None:
            known = desk.departments.get(code)
            yield {"code": code, "name": known.name if known else None, "role": role, "layer": layer}


def locate_columns(
    grid: Grid, lonlat: Floats, accuracy_m: Sequence[float | None] | None = None, scope: Scope = EVERYTHING
) -> dict[str, NDArray[Any]]:
    """The columns that `wangge locate` adds: unit, a code a level, areas by layer, distance, flags; objects (n,)."""
    places, distances = locate_places(grid, lonlat, scope)
    levels = [level.id for level in grid.profile.levels]
    columns: dict[str, list[Any]] = {"unit": [place.unit for place in places]}
    for level in levels:
        columns[level] = [
            next((each.code for each in place.divisions if each.level == level), None) for place in places
        ]
    for layer in grid.areas:
        held = [[each.code for each in place.areas[layer]] for place in places]
        columns[f"area.{layer}"] = [codes[0] if codes else None for codes in held]
        columns[f"area.{layer}.all"] = [";".join(codes) or None for codes in held]
    columns["boundary_distance_m"] = [round(float(each), 3) if np.isfinite(each) else None for each in distances]
    columns["flags"] = [
        ";".join(place_flags(place, float(distances[index]), accuracy_m[index] if accuracy_m is not None else None))
        for index, place in enumerate(places)
    ]
    return {name: _objects(values) for name, values in columns.items()}


def _objects(values: Sequence[Any]) -> NDArray[Any]:
    column = np.empty(len(values), dtype=object)
    column[:] = values
    return column
