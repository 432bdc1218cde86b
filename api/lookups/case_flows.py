"""What the streams of routings carry: cases in, routings out."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa

from api.bulk.coded import CodedDesk
from api.bulk.files import ROUTE_COLUMNS, routing_row
from api.http.wire import Kind, read_batches
from api.lookups.flows import Flow
from cases.reports import FIELDS, Case, Defaults, Reports, from_columns, from_records
from gis.errors import Fault, refuse
from gis.formats.columns import from_arrow

TYPES = {"component_distance_m": pa.float64(), "revision": pa.int64()}
SCHEMA = pa.schema([*((name, TYPES.get(name, pa.string())) for name in ROUTE_COLUMNS), ("error", pa.string())])


@dataclass(slots=True)
class CaseFlow(Flow):
    """Cases in, routings out. `coded` answers whole batches in columns, with the reasons as codes."""

    defaults: Defaults = field(default_factory=Defaults)
    coded: CodedDesk | None = None

    def reports(self, parts: Iterator[bytes], kind: Kind) -> Iterator[Reports]:
        """The cases of a body of lines or record batches."""
        if kind == "arrow":
            for batch in read_batches(parts, self.largest):
                yield from_columns(_plain(batch), self.defaults, rows=self._rows(len(batch)))
            return
        for values in self.values(parts):
            yield self.read(values)

    def read(self, values: list[Any]) -> Reports:
        """The cases among JSON values; what is no object is a fault."""
        rows = self._rows(len(values))
        good = [at for at, each in enumerate(values) if isinstance(each, dict)]
        found = from_records(
            (values[at] for at in good), self.defaults, strict=True, rows=[int(rows[at]) for at in good]
        )
        cases: list[Case | None] = [None] * len(values)
        faults = [(each,) if isinstance(each, Fault) else (not_an_object(),) for each in values]
        told: list[tuple[Fault, ...]] = list(faults)
        for at, case, wrong in zip(good, found.cases, found.faults, strict=True):
            cases[at], told[at] = case, wrong
        return Reports(tuple(cases), tuple(told))

    def elements(self, batches: Iterable[Reports]) -> Iterator[list[Any]]:
        """The routings as JSON has them, errors in their place."""
        for reports in batches:
            routings = iter(self.desk.route_all([case for case in reports.cases if case is not None], self.scope))
            found = [
                self.error(self.rows + at, faults) if case is None else next(routings).to_dict(case)
                for at, (case, faults) in enumerate(zip(reports.cases, reports.faults, strict=True))
            ]
            self._count(len(found), sum(case is None for case in reports.cases))
            yield found

    def columns(self, batches: Iterable[Reports]) -> Iterator[dict[str, pa.Array]]:
        """The routings as columns, with a column `error`."""
        for reports in batches:
            routings = iter(self.desk.route_all([case for case in reports.cases if case is not None], self.scope))
            rows = [
                routing_row(None if case is None else next(routings), False, self.language) for case in reports.cases
            ]
            errors = [
                None if case is not None else self.told(faults)
                for case, faults in zip(reports.cases, reports.faults, strict=True)
            ]
            columns = {name: [row[name] for row in rows] for name in ROUTE_COLUMNS} | {"error": errors}
            self._count(len(rows), sum(case is None for case in reports.cases))
            yield {each.name: pa.array(columns[each.name], each.type) for each in SCHEMA}

    def coded_columns(self, parts: Iterator[bytes]) -> Iterator[dict[str, pa.Array]]:
        """The routings of record batches as columns, the reasons as codes; no object is made for a case."""
        assert self.coded is not None
        for batch in read_batches(parts, self.largest):
            columns = {name: batch.column(name) for name in batch.schema.names}
            added, tally = self.coded.answer(columns, self._rows(len(batch)), self.defaults)
            first: dict[int, Fault] = {}
            for fault in tally.faults:
                first.setdefault(fault.row or 0, fault)
            missing = np.flatnonzero(added["revision"].is_null().to_numpy(zero_copy_only=False))
            errors: list[str | None] = [None] * len(batch)
            for at in missing.tolist():
                wrong = first.get(self.rows + at + 1)
                errors[at] = UNTOLD if wrong is None else self.told(wrong)
            self._count(len(batch), len(missing))
            yield {each.name: _cast(added.get(each.name), each, errors) for each in SCHEMA}

    def _rows(self, count: int) -> Any:
        return np.arange(self.rows + 1, self.rows + count + 1)

    def _count(self, rows: int, errors: int) -> None:
        self.rows += rows
        self.errors += errors


UNTOLD = "row_wrong: there are too many bad rows in this batch to tell each"


def _cast(column: pa.Array | None, wanted: pa.Field, errors: list[str | None]) -> pa.Array:
    if column is None:
        return pa.array(errors, pa.string())
    return column if column.type == wanted.type else column.cast(wanted.type)


def _plain(batch: pa.RecordBatch) -> dict[str, Any]:
    columns = {}
    for name in batch.schema.names:
        if name in FIELDS:
            column = batch.column(name)
            columns[name] = from_arrow(column.dictionary_decode() if pa.types.is_dictionary(column.type) else column)
    if not columns:
        names = ", ".join(batch.schema.names)[:200]
        raise refuse(
            "column_missing",
            f"The stream has no column of a case; it has {names}. A case has lon, lat, crs and others.",
            f"数据流中没有案件的列；现有列：{names}。案件须有 lon、lat、crs 等列。",
        )
    return columns


def not_an_object() -> Fault:
    return Fault(
        "question_wrong",
        'A case is an object like {"lon": 114.05, "lat": 22.54, "crs": "CRS84", …}.',
        '案件应为形如 {"lon": 114.05, "lat": 22.54, "crs": "CRS84", …} 的对象。',
    )
