"""Routing in columns gives the answers of routing one by one: in the model city and in small worlds at random."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from api.cli.model_city import load
from api.cli.opening import open_settled
from api.settings import Settings
from cases.clerk import Clerk
from cases.desk import Desk, load_desk
from cases.reports import Case, Defaults, from_records, parse_zone
from cases.routing import Department
from cases.rules import Rule, RuleBook, Target
from cases.rules.windows import Window
from components.lookup import FIELDS, Inventory, class_name
from examples.model_city import write
from gis.formats import read
from gis.locate import PolygonIndex
from gis.nearest import FeatureIndex
from gis.store.engine import reading
from gis.store.revisions import head
from grids.lookup import AreaLayer, DivisionName, Grid
from grids.profiles import GBT
from tests.cases.columnar import as_batch, in_columns, one_by_one

Same = Callable[[list[Case]], None]


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory) -> tuple[Clerk, list[Case]]:
    folder = tmp_path_factory.mktemp("city")
    write(folder, 1000, seed=3)
    given_ = Settings(store=f"sqlite:///{folder / 'wangge.db'}")
    with open_settled(given_) as store:
        load(store, folder, given_)
        with reading(store.world) as connection:
            desk = load_desk(connection, head(connection))
    return Clerk(desk), cases_of(folder)


def cases_of(folder: Path) -> list[Case]:
    table = read(folder / "cases.csv")
    columns = {name: column.tolist() for name, column in table.columns.items()}
    assert table.geometry is not None
    columns |= {"lon": shapely.get_x(table.geometry).tolist(), "lat": shapely.get_y(table.geometry).tolist()}
    records = (dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True))
    return [case for case in from_records(records, Defaults(zone=parse_zone("+08:00"))).cases if case is not None]


@pytest.fixture(scope="module")
def same(city: tuple[Clerk, list[Case]]) -> Same:
    def check(cases: list[Case]) -> None:
        assert in_columns(city[0], cases) == one_by_one(city[0], cases)

    return check


def test_all_cases_of_the_model_city_have_the_same_answers(city: tuple[Clerk, list[Case]], same: Same) -> None:
    same(city[1])


@pytest.mark.parametrize("metres", [1e-3, 2.0, 60.0, 250.0])
def test_accuracies_from_tiny_to_huge_have_the_same_answers(
    city: tuple[Clerk, list[Case]], same: Same, metres: float
) -> None:
    same([replace(case, accuracy_m=metres) for case in city[1][:600]])


def test_an_accuracy_of_kilometres_has_the_same_answers(city: tuple[Clerk, list[Case]], same: Same) -> None:
    same([replace(case, accuracy_m=float(metres)) for case in city[1][:6] for metres in (2_000, 10_000)])


def test_cases_on_corners_and_edges_of_units_and_areas_have_the_same_answers(
    city: tuple[Clerk, list[Case]], same: Same
) -> None:
    grid, rng = city[0].desk.grid, np.random.default_rng(4)
    edges = [index.edges()[:2] for index in (grid.units, *(layer.index for layer in grid.areas.values()))]
    corners, ends = (np.concatenate(each) for each in zip(*edges, strict=True))
    middles = (corners + ends) / 2
    places = np.concatenate([rng.choice(corners, 500), rng.choice(middles, 500)])
    cases = rng.choice(np.array(city[1], dtype=object), len(places))
    same([replace(case, lon=float(x), lat=float(y)) for case, (x, y) in zip(cases, places, strict=True)])


def test_components_named_unknown_or_of_another_class_have_the_same_answers(
    city: tuple[Clerk, list[Case]], same: Same
) -> None:
    codes, rng = city[0].desk.inventory.texts("code"), np.random.default_rng(5)
    named = [replace(case, component_code=str(rng.choice(codes))) for case in city[1][:400]]
    same([*named, *(replace(case, component_code="no such") for case in city[1][:400])])


def test_classes_that_the_book_does_not_know_have_the_same_answers(city: tuple[Clerk, list[Case]], same: Same) -> None:
    changes = (
        {"class_code": None}, {"class_code": "99999"}, {"edition": "2013"}, {"edition": "dc-311"}, {"kind": None},
        {"condition": "不明"}, {"condition": "丢失"}, {"class_code": ""},
    )  # fmt: skip
    same([replace(case, **change) for case in city[1][:150] for change in changes])


def test_what_was_learnt_from_one_batch_does_not_change_the_next(city: tuple[Clerk, list[Case]]) -> None:
    fresh = Clerk(city[0].desk)
    parts = [city[1][start : start + 300] for start in range(0, 1500, 300)]
    assert [in_columns(fresh, part) for part in reversed(parts)] == [
        one_by_one(fresh, part) for part in reversed(parts)
    ]


def test_a_batch_may_be_empty(city: tuple[Clerk, list[Case]]) -> None:
    assert in_columns(city[0], []) == []
    assert len(as_batch(city[0], [])) == 0


# Small worlds: a lattice of units of two streets with holes in it, two layers of areas, some components, a few rules.

STEP = 0.0004  # about 40 m
WEST, SOUTH = 114.0, 22.5
STREETS = ("440305001001", "440305002001", "440306001001")
OWNERS = ("", "44", "440305", "440305001", "440306")
DEPARTMENTS = {code: Department(code, f"{code} office") for code in "ABCDE"}
WINDOWS = (Window("+08:00", weekdays=(0,)), Window("+08:00", hours=((1200, 120),)))
MONDAY = datetime(2026, 5, 4, tzinfo=UTC)
BODIES = st.sampled_from([None, "A", "B", "C", "GONE"])
TARGETS = [("department", code) for code in ("A", "B", "GONE")] + [
    ("area", "drainage"), ("area", "police"), ("area", "nowhere"), ("division", "street"), ("division", "county"),
    ("division", "nothing"), ("component", "owner"), ("component", "maintainer"), ("component", "supervisor"),
]  # fmt: skip


def square(x: float, y: float, wide: float = 1.0, high: float = 1.0) -> shapely.Polygon:
    corners = (WEST + STEP * x, SOUTH + STEP * y, WEST + STEP * (x + wide), SOUTH + STEP * (y + high))
    return shapely.box(*(round(each, 9) for each in corners))


def objects(values: list[object]) -> np.ndarray:
    column = np.empty(len(values), dtype=object)
    column[:] = values
    return column


@st.composite
def grids(draw: st.DrawFn, areas: int = 5, codes: int = 100) -> Grid:
    kinds = draw(st.lists(st.sampled_from([0, 0, 0, 1, 1, 2, None]), min_size=16, max_size=16))
    units = [(square(at % 4, at // 4), f"{STREETS[kind]}{at:03d}") for at, kind in enumerate(kinds) if kind is not None]
    gap = [square(at % 4, at // 4) for at, kind in enumerate(kinds) if kind is None][:1]
    names = {
        "44": "", "440305": "", "440305001": "甲街道", "440305002": "", "440306": "乙区", "440306001": "",
    }  # fmt: skip
    lengths = {level.length: level.id for level in GBT.levels}
    divisions = {
        code: DivisionName(lengths[len(code)], code, name, draw(BODIES))
        for code, name in names.items()
        if draw(st.integers(0, 4))
    }
    return Grid(
        1,
        GBT,
        PolygonIndex.build(objects([each for each, _ in units]), np.array([code for _, code in units], dtype=object)),
        divisions,
        PolygonIndex.build(objects(list(gap)), np.array([f"g{at}" for at in range(len(gap))], dtype=object)),
        objects(["湖"] * len(gap)),
        {name: draw(layers(name, areas, codes)) for name in ("drainage", "police")},
        {},
    )


@st.composite
def layers(draw: st.DrawFn, name: str, most: int = 5, codes: int = 100) -> AreaLayer:
    corner, size = st.integers(-2, 8), st.integers(1, 6)
    boxes = draw(st.lists(st.tuples(corner, corner, size, size), max_size=most))
    owners = [draw(st.sampled_from(OWNERS)) for _ in boxes]
    taken: list[tuple[str, str]] = []
    for at, owner in enumerate(owners):  # a code may come again with another owner
        code = f"{name[0]}{draw(st.integers(0, codes - 1)):02d}"
        taken.append((owner, f"{code}-{at}" if (owner, code) in taken else code))
    return area_layer(
        name,
        [square(x / 2, y / 2, wide / 2, high / 2) for x, y, wide, high in boxes],
        taken,
        [draw(BODIES) for _ in boxes],
        [draw(st.integers(0, 1)) for _ in boxes],
        {owner: draw(st.sampled_from(["none", "allowed"])) for owner in OWNERS},
    )


def area_layer(
    name: str,
    polygons: list[shapely.Polygon],
    codes: list[tuple[str, str]],
    departments: list[str | None],
    priorities: list[int],
    overlap: dict[str, str],
) -> AreaLayer:
    """A layer of areas with these owners and codes."""
    named = objects([code for _, code in codes])
    return AreaLayer(
        name,
        PolygonIndex.build(objects(list(polygons)), named),
        named,
        objects([None] * len(codes)),
        objects([owner for owner, _ in codes]),
        objects(list(departments)),
        np.array(priorities, dtype=np.int64),
        overlap,
    )


@st.composite
def inventories(draw: st.DrawFn) -> Inventory:
    places = draw(
        st.lists(st.tuples(st.integers(0, 40), st.integers(0, 40), st.sampled_from(["01001", "01002"])), max_size=8)
    )
    geometries = objects([shapely.Point(WEST + STEP * x / 10, SOUTH + STEP * y / 10) for x, y, _ in places])
    rows = [
        {
            "code": f"c{at}", "edition": draw(st.sampled_from(["2026", "2013"])), "class_code": code,
            "state": draw(st.sampled_from([None, "完好", "移除", " Removed"])), "supervisor_code": draw(BODIES),
            "owner_code": draw(BODIES), "maintainer_code": draw(BODIES), "accuracy_m": 1.0,
        }
        for at, (_, _, code) in enumerate(places)
    ]  # fmt: skip
    classes = np.array([class_name(row["edition"], row["class_code"]) for row in rows], dtype=str)
    return Inventory.of(
        FeatureIndex.build(geometries, classes),
        {name: objects([row[name] for row in rows]) for name in FIELDS},
        np.array([draw(st.sampled_from([0.5, 10.0])) for _ in rows], dtype=np.float64),
    )


@st.composite
def rules(draw: st.DrawFn, number: int) -> Rule:
    which = draw(st.sampled_from([{}, {"class_code": "01001"}, {"class_prefix": "01"}]))
    return Rule(
        draw(st.sampled_from(OWNERS)),
        f"r{number}",
        tuple(Target(*each) for each in draw(st.lists(st.sampled_from(TARGETS), min_size=1, max_size=3, unique=True))),
        edition=draw(st.sampled_from([None, None, "2026"])),
        place=draw(st.sampled_from([None, None, "440305001"])),
        area_layer=draw(st.sampled_from([None, None, "drainage"])),
        priority=draw(st.integers(0, 1)),
        fallback=draw(st.booleans()),
        when=draw(st.sampled_from([None, None, None, *WINDOWS])),
        **which,
    )


@st.composite
def cases(draw: st.DrawFn) -> Case:
    x, y = (draw(st.one_of(st.integers(-20, 60), st.sampled_from([0, 10, 20, 25, 30, 40]))) for _ in "xy")
    return Case(
        "s", "1", 1, round(WEST + STEP * x / 10, 9), round(SOUTH + STEP * y / 10, 9),
        draw(st.sampled_from([1e-3, 3.0, 4.0, 15.0, 45.0, 500.0])),
        draw(st.sampled_from([None, MONDAY, MONDAY + timedelta(hours=14), MONDAY + timedelta(days=2)])),
        draw(st.sampled_from(["2026", "2026", "2013", None])),
        draw(st.sampled_from(["component", "component", "matter"])),
        draw(st.sampled_from(["01001", "01002", "02001", None])), None,
        draw(st.sampled_from([None, None, None, "c0", "c3", "nobody's"])),
        draw(st.sampled_from([(), ("assumed_accuracy", "crs_assumed"), ("assumed_edition",)])),
    )  # fmt: skip


@settings(deadline=None, max_examples=120)
@given(grids(), inventories(), st.data())
def test_in_any_small_world_the_answers_are_the_same(grid: Grid, inventory: Inventory, data: st.DataObject) -> None:
    book = [data.draw(rules(number)) for number in range(data.draw(st.integers(0, 6)))]
    clerk = Clerk(Desk(grid, inventory, RuleBook.compile(book), DEPARTMENTS))
    reported = data.draw(st.lists(cases(), min_size=1, max_size=12))
    assert in_columns(clerk, reported) == one_by_one(clerk, reported)


@settings(deadline=None, max_examples=60)
@given(grids(areas=9, codes=3), inventories(), st.data())
def test_where_many_boundaries_meet_and_areas_look_alike_the_answers_are_the_same(
    grid: Grid, inventory: Inventory, data: st.DataObject
) -> None:
    book = [data.draw(rules(number)) for number in range(data.draw(st.integers(2, 6)))]
    clerk = Clerk(Desk(grid, inventory, RuleBook.compile(book), DEPARTMENTS))
    metres = data.draw(st.sampled_from([8.0, 25.0, 45.0, 120.0]))
    reported = [replace(each, accuracy_m=metres) for each in data.draw(st.lists(cases(), min_size=1, max_size=12))]
    assert in_columns(clerk, reported) == one_by_one(clerk, reported)


@pytest.mark.parametrize("layer", ["drainage", "police"])
def test_an_area_that_only_the_rules_of_the_next_unit_look_at_makes_their_corner_doubtful(layer: str) -> None:
    units = [square(0, 0), square(1, 0), square(0, 1), square(1, 1)]
    codes = [f"{STREETS[kind]}{at:03d}" for at, kind in enumerate((1, 0, 1, 0))]
    north = {name: ([square(-1, 1, 4, 1)] if name == layer else []) for name in ("drainage", "police")}
    areas = {
        name: area_layer(name, boxes, [("", "a")] * len(boxes), ["B"] * len(boxes), [0] * len(boxes), {"": "none"})
        for name, boxes in north.items()
    }
    gaps = PolygonIndex.build(objects([]), objects([]))
    grid = Grid(1, GBT, PolygonIndex.build(objects(list(units)), objects(codes)), {}, gaps, objects([]), areas, {})
    book = [
        Rule("", "everywhere", (Target("department", "A"),)),
        Rule("", "there", (Target("area", layer),), place=STREETS[0], priority=1),
    ]
    inventory = Inventory.of(
        FeatureIndex.build(objects([]), np.array([], dtype=str)), {name: objects([]) for name in FIELDS}, np.zeros(0)
    )
    clerk = Clerk(Desk(grid, inventory, RuleBook.compile(book), DEPARTMENTS))
    at_corner = Case(
        "s", "1", 1, WEST + 0.9 * STEP, SOUTH + 0.9 * STEP, 15.0, None, "2026", "matter", "01001", None, None
    )
    told = in_columns(clerk, [at_corner])
    assert told == one_by_one(clerk, [at_corner])
    assert (told[0]["department"], told[0]["flags"]) == ("A", "near_boundary")
