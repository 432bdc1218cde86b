"""A small sound grid of two communities, and ways to change it."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from gis.coverage import dissolve
from grids.checks import Areas, Divisions, Gaps, Report, Subject, Units, run
from tests.coverages import lattice

WEST, EAST = "440305001001", "440305001002"  # communities
WIDER = ("44", "4403", "440305", "440305001")
SIDE = 6


def sound(seed: int = 0, outlines: bool = False) -> Subject:
    """6 x 6 units of about 10,000 m² that are a coverage; uids 1 to 36. Three columns belong to each community."""
    polygons, _ = lattice(SIDE, SIDE, seed)
    column = np.arange(SIDE * SIDE) % SIDE
    codes = [f"{WEST if at < 3 else EAST}{number:03d}" for number, at in enumerate(column, 1)]
    shapes = None
    if outlines:
        shapes = [None] * len(WIDER) + list(dissolve(polygons, np.array([code[:12] for code in codes]))[1])
    divisions = Divisions.of(range(101, 107), [*WIDER, WEST, EAST], shapes)
    return Subject(Units.of(range(1, SIDE * SIDE + 1), codes, polygons), divisions=divisions)


def with_polygons(subject: Subject, change: dict[int, Any]) -> Subject:
    """The units with those numbers get other polygons."""
    polygons = subject.units.polygons.copy()
    for number, polygon in change.items():
        polygons[number] = polygon
    return replace(subject, units=replace(subject.units, polygons=polygons))


def with_codes(subject: Subject, change: dict[int, str]) -> Subject:
    codes = subject.units.codes.copy()
    for number, code in change.items():
        codes[number] = code
    return replace(subject, units=replace(subject.units, codes=codes))


def with_unit(subject: Subject, polygon: Any, beside: int) -> Subject:
    """One more unit, of the same community as the one with the number `beside`."""
    units = subject.units
    codes = [*units.codes, f"{units.codes[beside][:12]}900"]
    return replace(subject, units=Units.of(range(1, len(codes) + 1), codes, [*units.polygons, polygon]))


def without_unit(subject: Subject, number: int) -> Subject:
    units = subject.units
    keep = np.arange(len(units.uids)) != number
    return replace(subject, units=Units(units.uids[keep], units.codes[keep], units.polygons[keep]))


def with_gap(subject: Subject, polygon: Any, name: str = "lake") -> Subject:
    return replace(subject, gaps=Gaps.of([500], [name], [polygon]))


def with_area(subject: Subject, department: str | None, known: frozenset[str] | None = None) -> Subject:
    areas = Areas.of([600], ["drainage"], ["D-01"], [department], [subject.units.polygons[0]])
    return replace(subject, areas=areas, departments=known)


def spot(polygon: Any, metres: float, share: float = 0.5) -> Any:
    """A square of so many metres inside a polygon, about its middle."""
    middle = shapely.point_on_surface(polygon)
    half = metres / 222_000
    box = shapely.box(middle.x - half / share / 2, middle.y - half, middle.x + half / share / 2, middle.y + half)
    return shapely.transform(box, lambda xy: np.round(xy, 9))


def redrawn(polygon: Any, change: Callable[[NDArray[Any]], NDArray[Any]]) -> shapely.Polygon:
    """The polygon with its nodes (n, 2), the last not repeated, changed."""
    return shapely.Polygon(np.round(change(shapely.get_coordinates(polygon)[:-1].copy()), 11))


def found(subject: Subject, **how: Any) -> dict[str, int]:
    return run(subject, **how).counts()


def places(report: Report) -> list[Any]:
    return [shapely.geometry.shape(finding.where) for finding in report.findings]
