"""Jobs of `wangge serve` itself, and `wangge jobs` beside it."""

import json
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from gis.store.engine import Store, reading
from gis.store.revisions import current_head, list_revisions
from tests.api.jobs.test_imports import send
from tests.api.test_workers import answered, free_port, program
from tests.journeys.commands import Office


@contextmanager
def served(store: Store, *arguments: str) -> Iterator[httpx.Client]:
    port = free_port()
    with program(store, "--port", str(port), *arguments) as process:
        assert answered(process, port).status_code == 200
        with httpx.Client(base_url=f"http://127.0.0.1:{port}") as caller:
            yield caller
        process.send_signal(signal.SIGTERM)
        said, _ = process.communicate(timeout=30)
    assert "Traceback" not in said, said


def settle(caller: httpx.Client, where: str) -> dict[str, object]:
    end = time.monotonic() + 60
    while (job := caller.get(where).json())["state"] in ("waiting", "running"):
        assert time.monotonic() < end, job
        time.sleep(0.1)
    found: dict[str, object] = job
    return found


def office(store: Store) -> Office:
    folder = Path(str(store.world.url.database)).parent
    return Office(store.world.url.render_as_string(hide_password=False), folder)


def test_a_job_survives_the_server_and_is_done_by_the_next_once(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    before, desk = current_head(store), office(store)
    with served(store) as caller:
        later = "2099-01-01T00:00:00+08:00"
        waiting = send(caller, commit="true", not_before=later).headers["Location"]
        done = settle(caller, send(caller, commit="true", owner="44").headers["Location"])
        assert done["state"] == "done"
    listed = desk.do("jobs", "list").out
    assert ("waiting" in listed, "done" in listed) == (True, True)
    assert desk.do("jobs", "list", "--state", "failed").out.count("import") == 0
    shown = json.loads(desk.do("jobs", "show", waiting.rpartition("/")[2]).out)
    assert (shown["state"], shown["arguments"]["layer"]) == ("waiting", "departments")
    with served(store, "--workers", "2") as caller:
        places = [
            send(caller, f"code,name\nX{number},部门\n", commit="true").headers["Location"] for number in range(6)
        ]
        assert {settle(caller, place)["state"] for place in places} == {"done"}
        assert caller.get(waiting).json()["state"] == "waiting"
    with reading(store.world) as connection:
        made = list_revisions(connection, before)
    assert [each.counts["department"]["created"] for each in made] == [1] * 7
    assert "cancelled" in desk.do("jobs", "cancel", waiting.rpartition("/")[2]).err
    assert desk.run("jobs", "cancel", done["id"]).code == 6
    assert desk.run("jobs", "show", "nothing").code == 5
