"""Values at points: the pixel that holds each."""

from pathlib import Path

import numpy as np
import pytest

from gis import crs as reference
from gis.rasters.values import values_at
from tests.gis.rasters.samples import LEFT, PLANE, STEP, TOP, made_of, write

SYSTEM = reference.parse(PLANE)


def lonlat(*xy: tuple[float, float]) -> np.ndarray:
    return reference.to_store(np.array(xy, dtype=np.float64), SYSTEM)


def test_every_pixel_is_found_at_its_middle_whatever_the_blocks(tmp_path: Path) -> None:
    cells = np.arange(700 * 530, dtype=np.int32).reshape(700, 530)
    made = made_of(write(tmp_path / "plain.tif", cells, nodata=5))
    row, column = (each.ravel() for each in np.mgrid[0:700:7, 0:530:3])
    order = np.random.default_rng(3).permutation(len(row))
    row, column = row[order], column[order]
    points = np.column_stack([LEFT + STEP * (column + 0.5), TOP - STEP * (row + 0.5)])
    found = values_at(made.path, made.description, reference.to_store(points, SYSTEM))
    assert not found.outside.any()
    assert np.array_equal(found.bands[:, 0], np.where(cells == 5, np.nan, cells)[row, column], equal_nan=True)


def test_edges_belong_to_the_east_and_the_south_and_the_outer_ones_are_inside(tmp_path: Path) -> None:
    cells = np.array([[1, 2], [3, 4]], dtype=np.uint8)
    made = made_of(write(tmp_path / "four.tif", cells, crs="EPSG:4490", transform=(0.5, 0, 114.0, 0, -0.5, 23.0)))
    asked = [(114.5, 22.5), (114, 23), (115, 22), (115, 23), (114, 22), (113.999, 22.5), (115.001, 22.5), (114.5, 23.1)]
    found = values_at(made.path, made.description, np.array([*asked, (np.nan, np.nan)]))
    assert [found.of(index) for index in range(9)] == [[4], [1], [4], [2], [3], [None], [None], [None], [None]]
    assert found.outside.tolist() == [False] * 5 + [True] * 4


def test_what_is_hidden_or_scaled_is_told_so(tmp_path: Path) -> None:
    cells = np.array([[[10, 0]], [[20, 40]]], dtype=np.int16)
    scaled = made_of(write(tmp_path / "s.tif", cells, nodata=0, scales=[0.1, 1], offsets=[-5, 0]))
    found = values_at(scaled.path, scaled.description, lonlat((LEFT + 5, TOP - 5), (LEFT + 15, TOP - 5)))
    assert [found.of(0), found.of(1)] == [[-4.0, 20], [None, 40]]
    odd = made_of(write(tmp_path / "f.tif", np.array([[np.nan, np.inf, 1.5]], dtype=np.float32)))
    found = values_at(odd.path, odd.description, lonlat(*((LEFT + 10 * each + 5, TOP - 5) for each in range(3))))
    assert [found.of(index) for index in range(3)] == [[None], [None], [1.5]]
    assert not found.outside.any()
    masked = made_of(write(tmp_path / "m.tif", cells[:1] + 1, mask=np.array([[True, False]])))
    found = values_at(masked.path, masked.description, lonlat((LEFT + 5, TOP - 5), (LEFT + 15, TOP - 5)))
    assert [found.of(0), found.of(1)] == [[11], [None]]


def test_a_raster_that_counts_longitudes_to_360_is_found_from_the_west(tmp_path: Path) -> None:
    made = made_of(
        write(
            tmp_path / "pacific.tif",
            np.array([[1, 2, 3]], np.uint8),
            crs="EPSG:4326",
            transform=(10, 0, 170, 0, -10, 5),
        )
    )
    found = values_at(made.path, made.description, np.array([(175.0, 0.0), (-175.0, 0.0), (-165.0, 0.0), (0.0, 0.0)]))
    assert [found.of(index)[0] for index in range(4)] == [1, 2, 3, None]
    assert made.description.bounds() == (170.0, -5.0, -160.0, 5.0)


@pytest.mark.parametrize("crs", ["GCJ-02", "BD-09"])
def test_a_raster_in_the_shifted_systems_is_asked_in_them(tmp_path: Path, crs: str) -> None:
    cells = np.arange(10_000, dtype=np.uint16).reshape(100, 100)
    source = write(tmp_path / "shifted.tif", cells, crs=None, transform=(0.0001, 0, 114.0, 0, -0.0001, 22.6))
    made = made_of(source, crs=crs)
    middle = reference.to_store(np.array([[114.00505, 22.59495]]), reference.parse(crs))
    assert values_at(made.path, made.description, middle).of(0) == [5050]
