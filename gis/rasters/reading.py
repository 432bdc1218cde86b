"""Rasters opened by GDAL: as GeoTIFF and nothing else, and no other file."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gis.errors import Refusal
from gis.rasters.description import Band
from gis.rasters.tiff import damaged

Window = tuple[int, int, int, int]
"""First row, first column, rows, columns."""

CACHE_BYTES = 2**26
OPTIONS = {
    # No files beside the one meant: no overviews, masks, world files or descriptions that somebody else wrote.
    "GDAL_DISABLE_READDIR_ON_OPEN": "EMPTY_DIR",
    "GDAL_PAM_ENABLED": "NO",
    "GDAL_GEOREF_SOURCES": "INTERNAL",
    # Nothing from a network: no name ends so.
    "CPL_VSIL_CURL_ALLOWED_EXTENSIONS": ".nothing-is-fetched",
    "CPL_CURL_ENABLE_VSIMEM": "NO",
    "PROJ_NETWORK": "OFF",
    "GDAL_HTTP_MAX_RETRY": "0",
    # A block that cannot be decoded is an error, not a grey one.
    "GTIFF_IGNORE_READ_ERRORS": "NO",
    "GDAL_ERROR_ON_LIBJPEG_WARNING": "TRUE",
    "GTIFF_FORCE_RGBA": "NO",
    "GDAL_TIFF_INTERNAL_MASK": "YES",
    "GDAL_CACHEMAX": CACHE_BYTES,
    "GDAL_NUM_THREADS": "1",
}


@contextmanager
def opened(path: Path) -> Iterator[Any]:
    """A rasterio dataset of a GeoTIFF. Not to be shared between threads. Errors: Refusal raster_damaged."""
    import rasterio

    with rasterio.Env(**OPTIONS):
        try:
            dataset = rasterio.open(path.absolute(), driver="GTiff", sharing=False)
        except troubles() as error:
            raise not_read(path.name, error) from error
        with dataset:
            yield dataset


def read_window(dataset: Any, bands: list[int], window: Window) -> np.ma.MaskedArray[Any, Any]:
    """The stored numbers (bands, rows, columns) of a window, masked where there are none. Errors: raster_damaged."""
    from rasterio.windows import Window as Part

    row, column, rows, columns = window
    try:
        found: np.ma.MaskedArray[Any, Any] = dataset.read(bands, window=Part(column, row, columns, rows), masked=True)
    except troubles() as error:
        raise not_read(Path(dataset.name).name, error) from error
    if found.dtype.kind == "f":
        found = np.ma.masked_invalid(found, copy=False)
    return found


def scaled(values: NDArray[Any], band: Band) -> NDArray[Any]:
    """What stored numbers mean: themselves, or float64 where the band has a scale or an offset."""
    if band.scale == 1 and band.offset == 0:
        return values
    meant: NDArray[Any] = values.astype(np.float64) * band.scale + band.offset
    return meant


def troubles() -> tuple[type[Exception], ...]:
    """What rasterio raises over a file: its own errors, those of GDAL, and numbers that it cannot take."""
    from rasterio._err import CPLE_BaseError
    from rasterio.errors import RasterioError

    return RasterioError, CPLE_BaseError, ValueError, SystemError


def not_read(name: str, error: Exception) -> Refusal:
    """The refusal of what GDAL could not read."""
    said = str(error.__cause__ or error).strip().splitlines()
    why = said[0][:200] if said else type(error).__name__
    return damaged(name, f"what it holds cannot be read ({why})", f"内容无法读取（{why}）")
