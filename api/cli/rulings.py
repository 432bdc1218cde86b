"""`wangge rulings`: what was settled on site becomes a rule or an area, through a draft."""

import getpass
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from api.cli.opening import open_settled
from api.cli.screen import show_faults, show_line
from api.editing.drafting import DOORS, holders
from api.editing.rulings import document_of_case, take_rulings
from api.settings import Settings
from api.systems import LiveSystems
from cases.reports import Defaults, parse_zone
from cases.rules import load_yaml
from gis.errors import refuse
from gis.store.engine import reading
from grids.drafts.records import find_draft
from grids.drafts.workbench import Workbench

app = typer.Typer(no_args_is_help=True, help="Rulings: what was settled on site, into a draft. 确权结论。")


@app.command("add")
def add(
    file: Annotated[Path | None, typer.Argument(help="Rulings as YAML or JSON")] = None,
    case: Annotated[
        tuple[str, str] | None, typer.Option(help="SOURCE ID of a case taken in: settle its class in its unit")
    ] = None,
    department: Annotated[str | None, typer.Option(help="With --case: who has to deal with it")] = None,
    number: Annotated[str | None, typer.Option(help="With --case: the ruling's number")] = None,
    date: Annotated[str | None, typer.Option(help="With --case: the ruling's date")] = None,
    basis: Annotated[str | None, typer.Option(help="With --case: what the ruling says, as text")] = None,
    owner: Annotated[str | None, typer.Option(help="Division code that shall own the rules")] = None,
    draft: Annotated[str | None, typer.Option(help="Into this draft; default: a new one")] = None,
    author: Annotated[str | None, typer.Option(help="Who does it; default: who is logged in")] = None,
) -> None:
    """Put rulings into a draft, whose id is printed; nothing is published. 确权结论写入草稿（不发布）。"""
    if (file is None) == (case is None):
        raise refuse("ruling_wrong", "Give a file of rulings, or --case.", "请给出确权结论文件，或用 --case。")
    settings = Settings()
    with open_settled(settings) as store:
        if file is not None:
            document = load_yaml(file)
        else:
            assert case is not None
            if department is None:
                raise refuse(
                    "ruling_wrong",
                    "--case needs --department: who has to deal with it.",
                    "--case 须同时给出 --department（责任部门）。",
                )
            said = {"number": number, "date": date, "text": basis}
            quoted = {name: value for name, value in said.items() if value is not None}
            defaults = Defaults(zone=parse_zone(settings.zone), read_crs=LiveSystems(store).parse)
            document = document_of_case(store, *case, department, quoted, owner or "", defaults)
        bench = Workbench(store, DOORS, holders)
        into = None
        if draft is not None:
            with reading(store.world) as connection:
                into = find_draft(connection, draft)
        taken = take_rulings(bench, document, owner, author or getpass.getuser(), into)
    for ruling, edit in zip(taken.quoted, taken.edits, strict=True):
        show_line(f"{escape(ruling)} -> {escape(edit['layer'])} {escape(edit['code'])}")
    show_faults(taken.faults, settings.language)
    show_line(f"draft {taken.work.draft.id}, version {taken.work.draft.version}")
    print(taken.work.draft.id)
