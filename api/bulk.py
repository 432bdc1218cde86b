"""Locate and route whole files: the same answers as over HTTP, as columns beside the file's own."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from api.answers import locate_columns
from api.worlds import Worlds
from cases.desk import Desk
from cases.reports import Case, Defaults, from_columns
from cases.routing import Routing
from gis import crs as gis_crs
from gis.errors import Fault, Refusal
from gis.geometry import prepare
from gis.metres import Floats
from gis.tables import Table

BATCH = 5_000
Advance = Callable[[int], None]
Moment = int | datetime | None


@dataclass(frozen=True, slots=True)
class Routed:
    """A routed file: the table with its answers, the routings (None where a row is bad) and the faults of bad rows."""

    table: Table
    routings: tuple[Routing | None, ...]
    faults: tuple[Fault, ...]


def read_points(table: Table, crs: str | None, lon: str, lat: str) -> tuple[Floats, tuple[Fault, ...]]:
    """The points (n, 2) of a table in the store's coordinates, NaN for a bad row: its geometry, or two columns."""
    points = np.full((len(table), 2), np.nan)
    if table.geometry is not None:
        prepared, faults = prepare(table, crs, "point")
        for index, point in enumerate(prepared):
            if point is not None:
                points[index] = point.x, point.y
        return points, tuple(faults)
    system = gis_crs.parse(crs or table.crs or "")
    for axis, name in enumerate((lon, lat)):
        points[:, axis] = [float(value) if value not in (None, "") else np.nan for value in table.columns[name]]
    return np.round(gis_crs.to_store(points, system), 9), ()


def moments(table: Table, as_of: str | None, read: Callable[[str], int | datetime]) -> list[Moment]:
    """For each row the moment it is asked as of: one for all, or each row's own when `as_of` names a column."""
    if as_of is None:
        return [None] * len(table)
    if as_of in table.columns:
        return [read(str(value)) if value not in (None, "") else None for value in table.columns[as_of]]
    return [read(as_of)] * len(table)


def by_revision(worlds: Worlds, asked: list[Moment]) -> dict[int, NDArray[np.int64]]:
    """The rows of each revision; those before history under -1."""
    numbers: dict[Moment, int] = {}
    for moment in set(asked):
        try:
            numbers[moment] = worlds.newest().revision if moment is None else worlds.number(moment)
        except Refusal as refusal:
            if refusal.code != "before_history":
                raise
            numbers[moment] = -1
    of = np.array([numbers[moment] for moment in asked], dtype=np.int64)
    return {int(number): np.flatnonzero(of == number) for number in np.unique(of)}


def locate_table(worlds: Worlds, table: Table, points: Floats, asked: list[Moment], advance: Advance) -> Table:
    """The table with the columns of `locate`; a row before history is flagged so, and a bad row stays empty."""
    added: dict[str, NDArray[Any]] = {}
    good = np.isfinite(points).all(axis=1)
    for number, rows in by_revision(worlds, asked).items():
        for start in range(0, len(rows), BATCH):
            taken = rows[start : start + BATCH]
            batch = taken[good[taken]]
            if number < 0:
                answers = {"flags": np.array(["before_history"] * len(batch), dtype=object)}
            else:
                answers = locate_columns(worlds.at(number).grid, points[batch])
            for name, values in answers.items():
                added.setdefault(name, np.full(len(table), None, dtype=object))[batch] = values
            advance(len(taken))
    return replace(table, columns={**table.columns, **added})


def spell_out(table: Table, crs: str | None) -> Table:
    """The same table; points whose CRS nobody told become columns again: each row may name its own."""
    if table.geometry is None or table.crs or crs:
        return table
    x, y = (
        _column([None if each is None else axis(each) for each in table.geometry])
        for axis in (shapely.get_x, shapely.get_y)
    )
    return replace(table, columns={**table.columns, "lon": x, "lat": y}, geometry=None)


def read_cases(
    table: Table, mapping: Mapping[str, str], defaults: Defaults, crs: str | None
) -> tuple[list[Case | None], list[Fault]]:
    """The cases of a table, and the faults of the rows that are none."""
    columns: dict[str, Any] = dict(table.columns)
    for name, column in mapping.items():
        if column in table.columns:
            columns[name] = table.columns[column]
    if table.geometry is not None and not {"lon", "lat"} <= columns.keys():
        coordinates = [(None, None) if each is None else (each.x, each.y) for each in table.geometry]
        columns["lon"], columns["lat"] = (
            (list(axis) for axis in zip(*coordinates, strict=True)) if coordinates else ([], [])
        )
        defaults = replace(defaults, crs=crs or table.crs, stated=defaults.stated | {"crs"})
    reports = from_columns(columns, defaults, rows=table.rows.tolist())
    return list(reports.cases), reports.all_faults


def route_table(
    worlds: Worlds, table: Table, cases: list[Case | None], asked: list[Moment], advance: Advance, language: str
) -> tuple[Table, list[Routing | None]]:
    """The table with the columns of `route`, and the routings; a row that is no case keeps them empty."""
    routings: list[Routing | None] = [None] * len(table)
    before: set[int] = set()
    for number, rows in by_revision(worlds, asked).items():
        for start in range(0, len(rows), BATCH):
            batch = [int(row) for row in rows[start : start + BATCH] if cases[row] is not None]
            if number < 0:
                before |= set(batch)
            else:
                desk: Desk = worlds.at(number)
                for row, routing in zip(
                    batch, desk.route_all([each for row in batch if (each := cases[row])]), strict=True
                ):
                    routings[row] = routing
            advance(len(rows[start : start + BATCH]))
    columns = [_row(routing, index in before, language) for index, routing in enumerate(routings)]
    added = {name: _column([row[name] for row in columns]) for name in ROUTE_COLUMNS}
    return replace(table, columns={**table.columns, **added}), routings


def _column(values: list[Any]) -> NDArray[Any]:
    column = np.empty(len(values), dtype=object)
    column[:] = values
    return column


ROUTE_COLUMNS = (
    "unit",
    "department",
    "department_name",
    "advice",
    "rule",
    "area",
    "component",
    "component_distance_m",
    "flags",
    "because",
    "revision",
)


def _row(routing: Routing | None, before: bool, language: str) -> dict[str, Any]:
    if routing is None:
        return {**dict.fromkeys(ROUTE_COLUMNS), "flags": "before_history" if before else None}
    reasons = (each.zh if language == "zh" else each.en for each in routing.because)
    return {
        "unit": routing.unit,
        "department": routing.department and routing.department.code,
        "department_name": routing.department and routing.department.name,
        "advice": routing.advice,
        "rule": routing.rule and routing.rule[1],
        "area": routing.area and f"{routing.area[0]}:{routing.area[1]}",
        "component": routing.component and routing.component[0],
        "component_distance_m": routing.component and round(routing.component[1], 2),
        "flags": ";".join(routing.flags),
        "because": " ".join(reasons),
        "revision": routing.revision,
    }
