"""Checking rules against the world they speak of: departments, layers, levels, divisions, classes."""

from collections.abc import Iterable, Iterator, Sequence
from collections.abc import Set as AbstractSet

from cases.rules.model import CASE_KINDS, Rule
from cases.rules.shadows import find_shadows
from gis.errors import Fault, Severity


class _Names:
    """What the world knows, arranged for asking."""

    def __init__(
        self,
        departments: AbstractSet[str],
        layers: AbstractSet[str],
        levels: AbstractSet[str],
        divisions: AbstractSet[str],
        classes: AbstractSet[tuple[str, str, str]],
    ) -> None:
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


def _targets(rule: Rule, names: _Names) -> Iterator[Fault]:
    if rule.supervisor is not None and rule.supervisor not in names.departments:
        yield _fault(
            rule,
            "department_unknown",
            f"no department {rule.supervisor} is in force; it is named as supervisor.",
            f"没有在用的部门{rule.supervisor}（监管单位）。",
        )
    for target in rule.to:
        if target.kind == "department" and target.value not in names.departments:
            yield _fault(
                rule,
                "department_unknown",
                f"no department {target.value} is in force.",
                f"没有在用的部门{target.value}。",
            )
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


def check(
    rules: Sequence[Rule],
    departments: AbstractSet[str],
    layers: AbstractSet[str],
    levels: AbstractSet[str],
    divisions: AbstractSet[str],
    classes: AbstractSet[tuple[str, str, str]],
) -> list[Fault]:
    """What is wrong with rules that read well: names that the world lacks (errors); warnings of rules that never
    decide or contradict each other, and of owners without a catch-all.

    `departments` are codes in force, `layers` area layers, `levels` the division levels of the code profile,
    `divisions` codes, `classes` the catalogue as (edition id, kind, code). No divisions or no classes at all means that
    these cannot be checked. A fault names the rule by its code as `thing`.
    """
    names = _Names(departments, layers, levels, divisions, classes)
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
