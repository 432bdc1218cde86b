"""The environment of the peers, and the machine they run on."""

import hashlib
import os
import platform
import subprocess
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench.cities import ROOT
from bench.progress import tell
from bench.results import NotMeasurable

VENV = ROOT / ".cache" / "bench-venv"
LOCK = ROOT / "bench" / "requirements.lock"
THREADS = 2
PEERS_FAIL = "the peers could not be installed from bench/requirements.lock; see to the network and try again"
_refused: dict[str, str] = {}


def peers_are_installed() -> bool:
    """Whether the peers' environment is there, as the lock names it."""
    stamp = VENV / ".installed"
    return stamp.exists() and stamp.read_text() == hashlib.sha256(LOCK.read_bytes()).hexdigest()


def peers_python() -> Path:
    """The Python of the peers, installed from the lock where it is not there yet. Errors: NotMeasurable."""
    python, stamp = VENV / "bin" / "python", VENV / ".installed"
    if peers_are_installed():
        return python
    tell(f"installing the peers into {VENV}, once")
    pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--only-binary", ":all:"]
    for command in ([str(ROOT / "scripts" / "make_venv"), str(VENV)], [*pip, "--require-hashes", "-r", str(LOCK)]):
        _run(command, PEERS_FAIL)
    stamp.write_text(hashlib.sha256(LOCK.read_bytes()).hexdigest())
    return python


def install(script: str) -> None:
    """Run a script of `scripts/` that installs a program where it is missing. Errors: NotMeasurable."""
    tell(f"looking for what scripts/{script} installs")
    _run([str(ROOT / "scripts" / script)], f"scripts/{script} failed")


def _run(command: Sequence[str], failure: str) -> None:
    """Errors: NotMeasurable, with the last thing that was said."""
    if failure in _refused:  # what failed is not tried again for the next benchmark
        raise NotMeasurable(_refused[failure])
    done = subprocess.run(command, cwd=ROOT, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    if done.returncode:
        said = [line.strip() for line in done.stdout.splitlines() if line.strip()] or ["it said nothing"]
        _refused[failure] = f"{failure}: {said[-1]}"
        raise NotMeasurable(_refused[failure])


def share_two_processors() -> None:
    """Let this process and all it starts use the same two processors, whatever the machine has."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:THREADS])


def thread_settings() -> dict[str, str]:
    """Variables that hold libraries to as many threads as everybody has."""
    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS", "TOKIO_WORKER_THREADS")
    return dict.fromkeys(names, str(THREADS))


def machine() -> dict[str, Any]:
    """What the figures were measured on."""
    facts = Path("/proc/cpuinfo").read_text() if Path("/proc/cpuinfo").exists() else ""
    model = next((line.partition(":")[2].strip() for line in facts.splitlines() if line.startswith("model name")), "")
    load = round(os.getloadavg()[0], 2)
    return {
        "processor": model or platform.processor() or platform.machine(),
        "architecture": platform.machine(),
        "processors": os.cpu_count(),
        "load_before": load,
        "python": platform.python_version(),
        "commit": _commit(),
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def _commit() -> str:
    """The commit that is measured, with a + where files were changed since."""
    git = ["git", "-C", str(ROOT), "describe", "--always", "--abbrev=12", "--exclude=*", "--dirty=+"]
    try:
        return subprocess.run(git, capture_output=True, text=True, check=False).stdout.strip()
    except OSError:
        return ""
