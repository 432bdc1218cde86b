"""The JSON schema of sets of indicators, for editors that complete and check a set while it is written.

What it passes `parse_set` reads, but for the formulas, which no schema can see, and codes that are given twice.
"""

from typing import Any, Final

from cases.indicators.formula import LONGEST
from cases.indicators.model import BETTER, VIEWS
from cases.indicators.reading import CODE, MOST, MOST_WEIGHT
from cases.statistics.periods import PERIODS

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
Schema = dict[str, Any]


def indicator_schema() -> Schema:
    """The schema of a document with `indicators` (JSON Schema, draft 2020-12)."""
    return {
        "$schema": DIALECT,
        "$id": "urn:wangge:indicators",
        "title": "Set of indicators 指标集",
        "type": "object",
        "required": ["code", "indicators"],
        "additionalProperties": False,
        "properties": {
            "code": _code("By which the set is asked for 指标集代码"),
            "name": _text("名称"),
            "name_en": _text("Name in English 英文名称"),
            "after": _text("What the set follows, and how far 依据"),
            "indicators": {"type": "array", "minItems": 1, "maxItems": MOST, "items": _indicator()},
        },
    }


def _indicator() -> Schema:
    view = {"enum": list(VIEWS)}
    return {
        "type": "object",
        "required": ["code", "name", "formula"],
        "additionalProperties": False,
        "properties": {
            "code": _code("Unique in the set 指标代码"),
            "name": {"type": "string", "pattern": r"\S", "description": "指标名称"},
            "name_en": _text("Name in English 英文名称"),
            "formula": {
                "type": "string",
                "pattern": r"\S",
                "maxLength": LONGEST,
                "description": "Of sums, numbers, + - * / and brackets 公式",
            },
            "view": {
                "anyOf": [view, {"type": "array", "items": view, "minItems": 1}],
                "description": "region 区域, department 部门, post 岗位; all when left out",
            },
            "period": {"enum": [None, *PERIODS], "description": "The shortest period over which it is told 最短周期"},
            "weight": {"type": "number", "minimum": 0, "maximum": MOST_WEIGHT, "description": "In the score 权重"},
            "better": {"enum": list(BETTER), "description": "Whether a high or a low value is good 高优或低优"},
            "note": _text("备注"),
        },
    }


def _code(description: str) -> Schema:
    return {"type": "string", "pattern": f"^{CODE.pattern}$", "description": description}


def _text(description: str) -> Schema:
    return {"type": ["string", "null"], "description": description}
