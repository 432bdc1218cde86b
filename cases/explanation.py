"""Explaining a verdict: the reasons in the order in which a person would tell them."""

from collections.abc import Iterator, Mapping, Sequence

from cases.reasons import Reason, reason
from cases.reports import Case
from cases.rules import Rule
from cases.situation import NOT_THERE, Asset, Department, Place
from cases.verdict import Other, Verdict


def stale_reasons(case: Case, asset: Asset | None) -> Iterator[Reason]:
    """What is wrong with the component that the case names; nothing if it names none and the one found still serves."""
    if case.component_code is not None and (asset is None or not asset.named):
        yield reason("component_unknown", component=case.component_code)
    if asset is None:
        return
    if asset.retired:
        yield reason("component_retired", component=asset.code)
    if asset.state is not None and asset.state.strip().lower() in NOT_THERE:
        yield reason("component_gone", component=asset.code, state=asset.state)
    if is_other_class(case, asset):
        yield reason("component_class", component=asset.code, found=asset.class_code, wanted=case.class_code or "")
    if asset.named and asset.reach_m is not None and asset.distance_m > asset.reach_m:
        yield reason("component_far", component=asset.code, reach=f"{asset.reach_m:.1f}")


def is_other_class(case: Case, asset: Asset) -> bool:
    """Whether the named component is of another class than the case; classes of different editions are not compared."""
    return (
        asset.named
        and case.class_code is not None
        and asset.edition == case.edition
        and asset.class_code != case.class_code
    )


def _where(place: Place) -> Reason:
    if place.unit is None:
        return reason("outside") if place.gap is None else reason("named_gap", gap=place.gap)
    names = tuple(division.name for division in place.divisions if division.name)
    return reason("unit_within", unit=place.unit, divisions=names) if names else reason("unit", unit=place.unit)


def _which_component(asset: Asset | None) -> Iterator[Reason]:
    if asset is None:
        return
    code = "component_named" if asset.named else "component_nearest"
    yield reason(code, component=asset.code, distance=f"{asset.distance_m:.1f}")
    if not asset.named and asset.second_distance_m is not None:
        yield reason("component_next", distance=f"{asset.second_distance_m:.1f}")


def _what_decided(verdict: Verdict, departments: Mapping[str, Department]) -> Iterator[Reason]:
    for failure in verdict.failures:
        yield reason(failure.why, what=failure.what)
    rule, target, found = verdict.rule, verdict.target, verdict.found
    if rule is None or target is None or found is None:
        passed = any(failure.why != "time_missing" for failure in verdict.failures)
        yield reason("no_department" if passed else "no_rule")
        return
    yield reason("rule_named", rule=rule.code, name=rule.name) if rule.name else reason("rule", rule=rule.code)
    if rule.when is not None:
        yield reason("in_window", window=str(rule.when))
    if rule.basis is not None:
        parts = (rule.basis.text, rule.basis.document, rule.basis.number, rule.basis.date)
        yield reason("basis", basis=tuple(part for part in parts if part) or (rule.basis.url or "",))
    name = departments[found.department].name
    if found.area is not None:
        yield reason("by_area", area=found.area[1].name or found.area[1].code, layer=found.area[0], department=name)
    elif found.division is not None:
        yield reason("by_division", division=found.division.name or found.division.code, department=name)
    else:
        yield reason("by_department" if target.kind == "department" else f"by_{target.value}", department=name)
    if (above := supervisor_of(rule, departments)) is not None:
        yield reason("supervised_by", department=above.name)
    if rule.fallback:
        yield reason("fallback")


def supervisor_of(rule: Rule | None, departments: Mapping[str, Department]) -> Department | None:
    """The department in force that supervises what a rule sends on."""
    return None if rule is None or rule.supervisor is None else departments.get(rule.supervisor)


def _assumed(case: Case) -> Iterator[Reason]:
    for flag in case.flags:
        if flag in ("crs_assumed", "assumed_timezone"):
            yield reason(flag)
        elif flag == "assumed_accuracy":
            yield reason(flag, accuracy=f"{case.accuracy_m:g}")
        elif flag == "assumed_edition":
            yield reason(flag, edition=case.edition or "")
        elif flag == "unknown_class":
            yield reason(flag, given=case.class_code or "", edition=case.edition or "", kind=case.kind or "")
        elif flag == "unmapped_class":
            yield reason(flag, given=case.class_code or "", edition=case.edition or "")


def _doubts(doubts: Sequence[Other], departments: Mapping[str, Department]) -> Iterator[Reason]:
    for doubt in doubts:
        distance = "" if doubt.distance_m is None else f"{doubt.distance_m:.1f}"
        yield reason(doubt.why, distance=distance, thing=doubt.thing, department=departments[doubt.department].name)


def explain(
    case: Case,
    place: Place,
    asset: Asset | None,
    verdict: Verdict,
    doubts: Sequence[Other],
    departments: Mapping[str, Department],
    nobody_m: float | None = None,
) -> tuple[Reason, ...]:
    """Where the point is, the component, what led nowhere, the rule with its basis, its target, doubts, assumptions.

    `nobody_m`: how far the nearest boundary is beyond which no department is responsible.
    """
    return (
        _where(place),
        *_which_component(asset),
        *stale_reasons(case, asset),
        *_what_decided(verdict, departments),
        *_doubts(doubts, departments),
        *([] if nobody_m is None else [reason("near_nobody", distance=f"{nobody_m:.1f}")]),
        *_assumed(case),
    )
