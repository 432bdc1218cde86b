"""Routing (派遣): the one department that must deal with a case, the others it might be, and why."""

from collections.abc import Hashable, Mapping, MutableMapping, Sequence
from dataclasses import dataclass
from typing import Any

from cases.corners import Asked, Beyond, Both, beyond_corners
from cases.explanation import explain, is_other_class, stale_reasons, supervisor_of
from cases.reasons import Reason
from cases.reports import Case
from cases.rules import Basis, Rule, RuleBook, Target
from cases.rules.book import Key
from cases.situation import AreaHolder, Asset, Department, Division, Place, Variation
from cases.verdict import MOST_OTHERS, Other, Verdict, decide, deciding_area, decision_key

__all__ = [
    "Alternative",
    "AreaHolder",
    "Asset",
    "Body",
    "Department",
    "Division",
    "Memo",
    "Place",
    "Routing",
    "Variation",
    "advise",
    "decide",
    "decision_key",
    "route",
]

REVIEWED = frozenset({"near_boundary", "ambiguous", "gap", "named_gap", "outside", "stale_component", "unmapped_class"})
"""Flags with which a person looks at the answer before it is dispatched."""

Memo = MutableMapping[tuple[Hashable, ...], Verdict]
"""Verdicts by `decision_key`; good for one book and one set of departments."""


@dataclass(frozen=True, slots=True)
class Body:
    """A department as an answer names it: its ids in other systems, and its ancestors (code, name) from the top."""

    code: str
    name: str
    ids: Mapping[str, str]
    path: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Alternative:
    """A department that it would have been next, or would be beyond a boundary or by a component `distance_m` away."""

    department: Department
    rule: Rule
    distance_m: float | None
    why: str


@dataclass(frozen=True, slots=True)
class Routing:
    """The whole answer. `advice` is dispatch | review | fallback; `department` is None when nothing decides."""

    unit: str | None
    divisions: tuple[Division, ...]
    department: Body | None
    advice: str
    target: Target | None
    rule: tuple[str, str] | None
    basis: Basis | None
    time_limit: str | None
    supervisor: tuple[str, str] | None
    area: tuple[str, str, str] | None
    component: tuple[str, float] | None
    flags: tuple[str, ...]
    alternatives: tuple[Alternative, ...]
    because: tuple[Reason, ...]
    revision: int

    def to_dict(self, case: Case) -> dict[str, Any]:
        """The answer to `case` as JSON members; what there is not is null."""
        body, rule, area, basis = self.department, self.rule, self.area, self.basis
        return {
            "case": {"source": case.source, "id": case.id, "version": case.version},
            "unit": self.unit,
            "divisions": {each.level: {"code": each.code, "name": each.name} for each in self.divisions},
            "department": body
            and {"code": body.code, "name": body.name, "ids": dict(body.ids), "path": _named(body.path)},
            "advice": self.advice,
            "target": self.target and {"kind": self.target.kind, "value": self.target.value},
            "rule": rule and {"owner": rule[0], "code": rule[1]},
            "basis": basis and {key: getattr(basis, key) for key in ("text", "document", "number", "date", "url")},
            "time_limit": self.time_limit,
            "supervisor": self.supervisor and {"code": self.supervisor[0], "name": self.supervisor[1]},
            "area": area and {"layer": area[0], "code": area[1], "name": area[2]},
            "component": self.component and {"code": self.component[0], "distance_m": round(self.component[1], 2)},
            "flags": list(self.flags),
            "alternatives": [_alternative(each) for each in self.alternatives],
            "because": [each.as_dict() for each in self.because],
            "revision": self.revision,
        }


def _named(pairs: Sequence[tuple[str, str]]) -> list[dict[str, str]]:
    return [{"code": code, "name": name} for code, name in pairs]


def _alternative(each: Alternative) -> dict[str, Any]:
    return {
        "department": {"code": each.department.code, "name": each.department.name},
        "rule": {"owner": each.rule.owner, "code": each.rule.code},
        "distance_m": None if each.distance_m is None else round(each.distance_m, 2),
        "why": each.why,
    }


def _body(code: str, departments: Mapping[str, Department]) -> Body:
    own = departments[code]
    path: list[tuple[str, str]] = []
    seen, parent = {code}, own.parent
    while parent is not None and parent in departments and parent not in seen:  # a circle of parents ends the path
        seen.add(parent)
        path.insert(0, (parent, departments[parent].name))
        parent = departments[parent].parent
    return Body(own.code, own.name, own.ids, tuple(path))


def advise(flags: frozenset[str]) -> str:
    """What to do with an answer: fallback (the queue of its own), review (a person looks at it first), or dispatch."""
    return "fallback" if "fallback" in flags else "review" if flags & REVIEWED else "dispatch"


@dataclass(frozen=True, slots=True)
class _Desk:
    """The case, and the book and the departments by which verdicts are given, and those already given.

    `key` is that of the case at no place.
    """

    case: Case
    key: Key
    book: RuleBook
    departments: Mapping[str, Department]
    memo: Memo | None

    def ask(self, place: Place, asset: Asset | None) -> Asked:
        """What the rules look at, what decides, and the verdict: equal keys have equal verdicts."""
        usable = None if asset is None or is_other_class(self.case, asset) else asset
        key = self.book.key_at(self.key, place.code)
        selection = self.book.select(key)
        whole = decision_key(key, selection, place, usable)
        verdict = None if self.memo is None else self.memo.get(whole)
        if verdict is None:
            verdict = decide(selection, place, usable, self.departments)
            if self.memo is not None:
                self.memo[whole] = verdict
        return Asked(selection.layers, whole, verdict)


