"""Checking rules against the world they speak of: departments, layers, levels, divisions, classes."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import replace
from typing import Final

from cases.rules.model import CASE_KINDS, Rule
from cases.rules.shadows import find_shadows
from gis.errors import Fault, Severity
from grids.fates import Fate


class _Names:
    """What the world knows, arranged for asking."""

    def __init__(
        self,
        departments: AbstractSet[str],
        layers: AbstractSet[str],
        levels: AbstractSet[str],
        divisions: AbstractSet[str],
        classes: AbstractSet[tuple[str, str, str]],
        fates: Mapping[str, Fate],
    ) -> None:
        self.fates = fates
        self.departments, self.layers, self.levels, self.divisions = departments, layers, levels, divisions
        self.starts = {code[:length] for code in divisions for length in range(len(code) + 1)}
        self.deepest = max(map(len, divisions), default=0)
        self.editions = {edition for edition, _, _ in classes}
        named = {((e, k), code) for edition, kind, code in classes for e in (edition, None) for k in (kind, None)}
        self.classes: set[tuple[tuple[str | None, str | None], str]] = set(named)
        self.class_starts = {(which, code[:length]) for which, code in named for length in range(len(code) + 1)}

    def has_place(self, place: str) -> bool:
        """Whether units can begin with `place`: the start of a division, or more digits below the deepest level."""
        return not self.divisions or place in self.starts or place[: self.deepest] in self.divisions


def _fault(rule: Rule, code: str, en: str, zh: str, severity: Severity = "error") -> Fault:
    return Fault(code, f"Rule {rule.code}: {en}", f"规则{rule.code}：{zh}", severity, thing=rule.code)


HEIRS: Final = {
    "ids": ("which has its id in another system", "在其他系统中沿用其编号"),
    "areas": ("which took over what was its own", "已接管其原有片区或区划"),
    "name": ("which has its name", "与其同名"),
    "parent": ("which was above it", "为其原上级部门"),
}


def _department(rule: Rule, code: str, names: _Names, is_supervisor: bool = False) -> Iterator[Fault]:
    """Whether a department that a rule names is in force; of one that was, who took its place."""
    if code in names.departments:
        return
    en, zh = ("; it is named as supervisor", "（监管单位）") if is_supervisor else ("", "")
    fate = names.fates.get(code)
    if fate is None:
        yield _fault(
            rule, "department_unknown", f"no department {code} is in force{en}.", f"没有在用的部门{code}{zh}。"
        )
        return
    heir = "" if fate.heir is None else f" Name {fate.heir} instead, {HEIRS[fate.why or ''][0]}."
    heir_zh = "" if fate.heir is None else f"建议改为{fate.heir}（{HEIRS[fate.why or ''][1]}）。"
    told = _fault(
        rule,
        "department_retired",
        f"department {code} {fate.name} is no longer in force since revision {fate.revision}{en}.{heir}",
        f"部门{code}{fate.name}自版本{fate.revision}起已不在用{zh}。{heir_zh}",
    )
    yield told if fate.heir is None else replace(told, members={"successors": [fate.heir]})


def _targets(rule: Rule, names: _Names) -> Iterator[Fault]:
    if rule.supervisor is not None:
        yield from _department(rule, rule.supervisor, names, is_supervisor=True)
    for target in rule.to:
        if target.kind == "department":
            yield from _department(rule, target.value, names)
        elif target.kind == "division" and target.value not in names.levels:
            yield _fault(
                rule,
                "level_unknown",
                f"there is no division level {target.value}; levels are {_listed(names.levels)}.",
                f"没有区划层级{target.value}；现有层级：{_listed(names.levels)}。",
            )
    wanted = {target.value for target in rule.to if target.kind == "area"}
    for layer in sorted((wanted | {rule.area_layer or ""}) - {""} - names.layers):
        yield _fault(
            rule,
            "area_layer_unknown",
            f"there is no area layer {layer}; layers are {_listed(names.layers)}.",
            f"没有片区图层{layer}；现有图层：{_listed(names.layers)}。",
        )


def _class(rule: Rule, names: _Names) -> Iterator[Fault]:
    if not names.classes:
        return
    if rule.edition is not None and rule.edition not in names.editions:
        yield _fault(
            rule,
            "unknown_edition",
            f"the catalogue has no class of edition {rule.edition}, so its class cannot be checked.",
            f"目录中没有标准版{rule.edition}的类别，无法核对。",
            "warning",
        )
        return
    which = (rule.edition, rule.kind)
    if rule.class_code is not None and (which, rule.class_code) not in names.classes:
        yield _fault(
            rule,
            "class_unknown",
            f"the catalogue has no class {rule.class_code} of {_said(rule)}.",
            f"目录中没有类别{rule.class_code}（{_said(rule)}）。",
        )
    if rule.class_prefix is not None and (which, rule.class_prefix) not in names.class_starts:
        yield _fault(
            rule,
            "class_unknown",
            f"no class of {_said(rule)} in the catalogue begins with {rule.class_prefix}.",
            f"目录中没有以{rule.class_prefix}开头的类别（{_said(rule)}）。",
        )


def _said(rule: Rule) -> str:
    return " ".join(part for part in (rule.edition, rule.kind) if part) or "any edition"


def _listed(values: Iterable[str]) -> str:
    return ", ".join(sorted(values)) or "-"


def _catches_all(rules: Iterable[Rule]) -> bool:
    """Whether every case anywhere in the owner meets one of the rules (all of one owner), with a sure target."""
    kinds: set[str] = set()
    for rule in rules:
        asks = (rule.edition, rule.class_code, rule.class_prefix, rule.condition, rule.area_layer, rule.when)
        everywhere = rule.place is None or rule.owner.startswith(rule.place)
        sure = any(target.kind in ("department", "division") for target in rule.to)
        if everywhere and sure and not any(asks):
            kinds.update(CASE_KINDS if rule.kind is None else (rule.kind,))
    return kinds >= set(CASE_KINDS)


def _totality(rules: Sequence[Rule]) -> Iterator[Fault]:
    by_owner: dict[str, list[Rule]] = {}
    for rule in rules:
        by_owner.setdefault(rule.owner, []).append(rule)
    total = {owner for owner, own in by_owner.items() if _catches_all(own)}
    for owner in sorted(by_owner):
        if not any(owner.startswith(above) for above in total):
            name, name_zh = (owner, owner) if owner else ("everywhere", "全域")
            yield Fault(
                "no_catch_all",
                f"The rules of {name} have no catch-all: a case that no rule fits goes nowhere. "
                "Add a rule without class, place and area whose target is a department or a division level.",
                f"{name_zh}的规则没有兜底规则：无规则可用的案件将无处派遣。请增加一条不限类别、地点和片区、"
                "派往部门或区划层级的规则。",
                "warning",
                thing=owner or None,
            )


def departments_named(rules: Sequence[Rule]) -> set[str]:
    """The codes of all departments that rules name."""
    found = {target.value for rule in rules for target in rule.to if target.kind == "department"}
    return found | {rule.supervisor for rule in rules if rule.supervisor is not None}


def check(
    rules: Sequence[Rule],
    departments: AbstractSet[str],
    layers: AbstractSet[str],
    levels: AbstractSet[str],
    divisions: AbstractSet[str],
    classes: AbstractSet[tuple[str, str, str]],
    fates: Mapping[str, Fate] | None = None,
) -> list[Fault]:
    """What is wrong with rules that read well: names that the world lacks (errors); warnings of rules that never
    decide or contradict each other, and of owners without a catch-all.

    `departments` are codes in force, `layers` area layers, `levels` the division levels of the code profile,
    `divisions` codes, `classes` the catalogue as (edition id, kind, code). No divisions or no classes at all means that
    these cannot be checked. `fates` tell of departments that were, by code, with who took their place. A fault
    names the rule by its code as `thing`.
    """
    names = _Names(departments, layers, levels, divisions, classes, fates or {})
    faults: list[Fault] = []
    for rule in rules:
        faults += _targets(rule, names)
        faults += _class(rule, names)
        for what, code, zh in (("owner", rule.owner, "所属区划"), ("place", rule.place, "地点")):
            if code and not names.has_place(code):
                faults.append(
                    _fault(
                        rule,
                        "place_unknown",
                        f"no division has the {what}'s code {code}.",
                        f"没有编码为{code}的区划（{zh}）。",
                    )
                )
    faults += find_shadows(rules)
    faults += _totality(rules)
    return faults
