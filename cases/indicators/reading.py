"""Reading sets of indicators: a YAML or JSON document in, a set and faults out."""

import re
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

from cases.indicators.formula import Formula, parse_formula
from cases.indicators.model import BETTER, NAMES, VIEWS, Indicator, IndicatorSet
from cases.rules import load_yaml
from cases.statistics.periods import PERIODS
from gis.errors import Fault, Refusal

CODE: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,59}")
SHIPPED: Final = ("cjt292",)
MOST: Final = 200
MOST_WEIGHT: Final = 1e6
SET: Final = frozenset({"code", "name", "name_en", "after", "indicators"})
MEMBERS: Final = frozenset({"code", "name", "name_en", "formula", "view", "period", "weight", "better", "note"})


def load_set(source: Path | str) -> IndicatorSet:
    """The set in a file, given by its `Path`, or in a text. Errors: Refusal unreadable; all faults of `parse_set`."""
    found, faults = parse_set(load_yaml(source))
    if found is None:
        raise Refusal(faults)
    return found


@cache
def shipped(code: str) -> IndicatorSet:
    """A set of SHIPPED."""
    return load_set(shipped_text(code))


def shipped_text(code: str) -> str:
    """The same as it is written, with its comments."""
    return files("cases.indicators").joinpath(f"data/{code}.yaml").read_text(encoding="utf-8")


def parse_set(document: Any) -> tuple[IndicatorSet | None, list[Fault]]:
    """The set of a document, or None and every fault in it; `row` counts indicators from 1."""
    if not isinstance(document, Mapping) or not isinstance(document.get("indicators"), list):
        return None, [_fault("it is no mapping with a list of `indicators`", "应为含 indicators 列表的映射")]
    faults = [_fault(f"'{name}' is no member of a set", f"没有成员 {name}") for name in _strange(document, SET)]
    texts = {name: _text(document, name, None, faults) for name in ("name", "name_en", "after")}
    code = _code(document, None, faults)
    items = document["indicators"]
    if not 0 < len(items) <= MOST:
        faults.append(_fault(f"a set has 1 to {MOST} indicators", f"指标数应为 1 至 {MOST}"))
    made = [_indicator(each, row, faults) for row, each in enumerate(items[:MOST], 1)]
    seen: set[str] = set()
    for row, each in enumerate(made, 1):
        if each is not None and each.code in seen:
            faults.append(_fault(f"the code {each.code} is given twice", f"代码 {each.code} 重复", row))
        seen |= {each.code} if each is not None else set()
    if faults:
        return None, faults
    whole = tuple(each for each in made if each is not None)
    return IndicatorSet(code, texts["name"], texts["name_en"], texts["after"], whole), []


def _indicator(members: Any, row: int, faults: list[Fault]) -> Indicator | None:
    if not isinstance(members, Mapping):
        faults.append(_fault("it is no mapping", "应为映射", row))
        return None
    before = len(faults)
    faults += [_fault(f"'{name}' is no member", f"没有成员 {name}", row) for name in _strange(members, MEMBERS)]
    texts = {name: _text(members, name, row, faults) for name in ("name", "name_en", "note")}
    if not texts["name"]:
        faults.append(_fault("it has no `name`", "缺少 name", row))
    code = _code(members, row, faults)
    formula = _formula(members.get("formula"), row, faults)
    view = members.get("view", list(VIEWS))
    views = view if isinstance(view, list) else [view]
    for each in views:
        _choice("view", each, VIEWS, row, faults)
    if not views:
        faults.append(_fault("`view` names none", "view 为空", row))
    period, better = members.get("period"), members.get("better", BETTER[0])
    _choice("period", period, (None, *PERIODS), row, faults)
    _choice("better", better, BETTER, row, faults)
    weight = members.get("weight", 0)
    if type(weight) not in (int, float) or not 0 <= weight <= MOST_WEIGHT:
        faults.append(_fault(f"`weight` is a number from 0 to {MOST_WEIGHT:.0f}", "weight 应为不小于 0 的数", row))
    if len(faults) > before or formula is None:
        return None
    told = (texts["name"], texts["name_en"], formula, tuple(dict.fromkeys(views)), period, float(weight), better)
    return Indicator(code, *told, texts["note"])


def _formula(text: Any, row: int, faults: list[Fault]) -> Formula | None:
    if not isinstance(text, str):
        faults.append(_fault("it has no `formula` as text", "缺少文本 formula", row))
        return None
    try:
        return parse_formula(text, NAMES)
    except Refusal as refusal:
        faults += [Fault(each.code, each.en, each.zh, row=row) for each in refusal.faults]
        return None


def _strange(members: Mapping[Any, Any], known: frozenset[str]) -> list[str]:
    return sorted(str(name)[:40] for name in members if name not in known)


def _text(members: Mapping[Any, Any], name: str, row: int | None, faults: list[Fault]) -> str:
    value = members.get(name)
    if value is None or isinstance(value, str):
        return (value or "").strip()
    faults.append(_fault(f"`{name}` is no text", f"{name} 应为文本", row))
    return ""


def _code(members: Mapping[Any, Any], row: int | None, faults: list[Fault]) -> str:
    value = members.get("code")
    if isinstance(value, str) and CODE.fullmatch(value):
        return value
    faults.append(_fault("its `code` is a text of letters, digits and _ . -", "code 应由字母、数字和 _ . - 组成", row))
    return ""


def _choice(name: str, value: Any, known: Sequence[Any], row: int, faults: list[Fault]) -> None:
    if not (value is None or isinstance(value, str)) or value not in known:
        told = ", ".join(each for each in known if each)
        faults.append(_fault(f"`{name}` is one of {told}", f"{name} 只能是 {told} 之一", row))


def _fault(en: str, zh: str, row: int | None = None) -> Fault:
    which = ("The set of indicators", "指标集") if row is None else (f"Indicator {row}", f"第 {row} 个指标")
    return Fault("indicator_wrong", f"{which[0]}: {en}.", f"{which[1]}：{zh}。", row=row)
