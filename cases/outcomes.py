"""What a verdict comes to in a table of answers, and how the tree of decisions is asked for it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from cases.explanation import explain
from cases.reports import Case
from cases.rules import Rule, Selection, Target
from cases.situation import Asset, Department, Place
from cases.verdict import Verdict, decide, deciding_area

NOBODY = -1
ROWLESS = Case("", "", None, 0.0, 0.0, 1.0, None, None, None, None, None, None)
"""A case that says nothing: what is explained for it is the verdict alone."""

Column = tuple[str, str]
"""What a verdict may depend on: ("area", layer), ("division", level) or ("component", "")."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the answer's columns need of a verdict. `department` numbers the departments of a desk, or is NOBODY.

    `area` is "layer:code"; `reasons` are the codes of what decided, `doubts` those of the ties that only a convention
    broke.
    """

    department: int
    rule: str | None
    area: str | None
    fallback: bool
    gap: bool
    reasons: tuple[str, ...]
    doubts: tuple[str, ...]


def column_of(target: Target) -> Column | None:
    """What a target looks at; a fixed department looks at nothing."""
    match target.kind:
        case "department":
            return None
        case "component":
            return "component", ""
    return target.kind, target.value


def columns_of(selection: Selection) -> set[Column]:
    """All that the selected rules look at."""
    found = {("area", layer) for layer in selection.layers} | {("division", level) for level in selection.levels}
    return found | ({("component", "")} if selection.asks_component else set())


def outcome_of(
    verdict: Verdict, place: Place, departments: Mapping[str, Department], numbers: Mapping[str, int]
) -> Outcome:
    """The verdict on `place`, `numbers` being those of the departments."""
    area = deciding_area(verdict, place)
    reasons = explain(ROWLESS, place, None, verdict, (), departments)[1:]  # without where the point is
    return Outcome(
        NOBODY if verdict.department is None else numbers[verdict.department],
        None if verdict.rule is None else verdict.rule.code,
        None if area is None else f"{area[0]}:{area[1].code}",
        verdict.rule is None or verdict.rule.fallback,
        verdict.gap,
        tuple(each.code for each in reasons),
        tuple(other.why for other in verdict.others if other.ambiguous),
    )


@dataclass(slots=True)
class Inquiry:
    """The rules of one selection, asked step by step: what must be known next, or the verdict.

    The verdict is that of `decide` as far as an `Outcome` tells it: rules after the one that decides are looked at
    only where one of equal rank could make the answer ambiguous. What merely would have come next is left out.
    """

    selection: Selection
    departments: Mapping[str, Department]
    _single: dict[tuple[int, int], Selection] = field(default_factory=dict)

    def ask(self, known: Mapping[Column, object], place: Place, asset: Asset | None) -> Column | Verdict:
        """The verdict on what is known of `place` and `asset`, or the first thing that it needs and is not `known`."""
        rules = self.selection.rules
        for position, rule in enumerate(rules):
            if rule.area_layer is not None:
                if ("area", rule.area_layer) not in known:
                    return "area", rule.area_layer
                if not any(rule.area in (None, each.code) for each in place.areas.get(rule.area_layer, ())):
                    continue
            for number, target in enumerate(rule.to):
                column = column_of(target)
                if column is not None and column not in known:
                    return column
                alone = self._single.setdefault((position, number), self._of((replace(rule, to=(target,)),)))
                if decide(alone, place, asset, self.departments).rule is not None:
                    return self._decided(rules, position, known, place, asset)
        return decide(self.selection, place, asset, self.departments)

    def _of(self, rules: Sequence[Rule]) -> Selection:
        return replace(self.selection, rules=tuple(rules))

    def _decided(
        self,
        rules: Sequence[Rule],
        position: int,
        known: Mapping[Column, object],
        place: Place,
        asset: Asset | None,
    ) -> Column | Verdict:
        owner, rank = rules[position].owner, rules[position].rank
        if not any(each.owner == owner and each.rank == rank for each in rules[position + 1 :]):
            return decide(self._of(rules[: position + 1]), place, asset, self.departments)
        unknown = sorted(columns_of(self.selection) - known.keys())
        return unknown[0] if unknown else decide(self.selection, place, asset, self.departments)
