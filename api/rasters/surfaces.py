"""Density surfaces of what the store holds, written as cloud-optimised GeoTIFFs."""

import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

import numpy as np
import shapely
from numpy.typing import NDArray

from cases.places import read_places
from components.tables import component
from gis.crs import CrsLike
from gis.errors import refuse
from gis.rasters.density import Surface, check_grid, density
from gis.rasters.surfaces import write_surface
from gis.store.engine import Store, reading
from gis.store.scope import EVERYTHING, Scope
from gis.store.versions import Query, read_columns

PAGE = 20_000


@dataclass(frozen=True, slots=True)
class Question:
    """A surface of what, of which class, as of when, on which grid: `at` is a revision, `until` a time of receipt.

    Components are those in `scope`, cases those in units below `prefix`.
    """

    what: Literal["components", "cases"]
    cell_m: float
    bandwidth_m: float | None = None
    class_code: str | None = None
    edition: str | None = None
    at: int | None = None
    until: datetime | None = None
    crs: CrsLike | None = None
    scope: Scope = EVERYTHING
    prefix: str = ""


def write_density(store: Store, question: Question, out: Path, told: Callable[[int], None] = lambda n: None) -> Surface:
    """Count and write; `told` hears how many were read, and may raise to stop; then nothing is written.

    Errors: Refusal format_unknown, file_unwritable; those of `gis.rasters.density.density`.
    """
    if out.suffix.lower() not in (".tif", ".tiff"):
        raise refuse(
            "format_unknown",
            f"A surface is written as a GeoTIFF: {out.stem}.tif, not {out.name}.",
            f"密度面只能写成 GeoTIFF：请用 {out.stem}.tif，而不是 {out.name}。",
        )
    check_grid(question.cell_m, question.bandwidth_m, question.crs)
    pages = read_places(store, question.until, question.class_code, question.prefix)
    if question.what == "components":
        pages = _component_places(store, question)
    surface = density(_counted(pages, told), question.cell_m, question.bandwidth_m, question.crs)
    try:
        with tempfile.TemporaryDirectory(dir=out.parent, prefix=".writing-") as folder:
            made = write_surface(surface, Path(folder) / out.name)
            made.replace(out)
    except OSError as error:
        raise refuse(
            "file_unwritable",
            f"{out} cannot be written: {error.strerror or error}.",
            f"无法写入 {out}：{error.strerror or error}。",
            kind="unavailable",
        ) from error
    return surface


def _component_places(store: Store, question: Question) -> Iterator[NDArray[np.float64]]:
    """lon, lat (n, 2) of components; of a line or a polygon its centroid."""
    named = {"class_code": question.class_code, "edition": question.edition}
    where = {name: value for name, value in named.items() if value is not None}
    query = Query(question.scope, at=question.at, where=where, limit=PAGE)
    while True:
        with reading(store.world) as connection:
            page: dict[str, Any] = read_columns(connection, component, query, ("code", "uid", "geom"))
        if not len(page["code"]):
            return
        middles = shapely.centroid(page["geom"])
        yield np.column_stack([shapely.get_x(middles), shapely.get_y(middles)])
        query = replace(query, after=(page["code"][-1], int(page["uid"][-1])))


def _counted(pages: Iterator[NDArray[np.float64]], told: Callable[[int], None]) -> Iterator[NDArray[np.float64]]:
    for page in pages:
        told(len(page))
        yield page
