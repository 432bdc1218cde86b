"""Fixtures for every test. Those of one concern live under `tests/fixtures`."""

import os
import sys
import tempfile
from pathlib import Path

import pytest
from hypothesis import settings

pytest_plugins = ["tests.fixtures.postgis", "tests.fixtures.stores", "tests.fixtures.cities"]

ROOT = Path(__file__).resolve().parent.parent

# Files that take half a minute and more go first: a worker that begins one when all else is done ends long after the
# others.
LONG = (
    "docs/test_tour.py",
    "bench/test_names.py",
    "api/test_one_answer.py",
    "faults/test_killed_import.py",
    "unbroken/test_machine.py",
    "faults/test_killed_jobs.py",
    "journeys/test_dc_assets.py",
    "gis/rasters/test_real.py",
    "gis/test_cells_on_real_data.py",
)

# No test is timed: a busy machine is no fault.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")

# Servers and commands of the tests keep their files here, unless a test says where.
_DATA = tempfile.TemporaryDirectory(prefix="wangge-tests-")
os.environ["WANGGE_DATA"] = _DATA.name
os.environ["COLUMNS"] = "200"  # of what commands print, however the tests were started

# Compiled modules are kept, whatever the shell says: else every process that a test starts compiles the program anew.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False


def pytest_configure(config: pytest.Config) -> None:
    config.option.loadscopereorder = False  # of pytest-xdist, which would begin with the files of the most tests


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    names = [str(ROOT / "tests" / name) for name in LONG]
    items.sort(key=lambda item: names.index(str(item.path)) if str(item.path) in names else len(names))


@pytest.fixture(scope="session")
def project_root() -> Path:
    """The folder that holds pyproject.toml."""
    return ROOT


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real data kept beside the project; a test that asks for it is marked `real`."""
    folder = ROOT.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip(f"the real data is not on this machine: no folder {folder}")
    return folder
