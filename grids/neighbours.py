"""Who lies beside whom, and along how much edge."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pyproj
import shapely
from sqlalchemy import Connection, Table

from gis.store.revisions import head
from gis.store.scope import Scope
from gis.store.versions import Query, read_columns

_GEOD = pyproj.Geod(ellps="GRS80")  # the ellipsoid of CGCS2000


@dataclass(frozen=True, slots=True)
class Neighbour:
    """A unit or division that touches another one; `shared_m` is the geodesic length of edge they have in common."""

    code: str
    name: str | None
    shared_m: float


def neighbours(connection: Connection, table: Table, row: Mapping[str, Any], scope: Scope, at: int) -> list[Neighbour]:
    """Who touches the version `row` at revision `at`, by code; of divisions those of its level.

    Neighbours of a coverage have the same nodes along their common edge, so what they share is found exactly.
    """
    shape = row["geom"]
    if shape is None or shape.is_empty:
        return []
    west, south, east, north = (float(side) for side in shapely.bounds(shape))
    where = {"level": row["level"]} if "level" in row else None
    query = Query(scope, at=None if at == head(connection) else at, where=where, box=(west, south, east, north))
    found = read_columns(connection, table, query, ("uid", "code", "name", "geom"))
    beside = []
    for uid, code, name, other in zip(*found.values(), strict=True):
        if uid != row["uid"] and shapely.intersects(shape, other):
            shared = shapely.intersection(shapely.boundary(shape), shapely.boundary(other))
            beside.append(Neighbour(code, name, _length(shared)))
    return beside


def _length(shared: shapely.Geometry) -> float:
    """Metres of the lines in what two boundaries share; corners have none."""
    lines = [part for part in shapely.get_parts(shared) if part.geom_type in ("LineString", "LinearRing")]
    return float(sum(_GEOD.geometry_length(line) for line in lines))
