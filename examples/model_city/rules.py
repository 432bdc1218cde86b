"""The rule book of the city (指挥手册), and who is right by it where everything is known."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from examples.model_city.departments import Roster
from examples.model_city.divisions import CITY, Divisions
from examples.model_city.streets import Ints

_DECREE = {
    "text": "按专业管养范围和属地管理原则确定处置单位",
    "document": "网格市城市管理部件和事项处置指挥手册",
    "number": "网格城管发〔2025〕44号",
    "date": "2025-12-01",
    "url": "https://model-city.example/decrees/2025-44",
}
_MARKET = {
    "text": "中心商业街区的占道经营由街区管理办公室统一处置",
    "document": "网格市中心商业街区管理办法",
    "number": "网格府令第9号",
    "date": "2025-10-15",
}


@dataclass(frozen=True, slots=True)
class Rule:
    """One row of the book.

    A target is `department:<key of the roster>`, `area:<layer>`, `division:street` or `component:<role>`.
    """

    code: str
    name: str
    to: tuple[str, ...]
    kind: str = ""
    cls: str = ""
    prefix: str = ""
    condition: str = ""
    place: str = ""
    area_layer: str = ""
    priority: int = 0
    fallback: bool = False
    time_limit: str = ""
    basis: Mapping[str, str] | None = None


def write_book(divisions: Divisions) -> list[Rule]:
    """The rules as a clerk reads them: of two that fit the same case the one that is tried first comes first."""
    # fmt: off
    return [
        Rule("component-lost", "市政公用设施丢失（应急）", ("department:rescue",), "component", prefix="01",
             condition="丢失", priority=200, time_limit="2h", basis=_DECREE),
        Rule("market-trading", "中心商业街区占道经营", ("department:market",), "matter", "09006",
             place=str(divisions.streets[0]), priority=150, time_limit="2h", basis=_MARKET),
        *_component("water-cover", "供水井盖", "01001", "component:maintainer", "department:waterworks"),
        *_component("sewage-cover", "污水井盖", "01002", "area:drainage", area_layer="drainage"),
        *_component("rain-cover", "雨水井盖", "01003", "area:drainage", area_layer="drainage"),
        *_component("rain-grate", "雨水箅子", "01004", "area:drainage", area_layer="drainage"),
        *_component("power-cover", "电力井盖", "01005", "department:power"),
        *_component("telecom-cover", "通信井盖", "01007", "component:owner", "division:street"),
        *_component("gas-cover", "燃气井盖", "01011", "department:gas"),
        *_component("unknown-cover", "不明井盖", "01023", "component:owner", "division:street"),
        *_component("street-light", "路灯", "01037", "component:maintainer", "department:lamps"),
        *_component("charging-pile", "充电桩", "01054", "component:owner", "division:street"),
        *_component("drone-port", "无人机起降柜", "01080", "component:owner", "department:transport"),
        *_component("bus-stop", "公交站设施", "02004", "component:owner", "department:transport"),
        *_component("toilet", "公共厕所", "03001", "component:supervisor", "division:street"),
        *_component("litter-bin", "垃圾箱", "03005", "area:sanitation", "component:maintainer"),
        *_component("smart-bin", "可回收物智能箱", "03080", "component:maintainer", "division:street"),
        *_component("tree", "行道树", "04002", "area:greening", area_layer="greening"),
        *_matter("rubbish", "暴露垃圾", "06010", "area:sanitation", "division:street"),
        *_matter("debris", "积存垃圾渣土", "06011", "area:sanitation", "division:street"),
        *_matter("dirty-road", "道路不洁", "06012", "area:sanitation", "division:street"),
        *_matter("broken-road", "道路破损", "06013", "department:transport"),
        *_matter("messy-green", "绿地脏乱", "06017", "area:greening", area_layer="greening"),
        *_matter("messy-green-else", "绿地脏乱（标段外）", "06017", "department:parks"),
        *_matter("river", "河道污染", "06026", "department:water"),
        *_matter("noise", "噪声扰民", "06028", "area:police", "division:street"),
        *_matter("waste-water", "乱倒乱排污水、废水", "06030", "area:drainage", area_layer="drainage"),
        *_matter("full-bin", "垃圾站（箱）满溢", "06042", "area:sanitation", "division:street"),
        *_matter("parking", "机动车乱停放", "09009", "department:traffic-police"),
        *_matter("fire-lane", "占用消防通道", "09012", "area:police", "division:street"),
        Rule("traffic", "交通设施", ("department:traffic-police",), "component", prefix="02", priority=50,
             basis=_DECREE),
        Rule("green-lots", "园林设施（标段内）", ("area:greening",), "component", prefix="04", area_layer="greening",
             priority=50, basis=_DECREE),
        Rule("green", "园林设施", ("department:parks",), "component", prefix="04", priority=50, basis=_DECREE),
        Rule("advertising", "宣传广告", ("area:enforcement", "division:street"), "matter", prefix="07", priority=50,
             time_limit="12h", basis=_DECREE),
        Rule("building-sites", "施工管理", ("department:housing",), "matter", prefix="08", priority=50,
             basis=_DECREE),
        Rule("street-order", "街面秩序", ("area:enforcement", "division:street"), "matter", prefix="09", priority=50,
             time_limit="4h", basis=_DECREE),
        Rule("catch-all", "属地兜底", ("division:street",), priority=-100, fallback=True, basis=_DECREE),
    ]
    # fmt: on


def _component(code: str, name: str, cls: str, *to: str, area_layer: str = "") -> list[Rule]:
    return [
        Rule(code, name, to, "component", cls, area_layer=area_layer, priority=100, time_limit="24h", basis=_DECREE)
    ]


def _matter(code: str, name: str, cls: str, *to: str, area_layer: str = "") -> list[Rule]:
    return [Rule(code, name, to, "matter", cls, area_layer=area_layer, priority=100, time_limit="8h", basis=_DECREE)]


def as_document(book: list[Rule], roster: Roster) -> dict[str, Any]:
    """The book as rules.yaml has it."""
    return {"owner": CITY, "rules": [_as_row(rule, roster) for rule in book]}


def _as_row(rule: Rule, roster: Roster) -> dict[str, Any]:
    targets = [target.split(":", 1) for target in rule.to]
    row = {
        "code": rule.code,
        "name": rule.name,
        "edition": "2026" if rule.kind else "",
        "kind": rule.kind,
        "class": rule.cls,
        "class_prefix": rule.prefix,
        "condition": rule.condition,
        "place": rule.place,
        "area_layer": rule.area_layer,
        "priority": rule.priority,
        "fallback": rule.fallback,
        "to": [{kind: roster.code(value) if kind == "department" else value} for kind, value in targets],
        "basis": dict(rule.basis or {}),
        "time_limit": rule.time_limit,
    }
    return {key: value for key, value in row.items() if value or key == "priority"}


@dataclass(frozen=True, slots=True)
class Facts:
    """What is true of n cases. `street` is the street's code, "" where no unit is.

    `bodies` gives for each target of the book but the fixed ones the department of every case, -1 for none.
    """

    kind: NDArray[np.str_]
    cls: NDArray[np.str_]
    condition: NDArray[np.str_]
    street: NDArray[np.str_]
    bodies: Mapping[str, Ints]


def settle(book: list[Rule], roster: Roster, facts: Facts) -> tuple[Ints, NDArray[np.object_]]:
    """(n,) the department that is right for each case, -1 off the grid, and (n,) the rule and target that say so."""
    right = np.full(len(facts.kind), -1, dtype=np.int64)
    why = np.full(len(facts.kind), "", dtype=object)
    unsettled = facts.street != ""
    for rule in book:
        fits = unsettled & np.char.startswith(facts.cls, rule.prefix) & np.char.startswith(facts.street, rule.place)
        if rule.kind:
            fits &= facts.kind == rule.kind
        if rule.cls:
            fits &= facts.cls == rule.cls
        if rule.condition:
            fits &= facts.condition == rule.condition
        if rule.area_layer:
            fits &= facts.bodies[f"area:{rule.area_layer}"] >= 0
        for target in rule.to:
            kind, _, key = target.partition(":")
            body = np.full(len(right), roster.index(key)) if kind == "department" else facts.bodies[target]
            taken = fits & (body >= 0)
            right[taken] = body[taken]
            why[taken] = f"{rule.code} -> {kind if kind == 'department' else target}"
            fits &= ~taken
            unsettled &= ~taken
    return right, why
