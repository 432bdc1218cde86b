"""Files in, files out: a `Table` from any of the formats that offices exchange, and back."""

import os
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import shapely

from gis import crs as reference
from gis.crs import DECIMALS, CrsLike
from gis.errors import Fault, Refusal, refuse
from gis.formats import archive, csv_pieces, dbf, delimited, dxf, excel, excel_out, geojson, kml, parquet, vector
from gis.formats.delimited import Axes
from gis.formats.notes import Notes, beside, read_beside, write_beside
from gis.formats.outputs import refusing
from gis.formats.pages import Pages
from gis.tables import Table

__all__ = ["PIECE", "check_form", "count_rows", "layers_of", "read", "read_cells", "read_pieces", "suffix_of", "write"]

PIECE = 20_000
"""Rows of a piece."""
_STALE = (".qix", ".sbn", ".sbx")  # indexes of a shapefile that would no longer be true
_WRITERS: Mapping[str, Callable[[Path, Pages, str, str | None], tuple[Fault, ...]]] = {
    ".gpkg": vector.write,
    ".fgb": vector.write,
    ".shp": vector.write,
    ".geojson": geojson.write,
    ".json": geojson.write,
    ".geojsonl": geojson.write,
    ".ndjson": geojson.write,
    ".jsonl": geojson.write,
    ".csv": delimited.write,
    ".tsv": delimited.write,
    ".parquet": parquet.write,
    ".xlsx": excel_out.write,
    ".kml": kml.write,
}
_BEGINNINGS = {
    ".gpkg": b"SQLite format 3\0",
    ".fgb": b"fgb",
    ".shp": b"\0\0\x27\x0a",
    ".parquet": b"PAR1",
    ".zip": b"PK",
    ".kmz": b"PK",
}
_OF_CELLS = (".csv", ".tsv", ".txt", ".xlsx")
_ROOMY = (".gpkg", ".fgb", ".geojson", ".json", ".parquet", ".xlsx", ".kml")  # with room for notes
WRITABLE = tuple(_WRITERS)
READABLE = (*_WRITERS, ".txt", ".dbf", ".gdb", ".dxf", ".kmz", ".zip")
_SELF_SAYING = (delimited.write, excel_out.write)
"""Formats that name their coordinate system in a column, whatever it is."""
_STANDARD = (geojson.write, kml.write)
"""Formats that are in CRS84 unless another system is asked for."""


def read(
    path: str | os.PathLike[str],
    *,
    layer: str | None = None,
    crs: CrsLike | None = None,
    encoding: str | None = None,
    x_column: str | None = None,
    y_column: str | None = None,
) -> Table:
    """The features of a file, told by its suffix: GeoPackage, FlatGeobuf, shapefile (or its dbf alone), FileGDB (a
    folder), GeoJSON (also one feature a line), CSV or TSV, Excel, GeoParquet, KML and KMZ, the points of a DXF; and
    each of them in a zip.

    Values keep their type: text stays text, dates become ISO text, numbers stay numbers (`gis.intake`
    makes codes of them); in CSV and KML everything is text. Rows whose geometry cannot be read have None and a fault.
    `crs` goes before what the file declares, `encoding` before what is found out about shapefiles and text. `x_column`
    and `y_column` name the coordinates of a CSV or a sheet; columns that are found to be the geometry by their own name
    are not repeated in `columns`.

    Errors: Refusal "unreadable": file_missing, file_unreadable, format_unknown, layer_missing, layer_ambiguous,
    encoding_wrong; "invalid": crs_unknown, encoding_unknown, column_missing.
    """
    (table,) = read_pieces(path, layer=layer, crs=crs, encoding=encoding, axes=(x_column, y_column), size=None)
    return table


def read_pieces(
    path: str | os.PathLike[str],
    *,
    layer: str | None = None,
    crs: CrsLike | None = None,
    encoding: str | None = None,
    axes: Axes = (None, None),
    size: int | None = PIECE,
) -> Iterator[Table]:
    """What `read` gives, in tables of at most `size` rows (None: of all), at least one, so that a file of any length
    takes the same memory: GeoPackage, FlatGeobuf, shapefile, dbf, FileGDB, CSV, TSV and Parquet; others come whole.

    `axes` are the columns of x and y, as `x_column` and `y_column` of `read`. What concerns the file and not its rows
    is told in the first table. Errors: those of `read`, some of them only on the way.
    """
    path = Path(path)
    if not path.is_file() and not (path.is_dir() and path.suffix.lower() == ".gdb"):
        raise refuse("file_missing", f"There is no file {path}.", f"文件不存在：{path}。", kind="unreadable")
    if crs is not None:
        reference.parse(crs)
    beside: Notes | None = None
    for number, table in enumerate(_read(path, layer, encoding, axes, size)):
        chosen, faults = reference.choose(table.crs, crs)
        beside = read_beside(path) if beside is None else beside
        told = (*table.faults, *(faults if number == 0 else ()))
        yield replace(table, crs=chosen, source=str(path), faults=told, notes=table.notes or beside)


