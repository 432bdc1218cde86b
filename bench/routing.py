"""Benchmark of a province's year of cases, routed in full."""

import tempfile
from pathlib import Path

from bench.results import Result
from bench.rounds import OURS, play
from bench.size import Size
from bench.stores import make_store
from bench.workers import Worker


def route_year(size: Size) -> Result:
    """Seconds from Parquet to Parquet: unit, five layers of areas, component within reach, rule and reasons."""
    stored = make_store(size.of(200_000), size.points)
    with tempfile.TemporaryDirectory() as folder, Worker(OURS, "bench.ours.route") as worker:
        prepared = worker.prepare(store=stored.url, cases=str(stored.cases), out=str(Path(folder) / "routed.parquet"))
        rounds = play({OURS: worker}, min(size.rounds, 3), size.budget_s)
        told = rounds.told[OURS]
        stages = {name: rounds.median(OURS, name) for name in told[0] if name.endswith("_s")}
        written = (Path(folder) / "routed.parquet").stat().st_size
    beside = {
        "cases": size.points,
        "stages": stages,
        "cases_per_s": size.points / rounds.median(),
        "routed": told[-1]["routed"],
        "written_bytes": written,
        **prepared,
        "min": min(rounds.of(OURS)),
        "max": max(rounds.of(OURS)),
        "rounds": len(rounds),
    }
    return Result(rounds.median(), "s", {}, beside)
