"""Benchmarks of edits over HTTP: tried, published, seen by every worker; and of checking all units."""

import itertools
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from statistics import median
from time import monotonic, perf_counter
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from bench.cities import ROOT, make_city
from bench.clusters import copied
from bench.load import serving
from bench.peers.data import load_codes, load_units
from bench.progress import tell
from bench.results import NotMeasurable, Result
from bench.size import Size
from bench.stores import Stored, make_grid, make_postgis, make_store, wangge
from bench.witness import Answer, Connection, Question, connect_each, watch
from tiles.matrix import covering

WORKERS = 2
ROUNDS = 120
WARM = 20
"""Rounds before the first that counts: every worker compiles, connects and caches."""
MERGE_EACH = 4
"""Every so many rounds the two parts of the split before are made one again."""
ZOOM = 16
SEED = 7
Figures = dict[str, Any]


def publish_to_visible_200k(size: Size) -> Result:
    """Milliseconds from the begin of a publication's transaction until all of both workers shows it, 200,000 units."""
    return _on_both(size, 200_000, _visible)


def publish_to_visible_1m(size: Size) -> Result:
    """The same among 1,000,000 units."""
    return _on_both(size, 1_000_000, _visible)


def edit_dry_run_200k(size: Size) -> Result:
    """Milliseconds that the dry run of a split takes, 200,000 units."""
    return _on_both(size, 200_000, _dry_run)


def edit_publish_200k(size: Size) -> Result:
    """Milliseconds that publishing a draft with one split takes, from the request to its answer, 200,000 units."""
    return _on_both(size, 200_000, _publish)


def check_all_200k(size: Size) -> Result:
    """Seconds that all checks of 200,000 units take, read from the store."""
    return _on_both(size, 200_000, _check_all)


def _on_both(size: Size, units: int, measure: Callable[[Size, Stored, "Units"], Figures]) -> Result:
    """The figures on SQLite, which is the value, with those on PostGIS beside them."""
    count = size.of(units)
    full = units == 200_000
    stored = make_store(count, size.points) if full else make_grid(count)
    known = Units.of(count, size)
    with ExitStack() as stack:
        own = measure(size, stack.enter_context(_copy(stored)), known)
    absent, postgis = {}, {}
    try:
        with ExitStack() as stack:
            server = stack.enter_context(make_postgis(stored))
            url = stack.enter_context(copied(server))
            data = stack.enter_context(tempfile.TemporaryDirectory(dir=stored.folder))
            postgis = measure(size, replace(stored, url=url, data=Path(data)), known)
    except NotMeasurable as reason:
        absent = {"postgis": str(reason)}
    beside = {**own, "store": "sqlite", "units": count, **({"postgis": postgis} if postgis else {})}
    value, unit = own.pop("value"), own.pop("unit")
    beside.pop("value"), beside.pop("unit")
    postgis.pop("unit", None)
    return Result(value, unit, {}, {**beside, **({"absent": absent} if absent else {})})


@contextmanager
def _copy(stored: Stored) -> Iterator[Stored]:
    """A copy of a SQLite store, which may be changed."""
    with tempfile.TemporaryDirectory(dir=stored.folder) as folder:
        for name in ("wangge.db", "wangge-cases.db"):
            shutil.copyfile(stored.folder / name, Path(folder) / name)
        yield replace(stored, url=f"sqlite:///{Path(folder) / 'wangge.db'}", data=Path(folder) / "data")


@dataclass(slots=True)
class Units:
    """The units of a city in random order, each to be split once."""

    polygons: NDArray[Any]
    codes: NDArray[np.str_]
    order: NDArray[np.int64]
    at: int = 0

    @classmethod
    def of(cls, count: int, size: Size) -> "Units":
        city = make_city(count, size.points).units
        codes = load_codes(str(city))
        return cls(load_units(str(city)), codes, np.random.default_rng(SEED).permutation(len(codes)))

    def split(self) -> tuple[str, dict[str, Any]]:
        """The code of the next unit and an edit that splits it by a line from south to north."""
        unit = int(self.order[self.at % len(self.order)])
        self.at += 1
        polygon = self.polygons[unit]
        x = float(shapely.point_on_surface(polygon).x)
        _, south, _, north = shapely.bounds(polygon).tolist()
        code = str(self.codes[unit])
        return code, {"op": "split", "unit": code, "line": [[x, south - 1e-4], [x, north + 1e-4]]}


