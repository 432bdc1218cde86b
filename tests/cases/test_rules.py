"""Rules: reading what people write, checking it against the world, storing it, and the compiled book."""

from pathlib import Path
from time import perf_counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cases.rules import Basis, Rule, RuleBook, Target, check, from_row, load_yaml, parse, to_row
from cases.rules.windows import Window
from gis.errors import Refusal

BOOK = """
owner: "440305"
rules:
  - code: manhole-water
    name: 上水井盖
    edition: "GB/T 47678.5-2026"
    kind: component
    class: "01001"
    condition: 破损
    place: "440305001"
    area_layer: drainage
    area: D-07
    priority: 100
    to:
      - component: owner
      - area: drainage
      - division: street
      - department: W1
    basis: {text: 第十二条, document: 排水条例, number: 深府〔2024〕5号, date: 2024-05-01, url: "https://example.org"}
    time_limit: 4h
  - code: rest
    fallback: true
    to: [{division: street}]
"""
WATER = Rule(
    owner="440305", code="manhole-water", name="上水井盖", edition="2026", kind="component", class_code="01001",
    condition="破损", place="440305001", area_layer="drainage", area="D-07", priority=100,
    to=(Target("component", "owner"), Target("area", "drainage"), Target("division", "street"),
        Target("department", "W1")),
    basis=Basis("第十二条", "排水条例", "深府〔2024〕5号", "2024-05-01", "https://example.org"), time_limit="4h",
)  # fmt: skip
REST = Rule(owner="440305", code="rest", fallback=True, to=(Target("division", "street"),))


def faults_of(*rules: Any, **document: Any) -> list[tuple[str, int | None, str | None]]:
    _, faults = parse({"rules": list(rules), **document})
    assert all(fault.en.endswith(".") and fault.zh.endswith("。") for fault in faults)
    return [(fault.code, fault.row, fault.thing) for fault in faults]


def plain(code: str = "a", **members: Any) -> dict[str, Any]:
    return {"code": code, "to": [{"department": "W1"}], **members}


def test_a_rule_book_is_read_with_everything_that_a_rule_can_say() -> None:
    assert parse(load_yaml(BOOK)) == ([WATER, REST], [])


def test_the_owner_that_is_given_wins_over_the_document() -> None:
    rules, _ = parse({"owner": "11", "rules": [plain()]}, owner="22")
    assert rules[0].owner == "22"
    assert parse({"rules": [plain()]})[0][0].owner == ""


def test_an_edition_may_be_an_unquoted_year() -> None:
    assert parse(load_yaml("rules: [{code: a, edition: 2026, to: [{department: W1}]}]"))[0][0].edition == "2026"


def test_a_fault_names_the_rule_and_its_position() -> None:
    assert faults_of(plain("a"), plain("b", priority="high")) == [("wrong_type", 2, "b")]


@pytest.mark.parametrize(
    ("members", "code"),
    [
        ({"clas": "01001"}, "unknown_field"),
        ({"class": 513}, "wrong_type"),
        ({"class": "01001", "class_prefix": "01"}, "class_twice"),
        ({"area": "D-07"}, "area_without_layer"),
        ({"kind": "event"}, "wrong_value"),
        ({"name": "  "}, "empty_value"),
        ({"priority": True}, "wrong_type"),
        ({"fallback": "yes"}, "wrong_type"),
        ({"to": []}, "no_targets"),
        ({"to": {"department": "W1"}}, "no_targets"),
        ({"to": [{"department": "W1", "area": "x"}]}, "wrong_target"),
        ({"to": [{"office": "W1"}]}, "wrong_target"),
        ({"to": ["W1"]}, "wrong_target"),
        ({"to": [{"department": None}]}, "empty_value"),
        ({"to": [{"department": 91440300}]}, "wrong_type"),
        ({"to": [{"component": "neighbour"}]}, "wrong_value"),
        ({"basis": 5}, "wrong_type"),
        ({"basis": {"decree": "x"}}, "unknown_field"),
        ({"edition": []}, "wrong_type"),
        ({"edition": 10**30}, "wrong_value"),
        ({"edition": -2026}, "wrong_value"),
        ({"edition": "x" * 201}, "text_too_long"),
        ({"class": "1" * 201}, "text_too_long"),
        ({"name": "x" * 10_001}, "text_too_long"),
        ({"basis": "x" * 10_001}, "text_too_long"),
        ({"to": [{"department": "x" * 201}]}, "text_too_long"),
        ({"name": "a\0b"}, "text_wrong"),
        ({"basis": {"number": "\0"}}, "text_wrong"),
        ({"priority": 2**64}, "wrong_value"),
        ({"priority": -(10**30)}, "wrong_value"),
        ({"when": {"hours": "22:00-02:00", "zone": "+-5:00"}}, "zone_unknown"),
    ],
)
def test_a_rule_that_does_not_make_sense_is_told_so(members: dict[str, Any], code: str) -> None:
    assert faults_of(plain(**members)) == [(code, 1, "a")]


