"""Areas of responsibility: named layers, each of one field, that need not follow unit grids."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection

from gis import coverage
from gis.crs import CrsLike
from gis.delivery import Delivery, Key, compare, rows_in_force
from gis.errors import Fault, refuse
from gis.geometry import prepare
from gis.intake import map_fields
from gis.store.revisions import head
from gis.tables import Table
from grids.codes import check_codes
from grids.departments import check_departments, departments_in_force
from grids.layers import AREA_FIELDS
from grids.tables import area, area_layer

KEY = ("layer", "owner", "code")
OVERLAPS = ("none", "allowed")


def deliver(
    connection: Connection,
    table: Table,
    owner: str,
    layer: str,
    overlap: str,
    mapping: Mapping[str, str],
    crs: CrsLike | None,
    title: str | None = None,
) -> Delivery:
    """Check a delivery of one layer of areas: it is the whole layer of that owner, so what is not in it ends.

    `overlap` none means that a point belongs to one area, by the tie rule; overlaps are reported all the same.
    `title` is how people call the layer; without one it keeps its own.
    """
    if overlap not in OVERLAPS:
        raise refuse(
            "overlap_unknown",
            f"A layer's overlap is none or allowed, not '{overlap}'.",
            f"图层的重叠方式只能是 none 或 allowed，不能是“{overlap}”。",
        )
    base = head(connection)
    departments = departments_in_force(connection, base)
    incoming, faults = read_areas(table, owner, layer, overlap, mapping, crs, departments)
    current = rows_in_force(connection, area, base, KEY, {"layer": layer, "owner": owner})
    area_change, counts = compare(area, current, incoming, [key for key in current if key not in incoming])
    declared = rows_in_force(connection, area_layer, base, ("owner", "code"), {"owner": owner, "code": layer})
    known = title or (declared[owner, layer]["title"] if declared else layer)
    declaration = {"owner": owner, "code": layer, "title": known, "overlap": overlap}
    layer_change, _ = compare(area_layer, declared, {(owner, layer): declaration})
    return Delivery(base, counts, (layer_change, area_change), tuple(faults))


def read_areas(
    table: Table,
    owner: str,
    layer: str,
    overlap: str,
    mapping: Mapping[str, str],
    crs: CrsLike | None,
    departments: Callable[[], Collection[str]],
) -> tuple[dict[Key, dict[str, Any]], list[Fault]]:
    """The rows of the areas in a table, and what is wrong; `departments` gives the codes of those in force."""
    mapped = map_fields(table, AREA_FIELDS, mapping)
    geometries, found = prepare(table, crs, "polygon")
    faults = [*mapped.faults, *found]
    codes, values = mapped.values["code"], mapped.values
    good = check_codes(codes, table.rows, geometries, bool, ("any text", "任意文本"), faults)
    good = good[[geometries[index] is not None for index in good]] if len(good) else good
    faults += check_departments(departments, values["department"], table.rows)
    if overlap == "none" and len(good):
        faults += _overlaps(geometries[good], codes[good], table.rows[good])
    incoming: dict[Key, dict[str, Any]] = {}
    for index in good:
        incoming[layer, owner, codes[index]] = {
            "owner": owner,
            "code": codes[index],
            "layer": layer,
            "name": values["name"][index],
            "department": values["department"][index],
            "priority": values["priority"][index] or 0,
            "attributes": dict(mapped.extra[index]) or None,
            "geom": geometries[index],
        }
    return incoming, faults


def _overlaps(shapes: NDArray[Any], codes: NDArray[Any], rows: NDArray[np.int64]) -> list[Fault]:
    """Overlaps as warnings: boundaries drawn by hand overlap by slivers, and the tie rule decides there."""
    found = coverage.check(shapes, codes, rows=rows)
    return [replace(fault, severity="warning") for fault in found if fault.code == "overlap"]
