"""`wangge proposals`: changes of components that wait for an editor."""

import getpass
from collections.abc import Sequence
from typing import Annotated

import orjson
import typer
from rich.markup import escape
from rich.table import Column, Table

from api.cli.opening import open_settled
from api.cli.screen import out, show_faults, show_line
from api.editing.drafting import DOORS, holders
from api.editing.registering import today
from api.editing.reviewing import MOST, accept_proposals, reject_proposals
from api.keys import operator
from api.settings import Settings
from components.editions import normalise_edition
from components.proposals import Proposal, Which, find_proposal, list_proposals
from components.review import Reviewed
from gis.errors import refuse
from gis.store.engine import Store
from grids.drafts.workbench import Workbench

app = typer.Typer(no_args_is_help=True, help="Proposed changes of components. 待审核变更。")

Ids = Annotated[list[str] | None, typer.Argument(help="Their ids; without one, those that the options mean")]
Division = Annotated[str, typer.Option(help="Only where the unit's code begins so")]
ClassCode = Annotated[str | None, typer.Option("--class", help="Only of this class")]
Edition = Annotated[str | None, typer.Option(help="Only of this edition")]
Author = Annotated[str | None, typer.Option(help="Only of this author: id or name of the key")]
REFUSED = 6


@app.command("list")
def show_all(
    state: Annotated[str, typer.Option(help="open, accepted, rejected, withdrawn or any")] = "open",
    division: Division = "",
    class_code: ClassCode = None,
    edition: Edition = None,
    author: Author = None,
) -> None:
    """The proposals, the oldest first. 列出待审核变更。"""
    heads = ("deed", "component", "class", "unit", "author", "made", "state", "reason")
    table = Table(Column("id", no_wrap=True, min_width=16), *heads)
    wanted = _which(None if state == "any" else state, division, class_code, edition, author)
    with open_settled(Settings()) as store:
        for each in list_proposals(store, wanted, MOST):
            made = each.made_at.date().isoformat()
            texts = (each.id, each.deed, each.code or "", f"{each.edition} {each.class_code}", each.unit or "")
            table.add_row(*map(escape, (*texts, each.author_name, made, each.state, each.answer or each.reason)))
    out.print(table)


@app.command("show")
def show(proposal_id: Annotated[str, typer.Argument(help="The id that `proposals list` shows")]) -> None:
    """One proposal as JSON. 查看提议。"""
    with open_settled(Settings()) as store:
        found = find_proposal(store, proposal_id)
    print(orjson.dumps(found.as_dict(), option=orjson.OPT_INDENT_2).decode())


@app.command("accept")
def accept(
    ids: Ids = None,
    division: Division = "",
    class_code: ClassCode = None,
    edition: Edition = None,
    author: Author = None,
    everything: Annotated[bool, typer.Option("--all", help="All that are open")] = False,
    note: Annotated[str, typer.Option(help="Note of the revision")] = "",
) -> None:
    """Accept proposals as one revision; those that no longer fit stay open. 接受（合为一个版本）。"""
    settings = Settings()
    with open_settled(settings) as store:
        found = _meant(store, ids, _which("open", division, class_code, edition, author), everything)
        who = operator(getpass.getuser())
        done = accept_proposals(Workbench(store, DOORS, holders), who, found, note, today(settings.zone))
    _tell(found, done, settings.language)


@app.command("reject")
def reject(
    reason: Annotated[str, typer.Option(help="Why: their authors read it")],
    ids: Ids = None,
    division: Division = "",
    class_code: ClassCode = None,
    edition: Edition = None,
    author: Author = None,
    everything: Annotated[bool, typer.Option("--all", help="All that are open")] = False,
) -> None:
    """Reject proposals with a reason. 驳回。"""
    settings = Settings()
    with open_settled(settings) as store:
        found = _meant(store, ids, _which("open", division, class_code, edition, author), everything)
        who = operator(getpass.getuser())
        done = reject_proposals(Workbench(store, DOORS, holders), who, found, reason)
    _tell(found, done, settings.language)


def _which(state: str | None, division: str, class_code: str | None, edition: str | None, author: str | None) -> Which:
    edition = normalise_edition(edition) if edition else None
    return Which(state, "", division, edition, class_code, author)


def _meant(store: Store, ids: Sequence[str] | None, which: Which, everything: bool) -> list[Proposal]:
    """The proposals named, or those of a filter, which must say something. Errors: decision_wrong, proposal_unknown."""
    narrow = which != Which("open")
    if bool(ids) == (narrow or everything):
        raise refuse(
            "decision_wrong",
            "Give ids, or options that say which, or --all; not ids and options.",
            "请给出提议编号，或用选项限定范围，或用 --all；编号与选项不能同时使用。",
        )
    if ids:
        return [find_proposal(store, each) for each in dict.fromkeys(ids)]
    return list_proposals(store, which, MOST + 1)


def _tell(found: Sequence[Proposal], done: Reviewed, language: str) -> None:
    for each in found:
        if each.id in done.refused:
            show_line(f"[red]{each.id}[/red]")
            show_faults(done.refused[each.id].faults, language)
    number = "" if done.revision is None else f"revision {done.revision.number}: "
    show_line(f"{number}{len(done.codes)} of {len(found)}")
    if done.refused:
        raise typer.Exit(REFUSED)
