"""GeoParquet 1.1: a Parquet file whose geometry is WKB, or points side by side, and whose metadata say so."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import shapely

from gis import crs as reference
from gis.errors import Fault, Refusal, refuse
from gis.formats import geoarrow, shapes
from gis.formats.arrow_pieces import AHEAD_BYTES
from gis.formats.columns import from_arrow, named_once, to_arrow, to_column
from gis.formats.notes import NAME, Notes, parse, spell
from gis.formats.pages import NOWHERE, Pages
from gis.tables import Table


def read_pieces(path: Path, size: int | None) -> Iterator[Table]:
    """The rows of a file in tables of at most `size` (None: of all), at least one.

    With the primary geometry where the metadata name one encoded as WKB or as points. Errors: Refusal file_unreadable.
    """
    first = 1
    try:
        with pq.ParquetFile(path, pre_buffer=False, buffer_size=AHEAD_BYTES) as file:
            metadata = file.schema_arrow.metadata or {}
            geo = json.loads(metadata.get(b"geo", b"{}"))
            notes = parse(metadata.get(NAME.encode()))
            batches = [file.read()] if size is None else map(_as_table, file.iter_batches(batch_size=size))
            for arrow in batches:
                yield _table(arrow, geo, notes, first)
                first += len(arrow)
            if first == 1 and size is not None:
                yield _table(file.schema_arrow.empty_table(), geo, notes, first)
    except (pa.ArrowException, OSError, ValueError) as error:
        raise _unreadable(path, str(error)) from error


def count_rows(path: Path) -> int | None:
    """How many rows a file has, None for one that is broken."""
    try:
        return int(pq.read_metadata(path).num_rows)
    except (pa.ArrowException, OSError, ValueError):
        return None


def _as_table(batch: pa.RecordBatch) -> pa.Table:
    return pa.Table.from_batches([batch])


def _table(arrow: pa.Table, geo: Mapping[str, Any], notes: Notes, first: int) -> Table:
    primary = geo.get("primary_column")
    described = geo.get("columns", {}).get(primary, {})
    rows = np.arange(first, first + len(arrow), dtype=np.int64)
    columns = {
        name: from_arrow(arrow.column(name)) for name in arrow.column_names if name not in geo.get("columns", {})
    }
    encoding = described.get("encoding")
    if primary not in arrow.column_names or encoding not in ("WKB", "point"):
        return Table(columns, None, None, rows, notes=notes)
    if encoding == "WKB":
        geometry, faults = shapes.parse(shapely.from_wkb, to_column(arrow.column(primary).to_pylist()), rows)
        return Table(columns, geometry, _declared(described), rows, faults=tuple(faults), notes=notes)
    chunks = [geoarrow.read_places(each, "point", rows)[0] for each in arrow.column(primary).chunks]
    places = np.concatenate(chunks) if chunks else np.empty((0, 2))
    there = ~np.isnan(places).any(axis=1)
    points = to_column([None] * len(rows))
    points[there] = shapely.points(places[there])
    return Table(columns, points, _declared(described), rows, notes=notes)


def write(path: Path, pages: Pages, layer: str, encoding: str | None) -> tuple[Fault, ...]:
    """Write the columns and, last, the geometry as WKB in the column "geometry"; a row group for every page."""
    del layer, encoding
    names = named_once(pages.names)
    fields = list(zip(names, pages.types.values(), strict=True))
    metadata: dict[str, str] = {}
    if pages.has_geometry:
        column = next(name for name in ("geometry", "geom", "the_geom") if name not in names)
        fields.append((column, pa.binary()))
        metadata["geo"] = json.dumps(_metadata(column, pages))
    if pages.notes:
        metadata[NAME] = spell(pages.notes)
    schema = pa.schema(fields, metadata=metadata or None)
    with pq.ParquetWriter(path, schema, compression="zstd") as writer:
        for table in pages.tables():
            arrow = to_arrow(table.columns, names, pages.types.values())
            if table.geometry is not None:
                wkb = pa.array(shapely.to_wkb(table.geometry).tolist(), pa.binary())
                arrow = arrow.append_column(fields[-1][0], wkb)
            writer.write_table(arrow.cast(schema))
    return ()


def _metadata(column: str, pages: Pages) -> dict[str, Any]:
    frame = reference.parse(pages.crs or reference.STORE)
    described: dict[str, Any] = {"encoding": "WKB", "geometry_types": sorted(pages.kinds - {NOWHERE})}
    if frame.name != "CRS84":  # which is what its absence means
        described["crs"] = geoarrow.to_json(frame)
    return {"version": "1.1.0", "primary_column": column, "columns": {column: described}}


def _declared(described: dict[str, Any]) -> str | None:
    if "crs" not in described:
        return "CRS84"
    return geoarrow.name_of(described["crs"]) if described["crs"] else None


def _unreadable(path: Path, why: str) -> Refusal:
    return refuse(
        "file_unreadable", f"{path.name} cannot be read: {why}.", f"无法读取 {path.name}：{why}。", kind="unreadable"
    )
