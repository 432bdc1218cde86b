"""The demonstration: an invented city in ordinary files, loaded by the ordinary import, its cases routed."""

import shutil
from functools import partial
from pathlib import Path

import yaml

from api.bulk.files import Moment, Routed, read_cases, route_table, spell_out
from api.cli.bulk import summarise
from api.cli.opening import open_settled, read_time
from api.cli.screen import progress, show_line, show_report, status
from api.settings import Settings
from api.transfer.imports import Options, run_import
from api.worlds import Worlds, folder_of
from cases.reports import Defaults, parse_zone
from gis.errors import Refusal
from gis.formats import read, write
from gis.store.engine import Store
from gis.store.revisions import current_head

MANIFEST = "city.yaml"
FLAGS = {
    "--layer": "layer",
    "--gaps": "gaps",
    "--area-layer": "area_layer",
    "--title": "title",
    "--overlap": "overlap",
    "--owner": "owner",
}
PATHS = frozenset({"gaps"})


def settle(settings: Settings, folder: Path) -> Settings:
    """Settings whose store is the demo's own, beside its files, unless the caller named one."""
    if "store" in settings.model_fields_set:
        return settings
    return settings.model_copy(update={"store": f"sqlite:///{folder / 'wangge.db'}"})


def prepare(settings: Settings, folder: Path, units: int, fresh: bool) -> None:
    """Make the city, import it and route its cases; what an earlier run has done is not done again."""
    zh = settings.language == "zh"
    if fresh and folder.exists():
        shutil.rmtree(folder)
    if not (folder / MANIFEST).exists():
        with status("正在生成网格市…" if zh else "Writing the model city …"):
            from examples.model_city import write as write_city

            write_city(folder, units=units)
    with open_settled(settings) as store:
        if current_head(store) == 0:
            load(store, folder, settings)
        route_cases(store, folder, settings)


def load(store: Store, folder: Path, settings: Settings) -> None:
    """Import every file of the manifest. Errors: Refusal demo_refused when one of them is not acceptable."""
    manifest = yaml.safe_load((folder / MANIFEST).read_text(encoding="utf-8"))
    effective = read_time(manifest["effective"], settings.zone)
    with progress() as bar:
        task = bar.add_task("导入 import" if settings.language == "zh" else "import", total=len(manifest["import"]))
        for layer, file, *flags in manifest["import"]:
            given = {FLAGS[flag]: value for flag, value in zip(flags[::2], flags[1::2], strict=True)}
            given = {name: str(folder / value) if name in PATHS else value for name, value in given.items()}
            options = Options(**given, commit=True, effective_at=effective, author="demo")
            report = run_import(store, layer, folder / file, options)
            if not report.delivery.is_acceptable:
                show_report(report, settings.language)
                raise Refusal(report.delivery.faults)
            bar.advance(task)


def route_cases(store: Store, folder: Path, settings: Settings) -> None:
    """Route the cases of the city with a progress bar, write them beside it, and print what came out."""
    table = spell_out(read(folder / "cases.csv"), None)
    defaults = Defaults(source="demo", zone=parse_zone(settings.zone))
    worlds = Worlds(store, folder_of(settings.data, store))
    cases, faults = read_cases(table, {}, worlds.newest().defaults(defaults), None)
    with progress() as bar:
        task = bar.add_task("派遣 route" if settings.language == "zh" else "route", total=len(table))
        asked: list[Moment] = [None] * len(table)
        answered, routings = route_table(worlds, table, cases, asked, partial(bar.advance, task), settings.language)
    routed = folder / "cases_routed.csv"
    write(routed, answered)
    summarise(Routed(answered, tuple(routings), tuple(faults)), settings.language)
    show_line(f"-> {routed}")
