"""The seams of a revision and the returned cases along them, as a table to be written to a file."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from cases.measured import Asked, read_returned
from cases.seams import REACH_M, Burden, Side, burdens, find_seams
from components.catalogue import read_classes
from gis.errors import refuse
from gis.formats.columns import to_column
from gis.store.engine import Store, reading
from gis.store.revisions import head
from gis.store.scope import EVERYTHING, Scope
from gis.store.versions import Query, read_columns
from gis.tables import Table
from grids.lookup import load_departments
from grids.tables import area, area_layer

SIDE = ("area", "name", "owner", "department", "body")
SAID = ("code", "name", "department", "owner")
"""What is read of an area, as `Side` has it."""
FIELDS = (
    "code", "layer", *(f"{what}_{which}" for which in "ab" for what in SIDE), "edition", "kind", "class_code",
    "class_name", "cases", "metres", "share", "days_lost",
)  # fmt: skip


def find_burdens(
    store: Store, asked: Asked, layer: str | None = None, reach_m: float = REACH_M, scope: Scope = EVERYTHING
) -> tuple[list[Burden], int]:
    """Where cases are returned along the seams of the areas in force, of all layers or one; how many were returned.

    `scope` says whose areas are looked at.

    Errors: Refusal area_layer_unknown, store_down.
    """
    with reading(store.world) as connection:
        at = head(connection)
        names = sorted(set(read_columns(connection, area_layer, Query(scope, at=at), ("code",))["code"].tolist()))
        if layer is not None and layer not in names:
            known = ", ".join(names) or "-"
            raise refuse(
                "area_layer_unknown",
                f"There is no layer of areas {layer[:60]}; there are {known}.",
                f"没有片区图层 {layer[:60]}；现有：{known}。",
                kind="missing",
            )
        seams = []
        for name in names if layer is None else [layer]:
            query = Query(scope, at=at, where={"layer": name})
            rows = read_columns(connection, area, query, (*SAID, "geom"))
            sides = [Side(*row) for row in zip(*(rows[each] for each in SAID), strict=True)]
            seams += find_seams(name, sides, rows["geom"])
    with reading(store.log) as log:
        returned = list(read_returned(log, asked))
    return burdens(seams, returned, reach_m), len(returned)


def names_of(store: Store, scope: Scope = EVERYTHING) -> tuple[dict[Any, str], dict[str, str]]:
    """The names of classes by their keys, and of departments by their codes."""
    with reading(store.world) as connection:
        at = head(connection)
        classes = {key: each.name_zh for key, each in read_classes(connection, scope, at).items()}
        return classes, {code: str(each["name"]) for code, each in load_departments(connection, at).items()}


def to_table(found: Sequence[Burden], classes: Mapping[Any, str], departments: Mapping[str, str]) -> Table:
    """One row a seam and class, in EPSG:4490; `classes` and `departments` are names by what they are known by."""
    rows = [row_of(each, classes, departments) for each in found]
    columns = {name: to_column([row[name] for row in rows]) for name in FIELDS}
    return Table(
        columns,
        to_column([each.seam.line for each in found]),
        "EPSG:4490",
        np.arange(1, len(found) + 1, dtype=np.int64),
    )


def row_of(found: Burden, classes: Mapping[Any, str], departments: Mapping[str, str]) -> dict[str, Any]:
    """What is told of a seam and a class, FIELDS, but for the edge itself. The code is the same in every answer."""
    seam, (edition, kind, class_code) = found.seam, found.of
    sides = {
        f"{what}_{which}": value
        for which, side in (("a", seam.first), ("b", seam.second))
        for what, value in (
            ("area", side.code),
            ("name", side.name),
            ("owner", side.owner),
            ("department", side.department),
            ("body", departments.get(side.department or "")),
        )
    }
    return {
        "code": ":".join([seam.layer, seam.first.key, seam.second.key, *(part or "-" for part in found.of)]),
        "layer": seam.layer,
        **sides,
        "edition": edition,
        "kind": kind,
        "class_code": class_code,
        "class_name": classes.get(found.of),
        "cases": found.cases,
        "metres": round(seam.metres, 1),
        "share": round(found.share, 4),
        "days_lost": round(found.days_lost, 2),
    }
