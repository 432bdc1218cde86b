"""Lines of JSON in pieces: plain objects, whose members are the columns, or GeoJSON features."""

from codecs import BOM_UTF8
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import NoneType
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
import shapely

from gis.errors import Fault
from gis.formats import geoarrow, shapes
from gis.formats.arrow_pieces import unreadable
from gis.formats.columns import to_column, to_text
from gis.formats.pieces import Piece, Points, Rows, Shape
from gis.formats.text_lines import find_codec, open_text

LINES = (".ndjson", ".jsonl", ".geojsonl")
ROWS = 50_000
EXACT = 1 << 53
ID = "id"


@dataclass(slots=True)
class JsonSource:
    """A file of one JSON object a line. Of plain objects a row is a line; of features it is a feature.

    Which columns there are, and of what type, shows only at the end: who asks for `schema` has the file read for it.
    """

    path: Path
    codec: str
    shape: Shape | None
    names: Sequence[str]
    axes: tuple[str, str] | None = None
    count: int | None = None
    _schema: pa.Schema | None = field(default=None)

    @property
    def schema(self) -> pa.Schema:
        if self._schema is None:
            self._schema = self._read_schema()
        return self._schema

    def pieces(self, rows: int | None = None) -> Iterator[Piece]:
        """The rows in order. Errors: Refusal file_unreadable."""
        size, begun = rows or ROWS, False
        objects: list[dict[str, Any]] = []
        numbers: list[int] = []
        for number, each in self._objects():
            objects.append(each)
            numbers.append(number)
            if len(numbers) == size:
                yield self._piece(objects, numbers)
                objects, numbers, begun = [], [], True
        if numbers or not begun:
            yield self._piece(objects, numbers)

    def _objects(self) -> Iterator[tuple[int, dict[str, Any]]]:
        features = 0
        for row, line in enumerate(self._lines(), 1):
            if not line:
                continue
            try:
                read = orjson.loads(line)
            except orjson.JSONDecodeError as error:
                raise unreadable(self.path, f"line {row} is no JSON ({error})") from error
            if not isinstance(read, dict):
                raise unreadable(self.path, f"line {row} is no object", f"第 {row} 行不是对象")
            if self.shape is not None and read.get("type") != "Feature":
                raise unreadable(self.path, f"line {row} is no GeoJSON feature", f"第 {row} 行不是 GeoJSON 要素")
            features += 1
            yield (row if self.shape is None else features), read

    def _lines(self) -> Iterator[str | bytes]:
        try:
            if self.codec == "utf-8-sig":
                with self.path.open("rb") as file:
                    for number, line in enumerate(file):
                        yield (line if number else line.removeprefix(BOM_UTF8)).strip(b" \t\r\n\x1e")
            else:
                with open_text(self.path, self.codec, None) as text:
                    for each in text:
                        yield each.strip(" \t\r\n\x1e")
        except OSError as error:
            raise unreadable(self.path, str(error)) from error

    def _piece(self, objects: Sequence[dict[str, Any]], numbers: Sequence[int]) -> Piece:
        rows = np.array(numbers, dtype=np.int64)
        members = objects if self.shape is None else [attributes(each) for each in objects]
        schema = self._schema
        if schema is None:
            columns = {
                name: _column([each.get(name) for each in members])
                for name in dict.fromkeys(name for each in members for name in each)
            }
        else:
            columns = {each.name: _typed([one.get(each.name) for one in members], each.type) for each in schema}
        batch = pa.RecordBatch.from_arrays(list(columns.values()), names=list(columns))
        if self.shape is None:
            return Piece(batch, rows, objects=objects)
        places, faults = _places([each.get("geometry") for each in objects], rows)
        return Piece(batch, rows, places, objects, faults)

    def _read_schema(self) -> pa.Schema:
        kinds: dict[str, set[str]] = {}
        for _, each in self._objects():
            for name, value in (each if self.shape is None else attributes(each)).items():
                kinds.setdefault(name, set()).add(_kind(value))
        return pa.schema([(name, _type_of(found - {"none"})) for name, found in kinds.items()])


def open_json(path: Path, encoding: str | None) -> JsonSource:
    """A file of lines, ready to be read. Its `names` are those of its first object. Errors: Refusal file_unreadable."""
    codec = find_codec(path, encoding)[0]
    plain = JsonSource(path, codec, None, ())
    first = next((each for _, each in plain._objects()), {})
    features = path.suffix.lower() == ".geojsonl" or first.get("type") == "Feature"
    names = list(attributes(first) if features else first)
    return JsonSource(path, codec, Shape("", "CRS84") if features else None, names)


def attributes(feature: Mapping[str, Any]) -> dict[str, Any]:
    """The properties of a feature, and its id where no property has that name."""
    properties = feature.get("properties")
    found = dict(properties) if isinstance(properties, dict) else {}
    if ID not in found and feature.get(ID) is not None:
        found[ID] = feature[ID]
    return found


def _places(members: Sequence[Any], rows: Rows) -> tuple[Points, tuple[Fault, ...]]:
    places = np.full((len(members), 2), np.nan)
    odd = []
    for at, member in enumerate(members):
        if member is None:
            continue
        try:
            if member["type"] != "Point":
                raise TypeError
            x, y = member["coordinates"][:2]
            places[at] = x + 0.0, y + 0.0
        except (TypeError, KeyError, ValueError, IndexError):
            odd.append(at)
    if not odd:
        return places, ()
    texts = to_column([orjson.dumps(members[at]).decode() for at in odd])
    geometry, faults = shapes.parse(shapely.from_geojson, texts, rows[odd])
    places[odd], found = geoarrow.places_of(geometry, rows[odd], faults)
    return places, found


def _column(values: list[Any]) -> pa.Array:
    """Values of one type keep it; mixed ones become text where that says the same, as in a CSV."""
    types = set(map(type, values)) - {NoneType}
    if types <= {str}:
        return pa.array(values, pa.string())
    if types == {float}:
        return pa.array(values, pa.float64())
    return _typed(values, _type_of({_kind(value) for value in values} - {"none"}))


def _typed(values: Sequence[Any], kind: pa.DataType) -> pa.Array:
    if pa.types.is_string(kind) and not set(map(type, values)) <= {str, NoneType}:
        return pa.array([to_text(value) for value in values], kind)
    return pa.array(values, kind)


def _kind(value: Any) -> str:
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, int):
        return "int" if abs(value) <= EXACT else "long" if abs(value) < 1 << 63 else "text"
    return "float" if isinstance(value, float) else "text"


def _type_of(kinds: set[str]) -> pa.DataType:
    """The type that holds all of some kinds of values without a change."""
    if kinds == {"bool"}:
        return pa.bool_()
    if kinds and kinds <= {"int", "long"}:
        return pa.int64()
    return pa.float64() if kinds and kinds <= {"int", "float"} else pa.string()
