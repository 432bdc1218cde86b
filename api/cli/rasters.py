"""`wangge rasters`, `wangge zonal` and `wangge density`."""

import getpass
import json
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from api.cli.opening import open_settled
from api.cli.screen import out, progress, show_faults, show_line
from api.lookups.moments import read_moment
from api.rasters import surfaces, zones
from api.rasters.keeping import Files, Order, add_raster, remove_raster
from api.rasters.records import find_raster, list_rasters
from api.settings import Settings
from api.systems import read_systems
from components.editions import normalise_edition
from gis.errors import Refusal
from gis.rasters.zonal import STATS
from gis.store.engine import Store, reading
from gis.store.revisions import head, list_revisions, revision_at

app = typer.Typer(no_args_is_help=True, help="Rasters: add, list, show, remove. 栅格。")

Name = Annotated[str, typer.Argument(help="The name that `rasters list` shows")]
When = Annotated[str | None, typer.Option("--as-of", help="A revision or a time; default: now")]


class What(StrEnum):
    """What a surface may be made of."""

    components = "components"
    cases = "cases"


@app.command("add")
def add(
    name: Annotated[str, typer.Argument(help="How it is called from now on")],
    file: Annotated[Path, typer.Argument(help="A GeoTIFF; made into a COG unless it is one")],
    title: Annotated[str, typer.Option(help="How people call it")] = "",
    owner: Annotated[str, typer.Option(help="Division code that owns it; empty: the whole store")] = "",
    note: Annotated[str, typer.Option(help="Where it comes from, what it shows")] = "",
    crs: Annotated[str | None, typer.Option(help="Coordinate system, before what the file says")] = None,
    nodata: Annotated[
        str | None, typer.Option(help="Number that means no data, before the file's; none: no number")
    ] = None,
) -> None:
    """Check a GeoTIFF, keep it as a COG and register it. 添加栅格。"""
    settings = Settings()
    order = Order(name, file, title, owner, note, crs, nodata, getpass.getuser())
    most = int(settings.max_raster_gb * 1e9)
    with open_settled(settings) as store, progress() as bar:
        task = bar.add_task(name, total=None)

        def told(step: str, done: int, total: int) -> None:
            bar.update(task, description=f"{name}: {step}", completed=done, total=total)

        added, faults = add_raster(store, Files(settings.data), order, most, told)
        with reading(store.world) as connection:
            told_of = added.as_dict(read_systems(connection).find)
    show_faults(faults, settings.language)
    size = f"{told_of['width']} x {told_of['height']} x {len(told_of['bands'])}"
    show_line(escape(f"{name}: {size}, {told_of['crs']}, {added.bytes} B"))


@app.command("list")
def listed(
    verify: Annotated[bool, typer.Option("--verify", help="Read every file and compare it with its digest")] = False,
) -> None:
    """Every raster, and whether its file is there. 列出栅格。"""
    settings = Settings()
    table = Table("name", "title", "owner", "pixels", "bands", "crs", "MB", "file")
    files, wrong = Files(settings.data), []
    with open_settled(settings) as store, reading(store.world) as connection:
        found, find = list_rasters(connection), read_systems(connection).find
    for each in found:
        state = "ok"
        try:
            _ = files.verify(each) if verify else files.path(each)
        except Refusal as refusal:
            state = refusal.code
            wrong.append(refusal)
        about = each.as_dict(find)
        pixels, size = f"{about['width']} x {about['height']}", f"{each.bytes / 1e6:.1f}"
        cells = (each.name, each.title, each.owner, pixels, str(len(about["bands"])), about["crs"][:24], size, state)
        table.add_row(*(escape(cell) for cell in cells))
    out.print(table)
    if wrong:
        raise Refusal([fault for refusal in wrong for fault in refusal.faults], "unavailable")


@app.command("show")
def show(name: Name) -> None:
    """Everything about a raster, as JSON. 查看栅格。"""
    with open_settled(Settings()) as store, reading(store.world) as connection:
        found = find_raster(connection, name).as_dict(read_systems(connection).find)
    print(json.dumps(found, ensure_ascii=False, indent=1))


