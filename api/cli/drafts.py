"""`wangge draft`: edits tried, kept, undone, checked and published."""

import getpass
import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import orjson
import typer
from rich.markup import escape
from rich.table import Table

from api.cli.opening import open_settled, read_time
from api.cli.screen import out, show_faults, show_line
from api.editing.checks import State
from api.editing.drafting import DOORS, holders, tell_changes, tell_differing, tell_impact, tell_report, tell_work
from api.editing.rule_checks import check_drafted
from api.jobs.publishing import PublishArguments, schedule, scheduled, tell_schedule
from api.keys import operator
from api.settings import Settings
from api.systems import LiveSystems
from api.worlds import Worlds, folder_of
from cases.drafting import drafted_desk
from cases.reports import Defaults, parse_zone
from gis.errors import refuse
from gis.store.engine import Store, reading, writing
from grids.drafts import records
from grids.drafts.publishing import Wanted, publish_draft
from grids.drafts.workbench import Workbench
from grids.edits.drafting import compose
from grids.edits.value import Edit

app = typer.Typer(no_args_is_help=True, help="Drafts of edits: try, add, undo, check, publish. 草稿。")

DraftId = Annotated[str, typer.Argument(help="The id that `draft new` prints")]
Author = Annotated[str | None, typer.Option(help="Who does it; default: who is logged in")]
BLOCKED = 3
SHOWN = 200


@contextmanager
def _bench() -> Iterator[Workbench]:
    with open_settled(Settings()) as store:
        yield Workbench(store, DOORS, holders)


@app.command("new")
def new(
    title: Annotated[str, typer.Argument(help="What the draft is about")],
    owner: Annotated[str, typer.Option(help="Division code that it is of; empty: everything")] = "",
    author: Author = None,
) -> None:
    """Begin a draft over the newest revision; prints its id. 新建草稿。"""
    with _bench() as bench, writing(bench.store.world) as connection:
        draft = records.create_draft(connection, owner, title, author or getpass.getuser())
    show_line(f"'{draft.owner}' @ {draft.base}: {escape(draft.title)}")
    print(draft.id)


@app.command("list")
def show_all(
    state: Annotated[str, typer.Option(help="open, published, discarded or any")] = "open",
    owner: Annotated[str, typer.Option(help="Only drafts whose owner begins so")] = "",
) -> None:
    """The drafts, newest first. 列出草稿。"""
    table = Table("id", "owner", "title", "author", "state", "base", "version", "revision")
    with _bench() as bench, reading(bench.store.world) as connection:
        for each in records.list_drafts(connection, owner, None if state == "any" else state):
            numbers = (str(each.base), str(each.version), "" if each.revision is None else str(each.revision))
            table.add_row(each.id, each.owner, each.title, each.author, each.state, *numbers)
    out.print(table)


@app.command("show")
def show(draft_id: DraftId) -> None:
    """A draft with its edits, as JSON. 查看草稿。"""
    with _bench() as bench:
        work = bench.look(draft_id)
        _print({**tell_work(bench, work), "scheduled": tell_schedule(scheduled(bench.store, draft_id))})
        show_faults(work.conflicts, Settings().language)


