"""Statistics: what the vectorised sums say is what counting one by one says."""

from collections import defaultdict
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from cases.handling import NOBODY, STATES, Handlings
from cases.statistics.classes import folded
from cases.statistics.columns import Coded, Words, group, together
from cases.statistics.periods import PERIODS, period_of
from cases.statistics.sums import ADVICE, SUMS, CaseFacts, ordered, plain, sum_cases
from gis.errors import Refusal

ZONES = st.sampled_from([ZoneInfo("Asia/Shanghai"), ZoneInfo("America/New_York"), ZoneInfo("Europe/London"), UTC])
TIMES = st.datetimes(datetime(1930, 1, 1), datetime(2099, 1, 1))
BODIES = st.sampled_from([NOBODY, 0, 1, 2])
CASES = st.lists(
    st.fixed_dictionaries(
        {
            "unit": st.sampled_from([None, "440305001001001", "440305001001002", "440306001001001"]),
            "department": BODIES,
            "first": BODIES,
            "handler": BODIES,
            "advice": st.sampled_from(ADVICE),
            "state": st.sampled_from(STATES),
            "told": st.booleans(),
            "returns": st.integers(0, 3),
            "passed": st.booleans(),
            "reworks": st.integers(0, 2),
            "days_lost": st.integers(0, 40).map(lambda each: each / 4),
            "at": TIMES,
        }
    ),
    max_size=30,
)


def facts_of(rows: list[dict[str, Any]]) -> CaseFacts:
    def column(name: str, kind: Any = np.int64) -> Any:
        return np.array([row[name] for row in rows], dtype=kind)

    bodies = [(f"body {number}",) for number in range(3)]
    units, none = Words(), Coded(np.full(len(rows), -1), [])
    return CaseFacts(
        Handlings(
            np.array([STATES.index(row["state"]) for row in rows], dtype=np.int64),
            *(column(name) for name in ("first", "handler", "returns")),
            column("passed", np.bool_),
            column("reworks"),
            column("days_lost", np.float64),
        ),
        np.array([ADVICE.index(row["advice"]) for row in rows], dtype=np.int64),
        column("told", np.bool_),
        column("at", "datetime64[us]"),
        np.zeros(len(rows), dtype=np.int64),
        np.zeros((len(rows), 2)),
        units.coded(units.number([row["unit"] for row in rows])),
        *(Coded(column(name), bodies) for name in ("department", "first", "handler")),
        none,
        none,
    )


def naive_period(at: datetime, period: str, zone: tzinfo) -> str:
    local = at.replace(tzinfo=UTC).astimezone(zone)
    year, week, _ = local.isocalendar()
    return {
        "day": f"{local:%Y-%m-%d}",
        "week": f"{year}-W{week:02}",
        "month": f"{local:%Y-%m}",
        "quarter": f"{local:%Y}-Q{(local.month + 2) // 3}",
        "year": f"{local:%Y}",
    }[period]


def naive_sums(rows: list[dict[str, Any]]) -> dict[str, Any]:
    there = [row for row in rows if row["state"] != "void"]
    known = [row for row in there if row["handler"] != NOBODY]
    right = [row for row in known if row["first"] == row["handler"]]
    return {
        "received": len(there),
        "routed": sum(row["department"] != NOBODY for row in there),
        "unrouted": sum(row["department"] == NOBODY for row in there),
        **{name: sum(row["advice"] == name for row in there) for name in ADVICE},
        **{name: sum(row["state"] == name for row in there) for name in ("open", "handled", "closed")},
        "told": sum(row["told"] for row in there),
        "known": len(known),
        "right": len(right),
        "accuracy": len(right) / len(known) if known else None,
        "returned": sum(row["returns"] > 0 for row in there),
        "returns": sum(row["returns"] for row in there),
        "passed": sum(row["passed"] for row in there),
        "reworked": sum(row["reworks"] > 0 for row in there),
        "reworks": sum(row["reworks"] for row in there),
        "days_lost": sum(row["days_lost"] for row in there),
        "void": len(rows) - len(there),
    }


