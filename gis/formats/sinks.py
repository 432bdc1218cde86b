"""Where pieces go with the columns that were added to them: Parquet, Arrow, CSV or lines of JSON, piece by piece."""

import csv
import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from gis import crs as reference
from gis.crs import DECIMALS, CrsLike
from gis.errors import refuse
from gis.formats import geoarrow
from gis.formats.arrow_pieces import ARROW, PARQUET
from gis.formats.columns import to_cells, to_values
from gis.formats.json_pieces import LINES, attributes
from gis.formats.outputs import refusing
from gis.formats.pieces import Piece, Points, Source, plain

WRITTEN = (*PARQUET, *ARROW, ".csv", ".tsv", *LINES)
DICTIONARY_BYTES = 1 << 25
Added = Mapping[str, pa.Array]


class Sink(Protocol):
    """Takes each piece with the columns that were added, in the order of the file."""

    def write(self, piece: Piece, added: Added) -> None: ...

    def close(self) -> None: ...


@contextmanager
def written(path: Path, source: Source, crs: CrsLike | None = None) -> Iterator[Sink]:
    """A sink for what is read from `source`, which appears whole or not at all.

    A geometry is kept: as it was where the format is the same, else as WKB points in Parquet and Arrow, as columns in
    CSV, as features in lines of JSON. `crs` is what a person said it is in. Errors: Refusal crs_not_in_format,
    file_unwritable; in writing text_not_in_encoding.
    """
    suffix = path.suffix.lower()
    frame = crs or (source.shape.crs if source.shape is not None else None)
    if suffix in (*PARQUET, *ARROW) and source.shape is not None and frame is not None:
        _check_frame(frame, suffix)
    with refusing(path), tempfile.TemporaryDirectory(dir=path.parent, prefix=".writing-") as folder:
        partial = Path(folder) / path.name
        sink: Sink
        if suffix in LINES:
            sink = JsonSink(partial, source, frame)
        elif suffix in (".csv", ".tsv"):
            sink = CsvSink(partial, source, frame)
        else:
            sink = ArrowSink(partial, source, frame)
        try:
            yield sink
        finally:
            sink.close()
        os.replace(partial, path)


class ArrowSink:
    """Parquet, a row group each piece; or an Arrow file or stream, a batch each piece."""

    def __init__(self, path: Path, source: Source, crs: CrsLike | None) -> None:
        self.path, self.source, self.crs = path, source, crs
        self.is_parquet = path.suffix.lower() in PARQUET
        self.own = source.schema
        self.writer: Any = None
        shape = source.shape
        taken = {name.casefold() for name in self.own.names}
        # A geometry that no column holds yet gets one of its own.
        self.places = ""
        if shape is not None and not shape.column:
            self.places = next(name for name in ("geometry", "geom", "the_geom", "wkb") if name not in taken)

    def write(self, piece: Piece, added: Added) -> None:
        columns = {name: piece.column(name) for name in self.own.names}
        if self.places and piece.places is not None:
            columns[self.places] = geoarrow.to_wkb(piece.places)
        columns.update(added)
        if not self.is_parquet:  # an Arrow file cannot change its dictionaries from batch to batch
            columns = {name: plain(column) for name, column in columns.items()}
        if self.writer is None:
            self._open(columns)
        arrays = [
            column if column.type == field.type else column.cast(field.type)
            for field, column in zip(self.schema, columns.values(), strict=True)
        ]
        self.writer.write_batch(pa.RecordBatch.from_arrays(arrays, schema=self.schema))

    def _open(self, columns: Added) -> None:
        known = {each.name: each.metadata for each in self.own}
        fields = [pa.field(name, column.type, metadata=known.get(name)) for name, column in columns.items()]
        kept = {name: value for name, value in (self.own.metadata or {}).items() if name == b"geo"}
        schema = pa.schema(fields, metadata=kept or None)
        shape = self.source.shape
        if shape is not None and self.crs is not None and (self.places or self.crs != shape.crs):
            schema = geoarrow.declare(schema, self.places or shape.column, self.crs)
        self.schema = schema
        if not self.is_parquet:
            opened = pa.ipc.new_stream if self.path.suffix.lower() == ".arrows" else pa.ipc.new_file
            self.writer = opened(self.path, schema)
            return
        # Without Arrow's own schema readers see text where a dictionary was written. Numbers of this kind do not
        # become smaller by compression, which costs as much as all the rest of writing them.
        listed = [each.name for each in schema if pa.types.is_dictionary(each.type)]
        self.writer = pq.ParquetWriter(
            self.path,
            schema,
            compression={each.name: "none" if pa.types.is_floating(each.type) else "snappy" for each in schema},
            store_schema=False,
            use_dictionary=listed or False,
            dictionary_pagesize_limit=DICTIONARY_BYTES,
            write_statistics=[each.name for each in schema if each.name not in listed],
        )
        if schema.metadata:
            self.writer.add_key_value_metadata(schema.metadata)

    def close(self) -> None:
        if self.writer is not None:
            self.writer.close()


