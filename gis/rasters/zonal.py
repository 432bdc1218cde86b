"""Statistics of the pixels in polygons, each pixel with the share of it that the polygon covers (exactextract).

A page of polygons at a time: the raster is read in pieces of at most `CELLS` pixels, and what is kept of a polygon is a
few numbers, so that memory grows neither with the raster nor, but for those numbers, with the polygons.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from gis import crs as reference
from gis.errors import Refusal, refuse
from gis.rasters.description import Description
from gis.rasters.reading import opened

STATS = ("count", "mean", "min", "max", "sum", "std")
FRACTIONS = "fractions"
_OPERATIONS = {**{name: name for name in STATS}, "std": "stdev"}
CELLS = 4_000_000
MOST_CLASSES = 256
LONGEST_EDGE = 0.005
"""Degrees: a longer edge gets more nodes before it is projected, which leaves it 2 mm from its chord at most."""


@dataclass(slots=True)
class Zonal:
    """Statistics of polygons, in the order in which they came.

    `columns` maps each of the wanted statistics to (n,) float64, NaN where there are no pixels (a count and a sum are
    0 then). `fractions` are (polygon, class, share) of the classes that occur.
    """

    columns: dict[str, list[NDArray[np.float64]]]
    count: int = 0
    fractions: list[tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]] = field(default_factory=list)

    def tables(self) -> dict[str, NDArray[np.float64]]:
        """Every column; a class has `fraction.CLASS`, in the order of the classes, 0 where a polygon has none."""
        told = {name: np.concatenate([np.empty(0), *parts]) for name, parts in self.columns.items()}
        if self.fractions:
            polygon, value, share = (np.concatenate(parts) for parts in zip(*self.fractions, strict=True))
            for each in np.unique(value).tolist():
                column = np.zeros(self.count)
                column[polygon[value == each]] = share[value == each]
                told[f"fraction.{each:g}"] = column
        return told


def read_stats(wanted: Sequence[str]) -> tuple[str, ...]:
    """The statistics that are meant. Errors: Refusal stats_unknown."""
    unknown = [each for each in wanted if each not in (*STATS, FRACTIONS)]
    if unknown or not wanted:
        shown = ", ".join(unknown)[:80]
        raise refuse(
            "stats_unknown",
            f"There is no statistic '{shown}'; these are: {', '.join((*STATS, FRACTIONS))}.",
            f"没有统计量“{shown}”；可用：{'、'.join((*STATS, FRACTIONS))}。",
        )
    return tuple(dict.fromkeys(wanted))


def zonal(
    path: Path,
    description: Description,
    pages: Iterable[NDArray[Any]],
    stats: Sequence[str] = STATS,
    band: int = 1,
    told: Callable[[int], None] = lambda done: None,
) -> Zonal:
    """Statistics of pages of polygons (n,) in lon, lat of the store, None for one without geometry.

    Means, sums and shares are weighted by the part of each pixel that is covered, `std` is that of the population, and
    `count` is the sum of the parts. `told` hears how many polygons are done, while it reads too, and may raise to stop.

    Errors: Refusal stats_unknown, zonal_unavailable, raster_band, raster_not_classes, raster_damaged.
    """
    stats = read_stats(stats)
    library = _library()
    chosen = {each.number: each for each in description.bands}.get(band)
    if chosen is None:
        numbers = ", ".join(str(each.number) for each in description.bands)
        raise refuse(
            "raster_band", f"There is no band {band}; these are: {numbers}.", f"没有波段 {band}；现有：{numbers}。"
        )
    found = Zonal({name: [] for name in stats if name != FRACTIONS})
    classes: set[float] = set()
    with opened(path) as dataset:
        pixels = library.Pixels(dataset, description, chosen, lambda: told(found.count))
        for polygons in pages:
            rows = _extract(library, pixels, to_plane(polygons, description), stats)
            _gather(found, rows, len(polygons), classes)
            told(found.count)
    return found


def to_plane(polygons: NDArray[Any], description: Description) -> NDArray[Any]:
    """Polygons of the store in the CRS of a raster; None for those that it does not reach."""
    system = description.system
    there = np.array([each is not None and not each.is_empty for each in polygons.tolist()], dtype=np.bool_)
    moved = np.full(len(polygons), None, dtype=object)
    if not there.any():
        return moved
    shapes = shapely.force_2d(polygons[there])
    if not (system.is_geographic and system.is_store):
        shapes = shapely.segmentize(shapes, LONGEST_EDGE)
    xy = reference.from_store(shapely.get_coordinates(shapes), system)
    lost = np.logical_not(np.isfinite(xy).all(axis=1)).reshape(-1)
    of = shapely.get_coordinates(shapes, return_index=True)[1]
    shapes = shapely.set_coordinates(shapes, np.where(lost[:, None], 0.0, xy))
    if system.is_geographic:  # a raster may count its longitudes from 0 to 360
        west = shapely.bounds(shapes)[:, 0]
        turns = np.where(west >= description.extent[2], -360.0, np.where(west < description.left - 180, 360.0, 0.0))
        shapes = shapely.set_coordinates(shapes, shapely.get_coordinates(shapes) + np.column_stack([turns[of], 0 * of]))
    shapes[np.unique(of[lost])] = None
    moved[there] = shapes
    return moved


def _extract(library: Any, pixels: Any, shapes: NDArray[Any], stats: Sequence[str]) -> dict[int, dict[str, Any]]:
    """What each polygon that can have pixels has, by its number in the page."""
    west, south, east, north = pixels.extent()
    box = shapely.bounds(shapes)
    with np.errstate(invalid="ignore"):
        near = (box[:, 0] < east) & (box[:, 2] > west) & (box[:, 1] < north) & (box[:, 3] > south)
    chosen = np.flatnonzero(near).tolist()
    operations = [_OPERATIONS[name] for name in stats if name != FRACTIONS]
    operations += ["unique", "frac"] if FRACTIONS in stats else []
    found: dict[int, dict[str, Any]] = {}
    if chosen:
        found = library.extract(pixels, library.Polygons(chosen, shapes), operations, CELLS)
    return found


def _gather(found: Zonal, rows: Mapping[int, Mapping[str, Any]], count: int, classes: set[float]) -> None:
    """Put the rows of a page, the polygons of which are `count`, behind what was found."""
    for name, parts in found.columns.items():
        column = np.full(count, 0.0 if name in ("count", "sum") else np.nan)
        for number, row in rows.items():
            value = row[_OPERATIONS[name]]
            column[number] = np.nan if value is None else value
        if name == "sum":
            column[np.isnan(column)] = 0.0
        parts.append(column)
    for number, row in rows.items():
        if "unique" in row:
            values, shares = np.asarray(row["unique"], dtype=np.float64), np.asarray(row["frac"], dtype=np.float64)
            classes.update(values.tolist())
            if len(classes) > MOST_CLASSES:
                raise _not_classes()
            found.fractions.append((np.full(len(values), found.count + number), values, shares))
    found.count += count


def _library() -> Any:
    """What needs exactextract, which there is not for every machine. Errors: Refusal zonal_unavailable."""
    try:
        from gis.rasters import extraction
    except ImportError:
        raise refuse(
            "zonal_unavailable",
            "Statistics of zones need the package exactextract, which is not installed here: there is none for every "
            "kind of processor. Do it on an x86-64 machine.",
            "分区统计需要 exactextract 软件包，本机未安装（该处理器没有可用版本）。请在 x86-64 机器上执行。",
            kind="unavailable",
        ) from None
    return extraction


def _not_classes() -> Refusal:
    return refuse(
        "raster_not_classes",
        f"The band has more than {MOST_CLASSES} different values: fractions are for rasters of classes.",
        f"该波段的不同取值超过 {MOST_CLASSES} 个：fractions 只适用于分类栅格。",
    )


def rounded(columns: Mapping[str, NDArray[np.float64]]) -> dict[str, NDArray[Any]]:
    """The columns as a table has them: None for NaN."""
    told: dict[str, NDArray[Any]] = {}
    for name, values in columns.items():
        cells = values.astype(object)
        cells[np.isnan(values)] = None
        told[name] = cells
    return told
