"""Checks of the inventory as a whole: what an import cannot see of one row."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import shapely

from components.codes import FORMS
from components.deeds import COUNTY
from components.lookup import COLUMNS
from components.twins import find_twins, twins_fault
from gis.errors import Fault
from gis.geometry import place
from gis.locate import PolygonIndex
from gis.store.versions import Columns
from grids.profiles import CodeProfile

STATES = ("完好", "破损", "丢失", "废弃", "移除")
"""After GB/T 47678: intact, damaged, lost, abandoned, removed. Owners may have others."""


@dataclass(frozen=True, slots=True)
class Inventory:
    """Components with the columns NEEDED, and all units (code, geom)."""

    components: Columns
    units: Columns
    profile: CodeProfile


NEEDED = tuple(dict.fromkeys(("uid", *COLUMNS, "owner_code", "owner_name")))


def check_inventory(inventory: Inventory) -> list[Fault]:
    """Warnings: near-duplicates, outside every unit, another county than the code's, no owner, an unlisted state."""
    columns = inventory.components
    if not len(columns["code"]):
        return []
    return [*_twins(columns), *_places(inventory), *_rows(columns)]


def _twins(columns: Columns) -> Iterator[Fault]:
    held = {name: columns[name] for name in COLUMNS}
    for each in find_twins(held):
        yield twins_fault(held, each, each.first)


def _places(inventory: Inventory) -> Iterator[Fault]:
    columns, units = inventory.components, inventory.units
    if not len(units["code"]):
        return
    shapes = columns["geom"]
    points = np.where(shapely.get_type_id(shapes) == 0, shapes, shapely.point_on_surface(shapes))
    index = PolygonIndex.build(units["geom"], units["code"], trusted=True)
    held = index.lowest(np.asarray(shapely.get_coordinates(points), dtype=np.float64)).tolist()
    length = next((level.length for level in inventory.profile.levels if level.id == COUNTY), 0)
    for number, unit in enumerate(held):
        code = columns["code"][number]
        if unit < 0:
            yield _fault(
                "component_outside",
                columns,
                number,
                f"{code} lies outside every unit grid.",
                f"{code} 不在任何单元网格内。",
            )
            continue
        parts = FORMS[edition].parts(code) if (edition := columns["edition"][number]) in FORMS else None
        here = str(index.codes[unit])[:length]
        if parts is not None and length == len(parts[0]) and parts[0] != here:
            yield _fault(
                "code_elsewhere",
                columns,
                number,
                f"The code {code} names the county {parts[0]}, and the component stands in {here}.",
                f"编码 {code} 表示区县 {parts[0]}，而部件位于 {here}。",
            )


def _rows(columns: Columns) -> Iterator[Fault]:
    for number, code in enumerate(columns["code"].tolist()):
        row: Mapping[str, Any] = {name: columns[name][number] for name in ("owner_code", "owner_name", "state")}
        if not row["owner_code"] and not row["owner_name"]:
            yield _fault(
                "component_without_owner", columns, number, f"{code} names no owner.", f"{code} 未填权属单位。"
            )
        if row["state"] and row["state"] not in STATES:
            yield _fault(
                "state_unlisted",
                columns,
                number,
                f"The state of {code} is '{row['state'][:40]}'; the usual ones are {', '.join(STATES)}.",
                f"{code} 的状态为“{row['state'][:40]}”；常用状态：{'、'.join(STATES)}。",
            )


def _fault(kind: str, columns: Columns, number: int, en: str, zh: str) -> Fault:
    where = place(columns["geom"][number])
    return Fault(kind, en, zh, severity="warning", thing=columns["code"][number], where=where)
