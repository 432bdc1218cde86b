"""`wangge profiles`: under which heads files bring the fields of a layer."""

from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from api.cli.opening import open_settled, read_mapping, read_texts
from api.cli.screen import out, show_line
from api.settings import Settings
from api.transfer.fields import LAYERS, add_fields, fields_unknown, remove_fields, saved_fields
from components.heads import Heads, built_in
from gis.store.engine import reading, writing

app = typer.Typer(no_args_is_help=True, help="Profiles of field names: add, list, show, remove. 字段方案。")

NAME = Annotated[str, typer.Argument(help="The name of the profile")]


@app.command("add")
def add(
    name: NAME,
    mapping: Annotated[
        list[str] | None, typer.Option("--map", help="field=column, repeatable; lon and lat are x and y")
    ] = None,
    given: Annotated[
        list[str] | None, typer.Option("--set", help="field=text, repeatable; {COLUMN} in it is what the row has there")
    ] = None,
) -> None:
    """Keep a mapping under a name, for `wangge import --fields NAME`. 保存字段方案。"""
    columns = read_mapping(mapping or ())
    texts = read_texts(given or (), columns)
    with open_settled(Settings()) as store, writing(store.world) as connection:
        add_fields(connection, name, columns, texts)
    show_line(escape(f"{name}: {len(columns) + len(texts)}"))


@app.command("list")
def listed() -> None:
    """All profiles: those of the editions and languages, then the saved ones. 列出字段方案。"""
    table = Table("name", "layers", "fields")
    with open_settled(Settings()) as store, reading(store.world) as connection:
        saved = saved_fields(connection)
    for name, layers in _built_in().items():
        table.add_row(name, " ".join(layers), str(max(len(each.columns) for each in layers.values())))
    for name, heads in saved.items():
        table.add_row(escape(name), "", str(len(heads.columns) + len(heads.texts)))
    out.print(table)


@app.command("show")
def show(name: NAME) -> None:
    """The column of each field, one a line as `--map` takes them; then the texts, after `--set`. 查看字段方案。"""
    with open_settled(Settings()) as store, reading(store.world) as connection:
        saved = saved_fields(connection)
    if name in saved:
        _print(saved[name])
        return
    layers = _built_in().get(name)
    if layers is None:
        raise fields_unknown(name, saved)
    for layer, heads in layers.items():
        print(f"# {layer}")
        _print(heads)


@app.command("remove")
def remove(name: NAME) -> None:
    """Forget a saved profile. 删除字段方案。"""
    with open_settled(Settings()) as store, writing(store.world) as connection:
        remove_fields(connection, name)
    show_line(escape(f"{name}: removed"))


def _built_in() -> dict[str, dict[str, Heads]]:
    """The profiles of editions and languages by name, each by layer."""
    found: dict[str, dict[str, Heads]] = {}
    for layer in LAYERS.values():
        for heads in built_in(layer):
            found.setdefault(heads.name, {})[layer.id] = heads
    return found


def _print(heads: Heads) -> None:
    for field, column in heads.columns.items():
        print(f"{field}={column}")
    for field, text in heads.texts.items():
        print(f"--set {field}={text}")