@pytest.mark.parametrize(("code", "wrong"), [("x" * 201, "text_too_long"), ("a\0b", "text_wrong")])
def test_a_code_that_no_index_takes_is_a_fault_and_is_shown_in_part(code: str, wrong: str) -> None:
    _, (fault,) = parse({"rules": [{**plain(), "code": code}]})
    assert (fault.code, fault.row) == (wrong, 1)
    assert len(fault.en) < 200


def test_a_rule_without_code_and_a_code_given_twice_are_faults() -> None:
    assert faults_of(plain(), {"to": [{"department": "W1"}]}, plain()) == [
        ("code_missing", 2, None),
        ("code_duplicate", 3, "a"),
    ]
    assert faults_of({**plain(), "code": 7}) == [("wrong_type", 1, None)]


def test_a_place_outside_the_owner_would_never_hold() -> None:
    assert faults_of(plain(place="440306"), owner="440305") == [("place_outside_owner", 1, "a")]
    assert faults_of(plain(place="44"), owner="440305") == []


@pytest.mark.parametrize("document", [None, [], "text", {}, {"rules": "x"}, {"rules": None}])
def test_a_document_without_rules_is_told_so(document: Any) -> None:
    rules, faults = parse(document)
    assert (rules, [fault.code for fault in faults]) == ([], ["rules_missing"])


def test_members_of_the_document_and_entries_that_are_no_rules_are_told() -> None:
    assert faults_of("x", plain(), note="y") == [("unknown_field", None, None), ("wrong_type", 1, None)]
    assert faults_of(plain(), owner=440305) == [("wrong_type", None, None)]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.sampled_from(["a", "", "area", "component"]),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(st.sampled_from(["code", "to", "area", "basis", "class", "owner", "text"]), inner, max_size=4),
    max_leaves=12,
)  # fmt: skip


@given(st.lists(JSON, max_size=3), JSON)
def test_whatever_the_document_holds_gives_rules_or_faults(rules: list[Any], owner: Any) -> None:
    read, faults = parse({"rules": rules, "owner": owner})
    assert len(read) == len(rules) or faults


@pytest.mark.parametrize(
    ("text", "line"),
    [("rules:\n  - code: a\n   to: x", 3), ("a: 1\nb: 2\na: 3", 3), ("a: !!python/object:os.system x", 1), ("\0", 1)],
)
def test_yaml_that_cannot_be_read_is_refused_with_its_line(text: str, line: int) -> None:
    with pytest.raises(Refusal) as refusal:
        load_yaml(text)
    assert (refusal.value.code, refusal.value.kind) == ("unreadable", "unreadable")
    assert f"line {line}" in str(refusal.value)


@pytest.mark.parametrize(
    "text",
    [
        "date: 2024-13-45",
        "date: 2024-01-01T00:00:00+99:99",
        "[" * 100_000,
        "? [a, b]\n: c",
        "!!map [a]",
        "a: &a {b: 1}\nc: {<<: *a}",
        "a: 010",
        "a: 0x10",
        "a: 12:30",
        "a: 1_000",
        "a: 02026",
        f"a: {'9' * 5000}",
        'a: "\\uD800"',
    ],
    ids=lambda text: text[:20],
)
def test_yaml_that_no_document_should_hold_is_refused_without_traceback(text: str) -> None:
    with pytest.raises(Refusal) as refusal:
        load_yaml(text)
    assert refusal.value.code == "unreadable"


