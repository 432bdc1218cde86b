"""What each layer of the grid makes of a file that is compared with a base."""

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from sqlalchemy import Connection

from gis.crs import CrsLike
from gis.delivery import Key, rows_in_force
from gis.errors import Fault, refuse
from gis.geometry import geodesic_area, prepare
from gis.intake import columns_of, map_fields, read_code
from gis.layer import Layer
from gis.tables import Table
from grids import areas, departments, divisions, units
from grids.codes import check_codes
from grids.deliveries.comparing import Incoming, Merged, Subject
from grids.deliveries.merging import SHAPE, Row, Spoken, Triple, Verdict
from grids.features import AREAS
from grids.layers import DEPARTMENTS, DIVISIONS, UNITS
from grids.layers import area_layer as grid_area_layer
from grids.profiles import CodeProfile
from grids.tables import area, area_layer, department, division, unit

OWN = frozenset({"area_m2", "level"})


def spoken_of(table: Table, layer: Layer, mapping: Mapping[str, str], document: str, prefix: str = "") -> Spoken:
    """The fields that a file has columns for, and its further columns as keys of the document."""
    taken = columns_of(table, layer.fields, mapping)
    rest = [name for name in table.columns if name not in taken.values() and name.startswith(prefix)]
    keys = frozenset(name.removeprefix(prefix) for name in rest)
    shape = {SHAPE} if table.geometry is not None else set()
    return Spoken(frozenset(taken) | shape | {"owner", "layer"}, document, keys)


def numbers_of(table: Table, layer: Layer, mapping: Mapping[str, str], ahead: Key = ()) -> dict[Key, int]:
    """The row of every code that a file names, also where the row is wrong; of a repeated one the first."""
    column = columns_of(table, layer.fields, mapping).get("code")
    found: dict[Key, int] = {}
    values = [] if column is None else table.columns[column].tolist()
    for value, row in zip(values, table.rows.tolist(), strict=False):
        try:
            found.setdefault((*ahead, read_code(value)), int(row))
        except ValueError:
            continue
    return found


def read_units(table: Table, profile: CodeProfile, mapping: Mapping[str, str], crs: CrsLike | None) -> Incoming:
    """The units of a file, without what only a whole coverage can tell: see `cover`."""
    mapped = map_fields(table, UNITS.fields, mapping)
    geometries, found = prepare(table, crs, "polygon")
    faults = [*mapped.faults, *found]
    codes = mapped.values["code"]
    good = check_codes(codes, table.rows, geometries, profile.is_unit_code, units.form(profile), faults)
    good = good[[geometries[index] is not None for index in good]] if len(good) else good
    rows = units.rows_of(mapped.values, mapped.extra, good, geometries[good])
    subject = Subject("units", unit, units.KEY, document="attributes", derived=OWN)
    spoken = spoken_of(table, UNITS, mapping, "attributes")
    return Incoming(subject, rows, spoken, numbers_of(table, UNITS, mapping), tuple(faults))


def cover(
    connection: Connection, merged: Merged, numbers: Mapping[Key, int], profile: CodeProfile, at: int, snap_m: float
) -> tuple[Merged, list[Fault]]:
    """What merged units come to as a coverage with all others in force: snapped up to `snap_m`, with every fault."""
    touched = {each.row.name for each in merged.changes}
    kept = {code: row for (code,), row in rows_in_force(connection, unit, at, units.KEY).items() if code not in touched}
    drawn = [each for each in merged.changes if each.row.delivered is not None]
    if not merged.changes:
        return merged, []
    codes, shapes = np.empty(len(drawn), dtype=object), np.empty(len(drawn), dtype=object)
    codes[:] = [each.row.name for each in drawn]
    shapes[:] = [each.row.delivered[SHAPE] for each in drawn if each.row.delivered is not None]
    rows = np.array([numbers.get((code,), 0) for code in codes], dtype=np.int64)
    gaps = units.gaps_in_force(connection, at)
    snapped, faults = units.cover(codes, shapes, rows, kept, gaps, snap_m)
    by_code = dict(zip(codes.tolist(), snapped, strict=True))
    sizes = dict(zip(codes.tolist(), geodesic_area(snapped).tolist(), strict=True))
    changes = tuple(_drawn(each, by_code, sizes) for each in merged.changes)
    lacking = _without_division(connection, [each.row for each in changes], profile, at)
    return replace(merged, changes=changes), [*faults, *lacking]


