"""Imports as jobs. Publishing is the last step, under a ticket with the name of the job: done once, or not at all."""

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import orjson
from sqlalchemy import Connection, select

from api.auth import permit
from api.jobs.exporting import file_of
from api.jobs.folders import hide_folder, jobs_folder, unwritable
from api.jobs.kinds import Arguments, Context, Kind, Outcome
from api.jobs.reports import counted, write_report
from api.keys import Key
from api.lookups.moments import read_moment
from api.transfer.case_orders import check_fit
from api.transfer.comparisons import (
    FILE,
    Compared,
    Comparison,
    achieved_draft,
    extent_of,
    run_comparison,
    scope_without_base,
)
from api.transfer.fields import read_mapping, read_texts
from api.transfer.imports import LAYERS, Options, Report, check_layer, run_import
from api.transfer.reading import OWNED
from api.transfer.references import check_new, find_declaration
from components.editions import CURRENT
from gis.delivery import Delivery
from gis.errors import Refusal
from gis.formats import check_form
from gis.store.engine import Store, reading
from gis.store.revisions import Change, Revision, revision_of_ticket
from grids.deliveries.extents import is_shape
from grids.references import Declaration
from grids.units import SNAP_M

STEPS = {"read": 0, "check": 5, "checked": 60, "stage": 60, "publish": 80, "draft": 80}
"""Where each step begins, of a hundred."""
WIDTHS = {"check": 55, "stage": 20}
WHOLE = 100
CHUNK = 5_000
FOLLOWING = {"units": frozenset({"division"})}
"""Tables whose shapes follow from what is imported, also those of divisions above the caller's."""


class ImportArguments(Arguments):
    """The options of `wangge import`, and the files in the folder of what was given."""

    layer: str
    file: str
    commit: bool = False
    map: tuple[str, ...] = ()
    set: tuple[str, ...] = ()
    fields: str | None = None
    profile: str | None = None
    file_layer: str | None = None
    area_layer: str | None = None
    title: str | None = None
    overlap: str = "none"
    owner: str = ""
    crs: str | None = None
    encoding: str | None = None
    effective: datetime | None = None
    gaps: str | None = None
    gaps_file: str | None = None
    scope: str | None = None
    scope_file: str | None = None
    base: str | None = None
    draft: bool = False
    allow_changes: int = 0
    snap: float = SNAP_M
    edition: str = CURRENT
    class_code: str | None = None
    basis: str | None = None
    note: str = ""
    skip_rejected: bool = False
    trust_crs: bool = False
    rejects: bool = False
    reference: bool = False
    title_en: str = ""
    license: str = ""
    source: str = ""

    def declaration(self) -> Declaration | None:
        """What is said of the reference layer that is to be added, if one is."""
        if not self.reference:
            return None
        columns = read_mapping(self.map)
        said = {"title": self.title or "", "title_en": self.title_en, "license": self.license, "source": self.source}
        return Declaration(self.layer, self.owner, is_names="name" in columns, mapping=columns, **said)

    @property
    def is_compared(self) -> bool:
        """Whether the file is compared with a base, and not taken as what is to hold."""
        return self.base is not None or self.draft


def allow(key: Key, arguments: ImportArguments) -> None:
    """An editor may check a delivery, a publisher publish it, each within the prefix of the key.

    What a file touches is known when it is read: see `_check_owners`.
    """
    role = "publisher" if arguments.commit else "editor"
    permit(key, role, arguments.owner if arguments.layer in OWNED or arguments.reference else None)
    if arguments.scope is not None and arguments.layer == "units" and not arguments.is_compared:
        permit(key, role, arguments.scope)


