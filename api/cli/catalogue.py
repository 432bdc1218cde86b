"""`wangge catalogue`: classes of components and matters."""

import getpass
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer
import yaml
from rich.markup import escape
from rich.table import Table

from api.cli.opening import open_settled
from api.cli.screen import out, show_line
from api.settings import Settings
from components.catalogue import built_in, list_classes
from components.crosswalk import FROM, TO, lines
from components.editions import normalise_edition
from components.policies import MEMBERS, Policy, make_policy, put_policy, read_policies
from components.search import search_classes
from gis.errors import refuse
from gis.store.engine import reading, writing
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


@app.command("policy")
def policy(
    owner: Annotated[str, typer.Option(help="Division whose components are meant, with all below; empty: all")] = "",
    edition: Annotated[str, typer.Option(help="Edition; empty: every one")] = "",
    class_code: Annotated[str, typer.Option("--class", help="Class of components; empty: every one")] = "",
    review: Annotated[str | None, typer.Option(help="always, inspectors (usual) or never; '' to say nothing")] = None,
    codes: Annotated[str | None, typer.Option(help="free (usual) or standard; '' to say nothing")] = None,
    schema: Annotated[Path | None, typer.Option(help="JSON schema of further attributes, a file")] = None,
    drop_schema: Annotated[bool, typer.Option("--drop-schema", help="Keep no schema")] = False,
) -> None:
    """What is wanted of classes: shown, or with options set. 类别管理规定（审核、编码、属性模式）。"""
    with open_settled(Settings()) as store:
        with reading(store.world) as connection:
            known = read_policies(connection).known
        if review is not None or codes is not None or schema is not None or drop_schema:
            key = make_policy(owner, edition, class_code, {})
            same = [each for each in known if replace(key, **_said(each)) == each]
            said = _said(same[0]) if same else {}
            given = {"review": review, "codes": codes}
            said |= {name: value or None for name, value in given.items() if value is not None}
            if schema is not None or drop_schema:
                said["schema"] = None if schema is None or drop_schema else _read_schema(schema)
            with writing(store.world) as connection:
                put_policy(connection, make_policy(owner, edition, class_code, said), getpass.getuser())
            with reading(store.world) as connection:
                known = read_policies(connection).known
    table = Table("owner", "edition", "class", "review", "codes", "schema")
    for each in known:
        shown = "" if each.schema is None else ", ".join(each.schema.get("properties", {})) or "{}"
        texts = (each.owner, each.edition, each.class_code, each.review or "", each.codes or "", shown)
        table.add_row(*map(escape, texts))
    out.print(table)


def _said(each: Policy) -> dict[str, Any]:
    return {name: getattr(each, name) for name in MEMBERS}


def _read_schema(path: Path) -> Any:
    if not path.is_file():
        raise refuse("file_missing", f"There is no file {path}.", f"文件 {path} 不存在。", kind="unreadable")
    try:
        return yaml.safe_load(path.read_text(encoding="utf-8"))  # JSON is YAML too
    except (ValueError, yaml.YAMLError) as error:
        said = " ".join(str(error).split())[:200]
        raise refuse(
            "json_wrong",
            f"{path.name} is neither JSON nor YAML: {said}.",
            f"{path.name} 不是有效的 JSON 或 YAML：{said}。",
            kind="unreadable",
        ) from None
