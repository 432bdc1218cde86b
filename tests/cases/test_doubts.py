"""Routing under doubt: flags, alternatives, reasons, and that nothing but the input decides."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cases.reasons import SENTENCES
from cases.routing import AreaHolder, Asset, Place, Routing, Variation, route
from cases.rules import Basis, Rule, RuleBook
from tests.cases.situations import (
    CASE,
    COVER,
    DEPARTMENTS,
    DIVISIONS,
    NEXT_DIVISIONS,
    PLACE,
    UNIT,
    areas,
    body,
    others,
    routed,
    rule,
    steps,
)


def test_near_boundary_tells_the_smallest_distance_at_which_the_department_changes() -> None:
    across = Place("440305002001001", NEXT_DIVISIONS)
    near = (Variation(14.0, across), Variation(12.44, across), Variation(1.0, replace(PLACE, unit=UNIT[:-1] + "4")))
    answer = routed(rule(("division", "street")), near=near)
    assert (body(answer), answer.advice, answer.flags) == ("STREET", "review", ("near_boundary",))
    assert others(answer) == [("NEXT", "near_boundary", 12.44)]


def test_a_boundary_beyond_the_accuracy_or_without_consequence_raises_no_flag() -> None:
    across = Place("440305002001001", NEXT_DIVISIONS)
    assert routed(rule(("division", "street")), near=(Variation(15.1, across),)).flags == ()
    assert routed(rule(("department", "WATER")), near=(Variation(1.0, across),)).flags == ()


def test_a_point_just_outside_the_grid_names_the_department_inside() -> None:
    answer = routed(rule(("division", "street")), place=Place(None), near=(Variation(2.0, PLACE),))
    assert (body(answer), answer.flags) == (None, ("fallback", "near_boundary", "outside"))
    assert others(answer) == [("STREET", "near_boundary", 2.0)]


def test_areas_of_equal_priority_with_different_departments_are_ambiguous() -> None:
    place = areas(
        AreaHolder("D-1", "", "WATER", 1), AreaHolder("D-2", "", "POWER", 1), AreaHolder("D-3", "", "CITY", 0)
    )
    answer = routed(rule(("area", "drainage")), place=place)
    assert (body(answer), answer.advice, answer.flags) == ("WATER", "review", ("ambiguous",))
    assert others(answer) == [("POWER", "ambiguous_area", None)]


def test_areas_of_equal_priority_with_the_same_department_are_not_ambiguous() -> None:
    place = areas(AreaHolder("D-1", "", "WATER"), AreaHolder("D-2", "", "WATER"))
    assert routed(rule(("area", "drainage")), place=place).flags == ()


def test_several_components_within_reach_with_different_bodies_are_ambiguous() -> None:
    rival = replace(COVER, code="P2", owner_code="POWER", distance_m=5.0)
    same = replace(COVER, code="P3", distance_m=4.0)
    meant = replace(COVER, rivals=(same, rival), second_distance_m=4.0)
    answer = routed(rule(("component", "owner")), asset=meant)
    assert (body(answer), answer.flags) == ("WATER", ("ambiguous",))
    assert others(answer) == [("POWER", "ambiguous_component", 5.0)]
    assert routed(rule(("department", "GREEN")), asset=meant).flags == ()
    named = replace(CASE, component_code="P1")
    assert routed(rule(("component", "owner")), case=named, asset=replace(meant, named=True)).flags == ()


def test_rules_of_equal_rank_with_different_answers_are_ambiguous() -> None:
    equal = (rule(("department", "WATER"), code="a"), rule(("department", "POWER"), code="b"))
    answer = routed(*equal)
    assert (body(answer), answer.flags) == ("WATER", ("ambiguous",))
    assert others(answer) == [("POWER", "ambiguous_rule", None)]
    assert routed(equal[0], replace(equal[1], priority=-1)).flags == ()
    assert routed(equal[0], replace(equal[1], owner="4403")).flags == ()
    assert routed(equal[0], replace(equal[1], condition="破损"), case=replace(CASE, condition="破损")).flags == ()


def test_an_area_that_is_wanted_but_missing_is_a_gap() -> None:
    answer = routed(rule(("area", "drainage"), ("division", "street")))
    assert (body(answer), answer.advice, answer.flags) == ("STREET", "review", ("gap",))
    assert routed(rule(("division", "street"), ("area", "drainage"))).flags == ()


def test_a_point_in_a_named_gap_is_flagged() -> None:
    answer = routed(rule(("department", "WATER"), owner=""), place=Place(None, gap="莲花湖"))
    assert (body(answer), answer.advice, answer.flags) == ("WATER", "review", ("named_gap",))
    assert answer.because[0].en == "The point lies in the named gap 莲花湖, which belongs to no unit grid."


def test_outside_every_unit_only_rules_that_hold_everywhere_decide() -> None:
    local, general = rule(("department", "WATER")), rule(("department", "GREEN"), owner="", code="g")
    unrouted = routed(local, place=Place(None))
    assert (body(unrouted), unrouted.advice, unrouted.flags) == (None, "fallback", ("fallback", "outside"))
    assert steps(unrouted) == ["outside", "no_rule"]
    answer = routed(local, general, place=Place(None))
    assert (body(answer), answer.advice, answer.flags) == ("GREEN", "review", ("outside",))


def test_outside_every_unit_a_division_that_holds_the_point_stands_for_it() -> None:
    answer = routed(rule(("division", "street")), place=Place(None, DIVISIONS))
    assert (body(answer), answer.advice, answer.flags) == ("STREET", "review", ("outside",))


def test_a_catch_all_rule_sends_to_the_fallback_queue() -> None:
    answer = routed(rule(("division", "street"), fallback=True))
    assert (body(answer), answer.advice, answer.flags) == ("STREET", "fallback", ("fallback",))


def test_where_nothing_decides_the_answer_says_why() -> None:
    none = routed(rule(("department", "WATER"), kind="matter"))
    assert (body(none), none.advice, none.flags, steps(none)) == (
        None, "fallback", ("fallback",), ["unit_within", "no_rule"],
    )  # fmt: skip
    dead = routed(rule(("department", "GONE"), ("component", "owner")))
    assert steps(dead) == ["unit_within", "department_retired", "component_missing", "no_department"]
    assert (dead.rule, dead.target, dead.basis, dead.area) == (None, None, None, None)


NAMED = replace(CASE, component_code="P1")


@pytest.mark.parametrize(
    ("asset", "step"),
    [
        (None, "component_unknown"),
        (COVER, "component_unknown"),  # another one nearby stands in for it
        (replace(COVER, named=True, retired=True), "component_retired"),
        (replace(COVER, named=True, state="移除"), "component_gone"),
        (replace(COVER, named=True, state="Abandoned"), "component_gone"),
        (replace(COVER, named=True, distance_m=15.6), "component_far"),
        (replace(COVER, named=True, class_code="01002"), "component_class"),
    ],
)
def test_a_named_component_that_has_changed_is_stale(asset: Asset | None, step: str) -> None:
    answer = routed(rule(("component", "owner"), ("division", "street")), case=NAMED, asset=asset)
    assert (answer.advice, answer.flags) == ("review", ("stale_component",))
    assert step in steps(answer)
    asked = asset is not None and step != "component_class"
    assert body(answer) == ("WATER" if asked else "STREET")


def test_a_named_component_that_is_as_it_should_be_raises_no_flag() -> None:
    there = replace(COVER, named=True)
    assert routed(rule(("component", "owner")), case=NAMED, asset=there).flags == ()
    other_edition = replace(there, edition="2013", class_code="0101")
    assert routed(rule(("component", "owner")), case=NAMED, asset=other_edition).flags == ()


def test_what_the_report_did_not_say_is_carried_and_explained() -> None:
    flags = ("assumed_accuracy", "assumed_edition", "assumed_timezone", "crs_assumed")
    answer = routed(rule(("department", "WATER")), case=replace(CASE, flags=flags))
    assert (answer.flags, answer.advice) == (flags, "dispatch")
    assert steps(answer)[-4:] == list(flags)
    assert answer.because[-4].zh == "案件未给出定位精度，按15米处理。"


# the whole answer

EXAMPLE = rule(
    ("area", "green"), ("component", "owner"), ("division", "street"), code="manhole-water", name="上水井盖",
    class_code="01001", basis=Basis("第十二条", "排水条例", "深府〔2024〕5号", "2024-05-01"), time_limit="4h",
)  # fmt: skip


def example() -> Routing:
    lamp = replace(
        COVER, rivals=(replace(COVER, code="P2", owner_code="POWER", distance_m=5.0),), second_distance_m=5.0
    )
    across = replace(PLACE, areas={"green": (AreaHolder("G-1", "", "GREEN"),)})
    return routed(EXAMPLE, near=(Variation(12.4, across),), asset=lamp)


def test_the_reasons_tell_the_whole_story_in_both_languages() -> None:
    assert [(each.en, each.zh) for each in example().because] == [
        (
            "The point lies in unit grid 440305001001003 (南山区, 粤海街道).",
            "该点位于单元网格440305001001003（南山区，粤海街道）。",
        ),
        (
            "Component P1 is the nearest of its class, 3.1 m from the point.",
            "部件P1是该类别中最近的一个，距该点3.1米。",
        ),
        ("The next component of the class is 5.0 m from the point.", "该类别的下一个部件距该点5.0米。"),
        ("No area of layer green holds the point.", "图层green中没有片区包含该点。"),
        ("Rule manhole-water (上水井盖) decides.", "适用规则manhole-water（上水井盖）。"),
        (
            "Basis: 第十二条, 排水条例, 深府〔2024〕5号, 2024-05-01.",
            "依据：第十二条，排水条例，深府〔2024〕5号，2024-05-01。",
        ),
        ("The owner of the component is 水务局.", "部件的权属单位为水务局。"),
        (
            "The point is 12.4 m from the boundary beyond which 绿化所 is responsible.",
            "该点距责任边界12.4米，边界另一侧由绿化所负责。",
        ),
        (
            "Component P2 is also within reach, 5.0 m from the point; it leads to 供电局.",
            "部件P2也在范围内，距该点5.0米，指向供电局。",
        ),
    ]


def test_the_answer_as_json_has_the_members_of_the_contract() -> None:
    answer = example().to_dict(CASE)
    because = answer.pop("because")
    assert all(set(each) == {"code", "en", "zh"} for each in because)
    rule_ = {"owner": "440305", "code": "manhole-water"}
    assert answer == {
        "case": {"source": "12345", "id": "c-1", "version": 2},
        "unit": UNIT,
        "divisions": {
            "county": {"code": "440305", "name": "南山区"}, "street": {"code": "440305001", "name": "粤海街道"},
        },
        "department": {
            "code": "WATER", "name": "水务局", "ids": {"oa": "77"},
            "path": [{"code": "CITY", "name": "市城管中心"}, {"code": "DISTRICT", "name": "南山区指挥中心"}],
        },
        "advice": "review",
        "target": {"kind": "component", "value": "owner"},
        "rule": rule_,
        "basis": {
            "text": "第十二条", "document": "排水条例", "number": "深府〔2024〕5号", "date": "2024-05-01", "url": None,
        },
        "time_limit": "4h",
        "supervisor": None,
        "area": None,
        "component": {"code": "P1", "distance_m": 3.14},
        "flags": ["ambiguous", "gap", "near_boundary"],
        "alternatives": [
            {"department": {"code": code, "name": name}, "rule": rule_, "distance_m": distance_m, "why": why}
            for code, name, distance_m, why in (
                ("GREEN", "绿化所", 12.4, "near_boundary"),
                ("POWER", "供电局", 5.0, "ambiguous_component"),
                ("STREET", "粤海街道办", None, "next_target"),
            )
        ],
        "revision": 7,
    }  # fmt: skip


def test_an_answer_that_names_nobody_is_json_all_the_same() -> None:
    answer = routed(case=replace(CASE, source="", id="", version=None)).to_dict(replace(CASE, version=None))
    assert all(answer[key] is None for key in ("department", "target", "rule", "basis", "area", "component"))


def test_every_sentence_ends_and_has_the_same_words_in_both_languages() -> None:
    for en, zh in SENTENCES.values():
        assert en.endswith(".")
        assert zh.endswith("。")
        words = [{part.split("}")[0] for part in text.split("{")[1:]} for text in (en, zh)]
        assert words[0] == words[1]


TARGETS = st.sampled_from([
    ("department", "WATER"), ("department", "GONE"), ("department", "CITY"), ("area", "drainage"), ("area", "green"),
    ("division", "street"), ("division", "community"), ("component", "owner"), ("component", "maintainer"),
])  # fmt: skip
RULES = st.lists(
    st.builds(
        lambda code, to, **members: rule(*to, code=code, **members),
        code=st.sampled_from("abcdefgh"), to=st.lists(TARGETS, min_size=1, max_size=3),
        owner=st.sampled_from(["", "44", "440305", "55"]), class_code=st.sampled_from([None, "01001", "01002"]),
        place=st.sampled_from([None, "440305001"]), priority=st.integers(0, 1), fallback=st.booleans(),
        area_layer=st.sampled_from([None, "drainage"]),
    ),
    max_size=8, unique_by=lambda each: (each.owner, each.code),
)  # fmt: skip
PLACES = st.sampled_from([
    PLACE, Place(None), Place(None, DIVISIONS), Place("440305002001001", NEXT_DIVISIONS),
    areas(AreaHolder("D-1", "", "POWER", 1), AreaHolder("D-2", "", "GREEN", 1)), areas(AreaHolder("D-3", "", "GONE")),
])  # fmt: skip
ASSETS = st.sampled_from([None, COVER, replace(COVER, owner_code="GONE"), replace(COVER, rivals=(COVER,), named=True)])


@given(RULES, st.randoms(use_true_random=False), PLACES, st.lists(PLACES, max_size=3), ASSETS)
def test_neither_the_order_of_the_rules_nor_a_memory_of_other_cases_changes_an_answer(
    rules: list[Rule], random: Any, place: Place, beyond: list[Place], asset: Asset | None
) -> None:
    near = [Variation(float(index // 2), each) for index, each in enumerate(beyond)]  # two at the same distance
    book, memo = RuleBook.compile(rules), {}  # type: ignore[var-annotated]
    answer = route(CASE, place, near, asset, book, DEPARTMENTS, 7)
    random.shuffle(rules)
    random.shuffle(near)
    shuffled = RuleBook.compile(rules)
    for there in beyond:
        route(CASE, there, [], asset, shuffled, DEPARTMENTS, 7, memo=memo)
    assert route(CASE, place, near, asset, shuffled, DEPARTMENTS, 7, memo=memo) == answer
    named = [each.department.code for each in answer.alternatives]
    assert len(named) == len(set(named)) <= 5
    assert body(answer) not in named
    assert (body(answer) is None) <= ("fallback" in answer.flags)
    assert all(each.en and each.zh for each in answer.because)
