"""`wangge catalogue`: classes of components and matters."""

from typing import Annotated

import typer
from rich.table import Table

from api.cli.opening import open_settled
from api.cli.screen import out, show_line
from api.settings import Settings
from components.catalogue import built_in, list_classes
from components.crosswalk import FROM, TO, lines
from components.editions import normalise_edition
from components.search import search_classes
from gis.store.engine import reading
from gis.store.scope import EVERYTHING

app = typer.Typer(no_args_is_help=True, help="Classes of components and matters. 部件事项目录。")

Kind = Annotated[str | None, typer.Option(help="component or matter; default: both")]


@app.command("search")
def search(
    words: Annotated[str, typer.Argument(help="A code, a name in Chinese or English, pinyin or its initials")] = "",
    edition: Annotated[str | None, typer.Option(help="2026, 2013, or one of your own; default: all")] = None,
    kind: Kind = None,
    owner: Annotated[str | None, typer.Option(help="Only what holds in this division")] = None,
) -> None:
    """The classes that fit, the closest first. 按代码、名称或拼音查找类别。"""
    with open_settled(Settings()) as store, reading(store.world) as connection:
        classes = list_classes(connection, EVERYTHING)
    wanted = None if edition is None else normalise_edition(edition)
    classes = [
        each
        for each in classes
        if wanted in (None, each.edition) and kind in (None, each.kind) and (owner or each.owner).startswith(each.owner)
    ]
    table = Table("edition", "kind", "code", "name", "English", "major", "geometry", "accuracy", "owner", "evidence")
    for each in search_classes(classes, words):
        names = (each.name_zh, each.name_en, f"{each.major_code} {each.major_name_zh}".strip())
        survey = (each.geometry_type, each.accuracy_class)
        table.add_row(each.edition, each.kind, each.code, *names, *survey, each.owner, each.evidence)
    out.print(table)
    show_line(f"{table.row_count}")


@app.command("crosswalk")
def crosswalk(
    code: Annotated[str | None, typer.Argument(help="A class of either edition; default: all")] = None,
    kind: Kind = None,
    exceptions: Annotated[bool, typer.Option(help="Only what is not simply the same class")] = False,
) -> None:
    """What became of the classes of 2013 in the edition 2026, and how that is known. 2013 与 2026 版类别对照。"""
    names = {each.key: each.name_zh for each in built_in()}
    table = Table("kind", FROM, "name", TO, "name", "relation", "evidence", "note")
    for each in lines():
        if kind in (None, each.kind) and code in (None, each.from_code, each.to_code):
            if exceptions and each.relation == "same":
                continue
            then = (each.to_code or "?", names.get((TO, each.kind, each.to_code or ""), ""))
            name = names[FROM, each.kind, each.from_code]
            table.add_row(each.kind, each.from_code, name, *then, each.relation, each.evidence, each.note)
    out.print(table)
    show_line(f"{table.row_count}")
