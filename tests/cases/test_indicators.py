"""Indicators: formulas that are read and nothing else, values that say what was zero, and sets as data."""

import ast
import operator
from contextlib import suppress
from typing import Any

import jsonschema
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cases.indicators.evaluation import evaluate_all
from cases.indicators.formula import LONGEST, evaluate, parse_formula
from cases.indicators.model import NAMES
from cases.indicators.reading import MEMBERS, SET, SHIPPED, load_set, parse_set, shipped, shipped_text
from cases.indicators.schema import indicator_schema
from cases.rules import load_yaml
from gis.errors import Refusal

VALIDATOR = jsonschema.Draft202012Validator(indicator_schema())
KNOWN = ("a", "b", "c")
LEAVES = st.sampled_from([*KNOWN, "0", "1", "2.5", "100"])
FORMULAS = st.recursive(
    LEAVES,
    lambda below: st.one_of(
        st.builds("({} {} {})".format, below, st.sampled_from("+-*/"), below), st.builds("-({})".format, below)
    ),
    max_leaves=8,
).filter(lambda text: len(text) <= LONGEST)
SUMS = st.fixed_dictionaries({name: st.lists(st.integers(0, 3), min_size=3, max_size=3) for name in KNOWN})


@settings(max_examples=200)
@given(FORMULAS, SUMS)
def test_a_formula_has_the_value_that_python_gives_it_or_says_what_was_zero(
    text: str, sums: dict[str, list[int]]
) -> None:
    formula = parse_formula(text, KNOWN)
    value, undefined = evaluate(formula, {name: np.array(each) for name, each in sums.items()}, 3)
    for at in range(3):
        names = {name: each[at] for name, each in sums.items()}
        try:
            wanted = plainly(ast.parse(text, mode="eval").body, names)
        except ZeroDivisionError:
            assert np.isnan(value[at])
            divisor = undefined[at].divisor
            assert divisor is not None
            assert plainly(ast.parse(divisor, mode="eval").body, names) == 0
        else:
            assert value[at] == pytest.approx(wanted)
            assert at not in undefined


def plainly(node: Any, names: dict[str, int]) -> float:
    match node:
        case ast.Constant():
            return float(node.value)
        case ast.Name():
            return float(names[node.id])
        case ast.UnaryOp():
            return -plainly(node.operand, names)
    signs = {ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.truediv}
    found: float = signs[type(node.op)](plainly(node.left, names), plainly(node.right, names))
    return found


STRANGE = """a +|a ** 2|a // b|a % b|f(a)|a.real|a[0]|[a]|(a, b)|a if b else c|a < b|lambda: a|a and b|True|None|'a'
|b'a'|1j|1_000|1or 2|d|__import__|+a|(a := b)|a; b|...|1e400|f'{a}'|not a|全|99999999999999999999"""


@pytest.mark.parametrize("text", ["", "a\x00", "(" * 150 + "a" + ")" * 150, "a" * 301, *STRANGE.split("|")])
def test_anything_else_is_refused_in_words(text: str) -> None:
    with pytest.raises(Refusal) as refused:
        parse_formula(text, KNOWN)
    assert refused.value.code == "formula_wrong"


@given(st.text(max_size=40))
def test_no_text_does_anything_but_be_read_or_refused(text: str) -> None:
    with suppress(Refusal):
        assert parse_formula(text, KNOWN).names <= set(KNOWN)


def test_what_grows_beyond_every_number_is_undefined_without_a_divisor() -> None:
    formula = parse_formula(" * ".join(["a"] * 60), KNOWN)
    value, undefined = evaluate(formula, {"a": np.array([1e6])}, 1)
    assert np.isnan(value[0])
    assert undefined[0].divisor is None


