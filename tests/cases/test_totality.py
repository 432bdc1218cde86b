"""For whom a rule book leaves nobody responsible: found on the ground, each with a point where routing agrees."""

from dataclasses import dataclass, replace
from pathlib import Path
from time import perf_counter

import numpy as np
import pytest
import shapely

from api.cli.model_city import load
from api.cli.opening import open_settled
from api.editing.checks import State
from api.editing.rule_checks import ground_of
from api.settings import Settings
from cases.desk import Desk, load_desk
from cases.reports import Case
from cases.rules import Rule, RuleBook, Target
from cases.rules.ground import AreaShapes, Ground
from cases.rules.totality import Hole, find_holes, tell_holes
from components.catalogue import built_in
from examples.model_city import write
from gis.store.engine import reading
from gis.store.revisions import head
from grids.profiles import GBT

CLASSES = [each.key for each in built_in()]
DROPPED = {"catch-all", "messy-green-else", "noise", "advertising"}
FIELDS = ("drainage", "greening", "sanitation")


@dataclass(frozen=True, slots=True)
class City:
    """A desk and its ground."""

    desk: Desk
    ground: Ground

    def without(self, codes: set[str]) -> RuleBook:
        return RuleBook.compile(rule for rule in self.desk.book.rules if rule.code not in codes)


def city_of(folder: Path, units: int) -> City:
    write(folder, units, cases=0, seed=5)
    settings = Settings(store=f"sqlite:///{folder / 'wangge.db'}")
    with open_settled(settings) as store:
        load(store, folder, settings)
        with reading(store.world) as connection:
            desk = load_desk(connection, head(connection))
            return City(desk, ground_of(State.of(connection, head(connection)), desk.grid.departments))


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory) -> City:
    return city_of(tmp_path_factory.mktemp("city"), 400)


def case(xy: tuple[float, float], key: tuple[str, str, str]) -> Case:
    edition, kind, code = key
    return Case("s", "1", 1, *xy, 1e-3, None, edition, kind, code, None, None)


def test_a_book_with_a_catch_all_leaves_nobody_out(city: City) -> None:
    assert find_holes(city.desk.book, city.ground, CLASSES) == []


def test_at_every_point_named_routing_finds_no_department(city: City) -> None:
    book = city.without(DROPPED)
    desk = replace(city.desk, book=book, memo={})
    holes = find_holes(book, city.ground, CLASSES)
    assert {hole.partly for hole in holes} == {True, False}
    for hole in holes:
        cases = [case(tuple(hole.where["coordinates"]), key) for key in hole.classes]
        found = desk.route_all(cases)
        # a component may be there all the same: then its own bodies answer
        assert all(each.department is None or each.component for each in found), hole


def test_wherever_routing_finds_no_department_a_hole_is_told(city: City) -> None:
    book = city.without(DROPPED)
    desk = replace(city.desk, book=book, memo={})
    told = {
        (key, unit) for hole in find_holes(book, city.ground, CLASSES) for key in hole.classes for unit in hole.units
    }
    random = np.random.default_rng(3)
    west, south, east, north = shapely.total_bounds(city.ground.polygons)
    points = random.uniform((west, south), (east, north), (4_000, 2)).round(9)
    of_2026 = [each for each in CLASSES if each[0] == "2026"]
    keys = [of_2026[at] for at in random.integers(0, len(of_2026), len(points))]
    routed = desk.route_all([case(tuple(xy), key) for xy, key in zip(points.tolist(), keys, strict=True)])
    number = {code: at for at, code in enumerate(city.ground.codes.tolist())}
    lost = [
        (key, number[each.unit])
        for key, each in zip(keys, routed, strict=True)
        if each.unit is not None and each.department is None
    ]
    assert len(lost) > 500
    assert set(lost) <= told


SQUARE = np.array([shapely.box(0, 0, 0.01, 0.01), shapely.box(0.01, 0, 0.02, 0.01)], dtype=object)
CODES = np.array(["440305001001001", "440305002001001"], dtype=object)


