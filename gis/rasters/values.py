"""What a raster says at points: the pixel that holds each, without interpolation."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gis.rasters.description import Description
from gis.rasters.reading import opened, read_window, scaled

Number = int | float | None


@dataclass(frozen=True, slots=True)
class Values:
    """What n points have: `bands` (n, bands) float64, NaN where the raster has no value; `outside` (n,) bool.

    A point on the outer edge is inside; one on an edge between pixels is of the eastern or southern one.
    """

    description: Description
    bands: NDArray[np.float64]
    outside: NDArray[np.bool_]

    def of(self, index: int) -> list[Number]:
        """The values of a point as JSON has them: whole where the band's are."""
        found = zip(self.description.bands, self.bands[index].tolist(), strict=True)
        return [None if value != value else int(value) if band.is_whole else value for band, value in found]


def values_at(path: Path, description: Description, lonlat: NDArray[np.float64]) -> Values:
    """The values at points (n, 2) in lon, lat of the store; a NaN point is outside.

    Each block of the file that holds points is read once, so that memory is that of one block and of the answer.
    Errors: Refusal raster_damaged; crs_no_transformation.
    """
    count = len(lonlat)
    found = np.full((count, len(description.bands)), np.nan)
    row, column = _pixels(description, description.to_raster(lonlat))
    inside = np.flatnonzero(row >= 0)
    if len(inside):
        with opened(path) as dataset:
            for some, window in _by_block(dataset, row, column, inside):
                block = read_window(dataset, [band.number for band in description.bands], window)
                numbers = block[:, row[some] - window[0], column[some] - window[1]]
                for at, band in enumerate(description.bands):
                    values = scaled(numbers.data[at], band).astype(np.float64)
                    values[np.ma.getmaskarray(numbers)[at]] = np.nan
                    found[some, at] = values
    return Values(description, found, row < 0)


def _pixels(description: Description, xy: NDArray[np.float64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Row and column of each position (n, 2) in units of the raster's CRS, both -1 outside."""
    west, south, east, north = description.extent
    x, y = xy[:, 0], xy[:, 1]
    with np.errstate(invalid="ignore"):
        inside = (x >= west) & (x <= east) & (y >= south) & (y <= north)
        column = np.where(inside, np.minimum((x - west) / description.x_step, description.width - 1), -1)
        row = np.where(inside, np.minimum((north - y) / description.y_step, description.height - 1), -1)
    return np.floor(row).astype(np.int64), np.floor(column).astype(np.int64)


def _by_block(dataset: Any, row: NDArray[np.int64], column: NDArray[np.int64], inside: NDArray[np.int64]) -> Any:
    """The points of each block, with the window around them in it, block by block."""
    high, wide = dataset.block_shapes[0]
    block = row[inside] // high * (dataset.width // wide + 1) + column[inside] // wide
    order = np.argsort(block, kind="stable")
    _, starts = np.unique(block[order], return_index=True)
    for some in np.split(inside[order], starts[1:]):
        rows, columns = row[some], column[some]
        top, left = int(rows.min()), int(columns.min())
        yield some, (top, left, int(rows.max()) - top + 1, int(columns.max()) - left + 1)
