"""Points in Arrow columns: as WKB, or as coordinates side by side, and the metadata that say which and in which CRS.

GeoParquet 1.1 describes its columns in the metadata "geo" of the file, as do Arrow files made by geopandas; GeoArrow in
the metadata of the field. Both give coordinates as x, y.
"""

import json
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyproj
import shapely
from numpy.typing import NDArray

from gis import crs as reference
from gis import systems
from gis.crs import Crs, CrsLike
from gis.errors import Fault
from gis.formats import shapes
from gis.formats.columns import to_column
from gis.formats.pieces import Points, Rows

WKB_POINT = np.dtype([("order", "u1"), ("type", "<u4"), ("x", "<f8"), ("y", "<f8")])
EXTENSION = b"ARROW:extension:name"
EXTENSION_METADATA = b"ARROW:extension:metadata"


@dataclass(frozen=True, slots=True)
class Geo:
    """The geometry column of a schema: its name, how it is encoded ("wkb", "point"), and the CRS, None if untold."""

    column: str
    encoding: str
    crs: str | None


def describe(schema: pa.Schema) -> Geo | None:
    """The primary geometry of a schema, None where it has none. ValueError or Refusal for metadata that are wrong."""
    geo = json.loads((schema.metadata or {}).get(b"geo", b"{}"))
    primary = geo.get("primary_column")
    if primary is not None and primary in schema.names:
        described = geo.get("columns", {}).get(primary, {})
        return Geo(primary, str(described.get("encoding", "")).lower(), _crs(described))
    for each in schema:
        name = (each.metadata or {}).get(EXTENSION, b"").decode()
        if name.startswith("geoarrow."):
            described = json.loads(each.metadata.get(EXTENSION_METADATA) or b"{}")
            return Geo(each.name, name.removeprefix("geoarrow."), _crs(described) if described.get("crs") else None)
    return None


def declare(schema: pa.Schema, column: str, crs: CrsLike) -> pa.Schema:
    """The schema with `column` described as WKB points or as it was, in this CRS."""
    metadata = dict(schema.metadata or {})
    geo = json.loads(metadata.get(b"geo", b"{}"))
    columns = geo.setdefault("columns", {})
    described = columns.setdefault(column, {"encoding": "WKB", "geometry_types": []})
    described.pop("bbox", None)
    described.pop("crs", None)
    frame = reference.parse(crs)
    if frame.name != "CRS84":  # which is what its absence means
        described["crs"] = to_json(frame)
    metadata[b"geo"] = json.dumps({"version": "1.1.0", **geo, "primary_column": column}).encode()
    at = schema.get_field_index(column)
    own = {name: value for name, value in (schema.field(at).metadata or {}).items() if name != EXTENSION_METADATA}
    if own.get(EXTENSION):
        own[EXTENSION_METADATA] = json.dumps({"crs": described.get("crs", "OGC:CRS84")}).encode()
    return schema.set(at, schema.field(at).with_metadata(own or None)).with_metadata(metadata)


def read_places(column: pa.Array, encoding: str, rows: Rows) -> tuple[Points, tuple[Fault, ...]]:
    """x, y (n, 2) of a column, NaN where there is no point, and a fault for each row that holds something else."""
    kind = column.type
    if isinstance(column, pa.ExtensionArray):
        return read_places(column.storage, encoding, rows)
    if pa.types.is_struct(kind) and {"x", "y"} <= {kind.field(at).name for at in range(kind.num_fields)}:
        missing = column.is_null().to_numpy(zero_copy_only=False)
        xy = np.column_stack([_numbers(column.field(name)) for name in ("x", "y")])
        xy[missing] = np.nan
        return xy, ()
    if pa.types.is_fixed_size_list(kind) and encoding == "point":
        missing = column.is_null().to_numpy(zero_copy_only=False)
        width = kind.list_size
        first = column.offset * width
        xy = np.array(_numbers(column.values)[first : first + len(column) * width].reshape(-1, width)[:, :2])
        xy[missing] = np.nan
        return xy, ()
    if pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
        plainly = _plain_wkb(column)
        if plainly is not None:
            return plainly, ()
        geometry, faults = shapes.parse(shapely.from_wkb, to_column(column.to_pylist()), rows)
        return places_of(geometry, rows, faults)
    return np.full((len(column), 2), np.nan), tuple(shapes.unreadable(int(row)) for row in rows)