@app.command("remove")
def remove(name: Name) -> None:
    """Forget a raster and remove its file. 移除栅格。"""
    settings = Settings()
    with open_settled(settings) as store:
        remove_raster(store, Files(settings.data), name)
    show_line(f"{escape(name)}: {'已移除' if settings.language == 'zh' else 'removed'}")


def zonal(
    name: Name,
    file: Annotated[Path, typer.Argument(help="The file to write: CSV, Parquet, GeoPackage …")],
    by: Annotated[str, typer.Option(help="units, a level of divisions (street, community …), or areas.NAME")] = "units",
    stats: Annotated[str, typer.Option(help="count,mean,min,max,sum,std,fractions")] = ",".join(STATS),
    band: Annotated[int, typer.Option(min=1, help="Number of the band")] = 1,
    as_of: When = None,
    prefix: Annotated[str, typer.Option(help="Only zones whose code begins so")] = "",
) -> None:
    """Statistics of the pixels in each unit, division or area. 分区统计。"""
    settings = Settings()
    wanted = tuple(each.strip() for each in stats.split(",") if each.strip())
    with open_settled(settings) as store, progress() as bar:
        task = bar.add_task("zonal", total=None)
        with reading(store.world) as connection:
            raster = find_raster(connection, name)
            described = raster.describe(read_systems(connection).find)
            at = revision_at(connection, read_moment(as_of, settings.zone)) if as_of else head(connection)
        path = Files(settings.data).path(raster)
        rows, faults = zones.write_zonal(
            store,
            path,
            described,
            zones.Question(by, at, wanted, band, prefix=prefix),
            file,
            lambda done, total: bar.update(task, completed=done, total=total),
        )
    show_faults(faults, settings.language)
    show_line(f"{name} / {by} @ {at}: {rows} -> {file}")


def density(
    what: Annotated[What, typer.Argument(help="components or cases")],
    file: Annotated[Path, typer.Argument(help="The GeoTIFF to write")],
    cell: Annotated[float, typer.Option(help="Side of a cell in metres")] = 50.0,
    bandwidth: Annotated[
        float | None, typer.Option(help="Reach of the kernel in metres; without it, plain counts")
    ] = None,
    class_code: Annotated[str | None, typer.Option("--class", help="Only of this class")] = None,
    edition: Annotated[str | None, typer.Option(help="Only components of this edition")] = None,
    as_of: When = None,
    crs: Annotated[
        str | None, typer.Option(help="The plane of the grid, in metres; default: the zone of the city")
    ] = None,
) -> None:
    """How densely components or cases lie, as a GeoTIFF. 密度面。"""
    settings = Settings()
    with open_settled(settings) as store, progress() as bar:
        task = bar.add_task(what.value, total=None)
        with reading(store.world) as connection:
            plane = read_systems(connection).find(crs)
        question = surfaces.Question(
            what.value, cell, bandwidth, class_code, normalise_edition(edition) if edition else None, crs=plane
        )
        if as_of is not None:
            question = _as_of(store, question, as_of, settings.zone)
        surface = surfaces.write_density(store, question, file, lambda count: bar.advance(task, count))
    rows, columns = surface.cells.shape
    unit = "per km2" if bandwidth is not None else "per cell"
    show_line(
        f"{surface.total} {what.value} -> {columns} x {rows} cells of {cell:g} m, {unit}, {surface.crs} -> {file}"
    )


def _as_of(store: Store, question: surfaces.Question, text: str, zone: str) -> surfaces.Question:
    """The question as of a revision or a time; of cases, what was received up to then."""
    from dataclasses import replace

    moment = read_moment(text, zone)
    if question.what == "components":
        with reading(store.world) as connection:
            return replace(question, at=revision_at(connection, moment))
    if isinstance(moment, int):
        with reading(store.world) as connection:
            number = revision_at(connection, moment)
            moment = list_revisions(connection, number - 1, 1)[0].recorded_at
    return replace(question, until=moment)
