"""Rings that come back to one of their own nodes: legal where they touch, an error where they cross."""

from typing import Any

import numpy as np
import pytest
import shapely

from gis.errors import Fault
from gis.geometry import prepare
from gis.tables import Table

WEST, SOUTH, STEP = 114.05, 22.54, 0.001


def prepared(*rings: list[tuple[float, float]]) -> tuple[Any, tuple[Fault, ...]]:
    """One polygon, its rings in steps from the corner of the city, through the door."""
    degrees = [[(WEST + x * STEP, SOUTH + y * STEP) for x, y in ring] for ring in rings]
    geometry = np.array([shapely.Polygon(degrees[0], degrees[1:])], dtype=object)
    assert not shapely.is_valid(geometry[0])
    found, faults = prepare(Table({}, geometry, "EPSG:4490", np.array([7])), None, "polygon")
    return found[0], faults


def hectares(geometry: Any) -> float:
    return float(shapely.area(shapely.transform(geometry, lambda xy: (xy - [WEST, SOUTH]) / STEP)))


INLET = [(0, 0), (4, 0), (4, 4), (2, 4), (3, 2), (2, 1), (1, 2), (2, 4), (0, 4)]  # a hole, reached from the edge
TWO_LOBES = [(0, 0), (2, 0), (2, 2), (4, 2), (4, 4), (2, 4), (2, 2), (0, 2)]  # one round, two parts


@pytest.mark.parametrize(("ring", "area", "rings"), [(INLET, 16 - 3, 2), (TWO_LOBES, 8, 2)])
def test_a_ring_that_touches_itself_is_cut_there_and_told(
    ring: list[tuple[float, float]], area: float, rings: int
) -> None:
    geometry, faults = prepared(ring)
    told = next(fault for fault in faults if fault.code == "ring_touches_itself")
    assert (told.severity, told.row) == ("warning", 7)
    node = max(ring, key=ring.count)
    assert told.where is not None
    assert told.where["coordinates"] == pytest.approx([WEST + node[0] * STEP, SOUTH + node[1] * STEP])
    assert all(fault.severity != "error" for fault in faults)
    assert shapely.is_valid(geometry)
    assert hectares(geometry) == pytest.approx(area)
    assert len(shapely.get_rings(shapely.get_parts(geometry))) == rings
    assert {tuple(xy) for xy in shapely.get_coordinates(geometry).round(9).tolist()} == {
        (round(WEST + x * STEP, 9), round(SOUTH + y * STEP, 9)) for x, y in ring
    }


@pytest.mark.parametrize(
    "rings",
    [
        [[(0, 0), (2, 2), (2, 0), (0, 2)]],  # a bow-tie that crosses between nodes
        [[(0, 0), (1, 1), (2, 2), (2, 0), (1, 1), (0, 2)]],  # the same, with a node where it crosses
        [
            [(0, 0), (4, 0), (4, 4), (2, 4), (1, 2), (2, 1), (3, 2), (2, 4), (0, 4)]
        ],  # an inlet drawn the other way round
        [[(0, 0), (4, 0), (4, 4), (0, 4), (0, 0), (4, 0), (4, 4), (0, 4)]],  # twice around
        [[(0, 0), (4, 0), (4, 4), (2, 4), (2, 6), (2, 4), (0, 4)]],  # a spike
        [[(0, 0), (4, 0), (4, 4), (0, 4)], [(1, 1), (6, 1), (6, 2), (1, 2)]],  # a hole that leaves the shell
    ],
)
def test_a_ring_that_crosses_or_covers_itself_is_an_error(rings: list[list[tuple[float, float]]]) -> None:
    geometry, faults = prepared(*rings)
    assert geometry is None
    assert [(fault.code, fault.row) for fault in faults if fault.severity == "error"] == [("invalid_geometry", 7)]
