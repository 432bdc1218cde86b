"""Results: what a benchmark found, as a table in the terminal and as JSON."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table


class NotMeasurable(Exception):
    """What the benchmark measures is not there yet; the message says what is missing."""


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
    """The table: the figure, the ratios, the rest in small print."""
    table = Table("benchmark", "value", "times better than", "beside it", title="Medians of interleaved rounds")
    for name, result in found.items():
        ratios = "\n".join(f"{peer} {_short(ratio)}x" for peer, ratio in result.ratios.items())
        beside = "\n".join(f"{key} {_told(value)}" for key, value in result.figures.items() if key != "machine")
        table.add_row(name, f"{_short(result.value)} {result.unit}", ratios, beside)
    for name, reason in missing.items():
        table.add_row(name, "not measurable yet", "", reason)
    console.print(table)


def _told(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {_told(each)}" for key, each in value.items())
    if isinstance(value, list):
        return " ".join(_told(each) for each in value)
    return _short(value) if isinstance(value, float) else str(value)


def _short(value: float) -> str:
    """Three digits that count, in thousands where it is large."""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"
