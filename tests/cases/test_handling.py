"""What hand-offs come to, against a plain reading of the definitions."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cases.handling import STATES, HandOffs, measure, tally
from cases.handoffs import RESULTS, HandOff, read_hand_offs
from gis.errors import Refusal

DAY = datetime(2026, 5, 1, tzinfo=UTC)
NOW = datetime(2026, 11, 1, tzinfo=UTC)
KNOWN = {"A", "B", "C"}


def steps(text: str) -> list[HandOff]:
    """Hand-offs a day apart: "A:dispatched B:returned"."""
    pairs = [each.split(":") for each in text.split()]
    return [HandOff(who, DAY + timedelta(days=at), result) for at, (who, result) in enumerate(pairs)]


def told(text: str) -> tuple[object, ...]:
    numbers: dict[str, int] = {}
    found = measure(HandOffs.of([steps(text)], numbers))
    names = {-1: None} | {number: name for name, number in numbers.items()}
    return (
        STATES[found.state[0]],
        names[int(found.first[0])],
        names[int(found.handler[0])],
        int(found.returns[0]),
        bool(found.passed[0]),
        int(found.reworks[0]),
        float(found.days_lost[0]),
    )


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("", ("open", None, None, 0, False, 0, 0)),
        ("A:dispatched A:handled A:closed", ("closed", "A", "A", 0, False, 0, 0)),
        ("A:dispatched A:accepted A:closed", ("closed", "A", "A", 0, False, 0, 0)),
        ("A:dispatched A:returned B:dispatched B:handled", ("handled", "A", "B", 1, False, 0, 2)),
        ("A:dispatched A:returned", ("open", "A", None, 1, False, 0, 1)),
        ("A:dispatched A:returned A:closed", ("closed", "A", None, 1, False, 0, 2)),
        (
            "A:dispatched A:returned B:dispatched B:returned C:dispatched C:handled",
            ("handled", "A", "C", 2, True, 0, 4),
        ),
        ("A:dispatched A:returned A:dispatched A:handled", ("handled", "A", "A", 1, True, 0, 2)),
        ("A:dispatched A:handled A:dispatched A:handled A:closed", ("closed", "A", "A", 0, False, 1, 0)),
        ("A:dispatched A:handled A:closed B:dispatched B:handled", ("handled", "A", "B", 0, False, 1, 0)),
        ("A:dispatched A:returned A:void", ("void", "A", None, 1, False, 0, 2)),
    ],
)
def test_a_case_comes_to_what_the_definitions_say(text: str, wanted: tuple[object, ...]) -> None:
    assert told(text) == wanted


chains = st.lists(
    st.lists(st.tuples(st.sampled_from("ABC"), st.sampled_from(RESULTS)).map(":".join), max_size=7).map(" ".join),
    max_size=6,
)


@given(chains)
def test_many_cases_at_once_come_to_the_same_as_one_by_one(texts: list[str]) -> None:
    numbers = {"A": 0, "B": 1, "C": 2}
    found = measure(HandOffs.of([steps(text) for text in texts], numbers))
    for at, text in enumerate(texts):
        alone = measure(HandOffs.of([steps(text)], numbers))
        for name in type(alone).__slots__:
            assert getattr(found, name)[at] == getattr(alone, name)[0]


@given(chains)
def test_the_sums_of_groups_are_the_sum_of_all(texts: list[str]) -> None:
    found = measure(HandOffs.of([steps(text) for text in texts], {}))
    groups = np.arange(len(texts)) % 3
    parts, whole = tally(found, groups, 3), tally(found, np.zeros_like(groups), 1)
    for name in parts:
        if name != "accuracy":
            assert parts[name].sum() == pytest.approx(whole[name].sum())
    assert whole["cases"][0] == sum(state != STATES.index("void") for state in found.state)


def test_accuracy_is_the_share_of_known_handlers_that_were_first() -> None:
    texts = ["A:dispatched A:handled", "A:dispatched A:returned B:dispatched B:handled", "A:dispatched", "A:void"]
    found = tally(measure(HandOffs.of([steps(text) for text in texts], {})), np.zeros(4, dtype=np.int64), 1)
    assert (found["cases"][0], found["known"][0], found["right"][0], found["accuracy"][0]) == (3, 2, 1, 0.5)


def wrong(*values: object) -> set[str]:
    with pytest.raises(Refusal) as refused:
        read_hand_offs(list(values), UTC, KNOWN, NOW)
    return {fault.code for fault in refused.value.faults}


def one(result: str = "dispatched", at: str = "2026-05-01T08:00:00+08:00", **members: object) -> dict[str, object]:
    return {"department": "A", "at": at, "result": result} | members


def test_what_cannot_have_been_is_refused() -> None:
    assert wrong(7) == {"hand_offs_wrong"}
    assert wrong(one("sent")) == {"result_unknown"}
    assert wrong(one(department=None)) == {"department_missing"}
    assert wrong(one(department="Z")) == {"department_unknown"}
    assert wrong(one(at="yesterday")) == {"time_invalid"}
    assert wrong(one(at="2062-05-01T08:00:00Z")) == {"time_future"}
    assert wrong(one(colour="red")) == {"unknown_field"}
    assert wrong(one(reason=7)) == {"wrong_type"}
    assert wrong(one(), one("handled", "2026-04-01T08:00:00Z")) == {"hand_offs_backwards"}
    assert wrong(one("void"), one("handled")) == {"hand_off_after_void"}
    with pytest.raises(Refusal) as refused:
        read_hand_offs([one(at="2026-05-01 08:00")], None, KNOWN, NOW)
    assert refused.value.code == "time_without_zone"


def test_what_is_odd_but_happens_is_taken_with_a_warning() -> None:
    hand_offs, notes = read_hand_offs(
        [one("returned"), {"at": "2026-05-02 08:00", "result": "closed"}], UTC, KNOWN, NOW, [4, 5]
    )
    assert [each.result for each in hand_offs] == ["returned", "closed"]
    assert [(each.code, each.severity, each.row) for each in notes] == [
        ("return_undispatched", "warning", 4),
        ("zone_assumed", "warning", 5),
        ("closed_unhandled", "warning", 5),
    ]


def test_a_hand_off_is_read_as_it_was_written() -> None:
    (made,), _ = read_hand_offs([one(reason="not ours", by="desk 3")], UTC, KNOWN, NOW)
    assert HandOff.read(made.as_dict()) == made
