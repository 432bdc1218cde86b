"""Results: what a benchmark found, as a table in the terminal and as JSON."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table


class NotMeasurable(Exception):
    """What the benchmark measures, or measures by, is not there; the message says what is missing."""


@dataclass(frozen=True, slots=True)
class Result:
    """A figure, in its unit; how many times better than each peer that is; and other figures beside them."""

    value: float
    unit: str
    ratios: Mapping[str, float] = field(default_factory=dict)
    figures: Mapping[str, Any] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        return {"value": self.value, "unit": self.unit, "ratios": dict(self.ratios), **self.figures}


def keep(path: Path, found: Mapping[str, Result], missing: Iterable[str]) -> None:
    """Put the results into the file, beside those of other benchmarks; what could not be measured has none."""
    kept = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    kept.update({name: result.as_dict() for name, result in found.items()})
    for name in missing:
        kept.pop(name, None)
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(".draft")
    draft.write_text(json.dumps(dict(sorted(kept.items())), indent=1) + "\n", encoding="utf-8")
    draft.replace(path)


def show(console: Console, found: Mapping[str, Result], missing: Mapping[str, str]) -> None:
    """A table of the figures and ratios; below it what stands beside them, who is absent, and who says otherwise."""
    table = Table(title="Medians of interleaved rounds", title_justify="left")
    for head in ("benchmark", "value", "times better than"):
        table.add_column(head, no_wrap=True)
    for name, result in found.items():
        ratios = "\n".join(f"{_short(ratio)}x {peer}" for peer, ratio in result.ratios.items())
        table.add_row(name, f"{_short(result.value)} {result.unit}", ratios, end_section=True)
    for name in missing:
        table.add_row(name, "not measured", end_section=True)
    console.print(table)
    for name, result in found.items():
        told = "; ".join(_told(key, value) for key, value in result.figures.items() if key not in HIDDEN)
        console.print(f"[bold]{name}[/bold]: {escape(told)}", highlight=False)
        for peer, reason in result.figures.get("absent", {}).items():
            console.print(f"  not compared with {peer}: {escape(reason)}", highlight=False, soft_wrap=True)
        for peer, count in result.figures.get("differences", {}).items():
            if count:
                console.print(f"  [red]{count:,} answers of {peer} are not ours[/red]", highlight=False)
    for name, reason in missing.items():
        console.print(f"[bold]{name}[/bold]: not measured: {escape(reason)}", highlight=False, soft_wrap=True)


HIDDEN = ("machine", "absent", "prepare", "seconds", "first_stages")
"""Figures that are for the file alone, or told in lines of their own."""


def _told(key: str, value: Any) -> str:
    if isinstance(value, Mapping):
        return f"{key}: {', '.join(_told(name, each) for name, each in value.items())}"
    if isinstance(value, list):
        return f"{key} {' '.join(str(each) for each in value)}"
    return f"{key} {_short(value) if isinstance(value, int | float) else value}"


def _short(value: float) -> str:
    """Three digits that count, in thousands where it is large."""
    return f"{value:,.0f}" if abs(value) >= 1000 or isinstance(value, int) else f"{value:.3g}"
