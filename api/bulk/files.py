"""Locate and route whole files: the same answers as over HTTP, as columns beside the file's own."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from api.bulk.as_of import BEFORE
from api.bulk.placing import PLACE, PlaceColumn, Placer
from api.systems import LiveSystems
from api.worlds import Worlds
from cases.desk import Desk
from cases.positions import to_places
from cases.reports import FIELDS, Case, Defaults, from_columns
from cases.routing import Routing
from gis.crs import CrsLike
from gis.errors import Fault, Refusal, refuse
from gis.geometry import prepare
from gis.metres import Floats
from gis.tables import Table

BATCH = 5_000
LOCATED = 50_000
"""Rows that are routed or located at once."""
CODES = "codes"
"""In place of a language: the reasons as codes joined by ";"."""
Advance = Callable[[int], None]
Moment = int | datetime | None


@dataclass(frozen=True, slots=True)
class Routed:
    """A routed file: the table with its answers, the routings (None where a row is bad) and the faults of bad rows."""

    table: Table
    routings: tuple[Routing | None, ...]
    faults: tuple[Fault, ...]


def read_points(table: Table, crs: CrsLike | None, systems: LiveSystems) -> tuple[Floats, tuple[Fault, ...]]:
    """The points (n, 2) of a table in the store's coordinates, NaN for a bad row, and the faults of those.

    Where neither the file nor `crs` says what they are in, each row may say it in a column `crs`. Errors: Refusal of
    what is wrong with the file as a whole.
    """
    points = np.full((len(table), 2), np.nan)
    if table.geometry is not None and not (crs or table.crs) and "crs" in table.columns:
        named = table.columns["crs"].tolist()
        xy = zip(shapely.get_x(table.geometry), shapely.get_y(table.geometry), named, strict=True)
        stored, found = to_places(
            [(float(x), float(y), name) if name and x == x else None for x, y, name in xy], systems.parse
        )
        faults = [replace(found[index], row=int(table.rows[index])) for index in sorted(found)]
        nowhere = [index for index, name in enumerate(named) if index not in found and np.isnan(stored[index, 0])]
        return stored, (*faults, *(_no_position(int(table.rows[index])) for index in nowhere))
    prepared, faults_ = prepare(table, crs, "point")
    whole = [fault for fault in faults_ if fault.severity == "error" and fault.row is None]
    if whole:
        raise Refusal(whole)
    there = ~shapely.is_missing(prepared)
    points[there] = shapely.get_coordinates(prepared[there])
    return points, faults_


def _no_position(row: int) -> Fault:
    return Fault(
        "position_missing",
        f"Row {row} has no position, or does not say in its column crs which system it is in.",
        f"第 {row} 行没有坐标，或其 crs 列未说明坐标系。",
        row=row,
    )


def moments(table: Table, as_of: str | None, read: Callable[[str], int | datetime]) -> list[Moment]:
    """For each row the moment it is asked as of: one for all, or each row's own when `as_of` names a column."""
    if as_of is None:
        return [None] * len(table)
    if as_of not in table.columns:
        return [read(as_of)] * len(table)
    found: list[Moment] = []
    for value, row in zip(table.columns[as_of], table.rows.tolist(), strict=True):
        try:
            found.append(read(str(value)) if value not in (None, "") else None)
        except Refusal as refusal:
            raise Refusal([replace(fault, row=row) for fault in refusal.faults], refusal.kind) from None
    return found


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


def locate_table(
    worlds: Worlds,
    table: Table,
    points: Floats,
    asked: list[Moment],
    advance: Advance,
    named: PlaceColumn | None = None,
) -> Table:
    """The table with the columns of `locate`, with `named` also the place in words; a row before history is flagged so,
    and a bad row stays empty.
    """
    added: dict[str, NDArray[Any]] = {}
    good = np.asarray(np.isfinite(points).all(axis=1))
    for number, rows in by_revision(worlds, asked).items():
        placer = None if number < 0 else Placer(worlds.at(number).grid)
        for start in range(0, len(rows), LOCATED):
            taken = rows[start : start + LOCATED]
            batch = taken[good[taken]]
            answers: dict[str, list[Any]] = {"flags": [BEFORE] * len(batch)}
            if placer is not None:
                answers = {name: column.to_pylist() for name, column in placer.answer(points[batch]).items()}
            if placer is not None and named is not None:
                answers[PLACE] = named(number, points[batch]).to_pylist()
            for name, values in answers.items():
                added.setdefault(name, np.full(len(table), None, dtype=object))[batch] = values
            advance(len(taken))
    return replace(table, columns={**table.columns, **added})


