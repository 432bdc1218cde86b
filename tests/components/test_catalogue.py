"""The classes that ship with the product: what they are, how they are found, and what became of them."""

import csv
from collections import Counter
from pathlib import Path

import pytest

from components.catalogue import built_in, majors_of
from components.crosswalk import lines, successor
from components.search import search_classes

MAJORS = {"01": "06", "02": "07", "03": "08", "04": "09"}
NATIONAL = {each.key: each for each in built_in()}


def test_both_editions_are_there_and_every_class_says_how_well_it_is_known() -> None:
    counts = Counter((each.edition, each.kind) for each in built_in())
    assert counts == {
        ("2026", "component"): 153, ("2026", "matter"): 250, ("2013", "component"): 123, ("2013", "matter"): 76,
    }  # fmt: skip
    assert len(NATIONAL) == len(built_in())
    assert all(each.evidence and each.name_zh and each.name_en and each.major_name_zh for each in built_in())
    assert sum(each.evidence == "inferred" for each in built_in()) == 67


@pytest.mark.real
def test_the_classes_are_those_of_the_source(shared_data: Path) -> None:
    with (shared_data / "catalogue.csv").open(encoding="utf-8-sig", newline="") as rows:
        source = {(row["edition"][-4:], row["kind"], row["code"]): row for row in csv.DictReader(rows)}
    assert source.keys() == NATIONAL.keys()
    for key, row in source.items():
        known = NATIONAL[key]
        assert {**row, "edition": key[0]} == {name: getattr(known, name) for name in row}


def test_a_component_and_a_matter_of_one_code_are_two_classes() -> None:
    assert NATIONAL["2026", "component", "01001"].name_zh == "供水井盖"
    assert NATIONAL["2026", "matter", "01001"].name_zh != "供水井盖"


def test_codes_have_the_form_of_their_edition_and_begin_with_their_major() -> None:
    for each in built_in():
        assert len(each.code) == (5 if each.edition == "2026" else 4)
        assert each.code.startswith(each.major_code)


def test_majors_are_counted() -> None:
    majors = {(each.edition, each.kind, each.code): each for each in majors_of(built_in())}
    assert sum(each.count for each in majors.values()) == len(built_in())
    assert majors["2013", "matter", "05"].name_zh == "突发事件"


def test_how_a_national_class_is_surveyed_is_not_guessed() -> None:
    assert {(each.geometry_type, each.accuracy_class) for each in built_in()} == {("", "")}


@pytest.mark.parametrize(
    ("words", "first"),
    [
        ("01037", "01037"),
        ("路灯", "01037"),
        ("ludeng", "01037"),
        ("ld", "01037"),
        ("LuDeng ", "01037"),
        ("street light", "01037"),
        ("行道树", "04002"),
        ("xingdaoshu", "04002"),
        ("xds", "04002"),
        ("hangdaoshu", "04002"),
    ],
)
def test_a_class_is_found_by_code_name_pinyin_initials_and_english(words: str, first: str) -> None:
    current = [each for each in built_in() if (each.edition, each.kind) == ("2026", "component")]
    assert search_classes(current, words)[0].code == first


def test_what_nothing_is_called_is_not_found() -> None:
    assert search_classes(built_in(), "no such class") == []
    assert len(search_classes(built_in(), " ")) == len(built_in())


def test_the_crosswalk_has_every_class_of_2013_once_and_only_classes_that_there_are() -> None:
    older = {(kind, code) for edition, kind, code in NATIONAL if edition == "2013"}
    assert len(lines()) == len(older)
    assert {(each.kind, each.from_code) for each in lines()} == older
    assert all(each.to_code is None or ("2026", each.kind, each.to_code) in NATIONAL for each in lines())


def test_no_two_classes_of_2013_have_one_successor() -> None:
    taken = Counter((each.kind, each.to_code) for each in lines() if each.to_code)
    assert [key for key, count in taken.items() if count > 1] == []


def test_every_line_of_the_crosswalk_is_what_it_says() -> None:
    for each in lines():
        before = NATIONAL["2013", each.kind, each.from_code]
        after = NATIONAL.get(("2026", each.kind, each.to_code or ""))
        major = each.from_code[:2] if each.kind == "component" else MAJORS.get(each.from_code[:2], "?")
        by_rule = each.to_code == f"{major}0{each.from_code[2:]}"
        same_name = after is not None and before.name_zh == after.name_zh
        match each.relation:
            case "same":
                assert by_rule
                assert same_name
            case "renamed":
                assert by_rule
                assert not same_name
            case "moved":
                assert after is not None
                assert not by_rule
            case _:
                assert each.to_code is None
        assert each.evidence
        if before.evidence == "inferred" and each.relation == "same":
            assert "inferred" in each.evidence, "a class inferred from its successor is no witness"


def test_exceptions_of_the_crosswalk_are_listed_and_what_is_unknown_says_so() -> None:
    assert Counter((each.kind, each.relation) for each in lines()) == {
        ("component", "same"): 108,
        ("component", "renamed"): 11,
        ("component", "moved"): 3,
        ("component", "unknown"): 1,
        ("matter", "same"): 56,
        ("matter", "renamed"): 8,
        ("matter", "moved"): 3,
        ("matter", "unknown"): 9,
    }
    sudden = [each for each in lines() if each.kind == "matter" and each.from_code.startswith("05")]
    assert {each.to_code for each in sudden} == {None, "10001", "10002"}
    wall = successor("component", "0508")
    assert wall is not None
    assert (wall.to_code, wall.relation) == ("01071", "moved")
    assert successor("component", "9999") is None
