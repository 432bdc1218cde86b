"""`wangge keys`: who may call."""

from typing import Annotated

import typer
from rich.table import Table

from api.cli.opening import open_settled
from api.cli.screen import out, show_line
from api.keys import create_key, list_keys, revoke_key
from api.settings import Settings
from gis.store.engine import reading, writing

app = typer.Typer(no_args_is_help=True, help="Keys of callers: create, list, revoke. 访问密钥。")


@app.command("create")
def create(
    name: Annotated[str, typer.Argument(help="Whom the key is for")],
    role: Annotated[str, typer.Option(help="viewer, inspector, editor, publisher or admin")] = "viewer",
    prefix: Annotated[str, typer.Option(help="Division code that the key is limited to; empty: everything")] = "",
) -> None:
    """Make a key. Its secret is shown once and kept nowhere. 新建密钥（仅显示一次）。"""
    with open_settled(Settings()) as store, writing(store.world) as connection:
        key, secret = create_key(connection, name, role, prefix)
    show_line(f"{key.id} {key.role} '{key.prefix}' {key.name}")
    print(secret)


@app.command("list")
def show() -> None:
    """All keys, without their secrets. 列出密钥。"""
    table = Table("id", "name", "role", "prefix", "created", "revoked")
    with open_settled(Settings()) as store, reading(store.world) as connection:
        for key in list_keys(connection):
            times = (
                key.created_at.isoformat(timespec="seconds"),
                key.revoked_at and key.revoked_at.isoformat(timespec="seconds"),
            )
            table.add_row(key.id, key.name, key.role, key.prefix, *(time or "" for time in times))
    out.print(table)


@app.command("revoke")
def revoke(key_id: Annotated[str, typer.Argument(help="The id that `keys list` shows")]) -> None:
    """End a key at once. 吊销密钥。"""
    with open_settled(Settings()) as store, writing(store.world) as connection:
        revoke_key(connection, key_id)
    show_line(f"{key_id}: revoked")
