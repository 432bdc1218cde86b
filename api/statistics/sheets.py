"""Statistics as a table with the heads of a language, to be written as CSV, Excel or any other format."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import numpy as np

from api.statistics.answering import Statistic, chosen_of
from api.statistics.shapes import CRS, shapes_of
from cases.statistics.sums import SUMS
from gis.errors import Fault
from gis.formats import write
from gis.formats.columns import to_column
from gis.store.engine import Store
from gis.tables import Table

HEADS: Final[Mapping[str, str]] = {
    **SUMS,
    "components": "部件数",
    "edition": "标准版",
    "kind": "种类",
    "class_code": "类别代码",
    "class_name": "类别名称",
    "department": "派遣部门",
    "first": "首派部门",
    "handler": "处置部门",
    "supervisor": "主管部门",
    "owner": "权属单位",
    "maintainer": "养护单位",
    "source": "案件来源",
    "state": "状态",
    "period": "周期",
    "unit": "单元网格",
    "score": "得分",
    "score_weight": "计分权重",
    "whole_weight": "总权重",
}
NAME: Final = "_name"
PLAIN: Final = (".csv", ".tsv", ".xlsx", ".parquet")
"""Formats in which sums go without shapes."""


def write_sheet(path: Path, told: Statistic, language: str, store: Store) -> tuple[Fault, ...]:
    """Write the groups, and where there are any indicators these by their names; formats for maps with their shapes.

    An indicator without a value is an empty cell; the column behind it says what was zero. On a map there is no group
    that lies nowhere, of which a warning tells. Errors: those of `gis.formats.write` and, for maps, of `shapes_of`.
    """
    rows = [_flat(each, told, language) for each in told.rows]
    heads = list(rows[0]) if rows else [head_of(each, language) for each in told.keys]
    columns = {head: to_column([row[head] for row in rows]) for head in heads}
    table = Table(columns, None, None, np.arange(1, len(rows) + 1), "statistics")
    faults: tuple[Fault, ...] = ()
    if path.suffix.lower() not in PLAIN:
        table, faults = _on_map(replace(table, geometry=shapes_of(store, told), crs=CRS))
    encoding = "utf-8-sig" if path.suffix.lower() == ".csv" else None
    return (*faults, *write(path, table, layer=told.question.what, encoding=encoding))


def _on_map(table: Table) -> tuple[Table, tuple[Fault, ...]]:
    assert table.geometry is not None
    there = np.array([each is not None for each in table.geometry], dtype=np.bool_)
    gone = int((~there).sum())
    if not gone:
        return table, ()
    fault = Fault(
        "statistics_unplaced",
        f"{gone} groups lie in no division or area with a shape; they are not on the map.",
        f"{gone} 个分组没有对应的区划或片区图形，未写入地图。",
        severity="warning",
    )
    return table.part(there), (fault,)


def head_of(name: str, language: str) -> str:
    """What a member is called at the head of a column."""
    if language != "zh":
        return name
    if name.endswith(NAME) and name not in HEADS:
        return f"{head_of(name.removesuffix(NAME), language)}名称"
    return HEADS.get(name, name)


def _flat(row: Mapping[str, Any], told: Statistic, language: str) -> dict[str, Any]:
    flat = {head_of(name, language): each for name, each in row.items() if not isinstance(each, dict)}
    if told.question.indicators is None:
        return flat
    zh = language == "zh"
    for each in chosen_of(told.question.indicators, told.question):
        name = f"指标.{each.name}（{each.code}）" if zh else f"indicator.{each.code}"  # a sum may have the same name
        flat[name] = row["indicators"][each.code]
        flat[f"{name}.除数为零" if zh else f"{name}.undefined"] = row["undefined"].get(each.code)
    return flat