def test_a_file_that_is_missing_or_not_utf8_is_refused(tmp_path: Path) -> None:
    (tmp_path / "gbk.yaml").write_bytes("name: 上水井盖".encode("gbk"))
    for name in ("gbk.yaml", "none.yaml"):
        with pytest.raises(Refusal, match=name):
            load_yaml(tmp_path / name)
    (tmp_path / "bom.yaml").write_text(BOOK, encoding="utf-8-sig")
    assert parse(load_yaml(tmp_path / "bom.yaml"))[0] == [WATER, REST]


def test_a_rule_is_stored_as_plain_members_and_read_back_the_same() -> None:
    for rule in (WATER, REST):
        assert from_row(to_row(rule)) == rule
    assert to_row(REST) == {
        "owner": "440305", "code": "rest", "priority": 0, "fallback": True, "to": [{"division": "street"}],
    }  # fmt: skip


def checked(*rules: Rule, **world: Any) -> list[tuple[str, str, str | None]]:
    known: dict[str, Any] = {
        "departments": {"W1"}, "layers": {"drainage"}, "levels": {"street", "community"},
        "divisions": {"44", "4403", "440305", "440305001", "440305001001"},
        "classes": {("2026", "component", "01001"), ("2013", "matter", "0101")},
    }  # fmt: skip
    faults = check(rules, **{**known, **world})
    return [(fault.code, fault.severity, fault.thing) for fault in faults]


def aimed(*to: tuple[str, str], code: str = "a", owner: str = "440305", **members: Any) -> Rule:
    return Rule(owner, code, tuple(Target(*target) for target in to or (("department", "W1"),)), **members)


def test_a_rule_book_that_fits_the_world_has_no_faults() -> None:
    assert checked(WATER, REST) == []


@pytest.mark.parametrize(
    ("rule", "code"),
    [
        (aimed(("department", "W2")), "department_unknown"),
        (aimed(supervisor="W2"), "department_unknown"),
        (aimed(("area", "green")), "area_layer_unknown"),
        (aimed(area_layer="green"), "area_layer_unknown"),
        (aimed(("division", "village")), "level_unknown"),
        (aimed(place="440305002"), "place_unknown"),
        (aimed(place="440305001002003"), "place_unknown"),
        (aimed(class_code="0101", kind="component"), "class_unknown"),
        (aimed(class_code="99999"), "class_unknown"),
        (aimed(class_prefix="02"), "class_unknown"),
        (aimed(owner="55", code="b"), "place_unknown"),
    ],
)
def test_a_name_that_the_world_does_not_know_is_an_error(rule: Rule, code: str) -> None:
    everywhere = aimed(owner="", code="all")
    assert checked(everywhere, rule) == [(code, "error", rule.code)]


def test_names_that_the_world_knows_are_accepted_in_every_form() -> None:
    fine = [
        aimed(place="440305001001003"), aimed(place="4403050", code="b"), aimed(class_code="0101", code="c"),
        aimed(class_prefix="010", edition="2013", code="d"), REST,
    ]  # fmt: skip
    assert checked(*fine) == []


def test_the_class_of_an_edition_without_catalogue_is_a_warning() -> None:
    assert checked(REST, aimed(class_code="S0000", edition="dc-311")) == [("unknown_edition", "warning", "a")]


def test_a_world_without_divisions_or_catalogue_checks_neither() -> None:
    assert checked(REST, aimed(place="x", class_code="y"), divisions=set(), classes=set()) == []


def test_a_book_without_catch_all_is_reported() -> None:
    missing = [("no_catch_all", "warning", "440305")]
    assert checked(WATER) == missing
    assert checked(aimed(("area", "drainage"))) == missing  # areas may have gaps
    assert checked(aimed(kind="component")) == missing
    assert checked(aimed(when=Window("+08:00", weekdays=(0,)))) == missing
    assert checked(aimed(kind="component"), aimed(kind="matter", code="b")) == []
    assert checked(WATER, aimed(owner="44", code="b")) == []  # the province catches what the county does not


