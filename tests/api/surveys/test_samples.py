"""The field sample of a delivery: drawn, taken out, filled in, taken back."""

import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from openpyxl import load_workbook

from api.surveys.checking import checked
from api.surveys.report import write_workbook
from api.surveys.samples import judge_sample, read_draw, write_sample
from api.transfer.imports import Options
from components.surveys.rules import default_limits
from components.surveys.sampling import Draw
from gis.errors import Refusal
from gis.formats import read, write
from gis.store.engine import Store
from tests.api.surveys.deliveries import CLASSES, deliver, rows, whole

OPTIONS = Options(edition="")


def drawn(store: Store, delivery: Path, out: Path, share: str = "15%", seed: int = 7) -> list[str]:
    """The codes of a sample, which is written to `out`."""
    with checked(store, delivery, OPTIONS, default_limits()) as found:
        write_sample(out, found, read_draw(share, seed))
    table = read(out)
    column = table.columns.get("标识码", table.columns.get("code"))
    assert column is not None
    return [str(each) for each in column.tolist()]


def filled(path: Path, values: dict[int, dict[str, Any]] | None = None, **usual: Any) -> Path:
    """The workbook of a sample as an inspector fills it in: the same in every line but those of `values`, from 1."""
    book = load_workbook(path)
    sheet = book.active
    assert sheet is not None
    heads = {cell.value: cell.column for cell in sheet[1]}
    for number in range(1, sheet.max_row):
        for name, value in {**usual, **(values or {}).get(number, {})}.items():
            sheet.cell(number + 1, heads[name], value)
    book.save(path)
    return path


def test_of_each_class_a_share_is_drawn_rounded_up(store: Store, tmp_path: Path) -> None:
    codes = drawn(store, whole(tmp_path / "d"), tmp_path / "s.xlsx", "15%")
    assert [code[6:11] for code in codes] == [of for of in sorted(CLASSES) for _ in range(2)]
    assert len(drawn(store, tmp_path / "d", tmp_path / "all.xlsx", "100%")) == 30
    assert len(drawn(store, tmp_path / "d", tmp_path / "few.xlsx", "0.1%")) == 3


def test_a_sample_follows_from_seed_and_codes_and_not_from_the_order_of_rows_or_files(
    store: Store, tmp_path: Path
) -> None:
    one = drawn(store, whole(tmp_path / "d"), tmp_path / "one.xlsx")
    assert drawn(store, tmp_path / "d", tmp_path / "two.xlsx") == one
    assert drawn(store, tmp_path / "d", tmp_path / "other.xlsx", seed=8) != one
    every = [each for of in CLASSES for each in rows(of)]
    random.Random(1).shuffle(every)
    deliver(tmp_path / "e" / "全部.gpkg", every)
    assert drawn(store, tmp_path / "e", tmp_path / "shuffled.xlsx") == one


def test_a_sample_that_is_right_passes_and_says_how_precise_it_is(store_of_either: Store, tmp_path: Path) -> None:
    store = store_of_either
    sample = tmp_path / "s.xlsx"
    drawn(store, whole(tmp_path / "d"), sample)
    filled(sample, {2: {"位置误差（米）": 0.9}}, **{"是否找到": "是", "属性正确": "是", "位置误差（米）": 0.3})
    with checked(store, tmp_path / "d", OPTIONS, default_limits()) as found:
        judged, faults = judge_sample(sample, found)
        write_workbook(tmp_path / "r.xlsx", found, judged)
    assert faults == []
    assert all(each.passed for each in judged)
    whole_sample = judged[-1]
    assert (whole_sample.name, whole_sample.drawn, whole_sample.inspected, whole_sample.right) == ("", 6, 6, 6)
    errors = np.array([0.3, 0.9, 0.3, 0.3, 0.3, 0.3])
    assert whole_sample.mean_m == pytest.approx(errors.mean())
    assert whole_sample.rms_m == pytest.approx(np.sqrt((errors**2).mean()))
    assert whole_sample.worst_m == 0.9
    sheet = load_workbook(tmp_path / "r.xlsx")["抽样"]
    lines = [line[:7] for line in sheet.iter_rows(min_row=2, values_only=True)]
    assert lines[0] == ("2026 01001", 2, 2, 2, 2, 2, 1)
    assert lines[-1] == ("总体 overall", 6, 6, 6, 6, 6, 1)