def test_the_score_is_over_the_weights_that_have_a_value() -> None:
    members = [
        {
            "code": "up",
            "name": "高",
            "formula": "closed / received",
            "weight": 3,
        },
        {"code": "down", "name": "低", "formula": "returned / told", "weight": 1, "better": "low"},
        {"code": "shown", "name": "只看", "formula": "returns"},
    ]
    found, faults = parse_set({"code": "x", "indicators": members})
    assert found is not None, faults
    sums = {name: np.zeros(3) for name in NAMES} | {
        "received": np.array([4, 4, 0]),
        "closed": np.array([3, 4, 0]),
        "told": np.array([2, 0, 0]),
        "returned": np.array([1, 0, 0]),
    }
    scored = evaluate_all(found.indicators, sums, 3)
    assert scored.score[:2].tolist() == pytest.approx([100 * (3 * 0.75 + 0.5) / 4, 100.0])
    assert np.isnan(scored.score[2])
    assert (scored.weight.tolist(), scored.whole) == ([4.0, 3.0, 0.0], 4.0)
    assert scored.undefined["down"][1].divisor == "told"


@pytest.mark.parametrize("code", SHIPPED)
def test_the_sets_that_ship_are_valid_and_say_what_they_follow(code: str) -> None:
    assert list(VALIDATOR.iter_errors(load_yaml(shipped_text(code)))) == []
    held = shipped(code)
    assert held.code == code
    assert "read second-hand" in held.after
    for view in ("region", "department", "post"):
        assert sum(each.weight for each in held.indicators if each.is_told(view, None)) == 100


def test_an_indicator_is_told_in_its_views_and_over_its_period_or_longer() -> None:
    rework = next(each for each in shipped("cjt292").indicators if each.code == "rework")
    told = [rework.is_told("region", period) for period in ("day", "week", "month", None)]
    assert told == [False, True, True, True]
    assert not rework.is_told("post", "month")


GOOD = {"code": "ok", "name": "名", "formula": "closed / received"}
ODD = st.sampled_from([None, "", "x y", 5, -1, True, [], {}, "region", "month", "low", float("nan")])
ITEMS = st.fixed_dictionaries(
    {},
    optional={
        "code": st.one_of(st.just("ok"), ODD),
        "name": st.one_of(st.just("名"), ODD),
        "formula": st.one_of(st.just("closed"), ODD),
        "view": st.one_of(ODD, st.lists(st.sampled_from(["region", "post", "x"]), max_size=2)),
        **dict.fromkeys(("period", "weight", "better", "note", "name_en", "strange"), ODD),
    },
)
DOCUMENTS = st.fixed_dictionaries(
    {"indicators": st.one_of(st.lists(st.one_of(st.just(GOOD), ITEMS), max_size=1), ODD)},
    optional={"code": st.one_of(st.just("set"), ODD), "name": ODD, "after": ODD, "strange": ODD},
)


@settings(max_examples=400)
@given(DOCUMENTS)
def test_what_the_schema_passes_the_reader_reads_but_for_formulas(document: dict[str, Any]) -> None:
    found, faults = parse_set(document)
    if any(fault.code == "formula_wrong" for fault in faults):
        return
    assert VALIDATOR.is_valid(document) == (found is not None), faults


def test_the_schema_names_the_members_that_the_reader_knows() -> None:
    schema = indicator_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    assert set(schema["properties"]) == SET
    assert set(schema["properties"]["indicators"]["items"]["properties"]) == MEMBERS


BAD = """code: x
indicators:
- {code: a, name: 甲, formula: closed}
- {code: a, name: 乙, formula: closed / nothing}
- {code: a, name: 丙, formula: open, weight: -1, view: all}
- {code: a, name: 丁, formula: open}
"""


def test_every_fault_of_a_set_is_told_with_its_row() -> None:
    with pytest.raises(Refusal) as refused:
        load_set(BAD)
    assert [(fault.code, fault.row) for fault in refused.value.faults] == [
        ("formula_wrong", 2),
        ("indicator_wrong", 3),
        ("indicator_wrong", 3),
        ("indicator_wrong", 4),
    ]
