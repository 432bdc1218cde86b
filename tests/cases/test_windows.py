"""Rules hold in windows of time: by dates, weekdays and hours of a zone's clocks, alone and in columns."""

from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cases.rules import from_row, load_yaml, parse, to_row
from cases.rules.calendar import NEVER, NO_TIME, Calendar
from cases.rules.windows import Window, read_dates, read_hours, read_weekdays
from tests.cases.situations import CASE, body, routed, rule, steps

SHANGHAI = ZoneInfo("Asia/Shanghai")
NIGHT_MARKET = Window("Asia/Shanghai", weekdays=(4, 5), hours=(read_hours("18:00-02:00"),))
FRIDAY = datetime(2026, 5, 1, 20, tzinfo=SHANGHAI)


def test_hours_past_midnight_belong_to_the_day_on_which_they_begin() -> None:
    assert NIGHT_MARKET.holds(FRIDAY)
    assert NIGHT_MARKET.holds(datetime(2026, 5, 3, 1, 59, 59, tzinfo=SHANGHAI))  # Sunday, of Saturday's night
    assert not NIGHT_MARKET.holds(datetime(2026, 5, 3, 2, tzinfo=SHANGHAI))
    assert not NIGHT_MARKET.holds(datetime(2026, 5, 1, 1, tzinfo=SHANGHAI))  # Friday, of Thursday's night
    assert not NIGHT_MARKET.holds(datetime(2026, 5, 3, 20, tzinfo=SHANGHAI))


def test_the_clocks_are_those_of_the_zone_and_not_of_the_report() -> None:
    assert NIGHT_MARKET.holds(datetime(2026, 5, 1, 12, tzinfo=UTC))
    assert not NIGHT_MARKET.holds(datetime(2026, 5, 1, 20, tzinfo=UTC))


def test_an_hour_that_the_clocks_leap_over_is_the_hour_that_they_show_then() -> None:
    leapt = datetime(2026, 3, 29, 2, 30, tzinfo=ZoneInfo("Europe/Paris"))  # there it is half past three
    assert not Window("Europe/Paris", hours=(read_hours("02:30-03:00"),)).holds(leapt)
    assert Window("Europe/Paris", hours=(read_hours("03:30-04:00"),)).holds(leapt)


def test_both_ends_of_a_span_of_dates_count_and_its_last_night_too() -> None:
    holidays = Window("+08:00", dates=(read_dates("2026-10-01/2026-10-07"),))
    assert holidays.holds(datetime(2026, 10, 7, 23, 59, tzinfo=SHANGHAI))
    assert not holidays.holds(datetime(2026, 10, 8, 0, 0, tzinfo=SHANGHAI))
    nights = Window("+08:00", dates=holidays.dates, hours=(read_hours("22:00-06:00"),))
    assert nights.holds(datetime(2026, 10, 8, 5, 59, tzinfo=SHANGHAI))
    assert not nights.holds(datetime(2026, 10, 1, 5, 59, tzinfo=SHANGHAI))


def test_what_people_write_is_read() -> None:
    assert read_weekdays("mon-fri") == [0, 1, 2, 3, 4]
    assert read_weekdays("Fri-mon") == [4, 5, 6, 0]
    assert read_hours("08:30-24:00") == (510, 1440)
    assert read_dates("2026-10-01") == (date(2026, 10, 1), date(2026, 10, 1))


@pytest.mark.parametrize(
    ("read", "text"),
    [
        (read_weekdays, "monday"), (read_weekdays, ""), (read_hours, "8-18"), (read_hours, "08:00"),
        (read_hours, "08:60-09:00"), (read_hours, "24:00-02:00"), (read_hours, "25:00-26:00"),
        (read_hours, "08:00-08:00"), (read_hours, "-1:00-02:00"), (read_dates, "2026-10-07/2026-10-01"),
        (read_dates, "10-01"), (read_dates, "2026-02-30"),
    ],
)  # fmt: skip
def test_what_means_no_window_is_refused(read: Any, text: str) -> None:
    with pytest.raises(ValueError):
        read(text)


def _book(when: Any, **members: Any) -> tuple[list[Any], list[Any]]:
    return parse({**members, "rules": [{"code": "r", "to": [{"department": "A"}], "when": when}]})


def test_a_rule_book_says_when_its_rules_hold() -> None:
    text = """
zone: "+08:00"
rules:
  - code: night
    to: [{department: A}]
    when: {dates: [2026-06-01/2026-08-31, 2026-10-01], weekdays: [fri, sat-sun], hours: "18:00-02:00"}
"""
    rules, faults = parse(load_yaml(text))
    assert not faults
    assert str(rules[0].when) == "2026-06-01/2026-08-31,2026-10-01 fri,sat,sun 18:00-02:00 +08:00"
    assert from_row(to_row(rules[0])) == rules[0]