@dataclass(slots=True)
class Editor:
    """Makes drafts of one edit each over a connection, and remembers what can be merged again."""

    connection: Connection
    units: Units
    number: int = 0
    parts: list[str] = field(default_factory=list)

    def next(self) -> "Prepared":
        """A draft with the next edit, kept in it. Units that the line cuts badly are passed over."""
        self.number += 1
        draft = self.begin()
        while True:
            merging = self.number % MERGE_EACH == 0 and len(self.parts) == 2
            edit = {"op": "merge", "units": self.parts} if merging else self.units.split()[1]
            began = perf_counter()
            answer = self.connection.ask("POST", f"/v1/drafts/{draft}/edits", edit)
            took = (perf_counter() - began) * 1000
            if answer.status == 200:
                break
            self.parts = []
        of_units = [each for each in answer.json()["changes"]["features"] if each["properties"]["layer"] == "units"]
        begun = [each for each in of_units if each["properties"]["change"] == "created"]
        self.parts = [] if merging else [each["properties"]["code"] for each in begun]
        gone = [each["properties"]["code"] for each in of_units if each["properties"]["change"] == "retired"]
        return Prepared(draft, answer.headers["etag"], begun, gone, took)

    def begin(self) -> str:
        answer = self.connection.ask("POST", "/v1/drafts", {"title": "bench"})
        if answer.status != 201:
            raise RuntimeError(f"no draft could be begun: {answer.body[:300]!r}")
        return str(answer.json()["id"])


@dataclass(frozen=True, slots=True)
class Prepared:
    """A draft to be published, what it makes and ends, and how long its edit took in milliseconds."""

    draft: str
    tag: str
    begun: list[dict[str, Any]]
    gone: list[str]
    edit_ms: float


def _visible(size: Size, stored: Stored, units: Units) -> Figures:
    told: dict[str, list[float]] = {}
    asked = 0
    with _served(stored) as (port, stack):
        held = connect_each(port, WORKERS, 4, "/healthz")
        workers = list(held.values())
        for each in itertools.chain(*workers):
            stack.enter_context(each)
        for process, own in held.items():  # the first tile of a layer reads all of it
            own[0].revive(process)
            if own[0].ask("GET", "/tiles/units/0/0/0.mvt").status != 200:
                raise RuntimeError("the layer of units has no tile")
        editors = [Editor(own[3], units) for own in workers]
        for number in _rounds(size):
            for process, own in held.items():
                for each in own:
                    each.revive(process)
            editor = editors[number % WORKERS]
            ready = editor.next()
            questions = [each for who, own in enumerate(workers) for each in _questions(who, own, ready)]
            path = f"/v1/drafts/{ready.draft}/publish"
            seen = watch(questions, editor.connection, path, {}, {"If-Match": ready.tag})
            began = datetime.fromisoformat(seen.answer.json()["revision"]["recorded_at"]).timestamp()
            if number < 0:
                continue
            asked += sum(each.asked for each in questions)
            told.setdefault("visible", []).append((seen.last - began) * 1000)
            told.setdefault("from_request", []).append((seen.last - seen.begun) * 1000)
            for name in ("locate", "tile", "item"):
                last = max(moment for each, moment in seen.seen.items() if each.endswith(name))
                told.setdefault(name, []).append((last - began) * 1000)
    beside = {name: {"median": median(each), "p99": _p99(each)} for name, each in told.items() if name != "visible"}
    return {**_spread(told["visible"]), **beside, "questions": asked}


