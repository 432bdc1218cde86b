"""Zones of the store: units, divisions of a level, areas of a layer, page by page, as they were at a revision."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection

from api.layers import find_layer, query_of, table_of
from api.transfer.exports import STORED
from gis.errors import Fault, refuse
from gis.formats import WRITABLE, write
from gis.rasters.description import Description
from gis.rasters.zonal import STATS, rounded, zonal
from gis.store.engine import Store, reading
from gis.store.revisions import read_settings
from gis.store.scope import Scope
from gis.store.versions import Query, count, read_columns
from gis.tables import Table
from grids.profiles import FREE, read_profile
from grids.tables import division

PAGE = 2_000
WITHOUT_SHAPES = (".csv", ".tsv", ".xlsx", ".parquet")
"""Formats in which statistics go without the polygons."""


@dataclass(frozen=True, slots=True)
class Zones:
    """The zones that are meant: rows of a table."""

    table: Any
    query: Query
    count: int


@dataclass(frozen=True, slots=True)
class Question:
    """Which statistics of which band, by what, as of which revision, for whom."""

    by: str
    at: int
    stats: Sequence[str] = STATS
    band: int = 1
    scope: Scope = field(default_factory=Scope)
    prefix: str = ""


def find_zones(connection: Connection, question: Question) -> Zones:
    """What `by` means: "units", a level of divisions, or "areas.NAME" ("area.NAME" too). Errors: layer_unknown."""
    levels = [level.id for level in read_profile(read_settings(connection).get("profile", FREE.name)).levels]
    scope, at = question.scope, question.at
    if question.by in levels and scope.allows_layer("divisions"):
        table, query = division, Query(scope, at=at, where={"level": question.by})
    else:
        named = f"areas.{question.by[5:]}" if question.by.startswith("area.") else question.by
        if named != "units" and not named.startswith("areas."):
            raise _no_zones(question.by, levels)
        layer = find_layer(connection, named, scope, at)
        table, query = table_of(layer), query_of(layer, scope, at)
    query = replace(query, prefix=question.prefix)
    return Zones(table, query, count(connection, table, query))


def check_format(path: Path) -> None:
    """Errors: Refusal format_unknown."""
    if path.suffix.lower() not in WRITABLE:
        raise refuse(
            "format_unknown",
            f"'{path.suffix[:40]}' is no format to write statistics in; these are: {', '.join(WRITABLE)}.",
            f"统计结果不能写成“{path.suffix[:40]}”；可用格式：{'、'.join(WRITABLE)}。",
        )


def write_zonal(
    store: Store,
    file: Path,
    description: Description,
    question: Question,
    out: Path,
    told: Callable[[int, int], None] = lambda done, total: None,
) -> tuple[int, tuple[Fault, ...]]:
    """Statistics of a raster in zones as a file, a row for each zone in the order of codes; how many, and what is odd.

    Every page of zones is read in a transaction of its own; all are as of one revision, so they belong together. `told`
    hears how many zones are done, of how many, and may raise to stop; then nothing is written.

    Errors: Refusal layer_unknown, format_unknown; those of `gis.rasters.zonal.zonal` and `gis.formats.write`.
    """
    check_format(out)
    with reading(store.world) as connection:
        zones = find_zones(connection, question)
    pages = _Pages(store, zones, keep_shapes=out.suffix.lower() not in WITHOUT_SHAPES)
    found = zonal(file, description, pages, question.stats, question.band, lambda done: told(done, zones.count))
    columns = {"code": _joined(pages.codes), "name": _joined(pages.names), **rounded(found.tables())}
    shapes = _joined(pages.shapes) if pages.keep_shapes else None
    table = Table(columns, shapes, STORED if shapes is not None else None, np.arange(1, found.count + 1), question.by)
    faults = write(out, table, layer=question.by)
    return found.count, (*_odd(pages, found.count), *faults)


class _Pages:
    """Pages of polygons, of which the codes and names are kept, and the shapes where they are to be written."""

    def __init__(self, store: Store, zones: Zones, keep_shapes: bool) -> None:
        self.store, self.zones, self.keep_shapes = store, zones, keep_shapes
        self.codes: list[NDArray[Any]] = []
        self.names: list[NDArray[Any]] = []
        self.shapes: list[NDArray[Any]] = []
        self.without = 0

    def __iter__(self) -> Iterator[NDArray[Any]]:
        after: tuple[str, int] | None = None
        while True:
            query = replace(self.zones.query, after=after, limit=PAGE)
            with reading(self.store.world) as connection:
                page = read_columns(connection, self.zones.table, query, ("code", "uid", "name", "geom"))
            shapes = page["geom"]
            if not len(shapes):
                return
            self.codes.append(page["code"])
            self.names.append(page["name"])
            self.without += sum(each is None for each in shapes.tolist())
            if self.keep_shapes:
                self.shapes.append(shapes)
            yield shapes
            if len(shapes) < PAGE:
                return
            after = page["code"][-1], int(page["uid"][-1])


def _joined(parts: Sequence[NDArray[Any]]) -> NDArray[Any]:
    return np.concatenate([np.empty(0, dtype=object), *parts])


def _odd(pages: _Pages, total: int) -> Iterator[Fault]:
    if pages.without:
        yield Fault(
            "zones_without_shape",
            f"{pages.without} of {total} zones have no shape, and so no values.",
            f"{total} 个分区中有 {pages.without} 个没有图形，因此没有统计值。",
            severity="warning",
        )


def _no_zones(by: str, levels: Sequence[str]) -> Exception:
    known = ["units", *levels, "areas.NAME"]
    return refuse(
        "layer_unknown",
        f"There are no zones '{by[:60]}'; these are: {', '.join(known)}.",
        f"没有分区“{by[:60]}”；可用：{'、'.join(known)}。",
        kind="missing",
    )
