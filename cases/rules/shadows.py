"""Rules that can never decide because another one always goes before them, and rules that contradict each other.

A rule covers another one when every case that meets the second meets the first. What a rule asks is a set of members;
the books of cities use few such sets, so a rule is looked up under each of them instead of being held against all.
"""

from collections.abc import Iterable, Iterator, Sequence

from cases.rules.model import Rule
from gis.errors import Fault

EXACT = ("edition", "kind", "class_code", "condition", "area_layer", "area", "when")
"""Members that another rule must give alike, or not at all; of place, owner and class prefix a shorter one will do."""

Asked = tuple[str, ...]


def find_shadows(rules: Iterable[Rule]) -> Iterator[Fault]:
    """Warnings `rule_unreachable` and `rules_contradict`, one for a rule at most, first tried first."""
    ordered = sorted(rules, key=lambda rule: (rule.rank, rule.code.encode(), rule.owner))
    by_asked: dict[Asked, dict[tuple[object, ...], list[Rule]]] = {}
    for each in ordered:  # each finds those that are tried before it
        for asked, held in by_asked.items():
            if (before := _before(each, asked, held)) is not None:
                yield before
                break
        asked = tuple(name for name in EXACT if getattr(each, name) is not None)
        by_asked.setdefault(asked, {}).setdefault(_values(each, asked), []).append(each)


def covers(first: Rule, second: Rule) -> bool:
    """Whether every case that meets the second rule meets the first."""
    if any(getattr(first, name) not in (None, getattr(second, name)) for name in EXACT):
        return False
    narrow = max(second.owner, second.place or "", key=len)
    if not (narrow.startswith(first.owner) and narrow.startswith(first.place or "")):
        return False
    begun = second.class_code or second.class_prefix or ""
    return first.class_prefix is None or begun.startswith(first.class_prefix)


def _before(rule: Rule, asked: Asked, held: dict[tuple[object, ...], list[Rule]]) -> Fault | None:
    """What is wrong with a rule because of one that asks for these members and is tried before it."""
    if any(getattr(rule, name) is None for name in asked):
        return None
    for first in held.get(_values(rule, asked), ()):
        if not covers(first, rule):
            continue
        if first.owner == rule.owner and first.rank == rule.rank and covers(rule, first):
            if first.to != rule.to:
                return _contradicts(first, rule)
        elif any(target.kind == "department" for target in first.to):
            return _hides(first, rule)
    return None


def _values(rule: Rule, asked: Sequence[str]) -> tuple[object, ...]:
    return tuple(getattr(rule, name) for name in asked)


def _hides(first: Rule, rule: Rule) -> Fault:
    return Fault(
        "rule_unreachable",
        f"Rule {rule.code}: it never decides, for rule {first.code} is tried before it, asks for no more, and names a "
        "department itself. Take one of them away, or give the narrower one the higher priority.",
        f"规则{rule.code}：永远不会生效，因为规则{first.code}先于它适用、条件不比它多且直接指定了部门。"
        "请删除其中一条，或为较窄的规则设置更高优先级。",
        "warning",
        thing=rule.code,
    )


def _contradicts(first: Rule, rule: Rule) -> Fault:
    return Fault(
        "rules_contradict",
        f"Rule {rule.code}: rule {first.code} has equal rank, asks for the same, and leads elsewhere; cases that "
        "meet both are flagged ambiguous. Give one of them the higher priority.",
        f"规则{rule.code}：与规则{first.code}同级且条件相同，但派往不同对象；同时符合的案件将标记为责任交叉。"
        "请为其中一条设置更高优先级。",
        "warning",
        thing=rule.code,
    )
