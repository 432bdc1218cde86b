"""`wangge outcomes`, `wangge seams` and `wangge cases`: what became of cases, where they are returned, their texts."""

import getpass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from rich.markup import escape
from rich.table import Table as Screen

from api.cli.opening import open_settled, read_time
from api.cli.screen import out, show_faults, show_line, status
from api.editing.drafting import DOORS, holders
from api.editing.seam_rulings import WIDTH_M, Ruling, draft_ruling
from api.editing.seams import find_burdens, names_of, to_table
from api.settings import Settings
from cases.followups import unknown_case
from cases.handling import MEASURES, tally
from cases.measured import Asked
from cases.reports import parse_zone
from cases.seams import REACH_M
from cases.standing import find_standing
from cases.statistics.columns import Coded, Indices, group
from cases.statistics.periods import period_of
from cases.statistics.placing import divisions_of
from cases.statistics.reading import read_cases
from cases.statistics.sums import CaseFacts
from cases.texts import erase_texts
from components.editions import CURRENT, normalise_edition
from gis.errors import refuse
from gis.formats import write
from gis.formats.columns import to_column
from gis.store.engine import Store, reading
from gis.store.revisions import head, read_settings
from gis.store.scope import EVERYTHING
from gis.store.versions import Query, read_columns
from gis.tables import Table
from grids.drafts.workbench import Workbench
from grids.profiles import FREE, CodeProfile, read_profile
from grids.tables import division

app = typer.Typer(no_args_is_help=True, help="What became of cases. 案件流转。")
cases_app = typer.Typer(no_args_is_help=True, help="Cases that were taken in. 已受理案件。")
SHOWN = 15
GROUPS = ("department", "class", "division", "month")
KEYS = ("department", "division", "area_a", "area_b", "class_code", "month")
SHOWN_MEASURES = ("cases", "accuracy", "returned", "passed", "reworked", "days_lost")
"""What a screen has room for; a file has all."""

Since = Annotated[str | None, typer.Option(help="Only cases reported since this date or time")]
Until = Annotated[str | None, typer.Option(help="Only cases reported before this date or time")]
ClassCode = Annotated[str | None, typer.Option("--class", help="Only of this class")]
Source = Annotated[str | None, typer.Option(help="Only cases of this source")]


@app.callback()
def outcomes() -> None:
    """What became of cases. 案件流转。"""


@cases_app.callback()
def cases() -> None:
    """Cases that were taken in. 已受理案件。"""


@app.command("measure")
def measure(
    file: Annotated[Path | None, typer.Argument(help="The table, as .csv, .xlsx or .parquet", metavar="OUT")] = None,
    by: Annotated[str, typer.Option(help="department, class, division or month")] = "department",
    level: Annotated[str, typer.Option(help="Level of divisions to sum by")] = "street",
    since: Since = None,
    until: Until = None,
    class_code: ClassCode = None,
    source: Source = None,
    prefix: Annotated[str, typer.Option(help="Only cases in units whose code begins so")] = "",
) -> None:
    """Dispatch accuracy, returns, buck-passing, rework and days lost. 派遣准确率、回退、推诿、返工。"""
    settings = Settings()
    asked = Asked(*_period(since, until, settings), source, prefix, class_code, told=True)
    with open_settled(settings) as store, status("measure"):
        profile = _profile(store, by, level)
        with reading(store.log) as log:
            facts = read_cases(log, asked)
        number, known = group([_column(facts, by, profile, level, settings)], len(facts))
        none = (None,) * _width(by)
        groups = dict(zip((key or none for (key,) in known), _sums(facts, number, len(known)), strict=True))
        whole = _sums(facts, np.zeros(len(facts), dtype=np.int64), 1)[0] if len(facts) else None
        names = _names(store, by)
    heads = ("edition", "kind", "class_code") if by == "class" else (by,)
    named = (*heads, "name") if names is not None else heads
    ranked = sorted(groups.items(), key=lambda each: (-each[1]["cases"], str(each[0])))
    ranked = sorted(ranked, key=lambda each: str(each[0])) if by == "month" else ranked
    rows = [{**dict(zip(heads, key, strict=True)), **_rounded(sums)} for key, sums in ranked]
    for row, (key, _) in zip(rows, ranked, strict=True):
        row["name"] = None if names is None else names.get(key)
    if file is not None:
        columns = {name: to_column([row[name] for row in rows]) for name in (*named, *MEASURES)}
        show_faults(write(file, Table(columns, None, None, np.arange(1, len(rows) + 1))), settings.language)
    else:
        _show_rows(named, rows, settings.language)
    _show_whole(whole, settings.language)
    if file is not None:
        show_line(f"{len(rows)} -> {escape(str(file))}")