def check_arguments(store: Store, arguments: ImportArguments, file: Path) -> None:
    """What can be told before the file is read.

    Errors: Refusal layer_unknown, mapping_wrong, option_unfit, those of `check_new` and of `check_form`.
    """
    with reading(store.world) as connection:
        if arguments.reference:
            check_fit(arguments.layer, [name for name in ("base", "draft") if getattr(arguments, name)])
            check_new(connection, arguments.layer)
        declared = None if arguments.layer in LAYERS else find_declaration(connection, arguments.layer)
    if declared is None and not arguments.reference:
        check_layer(arguments.layer)
    if arguments.layer != "rules":
        check_form(file)
    read_texts(arguments.set, read_mapping(arguments.map))
    scope = arguments.scope
    if arguments.is_compared:
        extent_of(scope)
    elif arguments.scope_file is not None or (scope is not None and is_shape(scope)):
        raise scope_without_base(scope or "scope_file")


def run(context: Context, arguments: ImportArguments) -> Outcome:
    """Read, check, and with `commit` publish; with a base compare, and with `draft` put the result into a draft."""
    if arguments.is_compared:
        return _compare(context, arguments)

    def told(step: str, report: Report | None) -> None:
        context.progress(STEPS[step], WHOLE, step)
        if step == "checked" and report is not None:
            _check_owners(context, report.delivery, arguments)
        if step == "publish" and report is not None:
            _write(context, arguments, report)
            context.commit()

    def counted(step: str, done: int, total: int | None) -> None:
        share = min(done / total, 1) if total else 0
        context.progress(STEPS[step] + round(WIDTHS[step] * share), WHOLE, step)

    options = _options(context, arguments)
    if arguments.reference:
        with reading(context.store.world) as connection:
            check_new(connection, arguments.layer)  # somebody may have added it since
    try:
        report = run_import(context.store, arguments.layer, context.given / arguments.file, options, told, counted)
    except Refusal as refusal:
        found = achieved(context, arguments) if refusal.code == "ticket_used" else None
        if found is None:
            raise
        return found
    context.progress(WHOLE, WHOLE, "done")
    path, content = _write(context, arguments, report)
    refused = None
    if arguments.commit and not report.delivery.is_acceptable:
        faults = [fault for fault in report.delivery.faults if fault.severity == "error"]
        refused = Refusal(faults)
    file = None if report.rejects is None else file_of(report.rejects, context.folder)
    return Outcome(_result(content), path, file, refusal=refused)


def achieved(context: Context, arguments: ImportArguments) -> Outcome | None:
    """What an earlier attempt has published, or put into a draft."""
    if arguments.is_compared:
        return _achieved_draft(context)
    with reading(context.store.world) as connection:
        revision = revision_of_ticket(connection, context.job.id)
    if revision is None:
        return None
    content = _last_report(context) or _of_revision(arguments, revision)
    content |= {"acceptable": True, "committed": True, "revision": revision.number}
    return Outcome(_result(content), write_report(context.folder / "report.json", content))


def _compare(context: Context, arguments: ImportArguments) -> Outcome:
    assert context.key is not None

    def told(step: str, found: Compared | None) -> None:
        context.progress(STEPS[step], WHOLE, step)
        if step == "draft" and found is not None:
            _write(context, arguments, found)
            context.commit()

    base, zone = arguments.base, context.settings.zone
    file = None if arguments.scope_file is None else context.given / arguments.scope_file
    wanted = Comparison(
        base if base in (None, FILE) else read_moment(str(base), zone),
        extent_of(arguments.scope, file),
        arguments.allow_changes,
        arguments.draft,
        arguments.owner if arguments.layer in OWNED else context.key.prefix,
        context.job.id,
    )
    options = _options(context, arguments)
    found = run_comparison(context.store, arguments.layer, context.given / arguments.file, options, wanted, told)
    context.progress(WHOLE, WHOLE, "done")
    path, content = _write(context, arguments, found)
    faults = [fault for fault in found.faults if fault.severity == "error"]
    return Outcome(_result(content), path, refusal=Refusal(faults) if arguments.draft and faults else None)


def _achieved_draft(context: Context) -> Outcome | None:
    with reading(context.store.world) as connection:
        draft = achieved_draft(connection, context.job.id)
    if draft is None:
        return None
    content = {**(_last_report(context) or {"faults": []}), "draft": draft.id}
    return Outcome(_result(content), write_report(context.folder / "report.json", content))