class CsvSink:
    """UTF-8 text; a geometry as columns lon, lat (x, y when projected) and crs."""

    def __init__(self, path: Path, source: Source, crs: CrsLike | None) -> None:
        self.own = list(source.schema.names)
        self.frame = None
        self.axes: tuple[str, str] = ("lon", "lat")
        if source.shape is not None:
            self.frame = reference.parse(crs).name if crs is not None else None
            self.axes = ("lon", "lat") if crs is None or reference.parse(crs).is_geographic else ("x", "y")
            self.own = [name for name in self.own if name != source.shape.column and name.lower() not in self.axes]
        self.file = path.open("w", encoding="utf-8", newline="")
        delimiter = "\t" if path.suffix.lower() == ".tsv" else ","
        self.writer = csv.writer(self.file, delimiter=delimiter, lineterminator="\n")
        self.spatial = source.shape is not None
        self.begun = False

    def write(self, piece: Piece, added: Added) -> None:
        columns = {name: piece.column(name) for name in self.own}
        if self.spatial and piece.places is not None:
            for name, values in zip(self.axes, piece.places.T, strict=True):
                columns[name] = pa.array(values, mask=np.isnan(values))
            if self.frame is not None and not any(name.lower() == "crs" for name in self.own):
                columns["crs"] = pa.array([self.frame] * len(piece), pa.string())
        columns.update(added)
        if not self.begun:
            self.writer.writerow(columns)
            self.begun = True
        cells = [to_cells(column) for column in columns.values()]
        self.writer.writerows(zip(*cells, strict=True))

    def close(self) -> None:
        self.file.close()


class JsonSink:
    """Objects as they were with the answers beside their members, or features with the answers in their properties."""

    def __init__(self, path: Path, source: Source, crs: CrsLike | None) -> None:
        self.shape, self.crs = source.shape, crs
        self.features = self.shape is not None or path.suffix.lower() == ".geojsonl"
        self.file = path.open("wb")

    def write(self, piece: Piece, added: Added) -> None:
        columns = [to_values(each) for each in added.values()]
        answers = (dict(zip(added, values, strict=True)) for values in zip(*columns, strict=True))
        write, option = self.file.write, orjson.OPT_APPEND_NEWLINE | orjson.OPT_PASSTHROUGH_DATETIME
        for each, answer in zip(self._objects(piece), answers, strict=True):
            if self.features:
                each = {**each, "properties": {**(each.get("properties") or {}), **answer}}
            else:
                each = each | answer
            write(orjson.dumps(each, option=option))

    def _objects(self, piece: Piece) -> Iterator[dict[str, Any]]:
        moved = self.crs is not None and reference.parse(self.crs).name != "CRS84"
        if piece.objects is not None and not (self.features and (self.shape is None or moved)):
            yield from piece.objects
            return
        if piece.objects is not None:
            members = [attributes(each) if self.shape is not None else each for each in piece.objects]
        else:
            names = [name for name in piece.columns.schema.names if self.shape is None or name != self.shape.column]
            values = [to_values(piece.columns.column(name)) for name in names]
            members = [dict(zip(names, row, strict=True)) for row in zip(*values, strict=True)]
            members = members or [{} for _ in range(len(piece))]
        if not self.features:
            yield from members
            return
        for member, geometry in zip(members, self._geometries(piece), strict=True):
            yield {"type": "Feature", "properties": member, "geometry": geometry}

    def _geometries(self, piece: Piece) -> list[dict[str, Any] | None]:
        if self.shape is None or piece.places is None or self.crs is None:
            return [None] * len(piece)
        lonlat: Points = np.round(reference.to_store(piece.places, reference.parse(self.crs)), DECIMALS)
        return [None if x != x else {"type": "Point", "coordinates": [x, y]} for x, y in lonlat.tolist()]

    def close(self) -> None:
        self.file.close()


def _check_frame(crs: CrsLike, suffix: str) -> None:
    name = reference.parse(crs).name
    if name in ("GCJ-02", "BD-09"):
        raise refuse(
            "crs_not_in_format",
            f"A {suffix} file cannot say that it is in {name}, and would be taken for WGS 84; write a CSV, or "
            "name another system.",
            f"{suffix} 文件无法标明 {name}，会被误认为 WGS 84；请改写 CSV 或指定其他坐标系。",
        )
