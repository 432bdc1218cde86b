"""Rules that never decide and rules that contradict each other are told when a book is checked."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cases.rules import Rule, RuleBook, Target
from cases.rules.shadows import covers, find_shadows
from cases.rules.windows import Window
from tests.cases.situations import DEPARTMENTS, body, routed, rule

MONDAYS = Window("+08:00", weekdays=(0,))


def found(*rules: Rule) -> list[tuple[str, str | None]]:
    return [(fault.code, fault.thing) for fault in find_shadows(rules)]


def fixed(code: str, department: str = "WATER", **members: Any) -> Rule:
    return rule(("department", department), code=code, **members)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({"priority": 1}, {"class_code": "01001"}),
        ({"class_prefix": "01", "priority": 1}, {"class_code": "01001"}),
        ({"class_prefix": "01", "priority": 1}, {"class_prefix": "010"}),
        ({"priority": 1}, {"when": MONDAYS, "condition": "破损", "area_layer": "drainage", "area": "D-1"}),
        ({"area_layer": "drainage", "priority": 1}, {"area_layer": "drainage", "area": "D-1"}),
        ({"place": "440305001", "priority": 1}, {"place": "440305001002"}),
        ({"place": "4403", "priority": 1}, {}),  # the owner is narrower than that
    ],
)
def test_a_rule_behind_a_wider_one_that_names_a_department_never_decides(
    first: dict[str, Any], second: dict[str, Any]
) -> None:
    assert found(fixed("wide", **first), fixed("narrow", "GREEN", **second)) == [("rule_unreachable", "narrow")]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({}, {"class_code": "01001"}),  # which is tried first
        ({"priority": 1, "class_code": "01001"}, {"class_prefix": "01"}),
        ({"priority": 1, "class_prefix": "02"}, {"class_code": "01001"}),
        ({"priority": 1, "when": MONDAYS}, {}),
        ({"priority": 1, "kind": "matter"}, {"kind": "component"}),
        ({"priority": 1, "place": "440305001"}, {"place": "440305"}),
        ({"priority": 1, "area_layer": "drainage"}, {"area_layer": "green"}),
    ],
)
def test_a_rule_that_some_case_reaches_is_left_alone(first: dict[str, Any], second: dict[str, Any]) -> None:
    assert found(fixed("first", **first), fixed("second", "GREEN", **second)) == []


def test_a_rule_whose_targets_may_lead_nowhere_hides_nothing() -> None:
    maybe = rule(("area", "drainage"), ("component", "owner"), code="maybe", priority=1)
    assert found(maybe, fixed("rest")) == []
    assert found(replace(maybe, to=(*maybe.to, Target("department", "A"))), fixed("rest")) == [
        ("rule_unreachable", "rest")
    ]


def test_equal_rules_with_different_targets_contradict_each_other() -> None:
    assert found(fixed("a"), fixed("b", "GREEN")) == [("rules_contradict", "b")]
    assert found(fixed("a"), fixed("b")) == []
    assert found(fixed("a"), fixed("b", "GREEN", owner="4403")) == []  # elsewhere in 4403


CODES = ("01001", "01002", "02001", None)
PLACES = ("440305001001003", "440305002001001", "440306001001001")
AREA = Target("area", "drainage")
RULES = st.builds(
    Rule, owner=st.sampled_from(["", "4403", "440305"]), code=st.just("x"),
    to=st.sampled_from([(Target("department", "WATER"),), (Target("department", "GREEN"),), (AREA,)]),
    kind=st.sampled_from([None, "component", "matter"]), class_code=st.sampled_from([None, None, "01001"]),
    condition=st.sampled_from([None, None, "破损"]), place=st.sampled_from([None, "4403", "440305001"]),
    priority=st.integers(0, 1),
)  # fmt: skip


def prefixed(rules: list[Rule]) -> list[Rule]:
    return [
        replace(each, code=f"r{number}", class_prefix="01" if number % 3 == 0 and each.class_code is None else None)
        for number, each in enumerate(rules)
    ]


@given(st.lists(RULES, min_size=2, max_size=6).map(prefixed))
def test_what_is_said_to_be_unreachable_decides_no_case(rules: list[Rule]) -> None:
    hidden = {fault.thing for fault in find_shadows(rules) if fault.code == "rule_unreachable"}
    book = RuleBook.compile(rules)
    for kind in ("component", "matter"):
        for code in CODES:
            for condition in ("破损", None):
                for place in PLACES:
                    for each in book.candidates("2026", kind, code, condition, place):
                        if each.to[0].kind == "department":
                            assert each.code not in hidden
                            break


@given(st.lists(RULES, min_size=2, max_size=2).map(prefixed))
def test_a_rule_that_covers_another_meets_all_that_meets_it(rules: list[Rule]) -> None:
    first, second = rules
    if not covers(first, second):
        return
    book = RuleBook.compile(rules)
    for kind in ("component", "matter"):
        for code in CODES:
            for place in PLACES:
                met = {each.code for each in book.candidates("2026", kind, code, "破损", place)}
                assert second.code not in met or first.code in met


def test_the_departments_of_these_tests_are_in_force() -> None:
    assert body(routed(fixed("a"))) == "WATER"
    assert {"WATER", "GREEN"} <= DEPARTMENTS.keys()
