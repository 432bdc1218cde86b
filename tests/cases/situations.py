"""One small world in which routing is tried."""

from dataclasses import replace
from typing import Any

from cases.reports import Case
from cases.routing import AreaHolder, Asset, Department, Division, Place, Routing, Variation, route
from cases.rules import Rule, RuleBook, Target

UNIT = "440305001001003"
DEPARTMENTS = {
    department.code: department
    for department in (
        Department("CITY", "市城管中心"),
        Department("DISTRICT", "南山区指挥中心", "CITY"),
        Department("WATER", "水务局", "DISTRICT", {"oa": "77"}),
        Department("POWER", "供电局"),
        Department("GREEN", "绿化所"),
        Department("STREET", "粤海街道办", "DISTRICT"),
        Department("NEXT", "沙河街道办", "DISTRICT"),
        Department("CIRCLE", "甲", "CIRCLE2"),
        Department("CIRCLE2", "乙", "CIRCLE"),
    )
}
DIVISIONS = (
    Division("county", "440305", "南山区"),
    Division("street", "440305001", "粤海街道", "STREET"),
)
NEXT_DIVISIONS = (DIVISIONS[0], Division("street", "440305002", "沙河街道", "NEXT"))
PLACE = Place(UNIT, DIVISIONS)
CASE = Case("12345", "c-1", 2, 114.05, 22.54, 15.0, None, "2026", "component", "01001", None, None)
COVER = Asset("P1", "01001", "2026", "完好", "GREEN", "WATER", "POWER", distance_m=3.14, reach_m=15.5)


def rule(*to: tuple[str, str], code: str = "r", owner: str = "440305", **members: Any) -> Rule:
    return Rule(owner, code, tuple(Target(*target) for target in to), **members)


def areas(*holders: AreaHolder, layer: str = "drainage") -> Place:
    return replace(PLACE, areas={layer: holders})


def routed(
    *rules: Rule, case: Case = CASE, place: Place = PLACE, near: tuple[Variation, ...] = (), asset: Asset | None = None
) -> Routing:
    book = RuleBook.compile(rules)
    memo: dict[Any, Any] = {}
    answers = [route(case, place, near, asset, book, DEPARTMENTS, 7, memo=each) for each in (None, memo, memo)]
    assert answers[0] == answers[1] == answers[2]  # remembered or not
    return answers[0]


def body(routing: Routing) -> str | None:
    return None if routing.department is None else routing.department.code


def others(routing: Routing) -> list[tuple[str, str, float | None]]:
    return [(each.department.code, each.why, each.distance_m) for each in routing.alternatives]


def steps(routing: Routing) -> list[str]:
    return [each.code for each in routing.because]


# each kind of target
