"""A store with a whole model city, imported as the demonstration imports it, kept under .cache/bench."""

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from bench import cities
from bench.progress import tell
from bench.results import NotMeasurable
from examples.model_city import write

REPORTED = (
    "source", "id", "version", "lon", "lat", "crs", "accuracy_m", "reported_at", "edition", "kind", "class_code",
    "condition", "component_code",
)  # fmt: skip
MIGRATIONS = cities.ROOT / "api" / "migrations"
NUMBERS = ("lon", "lat", "accuracy_m")


@dataclass(frozen=True, slots=True)
class Stored:
    """The folder of the city's files, the URL of the store that holds them, and the cases as Parquet."""

    folder: Path
    url: str
    cases: Path

    @property
    def settings(self) -> dict[str, str]:
        """The environment in which `wangge` uses the store."""
        return {**os.environ, "WANGGE_STORE": self.url, "WANGGE_DATA": str(self.folder / "data")}


def make_store(units: int, cases: int, cache: Path | None = None) -> Stored:
    """A store of a city of about `units` units and four times as many components, and `cases` cases to route."""
    folder = (cache or cities.CACHE) / f"store-{units}-{cases}"
    stored = Stored(folder, f"sqlite:///{folder / 'wangge.db'}", folder / "cases.parquet")
    done = folder / ".done"
    with cities.alone(folder, cities.MODEL_CITY, MIGRATIONS):
        if not done.exists():
            tell(f"making a store of {units:,} units and {cases:,} cases, once")
            write(folder, units=units, cases=cases)
            _write_parquet(folder / "cases.csv", stored.cases)
            (folder / "cases.csv").unlink()
            _import(stored)
            done.touch()
    return stored


def wangge() -> str:
    """The command line of this environment."""
    return str(Path(sys.executable).with_name("wangge"))


def _import(stored: Stored) -> None:
    command = [sys.executable, "-m", "bench.ours.fill", str(stored.folder)]
    done = subprocess.run(command, cwd=cities.ROOT, env=stored.settings, text=True, capture_output=True, check=False)
    if done.returncode:
        said = "\n".join((done.stdout + done.stderr).strip().splitlines()[-3:])
        raise NotMeasurable(f"the city could not be imported: {said}")


def _write_parquet(csv: Path, parquet: Path) -> None:
    """The cases as a caller has them: without what only the city knows of them."""
    types = {name: pa.float64() if name in NUMBERS else pa.string() for name in REPORTED}
    convert = pyarrow.csv.ConvertOptions(column_types=types, include_columns=list(REPORTED))
    pyarrow.parquet.write_table(pyarrow.csv.read_csv(csv, convert_options=convert), parquet)
