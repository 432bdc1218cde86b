"""What is known of a raster, as a value that is kept as JSON."""

import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import pyproj
from numpy.typing import NDArray

from gis import crs as reference
from gis.crs import Crs, CrsLike

EDGE_POINTS = 21
Box = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class Band:
    """A band: its number in the file from 1, and how its numbers are to be read (value = stored x scale + offset).

    `nodata` is the stored number that means no value, NaN included, None where no number does.
    """

    number: int
    name: str
    dtype: str
    nodata: float | None
    scale: float = 1.0
    offset: float = 0.0
    unit: str = ""

    @property
    def is_whole(self) -> bool:
        """Whether its values are whole numbers."""
        return not self.dtype.startswith("float") and self.scale == 1 and self.offset == 0


@dataclass(frozen=True, slots=True)
class Description:
    """A raster whose rows lie west to east and whose columns north to south.

    The upper left corner of the first pixel is (left, top), a pixel is `x_step` by `y_step` (both positive), all in
    units of `crs`, which is a value where it is a local system. `mask` says what else hides pixels: "none", "alpha" or
    "mask". An alpha band is none of `bands`.
    """

    width: int
    height: int
    left: float
    top: float
    x_step: float
    y_step: float
    crs: CrsLike
    bands: tuple[Band, ...]
    mask: str
    has_colours: bool
    compression: str
    kept: bool
    """Whether the file is as it was delivered, because it was a COG already."""

    @property
    def extent(self) -> Box:
        """West, south, east, north in units of its CRS."""
        return (
            self.left,
            self.top - self.height * self.y_step,
            self.left + self.width * self.x_step,
            self.top,
        )

    @property
    def system(self) -> Crs:
        return reference.parse(self.crs)

    def bounds(self) -> Box | None:
        """The box in lon, lat that holds its edges, 1e-7 degree wide; west > east where it crosses the antimeridian.

        None when its CRS does not reach there.
        """
        west, south, east, north = self.extent
        share = np.linspace(0, 1, EDGE_POINTS)
        x, y = west + share * (east - west), south + share * (north - south)
        sides = [(x, south + 0 * y), (x, north + 0 * y), (west + 0 * x, y), (east + 0 * x, y)]
        lonlat = reference.to_store(np.concatenate([np.column_stack(each) for each in sides]), self.system)
        lonlat = lonlat[np.isfinite(lonlat).all(axis=1)]
        if not len(lonlat) or np.abs(lonlat[:, 1]).max() > 90 + 1e-9:
            return None
        lon = np.where(np.abs(lonlat[:, 0]) > 180, (lonlat[:, 0] + 180) % 360 - 180, lonlat[:, 0])
        least, most = float(lon.min()), float(lon.max())
        wraps = not self.system.is_geographic or east - west < 359
        if most - least > 180 and wraps:
            least, most = float(lon[lon > 0].min()), float(lon[lon < 0].max())
        low, high = lonlat[:, 1].min(), lonlat[:, 1].max()
        return (round(least, 7), round(float(low), 7), round(most, 7), round(float(high), 7))

    def to_raster(self, lonlat: NDArray[np.float64]) -> NDArray[np.float64]:
        """Positions (n, 2) of the store in units of its CRS; a longitude that it counts otherwise is turned round."""
        xy = reference.from_store(lonlat, self.system)
        if self.system.is_geographic:
            turned = self.left + (xy[:, 0] - self.left) % 360
            xy = np.column_stack([np.where(turned > self.extent[2], xy[:, 0], turned), xy[:, 1]])
        return xy

    def as_dict(self) -> dict[str, Any]:
        """JSON members; a nodata that JSON has no number for is text."""
        told = asdict(replace(self, crs=str(self.crs)))
        for band in told["bands"]:
            if band["nodata"] is not None and not math.isfinite(band["nodata"]):
                band["nodata"] = str(band["nodata"])
        return told

    @classmethod
    def from_dict(
        cls, told: Mapping[str, Any], find: Callable[[CrsLike], CrsLike | None] = lambda crs: crs
    ) -> "Description":
        """The raster that was told as JSON; `find` gives the local system of a name, any other name as it is."""
        bands = []
        for each in told["bands"]:
            nodata = each["nodata"]
            bands.append(Band(**{**each, "nodata": None if nodata is None else float(nodata)}))
        return cls(**{**told, "bands": tuple(bands), "crs": find(told["crs"])})


def name_of(crs: CrsLike) -> str:
    """How a CRS is shown: by the name that everybody knows, else by that in its definition, and never by numbers."""
    name = reference.parse(crs).name
    if isinstance(crs, str) and (name.startswith("+") or "[" in name or "=" in name or "{" in name):
        return str(pyproj.CRS.from_user_input(name).name)
    return name
