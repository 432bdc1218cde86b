"""Edges looked at several at a time give the very distances that the plain formula gives one by one."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numba import njit

from gis.lanes import least_of_4, least_of_8
from gis.metres import Floats, edge_distance, measures_at, ring_distance

degrees = st.floats(-0.01, 0.01)


@njit
def least(lanes: int, lon: float, lat: float, values: Floats, at: int, edges: int) -> float:
    per_lon, per_lat, bend = measures_at(lat)
    if lanes == 8:
        return least_of_8(values, at, edges, (lon, lat, per_lon, per_lat, bend))
    if lanes == 4:
        return least_of_4(values, at, edges, (lon, lat, per_lon, per_lat, bend))
    return ring_distance(lon, lat, per_lon, per_lat, bend, values, at, at + 2 * edges + 2)


@njit
def plain(lon: float, lat: float, values: Floats, at: int, edges: int) -> float:
    per_lon, per_lat, bend = measures_at(lat)
    found = np.inf
    for k in range(edges):
        found = min(found, edge_distance(lon, lat, per_lon, per_lat, bend, values, at + 2 * k))
    return found


@pytest.mark.parametrize("lanes", [1, 4, 8])
@settings(deadline=None)  # the kernels are compiled first
@given(
    around=st.sampled_from([(114.05, 22.54), (0.0, 0.0), (-179.99, -60.0), (26.0, 89.0)]),
    path=st.lists(st.tuples(degrees, degrees), min_size=2, max_size=60),
    twice=st.sampled_from([1, 2, 3]),
    off=st.tuples(degrees, degrees),
    onto=st.integers(0, 59),
)
def test_the_least_distance_is_that_of_the_plain_formula_to_the_last_bit(
    lanes: int,
    around: tuple[float, float],
    path: list[tuple[float, float]],
    twice: int,
    off: tuple[float, float],
    onto: int,
) -> None:
    nodes = np.repeat(np.array(path) + around, twice, axis=0)  # edges of no length too
    edges = len(nodes) - 1
    if edges < lanes:
        return
    lon, lat = nodes[onto] if onto < len(nodes) else np.array(around) + off
    before = np.full(3, np.nan)  # what lies around a path is not looked at
    values = np.concatenate([before, nodes.ravel(), before])
    assert least(lanes, lon, lat, values, 3, edges) == plain(lon, lat, values, 3, edges)
