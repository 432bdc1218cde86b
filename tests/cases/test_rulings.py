"""Rulings: read, quoted, and put before what decided until now."""

from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cases.routing import Place
from cases.rules import Rule, RuleBook, Target
from cases.rules.calendar import NO_TIME
from cases.rulings import edits_of, foremost, read_rulings, ruling_of_case
from cases.verdict import decide
from gis.errors import Refusal
from tests.cases.situations import CASE, DEPARTMENTS, DIVISIONS, UNIT

WHOLE = {"number": "城管确〔2026〕12号", "date": "2026-08-01", "department": "GREEN", "place": UNIT, "class": "01001"}


def read(**members: Any) -> Any:
    (ruling,), faults = read_rulings({"rulings": [{**WHOLE, **members}]})
    assert faults == []
    return ruling


def test_a_ruling_becomes_a_rule_that_quotes_it() -> None:
    ruling = read(text="现场确认")
    (edit,) = edits_of([ruling], RuleBook.compile([]))
    assert edit == {
        "op": "put", "layer": "rules", "code": f"ruling-城管确〔2026〕12号-01001-{UNIT}", "owner": "",
        "values": {"class": "01001", "place": UNIT, "priority": 1, "to": [{"department": "GREEN"}],
                   "basis": {"text": "现场确认", "number": "城管确〔2026〕12号", "date": "2026-08-01"}},
    }  # fmt: skip


def test_a_ruling_about_an_area_alone_gives_it_another_department() -> None:
    (ruling,), _ = read_rulings(
        {
            "rulings": [
                {"number": "12", "date": "2026-08-01", "department": "GREEN", "area_layer": "drainage", "area": "D"}
            ]
        }
    )
    (edit,) = edits_of([ruling], RuleBook.compile([]))
    assert edit == {
        "op": "put", "layer": "areas.drainage", "code": "D",
        "values": {"department": "GREEN", "ruling": "12 2026-08-01"},
    }  # fmt: skip


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"number": None}, "ruling_incomplete"),
        ({"date": ""}, "ruling_incomplete"),
        ({"department": None}, "ruling_incomplete"),
        ({"place": None, "class": None}, "ruling_of_everything"),
        ({"colour": "red"}, "unknown_field"),
        ({"class": 1001}, "wrong_type"),
        ({"kind": "both"}, "wrong_value"),
        *(({"date": each}, "value_wrong") for each in ("yesterday", "2026", 5, "2026-02-30", "0026-08-01", "20260801")),
        *(({"date": each}, "wrong_type") for each in (True, 1.5, ["2026-08-01"])),
        *(({"number": each}, "wrong_type") for each in (["12"], {"a": 1}, True, 1.5)),
        ({"document": []}, "wrong_type"),
        ({"number": "x" * 500}, "text_too_long"),
        ({"number": "a\0b"}, "text_wrong"),
    ],
)
def test_what_is_wrong_with_a_ruling_is_told_with_its_row(change: dict[str, Any], code: str) -> None:
    _, faults = read_rulings({"rulings": [WHOLE, {**WHOLE, "number": "2", **change}]})
    assert (faults[0].code, faults[0].row) == (code, 2)
    assert faults[0].zh


@pytest.mark.parametrize("day", ["2026-08-01", "2026年8月1日", "2026/8/1", "2026.08.01", date(2026, 8, 1)])
def test_a_date_is_quoted_as_it_is_written(day: Any) -> None:
    (ruling,), faults = read_rulings({"rulings": [{**WHOLE, "date": day}]})
    assert not faults
    assert ruling.quoted.endswith(str(day))


def test_so_many_rulings_as_would_keep_everybody_waiting_are_refused() -> None:
    rulings = [{**WHOLE, "number": str(number)} for number in range(501)]
    assert [each.code for each in read_rulings({"rulings": rulings})[1]] == ["rulings_many"]
    assert len(read_rulings({"rulings": rulings[1:]})[0]) == 500


@pytest.mark.parametrize(
    "document", [None, [], {}, {"rulings": []}, {"rulings": {}}, {"rulings": [WHOLE], "zone": "x"}]
)
def test_a_document_without_rulings_is_told(document: Any) -> None:
    assert [each.code for each in read_rulings(document)[1]] == ["rulings_missing"]


def test_a_case_tells_the_class_the_condition_and_the_unit() -> None:
    basis = {"number": "12", "date": "2026-08-01"}
    document = ruling_of_case(replace(CASE, condition="破损"), UNIT, "GREEN", basis, "440305")
    (ruling,), faults = read_rulings(document)
    assert faults == []
    rule = ruling.rule
    assert (rule.owner, rule.class_code, rule.condition, rule.place) == ("440305", "01001", "破损", UNIT)
    for case, unit in ((CASE, None), (replace(CASE, class_code=None), UNIT)):
        with pytest.raises(Refusal) as refused:
            ruling_of_case(case, unit, "GREEN", basis, "")
        assert refused.value.code == "ruling_without_place"


RULES = st.builds(
    lambda number, owner, members, target: Rule(owner, f"r{number}", (target,), **members),
    st.integers(0, 10**6),
    st.sampled_from(["", "44", "440305", "440305001", "440306"]),
    st.fixed_dictionaries(
        {
            "edition": st.sampled_from([None, "2026", "2013"]),
            "kind": st.sampled_from([None, "component", "matter"]),
            "priority": st.integers(-200, 200),
            "place": st.sampled_from([None, None, UNIT, "440305001", "440306001"]),
            "condition": st.sampled_from([None, "破损"]),
        },
        optional={"class_code": st.sampled_from(["01001", "01002"])},
    ),
    st.sampled_from([Target("department", "WATER"), Target("division", "street")]),
)


@settings(max_examples=300)
@given(st.lists(RULES, max_size=12, unique_by=lambda rule: rule.code), st.sampled_from([None, "破损"]))
def test_a_ruling_decides_whatever_the_book_says(rules: list[Rule], condition: str | None) -> None:
    before = RuleBook.compile(rules)
    ruled = foremost(read(edition="2026", kind="component").rule, before)
    book = RuleBook.compile([*rules, ruled])
    case = replace(CASE, condition=condition)
    key = book.key(case.edition, case.kind, case.class_code, case.condition, NO_TIME, UNIT)
    verdict = decide(book.select(key), Place(UNIT, DIVISIONS), None, DEPARTMENTS)
    assert (verdict.rule, verdict.department) == (ruled, "GREEN")
    assert not any(other.ambiguous for other in verdict.others)
