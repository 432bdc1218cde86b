"""Reading cases from Arrow columns: the same cases and the same faults as `cases.reports.from_columns`, without a loop.

Rows whose values look plain (numbers that are numbers, times in the usual form, positions that nobody doubts) are read
as columns. All others go, one by one, through the reader of single records, which finds what is wrong with them.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from cases.batch import BIT, Batch
from cases.clerk import ClassKey
from cases.positions import suspect
from cases.reports import FIELDS, USUAL_ACCURACY_M, WORST_ACCURACY_M, Case, Defaults, from_records
from cases.rules.calendar import NO_TIME, Calendar
from cases.times import plain_times, seconds_of
from gis import crs
from gis.errors import Fault, Refusal
from gis.formats.columns import from_arrow
from gis.metres import Floats
from gis.names import NOT_NAMED, UNKNOWN, Names

Flags = NDArray[np.bool_]
Plain = Callable[[Any], bool]

_NUMBER: Final = r"^[+-]?[0-9]{1,15}(\.[0-9]{1,15})?$"


@dataclass(frozen=True, slots=True)
class ReadBatch:
    """The cases of a table's rows: `rows` (k,) are those that are cases, in order, and `batch` is what they say.

    `faults` are those of the others; a fault names its row.
    """

    batch: Batch
    rows: NDArray[np.int64]
    faults: tuple[Fault, ...]


def read_columns(
    columns: Mapping[str, pa.Array],
    defaults: Defaults,
    rows: NDArray[np.int64],
    components: Names,
    calendar: Calendar,
) -> ReadBatch:
    """The cases in Arrow columns (n,) named like the members of a case; other columns are passed over.

    `rows` (n,) are the numbers that faults name; `components` the codes of the inventory, `calendar` that of the rule
    book. Dictionary columns are used as they are.
    """
    known = {name: columns[name] for name in FIELDS if name in columns}
    parts = [
        (which, _read(known if which is None else _taken(known, which), settled, rows if which is None else rows[which],
                      components, calendar))
        for settled, which in _by_source(known, defaults, len(rows))
    ]  # fmt: skip
    return _joined(parts)


def _by_source(
    columns: Mapping[str, pa.Array], defaults: Defaults, count: int
) -> list[tuple[Defaults, NDArray[np.int64] | None]]:
    """What the rows of each source take, and which they are; None for all."""
    numbers, names = _Reader(columns, defaults, count).texts("source") if defaults.sources.known else (None, [None])
    settled = [defaults.of(name) for name in names]
    if numbers is None or all(each is defaults for each in settled):
        return [(defaults.of(None), None)]
    places = {id(each): at for at, each in enumerate(settled)}  # all that nothing is known of are one
    of = np.array([places[id(each)] for each in settled], dtype=np.int64)[numbers]
    there = np.unique(of).tolist()
    if len(there) <= 1:
        return [(settled[there[0]] if there else defaults, None)]
    return [(settled[at], np.flatnonzero(of == at)) for at in there]


def _taken(columns: Mapping[str, pa.Array], which: NDArray[np.int64]) -> dict[str, pa.Array]:
    return {name: column.take(pa.array(which)) for name, column in columns.items()}


def _joined(parts: Sequence[tuple[NDArray[np.int64] | None, ReadBatch]]) -> ReadBatch:
    """The cases of all parts in the order of their rows."""
    if len(parts) == 1:
        return parts[0][1]
    known: dict[ClassKey, int] = {}
    classes = []
    for _, read in parts:
        numbers = [known.setdefault(each, len(known)) for each in read.batch.classes]
        classes.append(np.array(numbers, dtype=np.int32)[read.batch.class_of])
    rows = np.concatenate([read.rows if which is None else which[read.rows] for which, read in parts])
    order = np.argsort(rows)
    lonlat, accuracy, component, assumed = (
        np.concatenate([getattr(read.batch, name) for _, read in parts])[order]
        for name in ("lonlat", "accuracy_m", "component", "assumed")
    )
    class_of = np.concatenate(classes)[order]
    faults = sorted((fault for _, read in parts for fault in read.faults), key=lambda fault: fault.row or 0)
    return ReadBatch(Batch(lonlat, accuracy, list(known), class_of, component, assumed), rows[order], tuple(faults))


def _read(
    columns: Mapping[str, pa.Array],
    defaults: Defaults,
    rows: NDArray[np.int64],
    components: Names,
    calendar: Calendar,
) -> ReadBatch:
    """The cases of one source, whose settings are those of `defaults`."""
    reader = _Reader(columns, defaults, len(rows))
    lonlat, accuracy = reader.position(), reader.accuracy()
    classes, class_of = reader.classes()
    component = reader.components(components)
    reader.passed_over()
    classes, class_of = reader.timed(classes, class_of, calendar)
    late = np.flatnonzero(~reader.plain)
    table = {name: from_arrow(column.take(pa.array(late))).tolist() for name, column in reader.columns.items()}
    records = ({name: values[at] for name, values in table.items()} for at in range(len(late)))
    reports = from_records(records, defaults, rows=[int(rows[at]) for at in late])
    known = {each: number for number, each in enumerate(classes)}
    keep = np.ones(len(rows), dtype=np.bool_)
    for at, case in zip(late.tolist(), reports.cases, strict=True):
        if case is None:
            keep[at] = False
            continue
        lonlat[at], accuracy[at] = (case.lon, case.lat), case.accuracy_m
        class_of[at] = known.setdefault(_class_of(case, calendar), len(known))
        component[at] = components.number(case.component_code)
        reader.assumed[at] = sum(BIT[flag] for flag in case.flags)
    parts = (lonlat, accuracy, class_of, component, reader.assumed)
    if len(late) and not keep.all():
        parts = tuple(each[keep] for each in parts)  # type: ignore[assignment]
    lonlat, accuracy, class_of, component, assumed = parts
    batch = Batch(np.ascontiguousarray(lonlat), accuracy, list(known), class_of, component, assumed)
    return ReadBatch(batch, np.flatnonzero(keep), tuple(reports.all_faults))


def _class_of(case: Case, calendar: Calendar) -> ClassKey:
    return case.edition, case.kind, case.class_code, case.condition, calendar.slot(case.reported_at)


class _Reader:
    """n rows being read: `plain` says which need no closer look so far, `assumed` gathers the flags."""

    def __init__(self, columns: Mapping[str, pa.Array], defaults: Defaults, count: int) -> None:
        self.columns, self.defaults, self.count = columns, defaults, count
        self.plain = np.ones(count, dtype=np.bool_)
        self.assumed = np.zeros(count, dtype=np.int64)

    def _assume(self, name: str, flag: str, which: Flags) -> None:
        if name not in self.defaults.stated:
            self.assumed |= BIT[flag] * which

    def texts(self, name: str) -> tuple[NDArray[np.int64], list[str | None]]:
        """A column of text as numbers (n,) into its distinct texts, stripped; the last is None and stands for none."""
        column = self.columns.get(name)
        if column is None or pa.types.is_null(column.type):
            return np.zeros(self.count, dtype=np.int64), [None]
        if pa.types.is_dictionary(column.type):
            encoded = column
        elif _is_text(column.type):
            encoded = column.dictionary_encode()
        else:
            self.plain &= _absent(column)
            return np.zeros(self.count, dtype=np.int64), [None]
        values = encoded.dictionary.to_pylist()
        texts = [(each.strip() or None) if isinstance(each, str) else None for each in values]
        wrong = np.array([each is not None and not isinstance(each, str) for each in values] + [False], dtype=np.bool_)
        numbers = _filled(encoded.indices, len(values)).astype(np.int64)
        if wrong.any():
            self.plain &= ~wrong[numbers]
        return numbers, [*texts, None]

    def _numbers(self, name: str) -> tuple[Floats, Flags]:
        """A column of numbers, NaN where there is none, and where there is none; what is no number is not plain."""
        column = self.columns.get(name)
        if column is None or pa.types.is_null(column.type):
            return np.full(self.count, np.nan), np.ones(self.count, dtype=np.bool_)
        if pa.types.is_dictionary(column.type):
            column = column.dictionary_decode()
        if _is_text(column.type):
            blank = _mask(pc.is_null(column)) | _mask(pc.equal(pc.utf8_trim_whitespace(column), ""))
            usual = _mask(pc.match_substring_regex(column, _NUMBER))
            self.plain &= usual | blank
            trimmed = pc.if_else(pa.array(usual), column, pa.scalar(None, column.type))
            return np.array(_filled(trimmed.cast(pa.float64()), np.nan)), blank
        if not (pa.types.is_integer(column.type) or pa.types.is_floating(column.type)):
            self.plain &= _absent(column)
            return np.full(self.count, np.nan), np.ones(self.count, dtype=np.bool_)
        values = np.array(_filled(column.cast(pa.float64(), safe=False), np.nan), dtype=np.float64)
        self.plain &= ~np.isinf(values)
        return values, np.isnan(values)

    def position(self) -> Floats:
        """lon, lat (n, 2) in EPSG:4490, rounded as the store keeps them; what is missing or doubtful is not plain."""
        (x, no_x), (y, no_y) = self._numbers("lon"), self._numbers("lat")
        xy = np.column_stack([x, y])
        self.plain &= ~(no_x | no_y)
        systems, names = self.texts("crs")
        unnamed = np.array([name is None for name in names], dtype=np.bool_)
        self._assume("crs", "crs_assumed", unnamed[systems])
        lonlat = np.full((self.count, 2), np.nan)
        for number in np.flatnonzero(np.bincount(systems, minlength=len(names))).tolist():
            of = np.flatnonzero((systems == number) & self.plain)
            try:
                system = self.defaults.read_crs(names[number] or self.defaults.crs or "")
                stored = crs.to_store(xy[of], system)
            except Refusal:
                self.plain[of] = False
                continue
            self.plain[of[suspect(xy[of], stored, system)]] = False
            lonlat[of] = np.round(stored, crs.DECIMALS)
        return lonlat

    def accuracy(self) -> Floats:
        """The position error in metres (n,)."""
        metres, missing = self._numbers("accuracy_m")
        usual = USUAL_ACCURACY_M if self.defaults.accuracy_m is None else self.defaults.accuracy_m
        self._assume("accuracy_m", "assumed_accuracy", missing)
        metres[missing] = usual
        self.plain &= missing | ((metres > 0) & (metres <= WORST_ACCURACY_M))
        return metres

    def classes(self) -> tuple[list[ClassKey], NDArray[np.int32]]:
        """The distinct (edition, kind, class code, condition), and the number of each case's (n,)."""
        import pandas as pd

        fields = [self.texts(name) for name in ("edition", "kind", "class_code", "condition")]
        whole = np.zeros(self.count, dtype=np.int64)
        for numbers, texts in fields:
            whole = whole * len(texts) + numbers
            if whole.max(initial=0) > 1 << 30:
                return self._many_classes(fields)
        of, distinct = pd.factorize(whole)
        rows = []
        for value in distinct.tolist():
            row: list[str | None] = []
            for _, texts in reversed(fields):
                value, at = divmod(value, len(texts))
                row.insert(0, texts[at])
            rows.append(row)
        return self._settled(rows, of.astype(np.int64))

    def _many_classes(
        self, fields: Sequence[tuple[NDArray[np.int64], list[str | None]]]
    ) -> tuple[list[ClassKey], NDArray[np.int32]]:
        distinct, of = np.unique(np.column_stack([numbers for numbers, _ in fields]), axis=0, return_inverse=True)
        rows = [[texts[at] for at, (_, texts) in zip(row, fields, strict=True)] for row in distinct.tolist()]
        return self._settled(rows, of.reshape(-1))

    def _settled(
        self, rows: Sequence[Sequence[str | None]], of: NDArray[np.int64]
    ) -> tuple[list[ClassKey], NDArray[np.int32]]:
        """What is missing in the distinct classes comes from the defaults, as single records take it."""
        known: dict[ClassKey, int] = {}
        number = np.empty(len(rows), dtype=np.int32)
        assumed, wrong = np.zeros(len(rows), dtype=np.int64), np.zeros(len(rows), dtype=np.bool_)
        for at, (edition, kind, class_code, condition) in enumerate(rows):
            said = self.defaults.class_of(edition, kind, class_code)
            assumed[at], wrong[at] = sum(BIT[flag] for flag in said.flags), bool(said.wrong)
            key = (said.edition, said.kind, said.class_code, condition, NO_TIME)
            number[at] = known.setdefault(key, len(known))
        self.assumed |= assumed[of]
        self.plain &= ~wrong[of]
        return list(known), number[of]

    def timed(
        self, classes: list[ClassKey], of: NDArray[np.int32], calendar: Calendar
    ) -> tuple[list[ClassKey], NDArray[np.int32]]:
        """The same classes, told apart by the slot of the calendar in which their cases were reported."""
        import pandas as pd

        times = self.columns.get("reported_at")
        if not calendar.windows or times is None or pa.types.is_null(times.type):
            return classes, of
        slots = calendar.slots(seconds_of(times, self.plain, self.defaults.zone))
        numbers, distinct = pd.factorize(of.astype(np.int64) << 32 | slots)
        found = [(*classes[each >> 32][:-1], each & 0xFFFFFFFF) for each in distinct.tolist()]
        return found, numbers.astype(np.int32)

    def components(self, known: Names) -> NDArray[np.int64]:
        """The component that each case names: its number, NOT_NAMED or UNKNOWN."""
        column = self.columns.get("component_code")
        if column is None or pa.types.is_null(column.type):
            return np.full(self.count, NOT_NAMED, dtype=np.int64)
        if not _is_text(column.type):
            numbers, texts = self.texts("component_code")
            return np.array([known.number(each) for each in texts], dtype=np.int64)[numbers]
        found = known.numbers(column)
        for at in np.flatnonzero(found == UNKNOWN).tolist():  # unless it has blanks around it
            found[at] = known.number(column[at].as_py().strip() or None)
        return found

    def passed_over(self) -> None:
        """What routing does not read must still be right: source, id, version and time."""
        if (source := self.columns.get("source")) is not None and not _is_text(_value_type(source)):
            self.plain &= _absent(source)
        if (each := self.columns.get("id")) is not None:
            kind = _value_type(each)
            if not (_is_text(kind) or pa.types.is_integer(kind)):
                self.plain &= _absent(each)
        version, missing = self._numbers("version")
        with np.errstate(invalid="ignore"):
            self.plain &= missing | ((version >= 0) & (version == np.floor(version)) & (version < 2**53))
        if (times := self.columns.get("reported_at")) is not None and not pa.types.is_null(times.type):
            plain, naive = plain_times(times)
            if self.defaults.zone is None:
                plain &= ~naive
            self.plain &= plain
            self._assume("zone", "assumed_timezone", naive)


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def _value_type(column: pa.Array) -> pa.DataType:
    return column.type.value_type if pa.types.is_dictionary(column.type) else column.type


def _mask(values: pa.Array) -> Flags:
    return np.asarray(pc.fill_null(values, False).to_numpy(zero_copy_only=False), dtype=np.bool_)


def _filled(values: pa.Array, with_: float) -> NDArray[Any]:
    """The values with `with_` where there are none."""
    filled = pc.fill_null(values, pa.scalar(with_, values.type)) if values.null_count else values
    return np.asarray(filled.to_numpy(zero_copy_only=False))


def _absent(column: pa.Array) -> Flags:
    """Where a column of a type that is not expected says nothing."""
    return _mask(pc.is_null(column, nan_is_null=pa.types.is_floating(column.type)))