ORDERED = [
    aimed(code="owner", owner="440305"),
    aimed(code="priority", owner="44", priority=9),
    aimed(code="exact", owner="44", class_code="01001"),
    aimed(code="prefix3", owner="44", class_prefix="010"),
    aimed(code="prefix2", owner="44", class_prefix="01"),
    aimed(code="place9", owner="44", place="440305001"),
    aimed(code="place6", owner="44", place="440305"),
    aimed(code="area", owner="44", area_layer="drainage", area="D-07"),
    aimed(code="layer", owner="44", area_layer="drainage"),
    aimed(code="condition", owner="44", condition="破损"),
    aimed(code="Z", owner="44"),
    aimed(code="a", owner="44"),
    aimed(code="everywhere", owner="", priority=99),
]
THERE = ("2026", "component", "01001", "破损", "440305001001003")


@given(st.permutations(ORDERED))
def test_rules_are_tried_in_the_stated_order_however_they_are_delivered(rules: list[Rule]) -> None:
    assert [rule.code for rule in RuleBook.compile(rules).candidates(*THERE)] == [rule.code for rule in ORDERED]


PREFIXES = st.sampled_from([None, "0", "01", "010", "02"])
CODES = st.sampled_from([None, "01001", "01002", "02001", "0", "9"])
PLACES = st.sampled_from(["", "4", "44", "440305", "4403", "55"])
RULES = st.lists(
    st.builds(
        Rule, owner=PLACES, code=st.just("x"), to=st.just((Target("department", "W1"),)),
        edition=st.sampled_from([None, "2026", "2013"]), kind=st.sampled_from([None, "component", "matter"]),
        class_prefix=PREFIXES, condition=st.sampled_from([None, "破损"]), place=PLACES.map(lambda place: place or None),
    ),
    max_size=8,
)  # fmt: skip
EXACT = st.lists(st.builds(aimed, owner=PLACES, class_code=CODES), max_size=4)


@given(RULES, EXACT, st.tuples(st.sampled_from(["2026", "x", None]), st.sampled_from(["matter", None]), CODES,
       st.sampled_from(["破损", "other", None]), st.sampled_from([None, "440305001", "4403", "55", "1"])))  # fmt: skip
def test_the_book_finds_exactly_the_rules_that_fit(rules: list[Rule], exact: list[Rule], case: Any) -> None:
    edition, kind, class_code, condition, code = case
    fitting = [
        rule for rule in [*rules, *exact]
        if (code or "").startswith(rule.owner) and (code or "").startswith(rule.place or "")
        and (rule.class_code is None or rule.class_code == class_code)
        and (rule.class_prefix is None or (class_code or "").startswith(rule.class_prefix))
        and rule.edition in (None, edition) and rule.kind in (None, kind) and rule.condition in (None, condition)
    ]  # fmt: skip
    book = RuleBook.compile([*rules, *exact])
    for _ in range(2):  # gathered, then remembered
        found = book.candidates(edition, kind, class_code, condition, code)
        assert sorted(map(repr, found)) == sorted(map(repr, fitting))


def test_a_book_of_400_classes_in_30_areas_is_compiled_in_a_moment_and_its_memory_does_not_grow_with_strangers() -> (
    None
):
    rules = [
        aimed(code=f"{number}-{area}", class_code=f"{number:05}", area_layer="green", area=f"G-{area}")
        for number in range(400)
        for area in range(30)
    ]
    start = perf_counter()
    book = RuleBook.compile(rules)
    assert perf_counter() - start < 5  # a tenth of a second, with room for a busy machine
    assert len(book.candidates("2026", "component", "00399", None, "440305001001001")) == 30
    for number in range(1000):
        assert book.candidates(f"e{number}", "matter", f"x{number}", f"c{number}", f"99{number}") == ()
    assert len(book._memo) == 2


def test_a_book_may_hold_rules_of_several_owners() -> None:
    to = [{"department": "W"}]
    document = {"owner": "4403", "rules": [{"code": "a", "to": to}, {"code": "a", "owner": "440305", "to": to}]}
    rules, faults = parse(document)
    assert (faults, [rule.owner for rule in rules]) == ([], ["4403", "440305"])
    assert [rule.owner for rule in parse(document | {"rules": document["rules"][1:]}, "44")[0]] == ["44"]
