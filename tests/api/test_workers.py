"""`wangge serve` as a program: several workers, signals, a port that somebody has."""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from api.server import environment, listen
from api.settings import Settings
from gis.errors import Refusal
from gis.store.engine import Store
from tests.api.small_world import UNITS
from tests.conftest import ROOT

WHERE = "/v1/locate?lon=114.005&lat=22.505&crs=CRS84"


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


@contextmanager
def program(store: Store, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """`wangge serve` on a store; ended at the end, whatever happened."""
    plain = {name: value for name, value in os.environ.items() if not name.startswith("WANGGE_")}
    url = store.world.url.render_as_string(hide_password=False)
    folder = Path(str(store.world.url.database)).parent
    own = {"WANGGE_STORE": url, "WANGGE_DATA": str(folder / "data"), "WANGGE_LANGUAGE": "en"}
    process = subprocess.Popen(
        [ROOT / ".venv" / "bin" / "wangge", "serve", *arguments],
        env={**plain, **own},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if process.stdout is not None:
            process.stdout.close()


def answered(process: subprocess.Popen[str], port: int) -> httpx.Response:
    end = time.monotonic() + 90
    while time.monotonic() < end:
        assert process.poll() is None, process.communicate()[0]
        try:
            return httpx.get(f"http://127.0.0.1:{port}{WHERE}")
        except httpx.TransportError:
            time.sleep(0.1)
    raise AssertionError("the server did not answer")


def children(process: subprocess.Popen[str]) -> list[int]:
    """The worker processes, without the helper that hands out resources."""
    path = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    found = [int(each) for each in path.read_text().split()]
    return [each for each in found if b"spawn_main" in Path(f"/proc/{each}/cmdline").read_bytes()]


def is_gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return Path(f"/proc/{pid}/stat").read_text().split(") ")[1].startswith("Z")


@pytest.mark.parametrize("sent", [signal.SIGTERM, signal.SIGINT])
def test_one_worker_answers_and_ends_cleanly(store: Store, sent: signal.Signals) -> None:
    port = free_port()
    with program(store, "--port", str(port)) as process:
        assert answered(process, port).json()["unit"] == UNITS[0]
        process.send_signal(sent)
        said, _ = process.communicate(timeout=20)
    assert "Traceback" not in said
    assert process.returncode in (0, -sent, 128 + sent)


def test_several_workers_share_a_port_and_all_end_with_the_first(store: Store) -> None:
    port = free_port()
    with program(store, "--port", str(port), "--workers", "2") as process:
        assert answered(process, port).json()["unit"] == UNITS[0]
        workers = children(process)
        assert len(workers) == 2
        os.kill(workers[0], signal.SIGKILL)  # one that dies is replaced, and meanwhile the other answers
        end = time.monotonic() + 60
        while len(set(children(process)) - {workers[0]}) < 2:
            assert time.monotonic() < end
            time.sleep(0.1)
        assert answered(process, port).status_code == 200
        workers = children(process)
        process.send_signal(signal.SIGTERM)
        said, _ = process.communicate(timeout=30)
    assert "Traceback" not in said
    assert all(is_gone(each) for each in workers)


def test_a_worker_that_dies_while_it_is_asked_whether_it_lives_is_replaced_at_once(store: Store) -> None:
    port = free_port()
    with program(store, "--port", str(port), "--workers", "2") as process:
        assert answered(process, port).status_code == 200
        workers = children(process)
        os.kill(workers[0], signal.SIGSTOP)  # it does not answer, as one that reads a large city
        time.sleep(1.5)  # the supervisor asks each every half second, and is waiting now
        os.kill(workers[0], signal.SIGKILL)
        end = time.monotonic() + 30  # less than a worker that hangs is given
        while len(set(children(process)) - {workers[0]}) < 2:
            assert time.monotonic() < end
            time.sleep(0.1)
        process.send_signal(signal.SIGTERM)
        said, _ = process.communicate(timeout=30)
    assert "Traceback" not in said


def test_a_port_that_somebody_has_is_told_in_a_sentence(store: Store) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        for more in ((), ("--workers", "2")):
            with program(store, "--port", port, *more) as process:
                said, _ = process.communicate(timeout=60)
            assert process.returncode == 8
            assert f"port {port}" in said.replace("\n", " ")
            assert "Traceback" not in said


def test_an_address_of_another_machine_is_told_in_a_sentence() -> None:
    for host in ("192.0.2.1", "no such host.invalid"):
        with pytest.raises(Refusal) as refused:
            listen(host, 0)
        assert refused.value.code == "host_wrong"


def test_workers_read_the_very_settings_of_their_parent(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = Settings(host="0.0.0.0", port=1, workers=3, cors_origins=["https://a.example"], access_log=True)
    for name, value in environment(settings).items():
        monkeypatch.setenv(name, value)
    assert Settings() == settings
