"""What was found in a delivery, as a workbook for the firm, as a layer, and as JSON members."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import shapely

from api.jobs.reports import write_report
from api.surveys.checking import Checked
from api.transfer.comparisons import Compared
from api.transfer.exports import STORED
from components.surveys.rules import RULES
from components.surveys.sampling import Judged
from gis.errors import Fault, refuse
from gis.formats import WRITABLE, write
from gis.formats.columns import to_column
from gis.formats.excel_cells import MOST_ROWS
from gis.formats.excel_out import Sheet, write_book
from gis.tables import Table
from grids.deliveries.merging import Outcome

MOST_PLACES = 100_000
"""Faults in a layer at the most; the workbook has all."""
SEVERITIES = {"error": "错误", "warning": "警告", "note": "提示"}
VERDICT = {True: "合格 pass", False: "不合格 fail"}
SCORES = ("规则 rule", "要求 demand", "检查数 checked", "问题数 faulty", "问题率 share", "限值 limit", "结论 verdict")
FAULTS = (
    *("文件 file", "图层 layer", "行号 row", "标识码 code", "规则 rule", "问题代码 fault", "级别 severity"),
    *("问题说明", "description", "X（文件坐标系）", "Y（文件坐标系）", "文件坐标系 crs", "经度 lon", "纬度 lat"),
    "处理建议 hint",
)
FILES = (
    *("文件 file", "图层 layer", "行数 rows", "问题数 faults", "坐标系 crs", "编码方式 encoding", "标准版 edition"),
    *("类别代码 class", "类别来源 class from", "说明 remark"),
)
CLASSES = (
    *("类别 class", "抽样数 drawn", "已检查 inspected", "找到 found", "属性正确 attributes right", "合格数 right"),
    *(
        "合格率 share",
        "要求 needed",
        "测量数 measured",
        "平均误差（米） mean",
        "中误差（米） rms",
        "最大误差（米） worst",
    ),
    *("精度要求（米） limit", "结论 verdict"),
)
OUTCOMES = ("结果 outcome", "行数 rows", "文件 file", "行号 row", "说明", "description")
OUTCOMES_ZH = dict(zip(Outcome, ("相同", "变更", "新增", "注销", "保留", "冲突"), strict=True))
_SOURCES = {"name": "图层名 name of the layer", "table": "类别表 table", "": "字段或标识码 field or code"}
_READING_ROWS = (
    "行号：数据行自 1 起，不含表头（Shapefile 的 FID = 行号 − 1；CSV 的文本行 = 行号 + 1；Excel 为表头以下第几行）。"
    " Rows count the data from 1, the heading apart (FID of a shapefile = row − 1, line of a CSV = row + 1)."
)


def write_workbook(
    path: Path, checked: Checked, judged: Sequence[Judged] = (), compared: Compared | None = None
) -> None:
    """Write 汇总, 问题清单, 文件, with a sample that came back 抽样, and with a comparison 比对.

    Errors: Refusal format_unknown, file_unwritable.
    """
    if path.suffix.lower() != ".xlsx":
        raise refuse(
            "format_unknown",
            f"The report is a workbook: name it with the ending .xlsx, not '{path.suffix}'.",
            f"验收报告为 Excel 工作簿：扩展名应为 .xlsx，而不是“{path.suffix}”。",
        )
    sheets = [Sheet("汇总", SCORES, _scores(checked, judged), (34, 70, 12, 12, 12, 12, 18)), *_fault_sheets(checked)]
    sheets.append(Sheet("文件", FILES, _files(checked), (40, 16, 10, 12, 16, 16, 14, 14, 24, 40)))
    if judged:
        sheets.append(Sheet("抽样", CLASSES, _classes(judged), (20,) + 13 * (14,)))
    if compared is not None:
        sheets.append(Sheet("比对", OUTCOMES, _outcomes(compared), (20, 10, 30, 10, 60, 60)))
    write_book(path, sheets)


def write_found(path: Path, checked: Checked, judged: Sequence[Judged] = (), compared: Compared | None = None) -> None:
    """Write the report: .xlsx the workbook, .json everything as members. Errors: those of writing."""
    if path.suffix.lower() == ".json":
        told = summary(checked, judged)
        if compared is not None:
            told["comparison"] = compared.as_dict()
        write_report(path, {**told, "faults": list(checked_faults(checked))})
    else:
        write_workbook(path, checked, judged, compared)


def summary(checked: Checked, judged: Sequence[Judged] = ()) -> dict[str, Any]:
    """The counts as JSON members."""
    told = {
        "delivery": checked.contents.name,
        "digest": checked.contents.digest,
        "files": len(checked.parts),
        "rows": checked.rows,
        "errors": checked.ledger.severities["error"],
        "warnings": checked.ledger.severities["warning"],
        "notes": checked.ledger.severities["note"],
        "passed": checked.passed and all(each.passed for each in judged),
        "rules": [
            {
                "rule": score.rule,
                "checked": score.checked,
                "faulty": score.faulty,
                "limit": score.limit,
                "passed": score.passed,
            }
            for score in checked.scores
        ],
    }
    if judged:
        told["sample"] = [_judged_members(each) for each in judged]
    return told


def checked_faults(checked: Checked) -> Iterator[dict[str, Any]]:
    """Every fault with its file."""
    for line in checked.ledger.lines():
        part = checked.parts[line.pop("part")].part
        yield {"file": part.file, "layer": part.layer, **line}


def write_layer(path: Path, checked: Checked) -> tuple[Fault, ...]:
    """Write faults that have a place as points. Errors: those of `gis.formats.write`."""
    if path.suffix.lower() not in WRITABLE:
        raise refuse(
            "format_unknown",
            f"Faults cannot be written as '{path.suffix}'; these can: {', '.join(WRITABLE)}.",
            f"问题图层不能写为“{path.suffix}”；可用格式：{'、'.join(WRITABLE)}。",
        )
    names = ("file", "layer", "row", "thing", "rule", "code", "severity", "detail", "detail_zh")
    lines = list(islice((each for each in checked_faults(checked) if "lon" in each), MOST_PLACES))
    columns = {name: to_column([line.get(name) for line in lines]) for name in names}
    points = shapely.points([[line["lon"], line["lat"]] for line in lines]) if lines else []
    table = Table(columns, to_column(list(points)), STORED, np.arange(1, len(lines) + 1), "faults")
    return write(path, table, layer="faults")


def _scores(checked: Checked, judged: Sequence[Judged]) -> Iterator[tuple[Any, ...]]:
    passed = checked.passed and all(each.passed for each in judged)
    yield "总体 overall", checked.contents.name, checked.rows, len(checked.ledger), None, None, VERDICT[passed]
    for score in checked.scores:
        rule = RULES[score.rule]
        verdict = "未检查 not checked" if not score.checked else VERDICT[score.passed]
        shares = (round(score.share, 6), score.limit)
        demand = f"{rule.demand[1]} {rule.demand[0]}"
        yield f"{rule.title[1]} {rule.title[0]}", demand, score.checked, score.faulty, *shares, verdict
    for each in judged:
        if not each.name:
            title = "外业抽样 field sample"
            wrong = each.inspected - each.right
            needed = round(1 - each.needed, 6)
            share = round(1 - each.share, 6)
            yield (
                title,
                "抽样部件正确 Sampled components are right.",
                each.inspected,
                wrong,
                share,
                needed,
                VERDICT[passed],
            )
    yield "交付指纹 digest", checked.contents.digest, None, None, None, None, None
    yield "说明 note", _READING_ROWS, None, None, None, None, None


def _fault_sheets(checked: Checked) -> list[Sheet]:
    """All faults; more than a sheet holds go on in further ones."""
    rows = _faults(checked)
    most = MOST_ROWS - 1
    count = max(1, -(-len(checked.ledger) // most))
    names = ["问题清单", *(f"问题清单 {number}" for number in range(2, count + 1))]
    widths = (30, 14, 10, 20, 30, 20, 14, 60, 60, 16, 16, 14, 14, 14, 60)
    return [Sheet(name, FAULTS, islice(rows, most), widths) for name in names]


def _faults(checked: Checked) -> Iterator[tuple[Any, ...]]:
    for line in checked.ledger.lines():
        seen = checked.parts[line["part"]]
        rule = RULES[line["rule"]]
        yield (
            *(seen.part.file, seen.part.layer, line.get("row"), line.get("thing")),
            *(f"{rule.title[1]} {rule.title[0]}", line["code"], f"{SEVERITIES[line['severity']]} {line['severity']}"),
            *(line["detail_zh"], line["detail"], line.get("x"), line.get("y"), seen.crs if "x" in line else None),
            *(line.get("lon"), line.get("lat"), f"{rule.hint[1]} {rule.hint[0]}"),
        )


def _files(checked: Checked) -> Iterator[tuple[Any, ...]]:
    for number, seen in enumerate(checked.parts):
        named, part = seen.named, seen.part
        remark = "" if seen.is_layer else "不是部件图层，已略过 no layer of components, left out"
        source = _SOURCES[named.source] if seen.is_layer else ""
        found = (seen.crs, seen.encoding, named.edition, named.class_code, source, remark)
        yield part.file, part.layer, seen.rows, checked.ledger.faults_of(number), *found
    for file in checked.contents.ignored:
        yield file, None, None, None, None, None, None, None, None, "非图层文件，已略过 no layer, left out"


def _classes(judged: Sequence[Judged]) -> Iterator[tuple[Any, ...]]:
    for each in judged:
        counts = (each.drawn, each.inspected, each.found, each.attributes_right, each.right)
        metres = tuple(None if value is None else round(value, 3) for value in (each.mean_m, each.rms_m, each.worst_m))
        verdict = VERDICT[each.passed] if each.is_complete else "未完成 not complete"
        name = each.name or "总体 overall"
        yield name, *counts, round(each.share, 6), each.needed, each.measured, *metres, each.limit_m, verdict


def _outcomes(compared: Compared) -> Iterator[tuple[Any, ...]]:
    """How many rows come to what against the base, then every conflict."""
    yield "基准版本 base", compared.base, None, None, None, None
    for outcome in Outcome:
        yield f"{OUTCOMES_ZH[outcome]} {outcome.value}", compared.merged.counts.get(outcome, 0), None, None, None, None
    for fault in compared.faults:
        if fault.code in ("import_conflict", "mass_change"):
            file = (fault.members or {}).get("file")
            yield fault.code, None, file, fault.row, fault.zh, fault.en


def _judged_members(each: Judged) -> Mapping[str, Any]:
    counted = ("drawn", "inspected", "found", "attributes_right", "right", "needed", "measured")
    measured = ("mean_m", "rms_m", "worst_m", "limit_m", "share", "passed")
    return {"class": each.name or None, **{name: getattr(each, name) for name in counted + measured}}
