"""Divisions: import, and the shapes that follow from the units inside them."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray
from sqlalchemy import Connection

from gis.coverage import dissolve
from gis.crs import CrsLike
from gis.delivery import Delivery, Key, compare, rows_in_force
from gis.errors import Fault
from gis.geometry import geodesic_area, place, prepare
from gis.intake import map_fields
from gis.store.revisions import head
from gis.tables import Table
from grids.codes import check_codes
from grids.layers import DIVISIONS
from grids.profiles import CodeProfile
from grids.tables import division, unit

KEY = ("code",)
DIFFERENT_M2 = 1.0  # a delivered boundary may differ from the outer edges of its units by so much


def deliver(
    connection: Connection, table: Table, profile: CodeProfile, mapping: Mapping[str, str], crs: CrsLike | None
) -> Delivery:
    """Check a delivery of divisions, with or without geometry. A division not in it stays as it is."""
    base = head(connection)
    incoming, faults, _ = read_divisions(connection, table, profile, mapping, crs, base)
    change, counts = compare(division, rows_in_force(connection, division, base, KEY), incoming)
    return Delivery(base, counts, (change,), tuple(faults), {"profile": profile.name})


def read_divisions(
    connection: Connection, table: Table, profile: CodeProfile, mapping: Mapping[str, str], crs: CrsLike | None, at: int
) -> tuple[dict[Key, dict[str, Any]], list[Fault], set[Key]]:
    """The rows of the divisions in a table against those at a revision, what is wrong, and those that have units."""
    mapped = map_fields(table, DIVISIONS.fields, mapping)
    faults = list(mapped.faults)
    geometries = np.full(len(table), None, dtype=object)
    if table.geometry is not None:
        geometries, found = prepare(table, crs, "polygon")
        faults += found
    codes = mapped.values["code"]
    good = check_codes(codes, table.rows, geometries, profile.is_division_code, _form(profile), faults)
    current = rows_in_force(connection, division, at, KEY)
    faults += _orphans(profile, codes[good], table.rows[good], current.keys() | {(code,) for code in codes[good]})
    incoming: dict[Key, dict[str, Any]] = {}
    for index in good:
        code, old = codes[index], current.get((codes[index],))
        incoming[code,] = {
            "owner": code,
            "code": code,
            "level": level.id if (level := profile.level_of(code)) else "",
            "name": mapped.values["name"][index] or (old["name"] if old else code),
            "department": mapped.values["department"][index],
            "attributes": dict(mapped.extra[index]) or None,
            "geom": geometries[index] if geometries[index] is not None else (old["geom"] if old else None),
        }
    units = rows_in_force(connection, unit, at, KEY)
    occupied: set[Key] = {(above,) for (code,) in units for _, above in profile.ancestors(code)}
    faults += _keep_derived(incoming, current, occupied, table.rows[good])
    return incoming, faults, occupied


def check_divisions(table: Table, profile: CodeProfile) -> list[Fault]:
    """What is wrong with divisions that are all there are: the form of codes, codes given twice, what lies nowhere."""
    mapped = map_fields(table, DIVISIONS.fields, {})
    faults = list(mapped.faults)
    codes, nowhere = mapped.values["code"], np.full(len(table), None, dtype=object)
    good = check_codes(codes, table.rows, nowhere, profile.is_division_code, _form(profile), faults)
    return faults + _orphans(profile, codes[good], table.rows[good], {(code,) for code in codes[good]})


def follow_units(
    profile: CodeProfile, units: Mapping[str, shapely.Geometry], current: Mapping[Key, Mapping[str, Any]]
) -> tuple[dict[Key, dict[str, Any]], list[Fault]]:
    """The divisions that must be written so that every unit has its own and their shapes are the outer edges of them.

    A division that is missing is made, named by its code, where its level has none at all; else it is a fault.
    """
    levels = {row["level"] for row in current.values()}
    codes = np.array(list(units), dtype=object)
    shapes = np.array(list(units.values()), dtype=object)
    changed: dict[Key, dict[str, Any]] = {}
    faults: list[Fault] = []
    for level in reversed(profile.levels):
        # The outlines of one level are the coverage from which the next wider one is made.
        owners = np.array([code[: level.length] for code in codes], dtype=str)
        keys, outlines = dissolve(shapes, owners)
        codes, shapes = np.array(keys, dtype=object), np.asarray(outlines, dtype=object)
        made: list[str] = []
        for code, outline in zip(codes, shapes, strict=True):
            old = current.get((code,))
            if old is None and profile.ancestors(code + "0")[-1:] != ((level, code),):
                continue  # a placeholder level
            if old is None and level.id in levels:
                faults.append(unknown(code, level.zh, level.en, outline))
                continue
            if old is None:
                made.append(code)
                old = {
                    "owner": code,
                    "code": code,
                    "level": level.id,
                    "name": code,
                    "department": None,
                    "attributes": None,
                }
            changed[code,] = {**old, "geom": outline}
        if made:
            faults.append(_implied(made, level.en, level.zh))
    return changed, faults


def _form(profile: CodeProfile) -> tuple[str, str]:
    lengths = ", ".join(f"{level.length} ({level.en})" for level in profile.levels)
    return (f"a division's code has {lengths} digits", f"行政区划代码应为 {lengths} 位数字")


def _orphans(profile: CodeProfile, codes: Iterable[str], rows: Iterable[int], known: set[Key]) -> list[Fault]:
    levels = {level.id for (code,) in known if (level := profile.level_of(code))}
    faults = []
    for code, row in zip(codes, rows, strict=True):
        parents = [parent for level, parent in profile.ancestors(code) if level.id in levels]
        faults += [
            Fault(
                "division_unknown",
                f"Row {row}: {code} lies in {parent}, which is no division of the store or of the file.",
                f"第 {row} 行：{code} 的上级 {parent} 既不在库中也不在文件中。",
                row=int(row),
                thing=code,
            )
            for parent in parents
            if (parent,) not in known
        ]
    return faults


def _keep_derived(
    incoming: dict[Key, dict[str, Any]],
    current: Mapping[Key, Mapping[str, Any]],
    occupied: set[Key],
    rows: NDArray[np.int64],
) -> list[Fault]:
    """A division that has units keeps the shape that follows from them; the delivered one is only compared with it."""
    faults = []
    for row, ((code,), fields) in zip(rows, incoming.items(), strict=True):
        old = current.get((code,))
        if (code,) not in occupied or old is None:
            continue
        delivered, fields["geom"] = fields["geom"], old["geom"]
        if delivered is None or old["geom"] is None:
            continue
        differs = shapely.symmetric_difference(delivered, old["geom"])
        area = float(geodesic_area(np.array([differs]))[0]) if not differs.is_empty else 0.0
        if area > DIFFERENT_M2:
            faults.append(_differs(code, int(row), area, differs))
    return faults


def unknown(code: str, zh: str, en: str, outline: shapely.Geometry | None = None) -> Fault:
    """The fault of units in a division that there is not."""
    return Fault(
        "division_unknown",
        f"Units lie in the {en} {code}, which is no division of the store; import divisions first.",
        f"有单元网格属于{zh} {code}，但库中没有该行政区划；请先导入行政区划。",
        thing=code,
        where=None if outline is None else place(outline),
    )


def _implied(codes: Sequence[str], en: str, zh: str) -> Fault:
    shown = ", ".join(codes[:5]) + (" …" if len(codes) > 5 else "")
    return Fault(
        "division_implied",
        f"{len(codes)} divisions of the level {en} follow from the codes of the units and are named by them: {shown}.",
        f"由单元网格编码推出 {len(codes)} 个{zh}级区划，暂以编码为名：{shown}。",
        severity="warning",
    )


def _differs(code: str, row: int, area: float, differs: shapely.Geometry) -> Fault:
    return Fault(
        "division_differs",
        f"Row {row}: the delivered boundary of {code} differs by {area:.1f} m² from the outer edges of its units; "
        "the units hold.",
        f"第 {row} 行：{code} 的边界与其单元网格外边相差 {area:.1f} 平方米，以单元网格为准。",
        severity="warning",
        row=row,
        thing=code,
        where=place(differs),
    )
