"""The program itself: its commands, its exit codes, and how a refusal is told."""

import sys
from collections.abc import Mapping
from typing import Any

import typer
import typer.core
from pydantic import ValidationError

from api.cli import (
    bulk,
    catalogue,
    checking,
    deliveries,
    drafts,
    history,
    jobs,
    keys,
    layers,
    outcomes,
    profiles,
    proposals,
    rasters,
    repairs,
    replays,
    reports,
    rulebooks,
    rulings,
    sources,
    statistics,
    stores,
    systems,
    webhooks,
)
from api.cli.screen import show_faults, show_line
from api.collector import calm
from api.settings import Settings
from gis.errors import Kind, Refusal

# What a script can tell failures apart by; 1 is a fault of the program, 2 a wrong call.
EXIT_CODES: Mapping[Kind, int] = {
    "invalid": 3,
    "unreadable": 4,
    "missing": 5,
    "gone": 5,
    "conflict": 6,
    "forbidden": 7,
    "unavailable": 8,
}


class Commands(typer.core.TyperGroup):
    """Commands of one word, and those of two whose first is a command itself: `check delivery` beside `check`."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        pair = " ".join(args[:2])
        return super().resolve_command(ctx, [pair, *args[2:]] if pair in self.commands else args)


app = typer.Typer(
    name="wangge",
    cls=Commands,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Unit grids, components, routing of cases, OGC APIs and tiles. 城市管理单元网格、部件与案件派遣。",
)
app.command("import")(stores.import_layer)
app.command("export")(stores.export_layer)
app.command("check")(checking.check)
app.command("check delivery")(deliveries.check_delivery)
app.command("revisions")(stores.revisions)
app.command("changes")(history.changes)
app.command("crosswalk")(history.crosswalk)
app.command("undo")(history.undo)
app.command("repair")(repairs.repair)
app.command("migrate")(stores.migrate_store)
app.command("locate")(bulk.locate)
app.command("route")(bulk.route)
app.command("replay")(replays.replay_cases)
app.command("statistics")(statistics.statistics)
app.command("seams")(outcomes.seams)
app.command("seams ruling")(outcomes.ruling)
app.command("zonal")(rasters.zonal)
app.command("density")(rasters.density)
app.command("serve")(stores.serve)
app.command("demo")(stores.demo)
app.add_typer(catalogue.app, name="catalogue")
app.add_typer(statistics.app, name="indicators")
app.add_typer(outcomes.app, name="outcomes")
app.add_typer(outcomes.cases_app, name="cases")
app.add_typer(drafts.app, name="draft")
app.add_typer(rulebooks.app, name="rules")
app.add_typer(rulings.app, name="rulings")
app.add_typer(systems.app, name="crs")
app.add_typer(keys.app, name="keys")
app.add_typer(jobs.app, name="jobs")
app.add_typer(profiles.app, name="profiles")
app.add_typer(proposals.app, name="proposals")
app.add_typer(reports.app, name="report")
app.add_typer(rasters.app, name="rasters")
app.add_typer(layers.app, name="layers")
app.add_typer(sources.app, name="sources")
app.add_typer(webhooks.app, name="webhooks")


def main() -> None:
    """Run a command; a refusal is told in words on standard error, with an exit code for its kind."""
    calm()
    try:
        app()
    except Refusal as refusal:
        show_faults(refusal.faults, Settings().language)
        sys.exit(EXIT_CODES[refusal.kind])
    except ValidationError as error:
        for each in error.errors():
            name = "WANGGE_" + "_".join(str(part) for part in each["loc"]).upper()
            show_line(f"[red]{name}: {each['msg']}[/red]")
        sys.exit(2)
