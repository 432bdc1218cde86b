"""Density surfaces: nothing is lost, and the kernel is the one that it says."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gis import crs as reference
from gis.errors import Refusal
from gis.rasters.density import check_grid, density, plane_of, quartic

PLANE = reference.parse("EPSG:4547")


def points(*xy: tuple[float, float]) -> np.ndarray:
    return reference.to_store(np.array(xy, dtype=np.float64).reshape(-1, 2), PLANE)


COORDINATE = st.floats(0, 3000).map(lambda each: round(each, 3))


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(COORDINATE, COORDINATE), min_size=1, max_size=60), st.sampled_from([None, 50.0, 130.0, 333.0])
)
def test_the_cells_add_up_to_the_number_of_points(offsets: list[tuple[float, float]], bandwidth: float | None) -> None:
    lonlat = points(*((500_000 + x, 2_500_000 + y) for x, y in offsets))
    found = density([lonlat[:7], lonlat[7:]], 50.0, bandwidth, "EPSG:4547")
    assert found.total == len(offsets)
    assert found.sum == pytest.approx(len(offsets), rel=1e-5)
    assert (found.left % 50, found.top % 50) == (0, 0)


def test_counts_are_those_of_each_cell() -> None:
    found = density([points((500_010, 2_500_010), (500_020, 2_500_020), (500_130, 2_499_960))], 50.0, crs="EPSG:4547")
    assert found.cells.tolist() == [[2, 0, 0], [0, 0, 1]]
    assert (found.left, found.top, found.crs) == (500_000, 2_500_050, "EPSG:4547")


def test_one_point_is_spread_as_the_quartic_kernel_is() -> None:
    found = density([points((500_025, 2_500_025))], 50.0, 200.0, "EPSG:4547")
    assert found.cells.shape == (9, 9)
    step = np.arange(-4, 5) * 50.0
    distance = np.hypot(step[:, None], step[None, :])
    # 3 / (pi h²) (1 - d²/h²)²: the discrete kernel adds up to one, the continuous one integrates to it.
    wanted = np.where(distance < 200, 3 / (math.pi * 200**2) * (1 - (distance / 200) ** 2) ** 2, 0) * 1e6
    assert found.cells == pytest.approx(wanted, rel=0.01)
    assert quartic(1.0).tolist() == [[0, 0, 0], [0, 1, 0], [0, 0, 0]]


def test_the_plane_is_the_zone_of_the_city() -> None:
    def at(lon: float, lat: float) -> str:
        return plane_of(np.array([[lon, lat]]))

    assert [at(114.05, 22.5), at(116.4, 39.9), at(87.6, 43.8), at(121.47, 31.2)] == [
        "EPSG:4547",
        "EPSG:4548",
        "EPSG:4538",
        "EPSG:4549",
    ]
    assert [at(-77, 38.9), at(151.2, -33.9), at(180, 1)] == ["EPSG:32618", "EPSG:32756", "EPSG:32601"]
    for number in range(4534, 4555):
        meridian = 75 + 3 * (number - 4534)
        assert at(meridian, 30) == f"EPSG:{number}"
        assert reference.from_store(np.array([[float(meridian), 30.0]]), reference.parse(f"EPSG:{number}"))[0, 0] == (
            pytest.approx(500_000)
        )


@pytest.mark.parametrize(
    ("cell", "bandwidth", "crs"),
    [
        (0, None, None),
        (math.nan, None, None),
        (50, 10, None),
        (1, 500, None),
        (50, None, "EPSG:4490"),
        (1e7, None, None),
    ],
)
def test_a_grid_that_is_none_is_refused(cell: float, bandwidth: float | None, crs: str | None) -> None:
    with pytest.raises(Refusal) as refused:
        check_grid(cell, bandwidth, crs)
    assert refused.value.code == "density_wrong"


def test_nothing_and_too_much_are_refused() -> None:
    with pytest.raises(Refusal) as refused:
        density([np.full((3, 2), np.nan)], 50.0)
    assert refused.value.code == "density_empty"
    with pytest.raises(Refusal) as refused:
        density([np.array([[114.0, 22.0], [115.0, 30.0]])], 1.0)
    assert refused.value.code == "density_wrong"
