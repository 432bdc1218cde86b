"""KML: placemarks with the data that stands beside them. Always WGS 84, lon, lat.

Read here and not by GDAL, which takes blanks and line ends out of texts, and has a parser of its own in C++ for what
strangers send.
"""

import codecs
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from xml.parsers import expat
from xml.sax.saxutils import escape, quoteattr

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry, BaseMultipartGeometry

from gis import encoding as texts
from gis.crs import DECIMALS
from gis.errors import Fault, Refusal, refuse
from gis.formats import markup, shapes
from gis.formats.columns import to_column, to_text
from gis.formats.notes import NAME, Notes, parse, spell
from gis.formats.pages import Pages
from gis.tables import Table

CHUNK = 1 << 18
LONGEST = 1 << 26
_ENCODING = re.compile(rb"^(?:\xef\xbb\xbf)?\s*<\?xml[^>]*?encoding=[\"']([\w.-]+)[\"']")
_NOT_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_MANY: Mapping[str, Callable[[Any], BaseGeometry]] = {
    "Point": shapely.MultiPoint,
    "LineString": shapely.MultiLineString,
    "Polygon": shapely.MultiPolygon,
}
_ODD = frozenset({"Track", "MultiTrack", "Model"})


def read(path: Path, layer: str | None, encoding: str | None) -> Table:
    """The placemarks of a file, or of its folder `layer`. Every value is text; altitudes are left out.

    Columns: what ExtendedData holds, `name` and `description` where no data is called so, and `folder` where there are
    several. Errors: Refusal file_unreadable, layer_missing, encoding_wrong, encoding_unknown.
    """
    reading = _Reading(path)
    try:
        reading.feed(encoding)
    except expat.ExpatError as error:
        raise unreadable(path, f"its XML is broken ({error})", f"其中的 XML 已损坏（{error}）") from error
    except (ValueError, shapely.errors.GEOSException) as error:
        raise unreadable(path, str(error), str(error)) from error
    if not reading.is_kml:
        raise unreadable(path, "it is no KML", "它不是 KML 文件")
    return reading.table(layer)


def write(path: Path, pages: Pages, layer: str, encoding: str | None) -> tuple[Fault, ...]:
    """Write a placemark a row, with every value as ExtendedData. What XML cannot hold is left out, with a warning."""
    del encoding
    faults: list[Fault] = []
    shown = next((index for index, name in enumerate(pages.names) if name.lower() == "name"), None)
    with path.open("w", encoding="utf-8", newline="\n") as file:
        file.write('<?xml version="1.0" encoding="UTF-8"?>\n<kml xmlns="http://www.opengis.net/kml/2.2"><Document>')
        file.write(f"<name>{_escaped(layer)}</name>\n")
        if pages.notes:
            file.write(f'<ExtendedData><Data name="{NAME}"><value>{_escaped(spell(pages.notes))}</value></Data>')
            file.write("</ExtendedData>\n")
        is_first = True
        for table in pages.tables():
            columns = [(name, column.tolist()) for name, column in table.columns.items()]
            geometry = [None] * len(table) if table.geometry is None else table.geometry.tolist()
            for index, row in enumerate(table.rows.tolist()):
                values = [(name, to_text(column[index])) for name, column in columns]
                faults += [_lost(row, name) for name, value in values if value and _NOT_XML.search(value)]
                data = "".join(
                    f"<Data name={quoteattr(name)}><value>{_escaped(value or '')}</value></Data>"
                    for name, value in values
                    if value is not None or is_first  # the first names every column
                )
                is_first = False
                name = "" if shown is None else f"<name>{_escaped(values[shown][1] or '')}</name>"
                drawn = _drawn(geometry[index])
                file.write(f"<Placemark>{name}<ExtendedData>{data}</ExtendedData>{drawn}</Placemark>\n")
        file.write("</Document></kml>\n")
    return tuple(faults)


