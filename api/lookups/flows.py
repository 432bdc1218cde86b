"""What the streams of lookups and routings carry: rows in, answers out, in whichever of the kinds."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc

from api.http.bodies import parse_json
from api.http.problems import problem
from api.http.wire import ArrowWriter, Kind, read_batches, read_lines, too_large
from api.lookups.answers import locate_answers, locate_columns
from api.lookups.plain_places import UnitCodes, place_plainly
from api.lookups.points import Points, place_columns, place_points
from cases.desk import Desk
from gis.crs import CrsLike
from gis.errors import Refusal, refuse
from gis.metres import Floats
from gis.store.scope import Scope
from gis.toponyms import Words

PLACED = (
    ("unit", pa.string()),
    ("boundary_distance_m", pa.float64()),
    ("flags", pa.dictionary(pa.int8(), pa.string())),
)


@dataclass(slots=True)
class Flow:
    """One stream: the desk that answers all of it, for whom, in which language; how many rows and errors so far."""

    desk: Desk
    scope: Scope
    language: str
    largest: int
    rows: int = 0
    errors: int = 0

    def error(self, index: int, faults: Any) -> dict[str, Any]:
        """What stands in the place of a bad row."""
        return {"i": index, "error": problem(Refusal(faults), self.language)}

    def told(self, faults: Any) -> str:
        """A bad row's cell in the column `error`: the code and the sentence."""
        first = Refusal(faults).faults[0]
        return f"{first.code}: {first.text(self.language)}"

    def values(self, parts: Iterable[bytes]) -> Iterator[list[Any]]:
        """The JSON values of lines, a Fault for a line that has none."""
        for batch in read_lines(parts, self.largest):
            yield [self._value(line) for line in batch]

    def _value(self, line: bytes | None) -> Any:
        if line is None:
            return too_large(self.largest).faults[0]
        try:
            return parse_json(line)
        except Refusal as refusal:
            return refusal.faults[0]


def written(flow: Flow, elements: Iterator[list[Any]], kind: Kind, opening: bytes, closing: bytes) -> Iterator[bytes]:
    """Answers as lines with the end told, or as the elements of one JSON array between `opening` and `closing`."""
    if kind == "json":
        before = opening
        for batch in elements:
            if batch:
                yield before + orjson.dumps(batch)[1:-1]
                before = b","
        yield (opening if before == opening else b"") + closing
        return
    end: dict[str, Any] = {"end": True}
    try:
        for batch in elements:
            yield b"".join([orjson.dumps(each, option=orjson.OPT_APPEND_NEWLINE) for each in batch])
    except Refusal as refusal:
        if not flow.rows:
            raise
        end = {"end": False, "error": problem(refusal, flow.language)}
    yield orjson.dumps({**end, "rows": flow.rows, "errors": flow.errors, "revision": flow.desk.revision}) + b"\n"


def written_in_arrow(flow: Flow, batches: Iterator[dict[str, pa.Array]], schema: pa.Schema) -> Iterator[bytes]:
    """Answers as record batches of one schema, which tells the revision."""
    writer = ArrowWriter(schema.with_metadata({"wangge_revision": str(flow.desk.revision)}))
    for columns in batches:
        yield writer.write([columns[name] for name in schema.names])
    yield writer.close()


