"""Fields made of constants and of columns."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gis.tables import Table
from gis.texts import check_text, columns_in, fill
from tests.gis.samples import column, refusal


def table(**columns: list[object]) -> Table:
    count = len(next(iter(columns.values())))
    return Table({name: column(*each) for name, each in columns.items()}, None, None, np.arange(1, count + 1))


def filled(text: str, **columns: list[object]) -> tuple[list[object], list[tuple[str, int | None]]]:
    found, names = fill(table(**columns), {"code": text})
    return found.columns[names["code"]].tolist(), [(fault.code, fault.row) for fault in found.faults]


def test_a_constant_is_the_same_in_every_row() -> None:
    assert filled("01037", ID=[1, 2]) == (["01037", "01037"], [])


def test_a_column_stands_in_a_text_as_digits_or_as_it_is() -> None:
    assert filled("L-{ID}/{ Name }", ID=[7, 8.0], name=[" a ", "b"]) == (["L-7/a", "L-8/b"], [])
    assert filled("{A}", A=[1.25, True])[0] == ["1.25", "True"]


def test_a_row_with_nothing_in_the_column_gets_nothing() -> None:
    assert filled("L-{ID}", ID=[None, " ", float("nan"), 3]) == ([None, None, None, "L-3"], [])


def test_a_number_that_lost_digits_is_an_error_of_its_row() -> None:
    assert filled("L-{ID}", ID=[1, 4.403050010010011e17]) == (["L-1", None], [("code_damaged", 2)])


def test_a_column_that_is_not_there_is_told_once() -> None:
    assert filled("L-{NR}", ID=[1, 2]) == ([None, None], [("column_missing", None)])


def test_a_column_of_the_same_name_is_left_alone() -> None:
    found, names = fill(table(code=["a"], ID=[1]), {"code": "{ID}"})
    assert (found.columns["code"].tolist(), found.columns[names["code"]].tolist()) == (["a"], ["1"])


@pytest.mark.parametrize("text", ["{", "a}", "{}", "{{}", "{a{b}}"])
def test_a_brace_that_stands_alone_is_refused(text: str) -> None:
    assert refusal(check_text, text).code == "mapping_wrong"


@given(st.text())
def test_any_text_can_be_said_with_doubled_braces(text: str) -> None:
    said = text.replace("{", "{{").replace("}", "}}")
    check_text(said)
    assert columns_in(said) == []
    assert filled(said, ID=[1])[0] == [text]
