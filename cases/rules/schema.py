"""The JSON schema of rule books, for editors that complete and check a book while it is written.

Made of the members that the reader knows. What it passes, `parse` reads without a fault of form; it cannot say which
codes are given twice, whether days and zones exist, and whether a place lies within its owner.
"""

from typing import Any, Final

from cases.rules.model import CASE_KINDS, COMPONENT_ROLES, TARGET_KINDS
from cases.rules.reading import FIRST_YEAR, LAST_YEAR, LONGEST_CODE, LONGEST_TEXT, MOST_PRIORITY, WORDS
from cases.rules.windows import MEMBERS, WEEKDAYS

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
FILLED: Final = r"^[^\u0000]*[^\s\u0000][^\u0000]*$"
ID: Final = "urn:wangge:rule-book"
Schema = dict[str, Any]

_DAY = rf"\s*({'|'.join(WEEKDAYS)})\s*"
_MINUTE = r"\s*[0-9]+:[0-5][0-9]\s*"
_DATE = r"\s*[0-9]{4}-[0-9]{2}-[0-9]{2}\s*"
SPANS: Final = {
    "dates": (f"^{_DATE}(/{_DATE})?$", "Days, both ends counted: 2026-10-01/2026-10-07 日期"),
    "weekdays": (_DAY, "mon-fri, sat 星期"),
    "hours": (f"^{_MINUTE}-{_MINUTE}$", "22:00-02:00; past midnight they belong to the day on which they begin 时段"),
}
TEXTS: Final = {
    "name": "Shown in the answer 规则名称",
    "supervisor": "Code of the department that supervises the handling 监管单位",
    "class": "Exactly this class; in quotes 类别代码",
    "class_prefix": "Every class that begins so; never together with class 类别前缀",
    "condition": "Equal to the case's filing condition 立案条件",
    "place": "The unit's code begins with it 地点编码",
    "area_layer": "The point lies in an area of this layer 片区图层",
    "area": "… in this very area; needs area_layer 片区编码",
    "time_limit": "Carried through to the answer 处置时限",
}
BASIS: Final = {
    "text": "What the rule rests on 依据",
    "document": "Name of the decree or contract 依据文件",
    "number": "Its number 文号",
    "date": "Its date 发文日期",
    "url": "Where it can be read 链接",
}


def rule_book_schema() -> Schema:
    """The schema of a document with `rules` (JSON Schema, draft 2020-12)."""
    return {
        "$schema": DIALECT,
        "$id": ID,
        "title": "Rule book 指挥手册",
        "type": "object",
        "required": ["rules"],
        "additionalProperties": False,
        "properties": {
            "owner": _text("Division code below which the rules hold; everywhere when left out 所属区划"),
            "zone": _text("Whose clocks time windows follow: Asia/Shanghai when left out 时区"),
            "rules": {"type": "array", "items": {"$ref": "#/$defs/rule"}},
        },
        "$defs": {"rule": _rule(), "target": _target(), "basis": _basis(), "when": _when()},
    }


def _text(description: str, needed: bool = False, most: int = LONGEST_CODE) -> Schema:
    kind: str | list[str] = "string" if needed else ["string", "null"]
    return {"type": kind, "pattern": FILLED, "maxLength": most, "description": description}


def _most(name: str) -> int:
    return LONGEST_TEXT if name in WORDS else LONGEST_CODE


def _choice(values: tuple[str, ...], description: str, needed: bool = False) -> Schema:
    return {**_text(description, needed), "pattern": rf"^\s*({'|'.join(values)})\s*$", "examples": list(values)}


def _rule() -> Schema:
    given = {"type": "string"}
    return {
        "type": "object",
        "required": ["code", "to"],
        "additionalProperties": False,
        "properties": {
            "code": _text("Unique in the book 规则编码", needed=True),
            "owner": _text("An owner of its own instead of the book's 所属区划"),
            "edition": {
                "type": ["string", "integer", "null"],
                "pattern": FILLED,
                "maxLength": LONGEST_CODE,
                "minimum": FIRST_YEAR,
                "maximum": LAST_YEAR,
                "description": "Which standard's classes 标准版",
                "examples": ["2026", "2013"],
            },
            "kind": _choice(CASE_KINDS, "component 部件, matter 事项; both when left out"),
            **{name: _text(description, most=_most(name)) for name, description in TEXTS.items()},
            "priority": {
                "type": ["integer", "null"],
                "minimum": -MOST_PRIORITY,
                "maximum": MOST_PRIORITY,
                "description": "Higher first, 0 when left out 优先级",
            },
            "fallback": {"type": ["boolean", "null"], "description": "The catch-all: advice fallback 属地兜底"},
            "to": {
                "type": "array",
                "minItems": 1,
                "items": {"$ref": "#/$defs/target"},
                "description": "Ranked: the first that leads to a department is the answer 派遣对象",
            },
            "basis": {"anyOf": [{"type": ["string", "null"], "maxLength": LONGEST_TEXT}, {"$ref": "#/$defs/basis"}]},
            "when": {"anyOf": [{"type": "null"}, {"$ref": "#/$defs/when"}]},
        },
        "allOf": [
            {"not": {"required": ["class", "class_prefix"], "properties": {"class": given, "class_prefix": given}}},
            {
                "if": {"required": ["area"], "properties": {"area": given}},
                "then": {"required": ["area_layer"], "properties": {"area_layer": given}},
            },
        ],
    }


def _target() -> Schema:
    told = {
        "department": "Code of a fixed body 固定部门",
        "area": "The department of the area of this layer that holds the point 片区",
        "division": "The department of the division of this level 区划",
    }
    return {
        "type": "object",
        "minProperties": 1,
        "maxProperties": 1,
        "additionalProperties": False,
        "properties": {
            kind: _choice(COMPONENT_ROLES, "Of the component meant 权属、养护、主管单位", needed=True)
            if kind == "component"
            else _text(told[kind], needed=True)
            for kind in TARGET_KINDS
        },
    }


def _basis() -> Schema:
    members = {name: _text(description, most=_most(name)) for name, description in BASIS.items()}
    return {"type": "object", "additionalProperties": False, "properties": members}


def _when() -> Schema:
    spans: dict[str, Schema] = {}
    for name in MEMBERS:
        pattern, description = SPANS[name]
        if name == "weekdays":
            pattern = f"^(?i:{_DAY}(-{_DAY})?)$"
        one = {"type": "string", "pattern": pattern}
        spans[name] = {"anyOf": [{"type": "null"}, one, {"type": "array", "items": one}], "description": description}
    some = {"anyOf": [{"type": "string"}, {"type": "array", "minItems": 1}]}
    return {
        "type": "object",
        "additionalProperties": False,
        "properties": {**spans, "zone": _text("Whose clocks; the book's when left out 时区")},
        "anyOf": [{"required": [name], "properties": {name: some}} for name in MEMBERS],
    }