@dataclass(slots=True)
class LocateFlow(Flow):
    """Points in, places out. `crs` and `accuracy_m` are those of the points that state none."""

    crs: CrsLike = ""
    accuracy_m: float | None = None
    everything: bool = False
    units: UnitCodes | None = None
    threads: int | None = None
    words: Callable[[Floats], list[Words | None]] | None = None

    def points(self, parts: Iterator[bytes], kind: Kind) -> Iterator[Points]:
        """The points of a body of lines or record batches."""
        first = 0
        if kind == "arrow":
            for batch in read_batches(parts, self.largest):
                yield self._columns(batch, first)
                first += len(batch)
            return
        for values in self.values(parts):
            yield place_points(values, self.crs, self.accuracy_m, first)
            first += len(values)

    def _columns(self, batch: pa.RecordBatch, first: int) -> Points:
        names = batch.schema.names
        x, y = ("lon", "lat") if "lon" in names else ("x", "y")
        for name in (x, y):
            if name not in names:
                raise _column_missing(name, names)
        xy = np.column_stack([_numbers(batch, x), _numbers(batch, y)])
        accuracy = _numbers(batch, "accuracy_m").copy() if "accuracy_m" in names else np.full(len(batch), np.nan)
        if self.accuracy_m is not None:
            accuracy = np.where(np.isnan(accuracy), self.accuracy_m, accuracy)
        return place_columns(xy, accuracy, self.crs, first)

    def elements(self, batches: Iterable[Points]) -> Iterator[list[Any]]:
        """The places as JSON has them, errors in their place."""
        for points in batches:
            good = np.flatnonzero(np.isfinite(points.lonlat).all(axis=1))
            accuracy = [_known(points.accuracy_m[at]) for at in good.tolist()]
            answers = locate_answers(self.desk, points.lonlat[good], accuracy, self.scope)
            found: list[Any] = [None] * len(points.lonlat)
            for at, answer in zip(good.tolist(), answers, strict=True):
                found[at] = answer
            for at, named in zip(good.tolist(), self.words(points.lonlat[good]) if self.words else (), strict=False):
                found[at] |= {} if named is None else {"place": named.as_dict()}
            for at, fault in points.faults.items():
                found[at] = self.error(self.rows + at, fault)
            self._count(points)
            yield found

    def columns(self, batches: Iterable[Points]) -> Iterator[dict[str, pa.Array]]:
        """The places as columns, with a column `error`."""
        units = self.units or UnitCodes.of(self.desk.grid)
        for points in batches:
            accuracy = points.accuracy_m
            if not isinstance(accuracy, np.ndarray):
                accuracy = np.array([np.nan if each is None else each for each in accuracy], dtype=np.float64)
            found = place_plainly(units, points.lonlat, accuracy, self.scope, self.threads)
            if self.everything:
                found |= self._further(points.lonlat, accuracy)
            told: list[str | None] = [None] * len(points.lonlat) if points.faults else []
            for at, fault in points.faults.items():
                told[at] = self.told(fault)
            found["error"] = pa.array(told, pa.string()) if told else pa.nulls(len(points.lonlat), pa.string())
            self._count(points)
            yield found

    def _further(self, lonlat: Floats, accuracy: Floats) -> dict[str, pa.Array]:
        good = np.flatnonzero(np.isfinite(lonlat).all(axis=1))
        columns = locate_columns(self.desk.grid, lonlat[good], accuracy[good].tolist(), self.scope)
        spread = {}
        for name in self.further:
            values = np.full(len(lonlat), None, dtype=object)
            values[good] = columns[name]
            spread[name] = pa.array(values, pa.string())
        return spread

    @property
    def further(self) -> list[str]:
        """The columns of `columns=all` besides the plain ones."""
        grid = self.desk.grid
        areas = (f"area.{name}{suffix}" for name in grid.areas for suffix in ("", ".all"))
        return [*(level.id for level in grid.profile.levels), *areas] if self.everything else []

    @property
    def schema(self) -> pa.Schema:
        (unit, *others), further = PLACED, [(name, pa.string()) for name in self.further]
        return pa.schema([unit, *further, *others, ("error", pa.string())])

    def _count(self, points: Points) -> None:
        self.rows += len(points.lonlat)
        self.errors += len(points.faults)


def _known(metres: float | None) -> float | None:
    return None if metres is None or np.isnan(metres) else float(metres)


def _numbers(batch: pa.RecordBatch, name: str) -> Floats:
    """A column of numbers (n,), NaN where there is none. Errors: Refusal column_wrong."""
    column = batch.column(name)
    if not (pa.types.is_floating(column.type) or pa.types.is_integer(column.type)):
        raise refuse(
            "column_wrong",
            f"The column {name} holds {column.type}; it must hold numbers.",
            f"列 {name} 的类型为 {column.type}，必须为数字。",
        )
    numbers = column if pa.types.is_float64(column.type) else column.cast(pa.float64(), safe=False)
    numbers = pc.fill_null(numbers, float("nan")) if numbers.null_count else numbers
    found: Floats = numbers.to_numpy(zero_copy_only=False)
    return found


def _column_missing(name: str, there: list[str]) -> Refusal:
    names = ", ".join(there)[:200]
    return refuse(
        "column_missing",
        f"The stream has no column '{name}'; it has {names}. A point has lon and lat (or x and y).",
        f"数据流中没有列“{name}”；现有列：{names}。每个点须有 lon、lat（或 x、y）。",
    )
