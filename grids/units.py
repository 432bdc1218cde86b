"""Unit grids: a delivery is accepted only when the units then in force are a valid coverage, named gaps apart."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray
from sqlalchemy import Connection

from gis import coverage
from gis.crs import CrsLike
from gis.delivery import Delivery, Key, compare, rows_in_force
from gis.errors import Fault
from gis.geometry import geodesic_area, prepare
from gis.intake import map_fields
from gis.store.revisions import head
from gis.tables import Table
from grids import divisions
from grids.codes import check_codes
from grids.layers import GAPS, UNITS
from grids.profiles import CodeProfile
from grids.tables import division, gap, unit

KEY = ("code",)
SNAP_M = 0.01


def deliver(
    connection: Connection,
    table: Table,
    profile: CodeProfile,
    mapping: Mapping[str, str],
    crs: CrsLike | None,
    gaps: Table | None = None,
    scope: str | None = None,
    snap_m: float = SNAP_M,
) -> Delivery:
    """Check a delivery of units and, with it, of the named gaps that its coverage leaves.

    Units that are not in it stay, but for those whose code begins with `scope`, which end. What is checked is the
    coverage as it would be afterwards. Gaps and overlaps up to `snap_m` metres are closed, each move reported.
    """
    base = head(connection)
    mapped = map_fields(table, UNITS.fields, mapping)
    geometries, found = prepare(table, crs, "polygon")
    faults = [*mapped.faults, *found]
    codes = mapped.values["code"]
    good = check_codes(codes, table.rows, geometries, profile.is_unit_code, form(profile), faults)
    good = good[[geometries[index] is not None for index in good]] if len(good) else good
    current = rows_in_force(connection, unit, base, KEY)
    delivered = {codes[index] for index in good}
    gone = [key for key in current if scope is not None and key[0].startswith(scope) and key[0] not in delivered]
    kept = {key[0]: row for key, row in current.items() if key[0] not in delivered and key not in gone}
    gap_rows, gap_faults = _gap_rows(gaps, crs, connection, base)
    faults += gap_faults
    shapes, cover_faults = cover(codes[good], geometries[good], table.rows[good], kept, gap_rows, snap_m)
    incoming = rows_of(mapped.values, mapped.extra, good, shapes)
    unit_change, counts = compare(unit, current, incoming, gone)
    covered = {code: row["geom"] for code, row in kept.items()} | {
        code: row["geom"] for (code,), row in incoming.items()
    }
    areas = rows_in_force(connection, division, base, KEY)
    written, division_faults = divisions.follow_units(profile, covered, areas) if covered else ({}, [])
    division_change, _ = compare(division, areas, written)
    gap_change, _ = compare(gap, rows_in_force(connection, gap, base, KEY), gap_rows)
    changes = (unit_change, division_change, gap_change)
    return Delivery(base, counts, changes, (*faults, *cover_faults, *division_faults), {"profile": profile.name})


def form(profile: CodeProfile) -> tuple[str, str]:
    """What a unit's code looks like, in English and Chinese."""
    if profile.unit_length is None:
        return "any text", "任意文本"
    return f"a unit's code has {profile.unit_length} digits", f"单元网格编码应为 {profile.unit_length} 位数字"


def rows_of(
    values: Mapping[str, NDArray[Any]],
    extra: tuple[Mapping[str, Any], ...],
    good: NDArray[np.intp],
    shapes: NDArray[Any],
) -> dict[Key, dict[str, Any]]:
    """The rows of the units at `good`, which have these shapes."""
    areas = geodesic_area(shapes)
    rows: dict[Key, dict[str, Any]] = {}
    for index, shape, area in zip(good, shapes, areas, strict=True):
        code = values["code"][index]
        fields = {name: values[name][index] for name in ("name", "initial_date", "end_date", "note")}
        geometry = {"area_m2": round(float(area), 2), "geom": shape, "attributes": dict(extra[index]) or None}
        rows[code,] = {"owner": code, "code": code, **fields, **geometry}
    return rows


def gaps_in_force(connection: Connection, at: int) -> dict[Key, dict[str, Any]]:
    """The named gaps at a revision."""
    found = rows_in_force(connection, gap, at, KEY)
    return {key: {name: row[name] for name in ("owner", "code", "name", "note", "geom")} for key, row in found.items()}


def _gap_rows(
    gaps: Table | None, crs: CrsLike | None, connection: Connection, base: int
) -> tuple[dict[Key, dict[str, Any]], list[Fault]]:
    """Named gaps in force with the delivered ones over them; a gap without a code is known by its name."""
    known = gaps_in_force(connection, base)
    if gaps is None:
        return known, []
    named = replace(GAPS, fields=tuple(replace(field, required=field.name == "name") for field in GAPS.fields))
    mapped = map_fields(gaps, named.fields, {})
    geometries, faults = prepare(gaps, crs, "polygon")
    for index, name in enumerate(mapped.values["name"]):
        if name and geometries[index] is not None:
            code = mapped.values["code"][index] or name
            fields = {"owner": "", "code": code, "name": name, "note": mapped.values["note"][index]}
            known[code,] = {**fields, "geom": geometries[index]}
    return known, [*mapped.faults, *faults]


def cover(
    codes: NDArray[Any],
    geometries: NDArray[Any],
    rows: NDArray[np.int64],
    kept: Mapping[str, Mapping[str, Any]],
    gaps: Mapping[Key, Mapping[str, Any]],
    snap_m: float,
) -> tuple[NDArray[Any], list[Fault]]:
    """The delivered shapes, snapped where that mends them, and the faults of the coverage as it would be."""
    all_codes = np.array([*codes, *kept], dtype=object)
    all_shapes = np.empty(len(all_codes), dtype=object)
    all_shapes[:] = [*geometries, *(row["geom"] for row in kept.values())]
    all_rows = np.concatenate([rows, np.zeros(len(kept), dtype=np.int64)])
    holes = np.empty(len(gaps), dtype=object)
    holes[:] = [row["geom"] for row in gaps.values()]
    named = (holes, np.array([row["name"] for row in gaps.values()])) if gaps else None
    faults = coverage.check(all_shapes, all_codes, named, snap_m, all_rows)
    if not any(fault.severity == "error" for fault in faults) or snap_m <= 0:
        return geometries, faults
    snapped, moves = coverage.snap(all_shapes, snap_m)
    again = coverage.check(snapped, all_codes, named, snap_m, all_rows)
    stays = all(shapely.equals_exact(snapped[len(codes) :], all_shapes[len(codes) :]))
    if any(fault.severity == "error" for fault in again) or not stays:
        return geometries, faults
    return snapped[: len(codes)], [*again, *_moves(moves, all_codes, all_rows)]


def _moves(moves: list[coverage.Move], codes: NDArray[Any], rows: NDArray[np.int64]) -> list[Fault]:
    return [
        Fault(
            "edge_snapped",
            f"A node of {codes[move.polygon]} was moved by {move.metres * 1000:.1f} mm to meet its neighbour.",
            f"{codes[move.polygon]} 的节点移动了 {move.metres * 1000:.1f} 毫米以与相邻网格重合。",
            severity="note",
            row=int(rows[move.polygon]) or None,
            thing=str(codes[move.polygon]),
            where={"type": "LineString", "coordinates": [move.source, move.target]},
        )
        for move in moves
    ]
