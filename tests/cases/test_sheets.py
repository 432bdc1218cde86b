"""Rule books as tables: what a sheet says is what the YAML says, with heads in either language."""

from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import openpyxl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cases.books import read_book
from cases.rules import Basis, Rule, Target, parse, to_document, to_table, written
from cases.rules.windows import Window
from gis.errors import Refusal
from gis.formats import write
from gis.tables import Table

MANUAL = """规则编码,小类名称,类型,小类代码,立案条件,处置单位,处置时限,依据,文号,星期,时段,兜底,优先级
cover,上水井盖,部件,01001,破损,部件：养护单位；片区：drainage；区划：街道,4h,按专业管养范围,城管发〔2025〕44号,,,,10
night,夜市占道,事项,07002,,ENFORCE,2h,,,fri-sat,18:00-02:00,否,
rest,兜底,,,,division: street,,,,,,是,-100
"""


def test_a_command_manual_in_csv_is_a_rule_book(tmp_path: Path) -> None:
    file = tmp_path / "手册.csv"
    file.write_text(MANUAL, encoding="gb18030")
    rules, faults = parse(read_book(file, encoding="gb18030"))
    assert not faults
    cover, night, rest = rules
    assert cover.to == (Target("component", "maintainer"), Target("area", "drainage"), Target("division", "street"))
    assert (cover.kind, cover.class_code, cover.condition, cover.priority) == ("component", "01001", "破损", 10)
    assert cover.basis == Basis(text="按专业管养范围", number="城管发〔2025〕44号")
    assert (night.kind, night.to) == ("matter", (Target("department", "ENFORCE"),))
    assert night.when == Window("Asia/Shanghai", weekdays=(4, 5), hours=((1080, 120),))
    assert (rest.fallback, rest.priority) == (True, -100)


def table(**columns: list[Any]) -> Table:
    filled = {}
    for name, values in columns.items():
        filled[name] = np.empty(len(values), dtype=object)
        filled[name][:] = values
    count = len(next(iter(columns.values())))
    return Table(filled, None, None, np.arange(1, count + 1))


@pytest.mark.parametrize(
    ("columns", "code"),
    [
        ({"code": ["a"], "to": [None]}, "no_targets"),
        ({"code": [None], "to": ["A"]}, "code_missing"),
        ({"code": ["a"], "to": ["somewhere: A"]}, "wrong_target"),
        ({"code": ["a"], "to": ["component: 谁"]}, "wrong_value"),
        ({"code": ["a"], "to": ["A"], "kind": ["井盖"]}, "wrong_value"),
        ({"code": ["a"], "to": ["A"], "优先级": ["高"]}, "wrong_type"),
        *(({"code": ["a"], "to": ["A"], "优先级": [each]}, "wrong_type") for each in ("+-5", "--5", "1e3", "５", "²")),
        *(({"code": ["a"], "to": ["A"], "优先级": [each]}, "wrong_type") for each in (1.5, True, "9" * 12)),
        ({"code": ["a"], "to": ["A"], "优先级": [1e300]}, "wrong_value"),
        ({"code": ["a"], "to": ["A"], "兜底": ["也许"]}, "wrong_type"),
        ({"code": ["a"], "to": ["A"], "class": [1001.0]}, "wrong_type"),
        ({"code": ["a"], "to": ["A"], "hours": ["8 to 12"]}, "wrong_window"),
        ({"code": ["a"], "to": ["A"], "时区": ["+08:00"]}, "wrong_window"),
        ({"code": ["a"], "to": ["A"], "备注": ["x"]}, "unknown_field"),
        ({"code": ["a"], "to": ["A"], "name": ["x"], "规则名称": ["y"]}, "unknown_field"),
    ],
)
def test_what_a_sheet_says_wrong_is_told_with_its_row(columns: dict[str, list[Any]], code: str) -> None:
    rules, faults = parse(to_document(table(**columns)))
    assert not rules
    assert [(fault.code, fault.row) for fault in faults] == [(code, 1)]


def test_empty_cells_ask_nothing() -> None:
    document = to_document(table(code=["a"], to=["A"], hours=[""], basis=[float("nan")], priority=["  "], url=[None]))
    assert document == {"rules": [{"code": "a", "to": [{"department": "A"}]}]}


TEXT = st.text("甲乙 a1.〔〕", min_size=1, max_size=5).map(str.strip).filter(bool)
MAYBE = st.one_of(st.none(), TEXT)
WINDOWS = st.builds(
    Window, st.just("+08:00"), st.just(((date(2026, 10, 1), date(2026, 10, 7)),)),
    st.sampled_from([(), (0, 2)]), st.sampled_from([(), ((60, 30), (480, 720))]),
)  # fmt: skip
TARGETS = st.one_of(
    st.sampled_from([("component", "owner"), ("division", "street"), ("area", "drainage")]),
    TEXT.map(lambda text: ("department", text)),
)
RULES = st.builds(
    Rule, owner=st.sampled_from(["", "4403"]), code=TEXT, to=st.lists(TARGETS, min_size=1, max_size=3).map(
        lambda targets: tuple(Target(*each) for each in targets)
    ), name=MAYBE, edition=st.sampled_from([None, "2026"]), kind=st.sampled_from([None, "component", "matter"]),
    class_code=st.sampled_from([None, "01001"]), condition=MAYBE, priority=st.integers(-9, 9), fallback=st.booleans(),
    time_limit=MAYBE, supervisor=MAYBE, basis=st.one_of(st.none(), st.builds(Basis, text=TEXT, url=MAYBE)),
    when=st.one_of(st.none(), WINDOWS),
)  # fmt: skip


@settings(deadline=None, max_examples=40)
@given(
    st.lists(RULES, min_size=1, max_size=5, unique_by=lambda rule: (rule.owner, rule.code)),
    st.sampled_from(["book.csv", "book.xlsx"]),
    st.sampled_from(["en", "zh"]),
)
def test_a_book_that_was_written_as_a_table_is_read_again(
    tmp_path_factory: pytest.TempPathFactory, rules: list[Rule], name: str, heads: str
) -> None:
    file = tmp_path_factory.mktemp("book") / name
    write(file, to_table([written(rule) for rule in rules], heads), layer="rules")
    again, faults = parse(read_book(file))
    assert not faults
    assert again == rules


@pytest.mark.parametrize(
    ("text", "code", "row"),
    [("code,to,class\na,A,01001\nb,A\n", "cells_uneven", 2), ("code,to\na,A,x\n", "cells_uneven", 1)],
)
def test_a_row_of_a_book_that_lost_or_won_a_cell_is_refused(tmp_path: Path, text: str, code: str, row: int) -> None:
    file = tmp_path / "book.csv"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(Refusal) as refused:
        read_book(file)
    assert [(each.code, each.row) for each in refused.value.faults] == [(code, row)]


@pytest.mark.parametrize(("cell", "code"), [("=A1", "formula_not_computed"), ("#REF!", "cell_error")])
def test_a_cell_that_counts_as_empty_does_not_widen_a_rule(tmp_path: Path, cell: str, code: str) -> None:
    file = tmp_path / "book.xlsx"
    book = openpyxl.Workbook()
    book.active.append(["code", "to", "class"])
    book.active.append(["a", "A", cell])
    if code == "cell_error":
        book.active.cell(2, 3).data_type = "e"
    book.save(file)
    with pytest.raises(Refusal) as refused:
        read_book(file)
    assert [(each.code, each.severity, each.row) for each in refused.value.faults] == [(code, "error", 1)]
