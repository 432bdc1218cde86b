"""Rules learnt from a file of cases that says who dealt with each, and how they do on cases that were left out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from api.bulk.files import column_missing, read_cases
from cases.desk import Desk, Places
from cases.reports import Case, Defaults
from cases.rules import Rule, RuleBook
from cases.rules.learning import Precedent, Wanted, learn_rules
from cases.situation import Department
from gis.crs import CrsLike
from gis.errors import Fault, refuse
from gis.tables import Table


@dataclass(frozen=True, slots=True)
class Lesson:
    """What a file is to teach: who dealt with a case is in `column`, rules are by areas of `layer`, kept by `owner`.

    With `half` only every second case is learnt from, and the rules are tried on the others.
    """

    column: str
    layer: str
    owner: str = ""
    half: bool = False
    wanted: Wanted | None = None


@dataclass(frozen=True, slots=True)
class Learnt:
    """The rules, from how many cases, and of those left out: how many, decided by a learnt rule, as it really was."""

    rules: tuple[Rule, ...]
    cases: int
    tried: int
    decided: int
    agreed: int
    faults: tuple[Fault, ...]


def learn(
    desk: Desk, table: Table, mapping: Mapping[str, str], defaults: Defaults, crs: CrsLike | None, lesson: Lesson
) -> Learnt:
    """Learn rules from a table of cases. Cases without a class or a department teach nothing.

    Errors: Refusal column_missing, area_layer_unknown, and those of reading cases.
    """
    if lesson.column not in table.columns:
        raise column_missing(lesson.column, list(table.columns))
    if lesson.layer not in desk.grid.areas:
        there = ", ".join(sorted(desk.grid.areas)) or "-"
        raise refuse(
            "area_layer_unknown",
            f"There is no area layer {lesson.layer}; layers are {there}.",
            f"没有片区图层{lesson.layer}；现有图层：{there}。",
            thing=lesson.layer,
        )
    read, faults = read_cases(table, mapping, desk.defaults(defaults), crs)
    told = zip(read, table.columns[lesson.column].tolist(), strict=True)
    known = [(case, str(body)) for case, body in told if case is not None and body and None not in _key(case)]
    taught, left = (known[::2], known[1::2]) if lesson.half else (known, [])
    areas = _areas(desk, [case for case, _ in taught], lesson.layer)
    precedents = [
        Precedent((str(case.edition), str(case.kind), str(case.class_code)), area, body)
        for (case, body), area in zip(taught, areas, strict=True)
    ]
    rules = learn_rules(precedents, lesson.layer, lesson.owner, lesson.wanted)
    found = _tried(desk, rules, [case for case, _ in left])
    agreed = sum(got == body for got, (_, body) in zip(found, left, strict=True))
    decided = sum(got is not None for got in found)
    return Learnt(tuple(rules), len(taught), len(left), decided, agreed, tuple(faults))


def _key(case: Case) -> tuple[str | None, str | None, str | None]:
    return case.edition, case.kind, case.class_code


def _areas(desk: Desk, cases: Sequence[Case], layer: str) -> list[str | None]:
    """The code of the first area of the layer that holds each case."""
    lonlat = np.array([(case.lon, case.lat) for case in cases], dtype=np.float64).reshape(-1, 2)
    places = Places(desk.grid, desk.grid.locate(lonlat))
    held = [places.at(index).areas.get(layer, ()) for index in range(len(cases))]
    return [each[0].code if each else None for each in held]


def _tried(desk: Desk, rules: Sequence[Rule], cases: Sequence[Case]) -> list[str | None]:
    """Who has each case by the learnt rules alone; crews need not be departments yet."""
    named = {target.value for rule in rules for target in rule.to}
    bodies = {code: Department(code, code) for code in named}
    trial = replace(desk, book=RuleBook.compile(rules), departments={**bodies, **desk.departments}, memo={})
    return [None if each.department is None else each.department.code for each in trial.route_all(cases)]
