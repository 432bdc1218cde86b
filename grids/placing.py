"""Where things stand: the unit that holds a geometry, by the tie rule, read from the store piece by piece."""

from collections.abc import Sequence

import shapely
from sqlalchemy import Connection

from gis.store.vicinity import read_around
from grids.edits.ground import bounds
from grids.tables import unit


def standpoint(geometry: shapely.Geometry) -> shapely.Geometry:
    """The place at which a geometry stands: itself for a point, else a point on it."""
    return geometry if shapely.get_type_id(geometry) == 0 else shapely.point_on_surface(geometry)


def unit_at(connection: Connection, at: int, geometry: shapely.Geometry) -> str | None:
    """The code of the unit in force at revision `at` in which a geometry stands, None outside every unit."""
    point = standpoint(geometry)
    found: Sequence[str] = [
        str(row["code"])
        for row in read_around(connection, unit, at, bounds(point))
        if bool(shapely.intersects(row["geom"], point))
    ]
    return min(found, key=str.encode, default=None)
