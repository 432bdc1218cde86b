"""Signs that a delivery is wrong as a whole, and what it covers."""

import json

import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from gis.china import wgs84_to_gcj02
from gis.errors import Refusal
from grids.deliveries.extents import read_extent
from grids.deliveries.masses import alike_by_class, find_masses, moved_alike

seeds = st.integers(0, 2**32 - 1)


def scattered(seed: int, count: int) -> np.ndarray:
    """Places in a city of some kilometres."""
    return np.random.default_rng(seed).uniform((114.0, 22.5), (114.1, 22.6), (count, 2))


STAYS = st.integers(0, 298) | st.just(300)
"""Of 300; one that moves alone moves like no other."""


@given(seeds, st.floats(0, 2 * np.pi), st.floats(0.05, 5000.0), STAYS)
def test_a_constant_shift_is_seen_however_long_and_among_whatever_stays(
    seed: int, way: float, metres: float, stays: int
) -> None:
    places = scattered(seed, 300)
    east, north = metres * np.cos(way), metres * np.sin(way)
    moved = places + np.column_stack((east / np.cos(np.radians(places[:, 1])), np.full(300, north))) / 111_195.0
    after = np.where((np.arange(300) < stays)[:, None], places, moved)
    group, found = moved_alike(shapely.points(places), shapely.points(after))
    assert group.tolist() == [False] * stays + [True] * (300 - stays)
    assert found == pytest.approx(metres if stays < 300 else 0.0, rel=0.02)


@given(seeds)
def test_coordinates_of_amap_taken_for_others_are_seen(seed: int) -> None:
    places = scattered(seed, 200)
    group, metres = moved_alike(shapely.points(places), shapely.points(wgs84_to_gcj02(places)))
    assert group.mean() > 0.9
    assert 265 < metres < 700


@given(seeds)
def test_a_new_survey_that_scatters_is_no_shift(seed: int) -> None:
    places = scattered(seed, 2000)
    noise = np.random.default_rng(seed + 1).normal(0, 0.5, (2000, 2)) / 111_195.0
    group, _ = moved_alike(shapely.points(places), shapely.points(places + noise))
    assert group.mean() <= 0.1


def test_more_than_a_tenth_of_a_class_is_much() -> None:
    spoken = {"lamps": 100, "bins": 100}
    assert find_masses(spoken, {"lamps": 10}, {"bins": 10}) == []
    found = find_masses(spoken, {"lamps": 11}, {"bins": 12})
    assert [(each.kind, each.what, each.count, each.total) for each in found] == [
        ("gone", "lamps", 11, 100),
        ("moved", "bins", 12, 100),
    ]


def test_one_row_alone_moves_like_no_other() -> None:
    before, after = shapely.points([[0, 0], [1, 1]])
    assert alike_by_class([("a", before, after)]) == {}


def test_a_scope_is_a_prefix_everything_or_polygons() -> None:
    codes, shapes = ["4401", "4402", "4402"], [shapely.Point(1, 1), shapely.Point(9, 9), None]
    square = shapely.box(0, 0, 2, 2)
    assert read_extent("4402").holds(codes, shapes).tolist() == [False, True, True]
    assert read_extent("*").holds(codes, shapes).tolist() == [True, True, True]
    written = (square.wkt, shapely.to_geojson(square), feature(square))
    for text in written:
        assert read_extent(text).holds(codes, shapes).tolist() == [True, False, False]


def feature(shape: shapely.Geometry) -> str:
    return json.dumps({"type": "Feature", "properties": {}, "geometry": json.loads(shapely.to_geojson(shape))})


@pytest.mark.parametrize("text", ["POLYGON", "{}", "POLYGON ((0 0, 1 1, 0 1, 1 0, 0 0))", "POLYGON EMPTY", '{"a":'])
def test_a_scope_that_is_no_place_is_refused(text: str) -> None:
    with pytest.raises(Refusal) as refused:
        read_extent(text)
    assert refused.value.code == "scope_wrong"
