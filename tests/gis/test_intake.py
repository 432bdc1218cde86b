"""From the columns of a file to the fields of a layer."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gis.intake import Mapped, map_fields, read_code
from gis.layer import Field
from gis.tables import Table

CODE = Field("code", "code", "code", "编码", required=True, aliases=("bgid", "编码"))
NAME = Field("name", "text", "name", "名称", aliases=("名称",))
SINCE = Field("since", "date", "since", "自")
RANK = Field("rank", "integer", "rank", "级")
AREA = Field("area", "number", "area", "面积")
SEEN = Field("seen", "time", "seen at", "时间")
ATTRIBUTES = Field("attributes", "document", "further attributes", "其他属性")
FIELDS = (CODE, NAME, SINCE, RANK, AREA, SEEN, ATTRIBUTES)


def table(**columns: list[Any]) -> Table:
    count = len(next(iter(columns.values()), []))
    arrays = {name: np.fromiter(values, dtype=object, count=count) for name, values in columns.items()}
    return Table(arrays, None, None, np.arange(1, count + 1))


def mapped(mapping: dict[str, str] | None = None, /, **columns: list[Any]) -> Mapped:
    return map_fields(table(**columns), FIELDS, mapping or {})


def faults(result: Mapped) -> list[tuple[str, int | None]]:
    return [(fault.code, fault.row) for fault in result.faults]


def test_a_field_takes_the_column_of_its_name_or_of_an_alias_whatever_the_case() -> None:
    result = mapped(**{" BGID ": ["1"], "名称": ["甲"]})
    assert result.faults == ()
    assert result.values["code"].tolist() == ["1"]
    assert result.values["name"].tolist() == ["甲"]
    assert result.extra == ({},)


def test_its_own_name_comes_before_an_alias_and_the_rest_is_carried_along() -> None:
    result = mapped(bgid=["2"], code=["1"], height=[3.5], empty=[None], nothing=[float("nan")])
    assert result.values["code"].tolist() == ["1"]
    assert result.extra == ({"bgid": "2", "height": 3.5},)


def test_a_mapping_comes_before_everything() -> None:
    result = mapped({"code": "other"}, code=["1"], other=["2"])
    assert result.values["code"].tolist() == ["2"]
    assert result.extra == ({"code": "1"},)


def test_a_mapping_need_not_match_in_case() -> None:
    assert mapped({"code": "other"}, OTHER=["2"]).values["code"].tolist() == ["2"]


def test_columns_that_differ_by_case_only_are_kept_apart() -> None:
    assert mapped({"code": "Id"}, Id=["1"], ID=["2"], id=["3"]).values["code"].tolist() == ["1"]
    result = mapped({"code": "ID"}, Id=["1"], ID=["2"], id=["3"])
    assert result.values["code"].tolist() == ["2"]
    assert result.extra == ({"Id": "1", "id": "3"},)
    assert mapped(CODE=["1"], code=["2"]).values["code"].tolist() == ["2"]


def test_a_needed_column_that_is_missing_is_named_with_what_there_is() -> None:
    result = mapped(height=["1", "2"])
    assert faults(result) == [("column_missing", None)]
    assert "height" in result.faults[0].en
    assert "--map code=" in result.faults[0].en
    assert result.values["code"].tolist() == [None, None]


def test_a_mapped_column_that_is_missing_is_a_fault_even_if_the_field_may_be_empty() -> None:
    assert faults(mapped({"name": "title"}, code=["1"])) == [("column_missing", None)]
    assert faults(mapped(code=["1"])) == []


@pytest.mark.parametrize("name", ["colour", "attributes"])
def test_a_mapping_to_a_field_that_does_not_exist_is_a_fault(name: str) -> None:
    result = mapped({name: "code"}, code=["1"])
    assert faults(result) == [("field_unknown", None)]
    assert "rank" in result.faults[0].en


def test_a_column_that_is_called_like_a_document_is_carried_along() -> None:
    result = mapped(code=["1"], attributes=["red"])
    assert result.faults == ()
    assert result.values["attributes"].tolist() == [None]
    assert result.extra == ({"attributes": "red"},)


@pytest.mark.parametrize("value", [None, "", "  ", "\u3000\t", "\0\0", float("nan")])
def test_a_value_that_must_be_there_is_missed_with_its_row(value: object) -> None:
    result = mapped(code=["1", value])
    assert faults(result) == [("value_missing", 2)]
    assert result.values["code"].tolist() == ["1", None]


def test_blanks_are_no_value() -> None:
    result = mapped(code=["1"], name=["  "], rank=[" "], area=["\0\0"], since=["\u3000"])
    assert result.faults == ()
    assert [result.values[name][0] for name in ("name", "rank", "area", "since")] == [None] * 4


@pytest.mark.parametrize(
    ("value", "code"),
    [
        ("007", "007"),
        (" 007 ", "007"),
        ("007\0\0", "007"),
        (440305001001003, "440305001001003"),
        (440305001001003.0, "440305001001003"),
        (2**60 + 1, str(2**60 + 1)),
        (float(2**53 - 1), str(2**53 - 1)),
        ("1e3", "1e3"),
        ("甲-1", "甲-1"),
    ],
)
def test_a_code_stays_the_text_it_was(value: object, code: str) -> None:
    assert mapped(code=[value]).values["code"].tolist() == [code]
    assert read_code(value) == code


@pytest.mark.parametrize("value", [1.5, float(2**53), 4.40305001001003e17, float("inf"), -float("inf"), True])
def test_a_number_that_no_longer_holds_every_digit_of_a_code_is_refused(value: object) -> None:
    result = mapped(code=["1", value])
    assert faults(result) == [("code_damaged", 2)]
    assert "as text" in result.faults[0].en
    assert result.values["code"][1] is None


@given(st.integers(-(2**53) + 1, 2**53 - 1))
def test_a_whole_number_that_a_float_can_hold_is_read_as_its_digits(number: int) -> None:
    assert read_code(float(number)) == read_code(number) == str(number)


def test_text_with_a_nul_inside_is_refused_in_print() -> None:
    result = mapped(code=["a\0b"], name=["c\0d"])
    assert faults(result) == [("value_wrong", 1), ("value_wrong", 1)]
    assert all("\0" not in fault.en + fault.zh for fault in result.faults)


@pytest.mark.parametrize(
    ("value", "date"),
    [
        ("2024-05-01", "2024-05-01"),
        ("20240501", "2024-05-01"),
        ("2024/05/01", "2024-05-01"),
        (20240501, "2024-05-01"),
        (20240501.0, "2024-05-01"),
        ("2024-05-01T23:59:59", "2024-05-01"),
        ("2024-05-01 00:00:00+08:00", "2024-05-01"),
        ("2024-02-29", "2024-02-29"),
    ],
)
def test_a_date_is_read_however_it_is_written(value: object, date: str) -> None:
    result = mapped(code=["1"], since=[value])
    assert result.faults == ()
    assert result.values["since"].tolist() == [date]


@pytest.mark.parametrize("value", ["2023-02-29", "01.05.2024", "20241301", "yesterday", 1.5, 5, "0000-00-00", True])
def test_what_is_no_date_is_refused_with_its_row(value: object) -> None:
    result = mapped(code=["1", "2"], since=["2024-05-01", value])
    assert faults(result) == [("value_wrong", 2)]
    assert result.values["since"].tolist() == ["2024-05-01", None]


def test_numbers_are_read_from_text_and_kept_exactly() -> None:
    result = mapped(code=["1"] * 4, rank=["12", 12.0, "12.0", "9007199254740993"], area=["1.5", 1, "1e3", "-0"])
    assert result.faults == ()
    assert result.values["rank"].tolist() == [12, 12, 12, 9007199254740993]
    assert result.values["area"].tolist() == [1.5, 1.0, 1000.0, 0.0]


@pytest.mark.parametrize("value", ["much", "1,5", "inf", "nan", float("inf"), "1e999", "1_0", True])
def test_what_is_no_number_is_refused(value: object) -> None:
    assert faults(mapped(code=["1"], rank=[value])) == [("value_wrong", 1)]
    assert faults(mapped(code=["1"], area=[value])) == [("value_wrong", 1)]


@pytest.mark.parametrize("value", [-1, "10.5", 10**30, "x"])
def test_a_number_lies_within_the_bounds_of_its_field(value: object) -> None:
    near = Field("near", "number", "distance", "距离", within=(0, 10))
    result = map_fields(table(near=[value, 0, "10", None]), (near,), {})
    assert faults(result) == [("value_wrong", 1)]
    assert result.values["near"].tolist() == [None, 0, 10, None]


def test_a_code_that_no_index_takes_is_refused() -> None:
    assert faults(mapped(code=["x" * 201, "y" * 200])) == [("value_wrong", 1)]


def test_a_fraction_is_no_integer() -> None:
    assert faults(mapped(code=["1"], rank=[1.5])) == [("value_wrong", 1)]


def test_a_time_is_read_with_or_without_its_zone() -> None:
    result = mapped(code=["1", "2", "3"], seen=["2024-05-01T08:00:00+08:00", "2024-05-01 08:00", "noon"])
    assert faults(result) == [("value_wrong", 3)]
    assert result.values["seen"].tolist() == ["2024-05-01T08:00:00+08:00", "2024-05-01T08:00:00", None]


def test_what_is_carried_along_can_be_kept_as_json() -> None:
    result = mapped(code=["1"], far=[float("inf")], padded=["a\0\0"], yes=[True], n=[3], list=[[1]])
    assert result.extra == ({"far": "inf", "padded": "a", "yes": True, "n": 3, "list": "[1]"},)


def test_rows_are_named_as_they_are_counted_in_the_file() -> None:
    given_rows = Table({"code": np.array([None, "1"], dtype=object)}, None, None, np.array([17, 90]))
    assert faults(map_fields(given_rows, FIELDS, {})) == [("value_missing", 17)]


def test_a_table_without_rows_has_no_values_and_no_faults() -> None:
    result = mapped(code=[])
    assert result.faults == ()
    assert result.extra == ()
    assert all(len(values) == 0 for values in result.values.values())


@given(
    st.dictionaries(
        st.sampled_from(["code", "CODE", " name", "bgid", "since", "rank", "area", "seen", "attributes", "其他"]),
        st.lists(st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6), min_size=3, max_size=3),
    )
)
def test_nothing_that_a_file_can_hold_breaks_the_reading(columns: dict[str, list[Any]]) -> None:
    result = map_fields(table(**columns), FIELDS, {})
    assert result.values.keys() == {field.name for field in FIELDS}
    assert all(fault.en and fault.zh for fault in result.faults)
