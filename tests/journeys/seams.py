"""How often the answer is right, by how far the case was reported from where the department changes.

The files of the model city are the witness: who is right, and where the responsibility of one body ends and that of
another begins. Distances are those of shapely in the city's own plane; nothing of the product is asked for them.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import shapely
import yaml
from numpy.typing import NDArray

from cases.clerk import Clerk
from cases.reports import Case
from examples.model_city.positions import LAT, metres_per_degree
from gis.formats import read
from tests.cases.columnar import in_columns

BINS = (0.0, 2.0, 5.0, 10.0, 15.0, 20.0, 30.0, 50.0, np.inf)
DOUBT = frozenset({"near_boundary", "ambiguous"})
SHARE = 10_000
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Witness:
    """The city's files: the lines at which departments change, by field, and the rules as they are written."""

    lines: dict[str, Any]
    rules: list[dict[str, Any]]
    components: dict[str, shapely.STRtree]

    @classmethod
    def of(cls, folder: Path) -> "Witness":
        rules = yaml.safe_load((folder / "rules.yaml").read_text(encoding="utf-8"))["rules"]
        grid = read(folder / "units.gpkg", layer="units")
        streets = np.array([code[:9] for code in grid.columns["code"]], dtype=object)
        lines = {"division": _outlines(grid.geometry, streets)}
        for path in sorted(folder.glob("areas_*.[gs][ph][kp]*")):
            table = read(path)
            lines[path.stem.removeprefix("areas_")] = _outlines(table.geometry, table.columns["department"])
        inventory = read(folder / "components.gpkg")
        points = shapely.points(plane(shapely.get_coordinates(inventory.geometry)))
        classes = inventory.columns["class_code"]
        trees = {code: shapely.STRtree(points[classes == code]) for code in sorted(set(classes.tolist()))}
        return cls(lines, rules, trees)

    def fields(self, case: Case) -> frozenset[str]:
        """What the rules that a case may meet look at: division, component, or a layer of areas."""
        found = {"division"}  # beyond the last street there is nobody
        for rule in self.rules:
            whole = rule.get("class", case.class_code) == case.class_code and rule.get("kind", case.kind) == case.kind
            begun = (case.class_code or "").startswith(rule.get("class_prefix", ""))
            if whole and begun and rule.get("condition", case.condition) == case.condition:
                found |= {rule["area_layer"]} if "area_layer" in rule else set()
                for target in rule["to"]:
                    ((kind, value),) = target.items()
                    found |= {value} if kind == "area" else {kind} & {"component"}
        return frozenset(found)

    def frontier(self, cases: Sequence[Case]) -> Floats:
        """Metres (n,) that each case may be moved before its department can change."""
        xy = plane(np.array([(case.lon, case.lat) for case in cases]))
        points = shapely.points(xy)
        metres = {name: lines.query_nearest(points, return_distance=True, all_matches=False)[1]
                  for name, lines in self.lines.items()}  # fmt: skip
        found = np.full(len(cases), np.inf)
        for at, case in enumerate(cases):
            asked = self.fields(case)
            found[at] = min(float(metres[name][at]) for name in asked if name in metres)
            if "component" in asked and case.component_code is None:
                found[at] = min(found[at], self._between(case, points[at]))
        return found

    def _between(self, case: Case, point: shapely.Point) -> float:
        """How far to where another component of the class, or none, is the nearest."""
        tree = self.components.get(case.class_code or "")
        reach = case.accuracy_m + 12.0
        near = () if tree is None else tree.query(point, "dwithin", distance=reach)
        away = sorted(float(shapely.distance(tree.geometries[each], point)) for each in near) if tree else []
        return (away[1] - away[0]) / 2 if len(away) > 1 else 0.0 if not away else np.inf


def plane(lonlat: Floats) -> Floats:
    """Metres (n, 2) in the middle of the city; right to 1e-3 within it."""
    return np.asarray(lonlat * np.array(metres_per_degree(LAT)))


def _outlines(polygons: Any, keys: Any) -> shapely.STRtree:
    """The edges where the key changes, each a line of its own."""
    flat = shapely.transform(polygons, plane)
    edges = []
    for key in sorted(set(keys.tolist())):
        rings = shapely.get_parts(shapely.boundary(shapely.union_all(flat[keys == key], grid_size=1e-4)))
        for ring in rings:
            xy = shapely.get_coordinates(ring)
            edges.append(shapely.linestrings(np.stack([xy[:-1], xy[1:]], axis=1)))
    return shapely.STRtree(np.concatenate(edges))


@dataclass(slots=True)
class Tally:
    """Cases by distance: how many, how many wrong, and of these flagged, with the right body among the alternatives."""

    cases: int = 0
    wrong: int = 0
    flagged: int = 0
    named: int = 0


@dataclass(slots=True)
class Accuracy:
    """The tallies by distance, and the cases that must not be: wrong outside the position error, or silently."""

    by_distance: dict[float, Tally] = field(default_factory=lambda: {low: Tally() for low in BINS[:-1]})
    inside: Tally = field(default_factory=Tally)
    beyond: Tally = field(default_factory=Tally)
    silent: list[str] = field(default_factory=list)
    unnamed: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        lines = [f"{'metres to the boundary':<24}{'cases':>8}{'right %':>9}{'wrong':>7}{'flagged':>9}{'named':>7}"]
        names = [f"{low:g} to {high:g}" for low, high in pairwise(BINS)]
        rows = [*zip(names, self.by_distance.values(), strict=True),
                ("within the error", self.inside), ("beyond the error", self.beyond)]  # fmt: skip
        for name, each in rows:
            right = f"{100 * (1 - each.wrong / each.cases):.2f}" if each.cases else "-"
            lines.append(f"{name:<24}{each.cases:>8}{right:>9}{each.wrong:>7}{each.flagged:>9}{each.named:>7}")
        return "\n".join(lines)


def measure(clerk: Clerk, witness: Witness, cases: Sequence[Case], right: Sequence[str | None]) -> Accuracy:
    """Route the cases and count. `right` names the true department of each, None where nobody is responsible."""
    found = Accuracy()
    for begin in range(0, len(cases), SHARE):
        part, truth = cases[begin : begin + SHARE], right[begin : begin + SHARE]
        frontier = witness.frontier(part)
        answers = in_columns(clerk, part)
        wrong = [at for at, row in enumerate(answers) if row["department"] != truth[at]]
        routed = dict(zip(wrong, clerk.desk.route_all([part[at] for at in wrong]), strict=True))
        for at, case in enumerate(part):
            low = BINS[int(np.searchsorted(BINS, frontier[at], side="right")) - 1]
            tallies = (found.by_distance[low], found.inside if frontier[at] <= case.accuracy_m else found.beyond)
            for each in tallies:
                each.cases += 1
            if at not in routed:
                continue
            flagged = bool(DOUBT & set(routed[at].flags))
            named = truth[at] is None or truth[at] in {each.department.code for each in routed[at].alternatives}
            for each in tallies:
                each.wrong, each.flagged, each.named = each.wrong + 1, each.flagged + flagged, each.named + named
            found.silent += [] if flagged else [case.id]
            found.unnamed += [] if named else [case.id]
    return found
