"""Benchmark of the nearest component of a class within reach."""

import sys
from contextlib import ExitStack

import numpy as np

from bench.cities import make_features
from bench.environment import install, peers_python
from bench.results import Result
from bench.rounds import OURS, differences, play
from bench.size import Size
from bench.workers import Worker
from tests.fixtures.postgis import database, programs, running_cluster

SAMPLE = 20_000  # points that PostGIS is asked: its rate does not depend on their number


def nearest(size: Size) -> Result:
    """Points a second among a million components, beside a tree of scipy and the index of PostGIS."""
    install("install_postgis")
    features = make_features(size.of(1_000_000), size.points)
    sample = min(SAMPLE, size.points)
    peers = {"ckdtree": "bench.peers.ckdtree", "postgis": "bench.peers.postgis_nearest"}
    python = peers_python()
    with ExitStack() as stack:
        server = stack.enter_context(running_cluster(programs()))
        url = stack.enter_context(database(server)).replace("postgresql+psycopg:", "postgresql:")
        workers = {OURS: stack.enter_context(Worker(OURS, "bench.ours.nearest", sys.executable))}
        for name, module in peers.items():
            workers[name] = stack.enter_context(Worker(name, module, python))
        more = {"postgis": {"url": url, "sample": sample}}
        for name, worker in workers.items():
            worker.prepare(**features.files, reach_m=features.reach_m, **more.get(name, {}))
        rounds = play(workers, size.rounds, size.budget_s)
        answers = {name: worker.answers() for name, worker in workers.items()}
    rates = {name: (sample if name == "postgis" else size.points) / rounds.median(name) for name in workers}
    return Result(
        rates[OURS],
        "points/s",
        {name: rates[OURS] / rates[name] for name in peers},
        {
            "features": size.of(1_000_000),
            "points": size.points,
            "found": float(np.mean(answers[OURS] >= 0)),
            "differences": {name: differences(answers[OURS], answers[name]) for name in peers},
            "points_per_s": rates,
            "min": size.points / max(rounds.of(OURS)),
            "max": size.points / min(rounds.of(OURS)),
            "rounds": len(rounds),
        },
    )
