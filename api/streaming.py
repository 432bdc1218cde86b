"""`wangge route` and `wangge locate` over files of any length, in batches; some are answered while others are read."""

import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import shapely

from api.bulk import (
    ROUTE_COLUMNS,
    Advance,
    Moment,
    by_revision,
    column_missing,
    locate_table,
    moments,
    read_cases,
    read_points,
    route_table,
    spell_out,
)
from api.coded import CodedDesk
from api.streams import Piece, pieces, plain, written
from api.tallies import Tally
from api.worlds import Worlds
from cases.clerk import Clerk
from cases.reports import Defaults
from gis.formats.columns import from_arrow
from gis.tables import Table

THREADS = 2
AHEAD = 3
"""Batches that are read but not yet written: two being answered and one waiting."""

TEXTS = frozenset(ROUTE_COLUMNS) - {"component_distance_m", "revision"}
BEFORE = "before_history"

Added = dict[str, pa.Array]
Answer = Callable[[Piece], tuple[Added, Tally]]
ReadMoment = Callable[[str], Any]


@dataclass(frozen=True, slots=True)
class Asked:
    """As of when a stream is asked: one revision for the whole, or a column that tells each row's own."""

    worlds: Worlds
    as_of: str | None
    read: ReadMoment
    column: bool
    number: int

    @classmethod
    def of(cls, worlds: Worlds, as_of: str | None, read: ReadMoment, names: list[str]) -> "Asked":
        """Errors: those of reading a moment, and of a store without revisions."""
        if as_of is not None and as_of in names:
            return cls(worlds, as_of, read, True, -1)
        moment: Moment = None if as_of is None else read(as_of)
        return cls(worlds, as_of, read, False, next(iter(by_revision(worlds, [moment]))))

    def moments(self, piece: Piece, table: Table) -> list[Moment]:
        """The moment of each row of a piece and its table. What is before history stays the time that it is."""
        if self.column:
            values = from_arrow(plain(piece.columns.column(self.as_of)))
            return moments(replace(table, columns={self.as_of or "": values}), self.as_of, self.read)
        return moments(table, self.as_of, self.read) if self.number < 0 else [self.number] * len(table)

    def groups(self, piece: Piece) -> dict[int, np.ndarray]:
        """The rows of each revision; those before history under -1."""
        if not self.column:
            return {self.number: np.arange(len(piece))}
        values = from_arrow(plain(piece.columns.column(self.as_of)))
        table = Table({self.as_of or "": values}, None, None, piece.rows)
        return by_revision(self.worlds, moments(table, self.as_of, self.read))


@dataclass(slots=True)
class CodedRouter:
    """Routes pieces in columns; keeps what it made of each revision."""

    asked: Asked
    defaults: Defaults
    mapping: Mapping[str, str]
    _desks: dict[int, CodedDesk] = field(default_factory=dict)
    _lock: Any = field(default_factory=threading.Lock)

    def desk(self, number: int) -> CodedDesk:
        with self._lock:
            if number not in self._desks:
                self._desks[number] = CodedDesk(Clerk(self.asked.worlds.at(number)))
            return self._desks[number]

    def answer(self, piece: Piece) -> tuple[Added, Tally]:
        """The columns that `route` adds, and the counts."""
        names = piece.columns.schema.names
        columns = {name: piece.columns.column(name) for name in names}
        columns |= {name: piece.columns.column(to) for name, to in self.mapping.items() if to in names}
        parts, tally, order = [], Tally(), []
        groups = self.asked.groups(piece)
        for number, rows in groups.items():
            own = columns if len(groups) == 1 else {name: each.take(pa.array(rows)) for name, each in columns.items()}
            if number < 0:
                added, counts = _before(len(rows)), Tally(rows=len(rows))
            else:
                added, counts = self.desk(number).answer(own, piece.rows[rows], self.defaults)
            tally.merge(counts)
            parts.append(added)
            order.append(rows)
        if len(parts) == 1:
            return {name: parts[0][name] for name in ROUTE_COLUMNS}, tally
        back = pa.array(np.argsort(np.concatenate(order), kind="stable"))
        return {
            name: pa.concat_arrays([plain(part[name]) for part in parts]).take(back) for name in ROUTE_COLUMNS
        }, tally


