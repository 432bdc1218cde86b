"""The JSON schema of rule books says of a book what the reader says of its form."""

from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cases.rules import load_yaml, parse, written
from cases.rules.reading import _BASIS, _DOCUMENT, _RULE
from cases.rules.schema import rule_book_schema
from examples.model_city import write
from tests.conftest import ROOT
from tests.docs.test_reference import page, section

SCHEMA = rule_book_schema()
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)
BEYOND = {"code_duplicate", "place_outside_owner", "zone_unknown"}
"""Faults that no schema can see."""

NAMES = st.sampled_from(["a", "440305", " ", "", "0101", None, 7, 1.5, True, [], {}])
TEXT = st.sampled_from(["a", "b", " c "])
ODD = st.one_of(TEXT, NAMES)
TARGETS = st.one_of(
    st.builds(
        lambda kind, value: {kind: value}, st.sampled_from(["department", "area", "division", "component", "x"]), ODD
    ),
    st.sampled_from([{"component": "owner"}, {"component": " maintainer"}, {}, {"department": "a", "area": "b"}, "a"]),
)
SPANS = st.sampled_from(
    ["mon-fri", "Sat", "mo", "22:00-02:00", "8:00-8:0", "08:30-12:00", "2026-10-01/2026-10-07", "2026-10-01",
     None, "", [], ["mon", "sun"], ["09:00-10:00", 5], 5, ["2026-06-01"]]
)  # fmt: skip
WINDOWS = st.one_of(
    st.dictionaries(st.sampled_from(["dates", "weekdays", "hours", "zone", "x"]), SPANS, max_size=3),
    st.sampled_from([None, {"weekdays": "mon-fri", "zone": "+08:00"}, {"hours": "22:00-02:00"}, "mon"]),
)
RULES = st.fixed_dictionaries(
    {
        "code": st.one_of(TEXT, TEXT, TEXT, ODD),
        "to": st.one_of(st.lists(TARGETS, max_size=2), st.just([{"area": "a"}])),
    },
    optional={
        **{name: st.one_of(TEXT, ODD) for name in ("name", "class", "class_prefix", "condition", "area_layer", "area")},
        "place": st.one_of(st.none(), st.just("4403"), st.just(5)),
        "edition": st.sampled_from(["2026", 2026, None, "", True, "dc"]),
        "kind": st.sampled_from(["component", "matter ", None, "both", 5]),
        "priority": st.sampled_from([5, -1, None, "5", True]),
        "fallback": st.sampled_from([True, False, None, "yes", 1]),
        "basis": st.sampled_from([None, "", "text", {"number": "1"}, {"date": None}, {"x": "1"}, {"text": ""}, [], 5]),
        "when": WINDOWS,
        "unknown": st.just("x"),
    },
)
DOCUMENTS = st.fixed_dictionaries(
    {"rules": st.lists(st.one_of(RULES, RULES, st.sampled_from([None, "x"])), max_size=2)},
    optional={"owner": st.sampled_from(["4403", None, "", 5]), "zone": st.sampled_from(["Asia/Shanghai", None]),
              "unknown": st.just(1)},
)  # fmt: skip


def faults(document: Any) -> list[str]:
    """What is wrong with a document as the reader tells it, but for what no schema can see."""
    return [fault.code for fault in parse(document)[1] if fault.code not in BEYOND]


@settings(max_examples=600)
@given(DOCUMENTS)
def test_what_the_reader_reads_the_schema_passes_and_nothing_else(document: dict[str, Any]) -> None:
    assert VALIDATOR.is_valid(document) == (faults(document) == []), faults(document)


@pytest.mark.parametrize("document", [None, [], {}, {"rules": None}, {"rules": {}}, "rules"])
def test_what_is_no_book_is_none_to_both(document: Any) -> None:
    assert not VALIDATOR.is_valid(document)
    assert faults(document)


def test_the_schema_is_one_and_names_the_members_that_the_reader_knows() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    assert set(SCHEMA["properties"]) == _DOCUMENT
    assert set(SCHEMA["$defs"]["rule"]["properties"]) == _RULE
    assert set(SCHEMA["$defs"]["basis"]["properties"]) == set(_BASIS)
    described = [SCHEMA["$defs"]["rule"]["properties"][name] for name in _RULE - {"basis", "when"}]
    assert all(each["description"] for each in described)


def test_the_books_that_are_shipped_are_valid(tmp_path: Path) -> None:
    book = load_yaml(write(tmp_path, 60, cases=0).folder / "rules.yaml")
    example = section(page("rulebook"), "# The rule book 指挥手册").split("```yaml")[1].split("```")[0]
    books = [book, load_yaml(example)]
    for path in sorted((ROOT / "docs" / "how-to").glob("*.md")):
        blocks = path.read_text(encoding="utf-8").split("```yaml")[1:]
        found = [load_yaml(each.split("```")[0]) for each in blocks]
        books += [each for each in found if isinstance(each, dict) and isinstance(each.get("rules"), list)]
    assert len(books) > 4
    for each in books:
        assert list(VALIDATOR.iter_errors(each)) == []


def test_a_book_that_is_written_is_valid(tmp_path: Path) -> None:
    rules, _ = parse(load_yaml(write(tmp_path, 60, cases=0).folder / "rules.yaml"))
    assert VALIDATOR.is_valid({"rules": [written(each) for each in rules]})
