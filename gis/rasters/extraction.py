"""What exactextract asks of us: a band that it reads and polygons that it takes. Importing this needs the library."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import shapely
from exactextract import exact_extract
from exactextract.feature import FeatureSource, JSONFeature
from exactextract.raster import RasterSource
from numpy.typing import NDArray

from gis.rasters.description import Band, Box, Description
from gis.rasters.reading import read_window, scaled

NUMBER = "number"


class Pixels(RasterSource):  # type: ignore[misc]
    """A band of ours as float64, NaN where there is no value.

    `told` is called before each piece is read and may raise to stop.
    """

    def __init__(self, dataset: Any, description: Description, band: Band, told: Callable[[], None]) -> None:
        super().__init__()
        self.dataset, self.description, self.band, self.told = dataset, description, band, told

    def res(self) -> tuple[float, float]:
        return self.description.x_step, self.description.y_step

    def extent(self) -> Box:
        return self.description.extent

    def srs_wkt(self) -> None:
        return None

    def nodata_value(self) -> None:
        return None

    def read_window(self, x0: int, y0: int, nx: int, ny: int) -> Any:
        self.told()
        read = read_window(self.dataset, [self.band.number], (y0, x0, ny, nx))[0]
        values = scaled(read.data, self.band).astype(np.float64)
        values[np.ma.getmaskarray(read)] = np.nan  # a mask is lost on exactextract 0.3 when it goes by the raster
        return values


class Polygon(JSONFeature):  # type: ignore[misc]
    """A polygon with its number."""

    def __init__(self, number: int, shape: shapely.Geometry) -> None:
        super().__init__({"type": "Feature", "properties": {NUMBER: number}})
        self.wkb = shapely.to_wkb(shape)

    def geometry(self) -> bytes:
        return self.wkb


class Polygons(FeatureSource):  # type: ignore[misc]
    """Those polygons of an array that were chosen by number."""

    def __init__(self, chosen: Sequence[int], shapes: NDArray[Any]) -> None:
        super().__init__()
        self.chosen, self.shapes = chosen, shapes

    def count(self) -> int:
        return len(self.chosen)

    def __iter__(self) -> Iterator[Polygon]:
        return (Polygon(number, self.shapes[number]) for number in self.chosen)

    def srs_wkt(self) -> None:
        return None


def extract(pixels: Pixels, polygons: Polygons, operations: Sequence[str], cells: int) -> dict[int, dict[str, Any]]:
    """The results of the operations by the number of each polygon, with at most `cells` pixels read at a time."""
    rows = exact_extract(
        pixels,
        polygons,
        list(operations),
        include_cols=[NUMBER],
        strategy="raster-sequential",
        max_cells_in_memory=cells,
    )
    return {int(row["properties"][NUMBER]): row["properties"] for row in rows}
