"""The inventory: about four components a unit, of classes after GB/T 47678.5-2026 and a few of the city's own."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from examples.model_city.areas import Areas
from examples.model_city.departments import Roster
from examples.model_city.divisions import Divisions
from examples.model_city.places import scatter
from examples.model_city.positions import Positions
from examples.model_city.streets import Ints
from examples.model_city.units import Units

PER_UNIT = 4
_TRIED = 1.1  # so many are set for each that stays, for not every try lies inside its unit

INTACT, DAMAGED, LOST, ABANDONED = "完好", "破损", "丢失", "废弃"
STATES = np.array([INTACT, DAMAGED, LOST, ABANDONED], dtype=object)
_STATE_SHARES = (0.92, 0.05, 0.01, 0.02)


@dataclass(frozen=True, slots=True)
class Class:
    """A class of components: how frequent, how well surveyed, and who its bodies are.

    A body is a key of the roster, `area:<layer>` (who holds the ground), `lighting` (the company of the county),
    `county-admin`, `street` (the office), `rivals:<trade>` (one of several companies) or "" for nobody known.
    """

    code: str
    name: str
    weight: float
    accuracy_m: float
    owner: str
    maintainer: str
    supervisor: str


CLASSES = (
    Class("01001", "供水井盖", 8, 0.5, "waterworks", "waterworks", "water"),
    Class("01002", "污水井盖", 9, 0.5, "water", "area:drainage", "water"),
    Class("01003", "雨水井盖", 9, 0.5, "water", "area:drainage", "water"),
    Class("01004", "雨水箅子", 12, 0.5, "water", "area:drainage", "water"),
    Class("01005", "电力井盖", 5, 0.5, "power", "power", "industry"),
    Class("01007", "通信井盖", 8, 0.5, "rivals:telecom", "rivals:telecom", "industry"),
    Class("01011", "燃气井盖", 4, 0.5, "gas", "gas", "housing"),
    Class("01023", "不明井盖", 1, 0.5, "", "", "street"),
    Class("01037", "路灯", 12, 0.5, "lamps", "lighting", "city-admin"),
    Class("01054", "充电桩", 3, 1.0, "rivals:charging", "rivals:charging", "industry"),
    Class("02004", "公交站设施", 2, 1.0, "bus", "bus", "transport"),
    Class("02010", "交通标志牌及标线", 5, 1.0, "traffic-police", "traffic-police", "police"),
    Class("02014", "交通信号灯", 2, 0.5, "traffic-police", "traffic-police", "police"),
    Class("02017", "交通护栏", 3, 1.0, "traffic-police", "traffic-police", "police"),
    Class("03001", "公共厕所", 0.5, 1.0, "county-admin", "area:sanitation", "county-admin"),
    Class("03005", "垃圾箱", 8, 1.0, "county-admin", "area:sanitation", "city-admin"),
    Class("04002", "行道树", 14, 10.0, "parks", "area:greening", "parks"),
    Class("04007", "街头座椅", 2, 10.0, "parks", "area:greening", "parks"),
    Class("01080", "无人机起降柜", 0.4, 1.0, "rivals:drone", "rivals:drone", "transport"),
    Class("03080", "可回收物智能箱", 1.5, 1.0, "bins", "bins", "county-admin"),
)

LOCAL_CLASSES = (
    ("2026", "component", "01080", "无人机起降柜", "drone parcel port", "01", "市政公用设施", "local"),
    ("2026", "component", "03080", "可回收物智能箱", "smart recycling box", "03", "市容环卫设施", "local"),
    ("2026", "matter", "09080", "共享电动车集中乱堆", "heaped shared e-bikes", "09", "街面秩序类", "local"),
)
"""The city's own, as rows of local_classes.csv: numbered within 080-999."""


@dataclass(frozen=True, slots=True)
class Inventory:
    """n components in the order of their 17-digit codes.

    `cls` indexes CLASSES, `state` STATES, the three bodies the roster (-1 for nobody).
    """

    points: Positions
    unit: Ints
    cls: Ints
    codes: NDArray[np.str_]
    state: Ints
    owner: Ints
    maintainer: Ints
    supervisor: Ints
    initial: NDArray[np.datetime64]
    changed: NDArray[np.datetime64]

    def __len__(self) -> int:
        return len(self.codes)