def _questions(worker: int, held: list[Connection], ready: Prepared) -> list[Question]:
    """What one worker is asked until it shows the new revision: a place, the tile around it, an item."""
    new = ready.begun[0]
    code = new["properties"]["code"]
    place = shapely.point_on_surface(shapely.geometry.shape(new["geometry"]))
    x, y = place.x, place.y
    z, column, row = covering((x, y, x, y), ZOOM)[0]

    def located(answer: Answer) -> bool:
        return answer.status == 200 and answer.json()["unit"] == code

    def drawn(answer: Answer) -> bool:
        shown = [code.encode() in answer.body, *(each.encode() not in answer.body for each in ready.gone)]
        return answer.status == 200 and all(shown)

    def told(answer: Answer) -> bool:
        return answer.status == 200 and answer.json()["id"] == code

    asked: list[tuple[str, str, Callable[[Answer], bool]]] = [
        ("locate", f"/v1/locate?lon={x:.11f}&lat={y:.11f}&crs=CRS84", located),
        ("tile", f"/tiles/units/{z}/{column}/{row}.mvt", drawn),
        ("item", f"/ogc/collections/units/items/{code}", told),
    ]
    return [
        Question(f"{worker}-{name}", connection, path, shows)
        for connection, (name, path, shows) in zip(held, asked, strict=False)
    ]


def _dry_run(size: Size, stored: Stored, units: Units) -> Figures:
    took, refused = [], 0
    with _served(stored) as (port, stack):
        connection = stack.enter_context(Connection(port))
        draft = Editor(connection, units).begin()
        for number in _rounds(size):
            while True:
                _, edit = units.split()
                began = perf_counter()
                answer = connection.ask("POST", f"/v1/drafts/{draft}/edits?dry_run=true", edit)
                if answer.status == 200:
                    break
                refused += 1
            if number >= 0:
                took.append((perf_counter() - began) * 1000)
    return {**_spread(took), "passed_over": refused}


def _publish(size: Size, stored: Stored, units: Units) -> Figures:
    took, edits = [], []
    with _served(stored) as (port, stack):
        editor = Editor(stack.enter_context(Connection(port)), units)
        for number in _rounds(size):
            ready = editor.next()
            began = perf_counter()
            answer = editor.connection.ask("POST", f"/v1/drafts/{ready.draft}/publish", {}, {"If-Match": ready.tag})
            if answer.status != 200:
                raise RuntimeError(f"a draft was not published: {answer.body[:300]!r}")
            if number >= 0:
                took.append((perf_counter() - began) * 1000)
                edits.append(ready.edit_ms)
    return {**_spread(took), "edit": {"median": median(edits), "p99": _p99(edits)}}


def _check_all(size: Size, stored: Stored, units: Units) -> Figures:
    took = []
    begin = monotonic()
    for number in range(min(size.rounds, 3)):
        if number and (monotonic() - begin) * (number + 1) / number > size.budget_s:
            break
        tell(f"round {number + 1}: wangge check units")
        began = perf_counter()
        done = subprocess.run(
            [wangge(), "check", "units"], cwd=ROOT, env=stored.settings, capture_output=True, text=True, check=False
        )
        took.append(perf_counter() - began)
        if done.returncode not in (0, 1):
            raise RuntimeError(f"the check failed: {(done.stdout + done.stderr)[-300:]}")
    return {"value": median(took), "unit": "s", "min": min(took), "max": max(took), "rounds": len(took)}


@contextmanager
def _served(stored: Stored) -> Iterator[tuple[int, ExitStack]]:
    """Our server with its workers, and a stack that is closed before it ends."""
    command = [wangge(), "serve", "--port", "{port}", "--workers", str(WORKERS)]
    with serving(command, stored.settings, "/readyz") as port, ExitStack() as stack:
        yield port, stack


def _rounds(size: Size) -> Iterator[int]:
    """Numbers of rounds: negative ones to warm up, then those that count, as long as the budget lasts."""
    most = ROUNDS if size.shrink == 1 else 6
    warm = WARM if size.shrink == 1 else 2
    yield from range(-warm, 0)
    tell(f"up to {most} rounds")
    begin = monotonic()
    for number in range(most):
        if monotonic() - begin > size.budget_s and number:
            return
        yield number


def _p99(values: list[float]) -> float:
    return float(np.percentile(values, 99))


def _spread(values: list[float]) -> Figures:
    spread = {"p99": _p99(values), "min": min(values), "max": max(values), "rounds": len(values)}
    return {"value": median(values), "unit": "ms", **spread}
