"""Cases read in columns are those that are read one by one, with the same faults."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cases.batch import BIT
from cases.columns import ReadBatch, read_columns
from cases.reports import Defaults, from_columns, parse_zone
from cases.rules.calendar import Calendar
from cases.rules.windows import Window, read_hours
from cases.sources import Source, make_sources
from gis.formats.columns import from_arrow
from gis.names import Names

NAMES = Names.of(["P1", "P2", "部件"])
GENEROUS = Defaults("s", crs="CRS84", zone=parse_zone("+08:00"), edition="2026", kind="matter")
STRICT = Defaults("s")
SOURCES = make_sources(
    [
        Source("12345", "", "GCJ-02", 30.0, "Europe/Paris", "2013", "matter"),
        Source("部件", classes={"A1": ("2026", "component", "01001"), "07002": ("2013", "matter", "0102")}),
        Source("s", "", "EPSG:4547", 7.0, None, "2026", "component", classes={"B": ("2026", "matter", "07002")}),
    ],
    [("2026", "component", "01001"), ("2026", "matter", "07002")],
)  # fmt: skip
NIGHT = Window("Asia/Shanghai", weekdays=(4, 5), hours=(read_hours("08:30-08:31"), read_hours("22:00-02:00")))
CALENDAR = Calendar.of([NIGHT, Window("Europe/Paris", hours=(read_hours("02:30-03:00"),))])
PLAIN = {"lon": 114.05, "lat": 22.54, "crs": "CRS84", "edition": "2026", "kind": "component", "class_code": "01001"}

Row = tuple[Any, ...]


def in_columns(
    columns: dict[str, pa.Array], defaults: Defaults
) -> tuple[list[Row | None], list[tuple[str, int | None]]]:
    count = len(next(iter(columns.values())))
    read = read_columns(columns, defaults, np.arange(11, 11 + count), NAMES, CALENDAR)
    found: list[Row | None] = [None] * count
    for at, row in enumerate(read.rows.tolist()):
        found[row] = _row(read, at)
    return found, [(fault.code, fault.row) for fault in read.faults]


def _row(read: ReadBatch, at: int) -> Row:
    batch = read.batch
    lon, lat = batch.lonlat[at].tolist()
    return (
        lon, lat, float(batch.accuracy_m[at]), *batch.classes[batch.class_of[at]], int(batch.component[at]),
        int(batch.assumed[at]),
    )  # fmt: skip


def one_by_one(
    columns: dict[str, pa.Array], defaults: Defaults
) -> tuple[list[Row | None], list[tuple[str, int | None]]]:
    count = len(next(iter(columns.values())))
    plain = {name: from_arrow(column) for name, column in columns.items()}
    reports = from_columns(plain, defaults, rows=list(range(11, 11 + count)))
    cases = [
        None
        if case is None
        else (
            case.lon, case.lat, case.accuracy_m, case.edition, case.kind, case.class_code, case.condition,
            CALENDAR.slot(case.reported_at), NAMES.number(case.component_code), sum(BIT[flag] for flag in case.flags),
        )
        for case in reports.cases
    ]  # fmt: skip
    return cases, [(fault.code, fault.row) for fault in reports.all_faults]


def check(columns: dict[str, pa.Array], defaults: Defaults = GENEROUS) -> list[Row | None]:
    found, expected = in_columns(columns, defaults), one_by_one(columns, defaults)
    assert found == expected
    return found[0]


def rows(*changes: dict[str, Any]) -> dict[str, pa.Array]:
    """A column for each member, of plain rows with changes."""
    whole = [PLAIN | each for each in changes]
    names = dict.fromkeys(name for each in whole for name in each)
    return {name: pa.array([each.get(name) for each in whole]) for name in names}


VALUES: dict[str, Sequence[Any]] = {
    "lon": ("114.05", " 114.06", "114.050000001", "1e2", "nan", "abc", "", None, "1_0", "22.5", "inf", "-0.5"),
    "lat": ("22.54", "22.540000012", "99", "", None, "٣", "+22.5", "113.9"),
    "crs": ("CRS84", "EPSG:4490", "GCJ-02", "EPSG:4547", "nonsense", "", " CRS84 ", None),
    "accuracy_m": ("15", "0", "-1", "10000", "10000.1", "", None, "x", "0.5"),
    "reported_at": (
        "2026-05-01T08:30:00+08:00", "2026-05-01 08:30:00", "2026-05-01T08:30:00Z", "2026/05/01 08:30:00",
        "2026-02-29T00:00:00", "2024-02-29T00:00:00", "2026-13-01T00:00:00", "2026-05-01", "24:00", "", "  ", None,
        "2026-05-01T24:00:00", "2026-05-01T08:30:00.5+08:00", "2026-05-01T08:30:00+24:00", "0000-01-01T00:00:00",
        "２026-05-01T08:30:00", "2026-05-01T00:30:59Z", "2026-05-02T01:59:59+08:00", "0001-01-01T00:00:00+08:00",
        "9999-12-31T23:59:59-08:00", "2026-10-25T02:30:00", "2026-03-29T02:30:00",
    ),
    "edition": ("2026", "2013", "GB/T 30428.2-2013", "dc-311", "", " 2026", None),
    "kind": ("component", "matter", "event", "", None),
    "class_code": ("01001", "07002", " 01001 ", "A1", "B", "", None),
    "condition": ("破损", "", None),
    "component_code": ("P1", " P2 ", "部件", "P3", "", " ", None),
    "version": ("1", "1.5", "-1", "9007199254740992", "x", "", None, "2.0"),
    "id": ("1", "", None),
    "source": ("12345", "部件", "s", "nobody", " 12345 ", " ", None),
}  # fmt: skip


@settings(deadline=None, max_examples=200)
@given(
    st.data(),
    st.sampled_from(
        [
            GENEROUS,
            STRICT,
            Defaults("s", crs="CRS84", zone=parse_zone("Europe/Paris")),
            Defaults("s", stated=frozenset({"crs"}), crs="EPSG:4490"),
            replace(GENEROUS, sources=SOURCES),
            replace(STRICT, sources=SOURCES),
            Defaults(
                "12345",
                stated=frozenset({"crs", "edition"}),
                usual=frozenset({"edition"}),
                crs="EPSG:4490",
                edition="2026",
                sources=SOURCES,
            ),
        ]
    ),
)
def test_text_of_any_kind_gives_the_same_cases_and_faults(data: st.DataObject, defaults: Defaults) -> None:
    count = data.draw(st.integers(1, 6))
    usual = {**dict.fromkeys(VALUES), **{name: str(value) for name, value in PLAIN.items()}}
    columns = {}
    for name, values in VALUES.items():
        one = st.one_of(st.just(usual[name]), st.just(usual[name]), st.sampled_from(values))
        array = pa.array([data.draw(one) for _ in range(count)], pa.string())
        columns[name] = array.dictionary_encode() if data.draw(st.booleans()) else array
    check(columns, defaults)


@pytest.mark.parametrize(
    "change",
    [
        {"lon": float("nan")}, {"lon": float("inf")}, {"lat": None}, {"lon": 22.54, "lat": 114.05}, {"accuracy_m": 0},
        {"accuracy_m": float("nan")}, {"version": 3}, {"version": 2**53}, {"version": 1.5}, {"id": 7}, {"id": 7.5},
        {"id": True}, {"class_code": 1001}, {"class_code": float("nan")}, {"source": 5}, {"crs": 4490},
        {"component_code": 12}, {"reported_at": datetime(2026, 5, 1, 8)},
        {"reported_at": datetime(2026, 5, 1, tzinfo=UTC)},
        {"reported_at": 20260501}, {"accuracy_m": True}, {"condition": 1.0}, {"edition": 2026},
    ],
)  # fmt: skip
def test_values_of_any_type_give_the_same_cases_and_faults(change: dict[str, Any]) -> None:
    check(rows(change))
    nothing = dict.fromkeys(change)  # a column has one type
    check(rows(nothing, change, nothing))
    check(rows(change), STRICT)


def test_rows_of_several_sources_keep_their_order_and_their_faults() -> None:
    nothing = dict.fromkeys(("crs", "accuracy_m", "edition", "kind"))
    columns = rows(*(nothing | each for each in (
        {"source": "12345", "class_code": "0102"}, {"source": "部件", "class_code": "A1", "crs": "CRS84"},
        {"source": "12345", "lat": None, "class_code": "0102"}, {"source": "nobody", "class_code": "0102"},
        {"source": "部件", "class_code": "XX", "crs": "CRS84"}, {"source": "12345", "class_code": "0103"},
    )))  # fmt: skip
    found = check(columns, replace(STRICT, sources=SOURCES))
    assert [row and row[3:6] for row in found] == [
        ("2013", "matter", "0102"), ("2026", "component", "01001"), None, None, None, ("2013", "matter", "0103"),
    ]  # fmt: skip
    faults = in_columns(columns, replace(STRICT, sources=SOURCES))[1]
    assert [row for _, row in faults] == sorted(row or 0 for _, row in faults)
    assert ("class_unmapped", 15) in faults


def test_a_bad_row_leaves_the_others_alone() -> None:
    columns = rows({}, {"lat": 99.0}, {"lon": 114.06})
    found, faults = in_columns(columns, GENEROUS)
    assert [row and row[:2] for row in found] == [(114.05, 22.54), None, (114.06, 22.54)]
    assert [row for _, row in faults] == [12]


def test_slices_of_columns_are_read_from_where_they_begin() -> None:
    columns = rows(*({"component_code": code, "reported_at": at} for code, at in (
        ("P1", "2026-05-01T08:30:00"), (None, None), ("P2", "2026-05-01T08:30:00Z"), ("部件", "x"), ("P1", ""),
    )))  # fmt: skip
    check({name: column.slice(2, 2) for name, column in columns.items()})
    check({name: column.slice(1) for name, column in columns.items()})


def test_of_equal_component_codes_the_last_counts() -> None:
    names = Names.of(["a", "b", "a"])
    assert names.numbers(pa.array(["a", "b", "c", "", None, "a "])).tolist() == [2, 1, -2, -1, -1, -2]
    assert Names.of([]).numbers(pa.array(["a", None], pa.string())).tolist() == [-2, -1]
