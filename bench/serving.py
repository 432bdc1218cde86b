"""Benchmarks over HTTP: one lookup a request, and ten thousand of them as an Arrow stream."""

import json
import os
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from bench.cities import ROOT, make_city
from bench.environment import install, peers_python
from bench.load import CONNECTIONS, Load, ask, serving
from bench.results import NotMeasurable, Result
from bench.rounds import OURS, Rounds, play
from bench.size import Size
from bench.stores import Stored, make_store, wangge
from tests.fixtures.postgis import database, programs, running_cluster

WARM_S = 12.0  # the first query of every connection to PostGIS loads what transforms coordinates
ASKED = 20_000  # points in the file of a load
COMPARED = 200
BATCH = 10_000
ARROW = "application/vnd.apache.arrow.stream"
UVICORN = ("-m", "uvicorn", "--port", "{port}", "--log-level", "warning", "--no-access-log")
OWN_HELLO = ("-m", "bench.peers.hello", "{port}")
HELLO, ENDPOINT = "bench.peers.hello:app", "bench.peers.postgis_endpoint:app"


def http_locate(size: Size) -> Result:
    """Requests a second for one point each, beside two servers saying hello and the same endpoint over PostGIS."""
    install("install_wrk")
    install("install_postgis")
    python = str(peers_python())
    stored = make_store(size.of(200_000), size.points)
    asked = [_path(*each) for each in _points(size)[: min(ASKED, size.points)].tolist()]
    with ExitStack() as stack:
        file = Path(stack.enter_context(tempfile.TemporaryDirectory())) / "asked"
        file.write_text("\n".join(asked) + "\n")
        server = stack.enter_context(running_cluster(programs()))
        url = stack.enter_context(database(server)).replace("postgresql+psycopg:", "postgresql:")
        subprocess.run([python, "-m", "bench.peers.postgis_city", url, str(stored.folder)], cwd=ROOT, check=True)
        ports = {
            OURS: _serve(stack, stored),
            "raw_asgi_hello": stack.enter_context(serving([sys.executable, *OWN_HELLO], os.environ, "/")),
            "uvicorn_hello": stack.enter_context(serving([sys.executable, *UVICORN, HELLO], os.environ, "/")),
            "postgis_endpoint": stack.enter_context(
                serving([python, *UVICORN, ENDPOINT], {**os.environ, "BENCH_POSTGIS": url}, asked[0])
            ),
        }
        different = _differences(ports[OURS], ports["postgis_endpoint"], asked[:COMPARED])
        # A database answers most when it is asked by few at a time.
        few = {"postgis_endpoint": 8}
        loads = {
            name: Load(port, file, size.http_s, connections=few.get(name, CONNECTIONS)) for name, port in ports.items()
        }
        for load in loads.values():
            replace(load, seconds=WARM_S).run()
        rounds = play(loads, size.rounds, size.budget_s)
    beside = {"units": size.of(200_000), "differences": {"postgis_endpoint": different}, **_figures(rounds)}
    return Result(rounds.median(OURS, "requests_per_s"), "requests/s", _ratios(rounds), beside)


def http_batch_arrow(size: Size) -> Result:
    """Points a second, ten thousand in a request, Arrow in and out."""
    install("install_wrk")
    stored = make_store(size.of(200_000), size.points)
    points = _points(size)[:BATCH]
    body = _arrow(points)
    with ExitStack() as stack:
        port = _serve(stack, stored)
        status, answer = ask(port, "/v1/locate?crs=CRS84", body, {"Content-Type": ARROW, "Accept": ARROW})
        if status != 200:
            raise NotMeasurable(f"POST /v1/locate takes no Arrow stream: it answers {status} to one")
        try:
            rows = pa.ipc.open_stream(answer).read_all()
        except pa.ArrowInvalid:
            raise NotMeasurable("POST /v1/locate takes an Arrow stream but answers with something else") from None
        if len(rows) != len(points):
            raise NotMeasurable(f"POST /v1/locate answered {len(points)} points with {len(rows)} rows")
        file = Path(stack.enter_context(tempfile.TemporaryDirectory())) / "body"
        file.write_bytes(body)
        # One more than there are processors: while one answer is on its way back the others are worked at.
        load = Load(port, file, size.http_s, ARROW, "/v1/locate?crs=CRS84", connections=3)
        rounds = play({OURS: load}, size.rounds, size.budget_s)
    value = rounds.median(OURS, "requests_per_s") * len(points)
    return Result(value, "points/s", {}, {"batch": len(points), "columns": rows.column_names, **_figures(rounds)})


def _serve(stack: ExitStack, stored: Stored) -> int:
    """Our server, as its command starts it, when it can answer."""
    return stack.enter_context(serving([wangge(), "serve", "--port", "{port}"], stored.settings, _path(114.05, 22.54)))


def _points(size: Size) -> NDArray[np.float64]:
    return np.asarray(np.load(make_city(size.of(200_000), size.points).points))


def _path(lon: float, lat: float) -> str:
    return f"/v1/locate?lon={lon:.9f}&lat={lat:.9f}&crs=CRS84"


def _arrow(points: NDArray[np.float64]) -> bytes:
    batch = pa.record_batch({"lon": points[:, 0], "lat": points[:, 1]})
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, batch.schema) as stream:
        stream.write_batch(batch)
    return bytes(sink.getvalue())


def _differences(ours: int, theirs: int, paths: list[str]) -> int:
    """How many of the answers differ in the unit, an area or, by more than a centimetre, in the distance."""
    different = 0
    for path in paths:
        one, other = (_told(*ask(port, path)) for port in (ours, theirs))
        near = abs(one["boundary_distance_m"] - other["boundary_distance_m"]) < 0.01
        different += one["unit"] != other["unit"] or _areas(one) != _areas(other) or not near
    return different


def _told(status: int, body: bytes) -> dict[str, Any]:
    if status != 200:
        raise RuntimeError(f"a lookup was answered with {status}: {body[:300]!r}")
    told: dict[str, Any] = json.loads(body)
    return told


def _areas(answer: dict[str, Any]) -> dict[str, list[str]]:
    return {layer: [each["code"] for each in held] for layer, held in sorted(answer["areas"].items()) if held}


def _ratios(rounds: Rounds) -> dict[str, float]:
    return rounds.ratios("requests_per_s", less_is_better=False)


def _figures(rounds: Rounds) -> dict[str, Any]:
    return {
        "p50": rounds.median(OURS, "p50_ms"),
        "p99": rounds.median(OURS, "p99_ms"),
        "requests_per_s": {name: rounds.median(name, "requests_per_s") for name in rounds.told},
        "p99_ms": {name: rounds.median(name, "p99_ms") for name in rounds.told},
        "min": min(rounds.of(OURS, "requests_per_s")),
        "max": max(rounds.of(OURS, "requests_per_s")),
        "rounds": len(rounds),
    }