def text_router(asked: Asked, defaults: Defaults, mapping: Mapping[str, str], crs: str | None, language: str) -> Answer:
    """Routes pieces case by case, with the reasons as sentences."""

    def answer(piece: Piece) -> tuple[Added, Tally]:
        table = spell_out(piece.table(crs), crs)
        cases, faults = read_cases(table, mapping, defaults, crs)
        times = asked.moments(piece, table)
        answered, routings = route_table(asked.worlds, table, cases, times, lambda _: None, language)
        tally = Tally()
        tally.count(routings)
        tally.add_faults((*table.faults, *faults))
        return {name: _typed(name, answered.columns[name]) for name in ROUTE_COLUMNS}, tally

    return answer


def locator(asked: Asked, crs: str | None, x_column: str | None, y_column: str | None) -> Answer:
    """Locates pieces; each row's own crs holds where none is given for all."""

    def answer(piece: Piece) -> tuple[Added, Tally]:
        table = piece.table(crs, x_column, y_column)
        if table.geometry is None:
            table = _with_points(table, x_column or "lon", y_column or "lat", crs)
        lonlat, faults = read_points(table, crs)
        answered = locate_table(asked.worlds, table, lonlat, asked.moments(piece, table), lambda _: None)
        tally = Tally(rows=len(table), total=int(np.isfinite(lonlat[:, 0]).sum()))
        tally.add_faults((*table.faults, *faults))
        added = {name: column for name, column in answered.columns.items() if name not in table.columns}
        return {name: _located(name, column) for name, column in added.items()}, tally

    return answer


def _with_points(table: Table, x_column: str, y_column: str, crs: str | None) -> Table:
    """The table with points of two columns, in the CRS that its column crs tells where it is the same throughout."""
    for name in (x_column, y_column):
        if name not in table.columns:
            raise column_missing(name, list(table.columns))
    x, y = ([_number(value) for value in table.columns[name]] for name in (x_column, y_column))
    geometry = np.full(len(table), None, dtype=object)
    there = np.isfinite(x) & np.isfinite(y)
    geometry[there] = shapely.points(np.column_stack([x, y])[there])
    systems = set(table.columns["crs"].tolist()) if "crs" in table.columns else set()
    return replace(table, geometry=geometry, crs=crs or (systems.pop() if len(systems) == 1 else None))


def stream(source: Path, out: Path, answer: Answer, advance: Advance, rows: int | None = None) -> Tally:
    """Answer the file batch by batch, on two threads, and write it; memory does not grow with its length."""
    tally = Tally()
    waiting: deque[tuple[Piece, Future[tuple[Added, Tally]]]] = deque()
    with ThreadPoolExecutor(THREADS) as threads, written(out) as sink:

        def finish() -> None:
            piece, future = waiting.popleft()
            added, counts = future.result()
            tally.merge(counts)
            sink.write(piece, added)
            advance(len(piece))

        for piece in pieces(source, rows):
            waiting.append((piece, threads.submit(answer, piece)))
            if len(waiting) >= AHEAD:
                finish()
        while waiting:
            finish()
    return tally


def names_of(source: Path) -> list[str]:
    """The columns of the file, as far as its first rows have them."""
    first: Iterator[Piece] = pieces(source, 1)
    piece = next(first, None)
    return [] if piece is None else list(piece.columns.schema.names)


def _before(count: int) -> Added:
    added = {name: _typed(name, [None] * count) for name in ROUTE_COLUMNS}
    return added | {"flags": pa.array([BEFORE] * count, pa.string())}


def _typed(name: str, values: Any) -> pa.Array:
    kind = pa.string() if name in TEXTS else pa.float64() if name == "component_distance_m" else pa.int64()
    return pa.array(list(values), kind)


def _located(name: str, values: np.ndarray) -> pa.Array:
    return pa.array(values.tolist(), pa.float64() if name == "boundary_distance_m" else pa.string())


def _number(value: Any) -> float:
    try:
        return float("nan" if value is None or value == "" else value)
    except (TypeError, ValueError):
        return float("nan")
