"""Density surfaces as jobs."""

from datetime import datetime
from typing import Literal

from api.auth import permit
from api.jobs.kinds import Arguments, Context, Kind, Outcome
from api.jobs.reports import write_report
from api.keys import Key
from api.rasters.surfaces import Question, write_density
from api.systems import read_systems
from gis.crs import CrsLike
from gis.rasters.density import check_grid
from gis.store.engine import Store, reading


class DensityArguments(Arguments):
    """A surface of what, as of which revision or, of cases, of what was received until then; and its grid."""

    what: Literal["components", "cases"]
    cell: float = 50.0
    bandwidth: float | None = None
    class_code: str | None = None
    edition: str | None = None
    crs: str | None = None
    revision: int | None = None
    until: datetime | None = None


def allow(key: Key, arguments: DensityArguments) -> None:
    """Whoever may read may have counted what it may read."""
    permit(key, "viewer")


def check_arguments(store: Store, arguments: DensityArguments) -> None:
    """What can be told before it runs. Errors: Refusal density_wrong, crs_unknown."""
    check_grid(arguments.cell, arguments.bandwidth, _plane(store, arguments.crs))


def run(context: Context, arguments: DensityArguments) -> Outcome:
    """Count and write a GeoTIFF; a cancellation is heard at every page that is read."""
    assert context.key is not None
    asked, counted = arguments, 0

    def told(count: int) -> None:
        nonlocal counted
        counted += count
        context.progress(counted, None, "count")

    question = Question(
        asked.what,
        asked.cell,
        asked.bandwidth,
        asked.class_code,
        asked.edition,
        asked.revision,
        asked.until,
        _plane(context.store, asked.crs),
        context.key.scope,
        context.key.prefix,
    )
    path = context.folder / f"density-{asked.what}.tif"
    surface = write_density(context.store, question, path, told)
    rows, columns = surface.cells.shape
    result = {
        "what": asked.what,
        "counted": surface.total,
        "rows": rows,
        "columns": columns,
        "crs": surface.crs,
        "per": "cell" if asked.bandwidth is None else "km2",
        "name": path.name,
        "bytes": path.stat().st_size,
    }
    return Outcome(result, write_report(context.folder / "report.json", result), path)


def _plane(store: Store, crs: str | None) -> CrsLike | None:
    with reading(store.world) as connection:
        return read_systems(connection).find(crs)


DENSITY = Kind("density", DensityArguments, allow, run)
