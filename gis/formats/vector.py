"""What GDAL reads and writes: GeoPackage, FlatGeobuf, shapefile; and reads: FileGDB."""

import re
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import shapely
from numpy.typing import NDArray

from gis import crs as reference
from gis import systems
from gis.errors import Fault, Refusal, refuse
from gis.formats import dbf, shapes
from gis.formats.columns import from_arrow, named_once, to_arrow, to_column
from gis.formats.notes import NAME, Notes, parse, spell
from gis.formats.pages import NOWHERE, Pages
from gis.tables import Table

# GDAL goes by the content of a file, and some of its formats name other files to read: only what the suffix says.
_MAGIC = {".gpkg": (b"SQLite format 3\0",), ".fgb": (b"fgb",), ".shp": (b"\0\0\x27\x0a",), ".dbf": dbf.MAGIC}
SUFFIXES = (*_MAGIC, ".gdb")
_DRIVERS = {".gpkg": "GPKG", ".fgb": "FlatGeobuf", ".shp": "ESRI Shapefile"}
_ERRORS = (RuntimeError, OSError, ValueError, pa.ArrowException)  # of GDAL by pyogrio, of Arrow, of text
_MAKE_MULTI: Mapping[str, Callable[..., NDArray[Any]]] = {
    "Point": shapely.multipoints,
    "LineString": shapely.multilinestrings,
    "Polygon": shapely.multipolygons,
}
_MULTI = {"Point": "MultiPoint", "LineString": "MultiLineString", "Polygon": "MultiPolygon"}


@cache
def _gdal() -> Any:
    """GDAL as pyogrio gives it, which is loaded when it is first needed: pandas comes with it."""
    import pyogrio

    # FlatGeobuf's own way to Arrow gives wrong offsets for a feature without geometry (GDAL 3.12).
    pyogrio.set_gdal_config_options({"OGR_FLATGEOBUF_STREAM_BASE_IMPL": "YES"})
    return pyogrio


def read_pieces(path: Path, layer: str | None, encoding: str | None, size: int | None) -> Iterator[Table]:
    """The features of a layer in tables of at most `size` rows (None: of all), at least one.

    Errors: Refusal file_unreadable, layer_missing, layer_ambiguous, encoding_wrong.
    """
    suffix = path.suffix.lower()
    _check(path, suffix)
    is_dbf = suffix in (".shp", ".dbf")
    name = None if is_dbf else _named(path, layer)
    notes: Notes = {} if is_dbf else _notes(path, name)
    decoding = _decoding(path, encoding, size) if is_dbf else None
    first = 1
    for meta, arrow in _batches(path, name, is_dbf, size):
        if is_dbf and decoding is None:
            decoding = dbf.find_decoding(path, dbf.raw_of(arrow, len(meta["fields"])), encoding)
        used = None if decoding is None else decoding.used
        yield replace(_table(path, meta, arrow, decoding, first), notes=notes, encoding=used)
        first += len(arrow)
    if suffix == ".gdb":
        _check_count(path, first - 1, count_rows(path, name))


