"""Where two desks of one revision do not answer alike."""

import numpy as np
from numpy.typing import NDArray

from cases.desk import Desk
from gis.cells.layout import LINES
from gis.heap.lines import WORDS, MemoryHeap
from gis.locate import PolygonIndex, Turnover

NEAR_M = 9.0


def differences(one: Desk, other: Desk, points: NDArray[np.float64]) -> list[str]:
    """The parts in which two desks answer questions at these points (n, 2) otherwise."""
    grid, its = one.grid, other.grid
    found = []
    for name, (index, own) in {"units": (grid.units, its.units), "gaps": (grid.gaps, its.gaps)}.items():
        if answers(index, points) != answers(own, points):
            found.append(name)
    metres = [each.boundary_distance(points, each.units.lowest(points)) for each in (grid, its)]
    if not np.array_equal(*metres):
        found.append("distance")
    if sorted(grid.gap_names.tolist()) != sorted(its.gap_names.tolist()):
        found.append("names of gaps")
    if grid.divisions != its.divisions or grid.departments != its.departments:
        found.append("divisions or departments")
    if grid.areas.keys() != its.areas.keys():
        found.append("layers")
    for name in grid.areas.keys() & its.areas.keys():
        (point, area), (own_point, own_area) = (each.areas[name].index.holders(points) for each in (grid, its))
        found += [] if np.array_equal(point, own_point) and np.array_equal(area, own_area) else [name]
    if one.inventory.texts("code").tolist() != other.inventory.texts("code").tolist():
        found.append("components")
    if one.book.rules != other.book.rules:
        found.append("rules")
    return found


def answers(index: PolygonIndex, points: NDArray[np.float64]) -> list[object]:
    """Who holds each point, who is the first of them, who is near and how near: by codes, whatever the slots are."""
    codes = index.codes
    held = [
        (point, codes[slot]) for point, slot in zip(*(part.tolist() for part in index.holders(points)), strict=True)
    ]
    near = zip(*(part.tolist() for part in index.near(points, NEAR_M)), strict=True)
    return [
        held,
        [codes[slot] if slot >= 0 else None for slot in index.lowest(points).tolist()],
        [codes[slot] if (slot := index.lowest_one(x, y)) >= 0 else None for x, y in points.tolist()],
        [(point, codes[slot], metres) for point, slot, metres in near],
    ]


def other_blocks(index: PolygonIndex, polygons: dict[str, object]) -> int:
    """How many blocks are not what they would be if everything was put at once into an empty index of these cells.

    `polygons` are those in force, by code; each goes into the slot that it has.
    """
    codes = index.codes.all().tolist()
    slots = {code: slot for slot, code in enumerate(codes) if code in polygons}
    if len(slots) != len(polygons):
        return len(polygons)
    none = np.empty(0, dtype=object)
    empty, _ = index.copied(MemoryHeap()).update(Turnover(tuple(range(len(index))), (), none, ()))
    shapes = np.fromiter((polygons[code] for code in slots), dtype=object, count=len(slots))
    anew, _ = empty.update(Turnover((), tuple(slots.values()), shapes, tuple(slots)))
    return sum(one != other for one, other in zip(blocks(index), blocks(anew), strict=True))


def blocks(index: PolygonIndex) -> list[bytes]:
    """The bytes of the block of every tile."""
    _, tiles, _, words = index.cells.kernel
    return [words[at * WORDS :][: int(words[at * WORDS + LINES]) * WORDS].tobytes() for at in tiles.tolist()]
