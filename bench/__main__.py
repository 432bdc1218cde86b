"""`python -m bench [NAME …] [--quick] [--rounds N] [--budget S] [--shrink N]`."""

import argparse
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

from rich.console import Console
from rich.markup import escape

from bench.cities import ROOT
from bench.environment import machine, share_two_processors
from bench.progress import console as progress
from bench.progress import telling
from bench.registry import BENCHMARKS
from bench.results import NotMeasurable, Result, keep, show
from bench.size import QUICK, Size

RESULTS = ROOT / "bench" / "results"
LATEST, SHRUNK = "latest.json", "shrunk.json"
STOPPED = 130
"""The exit code of what was stopped from the keyboard."""


def main(arguments: list[str] | None = None, results: Path = RESULTS) -> int:
    """Measure what is asked for, keep it, and show it. 0 when everything has a figure, else 1."""
    names, size = _asked(arguments)
    share_two_processors()
    path = results / (LATEST if size.shrink == 1 else SHRUNK)
    found: dict[str, Result] = {}
    missing: dict[str, str] = {}
    try:
        for name in names:
            try:
                found[name] = _measure(name, size)
            except (NotMeasurable, RuntimeError, OSError, subprocess.CalledProcessError) as reason:
                missing[name] = str(reason)
                progress.print(f"  [red]not measured:[/red] {escape(str(reason))}", soft_wrap=True)
            keep(path, found, missing)
    except KeyboardInterrupt:
        progress.print("Stopped.")
        return STOPPED
    finally:
        if found or missing:
            show(Console(), found, missing)
            small = f" (cities and points {size.shrink} times smaller: no figure means anything)"
            print(f"-> {path}{small if size.shrink > 1 else ''}")
    return 1 if missing else 0


def _measure(name: str, size: Size) -> Result:
    with telling(name):
        before = machine()
        result = BENCHMARKS[name](size)
    return replace(result, figures={**result.figures, "machine": before})


def _asked(arguments: list[str] | None) -> tuple[list[str], Size]:
    """The names and the size that are asked for. Errors: SystemExit."""
    usual = Size()
    parser = argparse.ArgumentParser(
        prog="python -m bench", description="Benchmarks against peers; see bench/README.md"
    )
    parser.add_argument("name", nargs="*", help=f"default: all of {' '.join(BENCHMARKS)}")
    parser.add_argument("--rounds", type=int, help=f"at most so many (default {usual.rounds})")
    parser.add_argument("--budget", type=float, help=f"seconds for them (default {usual.budget_s:g})")
    parser.add_argument("--seconds", type=float, help=f"of one HTTP load (default {usual.http_s:g})")
    parser.add_argument("--shrink", type=int, help="try out with cities and points so many times smaller")
    parser.add_argument("--quick", action="store_true", help=f"try out: --shrink {QUICK}, two rounds, short loads")
    given = parser.parse_args(arguments)
    unknown = [name for name in given.name if name not in BENCHMARKS]
    if unknown:
        parser.error(f"there is no benchmark {', '.join(unknown)}; there are {', '.join(BENCHMARKS)}")
    if min(given.rounds or 1, given.shrink or 1) < 1 or given.rounds == 0 or given.shrink == 0:
        parser.error("--rounds and --shrink are at least 1")
    told = {"rounds": given.rounds, "budget_s": given.budget, "shrink": given.shrink, "http_s": given.seconds}
    size = Size.quick() if given.quick else usual
    return given.name or list(BENCHMARKS), replace(
        size, **{key: each for key, each in told.items() if each is not None}
    )


if __name__ == "__main__":
    sys.exit(main())