def count_rows(path: Path, layer: str | None) -> int | None:
    """How many features a layer has, where the file tells so at once."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            name = None if path.suffix.lower() in (".shp", ".dbf") else _layer(path, layer)
            found = int(_gdal().read_info(path, layer=name)["features"])
    except (*_ERRORS, Refusal):
        return None
    return None if found < 0 else found


def list_spatial(path: Path) -> list[str]:
    """The layers of a file that have a geometry. Errors: Refusal file_unreadable."""
    _check(path, path.suffix.lower())
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return [str(name) for name, kind in _gdal().list_layers(path).tolist() if kind is not None]
    except _ERRORS as error:
        raise _unreadable(path, str(error)) from error


def _batches(
    path: Path, name: str | None, is_dbf: bool, size: int | None, with_geometry: bool = True
) -> Iterator[tuple[Mapping[str, Any], pa.Table]]:
    """What GDAL reads, in order. Errors: Refusal file_unreadable."""
    asked: dict[str, Any] = {"layer": name, "encoding": dbf.RAW if is_dbf else None, "datetime_as_string": True}
    asked["read_geometry"] = with_geometry

    def found() -> Iterator[tuple[Mapping[str, Any], pa.Table]]:
        if size is None:
            yield _gdal().read_arrow(path, **asked)
            return
        with _gdal().open_arrow(path, batch_size=size, use_pyarrow=True, **asked) as (meta, reader):
            empty = True
            for batch in reader:
                empty = False
                yield meta, pa.Table.from_batches([batch])
            if empty:
                yield meta, reader.schema.empty_table()

    batches = found()
    while True:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # GDAL's remarks; what matters is checked
            try:
                batch = next(batches)
            except StopIteration:
                return
            except _ERRORS as error:
                raise _unreadable(path, str(error)) from error
        yield batch


def _decoding(path: Path, encoding: str | None, size: int | None) -> dbf.Decoding | None:
    """How the text of a dbf is read that comes in several pieces: found in a reading of its own."""
    if size is None or (count_rows(path, None) or 0) <= size:
        return None
    raw: set[bytes] = set()
    for meta, arrow in _batches(path, None, True, size, with_geometry=False):
        raw |= dbf.raw_of(arrow, len(meta["fields"]))
        if len(raw) >= dbf.MOST_TEXTS:
            break
    return dbf.find_decoding(path, raw, encoding)


def write(path: Path, pages: Pages, layer: str, encoding: str | None) -> tuple[Fault, ...]:
    """Write a layer. Errors: Refusal text_not_in_encoding, mixed_geometry, file_unwritable."""
    suffix = path.suffix.lower()
    is_shape = suffix == ".shp"
    used = dbf.writable(encoding) if is_shape else "utf-8"
    names = named_once(pages.names, longest=dbf.LONGEST_NAME if is_shape else None, encoding=used)
    faults = [_renamed(old, new) for old, new in zip(pages.names, names, strict=True) if old != new]
    kind, to_many = _one_type(pages, is_shape)
    heads = {name.casefold() for name in names}
    column = next(name for name in ("geom", "geometry", "the_geom", "geom_") if name not in heads)
    fields = list(zip(names, pages.types.values(), strict=True))
    if pages.has_geometry:
        fields.append((column, pa.binary()))
    schema = pa.schema(fields)
    options: dict[str, Any] = {}
    if suffix == ".gpkg" and "fid" in heads:
        options["FID"] = next(name for name in ("ogc_fid", "fid_", "ogc_fid_") if name not in heads)
    if suffix == ".fgb" and (not pages.has_geometry or NOWHERE in pages.kinds):
        options["SPATIAL_INDEX"] = "NO"  # which has no place for a feature without geometry
    trouble: list[BaseException] = []

    def batches() -> Iterator[pa.RecordBatch]:
        try:
            for table in pages.tables():
                arrow = to_arrow(table.columns, names, pages.types.values())
                if is_shape:
                    faults.extend(dbf.check(arrow, table.rows, used))
                if table.geometry is not None:
                    shapes_ = _many(table.geometry, to_many) if to_many else table.geometry
                    wkb = pa.array(shapely.to_wkb(shapes_, flavor="iso").tolist(), pa.binary())
                    arrow = arrow.append_column(column, wkb)
                yield from arrow.cast(schema).to_batches()
        except BaseException as error:  # GDAL would tell no more than that there was one
            trouble.append(error)
            raise

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            _gdal().write_arrow(
                pa.RecordBatchReader.from_batches(schema, batches()),
                path,
                layer=path.stem if is_shape else layer,
                driver=_DRIVERS[suffix],
                geometry_name=column if pages.has_geometry else None,
                geometry_type=kind if pages.has_geometry else None,
                crs=_definition(pages.crs) if pages.has_geometry else None,
                encoding=used if is_shape else None,
                layer_options=options,
                layer_metadata={NAME: spell(pages.notes)} if pages.notes and not is_shape else None,
            )
    except _ERRORS as error:
        if trouble:
            raise trouble[0] from None
        reason = _plain(str(error), path)
        raise refuse(
            "file_unwritable", f"{path.name} cannot be written: {reason}.", f"无法写入 {path.name}：{reason}。"
        ) from error
    return tuple(faults)


def _named(path: Path, layer: str | None) -> str:
    """The layer that is meant. Errors: those of `_layer`, file_unreadable."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return _layer(path, layer)
    except _ERRORS as error:
        raise _unreadable(path, str(error)) from error


def _notes(path: Path, name: str | None) -> Notes:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            told = _gdal().read_info(path, layer=name)["layer_metadata"]
    except _ERRORS:
        return {}
    return parse((told or {}).get(NAME))


def _check(path: Path, suffix: str) -> None:
    if suffix == ".gdb":
        if not (path / "a00000001.gdbtable").is_file():
            raise _unreadable(path, "it is no FileGDB folder", "它不是 FileGDB 文件夹")
        return
    with path.open("rb") as file:
        head = file.read(16)
    if not head.startswith(_MAGIC[suffix]):
        raise _unreadable(path, f"it is no {suffix[1:]} file", f"它不是 {suffix[1:]} 文件")
    if suffix in (".shp", ".dbf"):
        dbf.check_whole(path)


def _check_count(path: Path, found: int, told: int | None) -> None:
    """GDAL leaves damaged rows out without a word. Errors: Refusal file_unreadable."""
    if told is not None and found != told:
        raise _unreadable(
            path,
            f"it is damaged, {found} of {told} features can be read",
            f"文件已损坏，{told} 个要素中只能读取 {found} 个",
        )