def _drawn(verdict: Verdict, shapes: Mapping[str, Any], sizes: Mapping[str, float]) -> Verdict:
    row = verdict.row
    if row.delivered is None:
        return verdict
    now = {**row.delivered, SHAPE: shapes[row.name], "area_m2": round(sizes[row.name], 2)}
    return replace(verdict, row=replace(row, delivered=now))


def _without_division(connection: Connection, rows: Collection[Triple], profile: CodeProfile, at: int) -> list[Fault]:
    """Communities that new units name and that there are not."""
    there = {code for (code,) in rows_in_force(connection, division, at, divisions.KEY)}
    above = {(level, code) for each in rows if each.delivered for level, code in profile.ancestors(each.name)}
    missing = sorted((pair for pair in above if pair[1] not in there), key=lambda pair: pair[1])
    return [divisions.unknown(code, level.zh, level.en) for level, code in missing]


def read_divisions(
    connection: Connection, table: Table, profile: CodeProfile, mapping: Mapping[str, str], crs: CrsLike | None, at: int
) -> Incoming:
    """The divisions of a file; the shape of those that have units follows from them."""
    rows, faults, held = divisions.read_divisions(connection, table, profile, mapping, crs, at)
    subject = Subject("divisions", division, divisions.KEY, document="attributes", derived=OWN, held=frozenset(held))
    spoken = spoken_of(table, DIVISIONS, mapping, "attributes")
    return Incoming(subject, rows, spoken, numbers_of(table, DIVISIONS, mapping), tuple(faults))


def read_departments(connection: Connection, table: Table, owner: str, mapping: Mapping[str, str], at: int) -> Incoming:
    """The departments of a file."""
    known = {
        code: row["parent"] for (_, code), row in rows_in_force(connection, department, at, ("owner", "code")).items()
    }
    rows, faults = departments.read_departments(table, owner, mapping, known)
    subject = Subject("departments", department, departments.KEY, {"owner": owner}, document="ids")
    spoken = spoken_of(table, DEPARTMENTS, mapping, "ids", departments.ID_COLUMN)
    return Incoming(subject, rows, spoken, numbers_of(table, DEPARTMENTS, mapping, (owner,)), tuple(faults))


def read_areas(
    connection: Connection,
    table: Table,
    owner: str,
    layer: str,
    mapping: Mapping[str, str],
    crs: CrsLike | None,
    at: int,
) -> Incoming:
    """The areas of a file, of a layer that there is. Errors: Refusal area_layer_unknown."""
    declared = rows_in_force(connection, area_layer, at, ("owner", "code"), {"owner": owner, "code": layer})
    if not declared:
        raise refuse(
            "area_layer_unknown",
            f"'{owner}' has no layer of areas {layer}; import it without a base first.",
            f"“{owner}”没有片区图层 {layer}；请先不带基准版本导入。",
            thing=layer,
        )
    overlap = str(declared[owner, layer]["overlap"])
    known = departments.departments_in_force(connection, at)
    rows, faults = areas.read_areas(table, owner, layer, overlap, mapping, crs, known)
    where = {"layer": layer, "owner": owner}
    subject = Subject(f"{AREAS}{layer}", area, areas.KEY, where, document="attributes")
    described = grid_area_layer(layer, layer)
    spoken = spoken_of(table, described, mapping, "attributes")
    return Incoming(subject, rows, spoken, numbers_of(table, described, mapping, (layer, owner)), tuple(faults))


def without(incoming: Incoming, rows: Collection[int]) -> Incoming:
    """The delivery without the rows of these numbers, which stay named."""
    kept: dict[Key, Row] = {key: row for key, row in incoming.rows.items() if incoming.numbers.get(key) not in rows}
    return replace(incoming, rows=kept)
