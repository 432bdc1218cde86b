"""HTTP load on one address of this machine, by wrk, and the servers that bear it."""

import json
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from bench.cities import ROOT
from bench.progress import last_line, tell

START_S = 900.0  # a server may have to read its city first
CONNECTIONS = 64


@dataclass(frozen=True, slots=True)
class Load:
    """What is asked of a server on `port`: a line of `file` at a time, or the whole of it as a body of `content`."""

    port: int
    file: Path
    seconds: float
    content: str | None = None
    path: str = "/"
    connections: int = CONNECTIONS

    def run(self) -> dict[str, Any]:
        """`requests_per_s`, `p50_ms` and `p99_ms` of one load. Errors: RuntimeError where a request failed."""
        how = ["-t1", f"-c{self.connections}", "--timeout", "20s", f"-d{self.seconds:g}s", "--latency"]
        command = ["wrk", *how, "-s", str(ROOT / "bench/load.lua")]
        arguments = [str(self.file), *([self.content] if self.content else [])]
        address = f"http://127.0.0.1:{self.port}{self.path}"
        done = subprocess.run([*command, address, "--", *arguments], capture_output=True, text=True, check=False)
        told = [line for line in done.stdout.splitlines() if line.startswith("LOAD ")]
        if done.returncode or not told:
            raise RuntimeError(f"wrk failed: {done.stdout}{done.stderr}")
        figures: dict[str, Any] = json.loads(told[0].removeprefix("LOAD "))
        if figures["failed"] or not figures["requests"]:
            raise RuntimeError(f"{figures['failed']} of {figures['requests']} requests to {address} failed")
        return {**figures, "requests_per_s": figures["requests"] / figures["seconds"]}


@contextmanager
def serving(command: Sequence[str], environment: Mapping[str, str], ready: str) -> Iterator[int]:
    """A server in a process of its own; `{port}` in the command is a free port, which is given once it is ready."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = int(listener.getsockname()[1])
    parts = [part.format(port=port) for part in command]
    with tempfile.TemporaryFile("w+") as said:
        process = subprocess.Popen(parts, cwd=ROOT, env=dict(environment), stdout=said, stderr=subprocess.STDOUT)
        try:
            _await(process, f"http://127.0.0.1:{port}{ready}", said)
            yield port
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def ask(port: int, path: str, body: bytes | None = None, headers: Mapping[str, str] | None = None) -> tuple[int, Any]:
    """The status and the body of one answer."""
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", body, dict(headers or {}))
    try:
        with urllib.request.urlopen(request, timeout=60) as response:
            return response.status, response.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


def _await(process: subprocess.Popen[bytes], address: str, said: IO[str]) -> None:
    tell(f"waiting for a server: {_command(process)}")
    end = time.monotonic() + START_S
    while time.monotonic() < end:
        if process.poll() is not None:
            raise RuntimeError(f"a server ended at once ({_command(process)}): {last_line(said)}")
        try:
            with urllib.request.urlopen(address, timeout=60):
                return
        except OSError:
            time.sleep(0.1)
    raise RuntimeError(f"a server was not ready after {START_S:g} s ({_command(process)}): {last_line(said)}")


def _command(process: subprocess.Popen[bytes]) -> str:
    """The command without the path and the port, which tell nobody anything."""
    assert isinstance(process.args, list)
    return " ".join([Path(str(process.args[0])).name, *(str(part) for part in process.args[1:] if "port" not in part)])
