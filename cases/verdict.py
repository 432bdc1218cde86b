"""The decision itself: rules and a place in, a department out. No distances, no texts, so that it can be remembered."""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass

from cases.rules import Rule, Selection, Target
from cases.rules.book import Key
from cases.situation import AreaHolder, Asset, Department, Division, Place

MOST_OTHERS = 5
"""How many other departments an answer names at most."""


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a target led to no department before the answer was found; `what` is the layer, level or code concerned."""

    why: str
    what: str


@dataclass(frozen=True, slots=True)
class Found:
    """The department's code that a target led to, and the area (with its layer) or the division it came from."""

    department: str
    area: tuple[str, AreaHolder] | None = None
    division: Division | None = None


@dataclass(frozen=True, slots=True)
class Other:
    """The code of a department that might have been meant.

    `why`: near_boundary (beyond the boundary `distance_m` away), ambiguous_area, ambiguous_rule, ambiguous_component (a
    component `distance_m` away), next_target, next_rule. `thing` is the code of the area, rule or component.
    """

    department: str
    rule: Rule
    why: str
    thing: str = ""
    distance_m: float | None = None

    @property
    def ambiguous(self) -> bool:
        """Whether nothing but a convention prefers the answer to this."""
        return self.why.startswith("ambiguous")


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the rules say. `rule`, `target` and `found` are None together, when nothing leads to a department."""

    rule: Rule | None
    target: Target | None
    found: Found | None
    failures: tuple[Failure, ...]
    others: tuple[Other, ...]

    @property
    def department(self) -> str | None:
        """The code of the department."""
        return None if self.found is None else self.found.department

    @property
    def gap(self) -> bool:
        """Whether the area of a layer was wanted before the answer, and none holds the point."""
        return any(failure.why == "area_missing" for failure in self.failures)


def decision_key(key: Key, selection: Selection, place: Place, asset: Asset | None) -> tuple[Hashable, ...]:
    """All that `decide` depends on besides the departments and the book that made `key` and `selection` of it.

    Equal keys have equal verdicts: besides the book's own key, the holders in the layers and the divisions of the
    levels that the selected rules look at, and the component's bodies if they look at them.
    """
    bodies = asset and selection.asks_component and (asset.owner_code, asset.maintainer_code, asset.supervisor_code)
    return (
        key,
        tuple(place.areas.get(layer, ()) for layer in selection.layers),
        tuple(division for division in place.divisions if division.level in selection.levels),
        bodies or None,
    )


def _in_area(rule: Rule, place: Place) -> AreaHolder | None:
    """The area by which the rule's own condition on areas holds, None if it does not hold."""
    holders = place.areas.get(rule.area_layer or "", ())
    return next((holder for holder in holders if rule.area in (None, holder.code)), None)


def _holders(rule: Rule, layer: str, place: Place) -> Sequence[AreaHolder]:
    """The areas of a target's layer that hold the point; a rule for one very area means that area."""
    holders = place.areas.get(layer, ())
    if rule.area is not None and rule.area_layer == layer:
        return [holder for holder in holders if holder.code == rule.area]
    return holders


def _resolve_area(
    rule: Rule, layer: str, place: Place, departments: Mapping[str, Department], failures: list[Failure]
) -> Found | None:
    holders = _holders(rule, layer, place)
    if not holders:
        failures.append(Failure("area_missing", layer))
    for holder in holders:
        if holder.department is None:
            failures.append(Failure("area_without_department", holder.code))
        elif holder.department not in departments:
            failures.append(Failure("department_retired", holder.department))
        else:
            return Found(holder.department, area=(layer, holder))
    return None


def _resolve(
    rule: Rule,
    target: Target,
    place: Place,
    asset: Asset | None,
    departments: Mapping[str, Department],
    failures: list[Failure],
) -> Found | None:
    """The department in force that the target leads to; if none, `failures` gets the reason."""
    if target.kind == "area":
        return _resolve_area(rule, target.value, place, departments, failures)
    division = None
    code: str | None
    if target.kind == "department":
        code = target.value
    elif target.kind == "division":
        division = next((each for each in place.divisions if each.level == target.value), None)
        if division is None or division.department is None:
            failures.append(
                Failure(
                    "division_missing" if division is None else "division_without_department",
                    target.value if division is None else division.code,
                )
            )
            return None
        code = division.department
    else:
        code = None if asset is None else asset.body(target.value)
        if code is None:
            failures.append(
                Failure(f"component_without_{target.value}" if asset else "component_missing", target.value)
            )
            return None
    if code not in departments:
        failures.append(Failure("department_retired", code))
        return None
    return Found(code, division=division)


def _equal_holders(rule: Rule, found: Found, place: Place, departments: Mapping[str, Department]) -> list[Other]:
    """Areas of the same layer and priority as the deciding one that lead to another department."""
    if found.area is None:
        return []
    layer, decided = found.area
    return [
        Other(holder.department, rule, "ambiguous_area", holder.code)
        for holder in _holders(rule, layer, place)
        if holder.priority == decided.priority
        and holder.department is not None
        and holder.department != found.department
        and holder.department in departments
    ]


def decide(selection: Selection, place: Place, asset: Asset | None, departments: Mapping[str, Department]) -> Verdict:
    """The first target, of the first rule in the stated order, that leads to a department in force.

    `selection` comes from `RuleBook.select`. Further targets of that rule, and the first answer of each later rule,
    become `others`, up to five departments. A later rule of equal rank and the same owner with another answer, or an
    area of equal priority, makes the verdict ambiguous (`why` begins with "ambiguous").
    """
    failures = [Failure("time_missing", "")] if selection.lacks_time else []
    answer: tuple[Rule, Target, Found] | None = None
    others: dict[str, Other] = {}
    for rule in selection.rules:
        equal = answer is not None and rule.owner == answer[0].owner and rule.rank == answer[0].rank
        if len(others) >= MOST_OTHERS and not equal:
            break
        if rule.area_layer is not None and _in_area(rule, place) is None:
            continue
        for target in rule.to:
            found = _resolve(rule, target, place, asset, departments, failures if answer is None else [])
            if found is None:
                continue
            if answer is None:
                answer = (rule, target, found)
                others.update((other.department, other) for other in _equal_holders(rule, found, place, departments))
                continue
            same = rule is answer[0]
            why = "next_target" if same else "ambiguous_rule" if equal else "next_rule"
            if found.department != answer[2].department:
                known = others.get(found.department)
                if known is None or (why == "ambiguous_rule" and not known.ambiguous):
                    others[found.department] = Other(found.department, rule, why, rule.code)
            if not same:
                break
    rule_, target_, found_ = answer or (None, None, None)
    return Verdict(rule_, target_, found_, tuple(dict.fromkeys(failures)), tuple(others.values()))


def deciding_area(verdict: Verdict, place: Place) -> tuple[str, AreaHolder] | None:
    """The layer and area that the answer rests on: the target's, else the one that the rule itself asks for."""
    if verdict.found is None or verdict.rule is None:
        return None
    if verdict.found.area is not None or verdict.rule.area_layer is None:
        return verdict.found.area
    holder = _in_area(verdict.rule, place)
    return None if holder is None else (verdict.rule.area_layer, holder)
