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
    """What the benchmark measures, or measures by, is not there; the message is a sentence that says what is missing."""


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
    """The table: the figure, the ratios, the rest in small print; below it whoever is absent, or says otherwise."""
    table = Table("benchmark", "value", "times better than", "beside it", title="Medians of interleaved rounds")
    for name, result in found.items():
        ratios = "\n".join(f"{peer} {_short(ratio)}x" for peer, ratio in result.ratios.items())
        shown = {key: value for key, value in result.figures.items() if key not in HIDDEN}
        beside = "\n".join(line for key, value in shown.items() for line in _lines(key, value))
        table.add_row(name, f"{_short(result.value)} {result.unit}", ratios, escape(beside), end_section=True)
    for name, reason in missing.items():
        table.add_row(name, "not measured", "", escape(reason), end_section=True)
    console.print(table)
    for name, result in found.items():
        for peer, reason in result.figures.get("absent", {}).items():
            console.print(f"{name}: not compared with {peer}: {escape(reason)}", highlight=False, soft_wrap=True)
        for peer, count in result.figures.get("differences", {}).items():
            if count:
                told = f"[red]{name}: {count:,} answers of {peer} are not ours.[/red]"
                console.print(told, highlight=False, soft_wrap=True)


HIDDEN = ("machine", "absent")
"""Figures that are for the file, or told below the table."""


def _lines(key: str, value: Any) -> list[str]:
    """A figure in lines: what has parts below one another."""
    if isinstance(value, Mapping) and value:
        return [key, *(f"  {line}" for name, each in value.items() for line in _lines(name, each))]
    if isinstance(value, list):
        return [f"{key} {' '.join(str(each) for each in value)}"]
    return [f"{key} {_short(value) if isinstance(value, int | float) else value}"]


def _short(value: float) -> str:
    """Three digits that count, in thousands where it is large."""
    return f"{value:,.0f}" if abs(value) >= 1000 or isinstance(value, int) else f"{value:.3g}"
