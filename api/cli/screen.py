"""What the commands print: faults, reports, progress. Everything but results goes to standard error."""

import os
import re
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import TextIO

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from api.transfer.comparisons import Compared
from api.transfer.imports import Report
from gis.errors import Fault
from grids.deliveries.merging import Outcome

WIDE = 240
"""Characters of a line where no terminal shows it: what goes to a file or to another program is not cut."""


def _width(stream: TextIO) -> int | None:
    return None if stream.isatty() or "COLUMNS" in os.environ else WIDE


out = Console(highlight=False, width=_width(sys.stdout))
err = Console(stderr=True, highlight=False, width=_width(sys.stderr))

SHOWN = 20
STEPS: Mapping[str, tuple[str, str]] = {
    "check": ("read and checked", "读取并检查"),
    "stage": ("staged", "暂存"),
    "read": ("read", "读取"),
    "write": ("written", "写出"),
}
COLOURS: Mapping[str, str] = {"error": "red", "warning": "yellow", "note": "cyan"}


def show_line(text: str) -> None:
    """One line on standard error; may hold rich markup."""
    err.print(text, soft_wrap=True)


def show_faults(faults: Sequence[Fault], language: str, most: int = SHOWN) -> None:
    """The worst first, each with its code and, where it is somewhere, the place; then how many more there are."""
    order = {"error": 0, "warning": 1, "note": 2}
    ranked = sorted(faults, key=lambda fault: order[fault.severity])
    for fault in ranked[:most]:
        colour = COLOURS[fault.severity]
        where = f" {escape(_place(fault))}" if fault.where else ""
        show_line(f"[{colour}]{fault.severity}[/{colour}] {fault.code}: {escape(_sentence(fault, language))}{where}")
    if len(ranked) > most:
        rest = Counter(fault.code for fault in ranked[most:])
        show_line("… " + ", ".join(f"{count} x {code}" for code, count in rest.most_common()))


def _sentence(fault: Fault, language: str) -> str:
    """The fault's own sentence, with its row before it where the sentence does not name it."""
    text = fault.text(language)
    if fault.row is None or re.search(rf"(?<!\d){fault.row}(?!\d)", text):
        return text
    return f"第 {fault.row} 行：{text}" if language == "zh" else f"Row {fault.row}: {text}"


def _place(fault: Fault) -> str:
    coordinates = (fault.where or {}).get("coordinates")
    while isinstance(coordinates, list | tuple) and coordinates and isinstance(coordinates[0], list | tuple):
        coordinates = coordinates[0]
    return f"@ {coordinates[0]:.7f},{coordinates[1]:.7f}" if isinstance(coordinates, list | tuple) else ""


def show_report(report: Report, language: str) -> None:
    """An import in one table, its faults, and what happens next."""
    counts = report.delivery.counts
    zh = language == "zh"
    show_line(escape(f"{report.layer} ← {report.source}"))
    table = Table()
    heads = ("行数", "新增", "变更", "相同", "注销") if zh else ("rows", "new", "changed", "same", "gone")
    for head in heads:
        table.add_column(head, justify="right")
    table.add_row(*(str(number) for number in (report.rows, counts.new, counts.changed, counts.same, counts.gone)))
    err.print(table)
    show_faults(report.delivery.faults, language)
    if report.revision is not None:
        held = f"{report.held_s:.2f} s"
        number = report.revision.number
        show_line(
            f"[green]已发布版本 {number}[/green]（锁定 {held}）"
            if zh
            else f"[green]revision {number}[/green], lock held {held}"
        )
    elif not report.delivery.is_acceptable:
        show_line("有错误，未做任何更改。" if zh else "There are errors; nothing was changed.")
    elif report.delivery.is_empty:
        show_line("与库中一致，无需更改。" if zh else "The store holds just this already; nothing to change.")
    else:
        show_line(
            "仅检查，未做任何更改；加 --commit 发布。" if zh else "Only checked; nothing was changed. Add --commit."
        )


def show_comparison(found: Compared, language: str) -> None:
    """An import against a base in one table, its conflicts and faults, and where the result is."""
    zh = language == "zh"
    show_line(escape(f"{found.layer} ← {found.source}"))
    show_line(f"基准版本 {found.base}，现版本 {found.at}" if zh else f"base {found.base}, now {found.at}")
    table = Table()
    names = dict(zip(Outcome, ("相同", "变更", "新增", "注销", "保留", "冲突"), strict=True))
    for head in ("行数" if zh else "rows", *(names[each] if zh else each.value for each in Outcome)):
        table.add_column(head, justify="right")
    table.add_row(str(found.rows), *(str(found.merged.counts.get(each, 0)) for each in Outcome))
    err.print(table)
    show_faults(found.faults, language)
    if found.draft is not None:
        draft = found.draft.id
        show_line(f"[green]草稿 {draft}[/green]" if zh else f"[green]draft {draft}[/green]")
    elif not found.is_acceptable:
        show_line("有错误，未做任何更改。" if zh else "There are errors; nothing was changed.")
    elif found.is_empty:
        show_line("交付没有带来更改。" if zh else "The delivery changes nothing.")
    else:
        show_line(
            "仅比对，未做任何更改；加 --draft 生成草稿。" if zh else "Only compared; nothing was changed. Add --draft."
        )


def show_counts(title: str, head: str, counts: Iterable[tuple[str, int]], total: int, most: int = 12) -> None:
    """A table of counts with their shares, most frequent first, on standard output."""
    table = Table(title=title, title_justify="left")
    table.add_column(head)
    table.add_column("n", justify="right")
    table.add_column("%", justify="right")
    ranked = sorted(counts, key=lambda each: (-each[1], each[0]))
    for name, count in ranked[:most]:
        table.add_row(escape(name), str(count), f"{100 * count / max(total, 1):.1f}")
    if len(ranked) > most:
        rest = sum(count for _, count in ranked[most:])
        table.add_row(f"… {len(ranked) - most}", str(rest), f"{100 * rest / max(total, 1):.1f}")
    out.print(table)


def progress(transient: bool = False) -> Progress:
    """A progress bar on standard error; `transient`: gone when it has ended, and not shown without a terminal."""
    shown = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    return Progress(*shown, console=err, transient=transient, disable=transient and not err.is_terminal)


@contextmanager
def counting(title: str, language: str) -> Iterator[Callable[[str, int, int | None], None]]:
    """A bar for the rows of an import or an export, gone at its end, and who is to be told of its steps."""
    with progress(transient=True) as bar:
        task = bar.add_task(escape(title), total=None)

        def told(step: str, done: int, total: int | None) -> None:
            said = STEPS[step][language == "zh"]
            bar.update(task, description=f"{escape(title)} {said}", completed=done, total=total and max(done, total))

        yield told


def status(text: str) -> AbstractContextManager[object]:
    """A spinner while something of unknown length goes on."""
    return err.status(text)