class _Reading:
    """A file while it goes by."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.is_kml = False
        self.below: list[str] = []
        self.folders: list[str] = []
        self.parts: list[str] = []
        self.length = 0
        self.placemark: dict[str, Any] | None = None
        self.key: str | None = None
        self.rings: list[NDArray[Any]] = []
        self.found: list[tuple[dict[str, str], str, str, str, BaseGeometry | None, bool]] = []
        self.pieces: list[BaseGeometry] = []
        self.name = self.description = ""
        self.is_odd = False
        self.notes: Notes = {}

    def feed(self, encoding: str | None) -> None:
        """Parse the file. Errors: ExpatError, ValueError, Refusal."""
        with self.path.open("rb") as file:
            why = markup.trouble(file)
            if why is not None:
                raise unreadable(self.path, *why)
            file.seek(0)
            said = _ENCODING.match(file.read(256))
            file.seek(0)
            forced = texts.forced(encoding) if encoding else None
            used = forced or (texts.codec(said[1].decode()) if said else None) or "utf-8"
            parser = expat.ParserCreate("utf-8")
            parser.buffer_text = True
            parser.StartElementHandler, parser.EndElementHandler = self.start, self.end
            parser.CharacterDataHandler = self.text
            decoder = codecs.getincrementaldecoder(used)()
            while chunk := file.read(CHUNK):
                try:
                    parser.Parse(decoder.decode(chunk).removeprefix("\ufeff").encode("utf-8"), False)
                except UnicodeDecodeError as error:
                    if forced:
                        raise texts.wrong(forced, len(self.found) + 1) from error
                    raise unreadable(self.path, f"its text is not {used}", f"其中的文字不是 {used} 编码") from error
            parser.Parse(b"", True)

    def start(self, name: str, attributes: dict[str, str]) -> None:
        name = name.rpartition(":")[2]
        self.is_kml |= not self.below and name == "kml"
        self.below.append(name)
        self.parts.clear()
        self.length = 0
        if name in ("Folder", "Document"):
            self.folders.append("")
        elif name == "Placemark":
            self.placemark, self.pieces = {}, []
            self.name = self.description = ""
            self.is_odd = False
        elif name in ("Data", "SimpleData"):
            self.key = attributes.get("name")
            if self.placemark is not None and self.key is not None:
                self.placemark.setdefault(self.key, None)
        elif name == "Polygon":
            self.rings = []
        elif name in _ODD:
            self.is_odd = True

    def text(self, data: str) -> None:
        self.parts.append(data)
        self.length += len(data)
        if self.length > LONGEST:
            raise unreadable(self.path, "one of its elements is longer than 64 MB", "其中一个元素超过 64 MB")

    def end(self, name: str) -> None:
        name = self.below.pop()
        text = "".join(self.parts)
        self.parts.clear()
        self.length = 0
        above = self.below[-1] if self.below else ""
        if self.placemark is None:
            if name == "name" and above in ("Folder", "Document"):
                self.folders[-1] = text.strip()
            elif name in ("Folder", "Document"):
                self.folders.pop()
            elif name == "value" and self.key == NAME:
                self.notes = parse(text)
            return
        if (name == "value" and above == "Data") or name == "SimpleData":
            if self.key is not None and text:
                self.placemark[self.key] = text
        elif name in ("name", "description") and above == "Placemark":
            setattr(self, name, text.strip())
        elif name == "coordinates":
            self._place(above, _coordinates(text))
        elif name == "Polygon":
            self.pieces.append(shapely.Polygon(self.rings[0], self.rings[1:]) if self.rings else shapely.Polygon())
        elif name == "Placemark":
            self._finish()

    def _place(self, above: str, xy: NDArray[np.float64]) -> None:
        if above == "Point" and len(xy):
            self.pieces.append(shapely.Point(xy[0]))
        elif above == "LinearRing" and "Polygon" in self.below:
            if not self.rings and "outerBoundaryIs" not in self.below:
                raise ValueError("a polygon has a hole before its outline")
            self.rings.append(xy)
        elif above in ("LineString", "LinearRing"):
            self.pieces.append(shapely.LineString(xy))

    def _finish(self) -> None:
        assert self.placemark is not None
        folder = next((name for name in reversed(self.folders) if name), "")
        geometry = _together(self.pieces)
        self.found.append(
            (self.placemark, self.name, self.description, folder, geometry, self.is_odd and geometry is None)
        )
        self.placemark = None

    def table(self, layer: str | None) -> Table:
        """What was found. Errors: Refusal layer_missing."""
        folders = dict.fromkeys(each[3] for each in self.found)
        chosen = [each for each in self.found if layer is None or each[3] == layer]
        if layer is not None and not chosen:
            there = [name for name in folders if name]
            raise refuse(
                "layer_missing",
                f"{self.path.name} has no folder '{layer}'; it has {', '.join(there) or 'none'}.",
                f"{self.path.name} 中没有文件夹“{layer}”；现有：{'、'.join(there) or '无'}。",
                kind="unreadable",
            )
        names = dict.fromkeys(key for each in chosen for key in each[0])
        columns = {name: to_column([each[0].get(name) for each in chosen]) for name in names}
        taken = {name.casefold() for name in columns}
        for index, name in ((1, "name"), (2, "description")):
            values: list[Any] = [each[index] or None for each in chosen]
            if name not in taken and any(values):
                columns[name] = to_column(values)
        if len(folders) > 1 and layer is None and "folder" not in taken:
            columns["folder"] = to_column([each[3] or None for each in chosen])
        rows = np.arange(1, len(chosen) + 1, dtype=np.int64)
        faults = [shapes.unreadable(row) for row, each in zip(rows.tolist(), chosen, strict=True) if each[5]]
        geometry = to_column([each[4] for each in chosen])
        return Table(columns, geometry, "CRS84", rows, faults=tuple(faults), notes=self.notes)


def _coordinates(text: str) -> NDArray[np.float64]:
    places = [each.split(",")[:2] for each in re.sub(r"\s*,\s*", ",", text).split()]
    return np.array([[float(x), float(y)] for x, y in places], dtype=np.float64).reshape(-1, 2)


def _together(pieces: list[BaseGeometry]) -> BaseGeometry | None:
    """One geometry of the parts of a placemark."""
    if len(pieces) <= 1:
        return pieces[0] if pieces else None
    kinds = {piece.geom_type for piece in pieces}
    make = _MANY.get(kinds.pop(), shapely.GeometryCollection) if len(kinds) == 1 else shapely.GeometryCollection
    return make(pieces)


def _drawn(geometry: BaseGeometry | None) -> str:
    if geometry is None or geometry.is_empty:
        return ""
    if isinstance(geometry, shapely.Polygon):
        flat = shapely.orient_polygons(geometry)
        holes = "".join(_ring("innerBoundaryIs", ring) for ring in flat.interiors)
        return f"<Polygon>{_ring('outerBoundaryIs', flat.exterior)}{holes}</Polygon>"
    if isinstance(geometry, BaseMultipartGeometry):
        return f"<MultiGeometry>{''.join(_drawn(part) for part in geometry.geoms)}</MultiGeometry>"
    return f"<{geometry.geom_type}>{_written(geometry)}</{geometry.geom_type}>"


def _ring(name: str, ring: BaseGeometry) -> str:
    return f"<{name}><LinearRing>{_written(ring)}</LinearRing></{name}>"


def _written(geometry: BaseGeometry) -> str:
    xy = np.round(shapely.get_coordinates(geometry), DECIMALS).tolist()
    return "<coordinates>" + " ".join(f"{x!r},{y!r}" for x, y in xy) + "</coordinates>"


def _escaped(text: str) -> str:
    return escape(_NOT_XML.sub("", text), {"\r": "&#13;"})


def unreadable(path: Path, en: str, zh: str) -> Refusal:
    """The refusal of a file."""
    return refuse(
        "file_unreadable", f"{path.name} cannot be read: {en}.", f"无法读取 {path.name}：{zh}。", kind="unreadable"
    )


def _lost(row: int, column: str) -> Fault:
    return Fault(
        "text_cut",
        f"Row {row}: '{column}' has control characters, which XML cannot hold; they were left out.",
        f"第 {row} 行：“{column}”含有 XML 不允许的控制字符，已去除。",
        severity="warning",
        row=row,
    )
