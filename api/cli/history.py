"""`wangge changes`, `crosswalk` and `undo`."""

import getpass
from collections import Counter
from pathlib import Path
from typing import Annotated

import orjson
import typer
from rich.table import Table

from api.cli.opening import open_settled
from api.cli.screen import err, out, show_line, status
from api.editing.told import crosswalk_lines, told_difference
from api.editing.undo import Undone, run_undo
from api.layers import REVISIONED, revisioned_layers
from api.lookups.moments import read_moment
from api.settings import Settings
from components.places import component_points
from gis.errors import refuse
from gis.store.engine import reading
from gis.store.revisions import head, revision_at
from gis.store.scope import EVERYTHING
from grids.crosswalk import crosswalk as make_crosswalk
from grids.history import differences

WRITTEN = {".csv": True, ".json": False}
SHOWN = 5


def changes(
    since: Annotated[int, typer.Option(help="The revision to compare with")],
    until: Annotated[int | None, typer.Option(help="The revision compared; default: the newest")] = None,
    layer: Annotated[str | None, typer.Option(help="Only this layer: units, areas.NAME, rules …")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="A JSON object a line")] = False,
) -> None:
    """What is otherwise at a revision than at an earlier one: created, changed, retired, with codes. 版本对比。"""
    counts: Counter[tuple[str, str]] = Counter()
    with open_settled(Settings()) as store, reading(store.world) as connection:
        low = revision_at(connection, since) if since else 0
        high = head(connection) if until is None else revision_at(connection, until)
        for each in differences(connection, revisioned_layers(connection, layer, EVERYTHING), EVERYTHING, low, high):
            told = told_difference(each)
            counts[told["layer"], told["change"]] += 1
            if as_json:
                typer.echo(orjson.dumps(told).decode())
                continue
            what = ",".join([*told["fields"], *(["geometry"] if told["geometry"] else [])])
            was = f"{told['code_before']} -> " if told["code_before"] else ""
            typer.echo("\t".join([told["change"], told["layer"], f"{was}{told['code']}", what]).rstrip("\t"))
    for (name, change), count in sorted(counts.items()):
        show_line(f"{name}: {count} {change}")


def crosswalk(
    old: Annotated[str, typer.Argument(help="A revision or a time", metavar="R1")],
    new: Annotated[str, typer.Argument(help="A later revision or time", metavar="R2")],
    file: Annotated[Path, typer.Argument(help="The file to write: .csv or .json", metavar="OUT")],
    level: Annotated[str, typer.Option(help="unit, or a level of the code profile: street, community …")] = "unit",
    changed: Annotated[bool, typer.Option("--changed", help="Only codes that did not stay what they were")] = False,
) -> None:
    """Old codes to new codes, with their shares of area and of components. 编码对照表。"""
    settings = Settings()
    if file.suffix.lower() not in WRITTEN:
        raise refuse(
            "format_unknown",
            f"A crosswalk is written as .csv or .json, not as '{file.suffix}'.",
            f"编码对照表只能写为 .csv 或 .json，不能是“{file.suffix}”。",
            kind="unreadable",
        )
    with open_settled(settings) as store, reading(store.world) as connection, status(f"{old} -> {new}"):
        a, b = (revision_at(connection, read_moment(text, settings.zone)) for text in (old, new))
        walk = make_crosswalk(connection, a, b, level, EVERYTHING, lambda box: component_points(connection, a, box))
    walk = walk.without_same() if changed else walk
    scratch = file.with_name(f".{file.name}.part")
    try:
        with scratch.open("wb") as opened:
            opened.writelines(crosswalk_lines(walk, a, b, level, WRITTEN[file.suffix.lower()]))
        scratch.replace(file)
    except OSError as error:
        why = error.strerror or str(error)
        raise refuse(
            "file_unwritable", f"{file} cannot be written: {why}.", f"无法写入 {file}：{why}。", kind="unavailable"
        ) from error
    show_line(f"{level} {a} -> {b}: {len(walk)} rows -> {file}")


def undo(
    number: Annotated[int, typer.Argument(help="The revision to take back", metavar="R")],
    commit: Annotated[bool, typer.Option("--commit", help="Publish; without it nothing is changed")] = False,
    note: Annotated[str, typer.Option(help="Note of the new revision")] = "",
    author: Annotated[str | None, typer.Option(help="Author of the revision; default: who is logged in")] = None,
) -> None:
    """Take a revision back by a new one; refused where later ones touched the same things. 撤销版本。"""
    settings = Settings()
    with open_settled(settings) as store:
        done = run_undo(store, number, author or getpass.getuser(), note, commit)
    show_undo(done, settings.language)


def show_undo(done: Undone, language: str) -> None:
    """What an undo brings back and takes away, and what happens next."""
    zh = language == "zh"
    names = {layer.table: layer.zh if zh else layer.en for layer in REVISIONED}
    table = Table()
    heads = ("图层", "恢复", "改回", "取消", "编码") if zh else ("layer", "back", "changed back", "taken away", "codes")
    for index, name in enumerate(heads):
        table.add_column(name, justify="right" if 0 < index < 4 else "left")
    for each in done.undo.changes:
        ended, begun = set(each.retired.tolist()), {row["uid"] for row in each.created}
        codes = [str(row["code"]) for row in each.created]
        shown = " ".join(codes[:SHOWN]) + (" …" if len(codes) > SHOWN else "")
        sums = (len(begun - ended), len(begun & ended), len(ended - begun))
        table.add_row(names[each.table.name], *(str(count) for count in sums), shown)
    err.print(table)
    if done.revision is not None:
        made = done.revision.number
        show_line(f"[green]已发布版本 {made}[/green]" if zh else f"[green]revision {made}[/green]")
        out.print(made)
    elif not done.undo.changes:
        show_line("该版本没有可撤销的内容。" if zh else "The revision changed nothing; there is nothing to undo.")
    else:
        show_line(
            "仅检查，未做任何更改；加 --commit 发布。" if zh else "Only checked; nothing was changed. Add --commit."
        )
