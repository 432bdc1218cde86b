"""`wangge jobs`: what the server does beside its requests."""

import json
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from api.cli.opening import open_settled
from api.cli.screen import out, show_line
from api.jobs import folders
from api.jobs.records import cancel_job, find_job, list_jobs
from api.jobs.shapes import shown
from api.settings import Settings
from gis.store.engine import reading

app = typer.Typer(no_args_is_help=True, help="Jobs of the server: list, show, cancel. 任务。")


@app.command("list")
def listed(
    state: Annotated[str | None, typer.Option(help="Only waiting, running, done, failed or cancelled ones")] = None,
    limit: Annotated[int, typer.Option(min=1, help="Most jobs in the list")] = 50,
) -> None:
    """The jobs of everybody, the newest first. 列出任务。"""
    table = Table("id", "kind", "state", "step", "progress", "author", "made", "what")
    with open_settled(Settings()) as store, reading(store.log) as connection:
        found = list_jobs(connection, state=state, limit=limit)
    for job in found:
        total = "" if job.total is None else f"/{job.total}"
        made, what = job.made_at.isoformat(timespec="seconds"), str(job.arguments.get("layer", ""))
        cells = (job.id, job.kind, job.state, job.step, f"{job.done}{total}", job.author_name, made, what)
        table.add_row(*(escape(cell) for cell in cells))
    out.print(table)


@app.command("show")
def show(job_id: Annotated[str, typer.Argument(help="The id that `jobs list` shows")]) -> None:
    """Everything about a job, as JSON. 查看任务。"""
    settings = Settings()
    with open_settled(settings) as store, reading(store.log) as connection:
        found = find_job(connection, job_id)
    print(json.dumps(shown(found, settings.language), ensure_ascii=False, indent=1))


@app.command("cancel")
def cancel(job_id: Annotated[str, typer.Argument(help="The id that `jobs list` shows")]) -> None:
    """End a job: at once while it waits, at its next step while it runs. 取消任务。"""
    settings = Settings()
    with open_settled(settings) as store:
        ended = cancel_job(store, job_id)
    if ended.has_ended:
        folders.drop_given(settings.data, job_id)
    show_line(f"{job_id}: {'cancelled' if ended.has_ended else 'cancelling'}")
