"""The WebMercatorQuad tile matrix set (OGC 17-083r4): which tiles there are, where they lie, which ones a box needs."""

import math
from typing import Any, Final

import morecantile
import numpy as np
from numpy.typing import NDArray

from gis.errors import refuse

Box = tuple[float, float, float, float]

MATRIX_SET: Final = "WebMercatorQuad"
MAX_ZOOM: Final = 24
RADIUS: Final = 6378137.0
"""Metres; the sphere of EPSG:3857."""
HALF: Final = math.pi * RADIUS
"""Metres from the origin to each side of the square of EPSG:3857."""
MAX_LATITUDE: Final = math.degrees(math.atan(math.sinh(math.pi)))
"""Degrees, 85.0511...: where the square ends."""

_SET: Final = morecantile.tms.get(MATRIX_SET)


def document() -> dict[str, Any]:
    """The TileMatrixSet document in the JSON of OGC 17-083r4, zooms 0 to `MAX_ZOOM`."""
    members: dict[str, Any] = _SET.model_dump(mode="json", exclude_none=True)
    members["tileMatrices"] = [matrix for matrix in members["tileMatrices"] if int(matrix["id"]) <= MAX_ZOOM]
    return members


def check_tile(z: int, x: int, y: int) -> None:
    """Refuse (`tile_outside`, missing) a tile that the set does not have; x is the column, y the row from the top."""
    if not 0 <= z <= MAX_ZOOM:
        raise refuse(
            "tile_outside",
            f"There is no zoom {z}: ask for a zoom from 0 to {MAX_ZOOM}.",
            f"没有第 {z} 级瓦片：级别应为 0 到 {MAX_ZOOM}。",
            kind="missing",
        )
    last = 2**z - 1
    if not (0 <= x <= last and 0 <= y <= last):
        raise refuse(
            "tile_outside",
            f"There is no tile {z}/{x}/{y}: at zoom {z} columns and rows go from 0 to {last}.",
            f"没有瓦片 {z}/{x}/{y}：第 {z} 级的列号和行号应为 0 到 {last}。",
            kind="missing",
        )


def mercator(lonlat: NDArray[np.float64]) -> NDArray[np.float64]:
    """Metres of EPSG:3857 (n, 2) of lon, lat in degrees (n, 2); latitudes beyond `MAX_LATITUDE` are moved onto it.

    Spherical Mercator, EPSG guidance note 7-2, method 1024: x = R lon, y = R asinh(tan lat).
    """
    metres = np.empty(lonlat.shape, dtype=np.float64)
    metres[:, 0] = RADIUS * np.radians(lonlat[:, 0])
    latitude = np.clip(lonlat[:, 1], -MAX_LATITUDE, MAX_LATITUDE)
    metres[:, 1] = RADIUS * np.arcsinh(np.tan(np.radians(latitude)))
    return metres


def span(z: int) -> float:
    """Metres of EPSG:3857 along a side of a tile at zoom z."""
    return 2.0 * HALF / float(2**z)


def corner(z: int, x: int, y: int) -> tuple[float, float]:
    """The upper left corner of a tile in metres of EPSG:3857: its least x and its greatest y."""
    return x * span(z) - HALF, HALF - y * span(z)


def bounds(z: int, x: int, y: int) -> Box:
    """West, south, east, north of a tile in degrees. Refuses as `check_tile`."""
    check_tile(z, x, y)
    box = _SET.bounds(morecantile.Tile(x, y, z))
    return box.left, box.bottom, box.right, box.top


def limits(box: Box, z: int) -> tuple[int, int, int, int]:
    """First column, first row, last column, last row at zoom z of the tiles that touch a box in degrees.

    A box across the antimeridian (west > east) takes every column: limits cannot wrap.
    """
    if not 0 <= z <= MAX_ZOOM:
        check_tile(z, 0, 0)
    west, south, east, north = box
    if west > east:
        west, east = -180.0, 180.0
    metres = mercator(np.array([[west, north], [east, south]], dtype=np.float64))
    place = np.stack([metres[:, 0] + HALF, HALF - metres[:, 1]], axis=1) / span(z)
    (left, top), (right, bottom) = np.clip(np.floor(place), 0, 2**z - 1).astype(np.int64).tolist()
    return left, top, right, bottom


def covering(box: Box, z: int) -> list[tuple[int, int, int]]:
    """Every tile (z, x, y) at zoom z that touches a box in degrees, row by row; west > east goes over 180 degrees."""
    west, south, east, north = box
    if west > east:
        return sorted({*covering((west, south, 180.0, north), z), *covering((-180.0, south, east, north), z)}, key=_row)
    left, top, right, bottom = limits(box, z)
    return [(z, x, y) for y in range(top, bottom + 1) for x in range(left, right + 1)]


def limits_document(box: Box, minzoom: int = 0, maxzoom: int = MAX_ZOOM) -> list[dict[str, Any]]:
    """The `tileMatrixSetLimits` of a tileset (OGC 17-083r4) whose features lie within a box in degrees."""
    documents = []
    for z in range(minzoom, maxzoom + 1):
        left, top, right, bottom = limits(box, z)
        documents.append(
            {
                "tileMatrix": str(z),
                "minTileRow": top,
                "maxTileRow": bottom,
                "minTileCol": left,
                "maxTileCol": right,
            }
        )
    return documents


def _row(tile: tuple[int, int, int]) -> tuple[int, int]:
    return tile[2], tile[1]