def small(rules: list[Rule], area: float = 0.015) -> list[Hole]:
    """Two units in two streets; the area of drainage holds the western one and, of the other, so far as `area`."""
    shapes = np.array([shapely.box(0, 0, area, 0.01)], dtype=object)
    column = [np.array([each], dtype=object) for each in ("D-1", "4403", "WATER")]
    streets = {"440305001": "STREET", "440305002": None}
    ground = Ground(GBT, CODES, SQUARE, streets, {"drainage": AreaShapes(*column, shapes)}, {"WATER", "STREET"})
    return find_holes(RuleBook.compile(rules), ground, [("2026", "matter", "06010"), ("2026", "matter", "06011")])


def rule(*to: tuple[str, str], code: str = "r", owner: str = "4403", **members: object) -> Rule:
    return Rule(owner, code, tuple(Target(*each) for each in to), **members)  # type: ignore[arg-type]


def test_the_part_of_a_unit_that_no_area_holds_is_told_with_a_point_in_it() -> None:
    (hole,) = small([rule(("area", "drainage"))])
    assert (hole.units, hole.partly, hole.tried, len(hole.classes)) == ((1,), True, ("r",), 2)
    assert hole.where["coordinates"] == [0.0175, 0.005]
    assert small([rule(("area", "drainage"))], area=0.02) == []


def test_a_street_without_an_office_is_no_answer() -> None:
    (hole,) = small([rule(("division", "street"))])
    assert (hole.units, hole.partly) == ((1,), False)


def test_a_department_that_is_no_more_is_no_answer() -> None:
    (hole,) = small([rule(("department", "GONE"), ("area", "drainage"))], area=0.01)
    assert hole.units == (1,)


def test_what_depends_on_the_component_the_time_or_the_condition_is_not_sure() -> None:
    holes = small([rule(("component", "owner")), rule(("department", "WATER"), code="c", condition="破损")])
    assert [(hole.units, hole.tried) for hole in holes] == [((0, 1), ("r",))]


def test_holes_are_told_by_owner_and_where_nobody_has_rules_nothing_is() -> None:
    general = rule(("department", "WATER"), class_code="06010")
    own = rule(("department", "STREET"), code="s", owner="440305002", class_code="06011")
    holes = small([general, own])
    assert [(hole.owner, hole.classes[0][2], hole.units) for hole in holes] == [("4403", "06011", (0,))]
    alone = small([replace(own, owner="440305002001")])
    assert [(hole.owner, hole.classes[0][2], hole.units) for hole in alone] == [("440305002001", "06010", (1,))]


def test_a_hole_is_told_in_both_languages_with_its_classes_and_units() -> None:
    streets = {"440305001": None, "440305002": None}
    ground = Ground(GBT, CODES, SQUARE, streets, {}, {"WATER"})
    book = RuleBook.compile([rule(("division", "street"))])
    (fault,) = tell_holes(find_holes(book, ground, [("2026", "matter", "06010")]), ground)
    assert (fault.code, fault.severity, fault.thing) == ("class_without_rule", "warning", "4403")
    assert "2 units" in fault.en
    assert "rules r fit" in fault.en
    assert "2个网格" in fault.zh
    assert fault.where is not None
    assert fault.members == {
        "classes": ["2026:matter:06010"], "class_count": 1, "units": CODES.tolist(), "unit_count": 2,
    }  # fmt: skip


@pytest.mark.campaign
def test_five_thousand_units_and_all_classes_take_seconds(tmp_path: Path) -> None:
    city = city_of(tmp_path, 5_000)
    book = city.without(DROPPED)
    begin = perf_counter()
    holes = find_holes(book, city.ground, CLASSES)
    took = perf_counter() - begin
    print(f"{len(city.ground.codes)} units, {len(CLASSES)} classes: {len(holes)} holes in {took:.2f} s")
    assert took < 20
