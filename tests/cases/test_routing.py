"""Routing: every kind of target, every flag, the reasons, and that nothing but the input decides."""

from dataclasses import replace

import pytest

from cases.routing import AreaHolder
from cases.rules import Basis, Target
from tests.cases.situations import (
    CASE,
    COVER,
    areas,
    body,
    others,
    routed,
    rule,
    steps,
)


def test_a_fixed_body_is_the_answer() -> None:
    answer = routed(rule(("department", "WATER"), time_limit="4h", basis=Basis("第十二条")))
    assert (body(answer), answer.advice, answer.flags) == ("WATER", "dispatch", ())
    assert (answer.rule, answer.target) == (("440305", "r"), Target("department", "WATER"))
    assert (answer.time_limit, answer.basis, answer.revision) == ("4h", Basis("第十二条"), 7)


def test_the_supervising_body_of_a_rule_is_carried_through_and_told() -> None:
    answer = routed(rule(("department", "WATER"), supervisor="CITY"))
    assert (answer.supervisor, body(answer)) == (("CITY", "市城管中心"), "WATER")
    assert answer.to_dict(CASE)["supervisor"] == {"code": "CITY", "name": "市城管中心"}
    assert "supervised_by" in steps(answer)
    assert routed(rule(("department", "WATER"), supervisor="GONE")).supervisor is None


def test_the_department_of_the_area_that_holds_the_point_is_the_answer() -> None:
    answer = routed(rule(("area", "drainage")), place=areas(AreaHolder("D-07", "七区", "WATER")))
    assert (body(answer), answer.area, answer.flags) == ("WATER", ("drainage", "D-07", "七区"), ())


def test_the_department_of_the_division_is_the_answer() -> None:
    answer = routed(rule(("division", "street")))
    assert (body(answer), steps(answer)) == ("STREET", ["unit_within", "rule", "by_division"])


@pytest.mark.parametrize(("role", "code"), [("owner", "WATER"), ("maintainer", "POWER"), ("supervisor", "GREEN")])
def test_a_body_of_the_component_is_the_answer(role: str, code: str) -> None:
    answer = routed(rule(("component", role)), asset=COVER)
    assert (body(answer), answer.component, answer.flags) == (code, ("P1", 3.14), ())
    assert steps(answer) == ["unit_within", "component_nearest", "rule", f"by_{role}"]


def test_the_first_target_that_leads_somewhere_wins_and_the_others_are_alternatives() -> None:
    answer = routed(
        rule(("component", "owner"), ("department", "GREEN"), ("division", "street")),
        rule(("department", "POWER"), ("department", "CITY"), code="s", priority=-1),
    )
    assert body(answer) == "GREEN"
    assert others(answer) == [("STREET", "next_target", None), ("POWER", "next_rule", None)]
    assert "component_missing" in steps(answer)


def test_at_most_five_alternatives_are_named_each_once() -> None:
    codes = ["WATER", "CITY", "GREEN", "GREEN", "WATER", "POWER", "STREET", "NEXT", "DISTRICT"]
    answer = routed(rule(*(("department", code) for code in codes)))
    assert [code for code, _, _ in others(answer)] == ["CITY", "GREEN", "POWER", "STREET", "NEXT"]


def test_a_department_that_is_not_in_force_is_passed_over_with_a_reason() -> None:
    answer = routed(rule(("department", "GONE"), ("department", "WATER")))
    assert (body(answer), answer.flags) == ("WATER", ())
    assert steps(answer) == ["unit_within", "department_retired", "rule", "by_department"]


def test_an_area_or_division_without_department_is_passed_over_with_a_reason() -> None:
    place = areas(AreaHolder("D-1", "", None, 2), AreaHolder("D-2", "", "WATER", 1))
    assert (body(answer := routed(rule(("area", "drainage")), place=place)), answer.flags) == ("WATER", ())
    assert "area_without_department" in steps(answer)
    answer = routed(rule(("division", "county"), ("division", "community"), ("division", "street")))
    assert steps(answer)[1:3] == ["division_without_department", "division_missing"]


def test_a_component_without_the_wanted_body_is_passed_over_with_a_reason() -> None:
    answer = routed(rule(("component", "owner"), ("division", "street")), asset=replace(COVER, owner_code=None))
    assert (body(answer), "component_without_owner" in steps(answer)) == ("STREET", True)


def test_a_rule_for_an_area_layer_holds_only_in_its_areas() -> None:
    special = rule(("department", "WATER"), code="s", area_layer="drainage", priority=1)
    rest = rule(("department", "GREEN"))
    inside = routed(special, rest, place=areas(AreaHolder("D-07", "七区")))
    assert (body(inside), inside.area) == ("WATER", ("drainage", "D-07", "七区"))
    outside = routed(special, rest)
    assert (body(outside), outside.flags, others(outside)) == ("GREEN", (), [])


def test_a_rule_for_one_very_area_asks_that_area() -> None:
    place = areas(AreaHolder("D-01", "", "POWER", 9), AreaHolder("D-07", "", "WATER", 1))
    answer = routed(rule(("area", "drainage"), area_layer="drainage", area="D-07"), place=place)
    assert (body(answer), answer.area, answer.flags) == ("WATER", ("drainage", "D-07", ""), ())


def test_a_department_is_named_with_its_ids_and_its_path_from_the_top() -> None:
    answer = routed(rule(("department", "WATER")))
    assert answer.department is not None
    assert dict(answer.department.ids) == {"oa": "77"}
    assert answer.department.path == (("CITY", "市城管中心"), ("DISTRICT", "南山区指挥中心"))


def test_departments_that_are_each_others_parents_still_have_a_path() -> None:
    answer = routed(rule(("department", "CIRCLE")))
    assert answer.department is not None
    assert answer.department.path == (("CIRCLE2", "乙"),)


# each flag
