"""`python -m bench [NAME …] [--rounds N] [--budget S] [--shrink N]`."""

import argparse
import sys
from pathlib import Path

from rich.console import Console

from bench.cities import ROOT
from bench.environment import machine, share_two_processors
from bench.registry import BENCHMARKS
from bench.results import NotMeasurable, Result, keep, show
from bench.size import Size

LATEST = ROOT / "bench" / "results" / "latest.json"


def main(arguments: list[str] | None = None, latest: Path = LATEST) -> int:
    usual = Size()
    parser = argparse.ArgumentParser(
        prog="python -m bench", description="Benchmarks against peers; see bench/README.md"
    )
    parser.add_argument("name", nargs="*", help=f"default: all of {' '.join(BENCHMARKS)}")
    parser.add_argument("--rounds", type=int, default=usual.rounds, help="at most so many (default %(default)s)")
    parser.add_argument("--budget", type=float, default=usual.budget_s, help="seconds for them (default %(default)s)")
    parser.add_argument("--seconds", type=float, default=usual.http_s, help="of one HTTP load (default %(default)s)")
    parser.add_argument("--shrink", type=int, default=1, help="try out with cities so many times smaller; not kept")
    given = parser.parse_args(arguments)
    unknown = [name for name in given.name if name not in BENCHMARKS]
    if unknown:
        parser.error(f"there is no benchmark {', '.join(unknown)}; there are {', '.join(BENCHMARKS)}")
    if min(given.rounds, given.shrink) < 1:
        parser.error("--rounds and --shrink are at least 1")
    share_two_processors()
    console = Console()
    found: dict[str, Result] = {}
    missing: dict[str, str] = {}
    for name in given.name or BENCHMARKS:
        console.print(f"[bold]{name}[/bold] …")
        before = machine()
        try:
            result = BENCHMARKS[name](Size(given.rounds, given.budget, given.shrink, given.seconds))
        except NotMeasurable as reason:
            missing[name] = str(reason)
            console.print(f"not measurable yet: {reason}")
        else:
            found[name] = Result(result.value, result.unit, result.ratios, {**result.figures, "machine": before})
        if given.shrink == 1:
            keep(latest, {each: found[each] for each in found}, missing)
    show(console, found, missing)
    console.print(f"-> {latest}" if given.shrink == 1 else f"Shrunk {given.shrink} times, so nothing was kept.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
