"""Benchmarks of exact point-in-unit: in bulk, cold, over the size of the city, and the memory of the index."""

import sys
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from typing import Any

from bench.cities import City, make_city
from bench.environment import peers_python
from bench.results import Result
from bench.rounds import OURS, Rounds, differences, play
from bench.size import Size
from bench.workers import Worker

PEERS = {
    "sedonadb": "bench.peers.sedona",
    "duckdb": "bench.peers.duckdb_join",
    "geopandas": "bench.peers.geopandas_join",
    "strtree": "bench.peers.strtree",
}
LIMIT = {"memory_limit": "bench.ours.memory_limit"}


def locate_bulk(size: Size) -> Result:
    return contest(make_city(size.of(200_000), size.points), size, {**PEERS, **LIMIT}, peers_python())


def contest(city: City, size: Size, peers: Mapping[str, str], python: Path | str) -> Result:
    """Points a second of our warm index beside the `peers`, that run under `python`; everybody's answers compared."""
    with ExitStack() as stack:
        workers = _start(stack, "bench.ours.locate", peers, python)
        prepared = {name: worker.prepare(**_files(city)) for name, worker in workers.items()}
        rounds = play(workers, size.rounds, size.budget_s)
        figures = _compared(workers, rounds)
    return Result(
        size.points / rounds.median(),
        "points/s",
        rounds.ratios(),
        {
            "units": city.count,
            "points": size.points,
            **figures,
            "prepare": {name: told for name, told in prepared.items() if told},
            **_seconds(rounds),
            "min": size.points / max(rounds.of(OURS)),
            "max": size.points / min(rounds.of(OURS)),
        },
    )


def locate_cold(size: Size) -> Result:
    """Seconds from the WKB of the units to the last answer, beside the whole query of SedonaDB."""
    city = make_city(size.of(200_000), size.points)
    with ExitStack() as stack:
        workers = _start(stack, "bench.ours.locate", {"sedonadb": PEERS["sedonadb"]}, peers_python())
        for name, worker in workers.items():
            worker.prepare(**_files(city), **({"cold": True} if name == OURS else {}))
        rounds = play(workers, size.rounds, size.budget_s)
        figures = _compared(workers, rounds)
    stages = {name: rounds.median(OURS, name) for name in rounds.told[OURS][0] if name.endswith("_s")}
    beside = {"units": city.count, "points": size.points, "stages": stages, **figures, **_seconds(rounds)}
    return Result(rounds.median(), "s", rounds.ratios(), beside)


def locate_growth(size: Size) -> Result:
    """How much longer a point takes among a million units than among 20,000."""
    cities = {name: make_city(size.of(units), size.points) for name, units in _SIZES.items()}
    with ExitStack() as stack:
        workers = {name: stack.enter_context(Worker(name, "bench.ours.locate")) for name in cities}
        for name, worker in workers.items():
            worker.prepare(**_files(cities[name]))
        rounds = play(workers, size.rounds, size.budget_s)
    each = {f"ns_{name}": rounds.median(name) / size.points * 1e9 for name in cities}
    each = {name.replace(OURS, "20k"): nanoseconds for name, nanoseconds in each.items()}
    beside = {"points": size.points, **each, "rounds": len(rounds)}
    return Result(rounds.median("1m") / rounds.median(OURS), "times", {}, beside)


_SIZES = {OURS: 20_000, "200k": 200_000, "1m": 1_000_000}


def index_memory(size: Size) -> Result:
    """Bytes a unit by which a process grows that builds the index and locates with it."""
    city = make_city(size.of(200_000), size.points)
    grown, tables = [], 0.0
    for _ in range(min(size.rounds, 3)):
        with Worker(OURS, "bench.ours.memory") as worker:  # a new one: what was let go is not given back in full
            worker.prepare(**_files(city))
            told = worker.run()
        grown.append(told["grown_bytes"] / city.count)
        tables = told["table_bytes"] / city.count
    beside = {"units": city.count, "tables": tables, "min": min(grown), "max": max(grown), "rounds": len(grown)}
    return Result(median(grown), "bytes/unit", {}, beside)


def _start(stack: ExitStack, ours: str, peers: Mapping[str, str], python: Path | str) -> dict[str, Worker]:
    """The contenders, ours first; what needs our own libraries runs under our Python."""
    workers = {OURS: stack.enter_context(Worker(OURS, ours))}
    for name, module in peers.items():
        own = module.startswith("bench.ours.")
        workers[name] = stack.enter_context(Worker(name, module, sys.executable if own else python))
    return workers


def _files(city: City) -> dict[str, str]:
    return {"units": str(city.units), "points": str(city.points)}


def _compared(workers: Mapping[str, Worker], rounds: Rounds) -> dict[str, Any]:
    """For each peer that has answers how many differ from ours; 0 without a look where the checksums are the same."""
    ours = rounds.told[OURS][-1]["checksum"]
    found, answers = {}, None
    for name, told in rounds.told.items():
        if name == OURS or told[-1]["checksum"] is None:
            continue
        if told[-1]["checksum"] == ours:
            found[name] = 0
        else:
            answers = workers[OURS].answers() if answers is None else answers
            found[name] = differences(answers, workers[name].answers())
    return {"differences": found}


def _seconds(rounds: Rounds) -> dict[str, Any]:
    """The median, the least and the most seconds of everybody."""
    every = {name: rounds.of(name) for name in rounds.told}
    return {
        "seconds": {name: median(each) for name, each in every.items()},
        "min": min(every[OURS]),
        "max": max(every[OURS]),
        "rounds": len(rounds),
    }
