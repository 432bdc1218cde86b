"""Reading tiles back, for the tests: features by id, rings as the commands give them, and the oracle's clip."""

from dataclasses import dataclass
from typing import Any

import mapbox_vector_tile
import numpy as np
import shapely
from mapbox_vector_tile.Mapbox import vector_tile_pb2
from numpy.typing import NDArray

from tiles.matrix import corner, mercator, span

EXTENT = 4096
BUFFER = 64


@dataclass(frozen=True)
class Feature:
    """One feature as decoded: `shape` is a shapely geometry in tile units, y down."""

    shape: Any
    properties: dict[str, Any]


def decode(tile: bytes, layer: str) -> dict[int, Feature]:
    """The features of a layer by id."""
    decoded = mapbox_vector_tile.decode(tile, default_options={"y_coord_down": True})
    assert list(decoded) == [layer]
    assert decoded[layer]["extent"] == EXTENT
    assert decoded[layer]["version"] == 2
    features = decoded[layer]["features"]
    by_id = {item["id"]: Feature(shapely.geometry.shape(item["geometry"]), item["properties"]) for item in features}
    assert len(by_id) == len(features)
    return by_id


def message(tile: bytes) -> Any:
    """The only layer of a tile as a protobuf message."""
    parsed = vector_tile_pb2.tile()
    parsed.ParseFromString(tile)
    (layer,) = parsed.layers
    return layer


def rings(commands: Any) -> list[NDArray[np.int64]]:
    """The rings of a polygon's commands, as the specification tells to read them."""
    found: list[list[tuple[int, int]]] = []
    x = y = at = 0
    while at < len(commands):
        command, count = commands[at] & 7, commands[at] >> 3
        at += 1
        if command == 7:
            continue
        for _ in range(count):
            x += (commands[at] >> 1) ^ -(commands[at] & 1)
            y += (commands[at + 1] >> 1) ^ -(commands[at + 1] & 1)
            at += 2
            if command == 1:
                found.append([])
            found[-1].append((x, y))
    return [np.array(ring) for ring in found]


def signed_area(ring: NDArray[np.int64]) -> float:
    """The surveyor's formula: positive for an outer ring of a tile."""
    x, y = ring[:, 0].astype(float), ring[:, 1].astype(float)
    return float((x * np.roll(y, -1) - np.roll(x, -1) * y).sum() / 2)


def in_tile(geometry: Any, z: int, x: int, y: int) -> Any:
    """A geometry of lon, lat in tile units, y down, not rounded and not clipped."""
    west, north = corner(z, x, y)
    scale = EXTENT / span(z)

    def place(lonlat: NDArray[np.float64]) -> NDArray[np.float64]:
        metres = mercator(lonlat)
        return np.stack([(metres[:, 0] - west) * scale, (north - metres[:, 1]) * scale], axis=1)

    return shapely.transform(geometry, place)


def clipped(geometry: Any, z: int, x: int, y: int) -> Any:
    """What GEOS leaves of a geometry of lon, lat in the buffered tile, in tile units."""
    low, high = -BUFFER, EXTENT + BUFFER
    return shapely.intersection(in_tile(geometry, z, x, y), shapely.box(low, low, high, high))
