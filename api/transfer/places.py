"""Where components lie, as columns of an export: unit, street and community, derived as of the export's revision."""

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


def placed(connection: Connection, table: Table, style: str, at: int) -> Table:
    """Components with the columns that a delivery after the edition `style` has beside their own; other styles none.

    A component lies in the unit that holds it, of a line or a polygon a point on it; none where there is no unit. What
    a file once brought under these heads gives way.
    """
    heads = DERIVED.get(style)
    if heads is None or table.geometry is None:
        return table
    codes = _units(connection, table.geometry, at)
    kept = read_settings(connection).get("profile")
    profile = read_profile(kept) if kept else GBT
    above: dict[str, dict[str, str]] = {
        code: {level.id: of for level, of in profile.ancestors(code)} for code in set(codes.tolist()) - {None}
    }
    names = read_columns(connection, division, Query(EVERYTHING, at=at), ("code", "name"))
    name_of = dict(zip(names["code"], names["name"], strict=True))
    made: dict[str, NDArray[Any]] = {}
    for what, head in heads.items():
        level = what.removesuffix("_name")
        found = codes if level == "unit" else _each([above.get(code, {}).get(level) for code in codes.tolist()])
        made[head] = _each([name_of.get(code) for code in found.tolist()]) if what != level else found
    own = {name: each for name, each in table.columns.items() if name.upper() not in made}
    return replace(table, columns={**own, **made})


def _units(connection: Connection, geometries: NDArray[Any], at: int) -> NDArray[Any]:
    units = read_columns(connection, unit, Query(EVERYTHING, at=at), ("code", "geom"))
    points = shapely.get_coordinates(shapely.point_on_surface(geometries))
    if not len(units["code"]):
        return np.full(len(points), None, dtype=object)
    holder = PolygonIndex.build(units["geom"], units["code"].astype(str), trusted=True).lowest(points)
    return _each([units["code"][at] if at >= 0 else None for at in holder.tolist()])


def _each(values: list[str | None]) -> NDArray[Any]:
    return np.fromiter(values, dtype=object, count=len(values))