def _layer(path: Path, wanted: str | None) -> str:
    """The layer that is meant: the one named, else the only one with geometry, else the only one."""
    layers: list[tuple[str, str | None]] = _gdal().list_layers(path).tolist()
    names = [name for name, _ in layers]
    if wanted is not None:
        if wanted in names:
            return wanted
        raise refuse(
            "layer_missing",
            f"{path.name} has no layer '{wanted}'; it has {', '.join(names) or 'none'}.",
            f"{path.name} 中没有图层“{wanted}”；现有：{'、'.join(names) or '无'}。",
            kind="unreadable",
        )
    spatial = [name for name, kind in layers if kind is not None]
    candidates = spatial or names
    if len(candidates) == 1:
        return candidates[0]
    if not candidates:
        raise _unreadable(path, "it has no layer", "其中没有图层")
    raise refuse(
        "layer_ambiguous",
        f"{path.name} has several layers; name one: {', '.join(candidates)}.",
        f"{path.name} 中有多个图层，请指定其一：{'、'.join(candidates)}。",
        kind="unreadable",
    )


def _table(path: Path, meta: Mapping[str, Any], arrow: pa.Table, decoding: dbf.Decoding | None, first: int) -> Table:
    fields = len(meta["fields"])
    names = [str(name) for name in arrow.schema.names[:fields]]
    rows = np.arange(first, first + len(arrow), dtype=np.int64)
    try:
        values = [from_arrow(arrow.column(index)) for index in range(fields)]
    except _ERRORS as error:
        raise _unreadable(path, "its text is not UTF-8", "其中的文字不是 UTF-8 编码") from error
    faults: list[Fault] = []
    if decoding is not None:
        names, values, faults = dbf.decode(decoding, names, values, rows)
    columns = dict(zip(named_once(names), values, strict=True))
    if meta["geometry_type"] is None or fields == arrow.num_columns:
        return Table(columns, None, None, rows, faults=tuple(faults))
    wkb = to_column(arrow.column(arrow.num_columns - 1).to_pylist())
    geometry, unread = shapes.parse(shapely.from_wkb, wkb, rows)
    return Table(columns, geometry, _declared(meta["crs"]), rows, faults=(*faults, *unread))


def _declared(text: str | None) -> str | None:
    """The CRS that a file declares, None for GDAL's ways to say that it does not know.

    The name of a system that is no more than a name stays a name: it may be known here.
    """
    if text and (name := systems.name_in(text)) is not None:
        return name
    if not text or text.startswith(("LOCAL_CS", "ENGCRS")) or "Undefined geographic SRS" in text:
        return None
    try:
        return reference.parse(text).name
    except Refusal:
        return text


def _definition(crs: reference.CrsLike | None) -> str:
    frame = reference.parse(crs or reference.STORE)
    if frame.local is not None:
        return systems.name_as_wkt(frame)
    return "EPSG:4326" if frame.name == "CRS84" else frame.name  # files hold lon, lat whatever the authority says


def _one_type(pages: Pages, is_shape: bool) -> tuple[str, str | None]:
    """The name of the type of a layer, "Unknown" for a mixture, and which single ones are to become multi for it."""
    names = pages.kinds - {NOWHERE}
    if len(names) <= 1:
        return next(iter(names), "Unknown"), None
    single = next((name for name in names if _MULTI.get(name) in names), None)
    if single is not None and len(names) == 2:
        return (single, None) if is_shape and single != "Point" else (_MULTI[single], single)
    if is_shape:
        raise refuse(
            "mixed_geometry",
            f"A shapefile holds one type of geometry, not {', '.join(sorted(names))}; write a GeoPackage.",
            f"Shapefile 只能存放一种几何类型，现有 {'、'.join(sorted(names))}；请改写 GeoPackage。",
        )
    return "Unknown", None


def _many(geometry: NDArray[Any], single: str) -> NDArray[Any]:
    alone = np.array([g is not None and g.geom_type == single for g in geometry], dtype=bool)
    result = geometry.copy()
    result[alone] = _MAKE_MULTI[single](geometry[alone], indices=np.arange(alone.sum()))
    return result


def _unreadable(path: Path, en: str, zh: str | None = None) -> Refusal:
    return refuse(
        "file_unreadable",
        f"{path.name} cannot be read: {_plain(en, path)}.",
        f"无法读取 {path.name}：{zh or _plain(en, path)}。",
        kind="unreadable",
    )


def _plain(message: str, path: Path) -> str:
    """What GDAL said, without where it was and what to set."""
    message = re.sub(r"It might help to specify the correct driver.*", "", message, flags=re.DOTALL)
    message = re.sub(r"Error occurred in \S+ at line \d+", "its structure is wrong", message)
    return message.replace(str(path), path.name).strip().rstrip(".") or "GDAL does not say why"


def _renamed(old: str, new: str) -> Fault:
    return Fault(
        "column_renamed",
        f"The column '{old}' is written as '{new}'.",
        f"列“{old}”写为“{new}”。",
        severity="note",
    )