@pytest.mark.parametrize(
    "wrong",
    [{"是否找到": "否"}, {"属性正确": "否"}, {"位置误差（米）": 4.2}],
    ids=["lost", "attributes wrong", "displaced"],
)
def test_one_wrong_of_two_fails_its_class(store: Store, tmp_path: Path, wrong: dict[str, Any]) -> None:
    sample = tmp_path / "s.xlsx"
    drawn(store, whole(tmp_path / "d"), sample)
    filled(sample, {3: wrong}, **{"是否找到": "是", "属性正确": "是", "位置误差（米）": 0.3})
    with checked(store, tmp_path / "d", OPTIONS, default_limits()) as found:
        judged, _ = judge_sample(sample, found)
    assert [(each.name, each.right, each.passed) for each in judged] == [
        ("2026 01001", 2, True),
        ("2026 01002", 1, False),
        ("2026 01037", 2, True),
        ("", 5, False),
    ]


def test_a_sample_that_is_half_done_does_not_pass(store: Store, tmp_path: Path) -> None:
    sample = tmp_path / "s.xlsx"
    drawn(store, whole(tmp_path / "d"), sample)
    filled(sample, {4: {"是否找到": None}}, 是否找到="是", 属性正确="是")
    book = load_workbook(sample)
    sheet = book.active
    assert sheet is not None
    sheet.delete_rows(3)
    book.save(sample)
    with checked(store, tmp_path / "d", OPTIONS, default_limits()) as found:
        judged, faults = judge_sample(sample, found)
    assert [fault.code for fault in faults] == ["sample_incomplete"]
    assert "6 sampled components 2 are" in faults[0].en
    assert (judged[-1].share, judged[-1].passed) == (1.0, False)


def test_a_sample_as_a_layer_comes_back_too(store: Store, tmp_path: Path) -> None:
    drawn(store, whole(tmp_path / "d"), tmp_path / "s.gpkg")
    table = read(tmp_path / "s.gpkg")
    assert table.geometry is not None
    for name, value in (("found", "yes"), ("attributes_right", "Y")):
        table.columns[name][:] = value
    write(tmp_path / "s.gpkg", table)
    with checked(store, tmp_path / "d", OPTIONS, default_limits()) as found:
        judged, _ = judge_sample(tmp_path / "s.gpkg", found)
    assert judged[-1].passed


def test_the_result_of_another_delivery_is_refused(store: Store, tmp_path: Path) -> None:
    drawn(store, whole(tmp_path / "d"), tmp_path / "s.xlsx")
    changed = whole(tmp_path / "e")
    deliver(changed / "01001供水井盖.shp", rows("01001", 9))
    for content, code in ((filled(tmp_path / "s.xlsx"), "sample_foreign"), (None, "sample_foreign")):
        if content is None:
            filled(tmp_path / "s.xlsx", 抽样标识="x")
        with (
            checked(store, changed, OPTIONS, default_limits()) as found,
            pytest.raises(Refusal) as refused,
        ):
            judge_sample(tmp_path / "s.xlsx", found)
        assert refused.value.code == code


def test_a_component_that_was_not_drawn_is_refused(store: Store, tmp_path: Path) -> None:
    drawn(store, whole(tmp_path / "d"), tmp_path / "s.xlsx")
    filled(tmp_path / "s.xlsx", {1: {"标识码": "44030501001999999"}})
    with checked(store, tmp_path / "d", OPTIONS, default_limits()) as found, pytest.raises(Refusal) as refused:
        judge_sample(tmp_path / "s.xlsx", found)
    assert refused.value.code == "sample_foreign"


def test_an_answer_that_is_none_is_told_with_its_row(store: Store, tmp_path: Path) -> None:
    drawn(store, whole(tmp_path / "d"), tmp_path / "s.xlsx")
    filled(tmp_path / "s.xlsx", {2: {"是否找到": "也许"}, 3: {"位置误差（米）": -1}})
    with checked(store, tmp_path / "d", OPTIONS, default_limits()) as found, pytest.raises(Refusal) as refused:
        judge_sample(tmp_path / "s.xlsx", found)
    assert [(fault.code, fault.row) for fault in refused.value.faults] == [("sample_wrong", 2), ("sample_wrong", 3)]


@pytest.mark.parametrize("text", ["0", "0%", "five", "150%", "-1", ""])
def test_a_share_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(Refusal) as refused:
        read_draw(text, 1)
    assert refused.value.code == "share_wrong"


def test_a_share_is_written_as_a_fraction_or_in_percent() -> None:
    assert read_draw("5%", 1) == read_draw("0.05", 1) == Draw(0.05, 1)
