"""`wangge replay`: the cases of the log sent again, and how far the answers agree with what was decided."""

from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from api.bulk.moved import MovedFiles
from api.cli.opening import open_settled, read_time
from api.cli.screen import out, progress, show_line
from api.editing.replays import REPORTED, Against, Replayed, check_rules, replay
from api.jobs.reports import write_report
from api.lookups.moments import read_moment
from api.routers.parameters import check_alone
from api.settings import Settings
from api.systems import LiveSystems
from api.worlds import Worlds, folder_of
from cases.books import read_book
from cases.replay import Which
from cases.reports import Defaults, parse_zone

SHOWN = 12


def replay_cases(
    file: Annotated[
        Path | None,
        typer.Argument(help="The cases that move, as .csv, .parquet or .geojson", metavar="OUT"),
    ] = None,
    as_of: Annotated[
        str | None, typer.Option(help="A revision, a time, or reported_at: what held when each was; default: now")
    ] = None,
    draft: Annotated[str | None, typer.Option(help="As this draft would have it")] = None,
    rules: Annotated[
        Path | None, typer.Option(help="With this rule book in the place of its owner's: YAML, CSV or Excel")
    ] = None,
    owner: Annotated[str | None, typer.Option(help="Whose book that is, if it does not say so itself")] = None,
    source: Annotated[str | None, typer.Option(help="Only cases of this source")] = None,
    since: Annotated[str | None, typer.Option(help="Only cases reported since this date or time")] = None,
    until: Annotated[str | None, typer.Option(help="Only cases reported before this date or time")] = None,
    handled: Annotated[
        bool, typer.Option("--handled", help="Compare with who really handled each case: the dispatch accuracy")
    ] = False,
    report: Annotated[Path | None, typer.Option(help="Where to write all counts as JSON")] = None,
) -> None:
    """Send past cases again, under another revision, draft or rule book. Nothing is changed. 历史案件试派。"""
    settings = Settings()
    check_rules(rules, owner, as_of, draft)
    if draft is not None:
        check_alone(as_of)
    document = None if rules is None else read_book(rules)
    begin, end = (_time(text, settings) for text in (since, until))
    files = MovedFiles(*([file] if file is not None else []))
    with open_settled(settings) as store:
        worlds = Worlds(store, folder_of(settings.data, store))
        revision = None
        if as_of is not None and as_of != REPORTED:
            revision = worlds.number(read_moment(as_of, settings.zone))
        against = Against(revision, as_of == REPORTED, draft, rules=document, owner=owner)
        with progress() as bar, files:
            task = bar.add_task("试派 replay" if settings.language == "zh" else "replay", total=None)

            def told(done: int, total: int) -> None:
                bar.update(task, completed=done, total=total)

            defaults = Defaults(zone=parse_zone(settings.zone), read_crs=LiveSystems(store).parse)
            made = replay(store, worlds, Which(source, begin, end, handled=handled), against, defaults, files, told)
    show_replayed(made, settings.language)
    if report is not None:
        write_report(report, made.as_dict())
    if file is not None:
        show_line(f"{made.summary['moved']} -> {escape(str(file))}")


def show_replayed(made: Replayed, language: str) -> None:
    """The agreement in all, and where it is least."""
    zh, told = language == "zh", made.as_dict()
    moves = [each for each in told["departments"] if each["before"] != each["after"]]
    table = Table(title="改派最多" if zh else "Most moves", title_justify="left")
    for head in ("原部门", "现部门", "件数") if zh else ("before", "after", "n"):
        table.add_column(head, justify="right" if head in ("件数", "n") else "left")
    for each in moves[:SHOWN]:
        table.add_row(_named(each, "before"), _named(each, "after"), str(each["cases"]))
    if moves:
        out.print(table)
    _show_shares("按类别" if zh else "By class", told["classes"], ("edition", "kind", "class_code"))
    _show_shares("按区划" if zh else "By division", told["divisions"], ("division",))
    share = "-" if told["agreement"] is None else f"{100 * told['agreement']:.1f} %"
    lost = told["unreadable"] + told["before_history"]
    show_line(
        f"{told['cases']} 件中 {told['same']} 件一致（{share}），{told['moved']} 件改派，{lost} 件无法比较。"
        if zh
        else f"{told['cases']} cases: {told['same']} agree ({share}), {told['moved']} move, {lost} cannot be compared."
    )


def _show_shares(title: str, shares: list[dict[str, Any]], names: tuple[str, ...]) -> None:
    """Those of which most cases move."""
    table = Table(title=title, title_justify="left")
    for head in (*names, "n", "%"):
        table.add_column(head, justify="right" if head in ("n", "%") else "left")
    worst = sorted(shares, key=lambda each: (each["same"] - each["cases"], str([each[name] for name in names])))
    for each in worst[:SHOWN]:
        said = (escape(str(each[name] if each[name] is not None else "-")) for name in names)
        table.add_row(*said, str(each["cases"]), f"{100 * each['agreement']:.1f}")
    if shares:
        out.print(table)


def _named(pair: dict[str, Any], which: str) -> str:
    code, name = pair[which], pair[f"{which}_name"]
    return "-" if code is None else escape(f"{code} {name}" if name else code)


def _time(text: str | None, settings: Settings) -> datetime | None:
    return None if text is None else read_time(text, settings.zone)