def seams(
    file: Annotated[Path, typer.Argument(help="The seams, as .gpkg, .geojson, .csv …", metavar="OUT")],
    since: Since = None,
    until: Until = None,
    class_code: ClassCode = None,
    source: Source = None,
    area_layer: Annotated[str | None, typer.Option(help="Only seams of this layer of areas")] = None,
    reach: Annotated[float, typer.Option(min=0.1, max=1000, help="Metres from a seam within which a case lies")] = (
        REACH_M
    ),
) -> None:
    """Where returned cases gather along the edges of areas: cases, metres, share, days lost. 推诿热点边界。"""
    settings = Settings()
    asked = Asked(*_period(since, until, settings), source, "", class_code)
    with open_settled(settings) as store, status("seams"):
        found, returned = find_burdens(store, asked, area_layer, reach)
        classes, bodies = names_of(store)
    if found:
        table = to_table(found, classes, bodies)
        show_faults(write(file, table, layer="seams"), settings.language)
        heads = ("layer", "area_a", "area_b", "class_code", "cases", "metres", "share", "days_lost")
        columns = [table.columns[name].tolist() for name in heads]
        _show(heads, [dict(zip(heads, row, strict=True)) for row in zip(*columns, strict=True)])
    zh = settings.language == "zh"
    show_line(
        f"回退案件 {returned} 件，边界 {len(found)} 处。" if zh else f"{returned} returned cases, {len(found)} seams."
    )
    show_line(f"{len(found)} -> {escape(str(file))}" if found else "未写文件。" if zh else "No file was written.")


def ruling(
    area_layer: Annotated[str, typer.Argument(help="The layer of both areas", metavar="LAYER")],
    first: Annotated[str, typer.Argument(help="The code of one area", metavar="A")],
    second: Annotated[str, typer.Argument(help="The code of the other", metavar="B")],
    class_code: Annotated[str, typer.Option("--class", help="The class that is settled")],
    to: Annotated[str, typer.Option(help="The department that deals with it")],
    edition: Annotated[str, typer.Option(help="Edition of the class")] = CURRENT,
    kind: Annotated[str, typer.Option(help="component or matter")] = "component",
    width: Annotated[float, typer.Option(min=1, max=1000, help="Metres on either side of the edge")] = WIDTH_M,
    basis: Annotated[str | None, typer.Option(help="What it rests on, as text")] = None,
    owner: Annotated[str | None, typer.Option(help="Whose areas are meant, where several have these codes")] = None,
    author: Annotated[str | None, typer.Option(help="Who does it; default: who is logged in")] = None,
) -> None:
    """Draft who deals with a class along the edge of two areas; prints the draft's id. 起草确权结论。"""
    settings = Settings()
    wanted = Ruling(area_layer, first, second, class_code, to, normalise_edition(edition), kind, width, basis, owner)
    with open_settled(settings) as store:
        taken = draft_ruling(Workbench(store, DOORS, holders), wanted, author or getpass.getuser())
    show_line(escape(taken.work.draft.title))
    show_faults(taken.faults, settings.language)
    print(taken.work.draft.id)


@cases_app.command("erase")
def erase(
    source: Annotated[str, typer.Argument(help="The source of the case")],
    case_id: Annotated[str, typer.Argument(help="Its id", metavar="ID")],
    reason: Annotated[str, typer.Option(help="Why, kept with the entry")] = "",
) -> None:
    """Erase description, address, contact, and the texts of its hand-offs, for good. 清除案件文本（不可恢复）。"""
    settings = Settings()
    with open_settled(settings) as store:
        with reading(store.log) as log:
            if find_standing(log, source, case_id) is None:
                raise unknown_case(source, case_id)
        found = erase_texts(store, source, case_id, getpass.getuser(), reason)
    zh = settings.language == "zh"
    show_line(
        f"已清除 {found.rows} 处文本；派遣结果保留。" if zh else f"{found.rows} texts erased; the decision stays."
    )


