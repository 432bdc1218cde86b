"""Cloud-optimised GeoTIFFs from what can be read, window by window, so that memory does not grow with the raster."""

import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from gis import crs as reference
from gis.crs import CrsLike
from gis.errors import Refusal
from gis.rasters.description import Description
from gis.rasters.reading import OPTIONS, Window, not_read, read_window, troubles

TILE = 512
WINDOW_BYTES = 2**25
PLAIN = {
    "driver": "GTiff",
    "tiled": True,
    "blockxsize": TILE,
    "blockysize": TILE,
    "compress": "deflate",
    "zlevel": 1,
    "bigtiff": "if_safer",
}
"""How a file is written from which a COG is made."""
Told = Callable[[str, int, int], None]
"""Hears of each step: its name, how many rows are done, of how many."""


def check_blocks(dataset: Any, told: Told) -> None:
    """Decode every pixel and every mask once. Errors: Refusal raster_damaged."""
    bands = list(dataset.indexes)
    for window in _windows(dataset):
        told("check", window[0], dataset.height)
        read_window(dataset, bands, window)


def keep_as_is(dataset: Any, source: Path, target: Path, told: Told) -> None:
    """Copy a file whose every block can be decoded. Errors: Refusal raster_damaged."""
    check_blocks(dataset, told)
    told("copy", dataset.height, dataset.height)
    shutil.copyfile(source, target)


def make_cog(dataset: Any, description: Description, target: Path, told: Told) -> Description:
    """Write a dataset as a COG with nothing in it but what was described, losslessly; gives what is written.

    Every window is read once into a plain tiled file beside `target`, and the COG with its overviews is made of that.
    Errors: Refusal raster_damaged.
    """
    plain = target.with_name(f"{target.stem}-plain.tif")
    try:
        _write_plain(dataset, description, plain, told)
        told("overviews", dataset.height, dataset.height)
        copy_to_cog(plain, target, _is_picture(description))
    finally:
        plain.unlink(missing_ok=True)
    return replace(description, compression="deflate", kept=False)


def copy_to_cog(plain: Path, target: Path, average: bool) -> None:
    """A file that we wrote as a COG. Overviews take the nearest pixel unless an `average` of pixels means something."""
    import rasterio
    import rasterio.shutil

    with rasterio.Env(**{**OPTIONS, "CPL_TMPDIR": str(target.parent)}):
        try:
            rasterio.shutil.copy(
                plain.absolute(),
                target.absolute(),
                driver="COG",
                COMPRESS="DEFLATE",
                PREDICTOR="YES",
                BLOCKSIZE=str(TILE),
                BIGTIFF="IF_SAFER",
                OVERVIEWS="IGNORE_EXISTING",
                OVERVIEW_RESAMPLING="AVERAGE" if average else "NEAREST",
            )
        except troubles() as error:
            raise not_read(plain.name, error) from error


def to_rasterio(crs: CrsLike) -> Any:
    """A CRS as rasterio has it; None for local systems, which are secret, and for others that no file can name."""
    from pyproj import CRS as Projection
    from rasterio.crs import CRS

    try:
        known = reference.parse(crs)
    except Refusal:  # the name of a local system
        return None
    if known.local is not None or known.name in ("GCJ-02", "BD-09"):
        return None
    text = "EPSG:4326" if known.name == "CRS84" else known.name
    return CRS.from_wkt(Projection.from_user_input(text).to_wkt())


def write_options(description: Description) -> dict[str, Any]:
    """How rasterio is told to write a plain tiled file of a raster."""
    from rasterio.transform import Affine

    first = description.bands[0]
    return {
        **PLAIN,
        "width": description.width,
        "height": description.height,
        "crs": to_rasterio(description.crs),
        "transform": Affine(description.x_step, 0, description.left, 0, -description.y_step, description.top),
        "nodata": first.nodata,
        "dtype": first.dtype,
    }


def _write_plain(dataset: Any, description: Description, path: Path, told: Told) -> None:
    import rasterio
    from rasterio.windows import Window as Part

    bands = list(dataset.indexes)
    with rasterio.open(path.absolute(), "w", count=len(bands), **write_options(description)) as plain:
        plain.colorinterp = dataset.colorinterp
        if description.has_colours:
            plain.write_colormap(1, dataset.colormap(1))
        plain.scales, plain.offsets = _by_number(dataset, description)
        for band in description.bands:
            plain.set_band_description(band.number, band.name)
            if band.unit:
                plain.set_band_unit(band.number, band.unit)
        for window in _windows(dataset):
            told("write", window[0], dataset.height)
            row, column, rows, columns = window
            part = Part(column, row, columns, rows)
            found = read_window(dataset, bands, window)
            plain.write(found.data, window=part)
            if description.mask == "mask":
                shown = ~np.ma.getmaskarray(found).all(axis=0)
                plain.write_mask(shown, window=part)


def _by_number(dataset: Any, description: Description) -> tuple[list[float], list[float]]:
    known = {band.number: band for band in description.bands}
    numbers = dataset.indexes
    scales = [known[each].scale if each in known else 1.0 for each in numbers]
    return scales, [known[each].offset if each in known else 0.0 for each in numbers]


def _is_picture(description: Description) -> bool:
    return not description.has_colours and (
        len(description.bands) >= 3 or description.bands[0].dtype.startswith("float")
    )


def _windows(dataset: Any) -> Iterator[Window]:
    """Windows of at most some 32 MB, whole blocks of a tiled file high, from north to south."""
    pixel = sum(np.dtype(each).itemsize + 1 for each in dataset.dtypes)
    rows = min(TILE, dataset.height)
    columns = max(TILE, WINDOW_BYTES // (pixel * rows) // TILE * TILE)
    for row in range(0, dataset.height, rows):
        for column in range(0, dataset.width, columns):
            yield row, column, min(rows, dataset.height - row), min(columns, dataset.width - column)


def sync(path: Path) -> None:
    """See that what was written is on the disk."""
    with path.open("rb") as file:
        os.fsync(file.fileno())
