"""`wangge report`: reports of the inventory."""

from pathlib import Path
from typing import Annotated

import orjson
import typer
from rich.markup import escape
from rich.table import Column, Table

from api.cli.opening import open_settled
from api.cli.screen import out, show_faults, show_line
from api.editing.yearly import HEADS, LEVEL, UNTOUCHED, report_year, write_year
from api.settings import Settings
from api.worlds import Worlds, folder_of
from gis.store.scope import EVERYTHING

app = typer.Typer(no_args_is_help=True, help="Reports. 统计报表。")


@app.callback()
def reports() -> None:
    """Reports. 统计报表。"""


@app.command("components")
def components(
    year: Annotated[int, typer.Option(help="The year")],
    level: Annotated[str, typer.Option(help="Level of the divisions to sum by")] = LEVEL,
    untouched: Annotated[int, typer.Option(help="Years without a change")] = UNTOUCHED,
    file: Annotated[Path | None, typer.Option("--out", help="File to write: .csv, .xlsx or .json")] = None,
) -> None:
    """What became of the inventory in a year, by division and class. 部件年度更新报表。"""
    settings = Settings()
    with open_settled(settings) as store:
        worlds = Worlds(store, folder_of(settings.data, store))
        told = report_year(store, worlds, year, level, untouched, settings.zone, EVERYTHING)
    heads = [each[1 if settings.language == "zh" else 0] for each in HEADS.values()]
    if file is None:
        longest = max((len(each["division"]) for each in told["items"]), default=0)  # never cut, however narrow it is
        table = Table(Column(heads[0], no_wrap=True, min_width=longest), *heads[1:])
        for each in told["items"]:
            table.add_row(*(escape(str(each[name] if each[name] is not None else "")) for name in HEADS))
        out.print(table)
    elif file.suffix.lower() == ".json":
        file.write_bytes(orjson.dumps(told, option=orjson.OPT_INDENT_2))
    else:
        show_faults(write_year(file, told, settings.language), settings.language)
    totals = ", ".join(f"{count} {name}" for name, count in told["totals"].items())
    where = "" if file is None else f" -> {escape(str(file))}"
    show_line(f"{year} @ {told['from_revision']}..{told['revision']}: {totals}{where}")
