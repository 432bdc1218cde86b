"""Rasters as callers see them."""

from typing import Any

from pydantic import AwareDatetime, Field

from api.schemas.answers import Shape


class RasterBand(Shape):
    """A band; `nodata` is the stored number that means no value ("nan" for NaN); value = stored x scale + offset."""

    number: int
    name: str
    dtype: str
    nodata: float | str | None
    scale: float
    offset: float
    unit: str


class RasterItem(Shape):
    """A raster. `extent` and `resolution` are in units of `crs`, `bounds` are west, south, east, north in degrees."""

    name: str
    owner: str
    title: str
    note: str
    source: str = Field(description="The file as it was delivered, by its name")
    digest: str = Field(description="SHA-256 of the file that is kept")
    bytes: int
    author: str
    added_at: AwareDatetime
    width: int
    height: int
    crs: str
    extent: list[float]
    resolution: list[float]
    bounds: list[float] | None
    bands: list[RasterBand]
    mask: str = Field(description="What else hides pixels: none, alpha or mask")
    has_colours: bool
    compression: str
    kept: bool = Field(description="Whether the file is as it was delivered, because it was a COG already")


class RasterList(Shape):
    """Rasters, by name."""

    items: list[RasterItem]


class RasterValue(Shape):
    """The values at a point, a band each, null where there is none; `outside` when the point is not on the raster."""

    raster: str
    values: list[float | None]
    outside: bool


class RasterPoints(Shape):
    """Points, [x, y] or objects of lon and lat, of one CRS."""

    points: list[Any]
    crs: str


class RasterValues(Shape):
    """What `GET` gives for each point, in their order; for a point that is none, `{"i", "error"}`."""

    raster: str
    results: list[dict[str, Any]]