def test_without_a_zone_the_clocks_are_those_of_china() -> None:
    (found,), _ = _book({"hours": "08:00-18:00"})
    assert found.when.zone == "Asia/Shanghai"
    (found,), _ = _book({"hours": "08:00-18:00", "zone": "Europe/Paris"}, zone="+08:00")
    assert found.when.zone == "Europe/Paris"


@pytest.mark.parametrize(
    ("when", "code"),
    [
        ({}, "wrong_window"), ("mon-fri", "wrong_window"), ([], "wrong_window"), ({"hours": 1320}, "wrong_window"),
        ({"hours": ["08:00-18:00", "x"]}, "wrong_window"), ({"weekdays": "someday"}, "wrong_window"),
        ({"dates": "2026-13-01"}, "wrong_window"), ({"hours": "08:00-18:00", "zone": "Mars"}, "zone_unknown"),
        ({"hours": "08:00-18:00", "minutes": 3}, "unknown_field"), ({"zone": "+08:00"}, "wrong_window"),
    ],
)  # fmt: skip
def test_a_window_that_is_none_is_a_fault_of_its_rule(when: Any, code: str) -> None:
    rules, faults = _book(when)
    assert not rules
    assert [(fault.code, fault.row, fault.thing) for fault in faults] == [(code, 1, "r")]


NIGHT = rule(("department", "GREEN"), code="night", when=NIGHT_MARKET)
ALWAYS = rule(("department", "STREET"), code="always")


def test_a_rule_with_a_window_goes_before_one_without_while_it_holds() -> None:
    at_night = routed(NIGHT, ALWAYS, case=_case(FRIDAY))
    assert body(at_night) == "GREEN"
    assert "in_window" in steps(at_night)
    assert body(routed(NIGHT, ALWAYS, case=_case(FRIDAY + timedelta(hours=12)))) == "STREET"


def test_a_case_without_a_time_is_told_which_rules_were_passed_over() -> None:
    answer = routed(NIGHT, ALWAYS, case=_case(None))
    assert body(answer) == "STREET"
    assert "time_missing" in steps(answer)
    assert steps(routed(NIGHT, case=_case(None)))[-2:] == ["time_missing", "no_rule"]
    assert "time_missing" not in steps(routed(ALWAYS, case=_case(None)))


def _case(moment: datetime | None) -> Any:
    from dataclasses import replace

    return replace(CASE, reported_at=moment)


MINUTES = st.integers(0, 1439)
SPANS = st.lists(st.tuples(MINUTES, MINUTES).filter(lambda span: span[0] != span[1]), max_size=3).map(tuple)
DAYS = st.dates(date(2026, 3, 20), date(2026, 4, 10))
DATES = st.lists(st.tuples(DAYS, DAYS).map(lambda span: (min(span), max(span))), max_size=2).map(tuple)
WEEK = st.lists(st.integers(0, 6), unique=True, max_size=3).map(lambda days: tuple(sorted(days)))
ZONES = st.sampled_from(["Asia/Shanghai", "+05:30", "Europe/Paris", "America/St_Johns"])
MOMENTS = st.lists(
    st.one_of(st.none(), st.datetimes(datetime(2026, 3, 19), datetime(2026, 4, 12), timezones=st.just(UTC))),
    min_size=1, max_size=40,
)  # fmt: skip


@settings(deadline=None)
@given(st.lists(st.builds(Window, ZONES, DATES, WEEK, SPANS), max_size=4), MOMENTS)
def test_many_moments_have_the_slots_that_they_have_alone(windows: list[Window], moments: list[Any]) -> None:
    whole = [None if each is None else each.replace(microsecond=0) for each in moments]
    calendar = Calendar.of(windows)
    seconds = np.array([NEVER if each is None else int(each.timestamp()) for each in whole])
    slots = calendar.slots(seconds).tolist()
    assert slots == [calendar.slot(each) for each in whole]
    for each, slot in zip(whole, slots, strict=True):
        holding = {window for window in windows if each is not None and window.holds(each)}
        assert calendar.holding(slot) == holding
        assert (slot == NO_TIME) == (each is None or not windows)


@given(st.lists(st.integers(-(2**62), 2**62), max_size=5))
def test_no_moment_is_too_far_away(seconds: list[int]) -> None:
    assert len(Calendar.of([NIGHT_MARKET]).slots(np.array(seconds, dtype=np.int64))) == len(seconds)
