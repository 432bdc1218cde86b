"""Benchmarks of files at size: a million components in and out, 200,000 units in, as the command line does it."""

import json
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from time import monotonic, perf_counter, sleep
from typing import Any

from api.migrations import migrate
from api.transfer.imports import Options, run_import
from bench import cities
from bench.clusters import cluster, empty
from bench.progress import tell
from bench.results import NotMeasurable, Result
from bench.size import Size
from bench.stores import MIGRATIONS, wangge
from components.heads import heads_of
from components.layers import COMPONENTS
from examples.model_city import write
from gis.formats import read_pieces
from gis.formats import write as write_file
from gis.store.engine import open_store
from gis.tables import joined

FOR_A_MILLION = 240_000
"""Units of a city that has a million components."""
OWNER = "4499"
CASES = 50
FIRST: tuple[tuple[str, str, dict[str, Any]], ...] = (
    ("departments", "departments.csv", {}),
    ("divisions", "divisions.csv", {}),
    ("catalogue", "local_classes.csv", {"owner": OWNER}),
)
SURVEY = ("components", "components.gpkg", "--owner", OWNER)
UNITS = ("units", "units.gpkg", "--layer", "units", "--gaps", "{folder}/units.gpkg:gaps")
OTHERS = ("csv", "shp")
"""Further formats, measured once each."""
Figures = dict[str, Any]


def import_1m_components(size: Size) -> Result:
    """Seconds that `wangge import components FILE --commit` of a million components takes, from a GeoPackage."""
    city = _city(size.of(FOR_A_MILLION))
    files = {ending: _as(city, ending) for ending in OTHERS}

    def measure(office: "Office") -> Figures:
        own = _rounds(size, lambda: _import(office, city, SURVEY))
        own["again"] = _run(office, ["import", *_paths(city, SURVEY), "--commit"]).told()
        if not office.is_server:
            for ending, path in files.items():
                own[ending] = _import(office, city, ("components", str(path), *SURVEY[2:])).told()
        return own

    return _on_both(city, measure)


def import_200k_units(size: Size) -> Result:
    """Seconds that `wangge import units FILE --commit` of 200,000 units with all checks takes."""
    city = _city(size.of(200_000))
    return _on_both(city, lambda office: _rounds(size, lambda: _import(office, city, UNITS)))


def export_1m_components(size: Size) -> Result:
    """Seconds that `wangge export components FILE` of a million components takes, into a GeoPackage."""
    city = _city(size.of(FOR_A_MILLION))

    def measure(office: "Office") -> Figures:
        _import(office, city, SURVEY)

        def export(ending: str) -> Spent:
            with tempfile.TemporaryDirectory(dir=office.folder) as folder:
                return _run(office, ["export", "components", str(Path(folder) / f"out.{ending}")])

        own = _rounds(size, lambda: export("gpkg"))
        endings = () if office.is_server else (*OTHERS, "parquet", "fgb", "geojson")
        return {**own, **{ending: export(ending).told() for ending in endings}}

    return _on_both(city, measure)


@dataclass(frozen=True, slots=True)
class Spent:
    """What a command took: seconds by the clock, seconds of processors, and the most memory that it held."""

    wall_s: float
    cpu_s: float
    peak_mb: float
    lock_s: float | None = None

    def told(self) -> Figures:
        told = {"s": self.wall_s, "cpu_s": self.cpu_s, "peak_mb": self.peak_mb}
        return told | ({} if self.lock_s is None else {"lock_s": self.lock_s})


@dataclass(frozen=True, slots=True)
class Office:
    """A folder to work in and the address of the store, which `begin` makes anew for every round."""

    folder: Path
    url: str
    is_server: bool
    begin: Callable[[], None]

    @property
    def settings(self) -> Mapping[str, str]:
        return {**os.environ, "WANGGE_STORE": self.url, "WANGGE_DATA": str(self.folder / "data")}


def _city(units: int) -> Path:
    """The files of a city of about so many units, made once."""
    folder = cities.CACHE / f"files-{units}"
    with cities.alone(folder, cities.MODEL_CITY, MIGRATIONS):
        if not (folder / ".done").exists():
            tell(f"making the files of a city of {units:,} units, once")
            write(folder, units=units, cases=CASES)
            (folder / ".done").touch()
    return folder


