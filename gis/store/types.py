"""Column types that mean the same on SQLite and PostGIS."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np
import shapely
from geoalchemy2 import Geometry
from geoalchemy2.elements import WKBElement
from numpy.typing import NDArray
from sqlalchemy import JSON, BigInteger, DateTime, Dialect, Integer, LargeBinary, String, Text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.types import TypeDecorator, TypeEngine

SRID = 4490

# Codes compare in byte order everywhere: SQLite's BINARY is that already, PostgreSQL must be told.
Code = Text().with_variant(Text(collation="C"), "postgresql")

# SQLite gives automatic numbers only to the type INTEGER.
RowId = BigInteger().with_variant(Integer(), "sqlite")

Document = JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql")


def box_shape(xmin: float, ymin: float, xmax: float, ymax: float) -> Any:
    """The box as a geometry: a point or a line when it has no width or no height.

    A polygon without area is invalid, and what it meets differs from library to library.
    """
    if xmin == xmax and ymin == ymax:
        return shapely.Point(xmin, ymin)
    if xmin == xmax or ymin == ymax:
        return shapely.LineString([(xmin, ymin), (xmax, ymax)])
    return shapely.box(xmin, ymin, xmax, ymax)


class Geom(TypeDecorator[Any]):
    """A shapely geometry in EPSG:4490, x, y = lon, lat: `geometry` on PostGIS, WKB elsewhere.

    The spatial index is not made here: GiST and R*Tree are made by the migrations, of the rows in force.
    """

    impl = LargeBinary
    cache_ok = True
    # Read by GeoAlchemy2's table events, which look at every column of a table.
    spatial_index = False
    management = False
    use_typmod = None
    geometry_type = "GEOMETRY"
    srid = SRID

    def load_dialect_impl(self, dialect: Dialect | None) -> TypeEngine[Any]:
        geometry = Geometry(srid=SRID, spatial_index=False)
        if dialect is None:  # GeoAlchemy2's events ask without a dialect
            return geometry
        return dialect.type_descriptor(geometry if dialect.name == "postgresql" else LargeBinary())

    def process_bind_param(self, value: Any, dialect: Dialect) -> Any:
        if value is None:
            return None
        wkb = shapely.to_wkb(value, include_srid=False)
        return WKBElement(wkb, srid=SRID) if dialect.name == "postgresql" else wkb

    def process_result_value(self, value: Any, dialect: Dialect) -> Any:
        if value is None:
            return None
        geometry = shapely.from_wkb(_bytes(value.data if isinstance(value, WKBElement) else value))
        return shapely.set_srid(geometry, 0) if dialect.name == "postgresql" else geometry


def read_shapes(held: Sequence[Any]) -> list[Any]:
    """Shapely geometries of what a geometry column holds, as it comes from either store; None where it is null."""
    data = [_bytes(each) for each in held]
    return list(shapely.set_srid(shapely.from_wkb(np.fromiter(data, dtype=object, count=len(data))), 0))


def read_times(held: Sequence[Any]) -> NDArray[np.datetime64]:
    """Instants in UTC as datetime64[us] of what a column of `Time` holds, as it comes from either store; no null."""
    plain = [each[:-1] if isinstance(each, str) else each.astimezone(UTC).replace(tzinfo=None) for each in held]
    return np.array(plain, dtype="datetime64[us]")


def spell(document: Any) -> str:
    """A document as JSON, its texts as they are: escaped, Chinese would take twice the room."""
    spelled = json.dumps(document, ensure_ascii=False)
    try:
        spelled.encode()
    except UnicodeEncodeError:  # half a surrogate pair, which no store takes as it is
        return json.dumps(document)
    return spelled


def _bytes(held: Any) -> bytes | None:
    """Well-known binary from what a driver gives: PostgreSQL's hexadecimal text, which GEOS reads ten times slower."""
    if held is None or isinstance(held, bytes):
        return held
    return bytes.fromhex(held) if isinstance(held, str) else bytes(held)


class Time(TypeDecorator[datetime]):
    """An instant with its zone: `timestamptz` on PostgreSQL, on SQLite UTC text of fixed width, which sorts as time."""

    impl = String(27)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return dialect.type_descriptor(DateTime(timezone=True) if dialect.name == "postgresql" else String(27))

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a time needs a zone")
        utc = value.astimezone(UTC)
        if dialect.name == "postgresql":
            return utc
        return f"{utc.replace(tzinfo=None).isoformat(timespec='microseconds')}Z"  # strftime would write year 999 short

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.astimezone(UTC) if isinstance(value, datetime) else datetime.fromisoformat(value)
