"""Benchmark of the nearest component of a class within reach."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace

import numpy as np

from bench.cities import make_features
from bench.environment import install
from bench.results import NotMeasurable, Result
from bench.rounds import OURS, Rounds, differences, play
from bench.size import Size
from bench.workers import Contender, line_up, peers
from tests.fixtures.postgis import database, programs, running_cluster

SAMPLE = 20_000  # points that PostGIS is asked: its rate does not depend on their number
PEERS = {"ckdtree": "bench.peers.ckdtree", "postgis": "bench.peers.postgis_nearest"}


def nearest(size: Size) -> Result:
    """Points a second among a million components, beside a tree of scipy and the index of PostGIS."""
    features = make_features(size.of(1_000_000), size.points)
    asked = {OURS: size.points, "ckdtree": size.points, "postgis": min(SAMPLE, size.points)}
    given = {**features.files, "reach_m": features.reach_m}
    theirs, absent = peers(PEERS, given)
    with ExitStack() as stack:
        if "postgis" in theirs:
            try:
                url = stack.enter_context(postgis())
            except NotMeasurable as reason:
                absent["postgis"] = str(reason)
                del theirs["postgis"]
            else:
                more = {**given, "url": url, "sample": asked["postgis"]}
                theirs["postgis"] = replace(theirs["postgis"], given=more)
        ready = line_up(stack, {OURS: Contender("bench.ours.nearest", given), **theirs})
        rounds = play(ready.workers, size.rounds, size.budget_s)
        answers = {name: worker.answers() for name, worker in ready.workers.items()}
    absent |= ready.absent
    rates = Rounds({name: [{"rate": asked[name] / s} for s in rounds.of(name)] for name in rounds.told})
    return Result(
        rates.median(OURS, "rate"),
        "points/s",
        rates.ratios("rate", less_is_better=False),
        {
            "features": size.of(1_000_000),
            "points": size.points,
            "found": float(np.mean(answers[OURS] >= 0)),
            "differences": {name: differences(answers[OURS], each) for name, each in answers.items() if name != OURS},
            **({"absent": absent} if absent else {}),
            "points_per_s": {name: rates.median(name, "rate") for name in rates.told},
            "min": min(rates.of(OURS, "rate")),
            "max": max(rates.of(OURS, "rate")),
            "rounds": len(rounds),
        },
    )


@contextmanager
def postgis() -> Iterator[str]:
    """The URL of an empty database on a server of its own. Errors: NotMeasurable."""
    install("install_postgis")
    with ExitStack() as stack:
        try:
            url = stack.enter_context(database(stack.enter_context(running_cluster(programs()))))
        except BaseException as error:
            if type(error).__name__ != "Failed":  # what the fixtures of the tests raise
                raise
            raise NotMeasurable(str(error)) from None
        yield url.replace("postgresql+psycopg:", "postgresql:")
