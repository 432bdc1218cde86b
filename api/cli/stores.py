"""`wangge import`, `export`, `revisions`, `migrate`, `serve` and `demo`."""

import json
import os
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from api.cli import model_city
from api.cli.case_files import check_options, take_in
from api.cli.opening import open_settled, read_mapping, read_texts, read_time
from api.cli.screen import counting, out, show_comparison, show_faults, show_line, show_report, status
from api.lookups.moments import read_moment
from api.migrations import migrate
from api.settings import Settings
from api.transfer.case_orders import CASE_LAYERS
from api.transfer.comparisons import FILE, Comparison, extent_of, run_comparison, scope_file, scope_without_base
from api.transfer.dress import read_dress
from api.transfer.exports import export_layer as write_layer
from api.transfer.imports import Options, run_import
from api.transfer.reading import OWNED
from components.editions import CURRENT
from gis.errors import refuse
from gis.store.engine import open_store, reading
from gis.store.revisions import head, list_revisions, revision_at
from grids.deliveries.extents import is_shape
from grids.units import SNAP_M

REFUSED = 3


def import_layer(
    layer: Annotated[
        str, typer.Argument(help="divisions units areas departments components rules catalogue cases outcomes")
    ],
    file: Annotated[Path, typer.Argument(help="GeoPackage, GeoJSON, shapefile, CSV …; YAML, CSV or Excel for rules")],
    mapping: Annotated[list[str] | None, typer.Option("--map", help="field=column, repeatable")] = None,
    given: Annotated[
        list[str] | None, typer.Option("--set", help="field=text, repeatable; {COLUMN} in it is what the row has there")
    ] = None,
    fields: Annotated[
        str | None,
        typer.Option(help="Profile of field names: 2026, 2013, zh, en, a saved one, or none; default: found"),
    ] = None,
    profile: Annotated[
        str | None, typer.Option(help="Code profile: gbt, gbt16, fips, free, or state=2,county=5,unit=12")
    ] = None,
    in_layer: Annotated[str | None, typer.Option("--layer", help="Layer in the file")] = None,
    area_layer: Annotated[str | None, typer.Option(help="Name of the layer of areas")] = None,
    title: Annotated[str | None, typer.Option(help="How people call the layer of areas")] = None,
    overlap: Annotated[str, typer.Option(help="Whether areas of the layer may overlap: none or allowed")] = "none",
    owner: Annotated[str, typer.Option(help="Division code that owns the rows; empty: the whole store")] = "",
    crs: Annotated[str | None, typer.Option(help="CRS of the file: EPSG:4547, GCJ-02, BD-09 …")] = None,
    encoding: Annotated[str | None, typer.Option(help="Encoding of the text: utf-8, gbk …")] = None,
    effective: Annotated[str | None, typer.Option(help="Since when it holds: a date or a time")] = None,
    gaps: Annotated[str | None, typer.Option(help="Named gaps of the units: FILE or FILE:LAYER")] = None,
    scope: Annotated[
        str | None,
        typer.Option(help="Within which what the file lacks is gone: a code prefix; with a base also *, WKT or a file"),
    ] = None,
    base: Annotated[
        str | None, typer.Option(help="What the file was begun from: a revision, a date, or `file` (what it says)")
    ] = None,
    draft: Annotated[bool, typer.Option("--draft", help="Put what the file changes since its base in a draft")] = False,
    allow_changes: Annotated[int, typer.Option(min=0, help="So many rows may be gone, or moved alike, in one go")] = 0,
    snap: Annotated[float, typer.Option(help="Metres up to which gaps and overlaps of units are closed")] = SNAP_M,
    edition: Annotated[str, typer.Option(help="Edition of components that name none")] = CURRENT,
    class_code: Annotated[str | None, typer.Option("--class", help="Class of components that name none")] = None,
    classes: Annotated[
        Path | None, typer.Option(help="Of components in several files: table of files and their classes")
    ] = None,
    basis: Annotated[str | None, typer.Option(help="Document it rests on, as text")] = None,
    note: Annotated[str, typer.Option(help="Note of the revision")] = "",
    author: Annotated[str | None, typer.Option(help="Author of the revision; default: who is logged in")] = None,
    skip_rejected: Annotated[bool, typer.Option(help="Import the rows that are right although others are not")] = False,
    trust_crs: Annotated[
        bool, typer.Option("--trust-crs", help="Take the CRS as said although records differ")
    ] = False,
    rejects: Annotated[
        Path | None, typer.Option(help="Where to write the rows with errors, to be mended and imported again")
    ] = None,
    report: Annotated[Path | None, typer.Option(help="Where to write the report as JSON")] = None,
    source: Annotated[str | None, typer.Option(help="Source of cases and outcomes whose rows name none")] = None,
    commit: Annotated[bool, typer.Option("--commit", help="Publish; without it nothing is changed")] = False,
) -> None:
    """Check a file against the store and, with --commit, publish it as one revision. 导入（--commit 才发布）。"""
    settings = Settings()
    columns = read_mapping(mapping or ())
    options = Options(
        mapping=columns,
        texts=read_texts(given or (), columns),
        fields=fields,
        profile=profile,
        layer=in_layer,
        owner=owner,
        crs=crs,
        encoding=encoding,
        area_layer=area_layer,
        title=title,
        overlap=overlap,
        gaps=gaps,
        scope=scope,
        snap_m=snap,
        edition=edition,
        class_code=class_code,
        classes=classes,
        skip_rejected=skip_rejected,
        trust_crs=trust_crs,
        rejects=rejects,
        commit=commit,
        effective_at=read_time(effective, settings.zone) if effective else None,
        note=note,
        basis={"text": basis} if basis else None,
    )
    options = replace(options, author=author) if author else options
    report_path = report_place(report, settings, layer)  # before anything is published
    check_options(layer, options, source, base, draft)
    if layer in CASE_LAYERS:
        taken = take_in(layer, file, options, source, settings)
        close_report(report_path, taken.as_dict(), taken.is_acceptable)
        return
    if base is not None or draft:
        wanted = comparison_of(base, scope, allow_changes, draft, owner if layer in OWNED else "", settings)
        with open_settled(settings) as store, status(f"{layer} ← {file}"):
            compared = run_comparison(store, layer, file, options, wanted)
        show_comparison(compared, settings.language)
        close_report(report_path, compared.as_dict(), compared.is_acceptable)
        if compared.draft is not None:
            print(compared.draft.id)
        return
    if scope is not None and (is_shape(scope) or scope_file(scope) is not None):
        raise scope_without_base(scope)
    with open_settled(settings) as store, counting(f"{layer} ← {file.name}", settings.language) as counted:
        found = run_import(store, layer, file, options, counted=counted)
    show_report(found, settings.language)
    if found.rejects is not None:
        show_line(f"rejected: {found.as_dict()['rejected']} -> {found.rejects}")
    close_report(report_path, found.as_dict(), found.delivery.is_acceptable)


