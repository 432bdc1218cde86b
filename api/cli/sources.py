"""`wangge sources`: what cases take from their source where they say nothing."""

import getpass
import json
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import shapely
import typer
from rich.markup import escape
from rich.table import Table

from api.cli.opening import open_settled, read_mapping
from api.cli.screen import out, show_faults, show_line
from api.settings import Settings
from api.systems import LiveSystems
from api.worlds import Worlds, folder_of
from cases.log import list_sources, newest_reports
from cases.reports import FIELDS, Defaults
from cases.shifts import Finding, examine, sight
from cases.source_records import declare, find_source, read_class_map, read_sources, withdraw
from cases.sources import Source
from components.editions import normalise_edition
from gis.delivery import with_uids
from gis.formats import read
from gis.store.engine import Store, reading
from gis.store.revisions import Publication, publish
from gis.store.scope import EVERYTHING

app = typer.Typer(no_args_is_help=True, help="Sources of cases. 案件来源。")

MOST, MOST_SOURCES = 5_000, 1_000
SHIFTED = 1
"""Exit code of a check that found a shift."""

Name = Annotated[str, typer.Argument(help="The source, as its cases name it")]
AsJson = Annotated[bool, typer.Option("--json", help="As JSON")]


@app.command("add")
def add(
    name: Name,
    crs: Annotated[str | None, typer.Option(help="CRS of its positions: GCJ-02, EPSG:4547, one of your own …")] = None,
    accuracy: Annotated[float | None, typer.Option(help="How far its positions may be off, in metres")] = None,
    zone: Annotated[str | None, typer.Option(help="Time zone of its times: Asia/Shanghai, +08:00")] = None,
    edition: Annotated[str | None, typer.Option(help="Edition of its classes: 2026, 2013 or one of your own")] = None,
    kind: Annotated[str | None, typer.Option(help="component or matter")] = None,
    classes: Annotated[
        Path | None, typer.Option(help="Map of its class codes, a table: code, edition, kind, class_code")
    ] = None,
    owner: Annotated[str, typer.Option(help="Division code that owns it; empty: the whole store")] = "",
    note: Annotated[str | None, typer.Option(help="What else is to be known")] = None,
    replaces: Annotated[bool, typer.Option("--replace", help="Change what is said of it already")] = False,
) -> None:
    """Declare what cases of a source take where they say nothing, as a revision. 登记案件来源。"""
    settings = Settings()
    with open_settled(settings) as store:
        source = Source(name, owner, crs, accuracy, zone, edition, kind, note)
        with reading(store.world) as connection:
            if replaces:
                source = _over(find_source(connection, name), source)
            if classes is not None:
                own = None if source.edition is None else normalise_edition(source.edition)
                source = replace(source, classes=read_class_map(read(classes), own, source.kind))
            base, changes = declare(connection, source, LiveSystems(store).parse, replaces=replaces)
        if changes:
            note_of = f"source {name}"
            made, _ = publish(store, Publication(with_uids(store, changes), getpass.getuser(), note_of, base))
            base = made.number
    zh = settings.language == "zh"
    show_line(escape(f"{name}: {'已登记，数据版本' if zh else 'declared, revision'} {base}"))


def _over(known: Source, said: Source) -> Source:
    """What was said before with what is said now; the map of classes stays until another is given."""
    given = {each: value for each in said.__slots__ if (value := getattr(said, each)) not in (None, "", {})}
    return replace(known, **given)


@app.command("list")
def listed(as_json: AsJson = False) -> None:
    """The sources that are declared. 列出案件来源。"""
    with open_settled(Settings()) as store, reading(store.world) as connection:
        found = read_sources(connection, EVERYTHING)
    if as_json:
        print(json.dumps([each.as_dict() for each in found], ensure_ascii=False, indent=1))
        return
    table = Table("name", "owner", "crs", "accuracy (m)", "zone", "edition", "kind", "classes")
    for each in found:
        accuracy = "" if each.accuracy_m is None else f"{each.accuracy_m:g}"
        texts = (each.name, each.owner, each.crs, accuracy, each.zone, each.edition, each.kind, str(len(each.classes)))
        table.add_row(*(escape(text or "") for text in texts))
    out.print(table)


@app.command("show")
def show(name: Name) -> None:
    """Everything that is said of a source, as JSON. 查看案件来源。"""
    with open_settled(Settings()) as store, reading(store.world) as connection:
        found = find_source(connection, name)
    print(json.dumps(found.as_dict(), ensure_ascii=False, indent=1))


@app.command("remove")
def remove(name: Name) -> None:
    """End a source, as a revision: its cases must say everything themselves again. 移除案件来源。"""
    settings = Settings()
    with open_settled(settings) as store:
        with reading(store.world) as connection:
            base, changes = withdraw(connection, name)
        publish(store, Publication(changes, getpass.getuser(), f"remove source {name}", base))
    show_line(f"{escape(name)}: {'已移除' if settings.language == 'zh' else 'removed'}")


@app.command("check")
def check(
    name: Annotated[str | None, typer.Argument(help="One source; default: every one with cases")] = None,
    file: Annotated[Path | None, typer.Option(help="Cases in a file instead of those that were taken in")] = None,
    mapping: Annotated[list[str] | None, typer.Option("--map", help="field=column of the file, repeatable")] = None,
    as_json: AsJson = False,
) -> None:
    """Whether positions carry a shift (GCJ-02, BD-09) that nobody declared. 检查来源坐标是否存在未声明的偏移。"""
    settings = Settings()
    found: list[Finding] = []
    with open_settled(settings) as store:
        desk = Worlds(store, folder_of(settings.data, store)).newest()
        defaults = desk.defaults(Defaults(read_crs=LiveSystems(store).parse))
        for source, records in _records(store, name, file, read_mapping(mapping or ())):
            found += examine(source, sight(records, replace(defaults, source=source)), desk)
    if as_json:
        print(json.dumps([each.as_dict() for each in found], ensure_ascii=False, indent=1))
    else:
        for each in found:
            show_line(escape(each.as_fault().text(settings.language)))
        if not found:
            show_line("没有可检查的案件。" if settings.language == "zh" else "There are no cases to check.")
    if any(each.is_shift for each in found):
        raise typer.Exit(SHIFTED)


def _records(store: Store, name: str | None, file: Path | None, mapping: dict[str, str]) -> list[tuple[str, list[Any]]]:
    """The raw cases by source: those of a file, else those taken in last."""
    if file is None:
        with reading(store.log) as connection:
            names = list_sources(connection, MOST_SOURCES) if name is None else [name]
            return [(each, newest_reports(connection, each, MOST)) for each in names]
    table = read(file)
    show_faults([each for each in table.faults if each.severity == "error"], Settings().language)
    columns: dict[str, Any] = {each: table.columns[each].tolist() for each in table.columns if each in FIELDS}
    columns |= {each: table.columns[column].tolist() for each, column in mapping.items() if column in table.columns}
    if table.geometry is not None:
        for axis, numbers in zip(("lon", "lat"), (shapely.get_x(table.geometry), shapely.get_y(table.geometry)),
                                 strict=True):  # fmt: skip
            columns.setdefault(axis, numbers.tolist())
        if table.crs is not None:
            columns.setdefault("crs", [str(table.crs)] * len(table))
    by_source: dict[str, list[Any]] = {}
    for row in (dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)):
        source = str(row.get("source") or "").strip() or name or file.stem
        if name is None or source == name:
            by_source.setdefault(source, []).append(row)
    return [(each, rows[-MOST:]) for each, rows in sorted(by_source.items())]
