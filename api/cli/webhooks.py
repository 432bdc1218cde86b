"""`wangge webhooks`: decisions told to other systems."""

from pathlib import Path
from typing import Annotated

import orjson
import typer
from rich.markup import escape
from rich.table import Table

from api.cli.opening import open_settled, read_text
from api.cli.screen import out, show_line
from api.editing.rerouting import reroute
from api.jobs.rerouting import begin_mark
from api.settings import Settings
from api.systems import LiveSystems
from api.webhooks.records import add_webhook, find_webhook, list_webhooks, new_secret, remove_webhook
from api.webhooks.sender import Sender
from api.worlds import Worlds, folder_of
from cases.replay import last_position
from cases.reports import Defaults, parse_zone
from cases.tables import decision
from gis.store.engine import reading, writing
from gis.store.order import settled_end

app = typer.Typer(no_args_is_help=True, help="Webhooks: decisions told to other systems. 推送。")

Name = Annotated[str, typer.Argument(help="The name that `webhooks list` shows")]


@app.command("add")
def add(
    name: Annotated[str, typer.Argument(help="What it is called here")],
    url: Annotated[str, typer.Argument(help="Where events are posted: http:// or https://")],
    owner: Annotated[str, typer.Option(help="Only cases in units whose code begins so; default: all")] = "",
    secret_file: Annotated[
        Path | None, typer.Option(help="File of the secret that signs (whsec_…); default: one is made and printed once")
    ] = None,
    from_start: Annotated[
        bool, typer.Option("--from-start", help="Tell everything that was ever decided, not only what comes")
    ] = False,
) -> None:
    """Tell what is decided from now on to an address. 登记推送。"""
    settings = Settings()
    secret = new_secret() if secret_file is None else read_text(secret_file)
    with open_settled(settings) as store:
        begin_mark(store)
        position = 0 if from_start else settled_end(store, decision)
        if position is None:  # others were appending: what they append is told, too
            with reading(store.log) as connection:
                position = last_position(connection)
        with writing(store.log) as connection:
            add_webhook(connection, name, url, owner, secret, position, settings.webhooks_private)
    if secret_file is None:
        print(secret)
    show_line(escape(f"{name}: added"))


@app.command("list")
def listed() -> None:
    """All webhooks and how far each has come. 列出推送。"""
    table = Table("name", "url", "owner", "state", "delivered", "behind", "last error")
    with open_settled(Settings()) as store, reading(store.log) as connection:
        newest = last_position(connection)
        for each in list_webhooks(connection):
            told = each.told(newest)
            error = (each.error or {}).get("code", "")
            cells = (each.name, each.url, each.owner, told["state"], str(each.delivered), str(told["behind"]), error)
            table.add_row(*(escape(cell) for cell in cells))
    out.print(table)


@app.command("show")
def show(name: Name) -> None:
    """One webhook as JSON: its state, its position in the log, the last error; never the secret. 查看推送。"""
    with open_settled(Settings()) as store, reading(store.log) as connection:
        told = find_webhook(connection, name).told(last_position(connection))
    print(orjson.dumps(told, option=orjson.OPT_INDENT_2).decode())


@app.command("remove")
def remove(name: Name) -> None:
    """Tell an address nothing more. 删除推送。"""
    with open_settled(Settings()) as store, writing(store.log) as connection:
        remove_webhook(connection, name)
    show_line(escape(f"{name}: removed"))


@app.command("send")
def send(
    once: Annotated[bool, typer.Option("--once", help="Until nothing is due; needed, for a server sends by itself")],
) -> None:
    """Route open cases anew if a revision calls for it, and send what is due, as a server does. 立即推送。"""
    if not once:
        raise typer.BadParameter("a running server sends by itself; say --once to send now", param_hint="--once")
    settings = Settings()
    with open_settled(settings) as store:
        worlds = Worlds(store, folder_of(settings.data, store))
        defaults = Defaults(zone=parse_zone(settings.zone), read_crs=LiveSystems(store).parse)
        begin_mark(store)
        made = reroute(store, worlds, defaults)
        if made is not None and made.rerouted:
            show_line(f"{made.rerouted} -> {made.revision}")
        sender, delivered, failed = Sender(store, settings.webhooks_private), 0, []
        while (turn := sender.send_one()) is not None:
            delivered += turn[1].delivered
            failed += [] if turn[1].refusal is None else [turn[1].refusal]
    show_line(f"{delivered} delivered, {len(failed)} failed")
    if failed:
        raise failed[0]
