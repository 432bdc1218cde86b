"""The files of cases that would go elsewhere: CSV, Parquet and GeoJSON beside each other, written as they are found."""

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO, Self, TextIO

import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from gis.errors import Refusal, refuse

_TEXT = (
    "source", "id", "version", "reported_at", "edition", "kind", "class_code", "condition", "lon", "lat",
    "unit_before", "unit", "department_before", "department", "department_name",
    "advice_before", "advice", "rule", "area", "flags", "because", "revision",
)  # fmt: skip
_TYPES = {"version": pa.int64(), "lon": pa.float64(), "lat": pa.float64(), "revision": pa.int64()}
MOVED = pa.schema([(name, _TYPES.get(name, pa.string())) for name in _TEXT])
"""The columns of a moved case: as decided (`_before`) and as it would be; lon, lat EPSG:4490; reasons as codes."""
FORMATS = (".csv", ".parquet", ".geojson")


class MovedFiles:
    """Takes moved cases, in columns, into a file of each format; they appear whole, when it is left without fault."""

    def __init__(self, *paths: Path) -> None:
        for path in paths:
            if path.suffix.lower() not in FORMATS:
                raise refuse(
                    "format_unknown",
                    f"Moved cases are written as {', '.join(FORMATS)}, not as '{path.suffix}'.",
                    f"改派案件可写为 {'、'.join(FORMATS)}，不能是“{path.suffix}”。",
                    kind="unreadable",
                )
        self.paths = paths
        self._sinks: list[_Csv | _Parquet | _GeoJson] = []

    def __enter__(self) -> Self:
        makers: dict[str, type[_Csv | _Parquet | _GeoJson]] = {".csv": _Csv, ".parquet": _Parquet, ".geojson": _GeoJson}
        for path in self.paths:
            try:
                self._sinks.append(makers[path.suffix.lower()](_partial(path)))
            except OSError as error:
                self._drop()
                raise _unwritable(path, error) from error
        return self

    def write(self, columns: Mapping[str, Sequence[Any]]) -> None:
        """Append cases. Errors: Refusal file_unwritable."""
        for path, sink in zip(self.paths, self._sinks, strict=True):
            try:
                sink.write(columns)
            except OSError as error:
                raise _unwritable(path, error) from error

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        for path, sink in zip(self.paths, self._sinks, strict=False):
            try:
                sink.close()
                if kind is None:
                    _partial(path).replace(path)
            except OSError as error:
                raise _unwritable(path, error) from error
        self._drop()

    def _drop(self) -> None:
        for path in self.paths:
            _partial(path).unlink(missing_ok=True)


def _unwritable(path: Path, error: OSError) -> Refusal:
    why = error.strerror or str(error)
    return refuse(
        "file_unwritable", f"{path} cannot be written: {why}.", f"无法写入 {path}：{why}。", kind="unavailable"
    )


def _partial(path: Path) -> Path:
    return path.with_name(f".{path.name}.part")


class _Csv:
    def __init__(self, path: Path) -> None:
        self._file: TextIO = path.open("w", encoding="utf-8", newline="")
        self._writer = csv.writer(self._file)
        self._writer.writerow(MOVED.names)

    def write(self, columns: Mapping[str, Sequence[Any]]) -> None:
        self._writer.writerows(zip(*columns.values(), strict=True))

    def close(self) -> None:
        self._file.close()


class _Parquet:
    def __init__(self, path: Path) -> None:
        self._writer = pq.ParquetWriter(path, MOVED)

    def write(self, columns: Mapping[str, Sequence[Any]]) -> None:
        self._writer.write_table(pa.table(dict(columns), schema=MOVED))

    def close(self) -> None:
        self._writer.close()


class _GeoJson:
    """A collection of points with the other columns as properties."""

    def __init__(self, path: Path) -> None:
        self._file: BinaryIO = path.open("wb")
        self._file.write(b'{"type":"FeatureCollection","features":[')
        self._begun = False

    def write(self, columns: Mapping[str, Sequence[Any]]) -> None:
        names = list(columns)
        for row in zip(*columns.values(), strict=True):
            members = dict(zip(names, row, strict=True))
            lon, lat = members.pop("lon"), members.pop("lat")
            shape = None if lon is None else {"type": "Point", "coordinates": [lon, lat]}
            feature = {"type": "Feature", "geometry": shape, "properties": members}
            self._file.write((b",\n" if self._begun else b"\n") + orjson.dumps(feature))
            self._begun = True

    def close(self) -> None:
        self._file.write(b"\n]}\n")
        self._file.close()
