"""Reports of the log in columns: read at once or one by one, they say the same."""

import json
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cases.said import moment_of, moments_of, read_reports, split_alike

TEXTS = st.none() | st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
NUMBERS = st.none() | st.floats(-1e6, 1e6) | st.integers(-180, 180)
ODD = st.booleans() | st.integers(0, 9) | st.just(["x"])
ZONES = [None, ZoneInfo("Asia/Shanghai"), UTC]
TIMES = st.sampled_from(
    ["2027-01-01T08:00:00+08:00", "2027-01-01 08:00:00", "2027/01/01 08:00", " 2027-01-01T00:00:00Z ",
     "2024-02-29T01:02:03", "2027-01-01T00:00:00.25Z", "2027-13-01T00:00:00", "soon", "", "0001-01-01T12:00:00Z"]
)  # fmt: skip


@st.composite
def reports(draw: st.DrawFn) -> dict[str, Any]:
    made: dict[str, Any] = {
        "source": "12345",
        "id": draw(TEXTS),
        "version": 1,
        "lon": draw(NUMBERS),
        "lat": draw(NUMBERS),
    }
    made |= {name: draw(TEXTS) for name in ("class_code", "kind", "crs")} | {"reported_at": draw(TIMES)}
    if draw(st.integers(0, 5)) == 0:
        made[draw(st.sampled_from(["lon", "class_code", "reported_at"]))] = draw(ODD)
    return {name: value for name, value in made.items() if value is not None}


@given(st.lists(reports(), max_size=8))
def test_reports_read_at_once_say_what_they_say_one_by_one(said: list[dict[str, Any]]) -> None:
    names = ("lon", "lat", "class_code", "kind", "crs", "reported_at")
    found: dict[int, dict[str, Any]] = {}
    for which, columns in read_reports([json.dumps(each) for each in said]):
        for place, at in enumerate(which.tolist()):
            found[at] = {name: columns[name][place].as_py() if name in columns else None for name in names}
    assert [found[at] for at in range(len(said))] == [{name: each.get(name) for name in names} for each in said]


def test_reports_of_other_types_are_told_apart() -> None:
    said = [{"lon": 1.5}, {"lon": "1.5"}, {"lon": 2}, {"lon": 2.5}, {}]
    groups = [(which.tolist(), columns.get("lon")) for which, columns in split_alike(said)]
    assert [(which, None if lon is None else lon.to_pylist()) for which, lon in groups] == [
        ([0, 3], [1.5, 2.5]), ([1], ["1.5"]), ([2], [2]), ([4], None),
    ]  # fmt: skip


@given(st.lists(st.tuples(st.none() | TIMES, st.sampled_from(ZONES)), min_size=1, max_size=8))
def test_the_moments_of_a_column_are_those_of_its_times_one_by_one(said: list[tuple[str | None, Any]]) -> None:
    received = datetime(2026, 5, 1, 8, 30, tzinfo=UTC)
    columns = {"reported_at": pa.array([time for time, _ in said], pa.string())}
    got = moments_of(columns, [received] * len(said), [zone for _, zone in said])
    wanted = [(moment_of(time, zone) or received).astimezone(UTC).replace(tzinfo=None) for time, zone in said]
    assert got.tolist() == wanted


@pytest.mark.parametrize("column", [{}, {"reported_at": pa.array([7])}, {"reported_at": pa.array([None])}])
def test_without_a_time_that_was_said_a_case_counts_from_when_it_was_received(column: dict[str, pa.Array]) -> None:
    received = ["2026-05-01T08:30:00.000000Z"]
    assert moments_of(column, received, [UTC]) == np.array(["2026-05-01T08:30"], "datetime64[us]")
