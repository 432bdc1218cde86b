"""`wangge check`: a layer looked at as a whole, and repairs proposed for it."""

import getpass
from collections import Counter
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from api.cli.opening import open_settled
from api.cli.screen import out, progress, show_faults, show_line
from api.editing.drafting import DOORS, holders
from api.editing.findings import Asked, Found, edit_of, look_over, write_found
from api.lookups.moments import read_moment
from api.routers.parameters import check_alone
from api.settings import Settings
from gis.errors import refuse
from gis.store.engine import Store, reading, writing
from gis.store.revisions import revision_at
from grids.checks import CHECKS, Repair
from grids.drafts.records import create_draft
from grids.drafts.workbench import Workbench

WRONG = 3
SHOWN = 20
HUNDRED = 100


def check(
    layer: Annotated[str, typer.Argument(help="units, divisions, areas, areas.NAME, departments, components, rules")],
    as_of: Annotated[str | None, typer.Option(help="A revision or a time; default: now")] = None,
    draft: Annotated[str | None, typer.Option(help="As this draft would have it")] = None,
    report: Annotated[
        Path | None, typer.Option(help="Write the faults: .geojson, .gpkg, .csv … as a layer, .json as a report")
    ] = None,
    propose: Annotated[bool, typer.Option("--propose", help="Propose a repair of units; nothing is changed")] = False,
    apply: Annotated[
        bool, typer.Option("--apply", help="Put the proposal into --draft, without one into a new draft")
    ] = False,
) -> None:
    """Check a layer as a whole; exit code 3 when there is an error. 质检（--propose 给出修复方案）。"""
    settings = Settings()
    if draft is not None:
        check_alone(as_of)
    if apply and as_of is not None:
        raise refuse(
            "repair_of_the_past",
            "A repair can be put into a draft of what holds now, not of what held then: leave --as-of out.",
            "修复方案只能写入当前数据的草稿，不能用于历史版本：请去掉 --as-of。",
        )
    with open_settled(settings) as store, progress() as bar:
        at = None
        if as_of is not None:
            with reading(store.world) as connection:
                at = revision_at(connection, read_moment(as_of, settings.zone))
        task = bar.add_task("质检 check" if settings.language == "zh" else "check", total=HUNDRED)
        asked = Asked(layer, at, draft, keys=True)
        found = look_over(
            store, asked, lambda share: bar.update(task, completed=round(HUNDRED * share)), propose or apply
        )
        bar.stop()
        show_found(found, settings.language)
        if found.proposal is not None:
            show_proposal(found.proposal, settings.language)
            if apply:
                print(_applied(store, draft, found.proposal))
    if report is not None:
        unfit = write_found(report, found)
        show_faults(unfit, settings.language)
        show_line(f"{len(found.faults)} -> {escape(str(report))}")
    if any(each.severity == "error" for each in found.faults):
        raise typer.Exit(WRONG)


def show_found(found: Found, language: str) -> None:
    """How often each check found something, and the worst of it."""
    zh = language == "zh"
    counts = Counter((each.severity, each.code) for each in found.faults)
    if counts:
        table = Table("级别" if zh else "severity", "检查项" if zh else "check", "n")
        rank = {"error": 0, "warning": 1, "note": 2}
        for (severity, code), count in sorted(counts.items(), key=lambda each: (rank[each[0][0]], -each[1])):
            title = CHECKS[code].title[1 if zh else 0] if code in CHECKS else ""
            table.add_row(severity, f"{code} {title}".strip(), str(count))
        out.print(table)
    show_faults(found.faults, language)
    rows, errors = found.checked.rows, sum(each.severity == "error" for each in found.faults)
    show_line(
        f"{escape(found.asked.layer)} @ {found.at}：检查 {rows} 行，{errors} 个错误，{len(found.faults)} 项问题。"
        if zh
        else f"{escape(found.asked.layer)} @ {found.at}: {rows} rows, {errors} errors, {len(found.faults)} findings."
    )


def show_proposal(proposal: Repair, language: str) -> None:
    """What a repair would move by how much, and what it leaves."""
    zh = language == "zh"
    ranked = sorted(proposal.shifts, key=lambda each: -each.metres)
    for each in ranked[:SHOWN]:
        show_line(f"  {escape(each.zh if zh else each.en)} @ {each.place[0]:.7f},{each.place[1]:.7f}")
    if len(ranked) > SHOWN:
        show_line(f"  … {len(ranked) - SHOWN}")
    moved, gaps, left = len(ranked), len(proposal.gaps), len(proposal.unrepaired)
    show_line(
        f"修复方案：移动 {moved} 个网格，{gaps} 处宜登记为命名空洞，{left} 处无法修复；未做任何更改。"
        if zh
        else f"proposal: {moved} units move, {gaps} gaps to be named, {left} left unrepaired; nothing was changed."
    )


def _applied(store: Store, draft_id: str | None, proposal: Repair) -> str:
    """Put a proposal into a draft; its id. Errors: nothing_to_repair, and those of the edit."""
    document, bench, author = edit_of(proposal), Workbench(store, DOORS, holders), getpass.getuser()
    if draft_id is None:
        with writing(store.world) as connection:
            draft = create_draft(connection, "", "repair", author)
        work = bench.fill(draft, [document], author)
    else:
        work, _ = bench.add(draft_id, [document], author, None)
    show_line(f"draft {work.draft.id}, version {work.draft.version}")
    return work.draft.id
