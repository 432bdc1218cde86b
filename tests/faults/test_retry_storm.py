"""A sender that retries without end: the same case many times, out of order, its versions mixed, at two workers."""

import random
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from api.app import create_app
from api.settings import Settings
from cases.tables import decision
from gis.store.engine import Store, open_store, reading
from tests.api.conftest import client
from tests.api.small_world import make_world
from tests.api.test_cases import case

TIMES, VERSIONS, WORKERS, THREADS = 50, 5, 2, 4
Told = tuple[int, int, str]
"""The version that was sent, the status, and the answer."""


@pytest.fixture
def world(store_url: str, tmp_path: Path) -> Iterator[Store]:
    store = make_world(store_url, tmp_path)
    yield store
    store.close()


def report(version: int) -> dict[str, Any]:
    """A version of the case; each says another place."""
    return case(version % 5, source="hotline", id="storm", version=version)


def send_all(url: str, data: str, versions: list[int]) -> list[Told]:
    """One worker: an application of a process of its own, asked by several callers at once."""
    store = open_store(url, wait_s=60)
    try:
        app = create_app(Settings(data=Path(data)), store)

        def send(version: int) -> Told:
            with client(app) as http:
                answer = http.post("/v1/cases", json=report(version))
            return version, answer.status_code, answer.text

        with ThreadPoolExecutor(THREADS) as pool:
            return list(pool.map(send, versions))
    finally:
        store.close()


def test_a_retry_storm_gives_one_decision_for_each_version_and_the_newest_wins(world: Store, tmp_path: Path) -> None:
    versions = [1 + at % VERSIONS for at in range(TIMES)]
    random.Random(1).shuffle(versions)
    url = world.world.url.render_as_string(hide_password=False)
    with ProcessPoolExecutor(WORKERS, get_context("spawn")) as pool:
        sent = [pool.submit(send_all, url, str(tmp_path / "data"), versions[at::WORKERS]) for at in range(WORKERS)]
        told = [each for worker in sent for each in worker.result()]
    assert len(told) == TIMES
    assert {status for _, status, _ in told} <= {200, 201, 409}, told
    assert all('"code":"superseded"' in text for _, status, text in told if status == 409)
    with reading(world.log) as log:
        kept = [row.version for row in log.execute(select(decision).order_by(decision.c.position))]
    assert kept == sorted(set(kept)), "a version was decided twice, or behind a later one"
    assert kept[-1] == VERSIONS
    new = Counter(version for version, status, _ in told if status == 201)
    assert new == Counter(kept)
    for version in kept:
        assert len({text for each, status, text in told if each == version and status in (200, 201)}) == 1
    # Whoever sent the newest version got its decision; a version that was never decided came too late each time.
    assert {status for version, status, _ in told if version == VERSIONS} == {200, 201}
    assert {status for version, status, _ in told if version not in kept} <= {409}
    with client(create_app(Settings(data=tmp_path / "data"), world)) as http:
        newest = http.get("/v1/cases/hotline/storm")
        assert newest.json()["case"]["version"] == VERSIONS
        assert newest.text == next(text for version, status, text in told if (version, status) == (VERSIONS, 201))
        assert [http.post("/v1/cases", json=report(version)).status_code for version in range(1, VERSIONS + 1)] == [
            *[409] * (VERSIONS - 1), 200
        ]  # fmt: skip
