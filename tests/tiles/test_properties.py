import datetime

import mapbox_vector_tile
import numpy as np
import pytest
import shapely

from gis.errors import Refusal
from tests.tiles.decoding import decode, message
from tiles.matrix import covering
from tiles.vector import TileSource

PLACE = shapely.Point(116.4665, 39.9)
(TILE,) = covering(PLACE.bounds, 16)


def source(**columns: list[object]) -> TileSource:
    count = len(next(iter(columns.values())))
    arrays = {name: np.array(values, dtype=object) for name, values in columns.items()}
    return TileSource.build(np.array([PLACE] * count, dtype=object), np.arange(count), arrays)


def test_text_numbers_and_truth_keep_their_types() -> None:
    tile = source(
        text=["单元网格 🏙", ""],
        whole=[7, -(2**53)],
        part=[0.1, -2.5],
        yes=[True, False],
        big=[2**63, 2**64],
        day=[datetime.date(2024, 5, 1), datetime.datetime(2024, 5, 1, 8, 30)],
    ).encode("units", *TILE)
    features = decode(tile, "units")
    assert features[0].properties == {
        "text": "单元网格 🏙",
        "whole": 7,
        "part": 0.1,
        "yes": True,
        "big": 2**63,
        "day": "2024-05-01",
    }
    assert features[1].properties == {
        "text": "",
        "whole": -(2**53),
        "part": -2.5,
        "yes": False,
        "big": str(2**64),
        "day": "2024-05-01T08:30:00",
    }
    assert isinstance(features[0].properties["yes"], bool)


def test_what_is_not_known_is_left_out() -> None:
    tile = source(name=[None, "b"], size=[float("nan"), 1.0]).encode("units", *TILE)
    features = decode(tile, "units")
    assert features[0].properties == {}
    assert features[1].properties == {"name": "b", "size": 1.0}


def test_a_value_is_written_once_in_a_layer_whatever_its_field() -> None:
    tile = source(a=["x", "y", "x"], b=["y", "x", "z"]).encode("units", *TILE)
    assert [value.string_value for value in message(tile).values] == ["x", "y", "z"]


def test_one_and_true_and_one_point_nought_are_three_values() -> None:
    tile = source(a=[1, True, 1.0]).encode("units", *TILE)
    assert len(message(tile).values) == 3
    assert [type(feature.properties["a"]) for feature in decode(tile, "units").values()] == [int, bool, float]


def test_numpy_columns_are_taken_as_they_are() -> None:
    columns = {
        "n": np.array([3, -4], dtype=np.int32),
        "f": np.array([1.5, np.nan]),
        "b": np.array([True, False]),
        "t": np.array(["甲", "乙"]),
    }
    tile = TileSource.build(np.array([PLACE, PLACE], dtype=object), np.arange(2), columns).encode("units", *TILE)
    features = decode(tile, "units")
    assert features[0].properties == {"n": 3, "f": 1.5, "b": True, "t": "甲"}
    assert features[1].properties == {"n": -4, "b": False, "t": "乙"}


def test_only_the_fields_asked_for_are_written_in_their_order() -> None:
    layer = source(a=["1"], b=["2"], c=["3"])
    assert decode(layer.encode("units", *TILE, fields=["c", "a"]), "units")[0].properties == {"c": "3", "a": "1"}
    assert list(message(layer.encode("units", *TILE, fields=["c", "a"])).keys) == ["c", "a"]
    assert decode(layer.encode("units", *TILE, fields=[]), "units")[0].properties == {}


def test_a_field_that_is_not_there_is_refused() -> None:
    with pytest.raises(Refusal) as caught:
        source(a=["1"]).encode("units", *TILE, fields=["b"])
    assert caught.value.code == "unknown_field"


def test_a_column_of_another_length_or_type_is_an_error_of_the_caller() -> None:
    places = np.array([PLACE], dtype=object)
    with pytest.raises(ValueError, match="2 values for 1 features"):
        TileSource.build(places, np.arange(1), {"a": np.array(["x", "y"], dtype=object)})
    for value in (["x"], b"x", 1j):
        column = np.empty(1, dtype=object)
        column[0] = value
        with pytest.raises(TypeError):
            TileSource.build(places, np.arange(1), {"a": column})


def test_ten_thousand_different_values_are_all_found_again() -> None:
    count = 10_000
    codes = np.array([f"440305{i:09d}" for i in range(count)], dtype=object)
    places = np.array([PLACE] * count, dtype=object)
    tile = TileSource.build(places, np.arange(count), {"code": codes}).encode("units", *TILE)
    features = mapbox_vector_tile.decode(tile)["units"]["features"]
    assert [item["properties"]["code"] for item in features] == codes.tolist()
