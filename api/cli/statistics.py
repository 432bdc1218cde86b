"""`wangge statistics` and `wangge indicators`: sums by division, area, department, class and period, and indicators."""

from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import orjson
import typer
from rich.markup import escape
from rich.table import Table

from api.cli.opening import open_worlds, read_time
from api.cli.screen import out, show_faults, show_line, status
from api.settings import Settings
from api.statistics.answering import Statistic, answer_statistics, chosen_of
from api.statistics.asking import check, find_set
from api.statistics.sheets import head_of, write_sheet
from cases.indicators.reading import SHIPPED, load_set, parse_set, shipped_text
from cases.indicators.schema import indicator_schema
from cases.reports import parse_zone
from cases.rules import load_yaml
from gis.errors import Refusal

app = typer.Typer(no_args_is_help=True, help="Sets of indicators. 考核指标集。")
SHOWN = 15
SHOWN_SUMS = ("received", "routed", "fallback", "returned", "accuracy", "components")
"""What a screen has room for; a file has all."""


@app.callback()
def indicators() -> None:
    """Sets of indicators. 考核指标集。"""


def statistics(
    file: Annotated[Path | None, typer.Argument(help="A sheet, .json, or a map: .gpkg …", metavar="OUT")] = None,
    what: Annotated[str, typer.Option(help="cases or components")] = "cases",
    by: Annotated[str | None, typer.Option(help="Keys, with commas: street,class,area.drainage,department")] = None,
    period: Annotated[str | None, typer.Option(help="day, week, month, quarter or year")] = None,
    since: Annotated[str | None, typer.Option("--from", help="Only cases reported since this date or time")] = None,
    until: Annotated[str | None, typer.Option("--to", help="Only cases reported before this date or time")] = None,
    boundaries: Annotated[str | None, typer.Option(help="then, now, or a revision or time")] = None,
    departments: Annotated[
        str | None, typer.Option(help="then, or now: as those that took the place of what ended")
    ] = None,
    edition: Annotated[str | None, typer.Option(help="Tell classes as those of 2026 or 2013")] = None,
    owner: Annotated[str, typer.Option(help="Only what lies in this division")] = "",
    source: Annotated[str | None, typer.Option(help="Only cases of this source")] = None,
    class_code: Annotated[str | None, typer.Option("--class", help="Only cases of this class, as reported")] = None,
    indicators: Annotated[str | None, typer.Option(help="A set of indicators: cjt292, or a .yaml file")] = None,
    view: Annotated[str | None, typer.Option(help="region, department or post")] = None,
) -> None:
    """Cases or components by division, area, department, class and period, with indicators. 统计与考核。"""
    settings = Settings()
    own = indicators is not None and Path(indicators).suffix in (".yaml", ".yml", ".json")
    chosen = load_set(Path(indicators or "")) if own else find_set(indicators, settings.indicators)
    asked = check(what, by, period, boundaries, edition, chosen, view, departments)
    begin, end = (None if text is None else read_time(text, settings.zone) for text in (since, until))
    asked = replace(asked, since=begin, until=end, owner=owner, source=source, class_code=class_code)
    with open_worlds(settings) as worlds, status("statistics"):
        assert worlds.store is not None
        told = answer_statistics(worlds.store, worlds, asked, parse_zone(settings.zone))
        faults = None
        if file is not None and file.suffix.lower() != ".json":
            faults = write_sheet(file, told, settings.language, worlds.store)
    if file is None:
        _show(told, settings.language)
    elif faults is None:
        file.write_bytes(orjson.dumps(told.as_dict(), option=orjson.OPT_INDENT_2))
    else:
        show_faults(faults, settings.language)
    main = ", ".join(f"{told.totals[name]} {name}" for name in SHOWN_SUMS if told.totals.get(name) is not None)
    where = "" if file is None else f" -> {escape(str(file))}"
    show_line(f"{len(told.rows)} @ {told.revision}: {main}{where}")
    if told.question.indicators is not None:
        show_line(escape(told.question.indicators.after))


@app.command("check")
def check_set(file: Annotated[Path, typer.Argument(help="The set, as YAML or JSON")]) -> None:
    """Check a file of indicators: members, formulas, weights. 检查指标文件。"""
    settings = Settings()
    found, faults = parse_set(load_yaml(file))
    if found is None:
        raise Refusal(faults)
    zh = settings.language == "zh"
    for each in found.indicators:
        name = each.name if zh or not each.name_en else each.name_en
        show_line(escape(f"{each.code}: {name} = {each.formula.text} ({', '.join(each.views)})"))
    count = len(found.indicators)
    show_line(f"{escape(found.code)}：{count} 个指标。" if zh else f"{escape(found.code)}: {count} indicators.")


@app.command("show")
def show_set(code: Annotated[str, typer.Argument(help="A set that ships: cjt292")] = SHIPPED[0]) -> None:
    """Print a set that ships, to be copied and changed. 输出内置指标集。"""
    find_set(code)
    print(shipped_text(code), end="")


@app.command("schema")
def schema() -> None:
    """Print the JSON schema of sets, for editors. 输出指标文件的 JSON Schema。"""
    print(orjson.dumps(indicator_schema(), option=orjson.OPT_INDENT_2).decode())


def _show(told: Statistic, language: str) -> None:
    chosen = [name for name in SHOWN_SUMS if name in told.totals]
    held = told.question.indicators
    names = {} if held is None else {each.code: each.name for each in chosen_of(held, told.question)}
    marks = list(names)
    scored = ["score"] if marks else []
    table = Table()
    for name in told.keys:
        table.add_column(head_of(name, language), no_wrap=True)
    for name in chosen:
        table.add_column(head_of(name, language), justify="right")
    for name in marks:
        table.add_column(escape(names[name] if language == "zh" else name), justify="right")
    for name in scored:
        table.add_column(head_of(name, language), justify="right")
    for row in told.rows[:SHOWN]:
        values: list[Any] = [row[name] for name in (*told.keys, *chosen)]
        values += [row["indicators"][name] for name in marks] + [row[name] for name in scored]
        table.add_row(*(escape(_short(each)) for each in values))
    if told.rows:
        out.print(table)
    if len(told.rows) > SHOWN:
        show_line(f"… {len(told.rows) - SHOWN}")


def _short(value: Any) -> str:
    if value is None:
        return "-"
    return f"{value:.4g}" if isinstance(value, float) else str(value)
