"""A store with a whole model city, imported as the demonstration imports it, kept under .cache/bench."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
import yaml

from bench import cities
from bench.clusters import cluster, filling, has_city
from bench.progress import tell
from bench.results import NotMeasurable
from examples.model_city import write

REPORTED = (
    "source", "id", "version", "lon", "lat", "crs", "accuracy_m", "reported_at", "edition", "kind", "class_code",
    "condition", "component_code",
)  # fmt: skip
MIGRATIONS = cities.ROOT / "api" / "migrations"
MANIFEST = "city.yaml"
NUMBERS = ("lon", "lat", "accuracy_m")


@dataclass(frozen=True, slots=True)
class Stored:
    """The folder of the city's files, the URL of the store that holds them, the cases as Parquet, the data folder."""

    folder: Path
    url: str
    cases: Path
    data: Path

    @classmethod
    def of(cls, folder: Path) -> "Stored":
        return cls(folder, f"sqlite:///{folder / 'wangge.db'}", folder / "cases.parquet", folder / "data")

    @property
    def settings(self) -> dict[str, str]:
        """The environment in which `wangge` uses the store."""
        return {**os.environ, "WANGGE_STORE": self.url, "WANGGE_DATA": str(self.data)}


def make_store(units: int, cases: int, cache: Path | None = None) -> Stored:
    """A store of a city of about `units` units and four times as many components, and `cases` cases to route."""
    folder = (cache or cities.CACHE) / f"store-{units}-{cases}"
    stored = Stored.of(folder)
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


def make_grid(units: int, cache: Path | None = None) -> Stored:
    """A store of a city of about `units` units, divisions, areas and departments, without components and cases."""
    folder = (cache or cities.CACHE) / f"grid-{units}"
    stored = Stored.of(folder)
    done = folder / ".done"
    with cities.alone(folder, cities.MODEL_CITY, MIGRATIONS):
        if not done.exists():
            tell(f"making a store of {units:,} units, once")
            write(folder, units=units, cases=50)
            (folder / "components.gpkg").unlink()
            manifest = yaml.safe_load((folder / MANIFEST).read_text(encoding="utf-8"))
            manifest["import"] = [each for each in manifest["import"] if each[0] != "components"]
            (folder / MANIFEST).write_text(yaml.safe_dump(manifest, allow_unicode=True), encoding="utf-8")
            _import(stored)
            done.touch()
    return stored


@contextmanager
def make_postgis(stored: Stored) -> Iterator[str]:
    """A running PostgreSQL that has the same city, made where there is none. Errors: NotMeasurable."""
    with cluster(stored.folder) as server:
        if not has_city(server):
            tell("filling PostGIS with the same city, once")
            with filling(server) as url, tempfile.TemporaryDirectory(dir=stored.folder) as data:
                _import(replace(stored, url=url, data=Path(data)))
        yield server


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