@app.command("edit")
def edit(
    draft_id: DraftId,
    document: Annotated[str | None, typer.Argument(help="An edit as JSON, or a list of them")] = None,
    file: Annotated[Path | None, typer.Option(help="A file that holds them")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only tell what it would come to")] = False,
    author: Author = None,
) -> None:
    """Add edits, all or none. 编辑（--dry-run 只试算）。"""
    documents = _read(document, file)
    with _bench() as bench:
        if dry_run:
            tried = bench.dry_run(draft_id, documents)
            work, made, report = tried.work, tried.made, tried.report
        else:
            work, before = bench.add(draft_id, documents, author or getpass.getuser(), None)
            made = compose(work.sketch.steps[before:])
            with reading(bench.store.world) as connection:
                report = bench.find(connection, work.sketch, made)
    language = Settings().language
    _show_changes(made)
    show_faults((*made.notes, *(each.fault for each in report.findings)), language)
    show_line("only tried; nothing was kept" if dry_run else f"version {work.draft.version}")


@app.command("undo")
def undo(draft_id: DraftId) -> None:
    """Let the last edit not count. 撤销。"""
    _turn(draft_id, records.undo_edit)


@app.command("redo")
def redo(draft_id: DraftId) -> None:
    """Let the edit undone last count again. 恢复。"""
    _turn(draft_id, records.redo_edit)


@app.command("checks")
def checks(draft_id: DraftId) -> None:
    """What the checks find around all that the draft changes, as JSON. 检查。"""
    with _bench() as bench:
        work = bench.look(draft_id)
        with reading(bench.store.world) as connection:
            report = bench.check(connection, work)
            rules = check_drafted(State(connection, work.sketch))
    _print(tell_report(report, work.sketch.at, rules))
    show_faults([*(each.fault for each in report.findings), *rules], Settings().language)
    if report.blocks:
        raise typer.Exit(BLOCKED)


@app.command("diff")
def diff(draft_id: DraftId) -> None:
    """All that the draft changes, as GeoJSON. 差异。"""
    with _bench() as bench:
        _print(tell_changes(bench.look(draft_id).sketch.edit, None))


@app.command("impact")
def impact(draft_id: DraftId) -> None:
    """Areas before and after, components and open cases that would go elsewhere, as JSON. 影响。"""
    settings = Settings()
    with _bench() as bench:
        work = bench.look(draft_id)
        worlds = Worlds(bench.store, folder_of(settings.data, bench.store))
        before = worlds.at(work.sketch.at)
        with reading(bench.store.world) as connection:
            after = drafted_desk(connection, before, work.sketch, worlds.private_heap(before))
        _print(tell_impact(bench, work, (before, after), _defaults(settings, bench.store)))


@app.command("rebase")
def rebase(draft_id: DraftId) -> None:
    """Put the draft on the newest revision. 变基。"""
    with _bench() as bench:
        draft = bench.rebase(draft_id).draft
    show_line(f"{draft.id} @ {draft.base}, version {draft.version}")


@app.command("publish")
def publish(
    draft_id: DraftId,
    note: Annotated[str, typer.Option(help="Note of the revision; default: the draft's title")] = "",
    effective: Annotated[str | None, typer.Option(help="Since when it holds: a date or a time")] = None,
    basis: Annotated[str | None, typer.Option(help="Document it rests on, as text")] = None,
    version: Annotated[int | None, typer.Option(help="Only if the draft still has this version")] = None,
    at: Annotated[str | None, typer.Option(help="A time to come: a running server publishes it then")] = None,
    author: Author = None,
) -> None:
    """Publish the draft as one revision, now or at a time. 发布（--at 定时）。"""
    settings = Settings()
    since: datetime | None = read_time(effective, settings.zone) if effective else None
    with _bench() as bench:
        seen = version if version is not None else bench.look(draft_id).draft.version
        rests_on = {"text": basis} if basis else None
        if at is not None:
            arguments = PublishArguments(draft=draft_id, version=seen, note=note, effective_at=since, basis=rests_on)
            who, then = operator(author or getpass.getuser()), read_time(at, settings.zone)
            job = schedule(bench.store, settings, bench, who, arguments, then)
            show_line(f"job {job.id}: {draft_id}, version {seen}, {then.isoformat()}")
            print(job.id)
            return
        wanted = Wanted(seen, author or getpass.getuser(), note, since, rests_on, parse_zone(settings.zone))
        made = publish_draft(bench, draft_id, wanted)
        worlds = Worlds(bench.store, folder_of(settings.data, bench.store))
        differing = tell_differing(bench.store, made, worlds, _defaults(settings, bench.store))
    _show_changes(made.edit)
    for each in differing["differing"]:
        show_line(f"{escape(each['source'])} {escape(each['id'])}: {each['before']} → {each['after']}")
    if not differing["differing_complete"]:
        told = made.revision.effective_at.isoformat()
        show_line(f"… wangge replay --since {told}")
    show_line(f"[green]revision {made.revision.number}[/green], lock held {made.held_s:.3f} s")


@app.command("discard")
def discard(draft_id: DraftId) -> None:
    """End the draft without publishing it. 废弃。"""
    with _bench() as bench, writing(bench.store.world) as connection:
        records.close_draft(connection, records.find_draft(connection, draft_id), "discarded")
    show_line(f"{draft_id}: discarded")


def _turn(draft_id: str, turn: Any) -> None:
    with _bench() as bench, writing(bench.store.world) as connection:
        draft = turn(connection, records.find_draft(connection, draft_id))
    show_line(f"version {draft.version}")


def _read(document: str | None, file: Path | None) -> list[dict[str, Any]]:
    """The edits given on the line or in a file. Errors: Refusal json_wrong, edit_wrong, file_missing."""
    if (document is None) == (file is None):
        raise refuse("edit_wrong", "Give an edit, or --file with edits.", "请给出编辑，或用 --file 指定文件。")
    if file is not None and not file.is_file():
        raise refuse("file_missing", f"There is no file {file}.", f"文件 {file} 不存在。", kind="unreadable")
    try:
        found = json.loads(file.read_text(encoding="utf-8") if file is not None else document or "")
    except ValueError as error:
        raise refuse(
            "json_wrong", f"The edits are not JSON: {error}.", f"编辑不是有效的 JSON：{error}。", kind="unreadable"
        ) from None
    documents = found if isinstance(found, list) else [found]
    if not documents or not all(isinstance(each, dict) for each in documents):
        raise refuse("edit_wrong", "An edit is an object with op.", "编辑应为含 op 的对象。")
    return documents


def _show_changes(edit: Edit) -> None:
    table = Table("layer", "code", "change", "m²", "m² before")
    told = tell_changes(edit, SHOWN)
    for each in told["features"]:
        its = each["properties"]
        sizes = (str(its.get(name) or "") for name in ("area_m2", "area_m2_before"))
        table.add_row(its["layer"], escape(its["code"]), its["change"], *sizes)
    out.print(table)
    if told["left_out"]:
        show_line(f"… {told['left_out']}")


def _print(told: dict[str, Any]) -> None:
    print(orjson.dumps(told, option=orjson.OPT_INDENT_2 | orjson.OPT_NON_STR_KEYS).decode())


def _defaults(settings: Settings, store: Store) -> Defaults:
    return Defaults(zone=parse_zone(settings.zone), read_crs=LiveSystems(store).parse)
