"""A year of cases as they are reported, with what the city knows and the caller does not: who is really responsible."""

from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from examples.model_city.areas import Areas
from examples.model_city.components import ABANDONED, CLASSES, STATES, Inventory
from examples.model_city.departments import Roster
from examples.model_city.divisions import Divisions
from examples.model_city.places import holder, scatter, within
from examples.model_city.positions import DECIMALS, Positions, reported, to_gcj02
from examples.model_city.rules import Facts, Rule, settle
from examples.model_city.streets import Ints
from examples.model_city.units import River, Units

HEADING = (
    "source", "id", "version", "lon", "lat", "crs", "accuracy_m", "reported_at", "edition", "kind", "class_code",
    "condition", "component_code", "true_lon", "true_lat", "right_department", "right_why",
)  # fmt: skip

# source, share, CRS, accuracy from and to
_SOURCES = (
    ("inspector", 0.45, "EPSG:4490", 5, 10),
    ("12345", 0.30, "EPSG:4490", 15, 30),
    ("wechat", 0.25, "GCJ-02", 8, 20),
)
_OUTSIDE, _IN_RIVER, _IN_HOLE = 0.01, 0.007, 0.003
_OF_COMPONENTS = 0.45
_CODE_GIVEN = 0.4
_CONDITIONS, _CONDITION_SHARES = np.array(["破损", "丢失", "移位"]), (0.7, 0.12, 0.18)

# Some have no rule of their own and go to the street office: 06034, 06036, 10002.
_MATTERS = {
    "06010": 16, "06011": 8, "06012": 14, "06013": 6, "06017": 4, "06026": 1, "06028": 6, "06030": 2, "06034": 2,
    "06036": 5, "06042": 4, "07001": 9, "07003": 2, "07006": 2, "08002": 2, "08004": 3, "09005": 8, "09006": 12,
    "09009": 9, "09010": 7, "09011": 6, "09012": 2, "09080": 2, "10002": 1,
}  # fmt: skip
_HOURS = np.array([1, 1, 1, 1, 1, 2, 4, 8, 12, 12, 12, 10, 7, 8, 11, 11, 10, 9, 7, 6, 5, 4, 2, 1], dtype=float)
_DAYS = 304  # January to October 2026


@dataclass(frozen=True, slots=True)
class World:
    """Everything the cases happen in."""

    units: Units
    river: River
    divisions: Divisions
    areas: dict[str, Areas]
    hole: BaseGeometry
    roster: Roster
    inventory: Inventory
    book: list[Rule]


@dataclass(frozen=True, slots=True)
class _Happened:
    """n cases as they are: where, in which unit (-1), of which component (-1), of which class of matter ("")."""

    points: Positions
    unit: Ints
    component: Ints
    matter: NDArray[np.str_]
    why: NDArray[np.object_]

    @classmethod
    def matters(cls, points: Positions, unit: Ints, matter: NDArray[np.str_], why: str = "") -> "_Happened":
        n = len(points)
        return cls(points, unit, np.full(n, -1), matter, np.full(n, why, dtype=object))


def happen(rng: np.random.Generator, world: World, count: int) -> list[tuple[str, ...]]:
    """`count` rows under HEADING, in the order of time."""
    parts = _parts(rng, world, count)
    order = rng.permutation(count)
    points = np.concatenate([part.points for part in parts])[order]
    unit = np.concatenate([part.unit for part in parts])[order]
    component = np.concatenate([part.component for part in parts])[order]
    matter = np.concatenate([part.matter for part in parts])[order]
    nowhere = np.concatenate([part.why for part in parts])[order]
    of_component = component >= 0
    kind = np.where(of_component, "component", "matter")
    class_codes = np.array([cls.code for cls in CLASSES])
    cls = np.where(of_component, class_codes[world.inventory.cls[component]], matter)
    condition = np.where(of_component, rng.choice(_CONDITIONS, count, p=_CONDITION_SHARES), "")
    facts = _facts(world, points, unit, component, kind, cls, condition)
    right, why = settle(world.book, world.roster, facts)
    why = np.where(right >= 0, why, nowhere)
    given = of_component & (rng.random(count) < _CODE_GIVEN)
    codes = np.where(given, world.inventory.codes[component], "")
    departments = world.roster.texts(right, world.roster.codes)
    departments[right < 0] = ""
    source, lonlat, crs, accuracy = _as_reported(rng, points)
    when = _times(rng, count)
    columns = (
        source, _ids(when), np.full(count, "1"), _texts(lonlat[:, 0], 8), _texts(lonlat[:, 1], 8), crs,
        accuracy.astype("U2"), np.char.add(np.datetime_as_string(when, unit="s"), "+08:00"), np.full(count, "2026"),
        kind, cls, condition, codes, _texts(points[:, 0], DECIMALS), _texts(points[:, 1], DECIMALS), departments, why,
    )  # fmt: skip
    return list(zip(*(column.tolist() for column in columns), strict=True))


