"""`wangge import cases` and `wangge import outcomes`."""

from pathlib import Path

from rich.table import Table

from api.cli.opening import open_settled
from api.cli.screen import err, progress, show_faults, show_line
from api.settings import Settings
from api.transfer.case_files import COUNTS, Taken
from api.transfer.case_orders import CASE_LAYERS, check_fit, take_in_file
from api.transfer.imports import Options

UNFIT = {
    **{
        name: name for name in ("fields", "profile", "title", "overlap", "gaps", "scope", "classes", "basis", "rejects")
    },
    "owner": "owner",
    "note": "note",
    "area_layer": "area-layer",
    "snap_m": "snap",
    "class_code": "class",
    "effective_at": "effective",
    "trust_crs": "trust-crs",
    "texts": "set",
}
"""Members of the options that mean something for revisions alone, and what they are called."""


def check_options(layer: str, options: Options, source: str | None, base: str | None, draft: bool) -> None:
    """Refuse options that mean nothing for the layer: nobody should believe that they had any effect.

    Errors: Refusal option_unfit.
    """
    if layer not in CASE_LAYERS:
        wrong = ["source"] if source is not None else []
    else:
        plain = Options()
        wrong = [name for name in UNFIT if getattr(options, name) != getattr(plain, name)]
        wrong += [name for name, given in (("base", base is not None), ("draft", draft)) if given]
    check_fit(layer, (f"--{UNFIT.get(name, name)}" for name in wrong))


def take_in(layer: str, file: Path, options: Options, source: str | None, settings: Settings) -> Taken:
    """Import cases or outcomes with the options of `wangge import` that mean something for them, and show what came."""
    with open_settled(settings) as store, progress() as bar:
        task = bar.add_task(layer, total=None)

        def advance(rows: int) -> None:
            bar.advance(task, rows)

        taken = take_in_file(layer, store, file, options, settings, source, advance=advance)
    show_taken(taken, settings.language)
    return taken


def show_taken(taken: Taken, language: str) -> None:
    """The counts in one table, the faults, and what happens next."""
    zh = language == "zh"
    table = Table()
    for name, head in zip(("rows", *COUNTS), ("行数", "新增", "变更", "相同", "过期", "错误"), strict=True):
        table.add_column(head if zh else name, justify="right")
    table.add_row(str(taken.rows), *(str(taken.counts[name]) for name in COUNTS))
    err.print(table)
    show_faults(taken.faults, language)
    if taken.further:
        show_line("… " + ", ".join(f"{count} x {code}" for code, count in taken.further.most_common()))
    if taken.committed:
        show_line("[green]已入库[/green]" if zh else "[green]kept[/green]")
    elif not taken.is_acceptable:
        show_line("有错误，未做任何更改。" if zh else "There are errors; nothing was changed.")
    else:
        show_line(
            "仅检查，未做任何更改；加 --commit 入库。" if zh else "Only checked; nothing was changed. Add --commit."
        )