def comparison_of(
    base: str | None, scope: str | None, allowed: int, draft: bool, owner: str, settings: Settings
) -> Comparison:
    """How the command line wants a file compared. Errors: Refusal time_wrong, scope_wrong, those of a file."""
    when = base if base in (None, FILE) else read_moment(str(base), settings.zone)
    return Comparison(when, extent_of(scope, scope_file(scope)), allowed, draft, owner)


def close_report(path: Path, content: dict[str, Any], is_acceptable: bool) -> None:
    """Write the report, and end with the exit code of a refusal when there are errors."""
    path.write_text(json.dumps(content, ensure_ascii=False, indent=1), encoding="utf-8")
    show_line(f"report: {path}")
    if not is_acceptable:
        raise typer.Exit(REFUSED)


def report_place(path: Path | None, settings: Settings, layer: str) -> Path:
    """Where the report is written: in the data folder unless one is named. Errors: Refusal file_unwritable."""
    if path is None:
        stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S%f")
        path = settings.data / "reports" / f"import-{layer}-{stamp}.json"
    folder = path.parent
    try:
        folder.mkdir(parents=True, exist_ok=True)
        why = "it is a folder" if path.is_dir() else "no permission" if not os.access(folder, os.W_OK) else None
    except OSError as error:
        why = error.strerror or str(error)
    if why is not None:
        raise refuse(
            "file_unwritable",
            f"The report {path} cannot be written: {why}. Nothing was changed.",
            f"无法写入报告 {path}：{why}。未做任何更改。",
            kind="unavailable",
        )
    return path


