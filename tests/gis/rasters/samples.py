"""Small rasters written for a test, right ones and hostile ones."""

import struct
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.transform import Affine

from gis.rasters.workshop import Made, make_from

LEFT, TOP, STEP = 500_000.0, 2_500_000.0, 10.0
PLANE = "EPSG:4547"
MOST = 10**9


def write(path: Path, cells: NDArray[Any], **options: Any) -> Path:
    """A GeoTIFF of cells (rows, columns) or (bands, rows, columns), at (LEFT, TOP) in PLANE unless told otherwise."""
    cells = cells[None] if cells.ndim == 2 else cells
    mask, colours = options.pop("mask", None), options.pop("colours", None)
    tags, scales, offsets = options.pop("tags", None), options.pop("scales", None), options.pop("offsets", None)
    said = {
        "driver": "GTiff",
        "count": cells.shape[0],
        "height": cells.shape[1],
        "width": cells.shape[2],
        "dtype": cells.dtype,
        "crs": PLANE,
        "transform": Affine(STEP, 0, LEFT, 0, -STEP, TOP),
        **options,
    }
    with rasterio.Env(GDAL_TIFF_INTERNAL_MASK="YES"), rasterio.open(path, "w", **said) as dataset:
        dataset.write(cells)
        if mask is not None:
            dataset.write_mask(mask)
        if colours is not None:
            dataset.write_colormap(1, colours)
        if scales is not None:
            dataset.scales = scales
        if offsets is not None:
            dataset.offsets = offsets
        if tags is not None:
            dataset.update_tags(**tags)
    return path


def made_of(source: Path, **options: Any) -> Made:
    """The COG of a file, beside it."""
    return make_from(source, source.with_name(f"made-{source.stem}.tif"), most_bytes=MOST, **options)


def read_all(path: Path) -> np.ma.MaskedArray[Any, Any]:
    """Everything in a file, masked."""
    with rasterio.open(path) as dataset:
        found: np.ma.MaskedArray[Any, Any] = dataset.read(masked=True)
    return found


def forged(path: Path, width: int, height: int, body: bytes = b"\0" * 64, **changed: Any) -> Path:
    """A TIFF of one grey band made by hand. `changed` maps t256 … to (type, values) and tags to leave out to None."""
    tags: dict[int, tuple[int, list[int]]] = {
        256: (4, [width]),
        257: (4, [height]),
        258: (3, [8]),
        259: (3, [1]),
        262: (3, [1]),
        273: (4, [8]),
        277: (3, [1]),
        278: (4, [height]),
        279: (4, [len(body)]),
    }
    for name, value in changed.items():
        number = int(name[1:])
        tags = {tag: each for tag, each in tags.items() if tag != number} | ({} if value is None else {number: value})
    start = 8 + len(body)
    start += start % 2
    entries, later, at = b"", b"", start + 2 + 12 * len(tags) + 4
    for tag, (kind, values) in sorted(tags.items()):
        letter = {1: "B", 2: "B", 3: "H", 4: "I", 12: "d"}[kind]
        content = struct.pack(f"<{len(values)}{letter}", *values)
        if len(content) > 4:
            place = struct.pack("<I", at + len(later))
            later += content + b"\0" * (len(content) % 2)
        else:
            place = content.ljust(4, b"\0")
        entries += struct.pack("<HHI", tag, kind, len(values)) + place
    directory = struct.pack("<H", len(tags)) + entries + struct.pack("<I", 0)
    path.write_bytes((b"II*\0" + struct.pack("<I", start) + body).ljust(start, b"\0") + directory + later)
    return path


PLACED = {
    "t33550": (12, [10.0, 10.0, 0.0]),
    "t33922": (12, [0.0, 0.0, 0.0, 500_000.0, 2_500_000.0, 0.0]),
    "t34735": (3, [1, 1, 0, 3, 1024, 0, 1, 1, 1025, 0, 1, 1, 3072, 0, 1, 4547]),
}
"""Tags that place a forged file."""
