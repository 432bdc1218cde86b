"""Exports as jobs: a layer as it was at one revision, as a file to fetch."""

import re
import zipfile
from dataclasses import replace
from pathlib import Path

from sqlalchemy import Connection

from api.auth import permit
from api.jobs.folders import unwritable
from api.jobs.kinds import Arguments, Context, Kind, Outcome
from api.jobs.reports import counted, write_report
from api.keys import Key
from api.layers import find_layer, query_of, table_of
from api.systems import read_systems
from api.transfer.dress import Dress, read_dress
from api.transfer.exports import export_layer
from gis.errors import refuse
from gis.formats import WRITABLE
from gis.store.engine import Store, reading
from gis.store.versions import count as count_rows

FORMATS = tuple(suffix.removeprefix(".") for suffix in WRITABLE)
STEPS = {"read": 0, "write": 50}
"""Where each step begins, of a hundred."""
WHOLE = 100
UNLISTED = ("rules", "catalogue")


class ExportArguments(Arguments):
    """Which layer, as it was at which revision, in which form. Shapefiles come in a zip, rules as YAML."""

    layer: str
    revision: int
    format: str
    crs: str | None = None
    encoding: str | None = None
    prefix: str = ""
    where: tuple[str, ...] = ()
    heads: str | None = None
    for_people: bool = False

    @property
    def dress(self) -> Dress:
        """Errors: Refusal heads_unknown, for_people_wrong, where_wrong."""
        return read_dress(self.heads, self.for_people, self.where, f".{self.format}")


def allow(key: Key, arguments: ExportArguments) -> None:
    """Whoever may read may export what it may read."""
    permit(key, "viewer")


def check_arguments(store: Store, key: Key, arguments: ExportArguments) -> None:
    """What can be told before it runs. Errors: Refusal layer_unknown, format_unknown, crs_unknown, those of `dress`."""
    if arguments.layer not in UNLISTED:
        with reading(store.world) as connection:
            find_layer(connection, arguments.layer, key.scope, arguments.revision)
    formats = ("yaml", "csv", "xlsx") if arguments.layer == "rules" else FORMATS
    if arguments.format not in formats:
        raise refuse(
            "format_unknown",
            f"'{arguments.format[:40]}' is no format to export {arguments.layer} in; these are: {', '.join(formats)}.",
            f"{arguments.layer} 不能导出为“{arguments.format[:40]}”；可用格式：{'、'.join(formats)}。",
        )
    if arguments.crs is not None:
        with reading(store.world) as connection:
            read_systems(connection).parse(arguments.crs)
    _ = arguments.dress


def run(context: Context, arguments: ExportArguments) -> Outcome:
    """Write the file, and a report of what the format could not take as it was."""
    assert context.key is not None
    stem = re.sub(r"[^\w.-]", "_", arguments.layer)
    packed = arguments.format == "shp"
    folder = context.folder / "shapefile" if packed else context.folder
    path = folder / f"{stem}.{arguments.format}"
    try:
        folder.mkdir(exist_ok=True)
    except OSError as error:
        raise unwritable(folder, error) from error
    with reading(context.store.world) as connection:
        count = _count(connection, context.key, arguments)
        rows, faults = export_layer(
            connection,
            arguments.layer,
            path,
            at=arguments.revision,
            scope=context.key.scope,
            prefix=arguments.prefix,
            crs=arguments.crs,
            encoding=arguments.encoding,
            dress=arguments.dress,
            told=lambda step: context.progress(STEPS[step], WHOLE, step),
            counted=lambda step, done: context.progress(STEPS[step] + _half(done, count), WHOLE, step),
        )
    if packed:
        path = _packed(folder, context.folder / f"{stem}.zip")
    context.progress(WHOLE, WHOLE, "done")
    told = [fault.as_dict() for fault in faults]
    result = {
        "layer": arguments.layer,
        "revision": arguments.revision,
        "rows": rows,
        "name": path.name,
        "bytes": path.stat().st_size,
        **counted(told),
    }
    content = {**result, "faults": told}
    return Outcome(result, write_report(context.folder / "report.json", content), path)


def _count(connection: Connection, key: Key, arguments: ExportArguments) -> int:
    """About how many rows are to be read, to tell how far it is."""
    if arguments.layer in UNLISTED:
        return 1
    layer = find_layer(connection, arguments.layer, key.scope, arguments.revision)
    query = replace(query_of(layer, key.scope, arguments.revision), prefix=arguments.prefix)
    return max(count_rows(connection, table_of(layer), query), 1)


def _half(done: int, count: int) -> int:
    return min(WHOLE // 2 * done // count, WHOLE // 2)


def file_of(path: Path, folder: Path) -> Path:
    """One file to fetch: what was written alone in its folder, or a shapefile's parts as a zip in `folder`."""
    return _packed(path.parent, folder / f"{path.stem}.zip") if path.suffix.lower() == ".shp" else path


def _packed(folder: Path, path: Path) -> Path:
    """The files of a folder as a zip; the folder is removed."""
    try:
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as packed:
            for part in sorted(folder.iterdir()):
                packed.write(part, part.name)
                part.unlink()
        folder.rmdir()
    except OSError as error:
        raise unwritable(path, error) from error
    return path


EXPORT = Kind("export", ExportArguments, allow, run)
