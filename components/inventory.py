"""The inventory: components with a code, a class and the bodies that supervise, own and maintain them."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection

from components.catalogue import Class, ClassKey, check_classes, read_classes
from components.editions import CURRENT, normalise_edition
from components.heads import without_derived
from components.layers import COMPONENTS
from components.tables import component
from gis.crs import CrsLike
from gis.delivery import Delivery, Key, compare, rows_in_force
from gis.errors import Fault
from gis.geometry import prepare
from gis.intake import Mapped, map_fields
from gis.store.revisions import head
from gis.store.scope import EVERYTHING
from gis.tables import Table
from grids.codes import check_codes
from grids.departments import check_departments, departments_in_force

KEY = ("owner", "code")
BODIES = ("supervisor_code", "owner_code", "maintainer_code")
# County and class are the beginning of a component's code: 6 + 5 + 6 digits in the edition 2026, 6 + 4 + 6 in 2013.
CODE_FORMS = {"2026": (17, slice(6, 11)), "2013": (16, slice(6, 10))}


def deliver(
    connection: Connection,
    table: Table,
    owner: str,
    mapping: Mapping[str, str],
    crs: CrsLike | None,
    scope: str | None = None,
    edition: str = CURRENT,
    class_code: str | None = None,
) -> Delivery:
    """Check a delivery of components of any geometry.

    Where a row names no edition it is of `edition`; where it names no class, its class is `class_code`, else the part
    of its code that says so. Components that are not in it stay, but for those whose code begins with `scope`.
    """
    base = head(connection)
    classes = read_classes(connection, EVERYTHING, base, owner)
    departments = departments_in_force(connection, base)
    incoming, faults = read_components(table, owner, mapping, crs, edition, class_code, classes, departments)
    current = rows_in_force(connection, component, base, KEY, {"owner": owner})
    gone = [key for key in current if scope is not None and key[1].startswith(scope) and key not in incoming]
    change, counts = compare(component, current, incoming, gone)
    return Delivery(base, counts, (change,), tuple(faults))


def read_components(
    table: Table,
    owner: str,
    mapping: Mapping[str, str],
    crs: CrsLike | None,
    edition: str,
    class_code: str | None,
    known: Mapping[ClassKey, Class],
    departments: Callable[[], Collection[str]],
) -> tuple[dict[Key, dict[str, Any]], list[Fault]]:
    """The rows of the components in a table, and what is wrong.

    `known` are the classes that there are, `departments` gives the codes of those in force.
    """
    table, ignored = without_derived(table, mapping)
    mapped = map_fields(table, COMPONENTS.fields, mapping)
    geometries, found = prepare(table, crs, "any")
    faults = [*ignored, *mapped.faults, *found]
    codes = mapped.values["code"]
    good = check_codes(codes, table.rows, geometries, bool, ("any text", "任意文本"), faults)
    good = good[[geometries[index] is not None for index in good]] if len(good) else good
    editions, classes = _classes(mapped, edition, class_code)
    faults += check_classes(known, editions, classes, table.rows)
    for body in BODIES:
        unknown = check_departments(departments, mapped.values[body], table.rows)
        faults += [replace(fault, severity="warning") for fault in unknown]  # older data name bodies of every kind
    plain = [name for name in mapped.values if name not in ("code", "edition", "class_code", "attributes")]
    incoming: dict[Key, dict[str, Any]] = {}
    for index in good:
        fields = {name: mapped.values[name][index] for name in plain}
        incoming[owner, codes[index]] = {
            "owner": owner,
            "code": codes[index],
            "edition": editions[index],
            "class_code": classes[index],
            **fields,
            "attributes": dict(mapped.extra[index]) or None,
            "geom": geometries[index],
        }
    return incoming, faults


def _classes(mapped: Mapped, edition: str, class_code: str | None) -> tuple[NDArray[Any], NDArray[Any]]:
    """The edition and the class of every row, as the row says, as the caller says, or as the code shows."""
    edition = normalise_edition(edition)
    editions = np.array(
        [normalise_edition(text) if text else edition for text in mapped.values["edition"]], dtype=object
    )
    classes = mapped.values["class_code"].copy()
    for index, (code, of) in enumerate(zip(mapped.values["code"], editions, strict=True)):
        if classes[index] is None:
            length, part = CODE_FORMS.get(of, (0, slice(0)))
            classes[index] = class_code or (code[part] if code is not None and len(code) == length else "")
    return editions, classes
