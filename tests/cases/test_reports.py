"""Reading reports: what a record needs, what it may leave out, and how it is told so."""

from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cases.reports import Case, Defaults, from_columns, from_record, from_records, normalise_edition, parse_zone
from gis import crs
from gis.errors import Refusal

NOTHING = Defaults()
COMPLETE: dict[str, Any] = {
    "source": "12345", "id": "c-1", "version": 3, "lon": 114.05, "lat": 22.54, "crs": "EPSG:4490", "accuracy_m": 8,
    "reported_at": "2026-07-02T08:30:00+08:00", "edition": "GB/T 47678.5-2026", "kind": "component",
    "class_code": "01001", "condition": "破损", "component_code": "44030501001000001",
}  # fmt: skip


def read(defaults: Defaults = NOTHING, strict: bool = False, **changes: Any) -> Case:
    case = from_record({**COMPLETE, **changes}, defaults, strict=strict)
    assert isinstance(case, Case), [fault.en for fault in case]
    return case


def codes(defaults: Defaults = NOTHING, strict: bool = False, **changes: Any) -> list[str]:
    faults = from_record({**COMPLETE, **changes}, defaults, strict=strict)
    assert not isinstance(faults, Case), faults
    assert all(fault.en.endswith(".") and fault.zh.endswith("。") for fault in faults)
    return [fault.code for fault in faults]


def test_a_complete_record_becomes_a_case_without_flags() -> None:
    case = read()
    assert (case.source, case.id, case.version) == ("12345", "c-1", 3)
    assert (case.lon, case.lat, case.accuracy_m) == (114.05, 22.54, 8.0)
    assert (case.edition, case.kind, case.class_code, case.condition) == ("2026", "component", "01001", "破损")
    assert case.reported_at == datetime(2026, 7, 2, 0, 30, tzinfo=UTC)
    assert case.flags == ()


def test_the_texts_of_a_csv_row_are_read_like_the_numbers_of_json() -> None:
    assert read(lon="114.05", lat=" 22.54 ", version="3", accuracy_m="8") == read()


def test_coordinates_of_any_system_are_brought_into_the_store_and_rounded() -> None:
    case = read(crs="GCJ-02", lon=114.06297904, lat=22.54037871)
    assert (case.lon, case.lat) == pytest.approx((114.057865, 22.543096), abs=2e-8)
    assert case.lon == round(case.lon, 11)
    there = crs.from_store(np.array([[114.05, 22.54]]), crs.parse("EPSG:4547"))[0]
    projected = read(crs="EPSG:4547", lon=there[0], lat=there[1])
    assert (projected.lon, projected.lat) == (114.05, 22.54)


def test_a_record_without_crs_takes_that_of_its_source_with_a_flag() -> None:
    assert read(Defaults(crs="CRS84"), crs=None).flags == ("crs_assumed",)


def test_what_the_sender_stated_for_the_whole_delivery_is_not_flagged() -> None:
    stated = Defaults(crs="CRS84", edition="2026", stated=frozenset({"crs", "edition"}))
    assert read(stated, crs=None, edition=None).flags == ()


def test_a_record_without_any_crs_is_refused() -> None:
    assert codes(crs=None) == ["crs_missing"]
    assert codes(crs="EPSG:1") == ["crs_unknown"]


@pytest.mark.parametrize("value", ["abc", "1_0", True, float("inf"), "NaN", [1]])
def test_a_coordinate_that_is_no_number_is_refused(value: Any) -> None:
    assert codes(lon=value) == ["not_a_number"]


@pytest.mark.parametrize("value", [None, "", "  ", float("nan")])
def test_a_missing_coordinate_is_refused(value: Any) -> None:
    assert codes(lat=value) == ["position_missing"]


@pytest.mark.parametrize("system", ["EPSG:4490", "GCJ-02", "BD-09"])
def test_swapped_and_impossible_coordinates_are_refused(system: str) -> None:
    assert codes(crs=system, lon=22.54, lat=114.05) == ["swapped_axes"]
    assert codes(crs=system, lon=214.05, lat=22.54) == ["coordinates_out_of_range"]
    assert codes(crs=system, lon=1e300, lat=-1e300) == ["coordinates_out_of_range"]


def test_northing_before_easting_is_seen_as_swapped() -> None:
    assert codes(crs="EPSG:4547", lon=2493000.0, lat=505000.0) == ["swapped_axes"]
    assert codes(crs="EPSG:4547", lon=1e12, lat=1e12) == ["coordinates_out_of_range"]


def test_a_missing_accuracy_is_fifteen_metres_never_zero() -> None:
    assert (read(accuracy_m=None).accuracy_m, read(accuracy_m="").flags) == (15.0, ("assumed_accuracy",))
    assert read(Defaults(accuracy_m=30.0), accuracy_m=None).accuracy_m == 30.0


@pytest.mark.parametrize("value", [0, -3, 50_000])
def test_an_accuracy_that_cannot_be_is_refused(value: float) -> None:
    assert codes(accuracy_m=value) == ["accuracy_invalid"]


