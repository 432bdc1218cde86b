"""The environment of the peers, and the machine they run on."""

import hashlib
import os
import platform
import subprocess
import sys
from pathlib import Path
from typing import Any

from bench.cities import ROOT

VENV = ROOT / ".cache" / "bench-venv"
LOCK = ROOT / "bench" / "requirements.lock"
THREADS = 2


def peers_python() -> Path:
    """The Python of the peers, installed from the lock where it is not there yet. Errors: SystemExit."""
    python, stamp = VENV / "bin" / "python", VENV / ".installed"
    wanted = hashlib.sha256(LOCK.read_bytes()).hexdigest()
    if stamp.exists() and stamp.read_text() == wanted:
        return python
    print(f"Installing the peers into {VENV}", flush=True)
    pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--only-binary", ":all:"]
    for command in ([str(ROOT / "scripts" / "make_venv"), str(VENV)], [*pip, "--require-hashes", "-r", str(LOCK)]):
        if subprocess.run(command, cwd=ROOT, check=False).returncode:
            sys.exit(f"The peers could not be installed: {' '.join(command)} failed. See to the network and try again.")
    stamp.write_text(wanted)
    return python


def install(script: str) -> None:
    """Run a script of `scripts/` that installs a program where it is missing. Errors: SystemExit."""
    if subprocess.run([str(ROOT / "scripts" / script)], check=False).returncode:
        sys.exit(f"scripts/{script} failed, see above.")


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
    }
