"""Writing files: CSV, GeoPackage and the shapefile of an office that has never heard of UTF-8."""

import csv
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pyogrio
import pyogrio.raw
import shapely
from numpy.typing import NDArray

_CRS = "EPSG:4490"
_ROWS_AT_ONCE = 250_000  # keeps the text of a large inventory from being in memory all at once
_SIDE_FILES = (".shp", ".shx", ".dbf", ".prj", ".cpg")


@contextmanager
def one_clock() -> Iterator[None]:
    """GeoPackages note when they were written; let that be the same for the same city."""
    pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": "2026-01-01T00:00:00.000Z"})
    try:
        yield
    finally:
        pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": None})


def write_csv(path: Path, heading: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(heading)
        writer.writerows(rows)


def write_layer(path: Path, layer: str, geometry: NDArray[np.object_], columns: Mapping[str, Any]) -> None:
    """Add a layer to a GeoPackage, made if absent. Columns are (n,) arrays or lists; None is null."""
    fields = [np.asarray(values) for values in columns.values()]
    for start in range(0, max(1, len(geometry)), _ROWS_AT_ONCE):
        part = slice(start, start + _ROWS_AT_ONCE)
        pyogrio.raw.write(
            path,
            shapely.to_wkb(geometry[part]),
            [_as_field(values[part]) for values in fields],
            list(columns),
            layer=layer,
            driver="GPKG",
            geometry_type="Point" if shapely.get_type_id(geometry[0]) == shapely.GeometryType.POINT else "Polygon",
            crs=_CRS,
            append=start > 0,
        )


def write_old_shapefile(path: Path, geometry: NDArray[np.object_], columns: Mapping[str, Any]) -> None:
    """A shapefile in GBK that does not say so: there is no .cpg."""
    for suffix in _SIDE_FILES:
        path.with_suffix(suffix).unlink(missing_ok=True)
    pyogrio.raw.write(
        path,
        shapely.to_wkb(geometry),
        [_as_field(np.asarray(values)) for values in columns.values()],
        list(columns),
        driver="ESRI Shapefile",
        geometry_type="Polygon",
        crs=_CRS,
        encoding="GBK",
        layer_options={"DBF_DATE_LAST_UPDATE": "2026-01-01"},
    )
    path.with_suffix(".cpg").unlink(missing_ok=True)


def _as_field(values: NDArray[Any]) -> NDArray[Any]:
    return values if values.dtype.kind in "if" else values.astype(object)
