"""Readers of the model city's files, by other means than it was written with."""

import csv
from collections import Counter
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyogrio.raw
import shapely
from numpy.typing import NDArray

from examples.model_city import Manifest

UNITS = 1200


def rows(city: Manifest, name: str) -> list[dict[str, str]]:
    with (city.folder / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def layer(path: Path, name: str | None = None, encoding: str | None = None) -> dict[str, NDArray[Any]]:
    meta, _, geometry, columns = pyogrio.raw.read(path, layer=name, encoding=encoding)
    return {**dict(zip(meta["fields"], columns, strict=True)), "geometry": shapely.from_wkb(geometry)}


def units(city: Manifest) -> dict[str, NDArray[Any]]:
    return layer(city.folder / "units.gpkg", "units")


def river(city: Manifest) -> dict[str, NDArray[Any]]:
    return layer(city.folder / "units.gpkg", "gaps")


def areas(city: Manifest) -> dict[str, dict[str, NDArray[Any]]]:
    names = ("enforcement", "drainage", "greening", "police")
    plain = {name: layer(city.folder / f"areas_{name}.gpkg", name) for name in names}
    return {**plain, "sanitation": layer(city.folder / "areas_sanitation.shp", encoding="GBK")}


def ground(city: Manifest) -> shapely.Geometry:
    """Units and river together."""
    return shapely.union_all(np.concatenate([units(city)["geometry"], river(city)["geometry"]]))


def components(city: Manifest) -> dict[str, NDArray[Any]]:
    return layer(city.folder / "components.gpkg", "components")


def cases_as(city: Manifest, lon: str, lat: str) -> NDArray[np.float64]:
    return np.array([[float(row[lon]), float(row[lat])] for row in rows(city, "cases.csv")])


def same_vertices(polygons: NDArray[Any]) -> bool:
    """Whether each edge of a polygon that is not on the outside of all of them is an edge of one other, reversed."""
    edges: Counter[tuple[bytes, bytes]] = Counter()
    for polygon in polygons:
        ends = [point.tobytes() for point in shapely.get_coordinates(shapely.orient_polygons(polygon))]
        edges.update(pairwise(ends))
    outside = shapely.boundary(shapely.union_all(polygons))
    lone = [a + b for a, b in edges if (b, a) not in edges]
    lines = shapely.linestrings(np.frombuffer(b"".join(lone)).reshape(-1, 2, 2))
    return max(edges.values()) == 1 and bool(shapely.covers(outside.buffer(1e-9), lines).all())