def _as(city: Path, ending: str) -> Path:
    """The components in another format, made once."""
    path = city / ending / f"components.{ending}"
    if not path.exists():
        tell(f"writing the components as {ending}, once")
        draft = city / f"draft-{ending}"
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir()
        table = joined(list(read_pieces(city / "components.gpkg")))
        if ending == "shp":  # whose own heads are too short for the names of the fields
            heads = heads_of(COMPONENTS, "2026")
            table = replace(table, columns={heads.get(name, name): each for name, each in table.columns.items()})
        write_file(draft / path.name, table)
        draft.replace(path.parent)
    return path


def _on_both(city: Path, measure: Callable[[Office], Figures]) -> Result:
    """The figures on SQLite, which is the value, with those on PostGIS beside them."""
    with _sqlite(city) as office:
        own = measure(office)
    beside: Figures = {}
    try:
        with ExitStack() as stack:
            beside["postgis"] = measure(stack.enter_context(_postgis(city)))
    except NotMeasurable as reason:
        beside["absent"] = {"postgis": str(reason)}
    return Result(own.pop("value"), "s", {}, {**own, "store": "sqlite", **beside})


@contextmanager
def _sqlite(city: Path) -> Iterator[Office]:
    with tempfile.TemporaryDirectory(dir=city) as folder:
        first, store = Path(folder) / "first", Path(folder) / "store"
        first.mkdir()
        _fill(f"sqlite:///{first / 'wangge.db'}", city)

        def begin() -> None:
            shutil.rmtree(store, ignore_errors=True)
            shutil.copytree(first, store)

        yield Office(Path(folder), f"sqlite:///{store / 'wangge.db'}", False, begin)


@contextmanager
def _postgis(city: Path) -> Iterator[Office]:
    with tempfile.TemporaryDirectory(dir=city) as folder, cluster(city) as server:
        empty(server, "first")
        _fill(f"{server}/first", city)
        yield Office(Path(folder), f"{server}/files", True, lambda: empty(server, "files", "first"))


def _fill(url: str, city: Path) -> None:
    """What there is before the layer that is measured."""
    store = open_store(url)
    migrate(store)
    for layer, file, options in FIRST:
        run_import(store, layer, city / file, Options(commit=True, **options))
    store.close()


def _rounds(size: Size, spend: Callable[[], Spent]) -> Figures:
    spent: list[Spent] = []
    begun = monotonic()
    for number in range(min(size.rounds, 3) if size.shrink == 1 else 1):
        if number and (monotonic() - begun) * (number + 1) / number > size.budget_s:
            break
        tell(f"round {number + 1}")
        spent.append(spend())
    walls = [each.wall_s for each in spent]
    middle = sorted(spent, key=lambda each: each.wall_s)[len(spent) // 2].told()
    middle.pop("s")
    return {"value": median(walls), "min": min(walls), "max": max(walls), "rounds": len(walls), **middle}


def _import(office: Office, city: Path, given: Sequence[str]) -> Spent:
    office.begin()
    return _run(office, ["import", *_paths(city, given), "--commit"])


def _paths(city: Path, given: Sequence[str]) -> list[str]:
    layer, file, *rest = given
    return [layer, str(city / file), *(each.format(folder=city) for each in rest)]


def _run(office: Office, arguments: list[str]) -> Spent:
    """Run the command line to its end. Errors: RuntimeError when it fails."""
    report = office.folder / "report.json"
    told = ["--report", str(report)] if arguments[0] == "import" else []
    with tempfile.TemporaryFile() as said:
        began = perf_counter()
        process = subprocess.Popen([wangge(), *arguments, *told], env=office.settings, stdout=said, stderr=said)
        with ThreadPoolExecutor(1) as beside:
            watched = beside.submit(_peak_mb, process.pid)
            _, status, used = os.wait4(process.pid, 0)
        wall = perf_counter() - began
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            said.seek(0)
            raise RuntimeError(f"wangge {arguments[0]} failed: {said.read().decode(errors='replace')[-300:]}")
    lock = json.loads(report.read_text(encoding="utf-8"))["lock_held_s"] if told else None
    return Spent(wall, used.ru_utime + used.ru_stime, watched.result(), lock)


def _peak_mb(pid: int) -> float:
    """The most memory that a process held until it ended, as Linux tells it: what rusage says begins with that of the
    process that started it.
    """
    peak = 0.0
    with suppress(OSError, ProcessLookupError):
        while True:
            told = re.search(r"VmHWM:\s+(\d+)", Path(f"/proc/{pid}/status").read_text())
            if told is None:  # it has ended, and nobody has asked for it yet
                break
            peak = int(told[1]) / 1000
            sleep(0.02)
    return peak