def place_components(
    rng: np.random.Generator, units: Units, divisions: Divisions, areas: dict[str, Areas], roster: Roster
) -> Inventory:
    """An inventory of about PER_UNIT components a unit, each with the bodies that its class and place give it."""
    unit = np.repeat(np.arange(len(units)), rng.poisson(PER_UNIT * _TRIED, len(units)))
    points, inside = scatter(rng, units.rings, units.polygons, unit)
    unit, points = unit[inside], points[inside]
    weights = np.array([cls.weight for cls in CLASSES])
    cls = rng.choice(len(CLASSES), len(unit), p=weights / weights.sum())
    county = divisions.county[divisions.street[units.community[unit]]]
    codes = _codes(divisions.counties.astype(np.int64)[county], cls)
    order = np.argsort(codes, kind="stable")
    unit, points, cls, codes = unit[order], points[order], cls[order], codes[order]
    bodies = _Bodies(rng, units, divisions, areas, roster, unit, points)
    owner = bodies.of([kind.owner for kind in CLASSES], cls)
    maintainer = bodies.of([kind.maintainer for kind in CLASSES], cls)
    same = np.array([kind.owner == kind.maintainer for kind in CLASSES])[cls]
    state = rng.choice(len(STATES), len(unit), p=_STATE_SHARES)
    initial = np.datetime64("2014-01-01") + rng.integers(0, 4300, len(unit))
    changed = np.where(state > 0, np.datetime64("2025-11-01") + rng.integers(0, 60, len(unit)), np.datetime64("NaT"))
    return Inventory(
        points=points,
        unit=unit,
        cls=cls,
        codes=codes.astype("U17"),
        state=state,
        owner=owner,
        maintainer=np.where(same, owner, maintainer),  # a company looks after what is its own
        supervisor=bodies.of([kind.supervisor for kind in CLASSES], cls),
        initial=initial,
        changed=changed,
    )


def _codes(county: Ints, cls: Ints) -> Ints:
    """17 digits as whole numbers: county 6, class 5, sequence 6 within both."""
    kind = county * 10**5 + np.array([int(c.code) for c in CLASSES])[cls]
    order = np.argsort(kind, kind="stable")
    ranked = kind[order]
    sequence = np.empty(len(kind), dtype=np.int64)
    sequence[order] = np.arange(len(kind)) - np.searchsorted(ranked, ranked) + 1
    return np.asarray(kind * 10**6 + sequence)


class _Bodies:
    """Turns the body of a class into departments at the places of the components."""

    def __init__(
        self,
        rng: np.random.Generator,
        units: Units,
        divisions: Divisions,
        areas: dict[str, Areas],
        roster: Roster,
        unit: Ints,
        points: Positions,
    ) -> None:
        self.rng, self.areas, self.roster, self.divisions = rng, areas, roster, divisions
        self.street = divisions.street[units.community[unit]]
        self.points = points

    def of(self, bodies: list[str], cls: Ints) -> Ints:
        """(n,) department of each component, whose class has the body `bodies[cls]`; -1 for nobody."""
        result = np.full(len(cls), -1, dtype=np.int64)
        body_of_class = np.array(bodies)
        for body in dict.fromkeys(bodies):
            rows = np.nonzero((body_of_class == body)[cls])[0]
            result[rows] = self._resolve(body, rows)
        return result

    def _resolve(self, body: str, rows: Ints) -> Ints | int:
        what, _, which = body.partition(":")
        if what == "":
            return -1
        if what == "area":
            layer = self.areas[which]
            bodies: Ints = np.append(self.roster.indices(layer.department), -1)
            return bodies[layer.holder(self.points[rows])]
        if what == "rivals":
            return self.rng.choice(self.roster.rivals(which), len(rows))
        if what == "street":
            return self.roster.indices(f"street:{code}" for code in self.divisions.streets)[self.street[rows]]
        if what in ("lighting", "county-admin"):
            office = self.roster.indices(f"{what}:{code}" for code in self.divisions.counties)
            return office[self.divisions.county[self.street[rows]]]
        return self.roster.index(body)
