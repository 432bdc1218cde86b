"""`wangge layers`: layers that are shown and named by: vector layers in the store, and rasters."""

import getpass
import json
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from api.cli.opening import open_settled
from api.cli.screen import out, progress, show_faults, show_line, show_report, status
from api.layers import query_of, table_of
from api.rasters.keeping import Files, Order, add_raster, remove_raster
from api.rasters.records import find_raster, list_rasters
from api.settings import Settings
from api.systems import read_systems
from api.transfer.imports import Options, run_import
from api.transfer.references import Described, check_new, described_references, find_reference, remove_reference
from gis.errors import Refusal
from gis.store.engine import Store, reading
from gis.store.scope import EVERYTHING
from gis.store.versions import bounds, count
from grids.references import Declaration

RASTERS = (".tif", ".tiff")
REFUSED = 3

app = typer.Typer(no_args_is_help=True, help="Reference layers: add, list, show, remove. 参考图层。")

Name = Annotated[str, typer.Argument(help="The name that `layers list` shows")]


@app.command("add")
def add(
    name: Annotated[str, typer.Argument(help="How it is called from now on")],
    file: Annotated[Path, typer.Argument(help="GeoPackage, GeoJSON, shapefile, CSV …; a GeoTIFF becomes a raster")],
    title: Annotated[str, typer.Option(help="How people call it, in Chinese")] = "",
    title_en: Annotated[str, typer.Option("--title-en", help="How people call it, in English")] = "",
    owner: Annotated[str, typer.Option(help="Division code that owns it; empty: the whole store")] = "",
    crs: Annotated[str | None, typer.Option(help="CRS of the file: EPSG:4547, GCJ-02, BD-09 …")] = None,
    encoding: Annotated[str | None, typer.Option(help="Encoding of the text: utf-8, gbk …")] = None,
    in_layer: Annotated[str | None, typer.Option("--layer", help="Layer in the file")] = None,
    fields: Annotated[str | None, typer.Option(help="Columns to keep, joined by commas; default: all")] = None,
    names: Annotated[
        str | None, typer.Option(help="Column of the names: places are then told and found by this layer")
    ] = None,
    names_en: Annotated[str | None, typer.Option("--names-en", help="Column of the English names")] = None,
    code: Annotated[
        str | None, typer.Option(help="Column of the codes; default: found, else rows are numbered")
    ] = None,
    licence: Annotated[str, typer.Option("--license", help="Under which terms it may be used")] = "",
    source: Annotated[str, typer.Option(help="Where it comes from")] = "",
    note: Annotated[str, typer.Option(help="What else is to be known")] = "",
    skip_rejected: Annotated[bool, typer.Option(help="Take the rows that are right although others are not")] = False,
    trust_crs: Annotated[
        bool, typer.Option("--trust-crs", help="Take the CRS as said although records differ")
    ] = False,
) -> None:
    """Publish a file as a layer that is shown and not edited. 添加参考图层。"""
    settings = Settings()
    about = {"license": licence, "source": source, "note": note}
    if file.suffix.lower() in RASTERS:
        _add_raster(settings, Order(name, file, title, owner, _said(about), crs, author=getpass.getuser()))
        return
    columns = {"code": code, "name": names, "name_en": names_en}
    mapping: dict[str, Any] = {field: column for field, column in columns.items() if column is not None}
    if fields is not None:
        mapping["fields"] = [each.strip() for each in fields.split(",") if each.strip()]
    declaration = Declaration(name, owner, title, title_en, names is not None, mapping=mapping, **about)
    options = Options(
        layer=in_layer, crs=crs, encoding=encoding, skip_rejected=skip_rejected, trust_crs=trust_crs, commit=True
    )
    with open_settled(settings) as store, status(f"{name} ← {file}"):
        with reading(store.world) as connection:
            check_new(connection, name)
        report = run_import(
            store, name, file, replace(options, reference=declaration, note=f"add layer {name} {file.name}")
        )
    show_report(report, settings.language)
    if not report.delivery.is_acceptable:
        raise typer.Exit(REFUSED)


@app.command("list")
def listed() -> None:
    """Every reference layer and every raster. 列出参考图层。"""
    table = Table("name", "title", "geometry", "features", "names", "licence", "updated")
    settings = Settings()
    with open_settled(settings) as store, reading(store.world) as connection:
        for each in described_references(connection):
            title = each.layer.zh if settings.language == "zh" else each.layer.en
            size = str(count(connection, table_of(each.layer), query_of(each.layer, EVERYTHING)))
            names, day = "names" if each.declaration.is_names else "", f"{each.updated:%Y-%m-%d}"
            cells = (each.name, title, each.layer.geometry, size, names, each.declaration.license, day)
            table.add_row(*(escape(cell) for cell in cells))
        for raster in list_rasters(connection):
            table.add_row(
                escape(raster.name), escape(raster.title), "raster", "", "", "", f"{raster.added_at:%Y-%m-%d}"
            )
    out.print(table)


@app.command("show")
def show(name: Name) -> None:
    """Everything about a reference layer, as JSON. 查看参考图层。"""
    with open_settled(Settings()) as store, reading(store.world) as connection:
        if _is_raster(store, name):
            found = find_raster(connection, name).as_dict(read_systems(connection).find)
        else:
            found = _told(store, find_reference(connection, name))
    print(json.dumps(found, ensure_ascii=False, indent=1))


@app.command("remove")
def remove(name: Name) -> None:
    """End a reference layer, as a revision; of a raster its file goes too. 移除参考图层。"""
    settings = Settings()
    with open_settled(settings) as store:
        if _is_raster(store, name):
            remove_raster(store, Files(settings.data), name)
        else:
            remove_reference(store, name, getpass.getuser())
    show_line(f"{escape(name)}: {'已移除' if settings.language == 'zh' else 'removed'}")


def _told(store: Store, found: Described) -> dict[str, Any]:
    layer, said = found.layer, found.declaration
    with reading(store.world) as connection:
        table, query = table_of(layer), query_of(layer, EVERYTHING)
        box, size = bounds(connection, table, query), count(connection, table, query)
    return {
        "name": said.name,
        "owner": said.owner,
        "title": {"zh": layer.zh, "en": layer.en},
        "geometry": layer.geometry,
        "bounds": box,
        "count": size,
        "fields": [{"name": each.name, "type": each.type} for each in layer.told],
        "mapping": dict(said.mapping),
        **found.about(),
        "revision": found.changed,
    }


def _add_raster(settings: Settings, order: Order) -> None:
    with open_settled(settings) as store, progress() as bar:
        with reading(store.world) as connection:
            check_new(connection, order.name)
        task = bar.add_task(order.name, total=None)
        added, faults = add_raster(
            store,
            Files(settings.data),
            order,
            int(settings.max_raster_gb * 1e9),
            lambda step, done, total: bar.update(task, description=step, completed=done, total=total),
        )
    show_faults(faults, settings.language)
    show_line(escape(f"{order.name}: raster, {added.bytes} B"))


def _said(about: dict[str, str]) -> str:
    return " · ".join(about[name] for name in ("note", "source", "license") if about[name])


def _is_raster(store: Store, name: str) -> bool:
    with reading(store.world) as connection:
        try:
            find_raster(connection, name)
        except Refusal:
            return False
    return True