def layers_of(path: Path) -> list[str] | None:
    """The layers of a database, or the sheets of a workbook that hold anything; None of what holds just one.

    Errors: Refusal file_unreadable.
    """
    match path.suffix.lower():
        case ".gpkg" | ".gdb":
            return vector.list_spatial(path)
        case ".xlsx":
            return excel.list_filled(path)
    return None


def check_form(path: Path) -> None:
    """What can be told of a file at once: whether its ending is known and its beginning that of its format, and of a
    shapefile whether its parts are there.

    Errors: Refusal format_unknown, file_unreadable.
    """
    suffix = path.suffix.lower()
    if suffix not in READABLE:
        raise _unknown_format(suffix)
    with path.open("rb") as file:
        if not file.read(16).startswith(_BEGINNINGS.get(suffix, b"")):
            raise refuse(
                "file_unreadable",
                f"{path.name} cannot be read: it does not begin like a {suffix} file. Export it again, or give it the "
                "ending of what it is.",
                f"无法读取 {path.name}：文件开头不是 {suffix} 格式。请重新导出，或使用与内容一致的扩展名。",
                kind="unreadable",
            )
    if suffix in (".shp", ".dbf"):
        dbf.check_whole(path)


def read_cells(path: Path, layer: str | None, encoding: str | None, size: int | None = PIECE) -> Iterator[Table] | None:
    """Every column of a CSV or a sheet as it stands, without looking for a geometry; None for other formats."""
    return _read(path, layer, encoding, None, size) if suffix_of(path, layer) in _OF_CELLS else None


def count_rows(path: Path, layer: str | None = None) -> int | None:
    """About how many rows a file has, where that is known before it is read."""
    match path.suffix.lower():
        case ".gpkg" | ".fgb" | ".shp" | ".dbf" | ".gdb":
            return vector.count_rows(path, layer)
        case ".csv" | ".tsv" | ".txt":
            return csv_pieces.count_lines(path)
        case ".parquet":
            return parquet.count_rows(path)
    return None


def suffix_of(path: Path, layer: str | None) -> str:
    """The ending that says the format; of a zip that of the file in it that is meant. Errors: those of `read`."""
    if path.suffix.lower() != ".zip":
        return path.suffix.lower()
    with archive.opened(path, layer, READABLE) as (inner, _):
        return inner.suffix.lower()


def _read(path: Path, layer: str | None, encoding: str | None, axes: Axes, size: int | None) -> Iterator[Table]:
    match path.suffix.lower():
        case ".zip":
            with archive.opened(path, layer, READABLE) as (inner, inner_layer):
                for table in _read(inner, inner_layer, encoding, axes, size):
                    yield replace(table, notes=table.notes or read_beside(inner))
        case ".kmz":
            with archive.opened(path, None, (".kml",), first="doc") as (inner, _):
                yield kml.read(inner, layer, encoding)
        case ".gpkg" | ".fgb" | ".shp" | ".dbf" | ".gdb":
            yield from vector.read_pieces(path, layer, encoding, size)
        case ".geojson" | ".json" | ".geojsonl" | ".ndjson" | ".jsonl":
            yield geojson.read(path, encoding)
        case ".csv" | ".tsv" | ".txt" if size is not None:
            yield from csv_pieces.read_tables(path, encoding, axes, size)
        case ".csv" | ".tsv" | ".txt":
            yield delimited.read(path, encoding, axes)
        case ".xlsx":
            yield excel.read(path, layer, axes)
        case ".kml":
            yield kml.read(path, layer, encoding)
        case ".dxf":
            yield dxf.read(path, encoding)
        case ".parquet":
            yield from parquet.read_pieces(path, size)
        case unknown:
            raise _unknown_format(unknown)


