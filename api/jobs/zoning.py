"""Statistics of a raster in zones as jobs."""

import re
from pathlib import Path

from api.auth import permit
from api.jobs.kinds import Arguments, Context, Kind, Outcome
from api.jobs.reports import counted, write_report
from api.keys import Key
from api.rasters.keeping import Files
from api.rasters.records import find_raster
from api.rasters.zones import Question, check_format, find_zones, write_zonal
from api.systems import read_systems
from gis.rasters.zonal import read_stats
from gis.store.engine import Store, reading


class ZonalArguments(Arguments):
    """Which statistics of which raster, in which zones as of which revision, in which format."""

    raster: str
    by: str
    revision: int
    stats: tuple[str, ...]
    band: int = 1
    format: str = "csv"
    prefix: str = ""


def allow(key: Key, arguments: ZonalArguments) -> None:
    """Whoever may read may have it computed from what it may read."""
    permit(key, "viewer")


def check_arguments(store: Store, key: Key, arguments: ZonalArguments) -> None:
    """What can be told before it runs. Errors: raster_unknown, stats_unknown, layer_unknown, format_unknown."""
    read_stats(arguments.stats)
    check_format(_path(Path(), arguments))
    with reading(store.world) as connection:
        find_raster(connection, arguments.raster, key.scope)
        find_zones(connection, _question(key, arguments))


def run(context: Context, arguments: ZonalArguments) -> Outcome:
    """Compute and write; a cancellation is heard at every piece of the raster that is read."""
    assert context.key is not None
    with reading(context.store.world) as connection:
        raster = find_raster(connection, arguments.raster, context.key.scope)
        described = raster.describe(read_systems(connection).find)
    file = Files(context.settings.data).path(raster)
    out = _path(context.folder, arguments)
    question = _question(context.key, arguments)

    def told(done: int, total: int) -> None:
        context.progress(done, total, "zones")

    rows, faults = write_zonal(context.store, file, described, question, out, told)
    context.progress(rows, rows, "done")
    said = [fault.as_dict() for fault in faults]
    result = {
        "raster": raster.name,
        "digest": raster.digest,
        "by": arguments.by,
        "revision": arguments.revision,
        "rows": rows,
        "name": out.name,
        "bytes": out.stat().st_size,
        **counted(said),
    }
    return Outcome(result, write_report(context.folder / "report.json", {**result, "faults": said}), out)


def _question(key: Key, arguments: ZonalArguments) -> Question:
    asked = arguments
    return Question(asked.by, asked.revision, asked.stats, asked.band, key.scope, asked.prefix)


def _path(folder: Path, arguments: ZonalArguments) -> Path:
    stem = re.sub(r"[^\w-]", "_", f"{arguments.raster}-{arguments.by}")
    return folder / f"{stem}.{arguments.format}"


ZONAL = Kind("zonal", ZonalArguments, allow, run)
