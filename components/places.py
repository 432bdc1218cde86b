"""Where components lie, one point each."""

from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray
from sqlalchemy import Connection

from components.tables import component
from gis.store.scope import EVERYTHING, Scope
from gis.store.versions import Box, Query, read_columns


def component_points(connection: Connection, at: int, box: Box, scope: Scope = EVERYTHING) -> NDArray[np.float64]:
    """Lon, lat (n, 2) of the components in force at revision `at` that meet the box; of lines and polygons a point on
    them.
    """
    found: NDArray[Any] = read_columns(connection, component, Query(scope, at=at, box=box), ("geom",))["geom"]
    points = shapely.point_on_surface(found)
    return np.asarray(shapely.get_coordinates(points), dtype=np.float64)