@settings(max_examples=150)
@given(CASES, ZONES, st.sampled_from(PERIODS))
def test_the_sums_are_those_of_counting_one_by_one(rows: list[dict[str, Any]], zone: tzinfo, period: str) -> None:
    facts = facts_of(rows)
    street = facts.unit.mapped(lambda key: (key[0][:9],))
    columns = [street, facts.department, period_of(facts.reported_at, period, zone)]
    number, groups = group(columns, len(facts))
    sums = sum_cases(facts, number, len(groups))
    assert list(sums) == list(SUMS)
    wanted: dict[Any, list[dict[str, Any]]] = defaultdict(list)
    for row in rows:
        body = None if row["department"] == NOBODY else (f"body {row['department']}",)
        at = (naive_period(row["at"], period, zone),)
        wanted[None if row["unit"] is None else (row["unit"][:9],), body, at].append(row)
    found = {key: plain(sums, at) for at, key in enumerate(groups)} if rows else {}
    assert found == {key: naive_sums(some) for key, some in wanted.items()}


@given(CASES)
def test_a_part_of_the_facts_has_the_sums_of_that_part(rows: list[dict[str, Any]]) -> None:
    which = np.array([row["told"] for row in rows], dtype=np.bool_)
    part = facts_of(rows).part(which)
    told = [row for row in rows if row["told"]]
    assert plain(sum_cases(part, np.zeros(len(part), dtype=np.int64), 1), 0) == naive_sums(told)


@given(st.lists(TIMES, max_size=20), ZONES, st.sampled_from(PERIODS))
@example([datetime(2026, 3, 8, 6, 59), datetime(2026, 3, 8, 7), datetime(2026, 11, 1, 4)], ZoneInfo("America/New_York"), "day")  # fmt: skip # noqa: E501
@example([datetime(2026, 1, 1) - timedelta(microseconds=1)], UTC, "week")
def test_a_period_is_that_of_the_clocks_of_the_zone(times: list[datetime], zone: tzinfo, period: str) -> None:
    found = period_of(np.array(times, dtype="datetime64[us]"), period, zone)
    assert [found.keys[each][0] for each in found.number] == [naive_period(each, period, zone) for each in times]


def test_a_period_that_there_is_not_is_refused() -> None:
    with pytest.raises(Refusal, match="day, week, month"):
        period_of(np.array([], dtype="datetime64[us]"), "fortnight", UTC)


def test_classes_are_told_as_those_of_an_edition_and_none_is_lost() -> None:
    keys = [
        ("2013", "component", "0102"),
        ("2026", "component", "01002"),
        ("2013", "component", "0504"),
        ("dc", "matter", "1"),
    ]
    column = Coded(np.array([0, 1, 2, 3, -1]), keys)
    new = folded(column, "2026")
    assert [None if each < 0 else new.keys[each] for each in new.number] == [keys[1], keys[1], keys[2], keys[3], None]
    old = folded(column, "2013")
    assert [None if each < 0 else old.keys[each] for each in old.number] == [keys[0], keys[0], keys[2], keys[3], None]


def test_texts_that_come_piece_by_piece_keep_their_numbers() -> None:
    words = Words()
    assert words.number(["b", None, "a", "b"]).tolist() == [0, -1, 1, 0]
    assert words.number(["c", "a"]).tolist() == [2, 1]
    assert words.number([]).tolist() == []
    whole = together([words.coded(np.array([0, -1, -1])), words.coded(np.array([-1, 1, -1]))])
    assert [None if each < 0 else whole.keys[each] for each in whole.number] == [("b", None), (None, "a"), None]


def test_groups_come_in_the_order_of_their_keys_none_last() -> None:
    groups = [(None, ("a",)), (("2026", None),), (("2013", "x"),)]
    assert ordered(groups) == [2, 1, 0]
