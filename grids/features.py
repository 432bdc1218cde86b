"""Features of edits and rows of the store: the one from the other."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from sqlalchemy import Table

from gis.delivery import BOOKKEEPING
from gis.geometry import geodesic_area
from gis.store.tables import BOX
from grids.edits.value import DIVISIONS, GAPS, UNITS, Feature
from grids.profiles import CodeProfile
from grids.tables import area, division, gap, unit

AREAS = "areas."
DERIVED = ("area_m2",)
OWNERLESS = (UNITS, DIVISIONS)  # they own themselves


def table_of(layer: str, others: Mapping[str, Table] | None = None) -> Table:
    """The versioned table of a layer; `others` are those that this package does not know. KeyError for no layer."""
    known = {UNITS: unit, DIVISIONS: division, GAPS: gap, **(others or {})}
    return area if layer.startswith(AREAS) else known[layer]


def feature_of(layer: str, row: Mapping[str, Any]) -> Feature:
    """The feature of a row. `layer` is areas for a row of whichever layer of areas."""
    left_out = {*BOOKKEEPING, *DERIVED, "code", "geom"}
    if layer in OWNERLESS:
        left_out.add("owner")
    if layer == "areas":
        layer = f"{AREAS}{row['layer']}"
    attributes = {name: value for name, value in row.items() if name not in left_out}
    return Feature(layer, row["uid"], row["code"], row.get("geom"), attributes)


def row_of(feature: Feature, table: Table, profile: CodeProfile) -> dict[str, Any]:
    """The row of a feature, with what follows from its shape and its code."""
    row: dict[str, Any] = {"uid": feature.uid, "owner": feature.code, "code": feature.code, **feature.attributes}
    if "geom" in table.c:
        row["geom"] = feature.polygon
    if feature.layer == UNITS:
        row["area_m2"] = area_of(feature)
    if feature.layer == DIVISIONS:
        level = profile.level_of(feature.code)
        row["level"] = level.id if level else ""
    names = [column.name for column in table.c if column.name not in ("row_id", "from_revision", "to_revision", *BOX)]
    return {name: row.get(name) for name in names}


def area_of(feature: Feature) -> float:
    """Square metres on the ellipsoid, to the square centimetre."""
    return round(float(geodesic_area(np.array([feature.polygon], dtype=object))[0]), 2)
