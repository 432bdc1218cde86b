"""The fast ways out of Arrow columns give what the slow ones give."""

import csv
import io

import numpy as np
import pyarrow as pa
import pytest

from gis.formats.columns import from_arrow, to_cells, to_text, to_values

COLUMNS = [
    pa.array(["a", None, "", "备注"]),
    pa.array(["a", None, "a", ""]).dictionary_encode(),
    pa.array([None, None], pa.string()).dictionary_encode(),
    pa.array([1.5, None, -0.0, 1e-7, 1e22, 0.1 + 0.2, 123456789.123]),
    pa.array([float("nan"), float("inf"), 1.0]),
    pa.array([1, 2, 2**62]),
    pa.array([1, None]),
    pa.array([True, None, False]),
    pa.array([np.datetime64("2026-05-01T08:00:00", "s"), None]),
    pa.array([[1, 2], None]),
    pa.array([1.5, 2.5], pa.float32()),
    pa.nulls(3),
]


@pytest.mark.parametrize("column", COLUMNS, ids=lambda column: str(column.type))
def test_values_are_those_of_the_slow_way(column: pa.Array) -> None:
    plain = column.dictionary_decode() if pa.types.is_dictionary(column.type) else column
    expected = [None if each != each else each for each in from_arrow(plain).tolist()]
    assert to_values(column) == expected
    assert [type(each) for each in to_values(column)] == [type(each) for each in expected]
    cells = [to_text(each) for each in from_arrow(plain).tolist()]
    out: list[io.StringIO] = []
    for values in (cells, to_cells(column)):
        out.append(io.StringIO())
        csv.writer(out[-1]).writerows([each] for each in values)
    assert out[0].getvalue() == out[1].getvalue()
    assert to_values(column[1:]) == expected[1:]