def _options(context: Context, arguments: ImportArguments) -> Options:
    assert context.key is not None
    gaps = None
    if arguments.gaps_file is not None or arguments.gaps is not None:
        file = context.given / (arguments.gaps_file or arguments.file)
        gaps = f"{file}:{arguments.gaps}" if arguments.gaps else str(file)
    columns = read_mapping(arguments.map)
    declared = arguments.declaration()
    return Options(
        reference=declared,
        mapping=columns if declared is None else {},
        texts=read_texts(arguments.set, columns),
        fields=arguments.fields,
        profile=arguments.profile,
        layer=arguments.file_layer,
        owner=arguments.owner,
        crs=arguments.crs,
        encoding=arguments.encoding,
        area_layer=arguments.area_layer,
        title=arguments.title,
        overlap=arguments.overlap,
        gaps=gaps,
        scope=arguments.scope,
        snap_m=arguments.snap,
        edition=arguments.edition,
        class_code=arguments.class_code,
        skip_rejected=arguments.skip_rejected,
        trust_crs=arguments.trust_crs,
        rejects=_rejects_folder(context) / "rejected" if arguments.rejects else None,
        commit=arguments.commit,
        effective_at=arguments.effective,
        author=context.key.name,
        note=arguments.note or f"import {arguments.layer} {Path(arguments.file).name}",
        basis={"text": arguments.basis} if arguments.basis else None,
        ticket=context.job.id,
    )


def _rejects_folder(context: Context) -> Path:
    folder = context.folder / "rejects"
    try:
        folder.mkdir(exist_ok=True)
    except OSError as error:
        raise unwritable(folder, error) from error
    return folder


def _check_owners(context: Context, delivery: Delivery, arguments: ImportArguments) -> None:
    """Refuse what touches rows that are not within the prefix of the key. Errors: Refusal prefix_missing."""
    assert context.key is not None
    if not context.key.prefix:
        return
    for change in delivery.changes:
        if change.table.name in FOLLOWING.get(arguments.layer, ()):
            continue
        owners = {str(row["owner"]) for row in change.created}
        with reading(context.store.world) as connection:
            owners.update(_owners_of(connection, change))
        for owner in sorted(owners):
            permit(context.key, "editor", owner)


def _owners_of(connection: Connection, change: Change) -> Iterator[str]:
    """The owners of the rows that a change ends."""
    table = change.table
    for start in range(0, len(change.retired), CHUNK):
        uids = change.retired[start : start + CHUNK].tolist()
        chosen = select(table.c.owner).where(table.c.uid.in_(uids), table.c.to_revision.is_(None)).distinct()
        yield from connection.execute(chosen).scalars()


def _write(context: Context, arguments: ImportArguments, report: Report | Compared) -> tuple[Path, dict[str, Any]]:
    folder = str(jobs_folder(context.settings.data) / context.job.id)
    content = {**report.as_dict(), "source": Path(arguments.file).name}
    hidden = {"detail", "detail_zh"}
    content["faults"] = [
        {name: hide_folder(value, folder) if name in hidden else value for name, value in fault.items()}
        for fault in content["faults"]
    ]
    content |= counted(content["faults"])
    return write_report(context.folder / "report.json", content), content


def _last_report(context: Context) -> dict[str, Any] | None:
    """The report of the last attempt that wrote one: what it was about to publish."""
    for attempt in range(context.job.attempt, 0, -1):
        path = context.folder.parent / str(attempt) / "report.json"
        if path.is_file():
            content: dict[str, Any] = orjson.loads(path.read_bytes())
            return content
    return None


def _of_revision(arguments: ImportArguments, revision: Revision) -> dict[str, Any]:
    """A report of what the revision says of itself, when the files of the job are gone."""
    sums = {name: sum(each[name] for each in revision.counts.values()) for name in ("created", "changed", "retired")}
    new = {"new": sums["created"], "changed": sums["changed"], "gone": sums["retired"]}
    return {"layer": arguments.layer, "source": Path(arguments.file).name, **new, "faults": []}


def _result(content: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in content.items() if name != "faults"}


IMPORT = Kind("import", ImportArguments, allow, run, achieved=achieved)