def spell_out(table: Table, crs: CrsLike | None) -> Table:
    """The same table; points whose CRS nobody told become columns again: each row may name its own."""
    if table.geometry is None or table.crs or crs:
        return table
    x, y = (
        _column([None if each is None else float(axis(each)) for each in table.geometry])
        for axis in (shapely.get_x, shapely.get_y)
    )
    return replace(table, columns={**table.columns, "lon": x, "lat": y}, geometry=None)


def read_cases(
    table: Table, mapping: Mapping[str, str], defaults: Defaults, crs: CrsLike | None
) -> tuple[list[Case | None], list[Fault]]:
    """The cases of a table, and the faults of the rows that are none."""
    columns: dict[str, Any] = dict(table.columns)
    check_mapping(mapping, list(table.columns))
    columns |= {name: table.columns[column] for name, column in mapping.items()}
    if table.geometry is not None and not {"lon", "lat"} <= columns.keys():
        columns["lon"], columns["lat"] = shapely.get_x(table.geometry), shapely.get_y(table.geometry)
        defaults = replace(defaults, crs=crs or table.crs, stated=defaults.stated | {"crs"})
    reports = from_columns(columns, defaults, rows=table.rows.tolist())
    return list(reports.cases), reports.all_faults


def read_cases_as_of(
    worlds: Worlds,
    table: Table,
    mapping: Mapping[str, str],
    defaults: Defaults,
    crs: CrsLike | None,
    asked: list[Moment],
) -> tuple[list[Case | None], list[Fault]]:
    """As `read_cases`, each row with the sources of the revision that it asks for; before history, of the newest."""
    cases: list[Case | None] = [None] * len(table)
    faults: list[Fault] = []
    check_mapping(mapping, list(table.columns))
    for number, rows in by_revision(worlds, asked).items():
        desk: Desk = worlds.newest() if number < 0 else worlds.at(number)
        found, wrong = read_cases(rows_of(table, rows), mapping, desk.defaults(defaults), crs)
        faults += wrong
        for row, case in zip(rows.tolist(), found, strict=True):
            cases[row] = case
    return cases, sorted(faults, key=lambda fault: fault.row or 0)


def rows_of(table: Table, which: NDArray[np.int64]) -> Table:
    """Some rows of a table; the very same for all."""
    if len(which) == len(table):
        return table
    columns = {name: column[which] for name, column in table.columns.items()}
    geometry = None if table.geometry is None else table.geometry[which]
    return replace(table, columns=columns, geometry=geometry, rows=table.rows[which])


def check_mapping(mapping: Mapping[str, str], there: list[str]) -> None:
    """Errors: Refusal field_unknown, column_missing."""
    for name, column in mapping.items():
        if name not in FIELDS:
            names = ", ".join(FIELDS)
            raise refuse(
                "field_unknown",
                f"There is no field '{name}' to map a column to; the fields are {names}.",
                f"没有名为“{name}”的字段；可用字段：{names}。",
            )
        if column not in there:
            names = ", ".join(there)
            raise refuse(
                "column_missing",
                f"There is no column '{column}' for the field '{name}'; the file has {names}.",
                f"文件中没有字段“{name}”所需的列“{column}”；现有列：{names}。",
            )


def column_missing(column: str, there: list[str]) -> Refusal:
    """The refusal of a file of points that lacks a column of coordinates."""
    names = ", ".join(there)
    return refuse(
        "column_missing",
        f"There is no column '{column}' for the coordinates; the file has {names}.",
        f"没有坐标列“{column}”；现有列：{names}。",
    )


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
    columns = [routing_row(routing, index in before, language) for index, routing in enumerate(routings)]
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


def routing_row(routing: Routing | None, before: bool, language: str) -> dict[str, Any]:
    if routing is None:
        return {**dict.fromkeys(ROUTE_COLUMNS), "flags": "before_history" if before else None}
    if language == CODES:
        because = ";".join(each.code for each in routing.because)
    else:
        because = " ".join(each.zh if language == "zh" else each.en for each in routing.because)
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
        "because": because,
        "revision": routing.revision,
    }
