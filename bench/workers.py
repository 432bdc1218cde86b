"""Contenders as the harness sees them: processes that are spoken with line by line."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from bench.cities import ROOT
from bench.environment import peers_python, thread_settings
from bench.progress import last_line, tell
from bench.results import NotMeasurable
from bench.rounds import OURS

GRACE_S = 10


class Worker:
    """A contender in a process of its own: `module` run by `python`, spoken with as `bench.peers.protocol` says."""

    def __init__(self, name: str, module: str, python: Path | str = sys.executable) -> None:
        self.name = name
        self.said = tempfile.TemporaryFile("w+")  # noqa: SIM115 - closed with the process
        self.process = subprocess.Popen(
            [str(python), "-m", module],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.said,
            text=True,
            env={**os.environ, **thread_settings()},
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """End the process; more than once does no harm."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        with suppress(BrokenPipeError):
            self.process.stdin.close()
        try:
            self.process.wait(GRACE_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()
        self.said.close()

    def prepare(self, **given: Any) -> dict[str, Any]:
        """Let it load its data; gives its figures. Errors: RuntimeError, here and below, where it fails."""
        tell(f"{self.name} loads its data")
        return self._ask(f"prepare {json.dumps(given)}")

    def run(self) -> dict[str, Any]:
        """Let it answer once: `seconds`, `checksum` and other figures."""
        return self._ask("run")

    def answers(self) -> NDArray[Any]:
        """The answers of its last run."""
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "answers.npy"
            self._ask(f"save {path}")
            return np.asarray(np.load(path))

    def _ask(self, line: str) -> dict[str, Any]:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        try:
            self.process.stdin.write(line + "\n")
            self.process.stdin.flush()
            told = self.process.stdout.readline()
        except BrokenPipeError:
            told = ""
        if not told:
            raise RuntimeError(f"{self.name} ended without an answer to '{line.split()[0]}': {last_line(self.said)}")
        reply: dict[str, Any] = json.loads(told)
        if "error" in reply:
            raise RuntimeError(f"{self.name}: {reply['error']}")
        return reply


@dataclass(frozen=True, slots=True)
class Contender:
    """Who takes part: the module, what it is prepared with, and the Python that runs it."""

    module: str
    given: Mapping[str, Any]
    python: Path | str = sys.executable


@dataclass(frozen=True, slots=True)
class Field:
    """Those who are ready, ours first; what each told of its preparation; and who is absent, and why."""

    workers: dict[str, Worker] = field(default_factory=dict)
    prepared: dict[str, dict[str, Any]] = field(default_factory=dict)
    absent: dict[str, str] = field(default_factory=dict)


def peers(modules: Mapping[str, str], given: Mapping[str, Any]) -> tuple[dict[str, Contender], dict[str, str]]:
    """The peers as contenders; or none, and for each the reason, when they cannot be installed."""
    try:
        python = peers_python()
    except NotMeasurable as reason:
        return {}, dict.fromkeys(modules, str(reason))
    return {name: Contender(module, given, python) for name, module in modules.items()}, {}


def line_up(stack: ExitStack, contenders: Mapping[str, Contender]) -> Field:
    """Start and prepare everybody. A peer that cannot is left out. Errors: RuntimeError when we cannot ourselves."""
    ready = Field()
    for name, each in contenders.items():
        worker = stack.enter_context(Worker(name, each.module, each.python))
        try:
            ready.prepared[name] = worker.prepare(**each.given)
        except RuntimeError as error:
            if name == OURS:
                raise
            worker.close()
            ready.absent[name] = str(error)
        else:
            ready.workers[name] = worker
    return ready
