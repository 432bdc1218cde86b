"""GeoJSON (RFC 7946), as one document or one feature a line. Values keep the types they have in the text."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from gis import crs as reference
from gis import encoding as texts
from gis.crs import DECIMALS
from gis.errors import Fault, Refusal, refuse
from gis.formats import shapes
from gis.formats.columns import to_column
from gis.formats.notes import NAME, Notes, parse, spell
from gis.formats.pages import Pages
from gis.tables import Table

_LINES = (".geojsonl", ".ndjson", ".jsonl")


def read(path: Path, encoding: str | None) -> Table:
    """The features of a file, in CRS84 or what its `crs` member (of the older GeoJSON) says.

    A feature's `id` becomes the column "id" unless a property has that name. Lists and objects become JSON text.
    """
    data = path.read_bytes()
    used = texts.forced(encoding) if encoding else None
    text, damaged = texts.decode_file(data, used)
    if damaged and used:
        raise texts.wrong(used, 1 + text[: text.index("\ufffd")].count('"Feature"'))
    lines = path.suffix.lower() in _LINES
    features, crs, notes = _lines(path, text) if lines else _document(path, text)
    rows = np.arange(1, len(features) + 1, dtype=np.int64)
    properties = [_properties(feature) for feature in features]
    names: dict[str, None] = {name: None for row in properties for name in row}
    columns = {name: to_column([_plain(row.get(name)) for row in properties]) for name in names}
    if "id" not in columns and any(feature.get("id") is not None for feature in features):
        columns = {"id": to_column([_plain(feature.get("id")) for feature in features]), **columns}
    geometry, faults = _geometries([feature.get("geometry") for feature in features], rows)
    if damaged:
        faults += [
            texts.replaced(int(row), name)
            for name, column in columns.items()
            for row, value in zip(rows, column, strict=True)
            if isinstance(value, str) and "\ufffd" in value
        ]
    return Table(columns, geometry, crs, rows, faults=tuple(faults), notes=notes)


def write(path: Path, pages: Pages, layer: str, encoding: str | None) -> tuple[Fault, ...]:
    """Write x, y with 11 decimals, shells counterclockwise, in UTF-8; a CRS but CRS84 stands in the member `crs`.

    Errors: Refusal crs_not_in_format for lines in another one, which have no place to say so.
    """
    del encoding  # RFC 8259: always UTF-8
    lines = path.suffix.lower() in _LINES
    if lines and _said(pages.crs):
        raise _cannot_say(path.suffix, pages.crs)
    features = (feature for table in pages.tables() for feature in _features(table))
    with path.open("w", encoding="utf-8", newline="\n") as file:
        if lines:
            file.writelines(feature + "\n" for feature in features)
            return ()
        head = f'"name":{json.dumps(layer, ensure_ascii=False)}{_said(pages.crs)}'
        notes = f',"{NAME}":{spell(pages.notes)}' if pages.notes else ""
        file.write(f'{{"type":"FeatureCollection",{head}{notes},"features":[')
        for number, feature in enumerate(features):
            file.write((",\n" if number else "\n") + feature)
        file.write("\n]}\n")
    return ()


def _said(crs: reference.CrsLike | None) -> str:
    """The member `crs`, nothing for CRS84; of a local system the name alone."""
    name = "CRS84" if crs is None else reference.parse(crs).name
    if name == "CRS84":
        return ""
    name = name.replace("EPSG:", "urn:ogc:def:crs:EPSG::") if name.startswith("EPSG:") else name
    return f',"crs":{{"type":"name","properties":{{"name":{json.dumps(name, ensure_ascii=False)}}}}}'


def _cannot_say(suffix: str, crs: reference.CrsLike | None) -> Refusal:
    name = reference.parse(crs or "CRS84").name
    return refuse(
        "crs_not_in_format",
        f"A {suffix} file is in CRS84 and cannot say that it is in {name}; write .geojson, or leave the system out.",
        f"{suffix} 文件只能为 CRS84，无法标明 {name}；请改写 .geojson 或不指定坐标系。",
    )


def _features(table: Table) -> Iterator[str]:
    texts_of = _geometry_texts(table.geometry, len(table))
    columns = [column.tolist() for column in table.columns.values()]
    for index, geometry in enumerate(texts_of):
        row = {name: _finite(column[index]) for name, column in zip(table.columns, columns, strict=True)}
        yield f'{{"type":"Feature","properties":{json.dumps(row, ensure_ascii=False)},"geometry":{geometry or "null"}}}'


def _geometry_texts(geometry: NDArray[Any] | None, count: int) -> list[str | None]:
    if geometry is None:
        return [None] * count
    flat = shapely.transform(shapely.force_2d(geometry), lambda xy: np.round(xy, DECIMALS))
    found: list[str | None] = shapely.to_geojson(shapely.orient_polygons(flat)).tolist()
    return found


def _document(path: Path, text: str) -> tuple[list[Mapping[str, Any]], str, Notes]:
    try:
        document = json.loads(text)
    except (json.JSONDecodeError, RecursionError) as error:
        raise _unreadable(path, str(error)) from error
    kind = document.get("type") if isinstance(document, dict) else None
    if kind == "FeatureCollection" and isinstance(document.get("features"), list):
        features = document["features"]
    elif kind == "Feature":
        features = [document]
    elif isinstance(kind, str) and ("coordinates" in document or "geometries" in document):
        features = [{"type": "Feature", "properties": {}, "geometry": document}]
    else:
        raise _unreadable(path, "it holds no GeoJSON features")
    if not all(isinstance(feature, dict) for feature in features):
        raise _unreadable(path, "one of its features is no object")
    return features, _crs(document), parse(document.get(NAME))


def _lines(path: Path, text: str) -> tuple[list[Mapping[str, Any]], str, Notes]:
    features: list[Mapping[str, Any]] = []
    for number, line in enumerate(text.split("\n"), 1):
        line = line.strip(" \t\r\x1e")
        if not line:
            continue
        try:
            feature = json.loads(line)
        except (json.JSONDecodeError, RecursionError) as error:
            raise _unreadable(path, f"line {number} is no JSON ({error})") from error
        if not isinstance(feature, dict) or feature.get("type") != "Feature":
            raise _unreadable(path, f"line {number} is no GeoJSON feature")
        features.append(feature)
    return features, "CRS84", {}


def _crs(document: Mapping[str, Any]) -> str:
    member = document.get("crs")
    properties = member.get("properties") if isinstance(member, dict) else None
    name = properties.get("name") if isinstance(properties, dict) else None
    if not isinstance(name, str) or not name:
        return "CRS84"
    try:
        return reference.parse(name).name
    except Refusal:
        return name


def _properties(feature: Mapping[str, Any]) -> Mapping[str, Any]:
    properties = feature.get("properties")
    return properties if isinstance(properties, dict) else {}


def _plain(value: Any) -> Any:
    return json.dumps(value, ensure_ascii=False) if isinstance(value, dict | list) else value


def _finite(value: Any) -> Any:
    return None if isinstance(value, float) and not np.isfinite(value) else value


def _geometries(members: list[Any], rows: NDArray[np.int64]) -> tuple[NDArray[Any], list[Fault]]:
    texts_of = to_column([None if member is None else json.dumps(member) for member in members])
    geometry, faults = shapes.parse(shapely.from_geojson, texts_of, rows)
    for fault in faults:
        index = (fault.row or 0) - 1
        geometry[index] = _odd(members[index])
    return geometry, [fault for fault in faults if geometry[(fault.row or 0) - 1] is None]


def _odd(member: Any) -> shapely.Geometry | None:
    """A geometry that GEOS refuses to parse, such as one with NaN: let the later checks name what is wrong with it."""
    try:
        return shapely.geometry.shape(member)
    except Exception:  # whatever a broken member breaks: it is no geometry
        return None


def _unreadable(path: Path, why: str) -> Refusal:
    return refuse(
        "file_unreadable",
        f"{path.name} cannot be read: {why}.",
        f"无法读取 {path.name}：{why}。",
        kind="unreadable",
    )
