"""Where components lie, as columns of an export: unit, street and community, derived as of the export's revision."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray
from sqlalchemy import Connection

from components.heads import DERIVED
from gis.locate import PolygonIndex
from gis.store.revisions import read_settings
from gis.store.scope import EVERYTHING
from gis.store.versions import Query, read_columns
from gis.tables import Table
from grids.profiles import GBT, read_profile
from grids.tables import division, unit


def placing(connection: Connection, style: str, at: int) -> Callable[[Table], Table]:
    """What gives tables of components the columns that a delivery after the edition `style` has beside their own; of
    other styles none.

    A component lies in the unit that holds it, of a line or a polygon a point on it; none where there is no unit. What
    a file once brought under these heads gives way.
    """
    heads = DERIVED.get(style)
    if heads is None:
        return lambda table: table
    units = read_columns(connection, unit, Query(EVERYTHING, at=at), ("code", "geom"))
    index = PolygonIndex.build(units["geom"], units["code"].astype(str), trusted=True) if len(units["code"]) else None
    kept = read_settings(connection).get("profile")
    profile = read_profile(kept) if kept else GBT
    above = {code: {level.id: of for level, of in profile.ancestors(code)} for code in units["code"].tolist()}
    names = read_columns(connection, division, Query(EVERYTHING, at=at), ("code", "name"))
    name_of = dict(zip(names["code"], names["name"], strict=True))

    def placed(table: Table) -> Table:
        if table.geometry is None:
            return table
        codes = _each([None] * len(table))
        if index is not None:
            holder = index.lowest(shapely.get_coordinates(shapely.point_on_surface(table.geometry)))
            codes = _each([units["code"][at] if at >= 0 else None for at in holder.tolist()])
        made: dict[str, NDArray[Any]] = {}
        for what, head in heads.items():
            level = what.removesuffix("_name")
            found = codes if level == "unit" else _each([above.get(code, {}).get(level) for code in codes.tolist()])
            made[head] = _each([name_of.get(code) for code in found.tolist()]) if what != level else found
        own = {name: each for name, each in table.columns.items() if name.upper() not in made}
        return replace(table, columns={**own, **made})

    return placed


def _each(values: list[str | None]) -> NDArray[Any]:
    return np.fromiter(values, dtype=object, count=len(values))