def _parts(rng: np.random.Generator, world: World, count: int) -> list[_Happened]:
    """Cases off the grid, in the hole that drainage leaves, about components, and about everything else."""
    codes = np.array(list(_MATTERS))
    shares = np.array(list(_MATTERS.values()), dtype=float)
    shares /= shares.sum()
    outside = _outside(rng, world, round(count * _OUTSIDE))
    wet = within(rng, shapely.MultiPolygon(world.river.polygons.tolist()), round(count * _IN_RIVER))
    hole = within(rng, world.hole, round(count * _IN_HOLE))
    in_hole = holder(world.units.polygons, hole)
    hole, in_hole = hole[in_hole >= 0], in_hole[in_hole >= 0]
    rest = count - len(outside) - len(wet) - len(hole)
    busy = rng.lognormal(0.0, 1.0, len(world.divisions.communities))[world.units.community]
    busy = busy * rng.uniform(0.5, 1.5, len(busy))
    component = _components(rng, world, busy, round(rest * _OF_COMPONENTS))
    points, unit = _somewhere(rng, world.units, busy, rest - len(component))
    return [
        _Happened.matters(outside, np.full(len(outside), -1), rng.choice(codes, len(outside), p=shares), "outside"),
        _Happened.matters(wet, np.full(len(wet), -1), np.full(len(wet), "06026"), "named_gap"),
        _Happened.matters(hole, in_hole, np.full(len(hole), "06030")),
        _Happened(
            world.inventory.points[component],
            world.inventory.unit[component],
            component,
            np.full(len(component), ""),
            np.full(len(component), "", dtype=object),
        ),
        _Happened.matters(points, unit, rng.choice(codes, len(points), p=shares)),
    ]


def _components(rng: np.random.Generator, world: World, busy: NDArray[np.float64], count: int) -> Ints:
    there = world.inventory.state != int(np.nonzero(STATES == ABANDONED)[0][0])
    chance = np.cumsum(busy[world.inventory.unit] * there)
    chosen: Ints = np.searchsorted(chance, rng.random(count) * chance[-1], side="right")
    return chosen


def _somewhere(rng: np.random.Generator, units: Units, busy: NDArray[np.float64], count: int) -> tuple[Positions, Ints]:
    chance = np.cumsum(busy)
    tried = np.searchsorted(chance, rng.random(2 * count + 50) * chance[-1], side="right")
    points, inside = scatter(rng, units.rings, units.polygons, tried)
    return points[inside][:count], tried[inside][:count]


def _outside(rng: np.random.Generator, world: World, count: int) -> Positions:
    """Points from 300 m to about 2 km beyond the city's box."""
    points = world.units.rings.points
    inner = shapely.box(*(points.min(axis=0) - 0.003), *(points.max(axis=0) + 0.003))
    outer = shapely.box(*(points.min(axis=0) - 0.02), *(points.max(axis=0) + 0.02))
    return within(rng, outer.difference(inner), count)


def _facts(
    world: World,
    points: Positions,
    unit: Ints,
    component: Ints,
    kind: NDArray[np.str_],
    cls: NDArray[np.str_],
    condition: NDArray[np.str_],
) -> Facts:
    """What decides, taken at the true positions and from the components really meant."""
    roster, divisions = world.roster, world.divisions
    street = divisions.street[world.units.community[unit]]
    offices = roster.indices(f"street:{code}" for code in divisions.streets)
    bodies = {"division:street": np.where(unit >= 0, offices[street], -1)}
    for layer, areas in world.areas.items():
        bodies[f"area:{layer}"] = np.append(roster.indices(areas.department), -1)[areas.holder(points)]
    for role in ("owner", "maintainer", "supervisor"):
        bodies[f"component:{role}"] = np.append(getattr(world.inventory, role), -1)[component]
    return Facts(kind, cls, condition, np.where(unit >= 0, divisions.streets[street], ""), bodies)


def _as_reported(
    rng: np.random.Generator, points: Positions
) -> tuple[NDArray[np.str_], Positions, NDArray[np.str_], Ints]:
    which = rng.choice(len(_SOURCES), len(points), p=[share for _, share, *_ in _SOURCES])
    names, _, systems, least, most = (np.array(column) for column in zip(*_SOURCES, strict=True))
    accuracy = rng.integers(least[which], most[which], endpoint=True)
    lonlat = reported(rng, points, accuracy.astype(float))
    crs = systems[which]
    lonlat = np.where((crs == "GCJ-02")[:, None], to_gcj02(lonlat), lonlat)
    return names[which], lonlat, crs, accuracy


def _times(rng: np.random.Generator, count: int) -> NDArray[np.datetime64]:
    hour = rng.choice(24, count, p=_HOURS / _HOURS.sum())
    seconds = (rng.integers(0, _DAYS, count) * 24 + hour) * 3600 + rng.integers(0, 3600, count)
    return np.datetime64("2026-01-01T00:00:00", "s") + np.sort(seconds)


def _ids(when: NDArray[np.datetime64]) -> NDArray[np.object_]:
    """The day and a number, as hotlines number their calls."""
    days = np.datetime_as_string(when, unit="D").tolist()
    return np.array([f"{day.replace('-', '')}{i + 1:07d}" for i, day in enumerate(days)], dtype=object)


def _texts(values: NDArray[np.float64], decimals: int) -> NDArray[np.object_]:
    return np.array([f"{value:.{decimals}f}" for value in values.tolist()], dtype=object)
