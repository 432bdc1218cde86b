"""`wangge check delivery`: a survey delivery looked at before it is taken over, and its field sample."""

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from api.cli.opening import open_settled, read_mapping
from api.cli.screen import out, progress, show_comparison, show_faults, show_line
from api.cli.stores import comparison_of
from api.settings import Settings
from api.surveys.checking import Checked, checked
from api.surveys.report import checked_faults, write_found, write_layer
from api.surveys.samples import judge_sample, read_draw, write_sample
from api.transfer.comparisons import Compared, run_comparison
from api.transfer.imports import Options
from components.editions import CURRENT
from components.surveys.rules import RULES, read_limits
from components.surveys.sampling import Judged
from gis.errors import refuse
from gis.store.engine import Store

WRONG = 3
SHOWN = 12


def check_delivery(
    path: Annotated[Path, typer.Argument(help="A folder, a zip, or a file: as a rule a layer for each class")],
    report: Annotated[
        Path | None, typer.Option(help="Write the report: .xlsx a workbook for the firm, .json for programs")
    ] = None,
    layer_out: Annotated[
        Path | None, typer.Option(help="Write the faults that have a place as a layer: .gpkg .geojson …")
    ] = None,
    limits: Annotated[Path | None, typer.Option(help="YAML of what is accepted; default: what ships")] = None,
    classes: Annotated[Path | None, typer.Option(help="Table of files and their classes: file, edition, class")] = None,
    mapping: Annotated[list[str] | None, typer.Option("--map", help="field=column, repeatable")] = None,
    fields: Annotated[
        str | None,
        typer.Option(help="Profile of field names: 2026, 2013, zh, en, a saved one, none"),
    ] = None,
    owner: Annotated[str, typer.Option(help="Division code that owns the rows; empty: the whole store")] = "",
    crs: Annotated[str | None, typer.Option(help="CRS that was asked for; files that differ are told")] = None,
    encoding: Annotated[str | None, typer.Option(help="Encoding of the text: utf-8, gbk …")] = None,
    edition: Annotated[
        str | None, typer.Option(help="Edition of the classes; default: 2013 for names of four digits, else 2026")
    ] = None,
    class_code: Annotated[str | None, typer.Option("--class", help="Class of components that name none")] = None,
    base: Annotated[
        str | None, typer.Option(help="Tell too what it changes since this: a revision, a date, or `file`")
    ] = None,
    sample: Annotated[str | None, typer.Option(help="Draw a field sample of each class: 5%")] = None,
    seed: Annotated[int, typer.Option(help="What the sample is drawn by")] = 1,
    sample_out: Annotated[Path | None, typer.Option(help="Where the sample is written: .xlsx .gpkg …")] = None,
    sample_result: Annotated[Path | None, typer.Option(help="The sample that inspectors have filled in")] = None,
) -> None:
    """Check a survey delivery against what it must be; exit code 3 when it fails. 普查验收。"""
    settings = Settings()
    if (sample is None) != (sample_out is None):
        raise refuse(
            "sample_halved",
            "A sample needs both: --sample 5% and --sample-out FILE.",
            "抽样须同时给出 --sample 5% 和 --sample-out 文件。",
        )
    how = None if sample is None else read_draw(sample, seed)
    accepted = read_limits(limits)
    options = Options(
        mapping=read_mapping(mapping or ()),
        fields=fields,
        owner=owner,
        crs=crs,
        encoding=encoding,
        edition=edition or "",
        class_code=class_code,
        classes=classes,
    )
    zh = settings.language == "zh"
    with open_settled(settings) as store, progress() as bar:
        task = bar.add_task("验收 check" if zh else "check", total=None)

        def told(name: str, number: int, total: int) -> None:
            bar.update(task, description=escape(name), completed=number, total=total)

        with checked(store, path, options, accepted, told) as found:
            bar.stop()
            judged, incomplete = ([], []) if sample_result is None else judge_sample(sample_result, found)
            show_checked(found, judged, settings.language)
            show_faults(incomplete, settings.language)
            compared = None if base is None else _compared(store, path, options, base, settings)
            if report is not None:
                write_found(report, found, judged, compared)
                show_line(f"report: {escape(str(report))}")
            if layer_out is not None:
                show_faults(write_layer(layer_out, found), settings.language)
                show_line(f"faults: {escape(str(layer_out))}")
            if how is not None and sample_out is not None:
                count = write_sample(sample_out, found, how)
                show_line(f"{count} -> {escape(str(sample_out))}")
            passed = found.passed and all(each.passed for each in judged)
    if not passed:
        raise typer.Exit(WRONG)


def _compared(store: Store, path: Path, options: Options, base: str, settings: Settings) -> Compared:
    """What the delivery comes to against its base; nothing is changed. Errors: those of a comparison."""
    wanted = comparison_of(base, None, 0, False, options.owner, settings)
    asked = replace(options, edition=options.edition or CURRENT)
    compared = run_comparison(store, "components", path, asked, wanted)
    show_comparison(compared, settings.language)
    return compared


def show_checked(found: Checked, judged: list[Judged], language: str) -> None:
    """Every rule with its counts and verdict, the first faults, and the sample."""
    zh = language == "zh"
    verdicts = ("不合格", "合格") if zh else ("fail", "pass")
    heads = ("规则", "检查数", "问题数", "限值", "结论") if zh else ("rule", "checked", "faulty", "limit", "verdict")
    table = Table(*heads)
    for score in found.scores:
        title = f"{score.rule} {RULES[score.rule].title[zh]}"
        table.add_row(title, str(score.checked), str(score.faulty), f"{score.limit:.2%}", verdicts[score.passed])
    out.print(table)
    lines = checked_faults(found)
    for line, _ in zip(lines, range(SHOWN), strict=False):
        place = line["file"] if line["layer"] is None else f"{line['file']}:{line['layer']}"
        detail = line["detail_zh" if zh else "detail"]
        show_line(f"{line['severity']} {line['code']}: {escape(place)}: {escape(detail)}")
    more = len(found.ledger) - SHOWN
    if more > 0:
        show_line(f"… {more}")
    if judged:
        show_sample(judged, language)
    files, rows, findings = len(found.parts), found.rows, len(found.ledger)
    passed = found.passed and all(each.passed for each in judged)
    show_line(
        f"{escape(found.contents.name)}：{files} 个文件，{rows} 行，{findings} 项问题；{verdicts[passed]}。"
        if zh
        else f"{escape(found.contents.name)}: {files} files, {rows} rows, {findings} findings; {verdicts[passed]}."
    )


def show_sample(judged: list[Judged], language: str) -> None:
    """The field sample by class."""
    zh = language == "zh"
    heads = ("类别", "抽样", "检查", "合格", "合格率", "中误差", "结论")
    table = Table(*(heads if zh else ("class", "drawn", "inspected", "right", "share", "rms m", "verdict")))
    verdicts = ("不合格", "合格") if zh else ("fail", "pass")
    for each in judged:
        rms = "" if each.rms_m is None else f"{each.rms_m:.2f}"
        counts = (str(each.drawn), str(each.inspected), str(each.right), f"{each.share:.1%}", rms)
        table.add_row(each.name or ("总体" if zh else "all"), *counts, verdicts[each.passed])
    out.print(table)