def _period(since: str | None, until: str | None, settings: Settings) -> tuple[Any, Any]:
    begin, end = (None if text is None else read_time(text, settings.zone) for text in (since, until))
    return begin, end


def _profile(store: Store, by: str, level: str) -> CodeProfile:
    """Errors: Refusal group_unknown, level_unknown."""
    if by not in GROUPS:
        names = ", ".join(GROUPS)
        raise refuse("group_unknown", f"--by is one of {names}, not {by[:40]}.", f"--by 只能是 {names} 之一。")
    with reading(store.world) as connection:
        profile = read_profile(read_settings(connection).get("profile", FREE.name))
    if by == "division" and level not in [each.id for each in profile.levels]:
        known = ", ".join(each.id for each in profile.levels)
        raise refuse("level_unknown", f"There is no level {level[:40]}: {known}.", f"没有级别 {level[:40]}：{known}。")
    return profile


def _column(facts: CaseFacts, by: str, profile: CodeProfile, level: str, settings: Settings) -> Coded:
    match by:
        case "department":
            return facts.first
        case "class":
            return facts.classes
        case "division":
            return divisions_of(profile, facts.unit, level)
    return period_of(facts.reported_at, "month", parse_zone(settings.zone))


def _width(by: str) -> int:
    return 3 if by == "class" else 1


def _sums(facts: CaseFacts, number: Indices, count: int) -> list[dict[str, Any]]:
    sums = tally(facts.handlings, number, count)
    return [{name: column[at].item() for name, column in sums.items()} for at in range(count)]


def _names(store: Store, by: str) -> dict[tuple[Any, ...], str] | None:
    """What the groups are called, by their keys; None where they are called what they are."""
    if by == "month":
        return None
    if by == "division":
        with reading(store.world) as connection:
            rows = read_columns(connection, division, Query(EVERYTHING, at=head(connection)), ("code", "name"))
        return {(code,): str(name) for code, name in zip(rows["code"], rows["name"], strict=True)}
    classes, bodies = names_of(store)
    return dict(classes) if by == "class" else {(code,): name for code, name in bodies.items()}


def _rounded(sums: dict[str, Any]) -> dict[str, Any]:
    accuracy = sums["accuracy"]
    return {
        **sums,
        "accuracy": None if accuracy != accuracy else round(accuracy, 4),
        "days_lost": round(sums["days_lost"], 2),
    }


def _show_rows(heads: tuple[str, ...], rows: list[dict[str, Any]], language: str) -> None:
    words = {name: zh if language == "zh" else name for name, zh in MEASURES.items()}
    _show((*heads, *SHOWN_MEASURES), rows, words)


def _show(heads: tuple[str, ...], rows: list[dict[str, Any]], words: dict[str, str] | None = None) -> None:
    table = Screen()
    for name in heads:
        table.add_column(
            (words or {}).get(name, name), justify="right" if name in MEASURES else "left", no_wrap=name in KEYS
        )
    for row in rows[:SHOWN]:
        table.add_row(*(escape("-" if row[name] is None else str(row[name])) for name in heads))
    if rows:
        out.print(table)
    if len(rows) > SHOWN:
        show_line(f"… {len(rows) - SHOWN}")


def _show_whole(sums: dict[str, Any] | None, language: str) -> None:
    if sums is None:
        show_line("没有流转记录。" if language == "zh" else "No outcome was told.")
        return
    share = "-" if not sums["known"] else f"{100 * sums['accuracy']:.1f} %"
    show_line(
        f"{sums['cases']} 件：派遣准确率 {share}，回退 {sums['returned']} 件，推诿 {sums['passed']} 件，"
        f"返工 {sums['reworked']} 件。"
        if language == "zh"
        else f"{sums['cases']} cases: dispatch accuracy {share}, {sums['returned']} returned, {sums['passed']} passed "
        f"from body to body, {sums['reworked']} reworked."
    )
