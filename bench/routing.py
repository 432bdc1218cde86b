"""Benchmarks of a province's year of cases, routed in full, and of what a very large rule book costs."""

import tempfile
from contextlib import ExitStack
from pathlib import Path

from bench.progress import tell
from bench.results import Result
from bench.rounds import OURS, Rounds, play
from bench.size import Size
from bench.stores import make_store
from bench.workers import Worker

LARGE = "large"
"""The city with a rule book of 60,000 rules in front of its own."""


def route_year(size: Size) -> Result:
    """Seconds from Parquet to Parquet: unit, five layers of areas, component within reach, rule and reasons."""
    stored = make_store(size.of(200_000), size.points)
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        workers, first, prepared = {}, {}, {}
        for name in (OURS, LARGE):
            workers[name] = stack.enter_context(Worker(name, "bench.ours.route"))
            out = Path(folder) / f"{name}.parquet"
            prepared[name] = workers[name].prepare(
                store=stored.url, cases=str(stored.cases), out=str(out), large=name == LARGE
            )
            tell(f"the first run of {name}, in which tables are made and decisions met for the first time")
            first[name] = workers[name].run()
        rounds = play(workers, size.rounds, size.budget_s)
        written = (Path(folder) / f"{OURS}.parquet").stat().st_size
    last = rounds.told[OURS][-1]
    beside = {
        "cases": last["rows"],
        "stages": _stages(rounds),
        "large_book": {
            "s": rounds.median(LARGE),
            "first_s": first[LARGE]["seconds"],
            "one_by_one": rounds.told[LARGE][-1]["differences"],
        },
        "first_s": first[OURS]["seconds"],
        "first_stages": first[OURS]["stages"],
        "cases_per_s": last["rows"] / rounds.median(),
        "differences": {"one_by_one": last["differences"]},
        "routed": last["routed"],
        "bad": last["bad"],
        "written_bytes": written,
        "peak_bytes": first[OURS]["peak_bytes"],
        **prepared[OURS],
        "min": min(rounds.of(OURS)),
        "max": max(rounds.of(OURS)),
        "rounds": len(rounds),
    }
    return Result(rounds.median(), "s", {}, beside)


def route_rulebook_growth(size: Size) -> Result:
    """How much longer a case takes by a book of 60,000 rules than by the city's own, in columns, one thread."""
    stored = make_store(size.of(200_000), size.points)
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        workers, told = {}, {}
        for name, large in ((OURS, True), ("small", False)):
            workers[name] = stack.enter_context(Worker(name, "bench.ours.rulebook"))
            told[name] = workers[name].prepare(
                store=stored.url, cases=str(stored.cases), data=str(Path(folder) / name), large=large
            )
        rounds = play(workers, size.rounds, size.budget_s)
    last = rounds.told[OURS][-1]
    cases = last["cases"]
    beside = {
        "load_s": told[OURS]["load_s"],
        "rules": {name.replace(OURS, "large"): each["rules"] for name, each in told.items()},
        "rules_used": last["rules_used"],
        "cases": cases,
        "ns_large": rounds.median() / cases * 1e9,
        "ns_small": rounds.median("small") / cases * 1e9,
        "rounds": len(rounds),
    }
    return Result(1.0 / rounds.ratios()["small"], "times", {}, beside)


def _stages(rounds: Rounds) -> dict[str, float]:
    """The stages of the round whose time is nearest to the median: medians of each would be of no run at all."""
    middle = min(rounds.told[OURS], key=lambda told: abs(told["seconds"] - rounds.median()))
    return dict(middle["stages"])
