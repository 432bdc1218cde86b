"""Contenders as the harness sees them: processes that are spoken with line by line."""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from bench.cities import ROOT
from bench.environment import thread_settings

GRACE_S = 10


class Worker:
    """A contender in a process of its own: `module` run by `python`, spoken with as `bench.peers.protocol` says."""

    def __init__(self, name: str, module: str, python: Path | str = sys.executable) -> None:
        self.name = name
        self.process = subprocess.Popen(
            [str(python), "-m", module],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, **thread_settings()},
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.close()
        try:
            self.process.wait(GRACE_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()

    def prepare(self, **given: Any) -> dict[str, Any]:
        """Let it load its data; gives its figures."""
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
            raise RuntimeError(f"{self.name} ended without an answer to '{line[:80]}'")
        reply: dict[str, Any] = json.loads(told)
        if "error" in reply:
            raise RuntimeError(f"{self.name}: {reply['error']}")
        return reply