def write(
    path: str | os.PathLike[str],
    table: Table | Pages,
    *,
    layer: str | None = None,
    encoding: str | None = None,
    crs: CrsLike | None = None,
    notes: Notes | None = None,
) -> tuple[Fault, ...]:
    """Write a table, or its pages, in the format of the path's suffix, and say what that could not take as it was.

    The file appears whole or not at all. `crs` is the system to write in, by default that of the table (of GeoJSON and
    KML CRS84; GeoJSON in another one says so in the member `crs` of the older standard). GCJ-02 and BD-09 go into CSV
    and Excel alone, which name them in a column; of a local system a file gets the name and nothing else. Columns of
    one type keep it; mixed ones become text. `encoding` is for shapefile (UTF-8 or GBK, marked by a .cpg) and CSV
    ("utf-8-sig" sets the mark that Excel needs). `notes` is what the file says of itself, in it or beside it
    (`gis.formats.notes`).

    Errors: Refusal format_unknown, crs_missing, crs_unknown, crs_not_in_format, text_not_in_encoding,
    mixed_geometry, file_unwritable.
    """
    path = Path(path)
    suffix = path.suffix.lower()
    if suffix not in _WRITERS:
        raise _unknown_format(suffix)
    pages = Pages.of(table) if isinstance(table, Table) else table
    pages = replace(_in_crs(pages, crs, suffix), notes=notes or {})
    with refusing(path), tempfile.TemporaryDirectory(dir=path.parent, prefix=".writing-") as folder:
        faults = _WRITERS[suffix](Path(folder) / path.name, pages, layer or path.stem, encoding)
        if suffix not in _ROOMY:
            write_beside(Path(folder) / path.name, pages.notes)
        beside(path).unlink(missing_ok=True)
        if suffix == ".shp":
            for stale in _STALE:
                path.with_suffix(stale).unlink(missing_ok=True)
        for part in sorted(Path(folder).iterdir(), key=lambda part: part.suffix.lower() == suffix):
            os.replace(part, path.parent / part.name)
    return faults


def _in_crs(pages: Pages, wanted: CrsLike | None, suffix: str) -> Pages:
    """The pages with their geometry in the CRS that is to be written."""
    if not pages.has_geometry:
        return pages
    if pages.crs is None:
        raise refuse(
            "crs_missing",
            "The table does not say which coordinate reference system it is in, so it cannot be written.",
            "数据表未说明坐标系，无法写出。",
        )
    source = reference.parse(pages.crs)
    target = reference.parse(_target(pages.crs, wanted, suffix))
    if target.name in ("GCJ-02", "BD-09") and _WRITERS[suffix] not in _SELF_SAYING:
        raise _not_in_format(target.name, suffix)

    def moved(table: Table) -> Table:
        geometry = table.geometry
        if geometry is not None and not source.same(target):
            xy = reference.from_store(reference.to_store(shapely.get_coordinates(geometry), source), target)
            xy = np.round(xy, DECIMALS) if target.is_geographic else xy
            geometry = shapely.set_coordinates(shapely.force_2d(geometry), xy)
        return replace(table, geometry=geometry, crs=target.name if target.local is None else target)

    return pages.through(moved)


def _target(own: CrsLike, wanted: CrsLike | None, suffix: str) -> CrsLike:
    """The CRS to write in: GeoJSON is in CRS84 unless another one is asked for, KML always.

    Errors: Refusal crs_not_in_format.
    """
    if _WRITERS[suffix] not in _STANDARD:
        return wanted or own
    if wanted is None or reference.parse(wanted).same(reference.parse("CRS84")):
        return "CRS84"
    if suffix == ".kml":
        raise _not_in_format(reference.parse(wanted).name, suffix)
    return wanted


def _not_in_format(name: str, suffix: str) -> Refusal:
    return refuse(
        "crs_not_in_format",
        f"A {suffix} file cannot say that it is in {name}, and would be taken for WGS 84; write CSV or Excel, or "
        "name another system.",
        f"{suffix} 文件无法标明 {name}，会被误认为 WGS 84；请改写 CSV 或 Excel，或指定其他坐标系。",
    )


def _unknown_format(suffix: str) -> Refusal:
    return refuse(
        "format_unknown",
        f"'{suffix}' is no format known here; these are: {', '.join(READABLE)}.",
        f"不支持“{suffix}”格式；支持的格式：{'、'.join(READABLE)}。",
        kind="unreadable",
    )
