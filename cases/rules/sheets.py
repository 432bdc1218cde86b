"""Rule books as tables (CSV, Excel), as cities keep their command manual (指挥手册): a row a rule, heads zh or en.

A table says what the YAML says; `cases.rules.parse` reads both and finds what is wrong with them.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np

from cases.rules.windows import MEMBERS
from gis.tables import Table

HEADS: Final[Mapping[str, Sequence[str]]] = {
    "code": ("规则编码", "编码"),
    "name": ("规则名称", "名称", "小类名称"),
    "owner": ("所属区划",),
    "edition": ("标准版",),
    "kind": ("类型",),
    "class": ("类别代码", "小类代码"),
    "class_prefix": ("类别前缀", "大类代码"),
    "condition": ("立案条件",),
    "place": ("地点编码",),
    "area_layer": ("片区图层",),
    "area": ("片区编码",),
    "dates": ("日期",),
    "weekdays": ("星期",),
    "hours": ("时段",),
    "zone": ("时区",),
    "priority": ("优先级",),
    "fallback": ("兜底", "属地兜底"),
    "to": ("派遣对象", "处置单位", "责任单位"),
    "supervisor": ("监管单位", "主管单位"),
    "time_limit": ("处置时限", "时限"),
    "basis": ("依据",),
    "document": ("依据文件",),
    "number": ("文号",),
    "date": ("发文日期",),
    "url": ("链接",),
}
"""The columns of a table of rules by their English heads, with their Chinese ones; the first is the one written."""

KINDS: Final = {"部件": "component", "事项": "matter", "事件": "matter"}
TARGETS: Final = {"部门": "department", "片区": "area", "区划": "division", "部件": "component"}
ROLES: Final = {"权属单位": "owner", "养护单位": "maintainer", "主管部门": "supervisor"}
LEVELS: Final = {"街道": "street", "社区": "community", "区县": "county", "城市": "city", "省": "province"}
YES: Final = frozenset({"1", "true", "yes", "是", "y"})
NO: Final = frozenset({"0", "false", "no", "否", "n"})
BASIS: Final = {"basis": "text", "document": "document", "number": "number", "date": "date", "url": "url"}
_WHOLE: Final = re.compile(r"[+-]?[0-9]{1,11}")
_OF_HEAD: Final = {each: name for name, heads in HEADS.items() for each in (name, *heads)}


def to_document(table: Table) -> dict[str, Any]:
    """The rules of a table as the document that `parse` reads; a rule's position is its row among the table's.

    A head that no column of rules has stays, and so does a second one of the same meaning: `parse` finds them unknown.
    Columns without a name are passed over.
    """
    names: dict[str, str] = {}
    for head in table.columns:
        name = _OF_HEAD.get(head.strip(), head)
        if head.strip():
            names[head] = name if name not in names.values() else head
    rows = zip(*(table.columns[head].tolist() for head in names), strict=True) if names else ()
    return {"rules": [_rule(dict(zip(names.values(), row, strict=True))) for row in rows]}


def _rule(cells: Mapping[str, Any]) -> dict[str, Any]:
    given = {name: _cell(value) for name, value in cells.items() if _cell(value) is not None}
    rule = {name: value for name, value in given.items() if name not in (*MEMBERS, "zone", *BASIS)}
    window = {name: _listed(given[name]) for name in MEMBERS if name in given}
    if window or "zone" in given:
        rule["when"] = window | ({"zone": given["zone"]} if "zone" in given else {})
    basis = {member: given[name] for name, member in BASIS.items() if name in given}
    if basis:
        rule["basis"] = basis
    if "kind" in rule:
        rule["kind"] = KINDS.get(rule["kind"], rule["kind"])
    if "to" in rule:
        rule["to"] = [_target(each) for each in _listed(rule["to"])]
    if "priority" in rule:
        rule["priority"] = _whole(rule["priority"])
    if "fallback" in rule:
        rule["fallback"] = _yes(rule["fallback"])
    return rule


def _cell(value: Any) -> Any:
    """What a cell says; None where it is empty."""
    if isinstance(value, str):
        return value.strip() or None
    return None if isinstance(value, float) and value != value else value


def _listed(value: Any) -> list[Any]:
    """Several values in one cell, between semicolons of either width."""
    if not isinstance(value, str):
        return [value]
    return [each.strip() for each in value.replace("；", ";").split(";") if each.strip()]


def _target(text: Any) -> Any:
    """The target that "area: drainage", "片区：drainage" or a department's code means."""
    if not isinstance(text, str):
        return {"department": text}
    kind, colon, value = text.replace("：", ":").partition(":")
    kind, value = TARGETS.get(kind.strip(), kind.strip()), value.strip()
    if not colon:
        return {"department": text}
    return {kind: (ROLES if kind == "component" else LEVELS if kind == "division" else {}).get(value, value)}


def _whole(value: Any) -> Any:
    """The number that a cell means; anything else is told by `parse`."""
    text = str(value).strip()
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return int(text) if not isinstance(value, bool) and _WHOLE.fullmatch(text) else value


def _yes(value: Any) -> Any:
    text = str(value).strip().lower()
    return True if text in YES else False if text in NO else value


def to_table(rules: Sequence[Mapping[str, Any]], heads: str = "en") -> Table:
    """The members of rules as the file has them (`class`, `to` …) as a table; `to_document` reads it back.

    `heads` is en or zh; columns in which no rule says anything are left out.
    """
    rows = [_row(each) for each in rules]
    used = [name for name in HEADS if name in ("code", "to") or any(name in row for row in rows)]
    columns = {}
    for name in used:
        column = np.empty(len(rows), dtype=object)
        column[:] = [row.get(name) for row in rows]
        columns[HEADS[name][0] if heads == "zh" else name] = column
    return Table(columns, None, None, np.arange(1, len(rows) + 1), "rules")


def _row(rule: Mapping[str, Any]) -> dict[str, str]:
    row = {name: rule[name] for name in HEADS if name in rule and name not in ("to", "basis")}
    row["to"] = "; ".join(f"{kind}: {value}" for target in rule["to"] for kind, value in target.items())
    row |= {name: rule["basis"][member] for name, member in BASIS.items() if member in rule.get("basis", {})}
    for name, value in rule.get("when", {}).items():
        row[name] = value if isinstance(value, str) else "; ".join(value)
    return {name: str(value).lower() if isinstance(value, bool) else str(value) for name, value in row.items()}
