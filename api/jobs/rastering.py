"""Rasters that callers send, registered as jobs."""

from pathlib import Path

from api.auth import permit
from api.jobs.kinds import Arguments, Context, Kind, Outcome
from api.jobs.reports import counted, write_report
from api.keys import Key
from api.rasters.keeping import KEEP, Files, Order, add_raster
from api.rasters.records import Raster, check_name, check_new, find_raster
from api.settings import Settings
from api.systems import read_systems
from gis.errors import Fault, Refusal
from gis.rasters.tiff import check_tiff
from gis.store.engine import Store, reading


class RasterArguments(Arguments):
    """The options of `wangge rasters add`, and the file in the folder of what was given."""

    name: str
    file: str
    title: str = ""
    owner: str = ""
    note: str = ""
    crs: str | None = None
    nodata: str | None = None


def allow(key: Key, arguments: RasterArguments) -> None:
    """A publisher may register rasters within the prefix of the key."""
    permit(key, "publisher", arguments.owner)


def check_arguments(store: Store, settings: Settings, arguments: RasterArguments, file: Path) -> None:
    """What can be told without decoding anything.

    Errors: Refusal raster_name_wrong, raster_exists, crs_unknown, those of `gis.rasters.tiff.check_tiff`.
    """
    check_name(arguments.name)
    check_tiff(file, most_bytes(settings))
    with reading(store.world) as connection:
        check_new(connection, arguments.name)
        if arguments.crs is not None:
            read_systems(connection).parse(arguments.crs)


def run(context: Context, arguments: RasterArguments) -> Outcome:
    """Make a COG of the file in a child process, and register it."""
    assert context.key is not None

    def told(step: str, done: int, total: int) -> None:
        context.progress(done, total, step)
        if step == KEEP:
            context.commit()

    order = Order(
        arguments.name,
        context.given / arguments.file,
        arguments.title,
        arguments.owner,
        arguments.note,
        arguments.crs,
        arguments.nodata,
        context.key.name,
    )
    added, faults = add_raster(context.store, Files(context.settings.data), order, most_bytes(context.settings), told)
    return _outcome(context, added, faults)


def achieved(context: Context, arguments: RasterArguments) -> Outcome | None:
    """What an earlier attempt has registered: the name was free when the job was made."""
    with reading(context.store.world) as connection:
        try:
            found = find_raster(connection, arguments.name)
        except Refusal:
            return None
    begun = context.job.begun_at
    is_ours = found.source == Path(arguments.file).name and found.author == context.job.author_name
    return _outcome(context, found, ()) if is_ours and begun is not None and found.added_at >= begun else None


def most_bytes(settings: Settings) -> int:
    """The largest raster that is taken, decoded."""
    return int(settings.max_raster_gb * 1e9)


def _outcome(context: Context, raster: Raster, faults: tuple[Fault, ...]) -> Outcome:
    with reading(context.store.world) as connection:
        about = raster.as_dict(read_systems(connection).find)
    told = [fault.as_dict() for fault in faults]
    result = {**about, **counted(told)}
    return Outcome(result, write_report(context.folder / "report.json", {**result, "faults": told}))


RASTER = Kind("raster", RasterArguments, allow, run, achieved=achieved)
