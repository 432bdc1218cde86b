"""Departments: who can be responsible, whom they belong to, and how other systems call them."""

from collections.abc import Callable, Collection, Mapping
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection

from gis.delivery import Delivery, Key, compare, rows_in_force
from gis.errors import Fault
from gis.intake import map_fields
from gis.store.revisions import head
from gis.tables import Table
from grids.codes import check_codes
from grids.layers import DEPARTMENTS
from grids.tables import department

KEY = ("owner", "code")
ID_COLUMN = "id."


def deliver(connection: Connection, table: Table, owner: str, mapping: Mapping[str, str]) -> Delivery:
    """Check a delivery of departments; those not in it stay. Columns `id.SYSTEM` are the ids in other systems."""
    base = head(connection)
    current = rows_in_force(connection, department, base, KEY)
    incoming, faults = read_departments(
        table, owner, mapping, {code: row["parent"] for (_, code), row in current.items()}
    )
    change, counts = compare(department, current, incoming)
    return Delivery(base, counts, (change,), tuple(faults))


def read_departments(
    table: Table, owner: str, mapping: Mapping[str, str], known: Mapping[str, str | None]
) -> tuple[dict[Key, dict[str, Any]], list[Fault]]:
    """The rows of departments in a table, and what is wrong; `known` are those in force, with whom each belongs to."""
    mapped = map_fields(table, DEPARTMENTS.fields, mapping)
    faults = list(mapped.faults)
    values, codes = mapped.values, mapped.values["code"]
    nowhere = np.full(len(table), None, dtype=object)
    good = check_codes(codes, table.rows, nowhere, bool, ("any text", "任意文本"), faults)
    incoming: dict[Key, dict[str, Any]] = {}
    for index in good:
        ids = {name[len(ID_COLUMN) :]: str(value) for name, value in mapped.extra[index].items() if _is_id(name)}
        fields = {"name": values["name"][index] or codes[index], "parent": values["parent"][index], "ids": ids}
        incoming[owner, codes[index]] = {"owner": owner, "code": codes[index], **fields}
    faults += _parents(values["parent"][good], codes[good], table.rows[good], known)
    return incoming, faults


def departments_in_force(connection: Connection, at: int) -> Callable[[], Collection[str]]:
    """A function that reads the codes of the departments at a revision, for whoever comes to need them."""
    return cache(lambda: {code for _, code in rows_in_force(connection, department, at, KEY)})


def check_departments(
    departments: Callable[[], Collection[str]], codes: NDArray[Any], rows: NDArray[np.int64]
) -> list[Fault]:
    """A fault for every row that names a department which is not in force."""
    if not any(codes):
        return []
    known = departments()
    return [_unknown(code, int(row)) for code, row in zip(codes, rows, strict=True) if code and code not in known]


def _is_id(name: str) -> bool:
    return name.startswith(ID_COLUMN) and len(name) > len(ID_COLUMN)


def _unknown(code: str, row: int) -> Fault:
    return Fault(
        "department_unknown",
        f"Row {row}: there is no department {code}; import departments first.",
        f"第 {row} 行：部门 {code} 不存在，请先导入部门。",
        row=row,
        thing=code,
    )


def _parents(
    parents: NDArray[Any], codes: NDArray[Any], rows: NDArray[np.int64], known: Mapping[str, str | None]
) -> list[Fault]:
    """Parents that there are not, and departments above themselves, also by way of those in force."""
    above = {**known, **dict(zip(codes, parents, strict=True))}
    faults = []
    for code, row in zip(codes, rows, strict=True):
        if above[code] and above[code] not in above:
            faults.append(_unknown(str(above[code]), int(row)))
        step, seen = above.get(code), {code}
        while step is not None and step not in seen:
            seen.add(step)
            step = above.get(step)
        if step == code:
            faults.append(
                Fault(
                    "department_cycle",
                    f"Row {row}: the department {code} is above itself.",
                    f"第 {row} 行：部门 {code} 的上级关系成环。",
                    row=int(row),
                    thing=code,
                )
            )
    return faults
