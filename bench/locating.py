"""Benchmarks of exact point-in-unit: in bulk, cold, over the size of the city, and the memory of the index."""

from collections.abc import Mapping
from contextlib import ExitStack
from statistics import median
from typing import Any

from bench.cities import City, make_city
from bench.results import Result
from bench.rounds import OURS, Rounds, differences, play
from bench.size import Size
from bench.workers import Contender, Worker, line_up, peers

PEERS = {
    "sedonadb": "bench.peers.sedona",
    "duckdb": "bench.peers.duckdb_join",
    "geopandas": "bench.peers.geopandas_join",
    "strtree": "bench.peers.strtree",
}
LOCATE, LIMIT = "bench.ours.locate", "bench.ours.memory_limit"


def locate_bulk(size: Size) -> Result:
    """Points a second of our warm index beside all peers and the limit."""
    city = make_city(size.of(200_000), size.points)
    theirs, absent = peers(PEERS, _files(city))
    return contest(city, size, {**theirs, "memory_limit": Contender(LIMIT, _files(city))}, absent)


def contest(city: City, size: Size, peers: Mapping[str, Contender], absent: Mapping[str, str] | None = None) -> Result:
    """Points a second of our warm index beside the `peers`; everybody's answers compared."""
    with ExitStack() as stack:
        ready = line_up(stack, {OURS: Contender(LOCATE, _files(city)), **peers})
        rounds = play(ready.workers, size.rounds, size.budget_s)
        figures = _compared(ready.workers, rounds)
    beside = {
        "units": city.count,
        "points": size.points,
        **figures,
        **_absent({**(absent or {}), **ready.absent}),
        "prepare": {name: told for name, told in ready.prepared.items() if told},
        **_seconds(rounds),
        "min": size.points / max(rounds.of(OURS)),
        "max": size.points / min(rounds.of(OURS)),
    }
    return Result(size.points / rounds.median(), "points/s", rounds.ratios(), beside)


def locate_cold(size: Size) -> Result:
    """Seconds from the WKB of the units to the last answer, beside the whole query of SedonaDB."""
    city = make_city(size.of(200_000), size.points)
    theirs, absent = peers({"sedonadb": PEERS["sedonadb"]}, _files(city))
    cold = {
        OURS: Contender(LOCATE, {**_files(city), "cold": True}),
        UNTRUSTED: Contender(LOCATE, {**_files(city), "cold": True, "trusted": False}),
    }
    with ExitStack() as stack:
        ready = line_up(stack, {**cold, **theirs})
        rounds = play(ready.workers, size.rounds, size.budget_s)
        figures = _compared(ready.workers, rounds)
    stages = {name: rounds.median(OURS, name) for name in rounds.told[OURS][0] if name.endswith("_s")}
    ratios = rounds.ratios()
    ratios.pop(UNTRUSTED, None)
    beside = {
        "units": city.count,
        "points": size.points,
        "stages": stages,
        **figures,
        **_absent({**absent, **ready.absent}),
        **_seconds(rounds),
    }
    return Result(rounds.median(), "s", ratios, beside)


UNTRUSTED = "ours_untrusted"
"""We again, with an index that is not told that the polygons are a valid coverage."""


def locate_growth(size: Size) -> Result:
    """How much longer a point takes among a million units than among 20,000.

    Units are as large in all cities and points as many, in random order: what grows is the index that they fall upon.
    """
    cities = {name: make_city(size.of(units), size.points) for name, units in _SIZES.items()}
    with ExitStack() as stack:
        workers = {name: stack.enter_context(Worker(name, LOCATE)) for name in cities}
        for name, worker in workers.items():
            worker.prepare(**_files(cities[name]))
        rounds = play(workers, size.rounds, size.budget_s)
    each = {f"ns_{name}": rounds.median(name) / size.points * 1e9 for name in cities}
    each = {name.replace(OURS, "20k"): nanoseconds for name, nanoseconds in each.items()}
    units = {name.replace(OURS, "20k"): city.count for name, city in cities.items()}
    beside = {"points": size.points, "units": units, **each, "rounds": len(rounds)}
    return Result(rounds.median("1m") / rounds.median(OURS), "times", {}, beside)


_SIZES = {OURS: 20_000, "200k": 200_000, "1m": 1_000_000}


def index_memory(size: Size) -> Result:
    """Bytes a unit of the mapped index, and by which a process grows that asks it everything it can be asked."""
    city = make_city(size.of(200_000), size.points)
    told = []
    for _ in range(min(size.rounds, 3)):
        with Worker(OURS, "bench.ours.memory") as worker:  # a new one: what was let go is not given back in full
            worker.prepare(**_files(city))
            told.append({name: value / city.count for name, value in worker.run().items() if name.endswith("_bytes")})
    all_ = [each["all_bytes"] for each in told]
    parts = {name: median(each[f"{name}_bytes"] for each in told) for name in ("own", "mapped")}
    beside = {"units": city.count, **parts, "min": min(all_), "max": max(all_), "rounds": len(told)}
    return Result(median(all_), "bytes/unit", {}, beside)


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


def _absent(reasons: Mapping[str, str]) -> dict[str, Any]:
    return {"absent": dict(reasons)} if reasons else {}


def _seconds(rounds: Rounds) -> dict[str, Any]:
    """The median, the least and the most seconds of everybody."""
    every = {name: rounds.of(name) for name in rounds.told}
    return {
        "seconds": {name: median(each) for name, each in every.items()},
        "min": min(every[OURS]),
        "max": max(every[OURS]),
        "rounds": len(rounds),
    }
