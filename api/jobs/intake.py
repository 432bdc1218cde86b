"""Imports of cases and of outcomes as jobs: checked as a whole, then kept in pieces of one transaction each.

What was kept before a server died is the same to the next attempt, which finishes the file: so it is never kept twice.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import orjson

from api.auth import permit
from api.jobs.folders import hide_folder, jobs_folder
from api.jobs.kinds import Arguments, Context, Halted, Kind, Outcome
from api.jobs.reports import counted, write_report
from api.keys import Key
from api.transfer.case_files import Taken
from api.transfer.case_orders import take_in_file
from api.transfer.fields import read_mapping
from api.transfer.imports import Options
from components.editions import CURRENT
from gis.errors import Refusal
from gis.formats import check_form
from gis.formats.sources import READ

REPORT = "report.json"


class IntakeArguments(Arguments):
    """The options of `wangge import cases` and `outcomes`, and the file in the folder of what was given."""

    layer: str
    file: str
    commit: bool = False
    map: tuple[str, ...] = ()
    file_layer: str | None = None
    crs: str | None = None
    encoding: str | None = None
    edition: str = CURRENT
    source: str | None = None
    skip_rejected: bool = False


def allow(key: Key, arguments: IntakeArguments) -> None:
    """An editor, each within the prefix of the key: which units a file concerns is known when it is read."""
    permit(key, "editor")


def check_arguments(arguments: IntakeArguments, file: Path) -> None:
    """What can be told before the file is read. Errors: Refusal mapping_wrong, those of `check_form`."""
    read_mapping(arguments.map)
    if file.suffix.lower() not in READ:
        check_form(file)


def run(context: Context, arguments: IntakeArguments) -> Outcome:
    """Check the file, and with `commit` keep what it says; its wrong rows are told as the command tells them."""
    assert context.key is not None
    first, rows = _first_report(context), 0

    def advance(piece: int) -> None:
        nonlocal rows
        rows += piece
        context.progress(rows, None, "keep" if context.committing else "check")
        if context.committing and context.signs.lost:
            raise Halted("lost")
        if context.committing and context.signs.stopping.is_set():  # between two pieces it may go on elsewhere
            raise Halted("stopping")

    def begun(taken: Taken) -> None:
        nonlocal rows
        rows = 0
        _write(context, arguments, taken, first)
        context.commit()

    options = Options(
        mapping=read_mapping(arguments.map),
        layer=arguments.file_layer,
        crs=arguments.crs,
        encoding=arguments.encoding,
        edition=arguments.edition,
        skip_rejected=arguments.skip_rejected,
        commit=arguments.commit,
        author=context.key.name,
    )
    file, settings, prefix = context.given / arguments.file, context.settings, context.key.prefix
    taken = take_in_file(
        arguments.layer, context.store, file, options, settings, arguments.source, prefix, advance, begun
    )
    path, content = _write(context, arguments, taken, first)
    faults = [each for each in taken.faults if each.severity == "error"]
    refused = arguments.commit and not taken.is_acceptable
    result = {name: value for name, value in content.items() if name != "faults"}
    return Outcome(result, path, refusal=Refusal(faults) if refused else None)


def _write(
    context: Context, arguments: IntakeArguments, taken: Taken, first: Mapping[str, Any]
) -> tuple[Path, dict[str, Any]]:
    folder = str(jobs_folder(context.settings.data) / context.job.id)
    content = {**taken.as_dict(), "source": Path(arguments.file).name}
    for name in ("new", "changed"):  # what an earlier attempt has kept is the same by now
        before = max(first.get(name, 0) - content[name], 0)
        content[name] += before
        content["same"] -= before
    for fault in content["faults"]:
        fault |= {name: hide_folder(fault[name], folder) for name in ("detail", "detail_zh")}
    content |= counted(content["faults"])
    return write_report(context.folder / REPORT, content), content


def _first_report(context: Context) -> dict[str, Any]:
    """What the first attempt found that came to keep anything, if any did."""
    for attempt in range(1, context.job.attempt):
        path = context.folder.parent / str(attempt) / REPORT
        if path.is_file():
            content: dict[str, Any] = orjson.loads(path.read_bytes())
            return content
    return {}


INTAKE = Kind("intake", IntakeArguments, allow, run)