def test_a_time_without_zone_is_refused_unless_the_source_has_one() -> None:
    assert codes(reported_at="2026-07-02 08:30:00") == ["time_without_zone"]
    case = read(Defaults(zone=parse_zone("Asia/Shanghai")), reported_at="2026/07/02 08:30:00")
    assert case.flags == ("assumed_timezone",)
    assert case.reported_at == datetime(2026, 7, 2, 0, 30, tzinfo=UTC)
    assert codes(reported_at="yesterday") == ["time_invalid"]
    assert codes(reported_at=20260702) == ["time_invalid"]
    assert read(reported_at=None).reported_at is None


def test_time_zones_are_names_or_offsets() -> None:
    assert parse_zone("-03:30").utcoffset(None) == -timedelta(hours=3, minutes=30)
    for text in ("Shanghai", "+99:00", "../etc", ""):
        with pytest.raises(Refusal) as refusal:
            parse_zone(text)
        assert refusal.value.code == "zone_unknown"


def test_a_class_without_edition_takes_that_of_its_source_or_is_refused() -> None:
    case = read(Defaults(edition="GB/T 30428.2-2013"), edition=None)
    assert (case.edition, case.flags) == ("2013", ("assumed_edition",))
    assert codes(edition=None) == ["edition_missing"]


def test_a_case_may_have_no_class_at_all() -> None:
    case = read(class_code=None, edition=None, kind=None)
    assert (case.class_code, case.edition, case.kind) == (None, None, None)


def test_kind_is_component_or_matter() -> None:
    assert codes(kind="event") == ["kind_invalid"]
    assert codes(kind=None) == ["kind_invalid"]
    assert read(Defaults(kind="matter"), kind=None).kind == "matter"


def test_codes_delivered_as_numbers_are_refused_because_zeros_are_lost() -> None:
    assert codes(class_code=1001, component_code=4.4e16) == ["wrong_type", "wrong_type"]
    assert read(id=17).id == "17"


def test_a_version_is_a_whole_number() -> None:
    assert codes(version=1.5) == ["version_invalid"]
    assert codes(version=-1) == ["version_invalid"]
    assert read(version=None).version is None


def test_an_unknown_member_is_a_fault_only_where_we_are_strict() -> None:
    assert codes(strict=True, clas="x", _="y") == ["unknown_field"]
    assert read(clas="x") == read()


def test_every_fault_of_a_record_is_told_at_once() -> None:
    assert codes(lon="x", accuracy_m=-1, reported_at="?", kind="?") == [
        "not_a_number", "kind_invalid", "accuracy_invalid", "time_invalid",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "edition"),
    [("gb/t47678.5—2026", "2026"), (" 2013 ", "2013"), ("GB／T 30428.2-2013", "2013"), (" CJ/T 214 ", "CJ/T 214")],
)
def test_an_edition_is_known_however_it_is_written(text: str, edition: str) -> None:
    assert normalise_edition(text) == edition


def test_rows_of_a_table_are_read_together_and_a_bad_one_hinders_no_other() -> None:
    columns = {
        "id": np.array(["a", "b", "c", "d"], dtype=object),
        "lon": np.array(["114.05", "x", "22.54", "114.06297904"], dtype=object),
        "lat": np.array([22.54, 22.54, 114.05, 22.54037871]),
        "crs": np.array(["CRS84", "CRS84", "EPSG:4490", "GCJ-02"], dtype=object),
        "colour": np.array(["red"] * 4, dtype=object),
    }
    reports = from_columns(columns, NOTHING, rows=[2, 3, 5, 7])
    assert [case and case.id for case in reports.cases] == ["a", None, None, "d"]
    assert [(fault.code, fault.row, fault.thing) for fault in reports.all_faults] == [
        ("not_a_number", 3, "b"),
        ("swapped_axes", 5, "c"),
    ]
    assert [len(faults) for faults in reports.faults] == [0, 1, 1, 0]


def test_no_rows_give_no_reports() -> None:
    assert from_columns({"lon": [], "lat": []}, NOTHING).cases == ()


VALUES = st.one_of(
    st.none(), st.text("a0.-+_ 网", max_size=8), st.floats(), st.integers(), st.booleans(), st.binary(max_size=3),
    st.sampled_from(["CRS84", "GCJ-02", "EPSG:4547", "114.05", "2026-01-01T00:00:00Z", "0001-01-01T00:00:00+14:00"]),
)  # fmt: skip


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)  # the machine may be busy
@given(st.lists(st.dictionaries(st.sampled_from(list(COMPLETE)), VALUES), max_size=4))
def test_whatever_is_sent_gives_a_case_or_faults_and_alone_the_same_as_together(records: list[dict[str, Any]]) -> None:
    defaults = Defaults(crs="CRS84", zone=UTC)
    full = [{**COMPLETE, **record} for record in records]
    together = from_records(full, defaults)
    for record, case, faults in zip(full, together.cases, together.faults, strict=True):
        assert (case is None) == bool(faults)
        alone = from_record(record, defaults)
        assert (case == alone) if case else ([f.code for f in faults] == [f.code for f in alone])  # type: ignore[union-attr]
        if case is not None:
            assert abs(case.lon) <= 180
            assert abs(case.lat) <= 90