def _doubts(
    place: Place, beyond: Sequence[Beyond], asset: Asset | None, answer: Verdict, desk: _Desk
) -> tuple[Other, ...]:
    """What else it might be given the errors of position: beyond boundaries first, then by other components, then ties.

    Nearest first, and each department once for each `why`.
    """
    found: list[Other] = []
    for variation, there in beyond:
        verdict = there.verdict
        if verdict.rule is not None and verdict.department is not None:
            found.append(Other(verdict.department, verdict.rule, "near_boundary", distance_m=variation.distance_m))
    found.sort(key=lambda each: (each.distance_m, each.department, each.rule.code))  # whatever order they came in
    for rival in asset.rivals if asset is not None and not asset.named else ():
        verdict = desk.ask(place, rival).verdict
        if verdict.rule is not None and verdict.department is not None:
            found.append(Other(verdict.department, verdict.rule, "ambiguous_component", rival.code, rival.distance_m))
    found += [other for other in answer.others if other.ambiguous]
    return _once(found, answer)


def _once(found: Sequence[Other], answer: Verdict) -> tuple[Other, ...]:
    """Those of other departments than the answer's, each once for each `why`."""
    once: dict[tuple[str, str], Other] = {}
    for other in found:
        if other.department != answer.department:
            once.setdefault((other.department, other.why), other)
    return tuple(once.values())


def _nobody(beyond: Sequence[Beyond], answer: Verdict) -> float | None:
    """How far the nearest boundary is beyond which the answer would be nobody, within the accuracy of the case."""
    if answer.department is None:
        return None
    return min((each.distance_m for each, there in beyond if there.verdict.department is None), default=None)


def _flags(
    case: Case, place: Place, answer: Verdict, doubts: Sequence[Other], nobody_m: float | None, stale: bool
) -> frozenset[str]:
    found = {
        "near_boundary": nobody_m is not None or any(doubt.why == "near_boundary" for doubt in doubts),
        "ambiguous": any(doubt.ambiguous for doubt in doubts),
        "gap": answer.gap,
        "named_gap": place.unit is None and place.gap is not None,
        "outside": place.outside,
        "stale_component": stale,
        "fallback": answer.rule is None or answer.rule.fallback,
    }
    return frozenset(case.flags) | {flag for flag, raised in found.items() if raised}


def _alternatives(
    answer: Verdict, doubts: Sequence[Other], departments: Mapping[str, Department]
) -> tuple[Alternative, ...]:
    """At most five, each department once. Doubts about the answer stand before what would merely have come next."""
    once: dict[str, Other] = {}
    for other in (*doubts, *answer.others):
        if other.department != answer.department:
            once.setdefault(other.department, other)
    return tuple(
        Alternative(departments[other.department], other.rule, other.distance_m, other.why)
        for other in list(once.values())[:MOST_OTHERS]
    )


def route(
    case: Case,
    place: Place,
    near: Sequence[Variation],
    asset: Asset | None,
    book: RuleBook,
    departments: Mapping[str, Department],
    revision: int,
    *,
    memo: Memo | None = None,
    both: Both | None = None,
) -> Routing:
    """The department for `case` at `place`, by the book; the same input always gives the same answer.

    `near` says what the place would be across each boundary within the case's accuracy; those farther are ignored.
    `asset` is the component meant, if any. `departments` are those in force, by code. `memo` may be given and kept for
    as long as book and departments stay the same: then equal situations are decided once. `both` tells the place beyond
    two boundaries at once: the departments beyond corners become alternatives, and a doubt where no boundary alone
    raises one.

    Outside every unit the lowest division that still holds the point stands for the unit; where there is none either,
    only rules that hold everywhere (owner "", no place) can decide. Such an answer is flagged `outside` or `named_gap`.
    A component that is not of the case's class is not asked for its bodies; one stale otherwise is, with a flag.
    """
    slot = book.calendar.slot(case.reported_at)
    key = book.key(case.edition, case.kind, case.class_code, case.condition, slot, None)
    desk = _Desk(case, key, book, departments, memo)
    here = desk.ask(place, asset)
    answer = here.verdict
    beyond = [(each, desk.ask(each.place, asset)) for each in near if each.distance_m <= case.accuracy_m]
    doubts = _doubts(place, beyond, asset, answer, desk)
    corners = () if both is None else beyond_corners(place, here, beyond, asset, desk.ask, both)
    stale = any(stale_reasons(case, asset))
    nobody_m = _nobody(beyond, answer)
    if nobody_m is None and not any(each.why == "near_boundary" for each in doubts):
        doubts = (*_once(corners, answer), *doubts)
    flags = _flags(case, place, answer, doubts, nobody_m, stale)
    rule, area = answer.rule, deciding_area(answer, place)
    return Routing(
        unit=place.unit,
        divisions=place.divisions,
        department=None if answer.department is None else _body(answer.department, departments),
        advice=advise(flags),
        target=answer.target,
        rule=None if rule is None else (rule.owner, rule.code),
        basis=None if rule is None else rule.basis,
        time_limit=None if rule is None else rule.time_limit,
        supervisor=None if (above := supervisor_of(rule, departments)) is None else (above.code, above.name),
        area=None if area is None else (area[0], area[1].code, area[1].name),
        component=None if asset is None else (asset.code, asset.distance_m),
        flags=tuple(sorted(flags)),
        alternatives=_alternatives(answer, (*doubts, *corners), departments),
        because=explain(case, place, asset, answer, doubts, departments, nobody_m),
        revision=revision,
    )
