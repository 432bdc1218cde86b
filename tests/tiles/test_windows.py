import numpy as np
import shapely
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from tiles.windows import WindowIndex


def brute(boxes: NDArray[np.float64], window: tuple[float, float, float, float]) -> list[int]:
    west, south, east, north = window
    touches = (boxes[:, 0] <= east) & (boxes[:, 2] >= west) & (boxes[:, 1] <= north) & (boxes[:, 3] >= south)
    found: list[int] = np.flatnonzero(touches).tolist()
    return found


@given(st.integers(0, 700), st.integers(0, 2**32 - 1))
def test_a_window_finds_exactly_the_boxes_it_touches(count: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    corners = np.round(rng.uniform(0, 100, (count, 2)))  # whole numbers: many boxes only touch
    boxes = np.concatenate([corners, corners + np.round(rng.exponential(4, (count, 2)))], axis=1)
    index = WindowIndex.build(boxes)
    for west, south in np.round(rng.uniform(-10, 100, (5, 2))):
        window = (west, south, west + 20, south + 10)
        assert index.touching(*window).tolist() == brute(boxes, window)


def test_a_box_that_is_not_finite_is_never_found() -> None:
    boxes = np.array([[np.nan] * 4, [0.0, 0.0, 1.0, 1.0], [0.0, 0.0, np.inf, 1.0]])
    assert WindowIndex.build(boxes).touching(-1e9, -1e9, 1e9, 1e9).tolist() == [1]


def test_an_index_of_nothing_finds_nothing() -> None:
    assert WindowIndex.build(np.empty((0, 4))).touching(0, 0, 1, 1).tolist() == []


def test_large_and_small_boxes_are_found_as_shapely_finds_them() -> None:
    rng = np.random.default_rng(4)
    corners = rng.uniform(0, 1e5, (5000, 2))
    boxes = np.concatenate([corners, corners + 10 ** rng.uniform(0, 5, (5000, 2))], axis=1)
    tree = shapely.STRtree(shapely.box(*boxes.T))
    expected = np.sort(tree.query(shapely.box(4e4, 4e4, 4.1e4, 4.2e4)))
    np.testing.assert_array_equal(WindowIndex.build(boxes).touching(4e4, 4e4, 4.1e4, 4.2e4), expected)
