"""`wangge route` piece by piece: cases in, the columns of their routings out, with reasons as sentences or as codes."""

import threading
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa

from api.bulk.as_of import BEFORE, EARLY, AsOf
from api.bulk.coded import CodedDesk
from api.bulk.conveyor import Added, put_back
from api.bulk.files import CODES, ROUTE_COLUMNS, read_cases, routing_row, rows_of
from api.bulk.tallies import Tally
from cases.clerk import Clerk
from cases.reports import FIELDS, Defaults
from gis.formats.columns import from_arrow
from gis.formats.pieces import Piece, Source, plain
from gis.tables import Table

TYPES = {name: pa.string() for name in ROUTE_COLUMNS} | {
    "component_distance_m": pa.float64(),
    "revision": pa.int64(),
}


@dataclass(frozen=True, slots=True)
class CaseColumns:
    """Where the members of cases stand in the pieces of a source, and what they take where they lack something."""

    source: Source
    mapping: Mapping[str, str]
    defaults: Defaults

    @classmethod
    def of(cls, source: Source, mapping: Mapping[str, str], defaults: Defaults) -> "CaseColumns":
        """Of a source whose geometry says the positions the declared CRS is as good as said by the sender."""
        mapped = dict(mapping)
        placed = source.shape is not None and not {"lon", "lat"} <= {*source.names, *mapped}
        if placed and source.shape is not None and defaults.crs is None and source.shape.crs is not None:
            defaults = replace(defaults, crs=source.shape.crs, stated=defaults.stated | {"crs"})
        if source.axes is not None and not {"lon", "lat"} <= {*source.names, *mapped}:
            mapped = dict(zip(("lon", "lat"), source.axes, strict=True)) | mapped
        return cls(source, mapped, defaults)

    def read(self, piece: Piece) -> dict[str, pa.Array]:
        """The columns named like members of a case."""
        names = piece.columns.schema.names
        columns = {name: piece.column(name) for name in names if name in FIELDS}
        columns |= {name: piece.column(column) for name, column in self.mapping.items()}
        if piece.places is not None and not {"lon", "lat"} <= columns.keys():
            for name, values in zip(("lon", "lat"), piece.places.T, strict=True):
                columns[name] = pa.array(values, mask=np.isnan(values))
        return columns


class CodedDispatcher:
    """Routes in columns, the reasons as codes; keeps what it made of each revision. Safe to share between threads."""

    def __init__(self, asked: AsOf, cases: CaseColumns) -> None:
        self.asked, self.cases = asked, cases
        self._desks: dict[int, CodedDesk] = {}
        self._lock = threading.Lock()

    def answer(self, piece: Piece) -> tuple[Added, Tally]:
        """The columns that `route` adds, and the counts."""
        columns = self.cases.read(piece)
        groups = self.asked.groups(piece)
        if len(groups) == 1:
            return self._routed(groups[0][0], columns, piece.rows)
        parts, rows, tally = [], [], Tally()
        for number, which in groups:
            taken = pa.array(which)
            added, counts = self._routed(
                number, {name: each.take(taken) for name, each in columns.items()}, piece.rows[which]
            )
            parts.append(added)
            rows.append(taken)
            tally.merge(counts)
        return put_back(parts, rows, ROUTE_COLUMNS), tally

    def _routed(self, number: int, columns: Mapping[str, pa.Array], rows: np.ndarray) -> tuple[Added, Tally]:
        if number == EARLY:
            return _before(len(rows)), Tally(rows=len(rows))
        with self._lock:
            if number not in self._desks:
                self._desks[number] = CodedDesk(Clerk(self.asked.worlds.at(number)))
        coded = self._desks[number]
        added, tally = coded.answer(columns, rows, coded.clerk.desk.defaults(self.cases.defaults))
        return {name: added[name] for name in ROUTE_COLUMNS}, tally


class WordedDispatcher:
    """Routes case by case, with the reasons as sentences of a language, or as codes."""

    def __init__(self, asked: AsOf, cases: CaseColumns, language: str) -> None:
        self.asked, self.cases, self.language = asked, cases, language

    def answer(self, piece: Piece) -> tuple[Added, Tally]:
        """The columns that `route` adds, and the counts."""
        columns = {name: from_arrow(plain(each)) for name, each in self.cases.read(piece).items()}
        table = Table(columns, None, None, piece.rows)
        rows = [routing_row(None, False, self.language)] * len(piece)
        tally, faults = Tally(rows=len(piece)), []
        for number, which in self.asked.groups(piece):
            at = np.arange(len(piece)) if which is None else which
            desk = self.asked.worlds.newest() if number == EARLY else self.asked.worlds.at(number)
            cases, wrong = read_cases(rows_of(table, at), {}, desk.defaults(self.cases.defaults), None)
            faults += wrong
            good = [int(row) for row, case in zip(at, cases, strict=True) if case is not None]
            if number == EARLY:
                for row in good:
                    rows[row] = routing_row(None, True, self.language)
                continue
            routings = desk.route_all([each for each in cases if each is not None])
            tally.count(routings)
            for row, routing in zip(good, routings, strict=True):
                rows[row] = routing_row(routing, False, self.language)
        tally.rows = len(piece)
        tally.add_faults(sorted(faults, key=lambda fault: fault.row or 0))
        return {name: pa.array([row[name] for row in rows], kind) for name, kind in TYPES.items()}, tally


def dispatcher(asked: AsOf, cases: CaseColumns, language: str) -> CodedDispatcher | WordedDispatcher:
    """Who routes the pieces: `language` is that of the sentences, or CODES."""
    return CodedDispatcher(asked, cases) if language == CODES else WordedDispatcher(asked, cases, language)


def _before(count: int) -> Added:
    added = {name: pa.nulls(count, kind) for name, kind in TYPES.items()}
    return added | {"flags": pa.array([BEFORE] * count, pa.string())}