def places_of(geometry: NDArray[Any], rows: Rows, faults: Any = ()) -> tuple[Points, tuple[Fault, ...]]:
    """x, y (n, 2) of geometries, NaN for what is no point; a fault for what is another geometry."""
    types, parts = shapely.get_type_id(geometry), shapely.get_num_geometries(geometry)
    single = (types == 4) & (parts == 1)
    if single.any():
        geometry = geometry.copy()
        geometry[single] = shapely.get_geometry(geometry[single], 0)
        types = shapely.get_type_id(geometry)
    other = np.flatnonzero((types > 0) & ~shapely.is_empty(geometry))
    told = [_not_a_point(int(rows[at]), geometry[at].geom_type) for at in other]
    places = np.full((len(geometry), 2), np.nan)
    there = np.flatnonzero((types == 0) & ~shapely.is_empty(geometry))
    places[there] = shapely.get_coordinates(geometry[there])
    return places, (*faults, *told)


def to_wkb(places: Points) -> pa.Array:
    """Points (n, 2) as WKB, null for NaN."""
    packed = np.zeros(len(places), dtype=WKB_POINT)
    packed["order"], packed["type"] = 1, 1
    packed["x"], packed["y"] = places[:, 0], places[:, 1]
    missing = np.isnan(places).any(axis=1)
    sizes = np.where(missing, 0, WKB_POINT.itemsize)
    offsets = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int32)
    valid = pa.array(~missing).buffers()[1]
    buffers = [valid, pa.py_buffer(offsets), pa.py_buffer(packed[~missing].tobytes())]
    return pa.Array.from_buffers(pa.binary(), len(places), buffers, null_count=int(missing.sum()))


def _plain_wkb(column: pa.Array) -> Points | None:
    """The points of a column that holds nothing but little-endian WKB points and nulls, else None."""
    wide = np.int64 if pa.types.is_large_binary(column.type) else np.int32
    _, bounds, data = column.buffers()
    xy = np.full((len(column), 2), np.nan)
    if data is None or len(column) == column.null_count:
        return xy
    offsets = np.frombuffer(bounds, dtype=wide)[column.offset : column.offset + len(column) + 1]
    there = ~column.is_null().to_numpy(zero_copy_only=False) if column.null_count else np.ones(len(column), dtype=bool)
    if (np.diff(offsets)[there] != WKB_POINT.itemsize).any() or (np.diff(offsets)[~there] != 0).any():
        return None
    count = int(there.sum())
    points = np.frombuffer(data, dtype=WKB_POINT, count=count, offset=int(offsets[0]))
    if (points["order"] != 1).any() or (points["type"] != 1).any():
        return None
    xy[there, 0], xy[there, 1] = points["x"], points["y"]
    return xy


def _numbers(column: pa.Array) -> Points:
    filled = pc.fill_null(column.cast(pa.float64()), float("nan")) if column.null_count else column.cast(pa.float64())
    return np.asarray(filled.to_numpy(zero_copy_only=False), dtype=np.float64)


def _crs(described: dict[str, Any]) -> str | None:
    if "crs" not in described:
        return "CRS84"
    crs = described["crs"]
    if crs is None:
        return None
    return name_of(crs)


def name_of(crs: Any) -> str:
    """The name of a CRS that metadata describe in whatever way. Errors: Refusal crs_unknown."""
    text = crs if isinstance(crs, str) else json.dumps(crs)
    return systems.name_in(text) or reference.parse(text).name


def to_json(frame: Crs) -> Any:
    """A CRS as metadata describe it (PROJJSON); of a local one the name alone."""
    if frame.local is not None:
        return systems.name_as_json(frame)
    return pyproj.CRS.from_user_input(frame.name).to_json_dict()


def _not_a_point(row: int, found: str) -> Fault:
    return Fault(
        "wrong_geometry_type",
        f"Row {row} is a {found}; a point is needed.",
        f"第 {row} 行的几何类型为 {found}，应为点。",
        row=row,
    )
