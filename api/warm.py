"""Have every kernel compiled and loaded before somebody waits: `python -m api.warm`, and each server at its start.

Compiled code is kept beside the modules. Where it is there already this takes a second or two, else about a minute.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa
import shapely
from numpy.typing import NDArray

from api.bulk.coded import CodedDesk
from api.bulk.placing import FEW, Placer
from api.lookups.flows import LocateFlow
from api.lookups.points import place_columns
from api.lookups.spots import Spots
from cases.clerk import Clerk
from cases.desk import Desk
from cases.reports import Defaults, from_record
from cases.rules import RuleBook, parse
from cases.situation import Department
from components.lookup import FIELDS, Inventory
from gis import china, locate, points, spelling
from gis.locate import PolygonIndex
from gis.nearest import FeatureIndex
from gis.store.scope import EVERYTHING
from grids.lookup import AreaLayer, DivisionName, Grid
from grids.profiles import read_profile
from tiles.vector import TileSource

CODES = ("440305001001001", "440305001001002")
SIDE = 0.01
CASE = {
    "lon": 0.5 * SIDE,
    "lat": 0.5 * SIDE,
    "crs": "CRS84",
    "accuracy_m": 2000.0,
    "reported_at": "2026-05-01T08:00:00Z",
    "edition": "2026",
    "kind": "component",
    "class_code": "01001",
}
RULE = {
    "code": "r",
    "edition": "2026",
    "kind": "component",
    "class": "01001",
    "to": [{"area": "a"}, {"division": "street"}, {"component": "owner"}],
}


def warm() -> None:
    """Ask everything once, in a world of two units."""
    locate.warm()
    china.warm()
    points.warm()
    spelling.warm()
    desk = _desk()
    spots = Spots(desk)
    spots.answer(0.5 * SIDE, 0.5 * SIDE, 5.0, EVERYTHING)
    case = from_record(CASE, Defaults(), strict=True)
    assert not isinstance(case, tuple)
    spots.route(case, EVERYTHING)
    desk.route_all([case])
    desk.grid.boundary_distance(np.array([[0.001, 0.001], [0.5, 0.5]]), np.array([0, -1]))
    _locate_columns(desk)
    _route_columns(desk)
    _draw()


def _desk() -> Desk:
    boxes = _objects([shapely.box(SIDE * at, 0, SIDE * (at + 1), SIDE) for at in range(2)])
    codes = _objects(CODES)
    index = PolygonIndex.build(boxes, codes)
    none = PolygonIndex.build(np.empty(0, dtype=object), np.empty(0, dtype=object))
    area = _objects([shapely.box(0, 0, 0.7 * SIDE, SIDE)])
    names = _objects(["a"])
    layer = AreaLayer("a", PolygonIndex.build(area, names), names, names, _objects(["44"]), _objects(["d"]),
                      np.zeros(1, dtype=np.int64), {"44": "none"})  # fmt: skip
    divisions = {"440305001": DivisionName("street", "440305001", "s", "d")}
    grid = Grid(1, read_profile("gbt"), index, divisions, none, np.empty(0, dtype=object), {"a": layer}, {})
    rules, faults = parse({"rules": [RULE]})
    assert not faults
    return Desk(grid, _inventory(), RuleBook.compile(rules), {"d": Department("d", "d")})


def _inventory() -> Inventory:
    shapes = _objects([shapely.Point(0.4 * SIDE, 0.5 * SIDE), shapely.Point(0.6 * SIDE, 0.5 * SIDE)])
    columns: dict[str, NDArray[Any]] = {name: _objects([None, None]) for name in FIELDS}
    columns |= {
        "code": _objects(["c1", "c2"]),
        "class_code": _objects(["01001"] * 2),
        "edition": _objects(["2026"] * 2),
    }
    index = FeatureIndex.build(shapes, np.array(["2026 01001"] * 2))
    index.nearest(np.array([[0.0, 0.0]]), np.array(["2026 01001"]), 10.0)
    return Inventory.of(index, columns, np.ones(2))


def _locate_columns(desk: Desk) -> None:
    """The stream of points in columns."""
    flow = LocateFlow(desk, EVERYTHING, "en", 1, crs="CRS84")
    points = place_columns(np.array([[0.5 * SIDE, 0.5 * SIDE], [0.5, 0.5]]), np.full(2, np.nan), "CRS84")
    list(flow.columns([points]))


def _route_columns(desk: Desk) -> None:
    """The bulk way, with times as text and places on both sides."""
    many = 40
    columns: Mapping[str, pa.Array] = {name: pa.array([value] * many) for name, value in CASE.items()}
    Placer(desk.grid).answer(np.full((FEW, 2), 0.5 * SIDE))
    CodedDesk(Clerk(desk)).answer(columns, np.arange(1, many + 1), Defaults())


def _draw() -> None:
    """A tile with points, lines and polygons, whole and thinned."""
    ring = shapely.Polygon([(0, 0), (0.4, 0.1), (0.3, 0.4), (0, 0.3)], [[(0.1, 0.1), (0.2, 0.1), (0.15, 0.2)]])
    shapes = _objects([shapely.Point(0.2, 0.2), shapely.LineString([(0, 0), (0.3, 0.2), (0.5, 0.1)]), ring, ring])
    source = TileSource.build(shapes, np.arange(4), {"code": _objects(["a", "b", None, "d"]), "n": np.arange(4)})
    for zoom in (0, 5, 15):
        side = 2**zoom
        source.encode("layer", zoom, side // 2, max(side // 2 - 1, 0))


def _objects(values: Any) -> NDArray[Any]:
    column = np.empty(len(values), dtype=object)
    column[:] = values
    return column


if __name__ == "__main__":
    warm()