def export_layer(
    layer: Annotated[str, typer.Argument(help="A layer's id: units, divisions, areas.NAME, components, rules …")],
    file: Annotated[Path, typer.Argument(help="The file to write; its ending says the format")],
    as_of: Annotated[str | None, typer.Option(help="A revision or a time; default: now")] = None,
    crs: Annotated[str | None, typer.Option(help="CRS to write in; default EPSG:4490")] = None,
    encoding: Annotated[str | None, typer.Option(help="Encoding of shapefile and CSV: utf-8 or gbk")] = None,
    prefix: Annotated[str, typer.Option(help="Only what has a code that begins so")] = "",
    where: Annotated[
        list[str] | None, typer.Option(help="Only what has FIELD=VALUE, FIELD=BEGINNING* or FIELD!=VALUE; repeatable")
    ] = None,
    heads: Annotated[str | None, typer.Option(help="Heads of the columns: field, 2026, 2013, zh or en")] = None,
    for_people: Annotated[
        bool, typer.Option("--for-people", help="CSV for spreadsheets: no formula runs, no code is rounded")
    ] = False,
) -> None:
    """Write a layer to a file, as it is or as it was. 导出。"""
    settings = Settings()
    dress = read_dress(heads, for_people, where or (), file.suffix.lower())
    with open_settled(settings) as store, reading(store.world) as connection:
        at = revision_at(connection, read_moment(as_of, settings.zone)) if as_of else head(connection)
        asked: dict[str, Any] = {"prefix": prefix, "crs": crs, "encoding": encoding, "dress": dress}
        with counting(f"{layer} → {file.name}", settings.language) as told:
            asked["counted"] = lambda step, done: told(step, done, None)
            rows, faults = write_layer(connection, layer, file, at=at, **asked)
    show_faults(faults, settings.language)
    show_line(f"{layer} @ {at}: {rows} -> {file}")


def revisions(since: Annotated[int, typer.Option(help="Only those after this number")] = 0) -> None:
    """Every revision: when it was recorded, since when it holds, by whom, and what it did. 数据版本。"""
    table = Table("number", "recorded", "effective", "author", "note", "created", "changed", "retired")
    with open_settled(Settings()) as store, reading(store.world) as connection:
        for each in list_revisions(connection, since):
            sums = [str(sum(part[what] for part in each.counts.values())) for what in ("created", "changed", "retired")]
            times = (each.recorded_at.isoformat(timespec="seconds"), each.effective_at.isoformat(timespec="seconds"))
            table.add_row(str(each.number), *times, each.author, each.note, *sums)
    out.print(table)


def migrate_store() -> None:
    """Bring the store to the schema of this version. 升级数据库结构。"""
    settings = Settings()
    store = open_store(settings.store, settings.wait_s)
    try:
        taken = migrate(store)
    finally:
        store.close()
    show_line("; ".join(taken) or "up to date")


def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen on")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on")] = None,
    workers: Annotated[int | None, typer.Option(min=1, max=256, help="Processes that answer")] = None,
) -> None:
    """Serve HTTP: lookups, OGC APIs, tiles and the map page. 启动服务。"""
    from api.server import run_server

    run_server(Settings(), host, port, workers)


def demo(
    units: Annotated[int, typer.Option(help="Units of the model city")] = 5000,
    folder: Annotated[Path, typer.Option(help="Where its files are written")] = Path("data/model_city"),
    fresh: Annotated[bool, typer.Option(help="Forget an earlier demo and begin anew")] = False,
    serve_after: Annotated[bool, typer.Option("--serve/--no-serve", help="Serve it afterwards")] = True,
    port: Annotated[int | None, typer.Option(help="Port to listen on")] = None,
) -> None:
    """Write the model city, import it, route its cases, show the result, and serve it. 演示：网格市。"""
    settings = model_city.settle(Settings(), folder)
    model_city.prepare(settings, folder, units, fresh)
    if serve_after:
        from api.server import run_server

        run_server(settings, None, port)
